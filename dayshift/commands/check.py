"""`check`: read a day file without running it."""

import json
import os
from pathlib import Path
from typing import Any

import click

from dayshift import dayfile, git, instructions, plan, script, workspace
from dayshift.clock import SystemClock, day_of
from dayshift.commandline import BAD_ENVIRONMENT, BAD_INPUT, OK, Context, Failure
from dayshift.documents import BadDocument
from dayshift.home import Home
from dayshift.model import Day, Task, Usage
from dayshift.money import Pico, to_usd
from dayshift.preparation import Unprepared, policy_of, prices_of
from dayshift.prices import Prices, Unpriced
from dayshift.settings import Settings, load_settings


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def check(context: Context, file: Path, as_json: bool) -> int:
    """Read a day FILE: every error with its line, the order, the cap, an estimate. No request is made.

    \b
    Examples:
      dayshift check tasks/today.yaml
      dayshift check tasks/today.yaml --json
    """
    settings = read_settings(context)
    day = read_day(context, settings, file)
    must_lead_on(context.home, day)
    prices = prices_of(settings, day_of(SystemClock().now(), settings.timezone))
    facts = _facts(day, settings, prices)
    click.echo(json.dumps(facts, indent=2, ensure_ascii=False) if as_json else _text(day, facts))
    return OK


def read_settings(context: Context) -> Settings:
    """The settings in force; wrong ones end the command with every problem listed."""
    try:
        return load_settings(context.home, os.environ)
    except BadDocument as error:
        raise Failure(str(error), BAD_INPUT) from error


def read_day(context: Context, settings: Settings, file: Path) -> Day:
    """The day in the file; a wrong file ends the command with every problem listed."""
    prices = prices_of(settings, day_of(SystemClock().now(), settings.timezone))
    try:
        return dayfile.load_day(
            file, settings, project_of(context, settings), home=context.home.root,
            known_model=lambda name: _unknown(prices, name), parse_turns=script.parse_turns,
        )  # fmt: skip
    except BadDocument as error:
        raise Failure(str(error), BAD_INPUT) from error


def must_lead_on(home: Home, day: Day | None) -> None:
    """Failure unless what the day needs besides its file is there: policy, instructions, a commit to start from."""
    try:
        policy_of(home)
        if day:
            _must_be_tellable(home, day)
            _must_be_committed(day)
    except (Unprepared, BadDocument, git.GitError, git.NotARepository) as error:
        raise Failure(str(error), BAD_INPUT) from error
    except FileNotFoundError as error:
        raise Failure(f"{error.filename} is missing; install it with `apt-get install git`", BAD_ENVIRONMENT) from error


def _must_be_tellable(home: Home, day: Day) -> None:
    """BadDocument if the instructions of any task cannot be filled in: better now than in the middle of the day."""
    parts = instructions.read_documents(home)
    for task in day.tasks:
        context = dict.fromkeys(task.context_files, "")
        instructions.render(task, context, parts, instructions.Places(home.workspace(task.id)))


def _must_be_committed(day: Day) -> None:
    """GitError without a commit to start from; Failure for context files that only the person's tree has."""
    project = git.find(Path(day.project))
    commit = workspace.head(project)
    made = {path for task in day.tasks for path in task.deliverables}
    wanted = {path: task.id for task in day.tasks for path in task.context_files if path not in made}
    absent = [f"{day.source}: {task_id}: {path} is not committed; commit it, agents start from the last commit"
              for path, task_id in wanted.items() if not workspace.holds(project, commit, path)]  # fmt: skip
    if absent:
        raise Failure("\n".join(absent), BAD_INPUT)


def project_of(context: Context, settings: Settings) -> Path:
    """Where agents work unless the day file says otherwise: the configured project, else the home's repository."""
    return (context.home.root / settings.project).resolve() if settings.project else context.home.root


def _unknown(prices: Prices, name: str) -> str | None:
    try:
        prices.rates(name)
    except Unpriced as error:
        return str(error)
    return None


def _facts(day: Day, settings: Settings, prices: Prices) -> dict[str, Any]:
    estimates = {task.id: _estimate(task, prices) for task in day.tasks}
    return {
        "file": day.source,
        "date": str(day.date),
        "project": day.project,
        "cap_usd": to_usd(dayfile.day_cap(day, settings)),
        "estimate_usd": to_usd(sum(estimates.values())),
        "tasks": [_task_facts(task, prices, estimates[task.id]) for task in plan.order(day.tasks)],
    }


def _estimate(task: Task, prices: Prices) -> Pico:
    cost = plan.estimate(task, lambda model, tokens: prices.cost(Usage(prices.resolve(model), tokens)))
    assert cost is not None  # a day with an unpriced model was refused
    return cost


def _task_facts(task: Task, prices: Prices, estimate: int) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": task.name,
        "model": prices.resolve(task.model),
        "depends_on": list(task.depends_on),
        "cap_usd": None if task.max_cost is None else to_usd(task.max_cost),
        "estimate_usd": to_usd(estimate),
    }


def _text(day: Day, facts: dict[str, Any]) -> str:
    lines = [f"{facts['file']}: {len(day.tasks)} tasks of {day.date} on {day.project}"]
    for number, task in enumerate(facts["tasks"], 1):
        after = f", after {', '.join(task['depends_on'])}" if task["depends_on"] else ""
        cap = f", cap ${task['cap_usd']}" if task["cap_usd"] else ""
        lines.append(
            f"{number:>3}. {task['id']}: {task['name']} ({task['model']}{after}{cap}, about ${task['estimate_usd']})"
        )
    lines.append(f"cap of the day ${facts['cap_usd']}, estimate ${facts['estimate_usd']} by assumed use per complexity")
    return "\n".join(lines)
