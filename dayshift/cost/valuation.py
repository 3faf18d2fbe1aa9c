"""What a message of a transcript cost on its day, or at most, where nobody knows. Joins prices and bill."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from zoneinfo import ZoneInfo

from dayshift.cost import rare_prices
from dayshift.cost.bill import Billed
from dayshift.cost.prices import TABLE, UNIT, Prices, Rates, Unpriced, load_prices, turns
from dayshift.model import Tokens, Usage
from dayshift.money import Pico

#: What a request is taken to have used at most that does not say it so that it can be understood: a whole window
#: of context, written to the cache, and the longest answer.
UNSAID = (0, 128_000, 0, 0, 1_000_000)
Value = tuple[Pico | None, Pico | None]  #: the exact cost; or None, and the most it can have cost


class Valuation:
    """Days by one timezone, and the prices of each day with one person's own figures."""

    def __init__(self, overrides: Mapping[str, Mapping[str, Decimal]], timezone: str) -> None:
        self._overrides, self._zone = overrides, ZoneInfo(timezone)
        self._timezone = timezone
        self._hours: dict[str, str] = {}
        self._prices, self._era = cache(self._of_day), cache(self._of_era)
        self._turns = [str(day) for day in turns()]
        self._rated, self._resolved = cache(self._rates_of), cache(self._resolve)

    def basis(self) -> str:
        """What all values rest on: another basis may give other values."""
        figures = {model: {kind: str(price) for kind, price in row.items()} for model, row in self._overrides.items()}
        said = json.dumps([self._timezone, figures, version("genai-prices")], sort_keys=True).encode()
        return hashlib.sha256(said + TABLE.read_bytes()).hexdigest()

    def day(self, at: str) -> str:
        """The calendar day of a moment given in UTC; most hours lie within one day, and are worked out once."""
        hour = at[:13]
        if hour not in self._hours:
            first, last = self._day(f"{hour}:00:00Z"), self._day(f"{hour}:59:59.999Z")
            self._hours[hour] = first if first == last else ""
        return self._hours[hour] or self._day(at)

    def _day(self, at: str) -> str:
        return str(datetime.fromisoformat(at).astimezone(UTC).astimezone(self._zone).date())

    def value(self, message: Billed, day: str) -> Value:
        """By the person's figures and the shipped table alone: a model that neither has is left unpriced."""
        rates, factor, known = self._rated(message[5:8], bisect_right(self._turns, day), bool(message.raw))
        counts = message[8:13] if not message.raw else UNSAID
        cost = rates.charged(rates.sampled(*counts), message.web_searches, factor)
        return (cost, None) if known else (None, cost)

    def thoroughly(self, message: Billed, day: str) -> Value:
        """By genai-prices too, which knows rare models and whose prices may change any day, but is slow to load."""
        if message.raw or not rare_prices.listed(self._resolved(message.model)):
            return self.value(message, day)
        try:
            tokens = Tokens(*message[8:14])
            return self._prices(day).cost(Usage(message.model, tokens, message.speed, message.geo)), None
        except Unpriced:
            return self.value(message, day)

    def _rates_of(self, variant: tuple[str, str, str], turn: int, raw: bool) -> tuple[Rates, int, bool]:
        """Rates, what speed and region multiply by; and whether these are the model's own."""
        (model, speed, region), (prices, listed, dearest) = variant, self._era(turn)
        geo, fast, rates = prices.residency(region), speed == "fast", listed.get(self._resolved(model))
        if raw or rates is None or (fast and rates.fast is None):
            return dearest, dearest.speed(fast) * geo, False
        return rates, rates.speed(fast) * geo, True

    def _resolve(self, model: str) -> str:
        return self._era(0)[0].resolve(model)

    def _of_era(self, turn: int) -> tuple[Prices, dict[str, Rates], Rates]:
        prices = self._prices(self._turns[turn - 1] if turn else str(date.min))
        rows = prices.rows()
        return prices, {rates.model: rates for rates in rows}, _dearest(rows)

    def _of_day(self, day: str) -> Prices:
        return load_prices(self._overrides, date.fromisoformat(day))


def _dearest(rows: Sequence[Rates]) -> Rates:
    """The highest price of every kind, as if each prompt were a long one."""
    return Rates(
        model="the dearest known",
        source="all",
        input=max(row.input * row.long_input for row in rows) // UNIT,
        output=max(row.output * row.long_output for row in rows) // UNIT,
        cache_read=max(row.cache_read * row.long_input for row in rows) // UNIT,
        cache_write_5m=max(row.cache_write_5m * row.long_input for row in rows) // UNIT,
        cache_write_1h=max(row.cache_write_1h * row.long_input for row in rows) // UNIT,
        web_search=max(row.web_search for row in rows),
        window=max(row.window for row in rows),
        fast=max(row.fast or UNIT for row in rows),
    )
