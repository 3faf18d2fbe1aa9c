"""What can happen to tasks: the events the Orchestrator handles. Standard library only."""

from dataclasses import dataclass
from enum import StrEnum

from dayshift.attempts import Blocked, Bypass, Refused
from dayshift.conversation import Answer, Guidance
from dayshift.evidence import Check, Finding
from dayshift.limits import Limit
from dayshift.model import Day, Exit


class Order(StrEnum):
    """What a person can tell a task, or all of them."""

    pause = "pause"
    resume = "resume"
    cancel = "cancel"
    retry = "retry"


class Review(StrEnum):
    """What a person can say of a task's work."""

    accept = "accept"
    reject = "reject"
    undo = "undo"


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A day file was given; `request` names who waits for a reply."""

    day: Day
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """The person told one task, or with None every task, something; `request` names who waits for a reply."""

    order: Order
    task_id: str | None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The person's verdict on a task's work; if accepted, `commit` is in their tree or on their branch.

    `told` is what came of it.
    """

    task_id: str
    review: Review
    reason: str = ""
    commit: str | None = None
    told: tuple[str, ...] = ()
    request: str | None = None
    branch: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The workspace stands; the run's process is about to be started in it."""

    task_id: str
    run: int
    base: str
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taught:
    """The lessons, by their ids, that a prompt of a task held: its first, or a late one of a task that went on."""

    task_id: str
    lessons: tuple[str, ...]
    late: bool = False


@dataclass(frozen=True, slots=True)
class Active:
    """A sign of life from a run, in a few words."""

    task_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Denied:
    """The guard refused a tool call."""

    task_id: str
    blocked: Blocked


@dataclass(frozen=True, slots=True)
class Bypassed:
    """A forbidden tool call went round the guard."""

    task_id: str
    bypass: Bypass


@dataclass(frozen=True, slots=True)
class NetworkRefused:
    """A connection was refused, so many times since this was last told."""

    task_id: str
    refused: Refused


@dataclass(frozen=True, slots=True)
class Answered:
    """The person answered."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Guided:
    """The person gave a task guidance; `request` names who waits for a reply."""

    task_id: str
    guidance: Guidance
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """The model of a task's present run was sent the guidance of these numbers."""

    task_id: str
    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class Reached:
    """A request of the task's agent showed whether the answer of that number came through, or was lost on its way."""

    task_id: str
    number: int
    arrived: bool


@dataclass(frozen=True, slots=True)
class AttachAsked:
    """The person wants to be let into a task's session, at a terminal of that kind; `request` waits for a reply."""

    task_id: str
    request: str
    terminal: str
    keep: bool = False  #: the task is paused afterwards


@dataclass(frozen=True, slots=True)
class Opened:
    """The session of a task lies ready for the person who waits to be let in."""

    task_id: str


@dataclass(frozen=True, slots=True)
class CapReached:
    """A request of this task can not be paid for within the named budget."""

    task_id: str
    window: str
    detail: str


@dataclass(frozen=True, slots=True)
class ProviderLimited:
    """The provider serves nobody of the fleet for longer than a request can be held."""

    limit: Limit


@dataclass(frozen=True, slots=True)
class RunEnded:
    """No process of the run is left."""

    task_id: str
    exit: Exit
    seconds: float
    commit: str | None = None  #: what the agent's work was kept as, None if nothing could be kept


@dataclass(frozen=True, slots=True)
class Verified:
    """Deliverables and validations were checked; what the audit saw while the validations ran."""

    task_id: str
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Overdue:
    """A run has said nothing for too long."""

    task_id: str
    run: int
    detail: str


@dataclass(frozen=True, slots=True)
class StopAsked:
    """End the program: `drain` lets running agents finish, otherwise they are parked."""

    drain: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    HandedIn | Ordered | Reviewed | Prepared | Taught | Active | Denied | Bypassed | NetworkRefused | Answered | Guided
    | Heard | Reached | AttachAsked | Opened | CapReached | ProviderLimited | RunEnded | Verified | Overdue | StopAsked
    | Tick
)  # fmt: skip
