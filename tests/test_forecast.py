"""What tasks will probably cost: on which tasks it stands, the median and the worst decile, what is left of it."""

from collections.abc import Mapping

import pytest

from dayshift.cost.statement import PastTask
from dayshift.model import Complexity, Task, Tokens
from dayshift.outlook.forecast import FEWEST, RECENT, SPREAD, Forecast, beyond, forecast, left
from dayshift.outlook.plan import ASSUMED

PRICES: Mapping[str, int] = {"small": 2, "large": 10}


def cost_of(model: str, tokens: Tokens) -> int | None:
    return PRICES[model] * tokens.output if model in PRICES else None


def task(complexity: Complexity = Complexity.low) -> Task:
    return Task("a", "A", "words", "large", complexity=complexity)


def past(*costs: int, model: str = "large", complexity: str = "low") -> list[PastTask]:
    return [PastTask(model, complexity, "/shop", cost) for cost in costs]


@pytest.mark.parametrize(
    ("costs", "median", "worst"),
    [
        ([1, 2, 3, 4, 5], 3, 5),
        ([5, 1, 4, 2, 3, 6], 4, 6),  # between 3 and 4: rounded up
        ([10, 20, 30, 40, 50, 60, 70, 80, 90, 1000], 55, 90),
        ([7] * 30, 7, 7),
        ([10**15 + each for each in range(11)], 10**15 + 5, 10**15 + 9),
    ],
)
def test_like_tasks_give_their_median_and_their_worst_decile(costs: list[int], median: int, worst: int) -> None:
    assert forecast(task(), "large", past(*costs), cost_of) == Forecast(median, worst, "alike", len(costs))


def test_other_models_of_the_same_complexity_are_scaled_by_price_when_like_tasks_are_too_few() -> None:
    known = past(100, 100, 100, 100) + past(20, model="small")
    found = forecast(task(), "large", known, cost_of)
    assert found == Forecast(100, 100, "scaled", 5)
    assert "5 tasks of that complexity" in str(found)


def test_enough_tasks_of_the_same_module_come_before_all_others() -> None:
    known = past(*[100] * 9)
    assert forecast(task(), "large", known, cost_of, [7] * 4) == Forecast(100, 100, "alike", 9)
    found = forecast(task(), "large", known, cost_of, [5, 6, 7, 8, 9])
    assert (found, str(found)) == (Forecast(7, 9, "module", 5), "from 5 like tasks of its module")


def test_a_model_nobody_can_price_any_more_is_left_out_of_the_scaling() -> None:
    known = past(*[1] * 20, model="gone") + past(*[20] * FEWEST, model="small")
    assert forecast(task(), "large", known, cost_of) == Forecast(100, 100, "scaled", FEWEST)


@pytest.mark.parametrize("known", [[], past(1, 1, 1, 1), past(*[1] * 50, complexity="high")])
def test_without_enough_history_the_assumed_tokens_stand_in(known: list[PastTask]) -> None:
    assumed = 10 * ASSUMED[Complexity.low].output
    found = forecast(task(), "large", known, cost_of)
    assert found == Forecast(assumed, assumed * SPREAD, "assumed", 0)
    assert str(found) == "assumed"


def test_only_the_latest_like_tasks_count() -> None:
    known = past(*[1000] * 50, *[1] * RECENT)
    assert forecast(task(), "large", known, cost_of) == Forecast(1, 1, "alike", RECENT)


def test_an_unknown_price_is_no_forecast_and_never_zero() -> None:
    assert forecast(task(), "gone", past(*[9] * 9), cost_of) is None
    alike = forecast(task(), "gone", past(*[9] * 9, model="gone"), cost_of)
    assert alike == Forecast(9, 9, "alike", 9)


@pytest.mark.parametrize(
    ("spent", "cap", "median", "worst"),
    [
        (0, None, 100, 300),
        (0, 50, 50, 50),
        (30, None, 70, 270),
        (30, 200, 70, 170),
        (150, 200, 0, 50),
        (999, 200, 0, 0),
    ],
)
def test_what_is_left_is_never_below_zero_nor_above_what_the_cap_leaves(
    spent: int, cap: int | None, median: int, worst: int
) -> None:
    whole = Forecast(100, 300, "alike", 8)
    assert left(whole, spent, cap) == Forecast(median, worst, "alike", 8)


@pytest.mark.parametrize(
    ("amounts", "cap", "last"),
    [([3, 3, 3], 9, 0), ([3, 3, 3], 8, 1), ([3, 3, 3], 2, 3), ([9, 1, 1], 5, 3), ([], 5, 0)],
)
def test_the_tasks_beyond_a_cap_are_counted_from_the_first_that_does_not_fit(
    amounts: list[int], cap: int, last: int
) -> None:
    assert beyond(amounts, cap) == last
