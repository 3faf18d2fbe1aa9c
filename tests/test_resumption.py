"""What a start without a day file says it goes on with, and what rests on the person."""

from datetime import timedelta

import pytest

from dayshift.deciding import resumption
from dayshift.model import Day
from dayshift.states import Done, Parked, ParkReason, Queued, Running, State, Verifying, Waiting
from tests.house import NINE, TODAY, record, task

MIDNIGHT = NINE.replace(hour=0)
LATER, EARLIER = NINE + timedelta(hours=2), NINE - timedelta(hours=2)


@pytest.mark.parametrize(("state", "said"), [
    (Queued(NINE), "goes on"),
    (Queued(NINE, EARLIER), "goes on"),
    (Queued(NINE, LATER), "goes on at 20 Nov 11:00 UTC"),
    (Running(NINE, 1), "goes on"),
    (Verifying(NINE), "goes on"),
    (Parked(NINE, ParkReason.stop), "goes on"),
    (Parked(NINE, ParkReason.usage_limit, until=LATER), "goes on at 20 Nov 11:00 UTC"),
    (Parked(NINE, ParkReason.provider, until=EARLIER), "goes on"),
    (Parked(NINE, ParkReason.credit), "goes on"),
    (Parked(NINE, ParkReason.authentication), "goes on"),
    (Parked(NINE, ParkReason.attached), "goes on"),
    (Parked(NINE, ParkReason.paused), "paused until"),
    (Parked(NINE, ParkReason.cap), "resting on a cap"),
    (Parked(NINE, ParkReason.stuck), "stuck and left to you"),
    (Waiting(NINE, 1), "waits for your answer"),
])  # fmt: skip
def test_what_becomes_of_a_task_at_a_start(state: State, said: str) -> None:
    (line,) = resumption.lines({"one": record(state, "one")}, NINE, MIDNIGHT)
    assert line.startswith(said) and line.endswith(": one")
    assert said != "goes on" or line == "goes on: one"


def test_a_task_that_may_carry_over_goes_on_at_a_start_on_another_day() -> None:
    yesterday = Parked(NINE - timedelta(days=1), ParkReason.cap)
    one, two = record(yesterday, "one", task=task("one", carry_over=True)), record(yesterday, "two")
    first, second = resumption.lines({"one": one, "two": two}, NINE, MIDNIGHT)
    assert first == "goes on: one" and second.endswith(": two")


def test_tasks_alike_stand_in_one_line_those_that_go_on_first_and_ended_ones_nowhere() -> None:
    known = [record(Waiting(NINE, 1), "w"), record(Queued(NINE), "a"), record(Done(NINE), "d"),
             record(Parked(NINE, ParkReason.stop), "b")]  # fmt: skip
    assert resumption.lines({each.id: each for each in known}, NINE, MIDNIGHT) == [
        "goes on: a, b",
        "waits for your answer: w",
    ]


# --- rehearsals --------------------------------------------------------------------------------------

YESTERDAY = TODAY - timedelta(days=1)


@pytest.mark.parametrize(("rehearsal", "away"), [(True, ["old"]), (False, ["old", "ended", "open"])])
def test_a_rehearsal_that_goes_on_keeps_what_had_ended_and_a_real_day_keeps_nothing_rehearsed(
    rehearsal: bool, away: list[str]
) -> None:
    known = [record(Done(NINE), "old", day=YESTERDAY, rehearsal=True), record(Done(NINE), "ended", rehearsal=True),
             record(Parked(NINE, ParkReason.stop), "open", rehearsal=True), record(Done(NINE), "real"),
             record(Queued(NINE), "due", day=YESTERDAY)]  # fmt: skip
    found = resumption.thrown_away({each.id: each for each in known}, rehearsal)
    assert [each.id for each in found] == away


def test_a_file_s_tasks_that_are_not_rehearsed_again_are_those_that_ended_in_a_rehearsal_that_goes_on() -> None:
    known = [record(Done(NINE), "a", rehearsal=True), record(Done(NINE), "changed", rehearsal=True),
             record(Queued(NINE), "open", rehearsal=True)]  # fmt: skip
    day = Day(TODAY, "/src/shop", (task("a"), task("changed", priority=1), task("open"), task("new")))
    records = {each.id: each for each in known}
    assert resumption.left_as_ended(records, day, NINE) == ["a"]
    del records["open"]  # then it is over, and all of it is rehearsed again
    assert resumption.left_as_ended(records, day, NINE) == []
