"""Budgets: which windows a request counts in, what each is called, which phase a day has. Every test is a table."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dayshift.cost.budgets import (
    Subject,
    called,
    guarantee,
    in_force,
    periods,
    spent_up,
    stretches,
    week,
    windows,
)
from dayshift.inputs.settings import Budget, Caps, Phase
from dayshift.money import from_usd

DAY = date(2026, 11, 20)
SHOP = Subject(DAY, "task-1", "/projects/shop", "anthropic", "api", from_usd(2), from_usd(20))


def phases(*given: dict[str, Any]) -> tuple[Phase, ...]:
    return tuple(Phase(**each) for each in given)


SPRINT = {"name": "sprint", "days": 10, "total_usd": 30}
LATER = {"name": "later", "total_usd": 5}
ONGOING = {"name": "ongoing", "daily_usd": "0.50"}


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-11-20", "2026-W47"), ("2026-11-22", "2026-W47"), ("2026-11-23", "2026-W48"),
        ("2026-12-31", "2026-W53"), ("2027-01-01", "2026-W53"), ("2027-01-03", "2026-W53"), ("2027-01-04", "2027-W01"),
        ("2024-12-30", "2025-W01"), ("2025-12-29", "2026-W01"), ("2021-01-03", "2020-W53"),
    ],
)  # fmt: skip
def test_a_week_is_the_iso_week_and_belongs_to_the_year_of_its_thursday(day: str, expected: str) -> None:
    assert week(date.fromisoformat(day)) == expected


def test_every_day_is_in_one_week_of_seven_days() -> None:
    days = [date(2020, 1, 6) + timedelta(days=number) for number in range(7 * 700)]
    found = [week(day) for day in days]
    assert all(len(set(found[begin : begin + 7])) == 1 for begin in range(0, len(found), 7))
    assert len(set(found)) == 700


def test_a_request_counts_in_every_budget_also_in_those_without_a_cap() -> None:
    found = windows(Budget(weekly_usd=Decimal(9)), SHOP, DAY, None)
    names = [*periods(DAY).values()]
    project, provider = (
        [f"{part}/{name}" for name in names] for part in ("project:/projects/shop", "provider:anthropic")
    )
    assert set(found) == {"task:2026-11-20/task-1", *names, *project, *provider}
    assert {name: cap for name, cap in found.items() if cap is not None} == {
        "task:2026-11-20/task-1": from_usd(2), "day:2026-11-20": from_usd(20), "week:2026-W47": from_usd(9)
    }  # fmt: skip


@pytest.mark.parametrize("name", ["/projects/shop", "shop"])
def test_a_project_is_named_by_its_path_or_its_folder(name: str) -> None:
    found = windows(Budget(projects={name: Caps(monthly_usd=Decimal(7))}), SHOP, DAY, None)
    assert found["project:/projects/shop/month:2026-11"] == from_usd(7)


def test_a_projects_path_goes_before_its_folders_name() -> None:
    budget = Budget(projects={"shop": Caps(total_usd=Decimal(1)), "/projects/shop": Caps(total_usd=Decimal(2))})
    assert windows(budget, SHOP, DAY, None)["project:/projects/shop/total"] == from_usd(2)


def test_a_carried_over_task_keeps_its_budget_and_counts_in_the_new_day() -> None:
    found = windows(Budget(), SHOP, DAY + timedelta(days=1), None)
    assert "task:2026-11-20/task-1" in found and "day:2026-11-21" in found and "day:2026-11-20" not in found


def test_a_plans_budgets_have_names_of_their_own() -> None:
    plan = Subject(DAY, "task-1", "/projects/shop", "anthropic", "plan", None, None)
    assert all(name.startswith("plan/") for name in windows(Budget(), plan, DAY, None))


# --- phases ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "spent", "name"),
    [
        (-1, {}, None), (0, {}, "sprint"), (9, {}, "sprint"), (10, {}, "later"), (300, {}, "later"),
        (4, {"sprint": 4}, "later"), (3, {"sprint": 4}, "sprint"), (0, {"sprint": 0}, "later"),
        (12, {"sprint": 4, "later": 12}, "ongoing"), (11, {"later": 12}, "later"),
        (20, {"sprint": 40}, "later"),  # over by its date before its money was
    ],
)  # fmt: skip
def test_a_phase_ends_by_date_or_by_money_whichever_is_first(
    after: int, spent: dict[str, int], name: str | None
) -> None:
    first = phases({**SPRINT, "first_day": DAY}, LATER, ONGOING)
    gone = {each: DAY + timedelta(days=days) for each, days in spent.items()}
    found = in_force(first, DAY + timedelta(days=after), DAY, gone)
    assert (found.name if found else None) == name


def test_the_phases_never_go_back_and_leave_no_gap() -> None:
    first = phases(SPRINT, LATER, ONGOING)
    found = stretches(first, DAY, {"sprint": DAY + timedelta(days=3), "later": DAY + timedelta(days=3)})
    assert [(each.phase.name, each.begins, each.ends) for each in found] == [
        ("sprint", DAY, DAY + timedelta(days=3)), ("later", DAY + timedelta(days=3), DAY + timedelta(days=3)),
        ("ongoing", DAY + timedelta(days=3), None),
    ]  # fmt: skip
    assert stretches((), DAY, {}) == () and in_force((), DAY, DAY, {}) is None


@pytest.mark.parametrize(
    ("settled", "amount", "gone"),
    [
        (2900, 150, True),
        (1501, 1500, True),
        (1500, 1501, False),  # no more than half is spent
        (0, 3001, False),  # it would not fit a fresh phase either
        (2999, 3001, False),
        (2900, 100, False),  # it fits
    ],
)
def test_a_phases_money_is_gone_when_what_would_fit_a_fresh_one_no_longer_does(
    settled: int, amount: int, gone: bool
) -> None:
    phase = Phase(name="sprint", total_usd=Decimal("0.000000003"))
    assert spent_up(phase, settled, amount) is gone
    assert not spent_up(Phase(name="ongoing"), settled, amount)


# --- words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ("task:2026-11-20/a", "the task's own cap"),
        ("day:2026-11-20", "the cap of 2026-11-20"),
        ("week:2026-W47", "the cap of 2026-W47"),
        ("month:2026-11", "the cap of 2026-11"),
        ("total", "the cap of all time"),
        ("project:/projects/shop/month:2026-11", "the cap of 2026-11 for the project shop"),
        ("provider:anthropic/total", "the cap of all time for the provider anthropic"),
        ("phase:sprint", "the cap of the phase sprint"),
        ("phase:sprint/day:2026-11-20", "the cap of 2026-11-20 for the phase sprint"),
        ("plan/day:2026-11-20", "the cap of 2026-11-20 (notional, on a plan)"),
        ("price", "the price list"),
    ],
)
def test_a_budget_is_called_as_a_person_would(window: str, words: str) -> None:
    assert called(window) == words


def test_what_is_promised_says_the_mode_and_what_limits_it() -> None:
    assert guarantee("strict", True, False).startswith("strict: every request")
    assert guarantee("paced", True, False).startswith("paced: a request holds its prompt")
    assert guarantee("strict", False, False).startswith("There was NO SANDBOX")
    assert "no bill" in guarantee("strict", True, True)
