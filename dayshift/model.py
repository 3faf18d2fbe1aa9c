"""The vocabulary of the program: tasks, their states, and what can happen to them. Standard library only."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from dayshift.money import Pico

TASK_ID = r"^[a-z0-9][a-z0-9-]{0,62}$"


class Complexity(StrEnum):
    """The person's estimate of a task, as written in the day file."""

    low = "low"
    medium = "medium"
    high = "high"


@dataclass(frozen=True, slots=True)
class Task:
    """What a person asks for: one entry of a day file, checked and with every default filled in."""

    id: str
    name: str
    description: str
    model: str
    module: str = ""
    complexity: Complexity = Complexity.medium
    context_files: tuple[str, ...] = ()
    deliverables: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    priority: int = 5
    max_cost: Pico | None = None
    timeout_minutes: int = 60
    validate: tuple[str, ...] = ()
    max_attempts: int = 2
    carry_over: bool = False
    rehearsal: tuple[dict[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day file: its tasks, its cap, the repository they work on (absolute path)."""

    date: date
    project: str
    tasks: tuple[Task, ...]
    max_cost: Pico | None = None
    source: str = ""


# --- states: the facts of a state live in the state that owns them ---------------------------------


class ParkReason(StrEnum):
    """Why a task rests although nobody is asked anything, and so what lets it go on."""

    cap = "cap"  #: a budget is spent; goes on when there is headroom (next day with carry_over, or a higher cap)
    usage_limit = "usage limit"  #: the provider said when it serves again
    stop = "stop"  #: the person stopped the program; goes on at the next start
    paused = "paused"  #: the person paused it; goes on at `resume`
    provider = "provider unavailable"  #: the API could not be reached; tried again later


@dataclass(frozen=True, slots=True)
class Queued:
    """Ready to run, or to run again, once its dependencies are done and a slot is free."""

    since: datetime
    not_before: datetime | None = None
    name = "queued"
    reason = ""


class Ending(StrEnum):
    """Why the supervisor is ending a run that is still going on."""

    parked = "parked"
    halted = "halted"
    cancelled = "cancelled"
    silent = "silent"


@dataclass(frozen=True, slots=True)
class Running:
    """One process works on it."""

    since: datetime
    run: int
    ending: Ending | None = None  #: set once the supervisor has told the run to end
    detail: str = ""  #: of the ending, in words a person reads
    park: ParkReason | None = None  #: why, if it ends to be parked
    name = "running"

    @property
    def reason(self) -> str:
        """Why it is being ended, or nothing."""
        return f"ending: {self.detail}" if self.ending else ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """It asked the person; nothing runs and nothing costs until the answer is there."""

    since: datetime
    question: int
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


# --- facts about a task ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """What an agent asks the person; `number` counts from 1 within the task."""

    task_id: str
    number: int
    text: str
    asked_at: datetime
    options: tuple[str, ...] = ()
    tool_input: dict[str, Any] | None = None  #: the AskUserQuestion call it came from; None for io/question.md


@dataclass(frozen=True, slots=True)
class Answer:
    """The person's answer to one question, and through which door it came (`file`, `command`, …)."""

    task_id: str
    number: int
    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the guard says of one tool call; `rule` and `reason` are empty when it is allowed."""

    allowed: bool
    rule: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Blocked:
    """One refused tool call."""

    at: datetime
    tool: str
    command: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """One piece of evidence: a validation command's exit code and tail, or a deliverable's presence (0 or 1)."""

    kind: str  #: "validate" or "deliverable"
    subject: str
    exit_code: int
    tail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """A change the audit saw in the repository's git directory during a run."""

    run: int
    what: str
    by_agent: bool  #: it touched the repository and an agent may have done it: the task is halted


@dataclass(frozen=True, slots=True)
class Ask:
    """What an agent asked when its run ended; `tool_input` is the deferred AskUserQuestion call, if it was one."""

    text: str
    options: tuple[str, ...] = ()
    tool_input: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """How one run ended, as far as its records tell."""

    run: int
    code: int | None  #: the CLI's exit code; None when it was lost (killed holder, reboot)
    finished: bool = False  #: the CLI printed a final result without an error
    how: str = "exited"  #: exited, stopped, deadline, lost (its records end in the middle), unprepared (never begun)
    asked: Ask | None = None  #: it ended to let the person answer
    error: str = ""  #: what the CLI or the launch said went wrong
    api_status: int | None = None  #: HTTP status of the API error that ended it
    reset_at: datetime | None = None  #: when a usage limit ends, if the provider said so
    text: str = ""  #: the agent's last words (a claim)
    session_cost: Pico | None = None  #: the CLI's own cumulative estimate; shown as drift, never counted
    findings: tuple[Finding, ...] = ()
    audited: bool = False  #: the git directory was compared with what it was before the run


@dataclass(frozen=True, slots=True)
class DiffStat:
    """How much a task changed in the repository's files, against the commit it started from."""

    files: int = 0
    insertions: int = 0
    deletions: int = 0
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """Everything durable about one task; replaced as a whole, never changed in place."""

    task: Task
    day: date
    project: str
    state: State
    created_at: datetime
    rehearsal: bool = False
    attempt: int = 1
    runs: int = 0
    audited_runs: int = 0  #: of them, how many the audit compared before with after
    session_id: str | None = None
    base: str | None = None  #: the commit the worktree was made from
    commit: str | None = None  #: the agent's work on refs/dayshift/<id>
    started_at: datetime | None = None
    ended_at: datetime | None = None
    active_seconds: float = 0.0  #: time in which a process of it ran
    questions: tuple[Question, ...] = ()
    answers: tuple[Answer, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    checks: tuple[Check, ...] = ()
    findings: tuple[Finding, ...] = ()
    layers: tuple[str, ...] = ()  #: the protections that were active in its runs
    claim: str = ""  #: the agent's last words
    cli_cost: Pico | None = None  #: the CLI's own estimate for the session
    review: str = "pending"
    say: str | None = None  #: what the session is told next; kept until a run that was told it came to its own end
    mishaps: int = 0  #: runs in a row that ended through no fault of the task: lost, silent, provider unavailable
    forgiven: int = 0  #: blocked attempts that no longer count towards a halt, since the person said `retry`
    forgiven_seconds: float = 0.0  #: active time that no longer counts towards the timeout, for the same reason

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    @property
    def ended(self) -> bool:
        """Nothing more will happen to it unless the person says so."""
        return isinstance(self.state, ENDED)


# --- what can happen -------------------------------------------------------------------------------


class Order(StrEnum):
    """What a person can tell a task, or all of them."""

    pause = "pause"
    resume = "resume"
    cancel = "cancel"
    retry = "retry"


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
class Prepared:
    """The workspace stands; the run's process is about to be started in it."""

    task_id: str
    run: int
    base: str
    layers: tuple[str, ...]


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
class Answered:
    """The person answered."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class CapReached:
    """A request of this task can not be paid for within the named budget."""

    task_id: str
    window: str
    detail: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """No process of the run is left."""

    task_id: str
    exit: Exit
    seconds: float
    commit: str | None = None  #: what the agent's work was kept as, None if nothing could be kept


@dataclass(frozen=True, slots=True)
class Verified:
    """Deliverables and validations were checked."""

    task_id: str
    checks: tuple[Check, ...]


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
    HandedIn | Ordered | Prepared | Active | Denied | Answered | CapReached | RunEnded | Verified
    | Overdue | StopAsked | Tick
)  # fmt: skip


# --- money on the wire -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token counts of one response; the four input kinds are disjoint, as the Messages API reports them."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    web_searches: int = 0

    @property
    def cache_write(self) -> int:
        """All tokens written to the cache."""
        return self.cache_write_5m + self.cache_write_1h


@dataclass(frozen=True, slots=True)
class Usage:
    """What one response used, read from the wire, with what changes its price."""

    model: str
    tokens: Tokens
    speed: str = "standard"
    geo: str = ""
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quote:
    """The most one request can cost (pico-USD), fixed before it leaves the machine."""

    model: str
    worst_case: Pico
    max_input_tokens: int
    max_output_tokens: int
