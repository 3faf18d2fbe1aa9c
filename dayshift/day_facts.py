"""What a day's report is made of. It knows nothing of how it is gathered or shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from dayshift.evidence import Closing, DiffStat, Finding, Steering
from dayshift.model import Record, Stretch, Tokens
from dayshift.money import Pico


@dataclass(frozen=True, slots=True)
class SpendRow:
    """What one model or one task used; `cost` is None when unknown, `estimated` are requests booked at worst case."""

    key: str
    requests: int
    tokens: Tokens
    cost: Pico | None
    estimated: int


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """Where one budget stood when the report was written; `elsewhere` is what other use took of it."""

    budget: str  #: as a person calls it
    cap: Pico
    spent: Pico
    elsewhere: Pico
    reserved: Pico
    left: Pico


@dataclass(frozen=True, slots=True)
class AuditLine:
    """What the audit proved: `clean` only if every check was made and no agent may have changed anything."""

    clean: bool
    findings: tuple[tuple[str, Finding], ...]  #: with the id of the task whose run it was
    runs_checked: int
    closing: Closing = field(default_factory=Closing)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a task was likely to cost: half of its likes cost at most `likely`, nine of ten at most `worst`."""

    likely: Pico
    worst: Pico
    basis: str  #: on what it stands, in words


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two tasks that worked side by side and changed the same lines of one file."""

    one: str
    other: str
    path: str
    lines: str  #: in words, such as `10-14`; empty for a whole file, such as one that is not text
    clash: bool | None  #: git cannot merge the two by itself; None if it was not asked, since there are so many

    @property
    def place(self) -> str:
        """`src/a.py, line 3`, `src/a.py, lines 3-4`, or the file alone."""
        noun = "line" if self.lines.isdecimal() else "lines"
        return f"{self.path}, {noun} {self.lines}" if self.lines else self.path


@dataclass(frozen=True, slots=True)
class Tomorrow:
    """What the next day should know; the sentences are plain text that names its numbers."""

    date: date
    carry_over: str = ""  #: the day file of what was left, as a path from the home; empty if nothing was
    unfinished: tuple[tuple[str, str], ...] = ()  #: ids of tasks, and why each is not done
    estimates: tuple[str, ...] = ()  #: where history corrects an estimate
    models: tuple[str, ...] = ()  #: models that were too weak or too dear for their complexity
    budget: tuple[str, ...] = ()  #: advice with its arithmetic
    lessons: int = 0  #: how many wait for `lessons accept`


@dataclass(frozen=True, slots=True)
class DayFacts:
    """All a report is made of; amounts in pico-USD, moments aware, shown in `timezone`."""

    date: date
    project: str
    rehearsal: bool
    cap: Pico | None
    spent: Pico | None  #: None when a part of it is unknown
    reserved: Pico
    by_model: tuple[SpendRow, ...]
    by_task: tuple[SpendRow, ...]
    records: tuple[Record, ...]
    diffs: Mapping[str, DiffStat]
    audit: AuditLine
    layers: tuple[str, ...]
    guarantee: str
    dirty_tree: bool
    cap_reached: bool
    started_at: datetime | None
    ended_at: datetime | None  #: None while the day goes on
    timezone: str = "UTC"
    budgets: tuple[BudgetRow, ...] = ()
    steering: Mapping[str, tuple[Steering, ...]] = field(default_factory=dict)  #: by task
    picture: str = ""  #: the file name of the day's picture, if it lies beside the report
    course: tuple[tuple[datetime, Pico], ...] = ()  #: when the day's tasks were charged how much, in order
    stretches: Mapping[str, tuple[Stretch, ...]] = field(default_factory=dict)  #: by task: how it spent its time
    summaries: Mapping[str, str] = field(default_factory=dict)  #: by task: what its agent wrote of its work, a claim
    estimates: Mapping[str, Estimate] = field(default_factory=dict)  #: by task, made without knowing its cost
    overlaps: tuple[Overlap, ...] = ()
    tomorrow: Tomorrow | None = None  #: None while nothing is said of it: in a rehearsal
    unreadable: tuple[str, ...] = ()  #: ids of tasks, of whatever day, whose records cannot be read
    overruns: tuple[str, ...] = ()  #: answers that cost more than they could: what a cap stands on was wrong there
