"""What models cost: the person's figures first, then the dated table beside this file, then genai-prices."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dayshift.cost import rare_prices
from dayshift.model import Tokens, Usage
from dayshift.money import Pico, from_usd, to_usd

TABLE = Path(__file__).with_name("prices.yaml")
OVERRIDES = "config/orchestrator.yaml"
PER_MILLION = 10**6
UNIT = 1000  #: multipliers are whole thousandths

NUMBERS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_search", "window", "fast",
           "long_above", "long_input", "long_output")  # fmt: skip
SPELLING = re.compile(r"(?:.*/)?(?:[a-z-]+\.)*(?P<id>claude-.+?)(?:-latest|[-@]\d{8})?(?:-v\d+(?::\d+)?)?$")


class Unpriced(Exception):
    """Nobody said what this costs; the message holds the lines that say it."""


@dataclass(frozen=True, slots=True)
class Rates:
    """One model's prices in force: pico-USD per token (per search), and multipliers in thousandths."""

    model: str
    source: str  #: where the figures come from, and of which version
    input: Pico
    output: Pico
    cache_read: Pico
    cache_write_5m: Pico
    cache_write_1h: Pico
    web_search: Pico
    window: int  #: context window in tokens
    fast: int | None = None  #: None: fast mode is not sold for it
    long_above: int | None = None  #: prompts of more tokens are billed at the two multipliers below
    long_input: int = UNIT
    long_output: int = UNIT
    since: date | None = None  #: the first day of these figures; None: since the model exists

    def cost(self, tokens: Tokens, fast: bool, geo: int, samplings: Sequence[Tokens] = ()) -> Pico:
        """The exact price, rounded up to a whole pico-USD; `geo` in thousandths. Each sampling has its own prompt."""
        sampled = sum(
            self.sampled(each.input, each.output, each.cache_read, each.cache_write_5m, each.cache_write_1h)
            for each in samplings or (tokens,)
        )
        return self.charged(sampled, tokens.web_searches, self.speed(fast) * geo)

    def sampled(self, input: int, output: int, cache_read: int, cache_write_5m: int, cache_write_1h: int) -> int:
        """What one prompt and its answer cost in thousandths of a pico-USD, before speed and region."""
        fresh = input * self.input + cache_read * self.cache_read
        written = cache_write_5m * self.cache_write_5m + cache_write_1h * self.cache_write_1h
        if self.long_above is not None and input + cache_read + cache_write_5m + cache_write_1h > self.long_above:
            return (fresh + written) * self.long_input + output * self.output * self.long_output
        return (fresh + written + output * self.output) * UNIT

    def charged(self, sampled: int, web_searches: int, factor: int) -> Pico:
        """The whole price of what was sampled, rounded up; `factor` is speed times region, in thousandths of each."""
        return -(-sampled * factor // UNIT**3) + web_searches * self.web_search

    def speed(self, fast: bool) -> int:
        """What fast mode multiplies the price by, in thousandths; Unpriced if it is not sold."""
        if not fast:
            return UNIT
        if self.fast is None:
            raise Unpriced(f"{self.model} has no price for fast mode. {_cure(self.model, 'fast: 6')}")
        return self.fast


class Prices:
    """What every model costs on one day."""

    def __init__(self, table: Mapping[str, Any], overrides: Mapping[str, Mapping[str, Decimal]], on: date) -> None:
        self._on = on
        self._aliases: Mapping[str, str] = table["aliases"]
        self._premium = _thousandths(table["residency"]["premium"])
        self._free = frozenset(table["residency"]["free"])
        rows = _in_force(table, on)
        for name, given in overrides.items():
            model = self.resolve(name)
            rows[model] = {**rows.get(model, {}), **given, "source": OVERRIDES}
        self._rates = {model: _rates(model, row) for model, row in rows.items()}

    def resolve(self, name: str) -> str:
        """The model id a name stands for: aliases, `[1m]`, dated, provider and Bedrock spellings become one."""
        plain = name.strip().lower().removesuffix("[1m]")
        if spelling := SPELLING.match(plain):
            plain = spelling["id"].replace(".", "-")
        return self._aliases.get(plain, plain)

    def rates(self, model: str) -> Rates:
        """The prices of a model by any of its names; Unpriced if nobody knows them."""
        known = self.resolve(model)
        if known not in self._rates:
            self._rates[known] = self._looked_up(known)
        return self._rates[known]

    def rows(self) -> tuple[Rates, ...]:
        """Every price in force so far; those of genai-prices join when a model of theirs is first asked for."""
        return tuple(sorted(self._rates.values(), key=lambda rates: rates.model))

    def cost(self, usage: Usage) -> Pico:
        """What a response cost, exactly."""
        rates, region = self.rates(usage.model), self.residency(usage.geo)
        return rates.cost(usage.tokens, usage.speed == "fast", region, usage.samplings)

    def worst_case(self, model: str, max_input_tokens: int, max_output_tokens: int, *, cache_ttl_1h: bool = False,
                   caches: bool = False, fast: bool = False, web_searches: int = 0, geo: str = "") -> Pico:  # fmt: skip
        """The most a request can cost: no cache hit, everything written at the dearest rate asked for.

        An unnamed `geo` may be the workspace's own, so only `global` is free. Each search adds unmeasured input and
        samples again: with searches the bound is the whole context window, once more than there are searches.
        """
        rates = self.rates(model)
        if web_searches:
            max_input_tokens = max(max_input_tokens, rates.window) * (web_searches + 1)
        kinds = {"input": rates.input, "cache_read": rates.cache_read}
        if caches or cache_ttl_1h:
            kinds["cache_write_5m"] = rates.cache_write_5m
        if cache_ttl_1h:
            kinds["cache_write_1h"] = rates.cache_write_1h
        dearest = max(kinds, key=lambda kind: kinds[kind])
        most = Tokens(**{"output": max_output_tokens, "web_searches": web_searches, dearest: max_input_tokens})
        return rates.cost(most, fast, self.residency(geo or "unnamed"))

    def residency(self, geo: str) -> int:
        """What that region multiplies the price by, in thousandths."""
        return UNIT if geo in self._free else self._premium

    def _looked_up(self, model: str) -> Rates:
        row = rare_prices.row(model, self._on)
        if row is None or (model.startswith("claude-") and self.resolve(row["id"]) != model):
            dearest = max(self._rates.values(), key=lambda rates: rates.output)
            lines = (f"input: {to_usd(dearest.input * PER_MILLION)}", f"output: {to_usd(dearest.output * PER_MILLION)}")
            raise Unpriced(f"{model} has no known price. {_cure(model, *lines)}")
        return _rates(model, row)


def load_prices(overrides: Mapping[str, Mapping[str, Decimal]], on: date) -> Prices:
    """The prices in force on that day; ValueError names the override that makes no sense."""
    return Prices(_table(), overrides, on)


def turns() -> list[date]:
    """The days on which a price of the shipped table changes, in order; between two of them all stay as they are."""
    return sorted({row["from"] for row in _table()["rows"] if "from" in row})


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = yaml.load(TABLE.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return table


def _in_force(table: Mapping[str, Any], on: date) -> dict[str, Mapping[str, Any]]:
    begun = [row for row in table["rows"] if row.get("from", date.min) <= on]
    begun.sort(key=lambda row: row.get("from", date.min))
    return {row["model"]: {**row, "source": f"shipped {table['version']} ({row['source']})"} for row in begun}


def _rates(model: str, row: Mapping[str, Any]) -> Rates:
    """One row's figures as whole numbers; what a row leaves out is taken at its dearest usual reading."""
    where = f"{OVERRIDES}: prices: {model}"
    if wrong := [key for key in row if key not in (*NUMBERS, "model", "from", "source", "id")]:
        raise ValueError(f"{where}: {wrong[0]} is not a price; known are {', '.join(NUMBERS)}")
    if missing := [key for key in ("input", "output") if key not in row]:
        raise ValueError(f"{where}: {missing[0]} is missing (dollars per million tokens)")
    try:
        return _converted(model, row)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _converted(model: str, row: Mapping[str, Any]) -> Rates:
    fresh = Decimal(str(row["input"]))
    return Rates(
        model=model,
        source=row["source"],
        input=_per_token(fresh),
        output=_per_token(row["output"]),
        cache_read=_per_token(row.get("cache_read", fresh)),
        cache_write_5m=_per_token(row.get("cache_write_5m", fresh * Decimal("1.25"))),
        cache_write_1h=_per_token(row.get("cache_write_1h", fresh * 2)),
        web_search=from_usd(row.get("web_search", Decimal("0.01"))),
        window=int(row.get("window", 1_000_000)),
        fast=_thousandths(row["fast"]) if "fast" in row else None,
        long_above=int(row["long_above"]) if "long_above" in row else None,
        long_input=_thousandths(row.get("long_input", 1)),
        long_output=_thousandths(row.get("long_output", 1)),
        since=row.get("from"),
    )


def _per_token(per_million: Any) -> Pico:
    return -(-from_usd(per_million) // PER_MILLION)


def _thousandths(multiplier: Any) -> int:
    exact = Decimal(str(multiplier)) * UNIT
    if not exact.is_finite() or exact < UNIT:
        raise ValueError(f"{multiplier} is no multiplier from 1 up")
    return int(exact.to_integral_value(rounding=ROUND_CEILING))


def _cure(model: str, *lines: str) -> str:
    figures = "\n".join(f"    {line}" for line in lines)
    return (
        f"Add these lines to {OVERRIDES}, with the provider's own figures (dollars per million tokens); "
        f"the ones here are the dearest known:\n\nprices:\n  {model}:\n{figures}\n"
    )
