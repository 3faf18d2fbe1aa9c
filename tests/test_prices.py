"""Prices: exact, dated, never lower than the bill, and never zero for want of knowledge."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import genai_prices
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dayshift.cost.prices import TABLE, Prices, Unpriced, load_prices
from dayshift.model import Tokens, Usage
from dayshift.money import PICO_PER_USD, from_usd

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SHIPPED = sorted({row["model"] for row in yaml.safe_load(TABLE.read_text())["rows"]})
ONLY_HERE = {"claude-mythos-5", "claude-mythos-5-1"}
LONG_ONLY_HERE = "claude-sonnet-4-0"
KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_searches")


@pytest.fixture(scope="module")
def prices() -> Prices:
    return load_prices({}, TODAY)


def usage(model: str, speed: str = "standard", geo: str = "", **tokens: int) -> Usage:
    return Usage(model, Tokens(**tokens), speed, geo)


def by_genai_prices(model: str, used: Tokens, on: datetime = NOON, **context: str) -> Decimal:
    counted = genai_prices.Usage(
        input_tokens=used.input + used.cache_read + used.cache_write,
        cache_read_tokens=used.cache_read,
        cache_write_tokens=used.cache_write,
        cache_write_1h_tokens=used.cache_write_1h,
        output_tokens=used.output,
        web_searches=used.web_searches,
    )
    found = genai_prices.calc_price(
        counted, model, provider_id="anthropic", genai_request_timestamp=on, price_context=context or None
    )
    return found.total_price * PICO_PER_USD


MIXES = (
    *(Tokens(**{kind: 1000}) for kind in KINDS),
    Tokens(1, 2, 3, 4, 5, 6),
    Tokens(input=100_000),
    Tokens(input=90_000, cache_read=10_001, output=7),
    Tokens(input=200_000, output=1),
    Tokens(input=1, cache_read=150_000, cache_write_5m=40_000, cache_write_1h=10_000, output=1),
)


# --- the shipped table -------------------------------------------------------------------------------


def known_to_both() -> list[tuple[str, Tokens]]:
    """All of the table but what that library has no price for: two models, and one model's long prompts."""
    return [
        (model, used)
        for model in SHIPPED
        for used in MIXES
        if model not in ONLY_HERE and not (model == LONG_ONLY_HERE and used.input + used.cache_read > 100_001)
    ]


@pytest.mark.parametrize("model, used", known_to_both(), ids=str)
def test_the_shipped_table_agrees_with_genai_prices_to_the_pico(prices: Prices, model: str, used: Tokens) -> None:
    assert prices.cost(Usage(model, used)) == by_genai_prices(model, used)


@pytest.mark.parametrize(
    "model", ["claude-opus-4-8", "claude-opus-5", "claude-opus-5-5", "claude-fable-5-2", "claude-mythos-5-2"]
)
@pytest.mark.parametrize("used", MIXES, ids=str)
def test_fast_mode_agrees_with_genai_prices(prices: Prices, model: str, used: Tokens) -> None:
    assert prices.cost(Usage(model, used, "fast")) == by_genai_prices(model, used, speed="fast")


@pytest.mark.parametrize("on, dollars", [(date(2026, 3, 12), "2.00001"), (date(2026, 3, 13), "1.000005")])
def test_a_price_counts_from_its_first_day_on(on: date, dollars: str) -> None:
    used = Tokens(input=200_001)
    cost = load_prices({}, on).cost(Usage("claude-opus-4-6", used))
    assert cost == from_usd(dollars)
    assert cost == by_genai_prices("claude-opus-4-6", used, datetime(on.year, on.month, on.day, tzinfo=UTC))


@pytest.mark.parametrize(
    "used, dollars",
    [
        (usage("claude-opus-4-6", "fast", input=10**6, output=10**6), "180"),
        (usage("claude-opus-4-7", "fast", cache_read=10**6, cache_write_1h=10**6), "63"),
        (usage("claude-mythos-5-1", input=10**6, cache_read=10**6, output=10**6), "60.25"),
        (usage("claude-mythos-5", cache_write_5m=10**6), "12.5"),
        (usage("claude-sonnet-5-5", geo="us", input=10**6, output=10**6, web_searches=1), "13.21"),
        (usage("claude-sonnet-5-5", geo="global", input=10**6), "2"),
        (usage("claude-sonnet-5-5", geo="not_available", input=10**6), "2"),
        (usage("claude-sonnet-5-5", geo="mars", input=10**6), "2.2"),
        (usage("claude-haiku-5-5", geo="us", cache_read=1), "0.000000011"),
        (usage("claude-haiku-5-5", input=100_000), "0.01"),
        (usage("claude-haiku-5-5", input=100_001), "0.0500005"),
    ],
    ids=str,
)
def test_what_only_the_shipped_table_knows(prices: Prices, used: Usage, dollars: str) -> None:
    assert prices.cost(used) == from_usd(dollars)


def test_each_sampling_of_an_answer_is_long_or_short_by_its_own_prompt(prices: Prices) -> None:
    short, long = Tokens(input=60_000, output=10), Tokens(input=100_001, output=10)
    both = Tokens(input=160_001, output=20, web_searches=1)
    apart = Usage("claude-haiku-5-5", both, samplings=(short, long))
    assert prices.cost(apart) == from_usd("0.006005") + from_usd("0.0500255") + from_usd("0.01")
    assert prices.cost(apart) < prices.cost(Usage("claude-haiku-5-5", both))


def test_every_price_in_force_names_its_source_and_version(prices: Prices) -> None:
    shipped = [row for row in prices.rows() if row.model in SHIPPED]
    assert [row.model for row in shipped] == SHIPPED
    assert all(row.source.startswith("shipped 2026-11-20 (") for row in shipped)


# --- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, model",
    [
        ("sonnet", "claude-sonnet-5-5"),
        ("opus", "claude-opus-5-5"),
        ("Haiku", "claude-haiku-5-5"),
        ("fable", "claude-fable-5-2"),
        ("opus[1m]", "claude-opus-5-5"),
        ("claude-opus-4-8[1m]", "claude-opus-4-8"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("anthropic/claude-haiku-4.5", "claude-haiku-4-5"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        ("bedrock/global.anthropic.claude-opus-5-5", "claude-opus-5-5"),
        ("claude-opus-4-20250514", "claude-opus-4-0"),
        ("claude-opus-5", "claude-opus-5"),
        ("gpt-5", "gpt-5"),
    ],
)
def test_every_spelling_of_a_model_is_one_model(prices: Prices, name: str, model: str) -> None:
    assert prices.resolve(name) == model


# --- who decides -------------------------------------------------------------------------------------


def test_the_persons_figures_go_before_all_others_and_leave_the_rest_as_shipped() -> None:
    prices = load_prices({"opus": {"input": Decimal("1.5")}}, TODAY)
    rates = prices.rates("claude-opus-5-5")
    assert (rates.input, rates.output, rates.source) == (1_500_000, 20_000_000, "config/orchestrator.yaml")


def test_what_the_person_leaves_out_of_an_unknown_model_is_read_dearly() -> None:
    prices = load_prices({"local-llm": {"input": Decimal(4), "output": Decimal(8)}}, TODAY)
    rates = prices.rates("local-llm")
    assert (rates.cache_read, rates.cache_write_5m, rates.cache_write_1h) == (4_000_000, 5_000_000, 8_000_000)


def test_a_rarer_model_is_looked_up_and_then_listed() -> None:
    prices = load_prices({}, TODAY)
    assert "gpt-5" not in {row.model for row in prices.rows()}
    assert prices.cost(usage("gpt-5", input=10**6, output=10**6)) == from_usd("11.25")
    assert {row.model: row.source for row in prices.rows()}["gpt-5"].startswith("genai-prices ")


def test_a_rarer_model_with_long_prompts_takes_the_step(prices: Prices) -> None:
    assert prices.cost(usage("gemini-2.5-pro", input=200_001)) == from_usd("0.5000025")


@pytest.mark.parametrize("model", ["claude-opus-9", "claude-opus-4-85", "nobody-knows-it", ""])
def test_an_unknown_model_is_refused_with_the_lines_that_cure_it(prices: Prices, model: str) -> None:
    with pytest.raises(Unpriced) as refused:
        prices.rates(model)
    _, _, lines = str(refused.value).partition("\n\n")
    written: Any = yaml.safe_load(lines.replace("  :", "  '':"))["prices"]
    cured = load_prices({name: {k: Decimal(str(v)) for k, v in row.items()} for name, row in written.items()}, TODAY)
    assert cured.rates(model).input == from_usd(15) // 10**6


def test_fast_mode_without_a_price_is_refused(prices: Prices) -> None:
    with pytest.raises(Unpriced, match="fast: 6"):
        prices.worst_case("sonnet", 10, 10, fast=True)


@pytest.mark.parametrize(
    "given, complaint",
    [
        ({"input": Decimal(1)}, "output is missing"),
        ({"input": Decimal(1), "output": Decimal(1), "cache": Decimal(1)}, "cache is not a price"),
        ({"input": Decimal(-1), "output": Decimal(1)}, "from zero up"),
        ({"input": Decimal(1), "output": Decimal("NaN")}, "from zero up"),
        ({"input": Decimal(1), "output": Decimal(1), "fast": Decimal("0.5")}, "no multiplier"),
    ],
)
def test_figures_that_make_no_sense_are_refused_by_name(given: dict[str, Decimal], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"prices: my-model: .*{complaint}"):
        load_prices({"my-model": given}, TODAY)


# --- the worst case ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked, dollars",
    [
        ({"geo": "global"}, "2.00"),
        ({"geo": "global", "caches": True}, "2.50"),
        ({"geo": "global", "caches": True, "cache_ttl_1h": True}, "4.00"),
        ({"geo": "us"}, "2.20"),
        ({}, "2.20"),
        ({"geo": "global", "web_searches": 2}, "6.02"),
    ],
    ids=str,
)
def test_the_worst_case_assumes_no_cache_hit_and_the_dearest_region(
    prices: Prices, asked: dict[str, Any], dollars: str
) -> None:
    assert prices.worst_case("sonnet", 10**6, 0, **asked) == from_usd(dollars)


counts = st.integers(0, 300_000)


@settings(max_examples=300, deadline=None)
@given(
    model=st.sampled_from([*SHIPPED, "gpt-5.4", "claude-3-haiku"]),
    used=st.builds(Tokens, counts, counts, counts, counts, counts, st.integers(0, 8)),
    spare=st.integers(0, 1000),
    fast=st.booleans(),
    geo=st.sampled_from(["", "us", "global"]),
)
def test_no_response_within_the_bounds_costs_more_than_the_worst_case(
    prices: Prices, model: str, used: Tokens, spare: int, fast: bool, geo: str
) -> None:
    fast = fast and prices.rates(model).fast is not None
    worst = prices.worst_case(
        model,
        used.input + used.cache_read + used.cache_write + spare,
        used.output + spare,
        caches=used.cache_write > 0,
        cache_ttl_1h=used.cache_write_1h > 0,
        fast=fast,
        web_searches=used.web_searches,
        geo=geo,
    )
    served_in = {"": "us"}.get(geo, geo)  # the workspace's own region may be the dear one
    assert prices.cost(Usage(model, used, "fast" if fast else "standard", served_in)) <= worst
