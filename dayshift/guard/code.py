"""Code in other languages than the shell's: the commands, files and repositories it would touch."""

import re
from collections.abc import Iterator

from dayshift.guard.words import HOLE

LONGEST = 20_000  #: characters of code that are looked through; searching more would take too long
LONGEST_EDIT = 4_000  #: of a sed script

_LITERAL = re.compile(
    r"\"\"\"(.*?)\"\"\"|'''(.*?)'''|\"((?:\\.|[^\"\\])*)\"|'((?:\\.|[^'\\])*)'|`((?:\\.|[^`\\])*)`"
    r"|\b(?:q[qxw]?|%x|%w)\s*[({\[<|/!]([^)}\]>|/!]*)",
    re.DOTALL,
)
_GLUE = re.compile(r"\s*,\s*(?:\{?\s*\w+\s*:\s*)?[\[(]?\s*|\s*\[\s*")
_CONCATENATION = re.compile(r"(['\"])\s*(?:\+|\.(?!\w)|\.\.)\s*\1|(['\"])\s+\2(?=\w)")
_SPAWNS = re.compile(
    r"""subprocess|\bos\s*\.\s*(system|popen|exec|spawn|posix_spawn)|\bpopen|\bpty\b|pexpect|plumbum|invoke|fabric|sh\.
    |child_process|\bexec|\bspawn|shelljs|execa|zx\b|\$`|Deno\.(Command|run)|Bun\.(spawn|\$)
    |\bsystem\b|\bshell\b|\bsh\b|\bcall\b|\brun\b|\bsend\b|shell_exec|passthru|proc_open|Open3|IO\.popen|\bqx\b|%x|`
    |getline|os\.execute|io\.popen|Runtime|ProcessBuilder|\bdo\ shell\ script|^!|:!""",
    re.VERBOSE,
)
_HIDES = re.compile(
    r"""base64|b64|fromhex|unhexlify|\bchr\s*\(|fromCharCode|atob|rot_?13|codecs|\[::-1\]|reversed|\.reverse\(|decode|unpack|zlib
    |marshal|\\x[0-9a-f]{2}|['"]{2}\.join\(\s*\[|\]\.join\(['"]{2}\)|__import__\s*\(\s*[^'"]|getattr\s*\(|Buffer\.from
    |strrev|pack\s*\(""",
    re.IGNORECASE | re.VERBOSE,
)
_EVALUATES = re.compile(
    r"\bexec\s*\(|\beval\s*[\(\s]|\bsystem\b|popen|subprocess|child_process|spawn|Function\s*\(|instance_eval"
    r"|\bassert\s*\("
)
_WRITES_FILES = re.compile(
    r"""['"][wax]b?\+?['"]|write|unlink|remove|rename|replace|rmtree|rmdir|mkdir|copy|move|symlink|link|truncate|chmod|touch
    |File\.(open|delete)|file_put_contents|fopen|>|utime|rm(Sync)?\b|cp(Sync)?\b""",
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

EDITS = frozenset(("sed", "gsed"))
SPEAKS_SHELL = frozenset(("tclsh", "expect", "vim", "nvim", "vi", "ex", "gdb"))  #: names commands without quotes
_SPOKEN = re.compile(r"\b(exec|spawn|send|system|shell)\b|^:?!|:!|['\"]")


def spoken(code: str) -> str:
    """The commands such code names without quotes, as shell lines."""
    return _SPOKEN.sub("\n", code)


def commands(code: str) -> Iterator[tuple[str, ...]]:
    """Commands the code may start: each string in it as shell text (one word), or neighbouring strings as words."""
    code = _CONCATENATION.sub("", code)
    found = [(match.start(), match.end(), _content(match)) for match in _LITERAL.finditer(code)]
    group: list[str] = []
    last = -1
    for start, end, text in found:
        if group and not _GLUE.fullmatch(code, last, start):
            yield tuple(group)
            group = []
        group.append(text)
        last = end
        yield (text,)
    if len(group) > 1:
        yield tuple(group)


def _content(match: re.Match[str]) -> str:
    text = next((group for group in match.groups() if group is not None), "")
    return text.replace("\\n", "\n").replace("\\'", "'").replace('\\"', '"')


def spawns(code: str) -> bool:
    """True if the code can start other programs."""
    return _SPAWNS.search(code) is not None


def hides(code: str) -> bool:
    """True if the code runs something it first decodes or puts together."""
    return (HOLE in code and _EVALUATES.search(code) is not None) or (
        _HIDES.search(code) is not None and _EVALUATES.search(code) is not None
    )


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
    found = re.search(r"(?:^|[;}\n/0-9$])\s*e(?:\s+([^\n;]+)|$)", code)
    if found:
        return found[1] or HOLE
    flag = re.fullmatch(r"s(.).*?\1.*?\1([gpiImM0-9]*)(e?)([gpiImM0-9]*)", code, re.DOTALL)
    return HOLE if flag and flag[3] else None
