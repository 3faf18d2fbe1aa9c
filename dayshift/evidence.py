"""What was found out about a task's work: checks, findings of the audit, what changed. Standard library only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Check:
    """One piece of evidence: a validation command's exit code and tail, or a deliverable's presence (0 or 1)."""

    kind: str  #: "validate" or "deliverable"
    subject: str
    exit_code: int
    tail: str = ""
    seconds: float = 0.0
    stopped: str = ""  #: why it was ended from outside, in words after "it"; empty if it ended by itself


class Who(StrEnum):
    """Who changed something, as far as it can be proven."""

    agent = "the agent"
    person = "the person, or another program of theirs"
    unknown = "cannot be told"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the audit, or another witness, saw that an agent must not do, or that happened beside it."""

    run: int
    what: str
    halts: bool  #: the agent did it, or cannot be cleared of it: its task is halted, its workspace quarantined
    who: Who = Who.agent
    aspect: str = ""  #: of the git directory, if it is about that
    look: bool = False  #: nobody is blamed, but the person had better look: a hook, a remote


@dataclass(frozen=True, slots=True)
class Change:
    """One aspect of the git directory that is not as it was when the day was opened."""

    what: str
    who: Who
    why: str  #: how that is known


@dataclass(frozen=True, slots=True)
class Closing:
    """What a look at the git directory over the whole day shows; without an opening there is nothing to compare."""

    opened_at: datetime | None = None
    changes: tuple[Change, ...] = ()
    trouble: str = ""  #: why it could not be looked at


@dataclass(frozen=True, slots=True)
class Steering:
    """A file that steers agents or runs by itself, and that a task changed."""

    path: str
    why: str  #: what it steers, in words
    kind: str  #: new, changed or removed
    insertions: int
    deletions: int


@dataclass(frozen=True, slots=True)
class DiffStat:
    """How much a task changed in the repository's files, against the commit it started from."""

    files: int = 0
    insertions: int = 0
    deletions: int = 0
    paths: tuple[str, ...] = ()
