"""The almanac: which day requests count in and which phase is in force. Both only move forward, also over restarts."""

from collections.abc import Sequence
from datetime import date

from dayshift.clock import Clock, day_of
from dayshift.cost.budgets import BEGAN, PLAN, SPENT, in_force, phase_window, remembered, spent_up
from dayshift.inputs.settings import Phase
from dayshift.money import Pico, from_usd, shown
from dayshift.notices import Notice
from group_commit import GroupCommit
from metrics import Ledger


class Almanac:
    """Time as the budgets know it. What it says is in the ledger before a request counts by it."""

    def __init__(
        self, writer: GroupCommit, books: Ledger, clock: Clock, timezone: str, phases: Sequence[Phase]
    ) -> None:
        self._writer, self._books, self._clock = writer, books, clock
        self._timezone, self._phases = timezone, phases
        seen = books.memoranda.mark("day")
        self._seen = date.fromisoformat(seen) if seen else None
        self._began, self._spent = remembered(phases, books.memoranda.mark)

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
            kept = await self._writer.write(lambda ledger: ledger.memoranda.current_day(today))
            self._seen = max(kept, self._seen or kept)
        if self._phases and self._began is None:
            self._began = await self._remembered(f"{BEGAN}:{self._phases[0].name}", today)
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
        self._spent[phase.name] = await self._remembered(f"{SPENT}:{phase.name}", self.today)

    async def spend_up(self, window: str, amount: Pico) -> Notice | None:
        """Close the phase in force if that is its budget, its money is gone for this amount and there is a next one;
        what the person is to be told then."""
        phase = self.phase
        after = self.next_phase(phase) if phase else None
        if phase is None or after is None or window.removeprefix(PLAN) != phase_window(phase.name):
            return None
        if not spent_up(phase, self._books.spend(window).settled, amount):
            return None
        await self.close_phase(phase)
        return Notice(f"phase:{phase.name}", _passed_on(phase, after))

    async def _remembered(self, name: str, today: date) -> date:
        """The day kept under that name: today, unless one was kept before."""
        return date.fromisoformat(await self._writer.write(lambda ledger: ledger.memoranda.remember(name, str(today))))

    def next_phase(self, phase: Phase) -> Phase | None:
        """The phase that follows this one."""
        after = self._phases[self._phases.index(phase) + 1 :]
        return after[0] if after else None


def _passed_on(phase: Phase, after: Phase) -> str:
    daily = f", {shown(from_usd(after.daily_usd))} a day" if after.daily_usd else ""
    total = f", {shown(from_usd(after.total_usd))} in all" if after.total_usd else ""
    return f"the money of the phase {phase.name} is spent; from now on {after.name} is in force{daily}{total}"
