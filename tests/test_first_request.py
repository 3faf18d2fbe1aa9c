"""The smallest useful cap: what the first request of a task costs at most, and which caps are below it."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest

from dayshift.cost.hold import longest_answer
from dayshift.cost.prices import load_prices
from dayshift.inputs.settings import TOOLS, Budget, Caps, Phase, Settings
from dayshift.model import Day, Task
from dayshift.outlook.first_request import least_cost, too_small_in_day, too_small_in_settings, useful

PRICES = load_prices({}, date(2026, 11, 20))
CENT = 10**10


def settings(tools: Sequence[str] = ("Bash",), most: int = 32_000, mode: str = "strict") -> Settings:
    agent = {"tools": tools, "max_output_tokens": most}
    return Settings.model_validate({"agent": agent, "budget": {"mode": mode}})


def test_more_instructions_more_tools_and_a_dearer_model_need_a_larger_cap() -> None:
    least = least_cost(PRICES, "sonnet", "Do it.", settings())
    assert least_cost(PRICES, "sonnet", "Do it." * 1000, settings()) > least
    assert least_cost(PRICES, "sonnet", "Do it.", settings(TOOLS)) > least
    assert least_cost(PRICES, "opus", "Do it.", settings()) > least
    assert least_cost(PRICES, "sonnet", "Do it.", settings(("Bash", "SomethingNew"))) == least


@pytest.mark.parametrize("model", ["haiku", "sonnet", "opus"])
def test_a_paced_request_and_shorter_answers_need_less(model: str) -> None:
    told = "Do it." * 2000
    strict, paced = (least_cost(PRICES, model, told, settings(TOOLS, mode=mode)) for mode in ("strict", "paced"))
    assert paced < strict
    assert least_cost(PRICES, model, told, settings(TOOLS, most=1000)) < strict


def test_under_that_cap_the_answer_it_allows_fits_and_under_a_little_less_it_does_not() -> None:
    least = least_cost(PRICES, "sonnet", "Do it." * 2000, settings(TOOLS))
    rate = PRICES.rates("sonnet").output

    def needs(cap: int) -> int:
        return prompt + longest_answer(cap, rate, 32_000) * rate * 11 // 10

    answer = longest_answer(least, rate, 32_000)
    prompt = least - answer * rate * 11 // 10
    assert needs(least) <= least
    assert needs(least * 99 // 100) > least * 99 // 100
    assert answer > 1024


@pytest.mark.parametrize(("least", "shown"), [(1, "$0.0100"), (20 * CENT, "$0.21"), (20 * CENT + 1, "$0.22")])
def test_the_smallest_useful_cap_has_a_margin_and_is_rounded_up_to_a_cent(least: int, shown: str) -> None:
    assert useful(least) == shown


def day(*caps: int | None, cap: int | None = None) -> Day:
    tasks = tuple(Task(f"t{n}", "T", "words", "sonnet", max_cost=each) for n, each in enumerate(caps))
    return Day(date(2026, 11, 20), "/shop", tasks, cap)


def test_caps_of_the_day_file_below_one_request_are_named_with_what_would_do() -> None:
    given = [("max_cost_usd",), ("tasks", 0, "max_cost_usd"), ("tasks", 1, "max_cost_usd")]
    least = {"t0": 20 * CENT, "t1": 30 * CENT, "t2": 10 * CENT}
    found = dict(too_small_in_day(day(19 * CENT, 30 * CENT, 1, cap=9 * CENT), least, given))
    assert list(found) == [("tasks", 0, "max_cost_usd"), ("max_cost_usd",)]  # t2 has its cap from the settings
    assert found["tasks", 0, "max_cost_usd"].endswith("the smallest useful cap is $0.21")
    assert "its cheapest task" in found["max_cost_usd",]
    assert list(too_small_in_day(day(20 * CENT, None, None, cap=10 * CENT), least, given)) == []


def test_every_cap_of_the_settings_is_held_against_the_cheapest_model() -> None:
    small, ample = Decimal("0.09"), Decimal("0.10")
    budget = Budget(
        daily_usd=ample, task_usd=small, weekly_usd=small, milestones_usd=(small,), warn_at=(small,),
        projects={"shop": Caps(total_usd=small, daily_usd=ample)}, providers={"p": Caps(monthly_usd=small)},
        phases=(Phase(name="a", total_usd=ample, daily_usd=small), Phase(name="b", total_usd=small)),
    )  # fmt: skip
    found = [place for place, _ in too_small_in_settings(budget, {"haiku": 10 * CENT, "opus": 90 * CENT})]
    assert sorted(found, key=str) == sorted([
        ("budget", "task_usd"), ("budget", "weekly_usd"), ("budget", "projects", "shop", "total_usd"),
        ("budget", "providers", "p", "monthly_usd"), ("budget", "phases", 0, "daily_usd"),
        ("budget", "phases", 1, "total_usd"),
    ], key=str)  # fmt: skip
