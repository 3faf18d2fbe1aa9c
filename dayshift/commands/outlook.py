"""What `cost` and `check` both tell: where the budgets stand today, and what tasks will probably cost."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from dayshift import files, locks, records
from dayshift.clock import Clock, day_of
from dayshift.commandline import BAD_INPUT, Context, Failure
from dayshift.cost.budgets import elsewhere
from dayshift.cost.other_use import OtherUse
from dayshift.cost.prices import Prices, load_prices
from dayshift.cost.standing import Standing, phase_of, standings
from dayshift.cost.statement import PastTask, Statement
from dayshift.home import Home
from dayshift.inputs.documents import BadDocument
from dayshift.inputs.settings import Settings
from dayshift.inputs.settings_sources import load_settings
from dayshift.model import Task
from dayshift.money import Pico, from_usd, shown
from dayshift.outlook.forecast import Forecast
from dayshift.outlook.prospects import Prospects


def read_settings(context: Context) -> Settings:
    """The settings in force; wrong ones end the command with every problem listed."""
    try:
        settings = load_settings(context.home, os.environ)
        load_prices(settings.prices, date.max)  # only with the table can it be told whether a price lacks a part
        return settings
    except (BadDocument, ValueError) as error:
        raise Failure(str(error), BAD_INPUT) from error


def today(settings: Settings, clock: Clock, books: Statement | None) -> date:
    """The day requests count in now; never earlier than one that was seen before."""
    now, seen = day_of(clock.now(), settings.timezone), books.mark("day") if books else None
    return max(now, date.fromisoformat(seen)) if seen else now


def day_cap(home: Home, settings: Settings, day: date, rehearsal: bool) -> Pico:
    """The cap of that day: the home's, or a lower one of the day file that runs."""
    daily = from_usd(settings.budget.daily_usd)
    kept = files.read_facts(home.day_facts(rehearsal)).get("day")
    facts: dict[str, Any] = kept if isinstance(kept, dict) else {}
    runs = facts.get("date") == str(day) or locks.is_locked(home.daemon_lock)
    cap = facts.get("max_cost") if runs else None
    return min(daily, cap) if isinstance(cap, int) else daily


def standing_today(
    home: Home, settings: Settings, books: Statement | None, day: date, cap: Pico, rehearsal: bool = False,
    project: str | None = None,
) -> tuple[Standing, ...]:  # fmt: skip
    """Every budget in force on that day, with what other use took where that counts."""
    taken = {}
    if settings.budget.include_other_use and not rehearsal:
        account = OtherUse.read_only(home.other_use)
        try:
            taken = elsewhere(account.spent, day)
        finally:
            account.close()
    phase = phase_of(day, settings.budget, books.mark if books else lambda name: None)
    return standings(settings.budget, books.windows() if books else (), day, cap, phase, taken, project)


def spent_before(home: Home, books: Statement | None, task: Task) -> Pico:
    """What a task that goes on has cost on the days before; nothing of one that begins."""
    record = records.load_all(home)[0].get(task.id) if books and task.continues else None
    if books is None or record is None or task.continues is None:
        return 0
    days = (day for day in (record.day, *(each.day for each in record.earlier)) if day <= task.continues)
    lines = (books.task(day, task.id) for day in days)
    return sum(line.cost + line.reserved for line in lines if line)


def worn(tasks: Sequence[Task], spent: Mapping[str, Pico]) -> Iterator[str]:
    """Which of them go on under a cap of which most is spent."""
    for task in tasks:
        if task.max_cost is not None and spent[task.id] * 2 > task.max_cost:
            rest = f"{shown(max(0, task.max_cost - spent[task.id]))} of {shown(task.max_cost)} is left"
            yield f"{task.id} goes on under its cap, which holds over all its days: {rest}; raise it if that is short"


def likely(task: Task, prices: Prices, past: Sequence[PastTask]) -> Forecast | None:
    """What the whole task will probably cost; None if nobody knows its model's price."""
    return Prospects(prices, past).forecast(task)
