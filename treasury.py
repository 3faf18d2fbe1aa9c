"""The treasury: the daemon's money in one place: ledger and writer, almanac, admission, and what follows from them."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable
from datetime import date
from functools import lru_cache

from admission import Admission
from almanac import Almanac
from dayshift.clock import Clock
from dayshift.cost.budgets import Subject, guarantee
from dayshift.cost.harvest import transcripts_of
from dayshift.cost.prices import Prices, load_prices
from dayshift.cost.standing import Standing, standings
from dayshift.cost.statement import Statement
from dayshift.events import Event
from dayshift.files import Unusable
from dayshift.mailbox.status import TaskSpend
from dayshift.model import Day, Record
from dayshift.money import Pico, from_usd
from dayshift.notices import Notice
from dayshift.proving.preparation import Preparation
from dayshift.recaps import recap
from dayshift.recaps.period import Period
from elsewhere import Elsewhere
from group_commit import GroupCommit
from metrics import Ledger
from teller import Teller

log = logging.getLogger("dayshift")


class Treasury:
    """Opened with the daemon, closed with it; nobody else of the daemon writes the ledger."""

    def __init__(
        self, prepared: Preparation, clock: Clock, record: Callable[[str], Record], day: Callable[[], Day | None],
        put: Callable[[Event], None], say: Callable[[str], None], tell: Callable[[Notice], None],
    ) -> None:  # fmt: skip
        self._prepared, self._clock, self._day, self._say, self._tell = prepared, clock, day, say, tell
        path = prepared.home.ledger(prepared.rehearsal)
        ledger = Ledger.open(path)
        ledger.verify()
        if left := ledger.recover(clock.now()):
            log.warning("%d requests an earlier daemon left open are charged at the most they can have cost", left)
        self._books = Ledger.open(path)  # the loop's own connection: it reads while the writer waits for the disk
        self.statement = Statement(self._books.connection)
        self._writer = GroupCommit(ledger)
        settings = prepared.settings
        self._almanac = Almanac(self._writer, self._books, clock, settings.timezone, settings.budget.phases)
        self.prices = lru_cache(maxsize=8)(self._prices_on)
        budget = settings.budget
        self.teller = Teller(self._writer, self._books, clock, budget.warn_at, budget.milestones_usd)
        self._elsewhere = Elsewhere(
            prepared.home, settings, transcripts_of(prepared.environment), clock,
            counts=budget.include_other_use and not prepared.rehearsal,
        )  # fmt: skip
        self.admission = Admission(
            self._writer, self._books, self._almanac, self.teller, self.prices, clock, budget, record, self._subject,
            put, self._elsewhere, searches="WebSearch" in settings.agent.tools,
        )  # fmt: skip
        self._backed_up: date | None = None
        self._complaint = ""  #: what the disk refuses, said once
        self._archived = ("", "")  #: the week and the month before which all have their recaps
        self._outcomes: dict[tuple[date, str], str] = {}

    def _prices_on(self, day: date) -> Prices:
        return load_prices(self._prepared.settings.prices, day)

    def _subject(self, record: Record) -> Subject:
        return Subject(
            record.day, record.id, record.project, self._prepared.provider, "plan" if self._on_plan else "api",
            self._task_cap(record), self.day_cap,
        )  # fmt: skip

    def _task_cap(self, record: Record) -> Pico | None:
        """What the task may cost on its day: its cap holds over all its days, and earlier ones have taken of it."""
        cap = record.task.max_cost
        return None if cap is None else max(0, cap - self.before(record))

    def before(self, record: Record) -> Pico:
        """What the task took on the days it went on from."""
        lines = (self.statement.task(each.day, record.id) for each in record.earlier)
        return sum(line.cost + line.reserved for line in lines if line)

    @property
    def _on_plan(self) -> bool:
        """Whether a plan pays, so that amounts are notional."""
        return self._prepared.subscription and not self._prepared.rehearsal

    @property
    def today(self) -> date:
        """The calendar day requests count in now."""
        return self._almanac.today

    @property
    def day_cap(self) -> Pico:
        """The lower of the day file's cap and the home's."""
        daily, day = from_usd(self._prepared.settings.budget.daily_usd), self._day()
        return min(daily, day.max_cost) if day and day.max_cost is not None else daily

    def guarantee(self, fenced: bool) -> str:
        """What the caps promise, as the report says it."""
        return guarantee(self._prepared.settings.budget.mode, fenced, self._on_plan)

    def standings(self) -> tuple[Standing, ...]:
        """Where every budget with a cap stands now."""
        today, budget = self.today, self._prepared.settings.budget
        known, taken = self.statement.windows(), self._elsewhere(today)
        return standings(budget, known, today, self.day_cap, self._almanac.phase, taken)

    def spend(self, record: Record) -> TaskSpend:
        """What a task has cost, for its status."""
        line, cap = self.statement.task(record.day, record.id), self._task_cap(record)
        if line is None:
            return TaskSpend.nothing(cap)
        return TaskSpend(line.cost, line.reserved, cap, line.tokens, line.requests, line.unknown)

    async def look(self, known: Iterable[Record]) -> None:
        """What time brings: a new day, its backup, outcomes to remember, notices to tell. What the ledger does not
        take, e.g. on a full disk, is done another time."""
        try:
            await self._follow(known)
        except (OSError, Unusable, sqlite3.Error) as error:
            if str(error) != self._complaint:
                log.warning("the ledger: %s", error)
            self._complaint = str(error)
        else:
            self._complaint = ""

    async def _follow(self, known: Iterable[Record]) -> None:
        await self._elsewhere.refresh()
        today = await self._almanac.turn()
        if today != self._backed_up:
            self._backed_up = today
            self._back_up(today)
        if self._almanac.days_ahead > 1:  # one day is a timezone or a step of the clock round midnight
            await self.teller.tell(_clock_behind(today))
        await self._keep_outcomes(known)
        await self._archive(today)
        await self.teller.say(self._tell)

    def _back_up(self, today: date) -> None:
        try:
            self._books.backup(today)
        except (OSError, Unusable) as error:
            self._say(f"the ledger could not be backed up today: {error}")

    async def _archive(self, today: date) -> None:
        """The recap of every month before this one, and of the last week before this one, each once, when no request of
        it is under way any more. First the file, then the word, so that a crash between loses nothing."""
        now = str(Period.of(today, "week")), str(Period.of(today, "month"))
        if now == self._archived or self._prepared.rehearsal:
            return
        weeks = [week for week in self.statement.periods("week") if week < now[0]]
        months = [month for month in self.statement.periods("month") if month < now[1]]
        for past in (*weeks[-1:], *months):
            if not self._books.memoranda.noticed(recap.name(past)):
                if self._is_open(Period.parse(past)):
                    return
                await self._recap(past, today)
        self._archived = now

    def _is_open(self, period: Period) -> bool:
        """Whether a request of it is still under way, so that its sums are not final."""
        return any(line.reserved for line in self.statement.by("day", period.first, period.last))

    async def _recap(self, past: str, today: date) -> None:
        """What the disk does not take now is left to the next daemon; `report` makes it at any time."""
        found = recap.gather(self._prepared.home, self.statement, past, today)
        try:
            path = recap.write(self._prepared.home, found)
        except OSError as error:
            self._say(f"the recap of {past} could not be written: {error}")
        else:
            await self.teller.tell(recap.notice(found, path))

    async def _keep_outcomes(self, known: Iterable[Record]) -> None:
        """How tasks ended, so that tomorrow's forecast can compare; all that are due in one commit."""
        ended = {(each.day, each.id): each.state.name for each in known if each.ended}
        due = [(*which, outcome) for which, outcome in ended.items() if self._outcomes.get(which) != outcome]

        def keep(ledger: Ledger) -> None:
            for each in due:
                ledger.memoranda.task_ended(*each)

        if due:
            await self._writer.write(keep)
            self._outcomes = ended

    async def close(self, known: Iterable[Record]) -> None:
        """Keep and tell what is left, make every write, let go of the ledger."""
        try:
            await self.look(known)
        finally:
            await asyncio.to_thread(self._writer.close)

    def let_go(self) -> None:
        """No more reading either."""
        self._books.close()


def _clock_behind(today: date) -> Notice:
    text = (
        f"requests have counted in {today} already, and go on counting there until the clock is past it. If the clock "
        "was wrong then: `dayshift stop`, `dayshift cost rewind DATE` with the true date, and start again"
    )
    return Notice(f"clock:{today}", text)
