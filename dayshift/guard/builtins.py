"""The shell's own commands that change what the rest of a script means."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

from dayshift.guard.names import is_stdin
from dayshift.guard.scope import Command, Scope, Seen, Unreadable
from dayshift.guard.words import HOLE


class Follower(Protocol):
    """What a builtin needs of the one who reads the script."""

    scope: Scope
    seen: Seen

    def script(self, script: str, stdin: str | None = None) -> str:
        """Read on in another text."""

    def run(
        self, argv: list[str], env: tuple[tuple[str, str], ...] = (), stdin: str | None = None, source: str = ""
    ) -> str:
        """Read on in another simple command."""


def _cd(reader: Follower, words: list[str], stdin: str | None) -> str:
    places = [word for word in words if not word.startswith("-")]
    reader.scope.folder = reader.scope.path(places[0]) if places else "~"
    return ""


def _eval(reader: Follower, words: list[str], stdin: str | None) -> str:
    return reader.script(" ".join(words), stdin)


def _source(reader: Follower, words: list[str], stdin: str | None) -> str:
    content = reader.scope.files.get(reader.scope.path(words[0])) if words else None
    if words and content is None and is_stdin(words[0]):
        content = stdin
    if content is None:
        reader.seen(Command(("source", *words)), reader.scope)
        return HOLE
    return reader.script(content)


def _alias(reader: Follower, words: list[str], stdin: str | None) -> str:
    for word in words:
        name, given, value = word.partition("=")
        if given:
            reader.scope.aliases[name] = value
            reader.script(value)
    return ""


def _set(reader: Follower, words: list[str], stdin: str | None) -> str:
    if words and not words[0].startswith(("-", "+")):
        reader.scope.arguments = tuple(words)
    elif "--" in words:
        reader.scope.arguments = tuple(words[words.index("--") + 1 :])
    return ""


def _shift(reader: Follower, words: list[str], stdin: str | None) -> str:
    count = int(words[0]) if words and words[0].isdigit() else 1
    if reader.scope.arguments is not None:
        reader.scope.arguments = reader.scope.arguments[count:]
    return ""


def _read(reader: Follower, words: list[str], stdin: str | None) -> str:
    for word in [*words, "REPLY", "MAPFILE"]:
        if not word.startswith("-"):
            reader.scope.variables[word] = (HOLE,)
    for option, after in pairwise(words):
        if re.fullmatch(r"-[a-zA-Z]*C", option):  # what mapfile calls for the lines it reads
            reader.script(after, stdin)
    return ""


def _complete(reader: Follower, words: list[str], stdin: str | None) -> str:
    for option, after in pairwise(words):
        if option in ("-W", "-C"):
            reader.script(after if option == "-C" else f"echo {after}")
    return HOLE


def _history(reader: Follower, words: list[str], stdin: str | None) -> str:
    if words and not any(word.startswith("-") and "l" in word for word in words):
        raise Unreadable("fc runs what stood in the history")
    return HOLE


def _trap(reader: Follower, words: list[str], stdin: str | None) -> str:
    if words and words[0] not in ("-", "-p", "-l", ""):
        reader.script(words[1] if words[0] == "--" else words[0])
    return ""


def _coproc(reader: Follower, words: list[str], stdin: str | None) -> str:
    if any(word in ("{", "(") for word in words[:2]):
        raise Unreadable("a named coproc")
    return reader.run(words)


def _hash(reader: Follower, words: list[str], stdin: str | None) -> str:
    if "-p" in words:
        raise Unreadable("hash -p gives a command another program")
    return ""


BUILTINS: dict[str, Callable[[Follower, list[str], str | None], str]] = {
    "cd": _cd, "pushd": _cd, "eval": _eval, "source": _source, ".": _source, "alias": _alias, "set": _set,
    "shift": _shift, "read": _read, "mapfile": _read, "readarray": _read, "getopts": _read, "trap": _trap,
    "coproc": _coproc, "hash": _hash, "complete": _complete, "compgen": _complete, "fc": _history,
}  # fmt: skip
