"""Command lines that call interpreters: where the code stands, which program file is meant."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from dayshift.guard.languages import (
    CHECKS,
    CLOJURES,
    CODE_OPTIONS,
    EDITORS,
    FIRST_WORD_IS_CODE,
    READS_CODE,
    VALUED,
    plain,
)
from dayshift.guard.names import is_stdin
from dayshift.guard.words import HOLE


@dataclass(frozen=True, slots=True)
class Call:
    """An interpreter's command line: code on it, or a file or module with its arguments."""

    code: tuple[str, ...] = ()
    program: tuple[str, ...] = ()  #: the file or module and its arguments
    module: bool = False
    stdin: bool = False  #: it would read code from standard input
    files: tuple[str, ...] = ()  #: files that hold the code of an editor
    rest: tuple[str, ...] = ()  #: words behind the code, which it finds among its arguments


def parse(name: str, args: Sequence[str]) -> Call:
    """Find the code, or the program, among an interpreter's arguments."""
    language = plain(name)
    options = CODE_OPTIONS[language]
    if language in CHECKS and _only_checks(args, CHECKS[language], options):
        return Call()
    code: list[str] = []
    files: list[str] = []
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
            if language in ("python", "py"):
                return Call(tuple(code), rest=tuple(args[place + 1 :]))
        elif (attached := _attached(arg, options)) is not None:
            code.append(attached)
            if language in ("python", "py"):
                return Call(tuple(code), rest=tuple(args[place + 1 :]))
        elif language in EDITORS and arg in ("-v", "--assign") and place + 1 < len(args):
            place += 1
            name, _, value = args[place].partition("=")
            code.append(f'{name} = "{value}"')
        elif arg == "-m" and language in ("python", "pypy", "py"):
            return Call(program=tuple(args[place + 1 :]), module=True)
        elif (arg in VALUED and language not in FIRST_WORD_IS_CODE | CLOJURES) or (
            arg in ("-f", "--file", "-F") and language in EDITORS
        ):
            place += 1
            files += args[place : place + 1] if language in EDITORS and arg in ("-f", "--file") else []
        elif language in EDITORS and arg.startswith(("-f", "--file=")):
            files.append(arg.removeprefix("--file=").removeprefix("-f"))
        elif arg == "-" or not arg.startswith("-"):
            return Call(files=tuple(files)) if files else _at_first_word(language, args, place, code)
        place += 1
    return Call(tuple(code), stdin=not code and language in READS_CODE, files=tuple(files))


def _ends_in_code(arg: str, options: Sequence[str]) -> bool:
    letters = {option[1] for option in options if len(option) == 2}
    return re.fullmatch(r"-[A-Za-z]{2,6}", arg) is not None and arg[-1] in letters


def _attached(arg: str, options: Sequence[str]) -> str | None:
    """Code in the same word as its option, behind others perhaps: -Ic'import os'."""
    found = re.match(
        rf"-[A-Za-z]{{0,4}}?[{''.join(option[1] for option in options if len(option) == 2) or '~'}](.+)", arg, re.DOTALL
    )
    if found is None or (arg[:2] not in options and found[1].isalpha()):
        return None
    return found[1]


def _at_first_word(language: str, args: Sequence[str], place: int, code: list[str]) -> Call:
    word = args[place]
    if language in ("deno", "crystal") or (language == "bun" and word == "run"):
        rest = [arg for arg in args[place + 1 :] if not arg.startswith("-")]
        return Call(tuple(rest)) if word == "eval" else Call(program=tuple(rest))
    if language in FIRST_WORD_IS_CODE:
        taken = any(arg in ("-e", "--expression", "--source") for arg in args[:place])
        return Call(tuple(code) if taken else (*code, word))
    if code:
        return Call(tuple(code), rest=tuple(args[place:]))
    if word == "-" or is_stdin(word):
        return Call(stdin=True)
    return Call(program=tuple(args[place:]))


def _only_checks(args: Sequence[str], checks: frozenset[str], options: Sequence[str]) -> bool:
    own = list(takewhile(lambda arg: arg.startswith("-"), args))
    return not checks.isdisjoint(own) and not set(options) & set(own)


def reads_no_file(args: Sequence[str]) -> bool:
    """True if make is given its rules by something other than a file that can be named."""
    files = [value for option, value in pairwise(args) if option in ("-f", "--file", "--makefile")]
    return any(value == "-" or HOLE in value or value.startswith("/dev/") for value in files) or "-f-" in args
