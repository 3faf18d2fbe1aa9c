"""What the next day should know: why tasks were left, and budget advice with its arithmetic, to the letter."""

# ruff: noqa: RUF001 - signs stand between numbers
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from dayshift.cost.standing import Standing
from dayshift.model import Record
from dayshift.money import from_usd
from dayshift.outlook import tomorrow
from dayshift.outlook.forecast import Forecast
from dayshift.outlook.tomorrow import Pace
from dayshift.states import (
    Cancelled,
    Done,
    Failed,
    Halted,
    Parked,
    ParkReason,
    Queued,
    Running,
    State,
    Waiting,
)
from tests.house import NINE, TODAY, question, record, task

NOVEMBER, WEEK = "month:2026-11", "week:2026-W47"
TWENTY_FIRST = date(2026, 11, 21)


def standing(window: str, cap: str, settled: str, elsewhere: str = "0", reserved: str = "0") -> Standing:
    return Standing(window, from_usd(settled), from_usd(elsewhere), from_usd(reserved), from_usd(cap))


def likely(*amounts: str) -> dict[str, Forecast]:
    """Tasks by letter, each with its median; the worst is three times that."""
    return {
        letter: Forecast(from_usd(each), 3 * from_usd(each), "alike", 5)
        for letter, each in zip("abcdefgh", amounts, strict=False)
    }


def advised(*standings: Standing, today: date = TWENTY_FIRST, **facts: Any) -> list[str]:
    given: dict[str, Any] = {"pace": Pace(0, 0), "left": {}, "reached": "", "cap": None, **facts}
    return list(tomorrow.budget(standings, today, **given))


# --- budgets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "today", "pace", "sentence"),
    [
        (
            standing(NOVEMBER, "400", "310.20"),
            TWENTY_FIRST,
            Pace(7, from_usd("108.50")),
            "left for November: $400.00 − $310.20 = $89.80; 9 days → $9.98 a day; the last 7 days cost $15.50 a day: "
            "at that pace it lasts 5 days",
        ),
        (
            standing(NOVEMBER, "400", "300", "10", "0.20"),
            TWENTY_FIRST,
            Pace(7, from_usd("7")),
            "left for November: $400.00 − $310.20 = $89.80; 9 days → $9.98 a day; the last 7 days cost $1.00 a day",
        ),
        (
            standing(NOVEMBER, "400", "0"),
            TODAY,
            Pace(0, 0),
            "left for November: $400.00 − $0.00 = $400.00; 10 days → $40.00 a day",
        ),
        (
            standing(WEEK, "30", "25"),
            TWENTY_FIRST,
            Pace(1, from_usd("5")),
            "left for the week 2026-W47: $30.00 − $25.00 = $5.00; 1 day → $5.00 a day; today cost $5.00",
        ),
        (
            standing(NOVEMBER, "400", "401"),
            TWENTY_FIRST,
            Pace(7, from_usd("7")),
            "November is spent: $401.00 of $400.00, 9 days before it ends",
        ),
    ],
    ids=["too quick", "slow enough", "no history", "week", "spent"],
)
def test_what_a_period_allows_a_day_is_told_beside_what_days_cost(
    given: Standing, today: date, pace: Pace, sentence: str
) -> None:
    assert advised(given, today=today, pace=pace) == [sentence]


@pytest.mark.parametrize(
    ("window", "today"),
    [
        (NOVEMBER, date(2026, 11, 30)),
        (WEEK, date(2026, 11, 22)),
        (NOVEMBER, date(2026, 12, 1)),
        ("total", TWENTY_FIRST),
        ("day:2026-11-21", TWENTY_FIRST),
        ("project:/shop/month:2026-11", TWENTY_FIRST),
    ],
)
def test_nothing_is_said_of_what_has_no_days_left_to_be_shared_out(window: str, today: date) -> None:
    assert advised(standing(window, "400", "310.20"), today=today, pace=Pace(7, from_usd("7"))) == []


def test_the_pace_is_that_of_the_last_week_from_the_first_day_that_cost_anything() -> None:
    charges = {TWENTY_FIRST - timedelta(days=ago): from_usd(ago + 1) for ago in (0, 1, 2, 8)}
    assert tomorrow.pace(charges, TWENTY_FIRST) == Pace(7, from_usd(6))
    del charges[TWENTY_FIRST - timedelta(days=8)]
    assert tomorrow.pace(charges, TWENTY_FIRST) == Pace(3, from_usd(6))
    assert tomorrow.pace({}, TWENTY_FIRST) == Pace(1, 0)
    assert Pace(3, 7).daily == 2 and Pace(0, 0).daily == 0


@pytest.mark.parametrize(
    ("left", "standings", "cap", "sentence"),
    [
        (
            likely("1.20", "2.20"),
            (standing(NOVEMBER, "400", "310.20"),),
            "20",
            "what was left will likely cost $1.20 + $2.20 = $3.40 (worst decile $10.20); $20.00 of a day's cap leave "
            "$16.60 for the rest",
        ),
        (
            likely("1.20"),
            (standing(NOVEMBER, "400", "399"),),
            "20",
            "what was left will likely cost $1.20 (worst decile $3.60): $0.20 more than the $1.00 of November",
        ),
        (
            likely("1.20"),
            (standing("total", "100", "99.50"),),
            None,
            "what was left will likely cost $1.20 (worst decile $3.60): $0.70 more than the $0.50 of the cap of all "
            "time",
        ),
        (
            likely(*["1"] * 7),
            (),
            None,
            "what was left will likely cost $7.00 (worst decile $21.00)",
        ),
        (
            likely("1.20", "0"),
            (),
            "20",
            "what was left will likely cost $1.20 (worst decile $3.60), without b, which cost more than was likely, "
            "or all that the cap allows; $20.00 of a day's cap leave $18.80 for the rest",
        ),
        (
            likely("0"),
            (),
            "20",
            "what was left has cost more than was likely, or all that its cap allows: a",
        ),
    ],
    ids=["room", "too much", "of all time", "no cap", "one is beyond it", "all are beyond it"],
)
def test_what_was_left_is_held_against_what_the_next_day_has(
    left: Mapping[str, Forecast], standings: tuple[Standing, ...], cap: str | None, sentence: str
) -> None:
    told = advised(*standings, left=left, cap=None if cap is None else from_usd(cap))
    assert told[-1] == sentence


def test_a_month_that_ends_today_does_not_bound_tomorrow() -> None:
    full = standing(NOVEMBER, "400", "399")
    [sentence] = advised(full, today=date(2026, 11, 30), left=likely("1.20"), cap=from_usd(5))
    assert sentence.endswith("$5.00 of a day's cap leave $3.80 for the rest")


# --- the day's cap ---------------------------------------------------------------------------------


def parked(task_id: str, detail: str = "the cap of 2026-11-20: $20.00 of $20.00 spent", minutes: int = 5) -> Record:
    return record(Parked(NINE + timedelta(minutes=minutes), ParkReason.cap, detail), task_id)


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        (
            [parked("a", minutes=30), parked("b"), record(Queued(NINE), "c"), record(Done(NINE), "d")],
            "the day's cap was reached at 10:05: 3 tasks of likely $3.50 wait",
        ),
        ([parked("z")], "the day's cap was reached at 10:05: 1 task waits"),
        ([parked("a", "the task's own cap: $1.00 of $1.00 spent")], ""),
        ([parked("a", "the cap of 2026-11: $1.00 of $1.00 spent")], ""),
        ([record(Parked(NINE, ParkReason.stop), "a"), record(Queued(NINE), "b")], ""),
        ([], ""),
    ],
    ids=["three", "one", "own cap", "month", "stopped", "none"],
)
def test_when_the_days_cap_was_reached_is_told_with_what_waits(records: list[Record], sentence: str) -> None:
    assert tomorrow.reached(records, likely("1.20", "1.30", "1.00"), "Europe/Berlin") == sentence


def test_it_comes_first() -> None:
    assert advised(standing(NOVEMBER, "4", "3"), reached="reached")[0] == "reached"


# --- what was left ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (Waiting(NINE, 1), "waits for your answer to question 1: Which page size?"),
        (Failed(NINE, "`pytest` exited with 1"), "failed: `pytest` exited with 1"),
        (Halted(NINE, "3 forbidden\nattempts\x1b[31m"), "halted: 3 forbidden attempts"),
        (Parked(NINE, ParkReason.paused, "by the person"), "parked: paused: by the person"),
        (Queued(NINE), "queued: it waits for b, which is parked"),
        (Running(NINE, 1), "running when this was written"),
        (Failed(NINE, "x" * 500), f"failed: {'x' * 191}…"),
    ],
    ids=lambda value: value.name if not isinstance(value, str) else "",
)
def test_why_a_task_is_not_done(state: State, said: str) -> None:
    other = record(Parked(NINE, ParkReason.cap), "b")
    its = record(state, task=task("a", "b"), questions=(question(),))
    assert tomorrow.why(its, {"a": its, "b": other}) == said


def test_a_task_whose_turn_did_not_come() -> None:
    assert tomorrow.why(record(Queued(NINE)), {}) == "queued: its turn did not come"


def test_done_cancelled_and_rehearsed_tasks_are_not_left() -> None:
    known = [
        record(Failed(NINE, "red"), "c"), record(Done(NINE), "b"), record(Cancelled(NINE), "d"),
        record(Queued(NINE), "a"), record(Queued(NINE), "e", rehearsal=True),
    ]  # fmt: skip
    assert [each.id for each in tomorrow.unfinished(known)] == ["a", "c"]
