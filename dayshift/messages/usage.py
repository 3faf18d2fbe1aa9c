"""What an answer used, read field by field; what is not understood is named, never counted as nothing."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dayshift.model import Doubtful, Tokens, Usage

COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
SPEEDS = ("standard", "fast")
TIERS = ("standard", "priority", "batch")  #: the latter two are sold at a discount, so none costs more than the first
LONGEST_NAME = 80  #: characters of a field's name and value that are kept
LONGEST_MODEL = 256  #: characters of a model's name
MOST = 100_000_000  #: no answer uses more tokens of a kind; sums of such counts stay whole numbers for the ledger

#: The fields of a usage that Claude Code 2.1.329 knows. Any other that is not empty may be billed in an unknown way.
UNDERSTOOD = frozenset({
    *COUNTS, "cache_creation.ephemeral_5m_input_tokens", "cache_creation.ephemeral_1h_input_tokens",
    "server_tool_use.web_search_requests", "speed", "service_tier", "inference_geo", "iterations",
    "output_tokens_details.thinking_tokens",  # part of output_tokens
    "server_tool_use.web_fetch_requests",  # free: what was fetched is in the input
})  # fmt: skip
ONLY_LOWERS = ("fallback_credit",)  #: a refund; what is booked leaves it out
OF_A_PART = ("type", "model")  #: what one of `iterations` says beside its counts


def merged(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """What two reports of one answer say together: they are cumulative, so no count is ever less than one that was."""
    found = dict(earlier)
    for key, value in later.items():
        known = found.get(key)
        if value is None and key in found:
            continue
        if type(value) is int and type(known) is int:
            value = max(value, known)
        elif isinstance(value, dict) and isinstance(known, dict):
            value = merged(known, value)
        found[key] = value
    return found


class _Doubt(ValueError):
    """A field that is not understood."""


def understood(model: Any, raw: Mapping[str, Any]) -> Usage | Doubtful:
    """The usage, if every field of it that may cost something is understood; else which one is not."""
    named = isinstance(model, str) and model.isprintable() and len(model) <= LONGEST_MODEL
    name = str(model) if named else ""
    try:
        if not name:
            raise _Doubt("model")
        for field in _strange(raw):
            raise _Doubt(field)
        tokens = _tokens(raw)
        return Usage(
            name, tokens, _one_of(SPEEDS, raw, "speed"), str(raw.get("inference_geo") or ""),
            {**raw, "model": name}, _samplings(name, raw, tokens),
        )  # fmt: skip
    except _Doubt as doubt:
        return Doubtful(name or "unknown", str(doubt)[:LONGEST_NAME])


def recorded(text: str, model: str) -> Usage | Doubtful:
    """The usage as it was kept with a request; `model` is the one that was asked, where the answer's was not kept."""
    try:
        raw = json.loads(text)
        return understood(raw.pop("model", model), raw)
    except (ValueError, AttributeError, RecursionError):
        return Doubtful(model, "what was kept of it")


def _strange(raw: Mapping[str, Any], besides: tuple[str, ...] = ()) -> Iterator[str]:
    """Fields that say something and are not understood."""
    for key, value in raw.items():
        if key in (*ONLY_LOWERS, *besides):
            continue
        inner = {f"{key}.{each}": said for each, said in value.items()} if isinstance(value, dict) else {key: value}
        yield from (_printable(name) for name, said in inner.items() if said and name not in UNDERSTOOD)


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)


def _tokens(raw: Mapping[str, Any]) -> Tokens:
    """The counts of a usage. Input and output must be there: an answer without them is no answer for nothing."""
    for key in ("input_tokens", "output_tokens"):
        if raw.get(key) is None:
            raise _Doubt(f"{key} is missing")
    _one_of(TIERS, raw, "service_tier")
    five, hour = _written(raw)
    return Tokens(
        input=_count(raw, "input_tokens"),
        output=_count(raw, "output_tokens"),
        cache_read=_count(raw, "cache_read_input_tokens"),
        cache_write_5m=five,
        cache_write_1h=hour,
        web_searches=_count(raw.get("server_tool_use"), "web_search_requests"),
    )


def _written(raw: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens written into the cache for five minutes and for an hour.

    A stream splits them by lifetime only at its start; what a server tool makes it write later only adds to their sum.
    That is taken for an hour's, which is dearer, unless the split speaks of five minutes alone.
    """
    split = raw.get("cache_creation")
    five, hour = _count(split, "ephemeral_5m_input_tokens"), _count(split, "ephemeral_1h_input_tokens")
    later = max(0, _count(raw, "cache_creation_input_tokens") - five - hour)
    return (five, hour + later) if split and (hour or not five) else (five + later, hour)


def _count(holder: Any, key: str) -> int:
    number = holder.get(key) if isinstance(holder, dict) else None
    if number is None:
        return 0
    if type(number) is not int or not 0 <= number <= MOST:
        raise _Doubt(f"{key}={_number(number)}")
    return number


def _number(number: Any) -> str:
    """As it was given; one of very many digits cannot be written out."""
    return "a huge number" if type(number) is int and abs(number) > MOST else ascii(number)


def _one_of(known: tuple[str, ...], raw: Mapping[str, Any], key: str) -> str:
    """The value, which must be known; the first of them where none is given."""
    value = raw.get(key) or known[0]
    if value not in known:
        raise _Doubt(_printable(f"{key}={value}"))
    return str(value)


def _samplings(model: str, raw: Mapping[str, Any], total: Tokens) -> tuple[Tokens, ...]:
    """The samplings an answer was made of, where each is priced by its own prompt; empty where there was one.

    They must add up to the totals and be the model's own: what else is among them is billed beside the totals.
    """
    parts = raw.get("iterations") or []
    if not isinstance(parts, list):
        raise _Doubt("iterations")
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "message" or part.get("model", model) != model:
            raise _Doubt(_printable(f"iterations of type {kind}"))
        for field in _strange(part, OF_A_PART):
            raise _Doubt(f"iterations.{field}")
    if parts and any(sum(_count(part, key) for part in parts) != _count(raw, key) for key in COUNTS):
        raise _Doubt("iterations that do not add up")
    samplings = tuple(map(_tokens, parts))
    split = [(part.cache_write_5m, part.cache_write_1h) for part in samplings]
    whole = tuple(map(sum, zip(*split, strict=True))) == (total.cache_write_5m, total.cache_write_1h)
    return samplings if whole and len(samplings) > 1 else ()  # as one prompt it costs no less
