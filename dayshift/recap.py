"""The recap of a month that is over: every table of it, for a person in Markdown and for machines in JSON.

Joins statement for the tables, spending for their rows, budgets for what the windows are called.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dayshift import markdown, spending
from dayshift.budgets import PLAN, called
from dayshift.files import write_atomically, write_json
from dayshift.home import Home
from dayshift.money import Pico, shown, to_usd
from dayshift.notices import Notice, bar
from dayshift.statement import Account, Line, Overrun, Statement, Window

TEMPLATES = Path(__file__).parent / "templates"
KINDS = ("day", "week", "task", "model", "project", "provider")
ENDING = "-recap.md"
MOST_TASKS = 20  #: of the dearest that the Markdown shows; the JSON has them all


@dataclass(frozen=True, slots=True)
class Recap:
    """All that happened to money in a month; the two accounts are never added up."""

    month: str  #: `2026-11`
    tables: Mapping[Account, Mapping[str, tuple[Line, ...]]]
    budgets: tuple[Window, ...]  #: of the month and of its days, those with a cap
    milestones: tuple[str, ...]
    overruns: tuple[Overrun, ...]

    @property
    def first(self) -> date:
        """Its first day."""
        return date.fromisoformat(f"{self.month}-01")

    def total(self, account: Account) -> Line:
        """The sum of the account."""
        return spending.total(self.tables[account]["day"])

    @property
    def open(self) -> bool:
        """Whether a request of it is still under way, so that its sums are not final."""
        return any(self.total(account).reserved for account in spending.ACCOUNTS)

    @property
    def cap(self) -> Pico | None:
        """The month's own cap, as it was asked for last."""
        return next((each.cap for each in self.budgets if each.name == f"month:{self.month}"), None)


def gather(books: Statement, month: str) -> Recap:
    """The month as the ledger has it."""
    first = date.fromisoformat(f"{month}-01")
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    tables = {
        account: {kind: books.by(kind, first, last, account=account) for kind in KINDS} for account in spending.ACCOUNTS
    }
    its = re.compile(rf"(.*/)?(month:{month}|day:{month}-\d\d)")
    capped = [each for each in books.windows() if each.cap is not None and its.fullmatch(each.name)]
    return Recap(
        month, tables, tuple(sorted(capped, key=lambda each: each.name.startswith(PLAN))),  # dollars, then a plan's
        tuple(text for prefix in ("", "plan/") for text in books.notices(f"milestone:{prefix}month:{month}:")),
        tuple(each for each in books.overruns(first) if each.day <= last),
    )  # fmt: skip


def write(home: Home, recap: Recap) -> Path:
    """Replace results/<month>.json and <month>-recap.md, each as a whole; the path of the latter."""
    write_json(home.results / f"{recap.month}.json", as_json(recap))
    path = home.results / f"{recap.month}{ENDING}"
    write_atomically(path, render(recap))
    return path


def notice(recap: Recap, path: Path) -> Notice:
    """What the person is told once, when the files are there."""
    spent, notional = recap.total("api"), recap.total("plan")
    of = f" of {shown(recap.cap)}  {bar(spent.cost, recap.cap)}" if recap.cap is not None else ""
    plan = f"; on a plan, notional: {shown(notional.cost)}" if notional.requests else ""
    tasks = len(recap.tables["api"]["task"]) + len(recap.tables["plan"]["task"])
    text = f"{recap.first:%B %Y} is over: {shown(spent.cost)} spent{of}{plan}; {tasks:,} tasks. All of it: {path}"
    return Notice(name(recap.month), text)


def name(month: str) -> str:
    """Under which the month's notice is kept."""
    return f"recap:{month}"


# --- for a person ----------------------------------------------------------------------------------


def render(recap: Recap) -> str:
    """The recap in Markdown; the same facts give the same bytes."""
    dearest = {
        account: sorted(tables["task"], key=lambda line: (-line.cost, line.key))[:MOST_TASKS]
        for account, tables in recap.tables.items()
    }
    template = _environment().get_template("recap.md.j2")
    text = template.render(recap=recap, dearest=dearest, headings=spending.HEADINGS)
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=False,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"cell": markdown.cell, "code": markdown.code, "plain": markdown.plain, "money": shown}
    environment.globals |= {"bar": bar, "called": called, "cells": spending.cells}
    return environment


# --- for machines ----------------------------------------------------------------------------------


def as_json(recap: Recap) -> dict[str, Any]:
    """Every row of every table; amounts as decimal strings."""
    return {
        "month": recap.month,
        "spent": _account(recap, "api"),
        "notional": _account(recap, "plan"),
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
