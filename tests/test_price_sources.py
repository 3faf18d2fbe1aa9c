"""The shipped prices beside others: never below the newest genai-prices, nor the pinned CLI's own catalogue."""

import mmap
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, StartDateConstraint

from dayshift.cost.prices import Prices, Unpriced, load_prices, turns
from dayshift.model import Tokens, Usage
from dayshift.money import PICO_PER_USD, Pico, from_usd

Priced = Callable[[date], Prices]

KINDS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "web_searches")
MANY = 1000  #: tokens, so that a difference of a thousandth of a price is a whole pico-USD
LENGTHS = (
    MANY,
    100_000,
    100_001,
    200_000,
    200_001,
    272_000,
    272_001,
    900_000,
)  #: of prompts, on both sides of each step
ONLY_HERE = {"claude-mythos-5", "claude-mythos-5-1"}
SHIPPED = tuple(sorted(rates.model for rates in load_prices({}, date.max).rows()))


@cache
def shipped(on: date) -> Prices:
    return load_prices({}, on)


# --- genai-prices ------------------------------------------------------------------------------------


@cache
def theirs() -> dict[str, ModelInfo]:
    """Their models that the shipped table has a row for, by our name."""
    (vendor,) = [each for each in get_snapshot().providers if each.id == "anthropic"]
    resolve = shipped(date.max).resolve
    return {resolve(model.id): model for model in vendor.models if resolve(model.id) in SHIPPED}


def days() -> list[date]:
    """The last day before and the first day of every change that either side knows of, the future ones too."""
    constraints = [
        each.constraint
        for model in theirs().values()
        for each in (*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ()))
        if each.constraint is not None
    ]
    assert all(isinstance(each, StartDateConstraint) for each in constraints), "their prices change by more than dates"
    changes = {*turns(), *(each.start_date for each in constraints if isinstance(each, StartDateConstraint))}
    return sorted({day + timedelta(days=step) for day in changes for step in (-1, 0)})


def contexts(model: ModelInfo) -> list[dict[str, str]]:
    """What one can ask of the model beside the usual, as they tell prices apart."""
    return [{}, *(dict(variant.when) for variant in model.price_variants or ())]


def used(kind: str, length: int) -> Tokens:
    """A prompt of that length: all of that kind, or input with that kind beside it."""
    return Tokens(**{kind: length}) if kind not in ("output", "web_searches") else Tokens(length, **{kind: MANY})


def their_cost(model: ModelInfo, tokens: Tokens, on: date, context: dict[str, str]) -> Decimal:
    counted = genai_prices.Usage(
        input_tokens=tokens.input + tokens.cache_read + tokens.cache_write,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
        cache_write_1h_tokens=tokens.cache_write_1h,
        output_tokens=tokens.output,
        web_searches=tokens.web_searches,
    )
    moment = datetime.combine(on, time.min, UTC)
    found = genai_prices.calc_price(
        counted, model.id, provider_id="anthropic", genai_request_timestamp=moment, price_context=context or None
    )
    return found.total_price * PICO_PER_USD


def our_cost(priced: Priced, name: str, tokens: Tokens, on: date, context: dict[str, str]) -> Pico | None:
    """None where we refuse the request: then it costs nothing too little."""
    usage = Usage(name, tokens, context.get("speed", "standard"), context.get("inference_geo", ""))
    try:
        return priced(on).cost(usage)
    except Unpriced:
        return None


def of_one_kind(cost: Callable[[Tokens], Any], kind: str, length: int) -> Any:
    """The share of that kind alone, so that a dear prompt does not hide a cheap answer."""
    whole = cost(used(kind, length))
    return whole if whole is None or kind in KINDS[:4] else whole - cost(Tokens(length))


def too_low(priced: Priced, names: Sequence[str] = SHIPPED) -> Iterator[str]:
    """Every row of ours that is below theirs on some day, with the cure."""
    known = theirs()
    for name, on in product([each for each in names if each in known], days()):
        model = known[name]
        for context, kind, length in product(contexts(model), KINDS, LENGTHS):
            ours = of_one_kind(lambda t: our_cost(priced, name, t, on, context), kind, length)  # noqa: B023 - called at once
            others = of_one_kind(lambda t: their_cost(model, t, on, context), kind, length)  # noqa: B023
            if ours is not None and ours < others:
                yield (
                    f"{name} {kind} on {on}, prompt of {length} {context or ''}: {ours} pico-USD is below the "
                    f"{others} of genai-prices {version('genai-prices')}; raise it in dayshift/cost/prices.yaml, "
                    "with `from:` if it counts from a day on, and set the file's `version`"
                )


def test_no_shipped_price_is_below_the_newest_genai_prices_on_any_day() -> None:
    assert set(SHIPPED) - set(theirs()) == ONLY_HERE
    assert list(too_low(shipped)) == []


@pytest.mark.parametrize(
    ("model", "kind", "price", "told"),
    [
        ("claude-opus-5-5", "input", "3.999", "claude-opus-5-5 input on"),
        ("claude-opus-5-5", "output", "19.99", "claude-opus-5-5 output on"),
        ("claude-opus-5-5", "cache_read", "0.19", "claude-opus-5-5 cache_read on"),
        ("claude-sonnet-5", "cache_write_5m", "2.49", "claude-sonnet-5 cache_write_5m on"),
        ("claude-sonnet-5", "cache_write_1h", "3.99", "claude-sonnet-5 cache_write_1h on"),
        ("claude-sonnet-5", "web_search", "0.0099", "claude-sonnet-5 web_searches on"),
        ("claude-opus-5", "fast", "1.9", "'speed': 'fast'"),
        ("claude-haiku-5-5", "long_above", "100001", "prompt of 100001"),
        ("claude-haiku-5-5", "long_output", "4.9", "claude-haiku-5-5 output on"),
    ],
)
def test_a_price_that_is_too_low_is_named_with_its_cure(model: str, kind: str, price: str, told: str) -> None:
    lowered = cache(lambda on: load_prices({model: {kind: Decimal(price)}}, on))
    found = list(too_low(lowered, [model]))
    assert any(told in line for line in found)
    assert all(line.startswith(model) and "dayshift/cost/prices.yaml" in line for line in found)


def test_a_price_that_rises_too_late_is_named_for_the_day_that_is_missing() -> None:
    late = cache(lambda on: load_prices({}, on + timedelta(days=1)))
    found = list(too_low(late))
    assert found
    assert all(" on 2026-03-12, " in line for line in found)


# --- the catalogue inside the pinned CLI ---------------------------------------------------------------

TIERS, MODELS, SPAN = b"pricing_tiers:{", b"},models:[", 1 << 16
FIGURES = r"(\w+):\{((?:\w+:[\d.e]+,?)+)(?:long_prompt:\{((?:\w+:[\d.e]+,?)+)\})?\}"


def catalogue(cli: Path) -> dict[str, tuple[dict[str, Decimal], dict[str, Decimal]]]:
    """Each model's figures in the CLI's catalogue, for usual and for long prompts."""
    with cli.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as binary:
        start = binary.find(TIERS)
        assert start >= 0, "this CLI keeps its catalogue otherwise: read its prices anew, and this test with them"
        text = binary[start : start + SPAN].decode(errors="replace")
    tiers, models = text.split(MODELS.decode(), 1)
    figures = {name: (read(usual), read(long)) for name, usual, long in re.findall(FIGURES, tiers[len(TIERS) :])}
    named = re.findall(r'\{id:"(claude-[\w.-]+)",family:(?:(?!\{id:").)*?[,{]pricing:"(\w+)"', models, re.DOTALL)
    return {model: figures[tier] for model, tier in named}


def read(figures: str) -> dict[str, Decimal]:
    return {name: Decimal(number) for name, number in re.findall(r"(\w+):([\d.e]+)", figures)}


def test_no_shipped_price_is_below_the_catalogue_of_the_pinned_cli(pinned_cli: Path) -> None:
    prices = shipped(date.max)
    found = {model: figures for model, figures in catalogue(pinned_cli).items() if prices.resolve(model) in SHIPPED}
    assert len(found) >= 20
    for model, (usual, long) in found.items():
        threshold = int(long.get("above_prompt_tokens", 0))
        for kind in KINDS:
            name = "web_search" if kind == "web_searches" else kind
            for figures, length in ((usual, MANY), *([(long, threshold + 1)] if long else [])):
                if name in figures:
                    count = MANY if kind in ("output", "web_searches") else length
                    unit = from_usd(figures[name]) if kind == "web_searches" else from_usd(figures[name]) // 10**6
                    ours = of_one_kind(lambda t: our_cost(shipped, model, t, date.max, {}), kind, length)  # noqa: B023
                    assert ours >= unit * count, f"{model} {kind}: raise it in dayshift/cost/prices.yaml"
