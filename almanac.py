"""The almanac: which day requests count in and which phase is in force. Both only move forward, also over restarts."""

from collections.abc import Sequence
from datetime import date

from dayshift.budgets import BEGAN, SPENT, in_force, remembered
from dayshift.clock import Clock, day_of
from dayshift.settings import Phase
from group_commit import GroupCommit
from metrics import Ledger


class Almanac:
    """Time as the budgets know it. What it says is in the ledger before a request counts by it."""

    def __init__(
        self, writer: GroupCommit, books: Ledger, clock: Clock, timezone: str, phases: Sequence[Phase]
    ) -> None:
        self._writer, self._clock, self._timezone, self._phases = writer, clock, timezone, phases
        seen = books.mark("day")
        self._seen = date.fromisoformat(seen) if seen else None
        self._began, self._spent = remembered(phases, books.mark)

    @staticmethod
    def _date(text: str | None) -> date | None:
        return date.fromisoformat(text) if text else None

    @property
    def today(self) -> date:
        """The calendar day requests count in now; never earlier than one that was seen before."""
        now = day_of(self._clock.now(), self._timezone)
        return max(now, self._seen) if self._seen else now

    @property
    def days_ahead(self) -> int:
        """How many days the clock is behind one that already counted: it was wrong then, or it is now."""
        return (self.today - day_of(self._clock.now(), self._timezone)).days

    async def turn(self) -> date:
        """Today, on disk: no request counts in an earlier day any more."""
        today = self.today
        if today != self._seen:
            kept = await self._writer.write(lambda ledger: ledger.current_day(today))
            self._seen = max(kept, self._seen or kept)
        if self._phases and self._began is None:
            name = f"{BEGAN}:{self._phases[0].name}"
            self._began = self._date(await self._writer.write(lambda ledger: ledger.remember(name, str(today))))
        return self._seen or today  # by now another call may have seen a later one

    @property
    def phase(self) -> Phase | None:
        """The phase in force."""
        return self.phase_of(self.today)

    def phase_of(self, day: date) -> Phase | None:
        """The phase in force on that day."""
        return in_force(self._phases, day, self._began or day, self._spent)

    async def close_phase(self, phase: Phase) -> None:
        """Its money is gone: from now on the next one is in force."""
        today, name = self.today, f"{SPENT}:{phase.name}"
        kept = self._date(await self._writer.write(lambda ledger: ledger.remember(name, str(today))))
        self._spent[phase.name] = kept or today

    def next_phase(self, phase: Phase) -> Phase | None:
        """The phase that follows this one."""
        after = self._phases[self._phases.index(phase) + 1 :]
        return after[0] if after else None
