"""The almanac: days and phases only move forward, whatever the clock does and however often the daemon starts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from almanac import Almanac
from dayshift.inputs.settings import Phase
from group_commit import GroupCommit
from metrics import Ledger

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PHASES = (Phase(name="sprint", days=10), Phase(name="ongoing"))


class Clock:
    """A clock that is set."""

    moment = NOON

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0


class Wall:
    """An almanac on a ledger's file, made anew as often as wanted."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock = path, Clock()
        self.books = Ledger.open(path)
        self.writer = GroupCommit(Ledger.open(path))

    def almanac(self, timezone: str = "Europe/Berlin", phases: tuple[Phase, ...] = PHASES) -> Almanac:
        return Almanac(self.writer, self.books, self.clock, timezone, phases)


@pytest.fixture
async def wall(tmp_path: Path) -> AsyncIterator[Wall]:
    wall = Wall(tmp_path / "ledger.sqlite3")
    yield wall
    wall.writer.close()
    wall.books.close()


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-11-20", 24), ("2027-03-28", 23), ("2027-10-31", 25), ("2026-12-31", 24)]
)
async def test_a_day_begins_and_ends_at_midnight_of_its_timezone(wall: Wall, day: str, hours: int) -> None:
    almanac, seen = wall.almanac(), []
    wall.clock.moment = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=6)
    for _ in range(36 * 60):
        seen.append(str(await almanac.turn()))
        wall.clock.moment += timedelta(minutes=1)
    assert seen.count(day) == hours * 60
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("timezone", "day"),
    [("UTC", 20), ("Pacific/Auckland", 21), ("America/Los_Angeles", 20), ("Pacific/Kiritimati", 21)],
)
async def test_the_configured_timezone_decides(wall: Wall, timezone: str, day: int) -> None:
    assert await wall.almanac(timezone).turn() == date(2026, 11, day)


async def test_a_clock_set_back_does_not_open_a_day_again_nor_does_a_restart(wall: Wall) -> None:
    almanac = wall.almanac()
    await almanac.turn()
    wall.clock.moment += timedelta(days=2)
    assert await almanac.turn() == date(2026, 11, 22)
    wall.clock.moment -= timedelta(days=5)
    for each in (almanac, wall.almanac()):
        assert await each.turn() == date(2026, 11, 22)
    wall.clock.moment += timedelta(days=6)
    assert await almanac.turn() == date(2026, 11, 23)


async def test_who_began_to_ask_before_midnight_is_not_told_a_day_that_is_over_for_another(wall: Wall) -> None:
    """The first call writes down more than the second, and so comes to its end after it."""
    almanac = wall.almanac()
    first = asyncio.ensure_future(almanac.turn())
    await asyncio.sleep(0)
    wall.clock.moment += timedelta(days=1)
    second = asyncio.ensure_future(almanac.turn())
    order: list[date] = []
    for each in (first, second):
        each.add_done_callback(lambda done: order.append(done.result()))
    await asyncio.gather(first, second)
    await asyncio.sleep(0)
    assert order == sorted(order)


async def test_a_phase_begins_on_the_first_day_it_was_asked_for_and_keeps_it(wall: Wall) -> None:
    await wall.almanac().turn()
    for days, name in ((9, "sprint"), (1, "ongoing")):
        wall.clock.moment += timedelta(days=days)
        almanac = wall.almanac()
        await almanac.turn()
        assert almanac.phase and almanac.phase.name == name
    assert wall.almanac(phases=()).phase is None


async def test_a_phase_that_was_closed_stays_closed(wall: Wall) -> None:
    almanac = wall.almanac()
    await almanac.turn()
    sprint, ongoing = PHASES
    assert (almanac.phase, almanac.next_phase(sprint), almanac.next_phase(ongoing)) == (sprint, ongoing, None)
    await almanac.close_phase(sprint)
    wall.clock.moment -= timedelta(days=3)
    for each in (almanac, wall.almanac()):
        assert each.phase == ongoing
    wall.clock.moment += timedelta(days=5)
    await almanac.close_phase(sprint)
    assert wall.books.memoranda.mark("phase-spent:sprint") == "2026-11-20"
