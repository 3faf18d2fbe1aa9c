"""Prices of rarer models, as the library genai-prices has them, in the form of a row of our own table."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import Any


def listed(model: str) -> bool:
    """Whether the library has the model, on whatever day; by the id that `Prices.resolve` gives."""
    return _known(model) is not None


@cache
def _known(model: str) -> Any:
    from genai_prices.data_snapshot import get_snapshot  # costs 0.15 s: only when it is needed

    provider = "anthropic" if model.startswith("claude-") else None
    try:
        return get_snapshot().find_provider_model(model, None, provider, None)[1]
    except LookupError:
        return None


def row(model: str, on: date) -> dict[str, Any] | None:
    """The figures of a model on a day, as a row of our table; None if the library has no positive price for it."""
    info = _known(model)
    if info is None:
        return None
    found = info.get_prices(datetime.combine(on, time.min, UTC))
    named = {"input": found.input_mtok, "output": found.output_mtok, "cache_read": found.cache_read_mtok,
             "cache_write_5m": found.cache_write_mtok, "cache_write_1h": found.cache_write_1h_mtok}  # fmt: skip
    priced = {kind: price for kind, price in named.items() if price is not None}
    if not all(_base(priced.get(kind, 0)) for kind in ("input", "output")):
        return None
    figures = {kind: _base(price) for kind, price in priced.items()}
    return {**figures, **_long(priced), "id": info.id, "source": f"genai-prices {version('genai-prices')}"}


def _base(price: Any) -> Decimal:
    return Decimal(getattr(price, "base", price))


def _long(priced: Mapping[str, Any]) -> dict[str, Any]:
    """Prices by prompt length, read as one step: the earliest threshold, the largest increase."""
    tiers = {kind: price.tiers for kind, price in priced.items() if getattr(price, "tiers", ())}
    if not tiers:
        return {}
    rise = {kind: max(step.price for step in steps) / _base(priced[kind]) for kind, steps in tiers.items()}
    return {
        "long_above": min(step.start for steps in tiers.values() for step in steps),
        "long_input": max([1, *(factor for kind, factor in rise.items() if kind != "output")]),
        "long_output": max(1, rise.get("output", 1)),
    }
