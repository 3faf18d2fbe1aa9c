"""What became of every task of every day: what lessons, statistics and advice stand on."""

from dataclasses import dataclass
from datetime import date, datetime

from dayshift.money import Pico


@dataclass(frozen=True, slots=True)
class Outcome:
    """One task of one day, as it stands now. None is unknown, never zero."""

    day: date
    task_id: str
    name: str
    project: str
    module: str
    kind: str
    complexity: str
    model: str  #: the full name that was billed; as the task names it, if nothing was
    state: str
    review: str  #: pending, accepted or rejected
    attempts: int
    cost: Pico | None
    seconds: float  #: in which an agent of it ran
    questions: int
    blocked: int  #: refused commands
    validations: int
    passed: int  #: of the validations, at the last check
    rating: int | None  #: by the person, 1 to 5
    lessons: tuple[str, ...]  #: ids of those its agent was told
    ended_at: datetime | None
    late_lessons: tuple[str, ...] = ()  #: ids of those it was told in the middle of its work
