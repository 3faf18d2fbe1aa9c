"""Where a shell script stands while it is read: what it knows, and the commands it would run."""

import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tree_sitter import Node

from dayshift.guard.words import HOLE


class Unreadable(Exception):
    """The script cannot be followed; the message says where."""


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: its words with HOLE for what is unknown, what feeds it, what its redirections write."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    stdin: str | None = None
    writes: tuple[str, ...] = ()


@dataclass(slots=True)
class Budget:
    """How much may still be read and expanded for one call; shared by every shell that call would start."""

    left: int = 400_000

    def spend(self, amount: int) -> None:
        """Take from what is left; raises Unreadable when that is not enough."""
        self.left -= amount
        if self.left < 0:
            raise Unreadable("the script does too much to be followed")


@dataclass(slots=True)
class Scope:
    """What a script knows where it stands: variables, functions, aliases, files it wrote, arguments, folder."""

    variables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    functions: dict[str, Node] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    name: str = HOLE
    folder: str = ""
    budget: Budget = field(default_factory=Budget)

    def child(self, name: str = HOLE, arguments: Iterable[str] = ()) -> "Scope":
        """The scope of a shell started from here; it sees the same files."""
        return Scope(dict(self.variables), {}, {}, self.files, tuple(arguments), name, self.folder, self.budget)

    def path(self, name: str) -> str:
        """The name as a path from where the script began, without dots."""
        joined = f"{self.folder}/{name}" if self.folder and not name.startswith(("/", "~", HOLE)) else name
        return posixpath.normpath(joined) if joined else joined


Seen = Callable[[Command, Scope], None]
