"""Days in which the clock does what clocks do: steps, sleep, midnight, summer time; and daemons that end in between.

`DAYSHIFT_HISTORIES` says how many are lived through; `make histories` tells 10,000. Each has its seed, which is told
when it fails. The Orchestrator, the almanac with its ledger and the hour of the report are the program's own.
"""

import asyncio
import os
import random
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from almanac import Almanac
from dayshift.clock import day_of, midnight
from dayshift.events import HandedIn, Tick
from dayshift.limits import asked_again
from dayshift.model import Day, Record
from dayshift.notifying.report_hour import ReportHour
from dayshift.states import Parked, ParkReason, Running, Verifying, Waiting
from group_commit import GroupCommit
from metrics import Ledger
from tests.house import (
    ASKED,
    HOUR,
    OVERLOADED,
    SECOND,
    Facts,
    FakeClock,
    House,
    answers,
    ended_by_us,
    fails,
    finished,
    passes,
    ran,
    says,
    silent,
    task,
)

COUNT = int(os.environ.get("DAYSHIFT_HISTORIES", "100"))
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
DAY = timedelta(days=1)
TASKS = (task("a", carry_over=True), task("b"), task("c", "a", carry_over=True), task("d", carry_over=True), task("e"))
MOST_REQUESTS = 4  #: that the cap of a day has room for
STEPS = (HOUR, -HOUR, DAY, -DAY, 5 * SECOND, -5 * SECOND, -40 * timedelta(minutes=1))


class World:
    """Some days of one home, with one daemon after the other."""

    def __init__(self, seed: int, start: datetime, almanac: Almanac, clock: FakeClock) -> None:
        self.chance, self.clock, self.almanac = random.Random(seed), clock, almanac
        self.zone = ZONES[seed % len(ZONES)]
        self.clock.time = start
        self.booked: list[date] = []  #: the days requests counted in, in the order in which they were made
        self.started: Counter[str] = Counter()
        self.begin({})
        self.house.happens(HandedIn(Day(day_of(start, self.zone), "/src/shop", TASKS)))

    def begin(self, records: dict[str, Record]) -> None:
        """A daemon, which takes up what there is."""
        self.house = House(clock=self.clock, timezone=self.zone)
        self.hour = ReportHour(time(18), self.zone)
        self.of_this_daemon: list[date] = []
        self.house.orchestrator.restore(records, {})
        self.house.happens(Tick())

    @property
    def records(self) -> dict[str, Record]:
        return self.house.orchestrator.records

    # --- what happens --------------------------------------------------------------------------------

    async def turn(self) -> None:
        """One thing happens, and everybody looks."""
        before, self.spoke = dict(self.records), False
        await self.chance.choice((self.passes, self.passes, self.steps, self.sleeps, self.nears, self.works, self.works,
                                  self.works, self.works, self.says, self.restarts))()  # fmt: skip
        self.house.happens(Tick())
        self.looks(before)

    async def passes(self) -> None:
        self.clock.time += SECOND * self.chance.choice((1, 30, 600, 3600, 3 * 3600))

    async def steps(self) -> None:
        self.clock.time += self.chance.choice(STEPS)

    async def sleeps(self) -> None:
        self.clock.time += self.chance.choice((HOUR, 9 * HOUR, 3 * DAY))

    async def nears(self) -> None:
        """A midnight, or the time at which the clock is set twice a year."""
        night = midnight(self.clock.time + DAY, self.zone)
        self.clock.time = night + self.chance.choice((-2, -1, 0, 1, 7200)) * SECOND

    async def works(self) -> None:
        """A task that is under way asks the model, ends, or is checked."""
        under_way = [each for each in self.records.values() if isinstance(each.state, Running | Verifying | Waiting)]
        if not under_way:
            return
        record = self.chance.choice(under_way)
        match record.state:
            case Waiting(question=number):
                self.house.happens(answers("50", number, record.id))
            case Verifying():
                self.house.happens(self.chance.choice((passes, fails))(record.id))
            case Running():
                await self.runs(record)

    async def runs(self, record: Record) -> None:
        day = await self.almanac.turn()
        if self.booked.count(day) >= MOST_REQUESTS:
            self.house.happens(ran(record.id, record.runs, api_status=402))
            assert self.records[record.id].runs == record.runs, "it went on although the cap is reached"
            return
        self.booked.append(day)
        soon = self.clock.time + self.chance.choice((HOUR, 9 * HOUR))
        limited: Facts = {"api_status": 429, "error": "x", "reset_at": asked_again(soon, self.clock.time)}
        gone: Facts = {"closed": False, "error": "it ended without a result"}
        kinds: list[Facts | str] = ["goes on", "goes on", ASKED, OVERLOADED, limited, gone, "done", "hung"]
        ends = self.chance.choice(kinds)
        if ends == "hung":
            self.house.happens(silent(record.id, record.runs), ended_by_us(record.id, record.runs))
        elif ends == "done":
            self.house.happens(finished(record.id, record.runs))
        elif not isinstance(ends, str):
            self.house.happens(ran(record.id, record.runs, **ends))

    async def says(self) -> None:
        order, self.spoke = self.chance.choice(("pause", "resume", "retry")), True
        self.house.happens(says(order, self.chance.choice(TASKS).id))

    async def restarts(self) -> None:
        self.counts_starts()
        self.begin(dict(self.records))

    # --- what must hold ------------------------------------------------------------------------------

    def looks(self, before: dict[str, Record]) -> None:
        """After each thing that happened."""
        hour = self.hour.come(self.clock.time)
        if hour is not None:
            self.hour.take(hour)
            self.of_this_daemon.append(hour.date())
        assert len(set(self.of_this_daemon)) == len(self.of_this_daemon), "an evening was told twice"
        at_work = [each for each in self.records.values() if isinstance(each.state, Running | Verifying)]
        assert len(at_work) <= 2, "more work than there is room for"
        assert self.booked == sorted(self.booked), "a request counted in a day that was over"
        assert max(Counter(self.booked).values(), default=0) <= MOST_REQUESTS, "a cap had room twice"
        for task_id, was in before.items():
            self.rested_rightly(was, self.records[task_id])

    def rested_rightly(self, was: Record, now: Record) -> None:
        """What rests for a cap rests until another day of its zone, unless the person spoke."""
        if not isinstance(was.state, Parked) or was.state.why is not ParkReason.cap or now.runs == was.runs:
            return
        carried = was.task.carry_over and day_of(was.state.since, self.zone) < day_of(self.clock.time, self.zone)
        assert carried or self.spoke, f"{was.id} went on within its day"

    def counts_starts(self) -> None:
        """Every run is started once, by whichever daemon."""
        self.started.update(call.split()[1] for call in self.house.crew.calls if call.startswith("start"))
        assert set(self.started.values()) <= {1}, "a run was started twice"

    async def comes_to_rest(self) -> None:
        """Time goes on as it should: nothing rests that could go on."""
        for _ in range(4):
            self.clock.time = midnight(self.clock.time + 26 * HOUR, self.zone) + SECOND
            self.house.happens(Tick())
        for each in self.records.values():
            state = each.state
            if isinstance(state, Parked):
                assert state.why not in (ParkReason.provider, ParkReason.usage_limit, ParkReason.stop), each
        self.counts_starts()


async def lived_through(ledger: Path, count: int, first: int = 0) -> None:
    clock = FakeClock()
    clock.time = datetime(2026, 3, 1, tzinfo=UTC)
    books = Ledger.open(ledger)
    kept = Ledger.open(ledger)
    kept.connection.execute("PRAGMA synchronous = OFF")
    writer = GroupCommit(kept)
    try:
        for seed in range(first, first + count):
            zone = ZONES[seed % len(ZONES)]
            clock.time += 3 * DAY + seed % 24 * HOUR  # later than any day that counted: the ledger is one for all
            world = World(seed, clock.time, Almanac(writer, books, clock, zone, ()), clock)
            try:
                for _ in range(40):
                    await world.turn()
                await world.comes_to_rest()
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, {zone}, at {clock.time}: {error}") from error
    finally:
        writer.close()
        books.close()


@pytest.mark.timeout(COUNT + 60)
def test_whatever_the_clock_does_nothing_is_started_twice_and_no_cap_has_room_twice(tmp_path: Path) -> None:
    asyncio.run(lived_through(tmp_path / "ledger.sqlite3", COUNT))
