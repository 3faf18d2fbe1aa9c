"""The recap of a week or a month: gathered, written for a person in Markdown and for machines in JSON.

Joins records, experience and tallies for what became of the tasks, feedback_files for the person's ratings,
lesson_file and lessons for what was learnt, statement, spending and budgets for the money; recap_facts is what it is
made of, recap_text how it is shown.
"""

import re
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from dayshift import records
from dayshift.cost import spending
from dayshift.cost.budgets import PLAN
from dayshift.cost.statement import Account, Line, Statement, Window
from dayshift.failpoints import passing
from dayshift.files import write_atomically, write_json
from dayshift.home import Home
from dayshift.inputs.documents import BadDocument
from dayshift.learning import feedback_files, lesson_file
from dayshift.learning.lessons import Status
from dayshift.money import shown, to_usd
from dayshift.notices import Notice, bar
from dayshift.outcomes import Outcome
from dayshift.outlook import experience, tallies
from dayshift.recaps import recap_text
from dayshift.recaps.period import Period
from dayshift.recaps.recap_facts import Before, Learnt, Recap
from dayshift.reporting.phrases import counted

KINDS = ("day", "week", "task", "model", "project", "provider")
EVIDENCE = ("model", "complexity", "module", "kind", "day")
ENDING = "-recap.md"
_DAY = re.compile(r"day:(\d{4}-\d\d-\d\d)")


def gather(home: Home, books: Statement | None, period: str, today: date | None = None) -> Recap:
    """The week, as `2026-W47`, or the month, as `2026-11`, as it is known now; ValueError if it is neither.

    Whether it is over is told by `today`, or else by the last day that the ledger counted in.
    """
    its = Period.parse(period)
    mark = books.mark("day") if books else None
    ratings = feedback_files.ratings(home)
    outcomes = experience.gather(home, books, ratings)
    return Recap(
        period=its, seen=today or (date.fromisoformat(mark) if mark else None),
        tables={account: {kind: books.by(kind, its.first, its.last, account=account) if books else ()
                          for kind in KINDS} for account in spending.ACCOUNTS},
        budgets=_budgets(books, its),
        milestones=tuple(text for prefix in ("", PLAN)
                         for text in books.notices(f"milestone:{prefix}{its.kind}:{its}:")) if books else (),
        overruns=tuple(each for each in books.overruns(its.first) if each.day <= its.last) if books else (),
        outcomes=_of(its, outcomes), lessons=_learnt(home, its), before=_before(books, its.before, outcomes),
        daily=_of(its, experience.day_by_day(records.of_all_days(home), books, ratings)),
    )  # fmt: skip


def _of(period: Period, outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    return tuple(each for each in outcomes if period.first <= each.day <= period.last)


def _budgets(books: Statement | None, period: Period) -> tuple[Window, ...]:
    """The windows of the period and its days that have a cap, those of dollars before those of a plan."""

    def is_its(window: Window) -> bool:
        last = window.name.rpartition("/")[2]
        if day := _DAY.fullmatch(last):
            return period.first <= date.fromisoformat(day[1]) <= period.last
        return last == f"{period.kind}:{period}"

    capped = (each for each in (books.windows() if books else ()) if each.cap is not None and is_its(each))
    return tuple(sorted(capped, key=lambda each: each.name.startswith(PLAN)))


def _before(books: Statement | None, period: Period, outcomes: tuple[Outcome, ...]) -> Before:
    def total(account: Account) -> Line:
        return spending.total(books.by("day", period.first, period.last, account=account) if books else ())

    return Before(period, total("api"), total("plan"), tallies.of(str(period), _of(period, outcomes)))


def _learnt(home: Home, period: Period) -> tuple[Learnt, ...]:
    """What the lessons say was put in force in it; nothing if the person's file cannot be read."""
    with suppress(BadDocument):
        found = [
            Learnt(each.since.date(), each.id, str(each.scope), each.text)
            for each in lesson_file.read(home).lessons
            if each.status is Status.in_force and each.since and period.first <= each.since.date() <= period.last
        ]
        return tuple(sorted(found, key=lambda each: (each.day, each.id)))
    return ()


# --- written down and told -------------------------------------------------------------------------


def write(home: Home, recap: Recap) -> Path:
    """Replace results/<period>.json and <period>-recap.md, each as a whole; the path of the latter."""
    write_json(home.results / f"{recap.period}.json", as_json(recap))
    path = home.results / f"{recap.period}{ENDING}"
    write_atomically(path, render(recap, home.templates))
    passing("recap.written")
    return path


def render(recap: Recap, own: Path | None = None) -> str:
    """The recap in Markdown, by the person's template if one lies in `own`; the same facts give the same bytes."""
    return recap_text.render(recap, own)


def notice(recap: Recap, path: Path) -> Notice:
    """What the person is told once, when the files are there."""
    spent, notional, tally = recap.total("api"), recap.total("plan"), recap.tally
    of = f" of {shown(recap.cap)}  {bar(spent.cost, recap.cap)}" if recap.cap is not None else ""
    plan = f"; on a plan, notional: {shown(notional.cost)}" if notional.requests else ""
    tasks = sum(len(recap.tables[account]["task"]) for account in spending.ACCOUNTS)
    fared = f", {tally.done:,} done, {tally.accepted:,} accepted" if tally.tasks else ""
    called = f"{recap.period.called[0].upper()}{recap.period.called[1:]}"
    text = f"{called} is over: {shown(spent.cost)} spent{of}{plan}; {counted(tally.tasks or tasks, 'task')}{fared}."
    return Notice(name(str(recap.period)), f"{text} All of it: {path}")


def name(period: str) -> str:
    """Under which its notice is kept."""
    return f"recap:{period}"


# --- for machines ----------------------------------------------------------------------------------


def as_json(recap: Recap) -> dict[str, Any]:
    """Every row of every table; amounts as decimal strings."""
    before = recap.before
    return {
        recap.period.kind: str(recap.period),
        "first": str(recap.first),
        "last": str(recap.period.last),
        "under_way": recap.under_way,
        "spent": _account(recap, "api"),
        "notional": _account(recap, "plan"),
        "tasks": {
            "total": tallies.as_json(recap.tally),
            "by": {group: list(map(tallies.as_json, recap.tallied(group))) for group in EVIDENCE},
        },
        "lessons": [{"date": str(each.day), "id": each.id, "scope": each.scope, "text": each.text}
                    for each in recap.lessons],
        "before": {
            before.period.kind: str(before.period), "spent": spending.as_json(before.api),
            "notional": spending.as_json(before.plan), "tasks": tallies.as_json(before.tally),
        },
        "caps": [
            {"window": each.name, "cap_usd": to_usd(each.cap or 0), "spent_usd": to_usd(each.settled)}
            for each in recap.budgets
        ],
        "milestones": list(recap.milestones),
        "overruns": [
            {"request": each.request, "task_id": each.task_id, "model": each.model,
             "worst_case_usd": to_usd(each.ceiling), "cost_usd": to_usd(each.cost)} for each in recap.overruns
        ],
    }  # fmt: skip


def _account(recap: Recap, account: Account) -> dict[str, Any]:
    tables = recap.tables[account]
    rows = {kind: [spending.as_json(line) for line in lines] for kind, lines in tables.items()}
    return {"total": spending.as_json(recap.total(account)), "by": rows}
