"""Command lines that call interpreters and program files: where the code stands, which program is meant."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dayshift.guard.words import HOLE

SHELLS = frozenset(
    ("sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "rbash", "fish", "yash", "posh", "osh", "csh", "tcsh")
)
CODE_OPTIONS = {
    "python": ("-c",), "pypy": ("-c",), "node": ("-e", "-p", "-pe", "--eval", "--print"), "nodejs": ("-e", "-p",
    "--eval", "--print"), "bun": ("-e", "--eval", "-p", "--print"), "deno": (), "ruby": ("-e",), "jruby": ("-e",),
    "perl": ("-e", "-E"), "php": ("-r",), "lua": ("-e",), "luajit": ("-e",), "tclsh": (), "wish": (), "expect":
    ("-c",), "osascript": ("-e",), "Rscript": ("-e",), "R": ("-e",), "julia": ("-e",), "elixir": ("-e", "--eval"),
    "groovy": ("-e",), "scala": ("-e",), "guile": ("-c",), "emacs": ("--eval", "--execute"), "iex": ("-e",),
    "ipython": ("-c",), "tsx": ("-e",), "ts-node": ("-e", "--eval"), "swift": ("-e",), "racket": ("-e",), "sbcl":
    ("--eval",), "ghc": ("-e",), "vim": ("-c", "--cmd"), "nvim": ("-c", "--cmd"), "vi": ("-c",), "ex": ("-c",),
    "gdb": ("-ex",), "lldb": ("-o",), "jshell": (), "raku": ("-e",), "octave": ("--eval",), "awk": ("-e",
    "--source"), "gawk": ("-e", "--source"), "mawk": (), "nawk": (), "sed": ("-e", "--expression"), "gsed": ("-e",),
    "bb": ("-e",), "clojure": ("-e",), "psysh": (), "irb": ("-e",), "pry": ("-e",),
}  # fmt: skip
SHELL_VALUED = frozenset(("-o", "+o", "-O", "+O", "--rcfile", "--init-file"))
FIRST_WORD_IS_CODE = frozenset(("awk", "gawk", "mawk", "nawk", "sed", "gsed"))
READS_CODE = frozenset(CODE_OPTIONS) - FIRST_WORD_IS_CODE
VALUED = frozenset(("-W", "-X", "-r", "--require", "--import", "--loader", "-I", "-L", "-F", "-v", "-l", "-M", "-d"))

LANGUAGES = {
    "py": "python", "js": "node", "mjs": "node", "cjs": "node", "ts": "node", "rb": "ruby", "pl": "perl", "php": "php",
    "lua": "lua",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """An interpreter's command line: code on it, or a file or module with its arguments."""

    code: tuple[str, ...] = ()
    program: tuple[str, ...] = ()  #: the file or module and its arguments
    module: bool = False
    stdin: bool = False  #: it would read code from standard input


def is_interpreter(name: str) -> bool:
    """True if the program runs code in some language other than the shell's."""
    return plain(name) in CODE_OPTIONS


def plain(name: str) -> str:
    """The interpreter's name without its version: python3.12 is python."""
    return re.sub(r"[\d.]+$", "", name) or name


def parse(name: str, args: Sequence[str]) -> Call:
    """Find the code, or the program, among an interpreter's arguments."""
    language = plain(name)
    options = CODE_OPTIONS[language]
    code: list[str] = []
    place = 0
    while place < len(args):
        arg = args[place]
        option, given, value = arg.partition("=")
        if language in ("vim", "nvim", "vi", "ex") and arg.startswith("+"):
            code.append(arg[1:])
        elif given and option.startswith("--") and option in options:
            code.append(value)
        elif arg in options or _ends_in_code(arg, options):
            place += 1
            code += args[place : place + 1]
            if language == "python":
                return Call(tuple(code))
        elif len(arg) > 2 and arg[:2] in options and arg[1] != "-":
            code.append(arg[2:])
        elif arg == "-m" and language in ("python", "pypy"):
            return Call(program=tuple(args[place + 1 :]), module=True)
        elif (arg in VALUED and language not in FIRST_WORD_IS_CODE) or (
            arg in ("-f", "--file", "-F", "-v") and language in FIRST_WORD_IS_CODE
        ):
            place += 1
        elif arg == "-" or not arg.startswith("-"):
            return _at_first_word(language, args, place, code)
        place += 1
    return Call(tuple(code), stdin=not code and language in READS_CODE)


@dataclass(frozen=True, slots=True)
class ShellCall:
    """A shell's command line: a script given to -c, or a file, each with its words; or standard input."""

    script: str | None = None
    words: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    stdin: bool = False


def parse_shell(args: Sequence[str]) -> ShellCall:
    """Find what a shell would run; with -n it runs nothing."""
    place = 0
    while place < len(args) and args[place][:1] in ("-", "+") and args[place] not in ("-", "--"):
        arg = args[place]
        short = re.fullmatch(r"-[a-zA-Z]+", arg) is not None
        if short and "c" in arg:
            rest = [word for word in args[place + 1 :] if word not in ("-e", "-x", "--")]
            return ShellCall(script=rest[0] if rest else "", words=tuple(rest[1:]))
        if short and "n" in arg:
            return ShellCall()
        place += 2 if arg in SHELL_VALUED else 1
        if short and "s" in arg:
            return ShellCall(stdin=True, arguments=tuple(args[place:]))
    rest = list(args[place:])
    if rest and rest[0] in ("-", "--"):
        rest = rest[1:]
    if not rest or rest[0] == "/dev/stdin":
        return ShellCall(stdin=True, arguments=tuple(rest[1:]))
    return ShellCall(words=tuple(rest))


def reads_no_file(args: Sequence[str]) -> bool:
    """True if make is given its rules by something other than a file that can be named."""
    files = [value for option, value in pairwise(args) if option in ("-f", "--file", "--makefile")]
    return any(value == "-" or HOLE in value or value.startswith("/dev/") for value in files) or "-f-" in args


def _ends_in_code(arg: str, options: Sequence[str]) -> bool:
    letters = {option[1] for option in options if len(option) == 2}
    return re.fullmatch(r"-[A-Za-z]{2,6}", arg) is not None and arg[-1] in letters


def _at_first_word(language: str, args: Sequence[str], place: int, code: list[str]) -> Call:
    word = args[place]
    if language == "deno" or (language == "bun" and word == "run"):
        return Call(tuple(args[place + 1 :])) if word == "eval" else Call(program=tuple(args[place + 1 :]))
    if language in FIRST_WORD_IS_CODE:
        return Call((*code, word) if not code else tuple(code))
    if code:
        return Call(tuple(code))
    if word in ("-", "/dev/stdin"):
        return Call(stdin=True)
    return Call(program=tuple(args[place:]))


def asks_for_help(args: Sequence[str]) -> bool:
    """True if the call only prints help or a version: that option last, and not as another option's value."""
    if not args or (args[-1] not in ("--help", "--version", "-V", "-help", "-version", "--usage") and args != ["-h"]):
        return False
    return len(args) == 1 or not args[-2].startswith("-")


def program(word: str) -> str:
    """The name of the program a command word calls: no folder, no package version, no build path."""
    package = re.search(r"node_modules/(@[^/]+/)?([^/.][^/]*)/.*\.[cm]?js$", word)
    if package:
        return package[2]
    name = word.removesuffix("/main.go").rstrip("/").rsplit("/", 1)[-1]
    name = re.sub(r"(?<=.)@[^/]*$", "", name)
    return name.removesuffix(".exe").removesuffix(".phar").removesuffix(".jar")


def language(path: str, content: str) -> str | None:
    """The interpreter a program file is for, by its suffix or first line; None if it is the shell's."""
    known = LANGUAGES.get(path.rsplit(".", 1)[-1])
    if known:
        return known
    found = re.match(r"#!\s*\S*?(\w+)(?:\s+(?:-S\s+)?(\w+))?", content)
    if not found:
        return None
    name = plain(found[2] if found[1] == "env" and found[2] else found[1])
    return name if is_interpreter(name) else None


def unresolved(name: str) -> bool:
    """True if the program's name is only known to a running shell."""
    return not name or (name not in ("[", "[[", "{", "}") and any(mark in name for mark in (HOLE, *"*?{[")))
