"""Lessons: what agents are told besides, each for the tasks in its scope, each with the feedback it came from."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from dayshift.markdown import clean
from dayshift.model import Complexity

BREADTH = ("module", "kind", "complexity", "")  #: what a scope goes by, the narrowest first
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
ID_LENGTH = 7

_WORD = re.compile(r"[^\W_]")
_SCOPE = re.compile(r"(module|kind|complexity)\b\s*[:=]?\s*(\S.*)", re.IGNORECASE)
_EVERYTHING = {"", "all", "all tasks", "any", "every", "every task", "everything"}


class Status(StrEnum):
    """Where a lesson stands with the person."""

    proposed = "proposed"  #: it follows from feedback, and nothing was decided
    in_force = "in force"
    retired = "retired"
    declined = "declined"
    unclear = "unclear"  #: what the file says of its scope or status is not understood: told to nobody


class Work(Protocol):
    """What a scope looks at: of a task that is to begin, or of one that ended."""

    @property
    def module(self) -> str:
        """The part of the project it is about."""

    @property
    def kind(self) -> str:
        """The kind of work."""

    @property
    def complexity(self) -> str:
        """The person's estimate of it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The tasks a lesson is for: all of them, or those of one module, kind or complexity."""

    by: str = ""
    value: str = ""

    @classmethod
    def parse(cls, text: str) -> "Scope | None":
        """The scope in these words, such as `module orders`; None if they are none."""
        words = " ".join(text.replace("`", "").split())
        if words.casefold() in _EVERYTHING:
            return cls()
        found = _SCOPE.fullmatch(words)
        if not found:
            return None
        by, value = found[1].lower(), found[2]
        return None if by == "complexity" and value.lower() not in set(Complexity) else cls(by, value)

    def __str__(self) -> str:
        return f"{self.by} {self.value}" if self.by else "all"

    def matches(self, task: Work) -> bool:
        """Whether the lesson is for that task. Upper and lower case are the same."""
        return not self.by or named(getattr(task, self.by)).casefold() == self.value.casefold()

    def covers(self, other: "Scope") -> bool:
        """Whether it is for every task that the other is for."""
        return not self.by or (self.by, self.value.casefold()) == (other.by, other.value.casefold())


def named(value: str) -> str:
    """A module, a kind or a complexity as a scope names it: one line without what `Scope.parse` passes over."""
    return " ".join(clean(value).replace("`", "").split())


@dataclass(frozen=True, slots=True)
class Source:
    """Where the person wrote it; line 0 is not known."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Lesson:
    """One thing agents are told, or may be told."""

    id: str
    text: str
    scope: Scope = Scope()
    status: Status = Status.proposed
    sources: tuple[Source, ...] = ()
    day: date | None = None  #: of the feedback it came from
    since: datetime | None = None  #: when it was put in force or declined; None if that is not known
    pattern: bool = False  #: of success: it is told in the home's patterns, not among the lessons

    @property
    def is_told(self) -> bool:
        """Whether agents hear of it."""
        return self.status is Status.in_force


def tidy(text: str) -> str:
    """The text as a lesson keeps it: no empty lines, nothing that steers a terminal. Empty if it has no word."""
    lines = [" ".join(line.split()) for line in clean(text).split("\n")]
    lines = [line for line in lines if line]
    while lines and not _WORD.search(lines[0]):  # a lesson begins with words, not with a rule
        lines[:2] = [" ".join(lines[:2])] if len(lines) > 1 else []
    return "\n".join(lines)


def folded(text: str) -> str:
    """By which two texts are known to be the same: case, breaks and a final full stop do not count."""
    return " ".join(text.split()).casefold().rstrip(" .!")


def identity(text: str, scope: Scope, day: date | None, pattern: bool = False, taken: Collection[str] = ()) -> str:
    """The id of what was written on that day: the same words give the same id, other words one that is not taken."""
    content = "\n".join([str(day or ""), str(scope).casefold(), "pattern" if pattern else "", folded(text)])
    digest = hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()
    return next(digest[:length] for length in range(ID_LENGTH, len(digest) + 1) if digest[:length] not in taken)
