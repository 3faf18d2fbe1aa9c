"""What a week's or a month's recap is made of. It knows nothing of how it is gathered or shown.

Joins statement and spending for the money, tallies to count its tasks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from dayshift.cost import spending
from dayshift.cost.statement import Account, Line, Overrun, Window
from dayshift.money import Pico
from dayshift.outcomes import Outcome
from dayshift.outlook import tallies
from dayshift.outlook.tallies import Tally
from dayshift.recaps.period import Period


@dataclass(frozen=True, slots=True)
class Learnt:
    """A lesson that was put in force, and still is."""

    day: date
    id: str
    scope: str
    text: str


@dataclass(frozen=True, slots=True)
class Before:
    """The period before it, to compare with."""

    period: Period
    api: Line
    plan: Line
    tally: Tally


@dataclass(frozen=True, slots=True)
class Recap:
    """All that happened in a week or a month; the two accounts are never added up."""

    period: Period
    seen: date | None  #: the last day that the ledger, or who asked, knew of
    tables: Mapping[Account, Mapping[str, tuple[Line, ...]]]
    budgets: tuple[Window, ...]  #: of the period and of its days, those with a cap
    milestones: tuple[str, ...]
    overruns: tuple[Overrun, ...]
    outcomes: tuple[Outcome, ...]  #: of the tasks whose last day is in it
    daily: tuple[Outcome, ...]  #: of its days, as their reports have them: a task that went on is on each of its own
    lessons: tuple[Learnt, ...]
    before: Before

    @property
    def first(self) -> date:
        """Its first day."""
        return self.period.first

    @property
    def tally(self) -> Tally:
        """All its tasks as one."""
        return tallies.of("total", self.outcomes)

    def total(self, account: Account) -> Line:
        """The sum of the account."""
        return spending.total(self.tables[account]["day"])

    @property
    def under_way(self) -> bool:
        """Whether it was not over yet when it was last looked at."""
        return self.seen is not None and self.first <= self.seen <= self.period.last

    @property
    def empty(self) -> bool:
        """Whether nothing is known of it."""
        return not self.daily and not any(self.total(account).requests for account in spending.ACCOUNTS)

    @property
    def cap(self) -> Pico | None:
        """The period's own cap, as it was asked for last."""
        return self._cap(f"{self.period.kind}:{self.period}")

    def day_cap(self, day: date) -> Pico | None:
        """That of one of its days."""
        return self._cap(f"day:{day}")

    def _cap(self, window: str) -> Pico | None:
        return next((each.cap for each in self.budgets if each.name == window), None)

    @property
    def days(self) -> tuple[date, ...]:
        """Those with a task or with spending."""
        spent = {date.fromisoformat(line.key) for tables in self.tables.values() for line in tables["day"]}
        return tuple(sorted(spent | {each.day for each in self.daily}))

    def tallied(self, group: str) -> tuple[Tally, ...]:
        """Its tasks by that group; by the day, each as it stood then."""
        return tallies.by(group, self.daily if group == "day" else self.outcomes)

    @property
    def went_on(self) -> bool:
        """Whether the days have more tasks than the whole, because some went on."""
        return len(self.daily) > len(self.outcomes)
