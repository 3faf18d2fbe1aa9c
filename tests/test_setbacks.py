"""Runs that came to no good end: what is tried again, how often, with which words; and what is left to the person."""

import pytest

from dayshift.deciding import setbacks
from dayshift.deciding.setbacks import CUT_SHORT, GO_ON
from dayshift.states import Parked, ParkReason
from tests.house import (
    ASKED,
    DEFERRED,
    HOUR,
    OVERLOADED,
    Facts,
    House,
    answers,
    ended_by_us,
    fails,
    finished,
    ran,
    running,
    says,
    silent,
    task,
)

GONE: Facts = {"closed": False, "error": "it ended without a result", "steps": 3}


def hangs(house: House, run: int) -> House:
    """The run works, falls silent and is ended."""
    return house.happens(silent(run=run), ended_by_us(run=run, steps=run, closed=False))


def test_a_run_that_hangs_is_resumed_once_and_told_then_left_to_the_person_however_far_it_came() -> None:
    house = hangs(running(), 1)
    told = house["a"].say
    assert (house.states, house["a"].attempt) == ("a running", 1)
    assert told == f"{CUT_SHORT} no sign of life for 10 minutes. {setbacks.BOUNDED}\n\n{GO_ON}"
    hangs(house, 2)
    state = house["a"].state
    assert isinstance(state, Parked) and state.why is ParkReason.stuck
    assert state.detail.startswith("no sign of life for 10 minutes, twice in a row")
    assert "`dayshift retry a`" in state.detail
    assert [(alert.kind, alert.task_id) for alert in house.desk.told] == [("stuck", "a")]
    assert house.happens(10 * HOUR).states == "a parked(stuck)"


def test_a_run_that_ends_without_a_word_is_resumed_once_too_and_costs_no_attempt() -> None:
    house = running(task("a", max_attempts=1)).happens(ran(**GONE))
    assert (house.states, house["a"].attempt) == ("a running", 1)
    assert house.happens(ran(run=2, **GONE)).states == "a parked(stuck)"


@pytest.mark.parametrize("other", [silent, None], ids=["silence", "no word"])
def test_hangs_of_any_kind_are_of_one_row(other: object) -> None:
    house = running().happens(ran(**GONE))
    house = hangs(house, 2) if other else house.happens(ran(run=2, **GONE))
    assert house.states == "a parked(stuck)"


def test_what_is_no_word_of_its_own_does_not_break_the_row() -> None:
    house = hangs(running(), 1).happens(ran(run=2, how="lost", steps=1), ran(run=3, **OVERLOADED), HOUR)
    assert house.states == "a running"
    assert hangs(house, 4).states == "a parked(stuck)"


def test_a_word_of_its_own_begins_another_row() -> None:
    asked = hangs(running(), 1).happens(ran(run=2, **ASKED), answers("50"))
    assert hangs(asked, 3).states == "a running"
    checked = hangs(running(), 1).happens(finished(run=2), fails())
    assert hangs(checked, 3).states == "a running"


@pytest.mark.parametrize("order", ["retry", "resume"])
def test_the_persons_word_begins_another_row(order: str) -> None:
    house = hangs(hangs(running(), 1), 2).happens(says(order))
    assert hangs(house, 3).states == "a running"
    assert hangs(house, 4).states == "a parked(stuck)"


def test_who_hangs_before_it_heard_an_answer_is_told_that_once_more() -> None:
    house = running().happens(ran(**ASKED), answers("50"))
    heard = house["a"].say
    assert heard and "50" in heard
    said = hangs(house, 2)["a"].say
    assert said and said.startswith(CUT_SHORT) and said.endswith(heard)


def test_what_was_told_of_a_hang_is_not_told_twice() -> None:
    said = hangs(hangs(running(), 1), 2).happens(says("retry"))["a"].say or ""
    assert said.count(CUT_SHORT) == 1
    assert hangs(running(), 1).happens(finished(run=2))["a"].say is None


def test_a_question_to_which_nobody_answers_is_no_hang() -> None:
    house = running().happens(ran(**DEFERRED), 1000 * HOUR)
    assert (house.states, house["a"].hangs, house["a"].active_seconds) == ("a waiting", 0, 60.0)
    assert house.happens(answers("50")).states == "a running"
