"""The command `status`: every task's state from the status files, with the daemon up or down."""

import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from dayshift.commandline import Context
from dayshift.commands.lookup import daemon, print_json
from dayshift.home import Home
from dayshift.host import outset
from dayshift.mailbox.status import read_all, read_plan
from dayshift.mailbox.status_table import as_lines, plan_line, table_rows

REDRAW_SECONDS = 1.0
PIPE_WIDTH = 160
SAID_OF_A_START = ("pid", "started_at", "rehearsal")  #: the same as of a daemon

Statuses = Sequence[dict[str, Any]]


@click.command
@click.option("--watch", is_flag=True, help="Redraw every second, ring at a new question, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def status(context: Context, watch: bool, as_json: bool) -> None:
    """Show every task's state, with or without a running daemon.

    \b
    Examples:
      dayshift status
      dayshift status --watch
      dayshift status --json | jq '.tasks[] | select(.state == "waiting")'
    """
    if watch and as_json:
        raise click.UsageError("--watch is for eyes, --json for programs; choose one")
    if watch:
        return _watch(context.home)
    if as_json:
        return print_json(_facts(context.home))
    colour = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if colour else PIPE_WIDTH
    return click.echo(_screen(context.home, read_all(context.home), width, colour))


def _facts(home: Home) -> dict[str, Any]:
    start = outset.under_way(home)  # asked first: it is over once its daemon is there
    found = daemon(home)
    starting = {name: start[name] for name in SAID_OF_A_START} if start and found is None else None
    return {"daemon": found, "starting": starting, "plan": read_plan(home), "tasks": read_all(home)}


def _screen(home: Home, statuses: Statuses, width: int, colour: bool) -> str:
    lines = [_header(home, statuses)]
    if statuses:
        lines += as_lines(statuses, datetime.now(UTC), width, colour)
    else:
        lines.append(f"no tasks in {home.root}; begin with: dayshift start tasks/FILE.yaml")
    if plan := read_plan(home):
        lines.append(plan_line(plan))
    waiting = len(_asking(statuses))
    if waiting:
        lines.append(f"{waiting} question{'s wait' if waiting > 1 else ' waits'} for you: dayshift questions")
    return "\n".join(lines)


def _header(home: Home, statuses: Statuses) -> str:
    start = outset.under_way(home)  # asked first, as above
    found, what = daemon(home), "running"
    if found is None and start is not None:
        found, what = start, "being started"
    if found is None:
        rehearsal = any(each.get("rehearsal") for each in statuses)
        return "daemon: not running" + ("; these tasks are a rehearsal" if rehearsal else "")
    line = f"daemon: {what}, pid {found['pid'] or 'unknown'}, since {found['started_at'] or 'just now'}"
    return line + ("; a rehearsal" if found["rehearsal"] else "")


def _asking(statuses: Statuses) -> set[tuple[str, int]]:
    return {(each["task_id"], each["question"]["number"]) for each in statuses if each["question"]}


# --- watching --------------------------------------------------------------------------------------


def _watch(home: Home) -> None:
    """Show the state anew until Ctrl-C, which is the ordinary end of it."""
    try:
        if sys.stdout.isatty():
            _redraw(home)
        else:
            _print_changes(home)
    except KeyboardInterrupt:
        return


def _redraw(home: Home) -> None:
    from rich.console import Console  # here, because nothing else of `status` needs it
    from rich.live import Live
    from rich.text import Text

    console, seen = Console(), _asking(read_all(home))
    with Live(console=console, auto_refresh=False) as live:
        while True:
            statuses = read_all(home)
            screen = _screen(home, statuses, console.width, colour=True)
            live.update(Text.from_ansi(screen, no_wrap=True), refresh=True)
            if _asking(statuses) - seen:
                console.bell()
            seen = _asking(statuses)
            time.sleep(REDRAW_SECONDS)


def _print_changes(home: Home) -> None:
    shown: dict[str, str] = {}
    while True:
        for state, task_id, _, doing, *_ in table_rows(read_all(home), datetime.now(UTC)):
            line = f"{task_id}: {state}{f'  {doing}' if doing else ''}"
            if shown.get(task_id) != line:
                shown[task_id] = line
                click.echo(line)
        time.sleep(REDRAW_SECONDS)
