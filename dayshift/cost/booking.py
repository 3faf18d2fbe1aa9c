"""What the ledger is asked and what it answers: a reservation, and whether it was admitted, waits or is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from dayshift.money import Pico


@dataclass(frozen=True, slots=True)
class Reservation:
    """One request about to leave; `windows` names every budget it counts in, with its cap or None for no cap."""

    task_id: str
    run: int
    day: date
    model: str
    price: str  #: where the prices come from, kept with the row
    worst_case: Pico  #: what is held
    windows: Mapping[str, Pico | None]
    admitted_at: datetime
    session_id: str | None = None
    agent_id: str | None = None
    file_day: date | None = None  #: of the task's day file; None: the same day
    began: date | None = None  #: of the day file the task was first in, if it went on from that; None: the same file
    project: str = ""
    provider: str = "anthropic"
    account: Literal["api", "plan"] = "api"
    complexity: str = ""
    task_model: str = ""  #: the model the task was given to; a request of it may go to another
    body_bytes: int = 0
    ceiling: Pico | None = None  #: the most it can cost, where less than that is held; charged if its end is unknown
    elsewhere: Mapping[str, Pico] = field(default_factory=dict)  #: per window, what other use has taken of the cap


@dataclass(frozen=True, slots=True)
class Admitted:
    """The money is reserved, on disk; the request may leave."""

    id: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """It does not fit now, but may once requests in flight are settled."""

    window: str
    detail: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It can never fit under this cap."""

    window: str
    detail: str


@dataclass(frozen=True, slots=True)
class Spend:
    """Where one budget stands; `cap` is None if it has none, or was never asked for."""

    settled: Pico = 0
    reserved: Pico = 0
    cap: Pico | None = None
