"""Tasks and what is known of them. Standard library only."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from dayshift.attempts import EVASION, Blocked, Bypass, Refused
from dayshift.conversation import Answer, Ask, Guidance, Question
from dayshift.evidence import Check, Finding
from dayshift.money import Pico
from dayshift.states import ENDED, State

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
    kind: str = ""  #: of work, in the person's word: feature, fix, test, …
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
    network: tuple[str, ...] = ()  #: the hosts it may reach; none: nothing but the model
    continues: date | None = None  #: the day of the task of the same id that it goes on with


@dataclass(frozen=True, slots=True)
class Day:
    """A day file: its tasks, its cap, the repository they work on (absolute path)."""

    date: date
    project: str
    tasks: tuple[Task, ...]
    max_cost: Pico | None = None
    source: str = ""


# --- facts about a task ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exit:
    """How one run ended, as far as its records tell."""

    run: int
    code: int | None  #: the CLI's exit code; None when it was lost (killed holder, reboot)
    finished: bool = False  #: the CLI printed a final result without an error
    how: str = "exited"  #: exited, stopped, deadline, lost (its records end in the middle),
    #: restarted (so did the machine meanwhile), unprepared (never begun),
    #: hindered (the machine had no room, or its disk failed), or what it took too much of: memory, processes, disk
    asked: Ask | None = None  #: it ended to let the person answer
    error: str = ""  #: what the CLI or the launch said went wrong
    closed: bool = True  #: the CLI came to a closing word, be it an error
    api_status: int | None = None  #: HTTP status of the API error that ended it
    reset_at: datetime | None = None  #: when a usage limit ends, if the provider said so
    steps: int = 0  #: tool calls it made; none means that it got no further
    held: float = 0.0  #: seconds in which the provider kept its requests waiting
    text: str = ""  #: the agent's last words (a claim)
    session_cost: Pico | None = None  #: the CLI's own cumulative estimate; shown as drift, never counted
    findings: tuple[Finding, ...] = ()
    audited: bool = False  #: the git directory was compared with what it was before the run


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier day of a task that went on, and how far it had come by then."""

    day: date
    until: datetime  #: when it went over to the next
    runs: int
    audited_runs: int


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
    quarantined: int = 0  #: the run whose findings put the workspace in quarantine; 0: it is in none
    set_aside: tuple[int, ...] = ()  #: runs whose workspaces went from quarantine to a folder apart
    session_id: str | None = None
    base: str | None = None  #: the commit the worktree was made from
    commit: str | None = None  #: the agent's work on refs/dayshift/<id>
    started_at: datetime | None = None
    ended_at: datetime | None = None
    active_seconds: float = 0.0  #: time in which a process of it ran
    questions: tuple[Question, ...] = ()
    answers: tuple[Answer, ...] = ()
    guidance: tuple[Guidance, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    bypasses: tuple[Bypass, ...] = ()
    refused: tuple[Refused, ...] = ()  #: connections that its agents and commands asked for and did not get
    checks: tuple[Check, ...] = ()
    excesses: tuple[str, ...] = ()  #: what its runs were ended for, since they took too much of the machine
    findings: tuple[Finding, ...] = ()
    layers: tuple[str, ...] = ()  #: the protections that were active in its runs
    claim: str = ""  #: the agent's last words
    cli_cost: Pico | None = None  #: the CLI's own estimate for the session
    review: str = "pending"
    review_reason: str = ""  #: why, in the person's words
    reviewed_at: datetime | None = None
    branch: str = ""  #: what its work was accepted as, if it is not in the person's tree
    lessons: tuple[str, ...] = ()  #: the ids of those its agent was told at its beginning
    late_lessons: tuple[str, ...] = ()  #: of those it was told when it went on, in the middle of its work
    say: str | None = None  #: what the session is told next; kept until a run that was told it came to its own end
    mishaps: int = 0  #: runs in a row that were lost through no fault of the task
    hangs: int = 0  #: runs in a row that stood still and were ended, or ended without a word of their own
    steps: int = 0  #: tool calls of its last run
    outages: int = 0  #: runs in a row that the provider ended
    failure: str = ""  #: how the last run failed, if it did; the same again without a step is being stuck
    forgiven: int = 0  #: blocked attempts that no longer count towards a halt, since the person said `retry`
    forgiven_seconds: float = 0.0  #: active time that no longer counts towards the timeout, for the same reason
    earlier: tuple[Earlier, ...] = ()  #: the days it went on from, oldest first; all counts go on over them

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    @property
    def unheard(self) -> dict[int, Guidance]:
        """The person's guidance that no model was sent yet, by its number within the task, from 1."""
        return {number: each for number, each in enumerate(self.guidance, 1) if not each.heard}

    @property
    def unheard_answer(self) -> Answer | None:
        """The answer that was left to the hook and that no model was seen to be sent."""
        return self.answers[-1] if self.answers and not self.answers[-1].heard else None

    @property
    def evasions(self) -> tuple[Blocked, ...]:
        """The blocked attempts that were hidden from the guard."""
        return tuple(each for each in self.blocked if each.rule == EVASION)

    @property
    def runs_today(self) -> int:
        """Of its runs, those on its present day."""
        return self.runs - (self.earlier[-1].runs if self.earlier else 0)

    @property
    def audited_today(self) -> int:
        """Of these, how many the audit compared before with after."""
        return self.audited_runs - (self.earlier[-1].audited_runs if self.earlier else 0)

    @property
    def findings_today(self) -> tuple[Finding, ...]:
        """What was seen in them."""
        return tuple(each for each in self.findings if not self.earlier or each.run > self.earlier[-1].runs)

    @property
    def in_quarantine(self) -> bool:
        """Its workspace is kept for inspection: nothing is started in it, and nobody is offered its work."""
        return self.quarantined != 0 and self.quarantined == self.runs

    @property
    def ended(self) -> bool:
        """Nothing more will happen to it unless the person says so."""
        return isinstance(self.state, ENDED)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some time that a task spent in one state."""

    state: str
    begin: datetime
    end: datetime


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
    raw: dict[str, Any] = field(default_factory=dict)  #: as it came, with the model; from it all the rest can be read
    samplings: tuple[Tokens, ...] = ()  #: what it was made of, if each is priced by its own prompt; else empty


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A usage that nobody here can price; `field` is the part of it that is not understood."""

    model: str
    field: str
