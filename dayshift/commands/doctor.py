"""`doctor`: everything a day needs, checked."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from dayshift import files, git, preparation
from dayshift.clock import SystemClock, day_of
from dayshift.commandline import BAD_ENVIRONMENT, OK, Context, Failure
from dayshift.commands.check import project_of
from dayshift.commands.least import settings_problems
from dayshift.commands.outlook import read_settings
from dayshift.documents import BadDocument
from dayshift.ledger_file import backups, opened_for_reading, verify
from dayshift.markdown import cell
from dayshift.prices import Unpriced
from dayshift.settings import Settings

LOOKED_FOR = ("git", "python3", "node", "npm", "make", "gcc", "go", "cargo", "java", "pytest", "rg")


@dataclass(frozen=True, slots=True)
class Point:
    """One thing checked: `ok`, what was found, and how to mend it; of a protection also what was tried against it."""

    name: str
    ok: bool
    found: str
    tried: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def doctor(context: Context, as_json: bool) -> int:
    """Check everything a day needs, and say how to get what is missing.

    Starts the sandbox and tries to break out of it, layer by layer; the table of what held, at the end, is Markdown
    to paste into an issue. Makes no request to the model.

    \b
    Examples:
      dayshift doctor
      dayshift doctor --json
    """
    points = list(_points(context))
    if as_json:
        click.echo(json.dumps([asdict(point) for point in points], indent=2))
    else:
        _print(points)
    return OK if all(point.ok for point in points) else BAD_ENVIRONMENT


def _print(points: list[Point]) -> None:
    for point in (each for each in points if not each.tried):
        mark = click.style("ok  ", fg="green") if point.ok else click.style("FAIL", fg="red", bold=True)
        click.echo(f"{mark} {point.name}: {point.found}")
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


def machine() -> str:
    """What an answer to a question about the sandbox depends on, in one line."""
    bubblewrap = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    facts = (
        platform.freedesktop_os_release().get("PRETTY_NAME", "an unnamed system"),
        f"Linux {platform.release()} {platform.machine()}", bubblewrap, f"Python {platform.python_version()}",
        f"dayshift {_version()}", "as root" if os.geteuid() == 0 else "as a normal user",
    )  # fmt: skip
    return ", ".join(facts)


def _version() -> str:
    try:
        return version("dayshift")
    except PackageNotFoundError:  # run in place from a clone
        return "from a clone"


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
    yield Point("daemon", True, "running" if files.is_locked(context.home.daemon_lock) else "not running")
    yield _ledger(context)
    yield from _prepared(context, settings)


def _ledger(context: Context) -> Point:
    path = context.home.ledger(rehearsal=False)
    try:
        connection = opened_for_reading(path)
        if connection is None:
            return Point("ledger", True, "none yet; the first day begins one")
        with closing(connection):
            verify(path, connection)
    except files.Unusable as error:
        return Point("ledger", False, str(error))
    copies = backups(path)
    return Point("ledger", True, f"sound; newest backup {copies[-1].name}" if copies else "sound; no backup yet")


def _caps(context: Context, settings: Settings) -> Point:
    prices = preparation.prices_of(settings, day_of(SystemClock().now(), settings.timezone))
    try:
        problems = settings_problems(context.home, settings, prices)
    except (BadDocument, Unpriced) as error:
        return Point("caps", False, str(error))
    return Point("caps", not problems, "\n".join(map(str, problems)) or "each lets a request leave")


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
