"""The history of a day: every state once, whole after a crash, told apart by task, day and rehearsal."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dayshift.home import Home
from dayshift.logbook import timeline
from dayshift.model import Record
from dayshift.states import Done, Failed, Parked, ParkReason, Queued, Running, State, Verifying, Waiting
from desk import Desk
from tests.house import HOUR, NINE, TODAY, FakeClock, record, task
from tests.test_desk import Office

MINUTE = timedelta(minutes=1)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


def at(state: State, **facts: Any) -> Record:
    return record(state, "a", **facts)


LIFE = (
    Queued(NINE),
    Running(NINE + MINUTE, 1),
    Waiting(NINE + 5 * MINUTE, 1),
    Running(NINE + 9 * MINUTE, 2),
    Verifying(NINE + 20 * MINUTE),
    Done(NINE + 21 * MINUTE),
)


def lived(home: Home, *states: State) -> Record:
    for state in states:
        timeline.note(home, at(state))
    return at(states[-1])


def spent(home: Home, kept: Record) -> list[tuple[str, float]]:
    """The states with their minutes, until ten o'clock."""
    found = timeline.stretches(kept, timeline.read(home, TODAY, False), NINE + HOUR)
    return [(each.state, (each.end - each.begin) / MINUTE) for each in found]


def test_a_task_spends_its_day_in_one_state_after_the_other(home: Home) -> None:
    expected = [("queued", 1), ("running", 4), ("waiting", 4), ("running", 11), ("verifying", 1)]
    assert spent(home, lived(home, *LIFE)) == expected


def test_what_goes_on_lasts_until_now(home: Home) -> None:
    assert spent(home, lived(home, *LIFE[:3])) == [("queued", 1), ("running", 4), ("waiting", 55)]


def test_a_task_that_is_tried_again_spends_no_time_ended(home: Home) -> None:
    again = (Failed(NINE + 2 * MINUTE, "red"), Queued(NINE + 30 * MINUTE), Running(NINE + 31 * MINUTE, 2))
    assert spent(home, lived(home, *LIFE[:2], *again)) == [
        ("queued", 1),
        ("running", 1),
        ("queued", 1),
        ("running", 29),
    ]


@pytest.mark.parametrize(
    "torn", [b"", b"\n", b'\n{"task": "a", "sta', b"\n\xff\xfe", b"\n[1]", b"\nnull", b'\n{"at": 7}']
)
def test_a_torn_line_costs_itself_alone(home: Home, torn: bytes) -> None:
    lived(home, *LIFE[:2])
    with home.timeline(TODAY, False).open("ab") as file:
        file.write(torn)
    lived(home, *LIFE[2:])
    assert [entry.state for entry in timeline.read(home, TODAY, False)] == [state.name for state in LIFE]


def test_the_same_line_twice_counts_once(home: Home) -> None:
    lived(home, *LIFE[:2])
    kept = lived(home, *LIFE[:2])  # the next daemon knows not what was noted
    assert spent(home, kept) == [("queued", 1), ("running", 59)]


def test_a_task_without_a_history_was_at_work_from_its_first_run(home: Home) -> None:
    assert spent(home, at(Done(NINE + 21 * MINUTE), started_at=NINE + MINUTE)) == [("running", 20)]
    assert spent(home, at(Queued(NINE))) == [("queued", 60)]
    assert spent(home, at(Parked(NINE, ParkReason.cap), started_at=NINE + HOUR)) == [("parked", 60)]


def test_a_state_that_was_not_noted_is_taken_from_the_record(home: Home) -> None:
    lived(home, *LIFE[:2])
    assert spent(home, at(LIFE[-1])) == [("queued", 1), ("running", 20)]


def test_tasks_of_one_id_are_told_apart(home: Home) -> None:
    kept = lived(home, *LIFE[:2])
    timeline.note(home, replace(at(LIFE[-1]), created_at=NINE - HOUR))
    timeline.note(home, replace(at(LIFE[-1]), rehearsal=True))
    timeline.note(home, replace(at(LIFE[-1]), day=TODAY + timedelta(days=1)))
    assert spent(home, kept) == [("queued", 1), ("running", 59)]
    assert len(timeline.read(home, TODAY, True)) == 1


def test_a_clock_that_steps_back_turns_no_time_round(home: Home) -> None:
    lived(home, Queued(NINE), Running(NINE + HOUR, 1))
    kept = lived(home, Done(NINE + 30 * MINUTE))
    assert all(minutes > 0 for _, minutes in spent(home, kept))


def test_a_history_that_cannot_be_written_stops_nobody(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.timeline(TODAY, False).mkdir()
    timeline.note(home, at(LIFE[0]))
    assert "the history takes no line" in caplog.text
    assert timeline.read(home, TODAY, False) == ()


def test_the_desk_notes_a_state_when_it_is_entered_and_not_again(tmp_path: Path) -> None:
    office = Office(tmp_path / "home")
    running = record(Running(NINE, 1), "a", task=task("a"))
    for kept in (running, replace(running, steps=3), replace(running, state=Done(NINE + HOUR))):
        office.desk.save(kept, "")
    assert [entry.state for entry in timeline.read(office.home, TODAY, False)] == ["running", "done"]
    assert len(office.home.timeline(TODAY, False).read_bytes().splitlines()) == 3
    Desk(office.home, FakeClock(), office.spend, office.said.append).save(replace(running, state=Done(NINE + HOUR)), "")
    assert len(timeline.read(office.home, TODAY, False)) == 2
