"""The end of the day: when its report is due, and what is done then: written, drawn, told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path

from dayshift.alerts import Alert
from dayshift.clock import Clock
from dayshift.day_facts import DayFacts
from dayshift.deciding import schedule
from dayshift.home import Home
from dayshift.model import Record
from dayshift.notifying import closing
from dayshift.notifying.report_hour import ReportHour
from dayshift.reporting import report

log = logging.getLogger("dayshift")

AGAIN_SECONDS = 60.0  #: until a report is written again that could not be


class Dusk:
    """One daemon's reports: at their hour, when every task has ended or rests, at the daemon's end, and when asked."""

    def __init__(
        self, home: Home, clock: Clock, timezone: str, report_at: time, known: Callable[[], Collection[Record]],
        facts: Callable[[], DayFacts], tell: Callable[[Alert], None], reply: Callable[[str, list[str], bool], None],
        draws: bool,
        carry: Callable[[DayFacts], DayFacts] = lambda facts: facts,
        look_back: Callable[[], Awaitable[None]] | None = None,
    ) -> None:  # fmt: skip
        self._home, self._clock, self._hour = home, clock, ReportHour(report_at, timezone)
        self._known, self._facts, self._tell, self._draws, self._carry = known, facts, tell, draws, carry
        self._reply, self._look_back = reply, look_back
        self._over = True  # what was over before this daemon began was told by the one before it
        self._told: DayFacts | None = None
        self._again_at: float | None = None  #: when what could not be written is tried again
        self._owed_of: date | None = None  #: and of which day it is, if that was late
        self._complaint = ""
        self._closing: asyncio.Task[Path] | None = None
        self._asked: list[str] = []  #: the requests for a report that are to be answered
        self._answering: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Begin to close the day if it is time to; nobody waits for that."""
        if self._closing is not None and not self._closing.done():
            return  # what comes meanwhile is still to be seen after it
        before, self._over = self._over, not self._known() or schedule.over(self._known())
        owed = self._is_owed()
        late = self._late() or (self._owed_of if owed else None)
        if late or owed or (self._over and not before):
            self._owed_of = late
            self._closing = asyncio.create_task(self._close(late), name="dusk")
            self._closing.add_done_callback(self._closed)

    def _late(self) -> date | None:
        """The day whose hour of the report has come; None if the tasks at hand were begun later, and are told of at
        their end."""
        hour, known = self._hour.come(self._clock.now()), self._known()
        at_hand = max((record.day for record in known), default=None)
        if hour is None or not any(_begun(record) < hour for record in known if record.day == at_hand):
            return None
        self._hour.take(hour)
        return hour.date()

    def _is_owed(self) -> bool:
        """Whether what could not be written is to be tried once more."""
        return self._again_at is not None and self._clock.monotonic() >= self._again_at

    def write(self) -> Path:
        """The report of the day at hand, written anew."""
        return report.write(self._home, self._facts())

    def take(self, request: str) -> None:
        """Take in a request for the report at hand; it is answered once that is written. All who wait have the same."""
        self._asked.append(request)
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._answer(), name="report")

    async def _answer(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, []
            lines, ok = await self._tried()
            for request in asked:
                self._reply(request, lines, ok)

    async def _tried(self) -> tuple[list[str], bool]:
        """Where the report is, or why there is none; and which of the two."""
        try:
            return [str(await self._looked_back())], True
        except Exception as error:  # a full disk, above all
            log.error("a report that was asked for: %s: %s", type(error).__name__, error, exc_info=error)
            return [f"the report could not be written: {error}"], False

    async def _looked_back(self) -> Path:
        if self._look_back:
            await self._look_back()
        return self.write()

    async def end(self) -> Path:
        """The last report of this daemon. The person is told only if the day is over, not if it was merely stopped."""
        if under_way := {each for each in (self._closing, self._answering) if each is not None}:
            await asyncio.wait(under_way)
        return await self._close(None)

    def _closed(self, closing: asyncio.Task[Path]) -> None:
        """What could not be written, e.g. on a full disk, is owed; that is told once."""
        error = None if closing.cancelled() else closing.exception()
        self._again_at = self._clock.monotonic() + AGAIN_SECONDS if error else None
        self._owed_of = self._owed_of if error else None
        if error and str(error) != self._complaint:
            log.error("the day's report: %s: %s", type(error).__name__, error, exc_info=error)
        self._complaint = str(error) if error else ""

    async def _close(self, late: date | None) -> Path:
        """Write what was left as tomorrow's file, and the report; if that is worth telling, at the end or as it is late
        on that day, draw the day, show that in the report, and tell the person."""
        if self._look_back:
            await self._look_back()
        facts = self._carry(self._facts())
        path, facts = report.write(self._home, facts), replace(facts, picture="")
        if facts == self._told or not (late or closing.is_over(facts)):
            return path
        now = self._clock.now()
        drawn = await closing.draw(self._home, facts, now) if self._draws else None
        self._told, path = facts, self.write()
        self._tell(closing.closing_alert(facts, path, drawn, now, late))
        return path


def _begun(record: Record) -> datetime:
    """When the task became one of its present day."""
    return record.earlier[-1].until if record.earlier else record.created_at
