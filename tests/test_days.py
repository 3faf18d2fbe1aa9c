"""Days handed in, days taken up by a new daemon, and how a day ends."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from dayshift.deciding import schedule
from dayshift.states import (
    Cancelled,
    Done,
    Ending,
    Failed,
    Halted,
    Parked,
    ParkReason,
    Queued,
    Running,
    State,
    Verifying,
    Waiting,
)
from tests.house import (
    HOUR,
    NINE,
    SECOND,
    TODAY,
    House,
    ended_by_us,
    finished,
    hands_in,
    label,
    left_by_an_earlier_daemon,
    passes,
    queued,
    record,
    running,
    stops,
    task,
)

# --- a day handed in -------------------------------------------------------------------------------------------

YESTERDAY = date(2026, 11, 19)


@pytest.mark.parametrize(
    ("known", "day", "rehearsal", "problem"),
    [
        (record(Done(NINE)), {}, True, "a exists for real in this home"),
        (record(queued(), day=YESTERDAY), {}, False, "a of 2026-11-19 is still queued"),
        (record(Done(NINE), day=YESTERDAY), {}, False, "a of 2026-11-19 was not reviewed yet"),
        (record(Done(NINE)), {"project": "/src/other"}, False, "works on /src/shop, and what a day costs"),
        (record(Done(NINE), review="accepted"), {"project": "/src/other"}, False, "use another id"),
        (record(Running(NINE, 1), day=YESTERDAY, rehearsal=True), {}, True, "a of 2026-11-19 is still running"),
    ],
    ids=[
        "rehearsal over real work",
        "earlier day goes on",
        "earlier day unreviewed",
        "other project",
        "other project, reviewed",
        "rehearsal runs",
    ],
)
def test_a_day_that_collides_is_refused_as_a_whole(known, day, rehearsal, problem) -> None:  # type: ignore[no-untyped-def]
    house = House(rehearsal=rehearsal)
    house.orchestrator.restore({"a": known}, {})
    house.orchestrator.handle(hands_in(task("a"), task("b"), request="start", **day))
    [(request, [line], ok)] = house.desk.replies
    assert (request, problem in line, ok) == ("start", True, False)
    assert (house.orchestrator.records, house.orchestrator.day) == ({"a": known}, None)


@pytest.mark.parametrize(
    ("known", "rehearsal"),
    [
        (record(Done(NINE), day=YESTERDAY, review="accepted"), False),
        (record(Failed(NINE, "red"), day=YESTERDAY, review="rejected"), False),
        (record(Done(NINE), day=YESTERDAY, rehearsal=True), True),
        (record(Done(NINE), rehearsal=True), False),
    ],
    ids=["accepted", "rejected", "an earlier rehearsal", "the rehearsal of this day"],
)
def test_reviewed_and_rehearsed_work_makes_room_for_the_new_day(known, rehearsal) -> None:  # type: ignore[no-untyped-def]
    house = House(rehearsal=rehearsal)
    house.orchestrator.restore({"a": known}, {})
    house.happens(hands_in(task("a"), request="start"))
    assert house.calls() == f"discard a of {known.day:%d}, start a1"
    assert house["a"].rehearsal == rehearsal
    assert house.desk.replies == [("start", ("1 task of 2026-11-20 taken in",), True)]


def test_ids_that_stand_for_work_of_another_kind_are_taken() -> None:
    house = House(rehearsal=True)
    house.orchestrator.restore({}, {"a": record(Done(NINE))})
    house.happens(hands_in(task("a"), request="start"))
    assert (house.states, house.calls(), house.desk.replies[0][2]) == ("", "", False)


def test_a_day_handed_in_again_brings_what_the_file_says_now() -> None:
    house = running().happens(hands_in(task("a", priority=1, max_attempts=7)))
    assert house["a"].task.max_attempts == 7
    assert house.desk.day and house.orchestrator.day == house.desk.day


# --- stop and restore -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "launched", "states", "calls"),
    [
        (queued(), True, "a running", "start a1"),
        (Running(NINE, 1), True, "a running", "adopt a1"),
        (Running(NINE, 1), False, "a running", "start a2"),
        (Running(NINE, 1, Ending.halted, "3 attempts"), True, "a running(halted)", "adopt a1, stop a"),
        (Waiting(NINE, 1), True, "a waiting", ""),
        (Verifying(NINE), True, "a verifying", "verify a"),
        (Parked(NINE, ParkReason.stop), True, "a running", "start a1"),
        (Parked(NINE, ParkReason.paused), True, "a parked(paused)", ""),
        (Parked(NINE, ParkReason.cap), True, "a parked(cap)", ""),
        (Parked(NINE, ParkReason.usage_limit, until=NINE + HOUR), True, "a parked(usage limit)", ""),
        (Parked(NINE, ParkReason.provider, until=NINE), True, "a running", "start a1"),
        (Parked(NINE, ParkReason.credit), True, "a running", "start a1"),
        (Parked(NINE, ParkReason.authentication), True, "a running", "start a1"),
        (Parked(NINE, ParkReason.stuck), True, "a parked(stuck)", ""),
        (Queued(NINE, NINE + HOUR), True, "a queued", ""),
        (
            Running(NINE, 1, Ending.parked, "the plan", ParkReason.usage_limit, NINE + HOUR),
            True,
            "a running(parked)",
            "adopt a1, stop a",
        ),
        (Done(NINE), True, "a done", ""),
        (Failed(NINE, "red"), True, "a failed", ""),
        (Halted(NINE, "3 attempts"), True, "a halted", ""),
        (Cancelled(NINE), True, "a cancelled", ""),
    ],
    ids=lambda value: label(value) if not isinstance(value, bool | str) else None,
)
def test_a_new_daemon_goes_on_from_every_state(state: State, launched: bool, states: str, calls: str) -> None:
    house = left_by_an_earlier_daemon(state, launched)
    house.happens(SECOND)
    assert (house.states, house.calls()) == (states, calls)
    assert [each.number for each in house.desk.asked] == ([1] if isinstance(state, Waiting) else [])


def test_a_run_that_never_began_leaves_the_deferred_call_alone() -> None:
    assert left_by_an_earlier_daemon(Running(NINE, 2), launched=False, say="")["a"].say == ""


def test_a_stop_that_did_not_wait_is_made_good_by_the_next_daemon() -> None:
    house = left_by_an_earlier_daemon(Running(NINE, 1, Ending.parked, "the program was stopped", ParkReason.stop))
    house.happens(ended_by_us())
    assert (house.states, house.calls()) == ("a running", "adopt a1, stop a, start a2")


def test_what_was_verified_at_the_stop_is_verified_anew() -> None:
    house = running().happens(finished(), stops())
    assert house.calls() == "start a1, verify a, stop a"
    house = left_by_an_earlier_daemon(house["a"].state)
    house.happens(passes())
    assert (house.states, house.calls()) == ("a done", "verify a")


# --- the exit code ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([], 0),
        ([Done(NINE), Cancelled(NINE)], 0),
        ([Done(NINE), Failed(NINE, "red")], 1),
        ([Done(NINE), Halted(NINE, "3 attempts")], 1),
        ([Done(NINE), Parked(NINE, ParkReason.cap)], 4),
        ([Failed(NINE, "red"), Parked(NINE, ParkReason.cap)], 1),
        ([Parked(NINE, ParkReason.stop)], 0),
        ([Done(NINE), Parked(NINE, ParkReason.credit)], 4),
        ([Done(NINE), Parked(NINE, ParkReason.stuck), Parked(NINE, ParkReason.cap)], 1),
        ([Failed(NINE, "red"), Parked(NINE, ParkReason.authentication)], 3),
    ],
)
def test_the_exit_code_says_how_the_day_went(states: list[State], code: int) -> None:
    assert schedule.exit_code([record(state) for state in states]) == code


def test_the_exit_code_is_of_the_day_at_hand_and_of_what_changed() -> None:
    old = replace(record(Failed(NINE, "red")), day=TODAY - timedelta(days=1))
    before = {(old.id, old.state)}
    assert schedule.at_issue([old], TODAY, before) == []
    assert schedule.at_issue([old], old.day, before) == [old]
    again = replace(old, state=Failed(NINE + HOUR, "red"))
    assert schedule.at_issue([again], TODAY, before) == [again]
