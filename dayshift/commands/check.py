"""`check`: read a day file without running it."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from dayshift.clock import SystemClock, day_of
from dayshift.commandline import OK, Context
from dayshift.commands import outlook
from dayshift.commands.given_day import must_lead_on, read_day
from dayshift.commands.least import least_useful
from dayshift.commands.outlook import read_settings
from dayshift.cost.prices import Prices
from dayshift.cost.standing import Standing, concerns
from dayshift.cost.statement import statement
from dayshift.egress import network
from dayshift.host import room
from dayshift.inputs import dayfile
from dayshift.inputs.settings import Settings
from dayshift.learning import teaching
from dayshift.model import Day, Task
from dayshift.money import Pico, shown, to_usd
from dayshift.outlook import plan
from dayshift.outlook.advice import Suggestion
from dayshift.outlook.forecast import Forecast, beyond, left
from dayshift.outlook.prospects import Prospects
from dayshift.proving.preparation import prices_of, provider_of, upstream_of
from dayshift.reporting.phrases import counted
from dayshift.repository import git


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def check(context: Context, file: Path, as_json: bool) -> int:
    """Read a day FILE: every error with its line, the order, the cap, a forecast. No request is made.

    The forecast is what like tasks cost before: the median, and what nine of ten stayed below. A day that will
    probably not fit its cap is a warning, no error.

    \b
    Examples:
      dayshift check tasks/today.yaml
      dayshift check tasks/today.yaml --json
    """
    settings = read_settings(context)
    day = read_day(context, settings, file)
    must_lead_on(context.home, day)
    found, prices = (
        _outlook(context, day, settings),
        prices_of(settings, day_of(SystemClock().now(), settings.timezone)),
    )
    click.echo(json.dumps(_facts(found, prices), indent=2, ensure_ascii=False) if as_json else _text(found, prices))
    if not as_json and (waiting := teaching.waiting(context.home)):
        click.echo(f"{counted(waiting, 'lesson')} proposed by your feedback; `dayshift lessons` shows what they change")
    return OK


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the day will probably cost, beside what it may."""

    day: Day
    cap: Pico
    forecasts: Mapping[str, Forecast]  #: by task, never more than its own cap
    standings: tuple[Standing, ...]
    suggestions: Mapping[str, Suggestion]  #: by task, where its likes speak for another model or cap
    spent: Mapping[str, Pico]  #: by task that goes on, what it cost on the days before
    fenced: bool = True  #: agents run in the sandbox, which holds them to their hosts
    no_room: str = ""  #: why no agent would be started now, if so

    @property
    def order(self) -> list[Task]:
        """The tasks one after another."""
        return plan.order(self.day.tasks)

    @property
    def median(self) -> Pico:
        """Of all tasks."""
        return sum(each.median for each in self.forecasts.values())

    @property
    def worst(self) -> Pico:
        """The sum of the worst deciles: more than the worst decile of the sum."""
        return sum(each.worst for each in self.forecasts.values())

    @property
    def warnings(self) -> list[str]:
        """What may come in the day's way; none of it is an error."""
        found = [*self._beyond(), *outlook.worn(self.order, self.spent), *self._tight(), *self._open()]
        return [*found, self.no_room] if self.no_room else found

    def _beyond(self) -> Iterator[str]:
        ordered = [self.forecasts[task.id] for task in self.order]
        likely, rarely = (beyond(amounts, self.cap) for amounts in ([each.median for each in ordered],
                                                                    [each.worst for each in ordered]))  # fmt: skip
        costs = f"likely costs {shown(self.median)} (worst decile {shown(self.worst)}), cap {shown(self.cap)}"
        if likely:
            yield f"{costs}: the last {_tasks(likely)} may be parked"
        elif rarely:
            yield f"{costs}: in bad cases the last {_tasks(rarely)} may be parked"

    def _open(self) -> Iterator[str]:
        hosts = dict.fromkeys(host for task in self.day.tasks for host in task.network)
        if hosts and not self.fenced:
            yield "`sandbox: none`: nothing holds an agent to its `network`; it reaches what you reach"
        else:
            yield from network.cautions(hosts)

    def _tight(self) -> Iterator[str]:
        for each in self.standings:
            if each.left < self.cap:
                less = f"less than the day's {shown(self.cap)}"
                yield f"{each.called} leaves {shown(each.left)} of {shown(each.cap)}, {less}"


def _tasks(count: int) -> str:
    return f"{count} tasks" if count > 1 else "task"


def _outlook(context: Context, day: Day, settings: Settings) -> Outlook:
    cap, mine = dayfile.day_cap(day, settings), str(git.find(Path(day.project)).work_tree)
    with statement(context.home.ledger(rehearsal=False)) as books:
        today = outlook.today(settings, SystemClock(), books)
        prices = prices_of(settings, today)
        prospects = Prospects.of(context.home, books, prices)
        whole = {task.id: prospects.forecast(task) for task in day.tasks}
        spent = {task.id: outlook.spent_before(context.home, books, task) for task in day.tasks}
        standings = outlook.standing_today(context.home, settings, books, today, cap, project=mine)
    caps = {each.id: None if each.max_cost is None else max(0, each.max_cost - spent[each.id]) for each in day.tasks}
    forecasts = {task.id: left(each, 0, caps[task.id]) for task in day.tasks if (each := whole[task.id])}
    assert len(forecasts) == len(day.tasks)  # a day with an unpriced model was refused
    least = {task.id: least_useful(context.home, settings, prices, task) for task in day.tasks}
    suggested = {task.id: found for task in day.tasks if (found := prospects.suggestion(task, least[task.id]))}
    biller = provider_of(upstream_of(os.environ))
    standings = tuple(each for each in standings if concerns(each.window, mine, biller))
    fenced, no_room = settings.sandbox != "none", _no_room(context, day, settings)
    return Outlook(day, cap, forecasts, standings, suggested, spent, fenced, no_room)


def _no_room(context: Context, day: Day, settings: Settings) -> str:
    """Why no agent would be started now, if a disk is below the floor."""
    floor = int(settings.limits.free_gb * room.GB)
    short = room.scarce(map(room.free, (context.home.root, Path(day.project))), floor)
    return f"{room.told(short, floor)}; until then no agent is started" if short else ""


def _facts(found: Outlook, prices: Prices) -> dict[str, Any]:
    return {
        "file": found.day.source,
        "date": str(found.day.date),
        "project": found.day.project,
        "cap_usd": to_usd(found.cap),
        "likely_usd": to_usd(found.median),
        "worst_decile_usd": to_usd(found.worst),
        "warnings": found.warnings,
        "tasks": [_task_facts(task, prices, found) for task in found.order],
    }


def _task_facts(task: Task, prices: Prices, found: Outlook) -> dict[str, Any]:
    forecast, suggestion = found.forecasts[task.id], found.suggestions.get(task.id)
    return {
        "id": task.id,
        "name": task.name,
        "model": prices.resolve(task.model),
        "depends_on": list(task.depends_on),
        "network": list(task.network),
        "cap_usd": None if task.max_cost is None else to_usd(task.max_cost),
        "likely_usd": to_usd(forecast.median),
        "worst_decile_usd": to_usd(forecast.worst),
        "basis": forecast.basis,
        "tasks": forecast.tasks,
        "suggestion": suggestion.as_json() if suggestion else None,
    }


def _text(found: Outlook, prices: Prices) -> str:
    day = found.day
    number_of_tasks = "1 task" if len(day.tasks) == 1 else f"{len(day.tasks)} tasks"
    lines = [f"{day.source}: {number_of_tasks} of {day.date} on {day.project}"]
    for number, task in enumerate(found.order, 1):
        forecast = found.forecasts[task.id]
        after = f", after {', '.join(task.depends_on)}" if task.depends_on else ""
        cap = f", cap {shown(task.max_cost)}" if task.max_cost is not None else ""
        cap += f", {shown(found.spent[task.id])} spent before" if found.spent[task.id] else ""
        cost = f"likely {shown(forecast.median)}, worst decile {shown(forecast.worst)}, {forecast}"
        lines.append(f"{number:>3}. {task.id}: {task.name} ({prices.resolve(task.model)}{after}{cap}; {cost})")
        if task.id in found.suggestions:
            lines.append(f"     suggestion: {found.suggestions[task.id]}")
        if task.network:
            lines.append(f"     reaches {', '.join(task.network)}")
    lines.append(f"cap of the day {shown(found.cap)}, likely {shown(found.median)}, worst decile {shown(found.worst)}")
    return "\n".join([*lines, *(f"warning: {each}" for each in found.warnings)])
