"""The end of the day: when its report is due, and what is done then: written, drawn, told."""

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from dayshift import closing, schedule
from dayshift.alerts import Alert
from dayshift.clock import Clock
from dayshift.day_facts import DayFacts
from dayshift.home import Home
from dayshift.model import Record
from dayshift.reporting import report

log = logging.getLogger("dayshift")


class Dusk:
    """One daemon's reports: at their hour, when every task has ended or rests, at the daemon's end, and when asked."""

    def __init__(
        self, home: Home, clock: Clock, timezone: str, report_at: time, known: Callable[[], Collection[Record]],
        facts: Callable[[], DayFacts], tell: Callable[[Alert], None], draws: bool,
        carry: Callable[[DayFacts], DayFacts] = lambda facts: facts,
    ) -> None:  # fmt: skip
        self._home, self._clock, self._timezone, self._report_at = home, clock, ZoneInfo(timezone), report_at
        self._known, self._facts, self._tell, self._draws, self._carry = known, facts, tell, draws, carry
        self._late_on: date | None = None  #: the last day whose hour of the report has come
        self._over = True  # what was over before this daemon began was told by the one before it
        self._told: DayFacts | None = None
        self._closing: asyncio.Task[Path] | None = None

    def look(self) -> None:
        """Begin to close the day if it is time to; nobody waits for that."""
        if self._due() and (self._closing is None or self._closing.done()):
            self._closing = asyncio.create_task(self._close(late=self._late_on is not None), name="dusk")
            self._closing.add_done_callback(_complain)

    def _due(self) -> bool:
        now, known = self._clock.now().astimezone(self._timezone), self._known()
        before, self._over = self._over, not known or schedule.over(known)
        hour = datetime.combine(now.date(), self._report_at, now.tzinfo)
        began = any(record.created_at < hour for record in known)  # what begins after it is told at its end
        late = began and now >= hour and self._late_on != now.date()
        if late:
            self._late_on = now.date()
        return late or (self._over and not before)

    def write(self) -> Path:
        """The report of the day at hand, written anew."""
        return report.write(self._home, self._facts())

    async def end(self) -> Path:
        """The last report of this daemon. The person is told only if the day is over, not if it was merely stopped."""
        if self._closing is not None:
            await asyncio.wait({self._closing})
        return await self._close(late=False)

    async def _close(self, late: bool) -> Path:
        """Write what was left as tomorrow's file, and the report; if that is worth telling, draw the day, show that in
        the report, and tell the person."""
        facts = self._carry(self._facts())
        path, facts = report.write(self._home, facts), replace(facts, picture="")
        if facts == self._told or not (late or closing.is_over(facts)):
            return path
        now = self._clock.now()
        drawn = await closing.draw(self._home, facts, now) if self._draws else None
        self._told, path = facts, self.write()
        self._tell(closing.closing_alert(facts, path, drawn, now))
        return path


def _complain(closing: asyncio.Task[Path]) -> None:
    if not closing.cancelled() and (error := closing.exception()):
        log.error("the day's report: %s: %s", type(error).__name__, error, exc_info=error)
