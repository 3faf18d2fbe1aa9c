"""`doctor`: everything a day needs, checked."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import click

from dayshift.checkup.examination import Fixed, examined, fixed
from dayshift.checkup.points import Point
from dayshift.clock import SystemClock, day_of
from dayshift.commandline import BAD_ENVIRONMENT, BAD_INPUT, OK, Context, Failure
from dayshift.commands.given_day import project_of
from dayshift.commands.least import settings_problems
from dayshift.commands.outlook import read_settings
from dayshift.cost.prices import Unpriced
from dayshift.host.machine import machine
from dayshift.inputs.documents import BadDocument
from dayshift.inputs.settings import Settings
from dayshift.markdown import cell, clean
from dayshift.proving import preparation
from dayshift.repository import git

LOOKED_FOR = ("git", "python3", "node", "npm", "make", "gcc", "go", "cargo", "java", "pytest", "rg")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--fix", is_flag=True, help="Put right what can be without losing anything, then check again.")
@click.option("--dry-run", is_flag=True, help="With --fix: only say what would be done.")
@click.pass_obj
def doctor(context: Context, as_json: bool, fix: bool, dry_run: bool) -> int:
    """Check everything a day needs and the state of the home, and say how to get what is missing.

    Starts the sandbox and tries to break out of it, layer by layer; the table of what held, at the end, is Markdown
    to paste into an issue. Makes no request to the model, and changes nothing without --fix.

    --fix sets torn files aside, removes what no record speaks for (work in it is saved first), ends runs that nobody
    knows, writes status files anew. It deletes nothing you wrote, and leaves a broken ledger to you; that of
    rehearsals it sets aside.

    \b
    Examples:
      dayshift doctor
      dayshift doctor --json
      dayshift doctor --fix --dry-run
    """
    if dry_run and not fix:
        raise Failure("--dry-run says what --fix would do; say both", BAD_INPUT)
    done = _fix(context, dry_run) if fix else []
    points = list(_points(context))
    if as_json:
        listed = [point.as_json() for point in points]
        told = {"points": listed, "fixes": [each.as_json() for each in done]} if fix else listed
        click.echo(json.dumps(told, indent=2))
    else:
        _print_fixes(done, fix)
        _print(points)
    return OK if all(point.ok for point in points) else BAD_ENVIRONMENT


def _fix(context: Context, pretend: bool) -> list[Fixed]:
    settings = read_settings(context)
    return list(fixed(context.home, _state(context, settings), pretend))


def _print_fixes(done: list[Fixed], asked: bool) -> None:
    for each in done:
        mark = click.style("done", fg="green") if each.done else click.style("not ", fg="yellow")
        click.echo(f"{mark} {clean(each.what)}{f': {clean(each.said)}' if each.said else ''}")
    if asked:
        click.echo("" if done else "nothing to put right\n")


def _print(points: list[Point]) -> None:
    for point in (each for each in points if not each.tried):
        mark = click.style("ok  ", fg="green") if point.ok else click.style("FAIL", fg="red", bold=True)
        click.echo(f"{mark} {point.name}: {clean(point.found)}{f' ({clean(point.cure)})' if point.cure else ''}")
    if protections := [point for point in points if point.tried]:
        click.echo("\n" + "\n".join(_table(protections)))


def _table(protections: list[Point]) -> Iterator[str]:
    """The protections as a Markdown table; what a path tells of its owner stays out."""
    yield f"Protections as tried on {machine()}:\n"
    yield "| protection | tried | held | seen |"
    yield "|---|---|---|---|"
    for point in protections:
        seen = cell(point.found.replace(str(Path.home()), "~"))
        yield f"| {point.name} | {point.tried} | {'yes' if point.ok else '**NO**'} | {seen} |"


def _points(context: Context) -> Iterator[Point]:
    yield Point("home", context.home.root.is_dir(), str(context.home.root))
    try:
        settings = read_settings(context)
    except Failure as failure:
        yield Point("settings", False, str(failure))
        return
    yield Point(
        "settings",
        True,
        f"at most {settings.max_agents} agents, ${settings.budget.daily_usd} a day, {settings.timezone}",
    )
    yield _caps(context, settings)
    yield _project(context, settings)
    yield from _state(context, settings)
    yield from _prepared(context, settings)


def _caps(context: Context, settings: Settings) -> Point:
    prices = preparation.prices_of(settings, day_of(SystemClock().now(), settings.timezone))
    try:
        problems = settings_problems(context.home, settings, prices)
    except (BadDocument, Unpriced) as error:
        return Point("caps", False, str(error))
    return Point("caps", not problems, "\n".join(map(str, problems)) or "each lets a request leave")


def _state(context: Context, settings: Settings) -> Iterator[Point]:
    try:
        project = git.find(project_of(context, settings)).work_tree
    except git.NotARepository:
        project = None
    return examined(context.home, settings, project, SystemClock().now())


def _project(context: Context, settings: Settings) -> Point:
    try:
        return Point("project", True, str(git.find(project_of(context, settings)).work_tree))
    except git.NotARepository as error:
        return Point("project", False, str(error))


def _prepared(context: Context, settings: Settings) -> Iterator[Point]:
    """What `start` would choose, and the proof; without a key everything else is still checked."""
    has_key = any(os.environ.get(name) for name in ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"))
    yield Point("key", True, "set" if has_key else f"none; {preparation.LEAST_WORDS}")
    today = day_of(SystemClock().now(), settings.timezone)
    try:
        prepared = preparation.prepare(context.home, settings, os.environ, True, today)
    except preparation.Unprepared as error:
        yield from (Point("needs", False, line) for line in error.lines)
        return
    yield Point("Claude Code CLI", True, f"{prepared.cli.label} at {prepared.cli.path}")
    yield Point("prices", True, f"{len(prepared.prices.rows())} models")
    if settings.sandbox == "none":
        yield Point("sandbox", False, "switched off by `sandbox: none`: agents can reach everything you can")
    for layer in preparation.prove(prepared):
        yield Point(layer.name, layer.held, layer.seen, layer.tried)
    yield Point("tools agents find", True, _tools(":".join(map(str, prepared.tools.path))))


def _tools(path: str) -> str:
    found = [name for name in LOOKED_FOR if shutil.which(name, path=path)]
    absent = [name for name in LOOKED_FOR if name not in found]
    return ", ".join(found) + (f" (not: {', '.join(absent)})" if absent else "")
