"""The command `cost reprice`: what settled requests cost at the prices now known for their day."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any

import click

from dayshift.commandline import Context
from dayshift.commands.lookup import daemon, print_json
from dayshift.commands.outlook import read_settings
from dayshift.commands.tables import aligned
from dayshift.cost.prices import Prices, Unpriced, load_prices
from dayshift.cost.statement import Account, Settled, statement
from dayshift.messages.usage import recorded
from dayshift.model import Doubtful
from dayshift.money import Pico, shown, to_usd

HEADINGS = ("model", "requests", "to change", "booked", "anew", "difference")


@dataclass(frozen=True, slots=True)
class Repriced:
    """One request, its cost as booked and anew; `anew` is None where nobody knows, and `why` says so."""

    id: int
    account: Account
    model: str
    booked: Pico
    anew: Pico | None
    price: str = ""
    why: str = ""

    @property
    def changed(self) -> bool:
        """Whether it would be booked otherwise."""
        return self.anew is not None and self.anew != self.booked


@dataclass(frozen=True, slots=True)
class Sum:
    """What the requests of one model, or all, come to; those without a price are in neither amount."""

    account: Account
    key: str
    requests: int = 0
    changed: int = 0
    booked: Pico = 0
    anew: Pico = 0
    unpriced: int = 0

    def plus(self, one: Repriced) -> "Sum":
        """With one request more."""
        if one.anew is None:
            return replace(self, requests=self.requests + 1, unpriced=self.unpriced + 1)
        return replace(
            self, requests=self.requests + 1, changed=self.changed + one.changed,
            booked=self.booked + one.booked, anew=self.anew + one.anew,
        )  # fmt: skip


@click.command("reprice")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Only requests of this day or later.")
@click.option("--model", metavar="MODEL", help="Only this model's requests, by any of its names.")
@click.option("--yes", is_flag=True, help="Book the new amounts; without it they are only shown.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def reprice(context: Context, since: datetime | None, model: str | None, yes: bool, as_json: bool) -> None:
    """Price settled requests anew: their usage, at the prices of their day, with your own figures as they are now.

    Nothing is changed without --yes. With it all amounts change at once, in every budget they count in; a daemon may
    be running. A request whose price is not known stays as it is booked.

    \b
    Examples:
      dayshift cost reprice
      dayshift cost reprice --since 2026-11-01 --model opus --yes
    """
    overrides = read_settings(context).prices

    @cache
    def prices(day: date) -> Prices:
        return load_prices(overrides, day)

    ledger = context.home.ledger(rehearsal=False)
    with statement(ledger) as books:
        rows = books.settled(since.date() if since else None) if books else ()
        found = list(priced_anew(rows, prices, model))
    changes = [(each.id, each.anew, each.price) for each in found if each.changed and each.anew is not None]
    booked = context.parts.reprice(ledger, changes) if yes and changes else 0
    if as_json:
        return print_json(_facts(found, booked))
    return click.echo("\n".join(_text(found, booked, yes, daemon(context.home) is not None)))


def priced_anew(rows: Iterable[Settled], prices: Callable[[date], Prices], model: str | None) -> Iterator[Repriced]:
    """Each request with its cost at the prices of its day; with `model` only those of that model."""
    for row in rows:
        table, usage = prices(row.day), recorded(row.usage, row.model)
        name = table.resolve(row.model if isinstance(usage, Doubtful) else usage.model)
        if model is not None and name != table.resolve(model):
            continue
        one = Repriced(row.id, row.account, name, row.cost, None)
        if isinstance(usage, Doubtful):
            yield replace(one, why=f"{name} counted something this version cannot price: {usage.field}")
            continue
        try:
            yield replace(one, anew=table.cost(usage), price=table.rates(usage.model).source)
        except Unpriced as error:
            yield replace(one, why=str(error))


def sums(found: Iterable[Repriced], account: Account) -> tuple[Sum, ...]:
    """One for each model, in order of name, and one for all; amounts of a plan are never added to a bill."""
    total, models = Sum(account, "total"), dict[str, Sum]()
    for each in found:
        if each.account == account:
            total = total.plus(each)
            models[each.model] = models.get(each.model, Sum(account, each.model)).plus(each)
    return (*(models[name] for name in sorted(models)), total) if models else ()


# --- as text -----------------------------------------------------------------------------------------


def _text(found: Sequence[Repriced], booked: int, yes: bool, running: bool) -> list[str]:
    if not found:
        return ["there is no settled request to price anew"]
    lines = _table(sums(found, "api"))
    if plan := _table(sums(found, "plan")):
        lines += ["", "paid by a plan: what the same use would have cost by the token, and no bill", *plan]
    lines += _unpriced(found)
    if booked and running:
        lines.append("the daemon that is running books at the prices it began with, until it is started again")
    if yes:
        return [*lines, f"{booked} requests are booked anew"]
    if any(each.changed for each in found):
        return [*lines, "nothing was changed; the same command with --yes books it"]
    return [*lines, "every amount is as it is booked"]


def _table(lines: Sequence[Sum]) -> list[str]:
    rows = [
        (each.key, f"{each.requests:,}", f"{each.changed:,}", shown(each.booked), shown(each.anew), _difference(each))
        for each in lines
    ]
    return aligned([HEADINGS, *rows]) if rows else []


def _difference(line: Sum) -> str:
    more = line.anew - line.booked
    return f"{'-' if more < 0 else '+'}{shown(abs(more))}" if more else "-"


def _unpriced(found: Sequence[Repriced]) -> list[str]:
    """How many stay as they are, and what is to be done, each reason once."""
    left = [each for each in found if each.anew is None]
    if not left:
        return []
    amount = shown(sum(each.booked for each in left))
    return [f"{len(left)} more requests have no price and stay as they are booked, at {amount}:", *_reasons(left)]


def _reasons(left: Iterable[Repriced]) -> list[str]:
    return list(dict.fromkeys(each.why for each in left))


# --- for machines ------------------------------------------------------------------------------------


def _facts(found: Sequence[Repriced], booked: int) -> dict[str, Any]:
    return {
        "booked": booked,
        "rows": [_row(each) for each in sums(found, "api")],
        "notional": [_row(each) for each in sums(found, "plan")],
        "unpriced": _reasons(each for each in found if each.anew is None),
    }


def _row(line: Sum) -> dict[str, Any]:
    return {
        "key": line.key, "requests": line.requests, "changed": line.changed, "unpriced": line.unpriced,
        "booked_usd": to_usd(line.booked), "anew_usd": to_usd(line.anew),
    }  # fmt: skip
