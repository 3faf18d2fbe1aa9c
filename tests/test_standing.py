"""Where budgets stand: which are in force, what other use takes of them, whose project they concern."""

from datetime import date
from decimal import Decimal

import pytest

from dayshift.cost.budgets import elsewhere
from dayshift.cost.standing import concerns, phase_of, standings
from dayshift.cost.statement import Window
from dayshift.inputs.settings import Budget, Caps, Phase

DAY = date(2026, 11, 20)  # a Friday
USD = 10**12


def test_other_use_is_asked_for_the_whole_of_each_period_and_counts_for_dollars_and_plan() -> None:
    asked = []

    def spent(first: date, last: date) -> int:
        asked.append((first, last))
        return len(asked)

    assert elsewhere(spent, DAY) == {
        "day:2026-11-20": 1, "week:2026-W47": 2, "month:2026-11": 3, "total": 4,
        "plan/day:2026-11-20": 1, "plan/week:2026-W47": 2, "plan/month:2026-11": 3, "plan/total": 4,
    }  # fmt: skip
    assert asked == [
        (DAY, DAY), (date(2026, 11, 16), date(2026, 11, 22)), (date(2026, 11, 1), date(2026, 11, 30)),
        (date.min, date.max),
    ]  # fmt: skip


def test_other_use_and_reservations_are_not_left() -> None:
    known = [Window("day:2026-11-20", None, 3 * USD, USD)]
    (found,) = standings(Budget(), known, DAY, 20 * USD, None, {"day:2026-11-20": 5 * USD, "total": 7 * USD})
    assert (found.settled, found.elsewhere, found.reserved, found.left) == (3 * USD, 5 * USD, USD, 11 * USD)
    (over,) = standings(Budget(), known, DAY, 4 * USD, None, {"day:2026-11-20": 5 * USD})
    assert over.left == 0


@pytest.mark.parametrize(
    ("names", "windows"),
    [
        ([], ["day:2026-11-20"]),
        (["total"], ["day:2026-11-20"]),
        (["plan/total"], ["plan/day:2026-11-20"]),
        (["plan/total", "total"], ["day:2026-11-20", "plan/day:2026-11-20"]),
    ],
)
def test_a_plan_has_budgets_of_its_own_once_it_paid(names: list[str], windows: list[str]) -> None:
    known = [Window(name, None, 0, 0) for name in names]
    assert [each.window for each in standings(Budget(), known, DAY, USD, None, {})] == windows


def test_a_project_named_by_path_and_by_folder_has_the_budget_of_its_path_alone() -> None:
    budget = Budget(projects={"shop": Caps(total_usd=Decimal(3)), "/src/shop": Caps(total_usd=Decimal(2))})
    found = {each.window: each.cap for each in standings(budget, [], DAY, USD, None, {}, "/src/shop")}
    assert found == {"day:2026-11-20": USD, "project:/src/shop/total": 2 * USD}
    found = {each.window: each.cap for each in standings(budget, [], DAY, USD, None, {}, "/b/shop")}
    assert found["project:/b/shop/total"] == 3 * USD


def test_a_configured_project_has_its_budget_before_it_spent_anything() -> None:
    budget = Budget(projects={"shop": Caps(total_usd=Decimal(3)), "web": Caps(daily_usd=Decimal(2))})
    known = [Window("project:/home/me/shop/total", None, USD, 0)]
    found = {each.window: each.left for each in standings(budget, known, DAY, USD, None, {})}
    assert found == {
        "day:2026-11-20": USD, "project:/home/me/shop/total": 2 * USD, "project:web/day:2026-11-20": 2 * USD
    }  # fmt: skip


def test_the_phase_in_force_follows_the_ledgers_marks() -> None:
    sprint, ongoing = (
        Phase(name="sprint", days=10, total_usd=Decimal(30)), Phase(name="ongoing", daily_usd=Decimal(1))
    )  # fmt: skip
    budget = Budget(phases=(sprint, ongoing))
    marks = {"phase-began:sprint": "2026-11-15"}
    assert phase_of(DAY, budget, marks.get) == sprint
    assert phase_of(date(2026, 11, 25), budget, marks.get) == ongoing
    assert phase_of(DAY, budget, (marks | {"phase-spent:sprint": "2026-11-19"}).get) == ongoing
    assert phase_of(DAY, Budget(), marks.get) is None


@pytest.mark.parametrize(
    ("window", "does"),
    [
        ("day:2026-11-20", True), ("provider:x/total", False), ("provider:anthropic/total", True),
        ("project:/a/shop/total", True), ("plan/project:/a/shop/total", True), ("project:shop/total", False),
        ("project:/b/shop/total", False), ("project:/a/shop2/total", False),
    ],
)  # fmt: skip
def test_a_budget_concerns_work_on_its_own_project_that_its_provider_bills(window: str, does: bool) -> None:
    assert concerns(window, "/a/shop", "anthropic") is does
