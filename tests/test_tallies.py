"""Tallies: every task counted once in each table, every share with its numbers, nothing unknown taken for zero."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dayshift.money import from_usd
from dayshift.outcomes import Outcome
from dayshift.outlook import tallies

DAY = date(2026, 11, 20)
PLAIN = Outcome(
    DAY, "a", "Task a", "/src/shop", "orders", "fix", "low", "claude-sonnet-5", "done", "pending", 1,
    from_usd(1), 60.0, 0, 0, 0, 0, None, (), None,
)  # fmt: skip


def outcome(**facts: Any) -> Outcome:
    return replace(PLAIN, **facts)


SOME = [
    outcome(review="accepted", rating=5, cost=from_usd(1), seconds=30.0),
    outcome(task_id="b", review="rejected", rating=2, cost=from_usd(2), attempts=3, questions=1),
    outcome(task_id="c", module="", kind="", complexity="high", state="failed", cost=from_usd("0.50"), blocked=2),
    outcome(task_id="d", module="users", complexity="medium", state="running", cost=from_usd("0.25")),
    outcome(task_id="e", module="users", state="halted", review="pending", day=date(2026, 11, 21)),
    outcome(task_id="g", module="users", state="cancelled", cost=0, attempts=0, seconds=0.0),
    outcome(task_id="f", module="users", state="done", model="claude-opus-5", validations=2, passed=1),
]


def test_all_of_it_is_counted() -> None:
    found = tallies.of("total", SOME)
    states = (found.done, found.failed, found.halted, found.cancelled, found.open)
    assert (found.tasks, states, found.ended) == (7, (3, 1, 1, 1, 1), 6)
    assert (found.accepted, found.rejected, found.pending, found.reviewed) == (1, 1, 1, 2)
    assert (found.attempts, found.questions, found.blocked, found.validations, found.passed) == (8, 1, 2, 2, 1)
    assert (found.cost, found.unknown, found.seconds) == (from_usd("5.75"), 0, 330.0)
    assert (found.rated, found.rating) == (2, 3.5)


@pytest.mark.parametrize("group", tallies.GROUPS)
def test_every_table_has_every_task_once(group: str) -> None:
    found = tallies.by(group, SOME)
    assert sum(each.tasks for each in found) == len(SOME)
    assert sum(each.cost for each in found) == from_usd("5.75")


@pytest.mark.parametrize(
    ("group", "keys"),
    [
        ("module", ["users", "orders", ""]),
        ("kind", ["fix", ""]),
        ("complexity", ["low", "medium", "high"]),
        ("model", ["claude-sonnet-5", "claude-opus-5"]),
        ("project", ["/src/shop"]),
        ("day", ["2026-11-20", "2026-11-21"]),
    ],
)
def test_the_most_tasks_come_first_but_days_and_complexities_have_their_order(group: str, keys: list[str]) -> None:
    assert [each.key for each in tallies.by(group, SOME)] == keys


def test_a_complexity_that_is_none_of_ours_is_counted_too() -> None:
    assert [each.key for each in tallies.by("complexity", [outcome(complexity="odd"), outcome()])] == ["low", "odd"]


def test_an_accepted_task_costs_what_all_of_its_group_did() -> None:
    found = tallies.of("x", [outcome(review="accepted"), outcome(review="rejected"), outcome(review="accepted")])
    assert found.per_accepted == from_usd("1.50")


def test_without_an_accepted_task_or_with_an_unknown_cost_there_is_no_cost_of_one() -> None:
    assert tallies.of("x", [outcome()]).per_accepted is None
    unknown = tallies.of("x", [outcome(review="accepted"), outcome(cost=None)])
    assert (unknown.per_accepted, unknown.cost, unknown.unknown) == (None, from_usd(1), 1)
    cells = dict(zip(tallies.HEADINGS, tallies.cells(unknown)[1:], strict=True))
    assert (cells["cost"], cells["per accepted"]) == ("$1.00 + 1 unknown", "unknown")
    facts = tallies.as_json(unknown)
    assert (facts["cost_usd"], facts["known_cost_usd"], facts["cost_per_accepted_usd"]) == (None, "1.00", None)


def test_a_share_has_its_numbers_and_is_never_rounded_up() -> None:
    assert tallies.share(199, 200) == "199 of 200, 99 %"
    assert tallies.share(0, 0) == "-"
    cells = dict(zip(tallies.HEADINGS, tallies.cells(tallies.of("x", SOME))[1:], strict=True))
    assert cells == {
        "tasks": "7", "done": "3 of 6, 50 %", "accepted": "1 of 2, 50 %", "pending": "1", "attempts": "1.1",
        "cost": "$5.75", "per accepted": "$5.75", "time": "47 s", "questions": "1", "blocked": "2",
        "rating": "3.5 of 5 (2)",
    }  # fmt: skip


def test_what_is_not_known_is_a_dash_and_for_machines_null() -> None:
    nothing = tallies.of("", [])
    assert tallies.cells(nothing) == ("-", "0", "-", "-", "0", "0.0", "$0.00", "-", "under 1 s", "0", "0", "-")
    assert tallies.as_json(nothing)["rating"] is None
    row = dict(zip(tallies.COLUMNS, tallies.record("module", nothing), strict=True))
    assert (row["by"], row["key"], row["rating"], row["cost_per_accepted_usd"], row["cost_usd"]) == (
        "module", "", "", "", "0.00",
    )  # fmt: skip


def test_a_name_that_steers_a_terminal_is_inert() -> None:
    assert tallies.cells(tallies.of("\x1b[31mred\nline", []))[0] == "red line"
