"""The command `days`: a row for every day there was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from dayshift import records
from dayshift.commandline import Context
from dayshift.commands.lookup import print_json, terminal_width
from dayshift.commands.tables import folded
from dayshift.cost import spending
from dayshift.cost.statement import Account, Line, Statement, statement
from dayshift.home import Home
from dayshift.learning import feedback_files
from dayshift.model import Record
from dayshift.money import Pico, shown, to_usd
from dayshift.outlook import experience, tallies
from dayshift.outlook.tallies import Tally
from dayshift.reporting import archive

STATES = ("done", "failed", "halted", "cancelled", "open")
REVIEWS = ("accepted", "rejected", "pending")


@dataclass(frozen=True, slots=True)
class Row:
    """One day: its tasks and what they cost, as its report has them."""

    day: date
    tally: Tally
    api: Line | None
    plan: Line | None  #: what its use would have cost by the token; no bill
    in_books: bool  #: the ledger was there by then
    cap: Pico | None
    report: Path | None
    kept: bool  #: its facts, from which the report can be made again

    @property
    def spent(self) -> Pico | None:
        """None if no ledger can know."""
        return self.api.cost if self.api else 0 if self.in_books else None


@click.command
@click.option("--rehearsal", is_flag=True, help="The days of rehearsals.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def days(context: Context, rehearsal: bool, as_json: bool) -> None:
    """List every day known: its tasks, what became of them, what you said, what was spent of the cap.

    The tasks are those of the day's file; a task that went on counts on each of its days. "spent" is what they cost, as
    the day's report has it; `cost --by day` counts by the calendar.

    \b
    Examples:
      dayshift days
      dayshift days --json | jq '.days[] | select(.failed > 0) | .date'
      dayshift report 2026-11-20
    """
    found = _rows(context.home, rehearsal)
    if as_json:
        return print_json({"rehearsal": rehearsal, "days": [_as_json(each) for each in found]})
    return click.echo("\n".join(_as_text(found, context.home, rehearsal)))


def _rows(home: Home, rehearsal: bool) -> list[Row]:
    with statement(home.ledger(rehearsal)) as books:
        ratings = {} if rehearsal else feedback_files.ratings(home)
        found = experience.day_by_day(_records(home, rehearsal), books, ratings)
        lines = {account: _lines(books, account) for account in spending.ACCOUNTS}
        caps = {each.name: each.cap for each in books.windows()} if books else {}
    kept = archive.days(home, rehearsal)
    its = {date.fromisoformat(each.key): each for each in tallies.by("day", found)}
    began = min((*lines["api"], *lines["plan"]), default=date.max)
    return [
        Row(
            day, its.get(day) or tallies.of(str(day), ()), lines["api"].get(day), lines["plan"].get(day),
            day >= began, caps.get(f"day:{day}"), _report(home, day, rehearsal), day in kept,
        )
        for day in sorted({*its, *kept, *lines["api"], *lines["plan"]})
    ]  # fmt: skip


def _records(home: Home, rehearsal: bool) -> tuple[Record, ...]:
    """Every record of the real days; of rehearsals those that are there, and those the kept facts have."""
    if not rehearsal:
        return records.of_all_days(home)
    days = (archive.read(home, day, rehearsal=True) for day in archive.days(home, rehearsal=True))
    present = (each for each in records.load_all(home)[0].values() if each.rehearsal)
    found = (*(record for facts in days if facts for record in facts.records), *present)
    return tuple({(each.day, each.id, each.created_at): each for each in found}.values())


def _lines(books: Statement | None, account: Account) -> dict[date, Line]:
    """What the tasks of each day file cost."""
    lines = books.by("task", account=account) if books else ()
    days = groupby(lines, lambda line: line.key.partition("/")[0])  # in order of their keys, which begin with the day
    return {date.fromisoformat(day): Line.sum(day, its) for day, its in days}


def _report(home: Home, day: date, rehearsal: bool) -> Path | None:
    path = home.results / f"{day}{'-rehearsal' if rehearsal else ''}-report.md"
    return path if path.is_file() else None


# --- how it is shown -------------------------------------------------------------------------------


def _as_text(rows: Sequence[Row], home: Home, rehearsal: bool) -> list[str]:
    if not rows:
        return [f"no {'rehearsal' if rehearsal else 'day'} is known in {home.root}"]
    plan = ("on a plan",) if any(each.plan for each in rows) else ()
    table = [("day", "tasks", *STATES, *REVIEWS, "spent", *plan, "cap", "rating", "")]
    return folded([*table, *(_cells(each, home, bool(plan)) for each in rows)], terminal_width())


def _cells(row: Row, home: Home, plan: bool) -> tuple[str, ...]:
    tally = row.tally
    report = str(row.report.relative_to(home.root)) if row.report else ""
    return (
        str(row.day), f"{tally.tasks:,}", *(f"{getattr(tally, name):,}" for name in (*STATES, *REVIEWS)),
        shown(row.spent), *([shown(row.plan.cost if row.plan else 0)] if plan else []),
        "-" if row.cap is None else shown(row.cap), tallies.mean(tally.rating, tally.rated), report,
    )  # fmt: skip


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "date": str(row.day),
        **{name: getattr(row.tally, name) for name in ("tasks", *STATES, *REVIEWS, "rated")},
        "rating": None if row.tally.rating is None else round(row.tally.rating, 2),
        "spent_usd": None if row.spent is None else to_usd(row.spent),
        "estimated_usd": to_usd(row.api.estimated) if row.api else to_usd(0),
        "notional_usd": to_usd(row.plan.cost if row.plan else 0),
        "cap_usd": None if row.cap is None else to_usd(row.cap),
        "report": str(row.report) if row.report else None,
        "facts_kept": row.kept,
    }
