"""The states of a task: the facts of a state live in the state that owns them. Standard library only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ParkReason(StrEnum):
    """Why a task rests although nobody is asked anything, and so what lets it go on."""

    cap = "cap"  #: a budget is spent; goes on when there is headroom (next day with carry_over, or a higher cap)
    usage_limit = "usage limit"  #: the provider said when it serves again
    stop = "stop"  #: the person stopped the program; goes on at the next start
    paused = "paused"  #: the person paused it; goes on at `resume`
    provider = "provider unavailable"  #: the API could not be reached; tried again later
    credit = "credit exhausted"  #: the account is empty; goes on when the person says `resume`, or starts again
    authentication = "authentication lost"  #: the key is refused; goes on at the next start, or at `resume`
    stuck = "stuck"  #: it failed twice in the same way and got no further; goes on when the person says so
    attached = "attached"  #: it makes way for the person, who is let into its session next


@dataclass(frozen=True, slots=True)
class Queued:
    """Ready to run, or to run again, once its dependencies are done and a slot is free."""

    since: datetime
    not_before: datetime | None = None
    name = "queued"

    @property
    def reason(self) -> str:
        """Until when it must not run, or nothing."""
        return f"the provider serves again at {self.not_before:%d %b %H:%M} UTC" if self.not_before else ""


class Ending(StrEnum):
    """Why the supervisor is ending a run that is still going on."""

    parked = "parked"
    halted = "halted"
    cancelled = "cancelled"
    silent = "silent"


@dataclass(frozen=True, slots=True)
class Waiting:
    """It asked the person; nothing runs and nothing costs until the answer is there."""

    since: datetime
    question: int
    visited: bool = False  #: the person was in its session meanwhile: the call that asked may be gone
    name = "waiting"

    @property
    def reason(self) -> str:
        """The question it waits for."""
        return f"question {self.question}"


@dataclass(frozen=True, slots=True)
class Parked:
    """It rests, resumable, until its reason is gone."""

    since: datetime
    why: ParkReason
    detail: str = ""
    until: datetime | None = None
    name = "parked"

    @property
    def reason(self) -> str:
        """The reason in words."""
        return f"{self.why}: {self.detail}" if self.detail else str(self.why)


@dataclass(frozen=True, slots=True)
class Visit:
    """A run in which the person is in the session, and nobody else gives it work."""

    back: Queued | Parked | Waiting  #: what the task is again afterwards
    terminal: str  #: the kind of it, as in TERM


@dataclass(frozen=True, slots=True)
class Running:
    """One process works on it."""

    since: datetime
    run: int
    ending: Ending | None = None  #: set once the supervisor has told the run to end
    detail: str = ""  #: of the ending, in words a person reads
    park: ParkReason | None = None  #: why, if it ends to be parked
    until: datetime | None = None  #: and until when, if that is known
    visit: Visit | None = None  #: set if the person works in it, at their own terminal
    name = "running"

    @property
    def reason(self) -> str:
        """Why it is being ended, that the person is in it, or nothing."""
        if self.ending:
            return f"ending: {self.detail}"
        return "attached: you are in its session" if self.visit else ""


@dataclass(frozen=True, slots=True)
class Verifying:
    """The agent says it is finished; its deliverables and validations are being checked."""

    since: datetime
    name = "verifying"
    reason = ""


@dataclass(frozen=True, slots=True)
class Done:
    """Deliverables present, validations green."""

    since: datetime
    name = "done"
    reason = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """It ended without what was asked for."""

    since: datetime
    reason: str
    name = "failed"


@dataclass(frozen=True, slots=True)
class Halted:
    """Ended by the guard or the audit."""

    since: datetime
    reason: str
    name = "halted"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Ended by the person."""

    since: datetime
    reason: str = "by the person"
    name = "cancelled"


State = Queued | Running | Waiting | Parked | Verifying | Done | Failed | Halted | Cancelled
ENDED = (Done, Failed, Halted, Cancelled)
