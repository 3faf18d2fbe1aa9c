"""A recap for a person: Markdown with tables and pictures.

Joins recap_facts, which it shows by templates; spending, statement and tallies for its tables, columns for its
pictures, budgets for what the windows are called.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

from dayshift.cost import spending
from dayshift.cost.budgets import called
from dayshift.cost.statement import Line
from dayshift.money import PICO_PER_USD, Pico, shown
from dayshift.notices import bar
from dayshift.outcomes import Outcome
from dayshift.outlook import tallies
from dayshift.recaps.recap_facts import Recap
from dayshift.reporting import templates
from dayshift.reporting.columns import bars

MOST_TASKS = 20  #: of the dearest that are shown; the JSON has them all
MOST_ROWS = 15  #: of a group
GROUPS = ("model", "complexity", "module", "kind")
DAY_HEADINGS = ("tasks", "done", "accepted", "pending", "blocked", "rating", "spent", "cap")

Row = tuple[str, ...]


def render(recap: Recap, own: Path | None) -> str:
    """The recap in Markdown, by the person's template if one lies in `own`; the same facts give the same bytes."""
    text = templates.render(
        "recap.md.j2", own, recap=recap, tally=recap.tally, dearest=_dearest(recap), headings=spending.HEADINGS,
        cells=spending.cells, share=tallies.share, mean=tallies.mean, became=_became(recap), bar=bar, called=called,
        compared=tuple(_compared(recap)), days=tuple(_days(recap)), day_headings=DAY_HEADINGS,
        groups=_groups(recap), tally_headings=tallies.HEADINGS, spend=_spend(recap), fates=_fates(recap),
    )  # fmt: skip
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _dearest(recap: Recap) -> dict[str, list[Line]]:
    return {
        account: sorted(tables["task"], key=lambda line: (-line.cost, line.key))[:MOST_TASKS]
        for account, tables in recap.tables.items()
    }


def _became(recap: Recap) -> dict[str, str]:
    """What became of the tasks, by their key in the ledger: `done, accepted, 4 of 5`."""
    return {f"{each.day}/{each.task_id}": ", ".join(_fate(each)) for each in recap.daily}


def _fate(outcome: Outcome) -> Iterator[str]:
    yield outcome.state
    if outcome.review != "pending":
        yield outcome.review
    if outcome.rating is not None:
        yield f"{outcome.rating} of 5"


def _groups(recap: Recap) -> dict[str, tuple[list[Row], int]]:
    """By what tasks are counted: the first rows, and how many are left out. A group that says nothing is none."""
    found = {group: tallies.by(group, recap.outcomes) for group in GROUPS}
    return {
        group: ([tallies.cells(each) for each in its[:MOST_ROWS]], len(its[MOST_ROWS:]))
        for group, its in found.items()
        if any(each.key for each in its)
    }


def _compared(recap: Recap) -> Iterator[Row]:
    """Every figure of it, and that of the period before."""
    before = recap.before
    if before.tally.tasks or before.api.requests or before.plan.requests:
        yield "spent", shown(recap.total("api").cost), shown(before.api.cost)
        if recap.total("plan").requests or before.plan.requests:
            yield "on a plan, notional", shown(recap.total("plan").cost), shown(before.plan.cost)
        yield from zip(tallies.HEADINGS, tallies.cells(recap.tally)[1:], tallies.cells(before.tally)[1:], strict=True)


# --- day by day ------------------------------------------------------------------------------------


def _spent(recap: Recap) -> dict[date, Pico]:
    return {date.fromisoformat(line.key): line.cost for line in recap.tables["api"]["day"]}


def _days(recap: Recap) -> Iterator[Row]:
    its, spent = {each.key: each for each in recap.tallied("day")}, _spent(recap)
    for day in recap.days:
        tally, cap = its.get(str(day)) or tallies.of(str(day), ()), recap.day_cap(day)
        cells = dict(zip(tallies.HEADINGS, tallies.cells(tally)[1:], strict=True))
        counts = (cells[name] for name in DAY_HEADINGS[:-2])
        yield str(day), *counts, shown(spent.get(day, 0)), "-" if cap is None else shown(cap)


def _labels(recap: Recap) -> list[str]:
    form = "%a %d" if recap.period.kind == "week" else "%d"
    return [f"{day:{form}}" for day in recap.days]


def _dollars(amount: Pico) -> Decimal:
    return Decimal(amount) / PICO_PER_USD


def _spend(recap: Recap) -> str:
    """What was spent each day, and the day's cap where it is known of them all."""
    spent, caps = _spent(recap), [recap.day_cap(day) for day in recap.days]
    known = [_dollars(cap) for cap in caps if cap is not None]
    return bars(
        "US dollars spent a day", _labels(recap), [[_dollars(spent.get(day, 0)) for day in recap.days]],
        known if len(known) == len(caps) else (),
    )  # fmt: skip


def _fates(recap: Recap) -> str:
    """How many tasks each day had, and in front of them how many were done."""
    its = {each.key: each for each in recap.tallied("day")}
    tallied = [its.get(str(day)) for day in recap.days]
    rows = [[each.tasks if each else 0 for each in tallied], [each.done if each else 0 for each in tallied]]
    return bars("tasks a day, and those done", _labels(recap), rows)
