"""What a command word names: a program, a file, or something only a running shell would know; and calls for help."""

import re
from collections.abc import Sequence
from functools import lru_cache

from dayshift.guard.words import HOLE

_STDIN = re.compile(r"/dev/stdin|/dev/fd/\d|/proc/(self|\d+|thread-self)/fd/\d")
HELP = frozenset(("--help", "--version", "-V", "-help", "-version", "--usage"))
ANSWERS_FIRST = frozenset(("--help", "--version"))  #: programs that meet one of these first do nothing else
FLAGS = frozenset(
    ("--hard", "--soft", "--mixed", "--all", "--force", "--tags", "--amend", "--rebase", "--prune", "--staged", "--sql",
     "--cached", "--quiet", "--verbose", "--noinput", "--no-input", "--fake", "--dry-run", "--delete", "-q", "-v")
)  # fmt: skip  #: options that never take a value, whatever the program
PROGRAM_ENDINGS = frozenset(("sh", "bash", "jar", "js", "ts", "mjs", "cjs", "py", "rb", "php", "pl", "exs"))


@lru_cache(4096)
def program(word: str) -> str:
    """The name of the program a command word calls: no folder, no package version, no build path."""
    if "/" not in word and "@" not in word and "." not in word and word[:1] != "=":
        return word
    package = re.search(r"node_modules/(@[^/]+/)?([^/.][^/]*)/.*\.[cm]?js$", word)
    if package:
        return package[2]
    word = word.removeprefix("=")  # zsh finds the program's path so
    name = word.removesuffix("/main.go").rstrip("/").rsplit("/", 1)[-1]
    name = re.sub(r"(?<=.)@[^/]*$", "", name)
    return name.removesuffix(".exe").removesuffix(".phar").removesuffix(".jar")


def is_file(word: str) -> bool:
    """True if the command word is a path or a program file, not a name to be looked up or a package's."""
    if word.startswith("@"):
        return word.count("/") > 1
    return "/" in word or ("." in word and word.rsplit(".", 1)[-1] in PROGRAM_ENDINGS)


def is_stdin(path: str) -> bool:
    """True if the path is whatever the program is fed."""
    return _STDIN.fullmatch(path) is not None


def unresolved(name: str) -> bool:
    """True if the program's name is only known to a running shell."""
    return not name or (name not in ("[", "[[", "{", "}") and any(mark in name for mark in (HOLE, *"*?{[")))


def asks_for_help(args: Sequence[str]) -> bool:
    """True if the call only prints help or a version: that option first, or last and no option's value."""
    if args and args[0].partition("=")[0] in ANSWERS_FIRST:
        return True
    if not args or (args[-1] not in HELP and args not in (["-h"], ["-?"])):
        return False
    return len(args) == 1 or not args[-2].startswith("-") or args[-2] in FLAGS
