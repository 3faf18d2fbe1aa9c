"""Where a shell script stands while it is read: what it knows, and the commands it would run."""

import posixpath
from collections.abc import Callable, Iterable, Mapping
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
    source: str = ""  #: the file that feeds it, if its text is not known
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


Read = Callable[[str], str | None]  #: the text of a file of the work tree


def nothing(path: str) -> str | None:
    """The reader of a tree without files."""
    return None


@dataclass(slots=True)
class Scope:
    """What a script knows where it stands: variables, functions, aliases, files it wrote, arguments, folder."""

    variables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    functions: dict[str, Node] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] | None = ()  #: None where nobody can know them
    name: str = HOLE
    folder: str = ""
    budget: Budget = field(default_factory=Budget)
    read: Read = nothing

    def child(self, name: str = HOLE, arguments: Iterable[str] = ()) -> "Scope":
        """The scope of a shell started from here; it sees the same files, and functions that were exported."""
        return Scope(
            dict(self.variables), dict(self.functions), {}, self.files, tuple(arguments), name, self.folder,
            self.budget, self.read,
        )  # fmt: skip

    def inside(self, folder: str, variables: Mapping[str, str]) -> "Scope":
        """The scope of a shell started in that folder, with more variables."""
        inner = self.child()
        inner.folder = self.path(folder) if folder else self.folder
        inner.variables |= {name: (value,) for name, value in variables.items()}
        return inner

    def text(self, name: str) -> str | None:
        """The text of a file, written by this script or in the work tree; None if there is none."""
        path = self.path(name)
        content = self.files.get(path)
        return self.of_tree(path) if content is None else content

    def of_tree(self, path: str) -> str | None:
        """The text of a file of the work tree."""
        if not path or HOLE in path or path.startswith(("/dev/", "/proc/")):
            return None
        text = self.read(path)
        self.budget.spend(0 if text is None else len(text))
        return text

    def wrote(self, names: Iterable[str], text: str) -> None:
        """Keep that these files now hold the text."""
        self.files.update((self.path(name), text) for name in names)

    def path(self, name: str) -> str:
        """The name as a path from where the script began, without dots."""
        joined = f"{self.folder}/{name}" if self.folder and not name.startswith(("/", "~", HOLE)) else name
        return posixpath.normpath(joined) if joined else joined


Seen = Callable[[Command, Scope], None]
