"""What `cost` shows: the table, every budget in force, and what today's tasks will probably still cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from dayshift import records
from dayshift.clock import SystemClock
from dayshift.commandline import Context
from dayshift.commands import outlook
from dayshift.commands.tables import aligned
from dayshift.cost import spending
from dayshift.cost.prices import load_prices
from dayshift.cost.standing import Standing
from dayshift.cost.statement import Account, Line, Overrun, Statement
from dayshift.inputs.settings import Settings
from dayshift.mailbox.status import read_plan
from dayshift.mailbox.status_table import plan_line
from dayshift.model import Record
from dayshift.money import shown, to_usd
from dayshift.notices import bar
from dayshift.outlook.forecast import Forecast, left


@dataclass(frozen=True, slots=True)
class Open:
    """A task that is not at its end, and what it will probably still cost; None if nobody knows."""

    record: Record
    forecast: Forecast | None


@dataclass(frozen=True, slots=True)
class Spending:
    """All that the command shows; the two accounts are never added up."""

    by: str
    rehearsal: bool
    day: date
    lines: dict[Account, tuple[Line, ...]]
    standings: tuple[Standing, ...] = ()
    open: tuple[Open, ...] = ()
    overruns: tuple[Overrun, ...] = ()
    plan: tuple[dict[str, Any], ...] = ()


# --- reading ---------------------------------------------------------------------------------------


def read(context: Context, books: Statement | None, by: str, since: date | None, rehearsal: bool) -> Spending:
    """All of it as it stands now."""
    settings = outlook.read_settings(context)
    day = outlook.today(settings, SystemClock(), books)
    cap = outlook.day_cap(context.home, settings, day, rehearsal)
    return Spending(
        by, rehearsal, day, spending.lines(books, by, since),
        standings=outlook.standing_today(context.home, settings, books, day, cap, rehearsal),
        open=_open(context, settings, books, day, rehearsal), overruns=books.overruns(since) if books else (),
        plan=() if rehearsal else tuple(read_plan(context.home)),
    )  # fmt: skip


def _open(
    context: Context, settings: Settings, books: Statement | None, day: date, rehearsal: bool
) -> tuple[Open, ...]:
    """The tasks that are not at their end, each with the rest of its forecast."""
    known, _ = records.load_all(context.home)
    mine = [record for record in known.values() if not record.ended and record.rehearsal == rehearsal]
    table, past = load_prices(settings.prices, day), books.past_tasks() if books and mine else ()
    found = []
    for record in mine:
        days = [record.day, *(each.day for each in record.earlier)]
        spent = sum(line.cost for each in days if books and (line := books.task(each, record.id)))
        whole = outlook.likely(record.task, table, past)
        rest = left(whole, spent, record.task.max_cost) if whole else None
        found.append(Open(record, rest))
    return tuple(found)


# --- as text ---------------------------------------------------------------------------------------


def as_text(found: Spending, since: date | None) -> list[str]:
    """For a person's eyes."""
    lines = [*_tables(found, since), "", *_budgets(found)]
    if found.plan:
        lines.append(plan_line(found.plan))
    if found.open:
        lines += ["", *_forecast(found.open)]
    if found.overruns:
        lines += ["", *_overruns(found.overruns)]
    return lines


def _tables(found: Spending, since: date | None) -> list[str]:
    lines: list[str] = []
    for account, entries in found.lines.items():
        if not entries:
            continue
        if account == "plan":
            lines += ["", "paid by a plan: what the same use would have cost by the token, and no bill"]
        rows = [*map(spending.cells, entries), spending.cells(spending.total(entries))]
        lines += aligned([(found.by, *spending.HEADINGS), *rows])
    if not lines:
        where = " in rehearsals" if found.rehearsal else ""
        return [f"nothing was spent{where}{' since then' if since else ' yet'}"]
    return lines[1:] if not lines[0] else lines


def _budgets(found: Spending) -> list[str]:
    """What every budget in force leaves."""
    others = any(each.elsewhere for each in found.standings)
    head = ("budget", "left", "cap", "spent", *(["other use"] if others else []), "reserved", "")
    rows: list[tuple[str, ...]] = [head]
    for each in found.standings:
        amounts = [each.left, each.cap, each.settled, *([each.elsewhere] if others else []), each.reserved]
        rows.append((each.called, *map(shown, amounts), bar(each.settled + each.elsewhere, each.cap)))
    return [f"budgets in force on {found.day}", *aligned(rows)]


def _forecast(tasks: Sequence[Open]) -> list[str]:
    rows: list[tuple[str, ...]] = [("open task", "likely still", "worst decile", "")]
    for task in tasks:
        rest = task.forecast
        amounts = (rest.median, rest.worst) if rest else (None, None)
        rows.append((task.record.id, *map(shown, amounts), str(rest or "its model has no known price")))
    median, worst = _sums(tasks)
    rows.append(("total", shown(median), shown(worst), ""))
    return aligned(rows)


def _sums(tasks: Sequence[Open]) -> tuple[int | None, int | None]:
    """What all of them will still cost; None if that of one is unknown."""
    known = [task.forecast for task in tasks if task.forecast]
    if len(known) < len(tasks):
        return None, None
    return sum(each.median for each in known), sum(each.worst for each in known)


def _overruns(overruns: Sequence[Overrun]) -> list[str]:
    lines = [f"request {each.request} of {each.task_id} ({each.model}) cost {shown(each.cost)}, "
             f"more than the {shown(each.ceiling)} it could cost at most" for each in overruns]  # fmt: skip
    return [f"answers dearer than their worst case: {len(lines)}; an assumption of the caps is wrong", *lines]


# --- for machines ----------------------------------------------------------------------------------


def as_json(found: Spending) -> dict[str, Any]:
    """Amounts as decimal strings."""
    return {
        "by": found.by,
        "rehearsal": found.rehearsal,
        **_account(found.lines["api"]),
        "notional": _account(found.lines["plan"]),
        "date": str(found.day),
        "budgets": [each.as_json() for each in found.standings],
        "plan": list(found.plan),
        "open_tasks": [_open_facts(task) for task in found.open],
        "overruns": [
            {"request": each.request, "task_id": each.task_id, "model": each.model,
             "worst_case_usd": to_usd(each.ceiling), "cost_usd": to_usd(each.cost)} for each in found.overruns
        ],
    }  # fmt: skip


def _account(lines: Sequence[Line]) -> dict[str, Any]:
    return {"rows": [spending.as_json(line) for line in lines], "total": spending.as_json(spending.total(lines))}


def _open_facts(task: Open) -> dict[str, Any]:
    rest = task.forecast
    return {
        "task_id": task.record.id,
        "likely_usd": to_usd(rest.median) if rest else None,
        "worst_decile_usd": to_usd(rest.worst) if rest else None,
        "basis": rest.basis if rest else None,
        "tasks": rest.tasks if rest else None,
    }
