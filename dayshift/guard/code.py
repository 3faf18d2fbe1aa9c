"""Code in other languages than the shell's: the commands, files and repositories it would touch."""

import re
from collections.abc import Iterator

from dayshift.guard.words import HOLE

LONGEST = 20_000  #: characters of code that are looked through; searching more would take too long
OVERLAP = 500  #: of the parts a longer file is looked through in
LONGEST_EDIT = 4_000  #: of a sed script

_LITERAL = re.compile(
    r"\"\"\"(.*?)\"\"\"|'''(.*?)'''|\"((?:\\.|[^\"\\])*)\"|'((?:\\.|[^'\\])*)'|`((?:\\.|[^`\\])*)`"
    r"|(?:\bq[qxw]?|%[xwWqQi])\s*[({\[<|/!]([^)}\]>|/!]*)",
    re.DOTALL,
)
_GLUE = re.compile(r"\s*,\s*(?:\{?\s*\w+\s*:\s*)?\*?[\[(]?\s*|\s*\[\s*|\s*\(list\s*")
_WORDS_FOLLOW = re.compile(
    r"\s*,\s*[*\w$@{]|\s*\]\s*\+|\s+\w|\s*,\s*\.\.\."
)  #: more words, which the text alone does not tell
_CONCATENATION = re.compile(r"(['\"])\s*(?:\+|\.(?!\w)|\.\.)\s*\1|(['\"])\s+\2(?=\w)")
_SPAWNS = re.compile(
    r"""subprocess|\bos\s*\.\s*(system|popen|exec|spawn|posix_spawn)|\b\w*popen|\bpty\b|pexpect|plumbum|invoke|fabric|\bsh\.
    |child_process|(\b|_)exec|\bspawn|shelljs|execa|zx\b|\$`|Deno\.(Command|run)|Bun\.(spawn|\$)
    |\b\w*system\d?\b|\bshell\w*\b|\bsh\b|\bcall\b|\brun\b|\bsend\b|passthru|proc_open|Open3|\bqx\b|%x|`
    |getline|os\.execute|Runtime|ProcessBuilder|\bdo\ shell\ script|^!|:!|\bcmd\b|os:cmd|\be?syscmd
    |(call|read)(Command|Process)
    |System\.Process|\.!|run-program|run-shell|Sys\.command|Unix\.|\bProcess\b|gorge|execCmd|\.execute\b|call-process
    |start-process|shell-command|write18|get_ipython|["'`]\s*-?\||\|-?\s*["'`]|sys\.process|\#\s*system""",
    re.VERBOSE,
)
_RUNS_ARGUMENTS = re.compile(r"\bsys\.argv|process\.argv|\bARGV\b|@ARGV|\$argv|\bcommandArgs")
_INPUT = (
    r"(?:\$_\b|\$0\b|sys\.stdin|\$?STDIN|\bgets\b|\binput\s*\(|<>|<STDIN>|ARGF|\bopen\(\s*0|io\.read"
    r"|readFileSync\(\s*(?:0|['\"]/dev/stdin))"
)
_READS_INPUT = re.compile(_INPUT + r"|process\.stdin|getline|read_?line|fgets|php://stdin", re.IGNORECASE)
_STARTS_INPUT = re.compile(
    r"\b(?:\w*system\d?|\w*popen\w*|exec\w*|eval|spawn\w*|run|call|check_\w+|passthru|shell_exec|getoutput|`)(?:\s*\(\s*|\s+)"
    rf"(?:[\w.]+\(\s*)*(?:<?{_INPUT})|\bprint[^|;}}\n]{{0,80}}\|\s*[\"'](?:/\w+)*/?(?:ba|da|z|k)?sh\b"
)
_STARTS_LINES = re.compile(
    r"(?:system|popen|run|call|exec|eval|check_\w+|Popen)\s*\(\s*(\w+)\b[\s\S]{0,80}\bfor\s+\1\s+in\s+(?:sys\.stdin|open\(0)"
    r"|\bfor\s+(\w+)\s+in\s+(?:sys\.stdin|open\(0)[\s\S]{0,120}(?:system|popen|run|call|exec|eval|Popen)\s*\(\s*\2\b"
)
_HIDES = re.compile(
    r"""base64|b64|fromhex|unhexlify|\bchr\s*\(|fromCharCode|atob|rot_?13|codecs|\[::-1\]|reversed|\.reverse\(|decode|unpack|zlib
    |marshal|\\x[0-9a-f]{2}|['"]{2}\.join\(\s*\[|\]\.join\(['"]{2}\)|__import__\s*\(\s*[^'"]|getattr\s*\(|Buffer\.from
    |strrev|pack\s*\(|['"]\s*%\s*[('"]|['"]\.format\(\s*['"]|\bf['"][^'"]*\{\s*\\?['"]""",
    re.IGNORECASE | re.VERBOSE,
)
_EVALUATES = re.compile(
    r"\bexec\s*\(|\beval\s*[\(\s]|\bsystem\b|popen|subprocess|child_process|spawn|Function\s*\(|instance_eval"
    r"|\bassert\s*\("
)
_EVALUATES_TEXT = re.compile(
    r"\b(exec|eval|compile|instance_eval|Function|spawn\w*|system|popen|run|call|check_\w+)\s*[\s(]"
)
_WRITES_FILES = re.compile(
    r"""['"][wax]b?\+?['"]|write|unlink|remove|rename|replace|rmtree|rmdir|mkdir|copy|move|symlink|link|truncate|chmod|touch
    |append|File\.(open|delete)|file_put_contents|fopen|>|utime|\brm|\bcp""",
    re.VERBOSE,
)
_GIT_LIBRARY = re.compile(
    r"\b(import git\b|from git\b|git\.Repo|pygit2|dulwich|simple-git|isomorphic-git|nodegit|rugged|Git\.open)",
    re.IGNORECASE,
)
_GIT_LIBRARY_WRITES = re.compile(
    r"""\.\s*(commit|push|add|stage|checkout|merge|rebase|reset|pull|fetch|clone|clone_from|create_\w+|delete_\w+|stash|tag|init
    |addTag|addRemote|addConfig|set_head|set_target|set_reference|write|write_tree|config_writer|rm|mv|cherry_pick|revert|clean
    |switch|do_commit|raw|execute)\s*\(""",
    re.VERBOSE,
)

_TELLS = re.compile(
    r"(?<![\w$])(?:[\w.]+\.)?(?:print|puts|log|info|warn|warning|error|debug|say|replace|replaceAll|includes|startswith"
    r"|endswith|startsWith|endsWith|write|write_text|writelines|\w*Error|assert\w*|expect|toBe|match|search|count|index"
    r"|find)\s*[( ]\s*$"
    r"|[=!]=+\s*$"
)
_NAMED_TEXT = re.compile(r"""(?<![\w.])\$?([A-Za-z_]\w{0,40})\s*:?=\s*(["'])([^"'\\\n]{1,200})\2(?!\s*[+%.])""")
_PROGRAMS_AS_FUNCTIONS = re.compile(r"\b(from|import)\s+(sh|plumbum)\b")
MOST_NAMES = 20  #: variables of a text that are followed
EDITS = frozenset(("sed", "gsed"))
LISPS = frozenset(
    ("clojure", "clj", "bb", "guile", "racket", "sbcl", "emacs", "ecl", "clisp", "hy", "janet", "fennel", "newlisp")
)
AWKS = frozenset(("awk", "gawk", "mawk", "nawk"))
BACKTICKS = frozenset(("perl", "ruby", "php", "jruby", "irb", "pry", "julia", "lua", "raku", "crystal", "zx", ""))
_AWK_PATTERN = re.compile(r"(?:^|(?<=[;{}&|!~(,\n]))\s*/(?:\\.|[^/\n])*/")
_WORDLIKE = re.compile(r"[\w.:/@-]*")
QUOTES = frozenset(
    ("python", "py", "pypy", "node", "nodejs", "bun", "deno", "ruby", "jruby", "irb", "pry", "perl", "raku", "php",
     "lua", "luajit", "tsx", "ts-node", "zx", "julia", "elixir", "iex", "groovy", "scala", "kotlin", "awk", "gawk",
     "mawk", "nawk", "osascript", "Rscript", "R", "clojure", "clj", "bb", "guile", "racket", "sbcl", "emacs", "go",
     "crystal", "swift", "erl")
)  # fmt: skip  #: languages whose commands stand in quotes
SPEAKS_SHELL = frozenset(("tclsh", "expect", "vim", "nvim", "vi", "ex", "gdb"))  #: names commands without quotes
_SPOKEN = re.compile(r"\b(exec|spawn|send|e?sys(tem|cmd)|shell|write18)\b|^:?!|:!|['\"(){}\[\]`]", re.MULTILINE)


def spoken(code: str) -> str:
    """The commands such code names without quotes, as shell lines."""
    return _SPOKEN.sub("\n", code)


def as_list(code: str) -> str:
    """Lisp's neighbouring strings with the commas other languages put between words."""
    return re.sub(r'"(?:\s+(?:nil|t|list|\()*)*\s+"', '", "', code)


def commands(code: str) -> Iterator[tuple[str, ...]]:
    """Commands the code may start: each string in it as shell text (one word), or neighbouring strings as words."""
    code = _named_texts_filled(_CONCATENATION.sub("", code))
    group: list[str] = []
    last, told = -1, False
    for match in _LITERAL.finditer(code):
        if group and not _GLUE.fullmatch(code, last, match.start()):
            yield _whole(group, code, last)
            group = []
        told = told if group else _is_told(match, code)
        last = match.end()
        if not told:
            group.append(_content(match))
            yield (group[-1],)
    if group:
        yield _whole(group, code, last)


def _is_told(match: re.Match[str], code: str) -> bool:
    """True if the text is given to what prints, compares or replaces it, and is not run."""
    if match[0][:1] not in "\"'" or re.match(r"\s*\)*\s*\|", code[match.end() : match.end() + 20]):
        return False
    return _TELLS.search(code[max(0, match.start() - 40) : match.start()]) is not None


def _whole(group: list[str], code: str, end: int) -> tuple[str, ...]:
    """The words, and an unknown one if more of them follow that are no strings."""
    follows = _WORDS_FOLLOW.match(code, end) is not None and not re.match(
        r"\s+(in|for|if|and|or|not|is|do|as)\b", code[end:]
    )
    return (*group, HOLE) if follows else tuple(group)


def _named_texts_filled(code: str) -> str:
    """The code with variables that hold one plain string replaced by it, where they stand as a word or in a string."""
    for name, quote, text in _NAMED_TEXT.findall(code)[:MOST_NAMES]:
        as_word = re.split(rf"(?<=[\[(,+.])\s*(?:\${name}\b(?!\s*[=(\[])|{name}\b(?!\s*[=(.\[]))", code)
        code = f"{quote}{text}{quote}".join(as_word)
        code = text.join(re.split(rf"[$#]?\{{\s*{name}\s*\}}", code))
        if len(code) > 2 * LONGEST:
            break
    return _CONCATENATION.sub("", code)


def library_calls(code: str) -> Iterator[tuple[str, ...]]:
    """Programs that the code calls as functions, which Python's `sh` and `plumbum` offer."""
    if not _PROGRAMS_AS_FUNCTIONS.search(code):
        return
    for match in re.finditer(r"\b(?:sh\.|local\.)?(\w+)((?:\.\w+)*)\s*[(\[]([^)\]]*)", code):
        yield (match[1], *match[2].split(".")[1:], *(_content(text) for text in _LITERAL.finditer(match[3])))


def runs_arguments(code: str) -> bool:
    """True if the code starts what its own command line names."""
    return _RUNS_ARGUMENTS.search(code) is not None and _EVALUATES.search(code) is not None


def _content(match: re.Match[str]) -> str:
    text = next((group for group in match.groups() if group is not None), "")
    text = text.strip("|! ") if text[:2] in ("|-", "-|") or text[:1] in "|!" or text[-1:] == "|" else text
    return text.replace("\\n", "\n").replace("\\'", "'").replace('\\"', '"')


def spawns(code: str, language: str = "") -> bool:
    """True if the code can start other programs; what stands in a longer text of it does not count."""
    if language in AWKS:
        code = _AWK_PATTERN.sub("", code)
    if language in BACKTICKS and "`" in code:
        return True
    return _SPAWNS.search(_LITERAL.sub(_without_prose, code)) is not None


def _without_prose(match: re.Match[str]) -> str:
    text = _content(match)
    inside = match[0].strip("'\"")
    kept = match[0][:1] not in "\"'" or "\n" in inside or inside[:1] in "|!-" or inside[-1:] == "|"
    return match[0] if kept or _WORDLIKE.fullmatch(text) else "''"


def without_prose(code: str) -> str:
    """The code without its longer texts, which it may print or put into files; all of it if it evaluates texts."""
    return code if _EVALUATES_TEXT.search(code) else _LITERAL.sub(_without_prose, code)


def texts(code: str) -> list[str]:
    """Every text in the code."""
    return [_content(match) for match in _LITERAL.finditer(code)]


def hides(code: str) -> bool:
    """True if the code runs something it first decodes or puts together."""
    code = _CONCATENATION.sub("", code)
    return (HOLE in code and _EVALUATES.search(code) is not None) or (
        _HIDES.search(code) is not None and _EVALUATES.search(code) is not None
    )


def starts_input(code: str) -> bool:
    """True if the code hands what it reads to a shell or an interpreter."""
    return _STARTS_INPUT.search(code) is not None or _STARTS_LINES.search(code) is not None


def reads_input(code: str) -> bool:
    """True if the code reads standard input."""
    return _READS_INPUT.search(code) is not None


def writes_git_by_library(code: str) -> bool:
    """True if the code changes a repository through a git library."""
    return _GIT_LIBRARY.search(code) is not None and _GIT_LIBRARY_WRITES.search(code) is not None


def writes_files(code: str) -> bool:
    """True if the code can change files."""
    return _WRITES_FILES.search(code) is not None


def sed_runs(code: str) -> str | None:
    """The shell text a sed script would run with its `e` command or flag, HOLE if it runs the buffer."""
    if len(code) > LONGEST_EDIT:
        return HOLE
    found = re.search(r"(?:^|[;{}\n/0-9$])\s*e(?:\s+([^\n;]+)|$)", code, re.MULTILINE)
    if found:
        return found[1] or HOLE
    flag = re.fullmatch(
        r"(?:[\d$,]*|/[^/]*/)s(.)(?:\\.|(?!\1).)*\1((?:\\.|(?!\1).)*)\1([gpiImM0-9]*)(e?)([gpiImM0-9]*)",
        code,
        re.DOTALL,
    )
    return (flag[2] or HOLE) if flag and flag[4] else None


def sed_writes(code: str) -> list[str]:
    """Files a sed script writes with its `w` command or flag."""
    return re.findall(r"(?:^|[;{}\n/0-9$|,#])\s*[gpiImM0-9]*[wW]\s+([^\n;}]+)", code[:LONGEST_EDIT])
