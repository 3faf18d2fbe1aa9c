"""Spending as rows: for eyes, for machines, for spreadsheets. Joins statement for the lines it shows."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from dayshift import markdown
from dayshift.cost.statement import Account, Line, Statement
from dayshift.model import Tokens
from dayshift.money import shown, to_usd

HEADINGS = ("requests", "cost", "of it worst case", "reserved", "tokens in", "out", "cache read", "cache written")
ACCOUNTS: tuple[Account, ...] = ("api", "plan")
COUNTS = tuple(field.name for field in fields(Tokens))
COLUMNS = ("account", "key", "requests", "cost_usd", "estimated_usd", "estimated_requests", "reserved_usd", *COUNTS)


def lines(books: Statement | None, by: str, since: date | None = None) -> dict[Account, tuple[Line, ...]]:
    """The table of each account; they are never added up."""
    return {account: books.by(by, since, account=account) if books else () for account in ACCOUNTS}


def total(lines: Iterable[Line]) -> Line:
    """The sum; each request is in exactly one of the lines."""
    return Line.sum("total", lines)


def cells(line: Line) -> tuple[str, ...]:
    """The line under HEADINGS, its key first; an agent may have written the key."""
    tokens, unknown = line.tokens, f" ({line.unknown})" if line.unknown else ""
    counts = (tokens.input, tokens.output, tokens.cache_read, tokens.cache_write)
    return (
        _inert(line.key), f"{line.requests:,}", shown(line.cost), f"{shown(line.estimated)}{unknown}",
        shown(line.reserved), *(f"{count:,}" for count in counts),
    )  # fmt: skip


def record(line: Line, account: str) -> tuple[str, ...]:
    """The line under COLUMNS, every figure exact."""
    amounts = (to_usd(line.cost), to_usd(line.estimated), str(line.unknown), to_usd(line.reserved))
    counts = (str(getattr(line.tokens, kind)) for kind in COUNTS)
    return (account, _inert(line.key), str(line.requests), *amounts, *counts)


def records(tables: Mapping[Account, Iterable[Line]]) -> list[tuple[str, ...]]:
    """A heading and every line of both accounts, told apart by the first column."""
    return [COLUMNS, *(record(line, account) for account, found in tables.items() for line in found)]


def as_json(line: Line) -> dict[str, Any]:
    """The line with amounts as decimal strings; `estimated` is the part charged at the most it can have cost."""
    return {
        "key": line.key,
        "requests": line.requests,
        "cost_usd": to_usd(line.cost),
        "estimated_usd": to_usd(line.estimated),
        "estimated_requests": line.unknown,
        "reserved_usd": to_usd(line.reserved),
        "tokens": {kind: getattr(line.tokens, kind) for kind in COUNTS},
    }


def _inert(key: str) -> str:
    return " ".join(markdown.clean(key).split()) or "-"
