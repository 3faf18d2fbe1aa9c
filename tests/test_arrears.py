"""What is done about a disk that takes nothing: told once, tried again, and every event may be handled again."""

import errno
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from dayshift.alerts import Alert
from dayshift.events import Event
from dayshift.host import room
from dayshift.host.arrears import QUIET_SECONDS, Arrears, Step, Unkept
from dayshift.host.floor import Floor
from dayshift.host.room import FEWEST_FILES, GB, Room
from dayshift.model import Day, Record
from tests.histories import HISTORIES
from tests.house import (
    FakeClock,
    House,
    NotingDesk,
    finished,
    hands_in,
    hindered,
    running,
    task,
)
from tests.house import Step as Happened

FULL = OSError(errno.ENOSPC, "No space left on device")


class Disk:
    """Takes steps or does not."""

    def __init__(self) -> None:
        self.clock, self.said, self.done = FakeClock(), list[str](), list[str]()
        self.fault: Exception | None = None
        self.arrears = Arrears(Path("/tmp"), self.said.append, self.clock.monotonic)

    def step(self, name: str) -> Step:
        def does() -> None:
            if self.fault is not None:
                raise self.fault
            self.done.append(name)

        return does

    def passes(self, seconds: float) -> None:
        self.clock.time += timedelta(seconds=seconds)
        self.arrears.look()


@pytest.mark.parametrize("fault", [FULL, sqlite3.OperationalError("database or disk is full"), Unkept("full")])
def test_what_was_refused_is_owed_and_done_in_order_once_the_disk_takes_it(fault: Exception) -> None:
    disk = Disk()
    disk.fault = fault
    disk.arrears.owe("a", disk.step("asked"))
    disk.passes(1)
    disk.fault = None
    disk.arrears.owe("a", disk.step("put away"))
    assert disk.done == []  # what came first comes first
    disk.passes(1)
    disk.passes(1)
    assert disk.done == ["asked", "put away"]


def test_an_outage_is_told_once_with_its_cure_and_once_when_it_is_over() -> None:
    disk = Disk()
    disk.fault = FULL
    for _ in range(100):
        assert not disk.arrears.attempt(disk.step("a"))
        disk.passes(1)
    with pytest.raises(Unkept, match="dayshift clean --all"):
        disk.arrears.keep(disk.step("a"))
    assert len(disk.said) == 1 and "no room on" in disk.said[0] and disk.arrears.why in disk.said[0]
    disk.fault = None
    for _ in range(10):
        disk.passes(1)
    assert disk.said[1:] == ["the disk takes everything again: it goes on"] and disk.arrears.why == ""


def test_a_disk_on_the_edge_makes_no_flood_of_words() -> None:
    disk = Disk()
    for turn in range(100):
        disk.fault = FULL if turn % 2 else None
        disk.arrears.attempt(disk.step("a"))
        disk.passes(QUIET_SECONDS / 2)
    assert len(disk.said) == 1


@pytest.mark.parametrize(
    ("number", "cure"), [(errno.EIO, "dmesg"), (errno.EACCES, "user that dayshift runs as"), (errno.EMFILE, "ulimit"),
                         (errno.EROFS, "for writing"), (errno.ENOENT, "see to it")]
)  # fmt: skip
def test_every_fault_has_its_cure(number: int, cure: str) -> None:
    disk = Disk()
    disk.fault = OSError(number, "words", "/x/y")
    disk.arrears.attempt(disk.step("a"))
    assert cure in disk.said[0] and "/x/y" in disk.said[0]


# --- every event may be handled again ------------------------------------------------------------------


class StubbornDesk(NotingDesk):
    """Keeps nothing the first time it is to, whatever it is."""

    def __init__(self) -> None:
        super().__init__()
        self._last: object = None
        self.refused = 0

    def _takes(self, what: object) -> None:
        if what != self._last:
            self._last, self.refused = what, self.refused + 1
            raise Unkept("no room")

    def save(self, record: Record, activity: str) -> None:
        self._takes(record)
        super().save(record, activity)

    def put_by(self, record: Record) -> None:
        self._takes(("put by", record.id))
        super().put_by(record)

    def keep_day(self, day: Day) -> None:
        if self.day != day:
            self._takes(day)
        super().keep_day(day)


def stubborn() -> House:
    """A house whose disk takes everything at the second try."""
    house = House(desk=StubbornDesk())
    once = house.orchestrator.handle

    def until_kept(event: Event) -> None:
        for _ in range(100):
            try:
                return once(event)
            except Unkept:
                continue
        raise AssertionError("it is never kept")

    house.orchestrator.handle = until_kept  # type: ignore[method-assign]
    return house


def heard(house: House) -> tuple[object, ...]:
    """What the person and the crew were told, alerts as the outbox keeps them: each once."""
    desk = house.desk
    keys = list(dict.fromkeys(alert.key for alert in desk.told if isinstance(alert, Alert)))
    return desk.said, desk.replies, keys, desk.asked, desk.closed, desk.saved, desk.kept


@pytest.mark.parametrize("steps", HISTORIES.values(), ids=HISTORIES)
def test_whatever_was_not_kept_at_first_a_history_goes_as_it_would_have(steps: list[Happened]) -> None:
    smooth, rough = House(), stubborn()
    smooth.plays(steps)
    rough.plays(steps)
    assert isinstance(rough.desk, StubbornDesk)
    assert rough.desk.refused >= len(smooth.desk.saved)
    assert heard(rough) == heard(smooth)


def test_a_run_that_the_machine_hindered_costs_nothing_and_is_begun_again() -> None:
    house = running(task("a", max_attempts=1))
    for run in range(1, 12):
        house.happens(hindered("a", run))
    assert (house["a"].attempt, house["a"].runs, house.states) == (1, 12, "a running")


def test_while_something_hinders_no_agent_is_started_and_those_at_work_go_on() -> None:
    house = House()
    why = [""]
    house.orchestrator._hindrance = lambda: why[0]
    house.happens(hands_in(task("a")))
    why[0] = "no room on /"
    house.happens(hands_in(task("b")), finished("a"))
    assert house.states == "a verifying, b queued"
    why[0] = ""
    house.happens(timedelta(seconds=1))
    assert house.states == "a verifying, b running"


# --- the floor -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rooms", "floor", "short"),
    [
        ([(3.0, None)], 2, None),
        ([(1.9, None)], 2, 0),
        ([(3.0, None), (1.0, None)], 2, 1),
        ([(3.0, FEWEST_FILES - 1)], 2, 0),
        ([(3.0, FEWEST_FILES)], 2, None),
        ([(0.0, 0)], 0, None),
    ],
)
def test_the_first_disk_below_the_floor_is_found(
    rooms: list[tuple[float, int | None]], floor: int, short: int | None
) -> None:
    found = [Room(Path(f"/{number}"), int(free * GB), files) for number, (free, files) in enumerate(rooms)]
    assert room.scarce(found, floor * GB) == (None if short is None else found[short])


def test_below_the_floor_is_told_once_and_so_is_that_there_is_room_again() -> None:
    left, told = [3 * GB], list[tuple[str, bool]]()
    floor = Floor(2 * GB, lambda: [Path("/x")], lambda *what: told.append(what), lambda _: Room(Path("/x"), left[0]))
    for free in (3.0, 1.5, 1.4, 2.01, 1.9, 2.2, 2.2):
        left[0] = int(free * GB)
        floor.look()
        assert bool(floor.why) == (free < 2.1 and len(told) == 1)
    words = "no room on /x: 1.5 GB left, and limits.free_gb is 2; free some, e.g. `dayshift clean --all`"
    assert told == [(words, True), ("there is room again", False)]


def test_a_disk_is_asked_for_what_a_user_may_still_take(tmp_path: Path) -> None:
    found = room.free(tmp_path / "not" / "there" / "yet")
    assert found.free > 0 and tmp_path.is_relative_to(found.mount) and found.mount.is_mount()


def test_want_of_room_is_told_from_other_faults_also_in_a_program_s_last_words() -> None:
    def caused(cause: Exception) -> Exception:
        error = RuntimeError("it could not be set up")
        error.__cause__ = cause
        return error

    assert all(map(room.is_hindrance, (FULL, caused(FULL), RuntimeError("fatal: write error: No space left on device"),
                                       sqlite3.OperationalError("database or disk is full"))))  # fmt: skip
    assert not any(map(room.is_hindrance, (FileNotFoundError(2, "No such file"), RuntimeError("merge conflict"),
                                           PermissionError(13, "Permission denied"))))  # fmt: skip
