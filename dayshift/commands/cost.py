"""The command `cost`: what was spent, as the ledger has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from dayshift.commandline import Context
from dayshift.commands.lookup import print_json
from dayshift.money import Pico, from_usd, shown, to_usd

TOKEN_KINDS = ("input", "output", "cache_read", "cache_write")
HEADINGS = ("requests", "cost", "of it worst case", "reserved", "tokens in", "out", "cache read", "cache written")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table; `estimated` is the part of `cost` charged at the worst case, its end being unknown."""

    key: str
    requests: int
    cost: Pico
    estimated: Pico
    reserved: Pico
    tokens: tuple[int, ...]  #: in the order of TOKEN_KINDS

    def as_json(self) -> dict[str, Any]:
        """The entry with amounts as decimal strings."""
        return {
            "key": self.key,
            "requests": self.requests,
            "cost_usd": to_usd(self.cost),
            "estimated_usd": to_usd(self.estimated),
            "reserved_usd": to_usd(self.reserved),
            "tokens": dict(zip(TOKEN_KINDS, self.tokens, strict=True)),
        }

    def cells(self) -> tuple[str, ...]:
        """The entry for a person's eyes."""
        amounts = (shown(amount) for amount in (self.cost, self.estimated, self.reserved))
        return (self.key, f"{self.requests:,}", *amounts, *(f"{count:,}" for count in self.tokens))


@click.command
@click.option("--by", type=click.Choice(["day", "task", "model", "session"]), default="day", show_default=True)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Only requests of this day or later.")
@click.option("--rehearsal", is_flag=True, help="The pretended spending of rehearsals.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def cost(context: Context, by: str, since: datetime | None, rehearsal: bool, as_json: bool) -> None:
    """Show the spending, and what the latest day's cap leaves.

    A request whose end is unknown is charged at the most it can have cost; that part is shown apart.

    \b
    Examples:
      dayshift cost
      dayshift cost --by task --since 2026-11-20
      dayshift cost --by model --json
    """
    ledger = context.parts.ledger(context.home.ledger(rehearsal))
    entries, day = _read(ledger, by, since) if ledger else ([], None)
    total = _total(entries)
    if as_json:
        rows = [entry.as_json() for entry in entries]
        return print_json({"by": by, "rehearsal": rehearsal, "rows": rows, "total": total.as_json(), "day": day})
    if not entries:
        where = " in rehearsals" if rehearsal else ""
        return click.echo(f"nothing was spent{where}{' since then' if since else ' yet'}")
    click.echo("\n".join(_table(by, [*entries, total])))
    return click.echo(_left(day)) if day else None


def _read(ledger: Any, by: str, since: datetime | None) -> tuple[list[Entry], dict[str, Any] | None]:
    """The entries asked for and the latest day's budget; the ledger is let go."""
    try:
        days = ledger.by("day")
        entries = [_entry(line) for line in ledger.by(by, since.date() if since else None)]
        return entries, _budget(ledger, days[-1].key) if days else None
    finally:
        ledger.close()


def _entry(line: Any) -> Entry:
    tokens = tuple(getattr(line.tokens, kind) for kind in TOKEN_KINDS)
    return Entry(line.key, line.requests, line.cost, line.estimated, line.reserved, tokens)


def _total(entries: Sequence[Entry]) -> Entry:
    """The sum; each request is in exactly one of the entries."""
    return Entry(
        "total",
        requests=sum(each.requests for each in entries),
        cost=sum(each.cost for each in entries),
        estimated=sum(each.estimated for each in entries),
        reserved=sum(each.reserved for each in entries),
        tokens=tuple(sum(each.tokens[kind] for each in entries) for kind in range(len(TOKEN_KINDS))),
    )


def _budget(ledger: Any, day: str) -> dict[str, Any]:
    """Where that day's budget stands; `left` is None without a cap, and what is reserved is not left."""
    spend = ledger.spend(f"day:{day}")
    left = None if spend.cap is None else max(0, spend.cap - spend.settled - spend.reserved)
    amounts = {"spent": spend.settled, "reserved": spend.reserved, "cap": spend.cap, "left": left}
    return {"date": day, **{f"{name}_usd": None if each is None else to_usd(each) for name, each in amounts.items()}}


def _left(day: dict[str, Any]) -> str:
    if day["cap_usd"] is None:
        return f"{day['date']}: no cap is known"
    left, cap = shown(from_usd(day["left_usd"])), shown(from_usd(day["cap_usd"]))
    return f"{day['date']}: {left} of the day's {cap} is left"


def _table(by: str, entries: Sequence[Entry]) -> list[str]:
    """Lines of aligned cells, the key to the left, numbers to the right."""
    rows = [(by, *HEADINGS), *(entry.cells() for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(map(_aligned, row, widths, range(len(row)))) for row in rows]


def _aligned(cell: str, room: int, column: int) -> str:
    return cell.rjust(room) if column else cell.ljust(room)
