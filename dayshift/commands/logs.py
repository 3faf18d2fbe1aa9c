"""The command `logs`: what a task's agent did, or the daemon, as it was written down; and a task's history."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from dayshift.commandline import BAD_INPUT, Context, Failure
from dayshift.commands.lookup import daemon, task_status
from dayshift.home import Home
from dayshift.host import outset
from dayshift.logbook import log_files, log_lines
from dayshift.mailbox.status import read_all
from dayshift.markdown import clean

DAEMON_LINES = 50  #: of the daemon's log, if nothing else is said


@click.command
@click.argument("task", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on with what is added, until it has ended or Ctrl-C.")
@click.option(
    "--raw", "--json", "raw", is_flag=True, help="One JSON object per line: the CLI's own stream, the events."
)
@click.option("--lines", "-n", type=click.IntRange(min=0), help="Begin with the last N lines only.", metavar="N")
@click.option("--timeline", is_flag=True, help="Every state of the task: when, how long, why, what it cost.")
@click.pass_obj
def logs(context: Context, task: str | None, follow: bool, raw: bool, lines: int | None, timeline: bool) -> None:
    """Show a TASK's log: what its agent did, what the guard refused, how its runs ended.

    Without a task it is the daemon's log, from its last 50 lines on: what it did while nobody looked.

    \b
    Examples:
      dayshift logs task-001
      dayshift logs task-001 --follow --lines 20
      dayshift logs task-001 --json | jq -r .type
      dayshift logs task-001 --timeline
      dayshift logs --follow
      dayshift logs --json | jq -r 'select(.level != "INFO") | .message'
    """
    if timeline and (task is None or follow or lines is not None):
        raise Failure("--timeline is of one TASK, as a whole; leave --follow and --lines away", BAD_INPUT)
    try:
        if task is None:
            return _of_daemon(context.home, follow, raw, DAEMON_LINES if lines is None else lines)
        task_status(context.home, task)
        return _timeline(context, task, raw) if timeline else _of_task(context.home, task, follow, raw, lines)
    except KeyboardInterrupt:
        return None


def _of_task(home: Home, task: str, follow: bool, raw: bool, most: int | None) -> None:
    path = home.logs / f"{task}.{'jsonl' if raw else 'log'}"
    over = (lambda: _ended(home, task)) if follow else None
    if not (follow or path.exists() or log_files.older(path)):
        return click.echo(f"{task} has no log yet", err=True)
    for line in log_files.lines(path, most, over):
        click.echo(line if raw else clean(line.decode(errors="replace")), nl=False)
    return None


def _ended(home: Home, task_id: str) -> bool:
    """Whether nothing more will be added: the task has ended, or is gone."""
    found = [status for status in read_all(home) if status["task_id"] == task_id]
    return not found or found[0]["ended_at"] is not None


def _of_daemon(home: Home, follow: bool, as_json: bool, most: int) -> None:
    path = home.logs / "daemon.log"
    if not (path.exists() or log_files.older(path)):
        return click.echo("no daemon has run in this home yet", err=True)
    for line in _whole_events(log_files.lines(path, None), most):
        click.echo(_shown(line, as_json))
    if follow:
        _follow(path, as_json, over=lambda: outset.under_way(home) is None and daemon(home) is None)
    return None


def _whole_events(found: Iterator[bytes], most: int) -> list[log_lines.LogLine]:
    """The last events, each with its exception."""
    events = list(log_lines.read(line.decode(errors="replace") for line in found))
    return events[len(events) - most :] if 0 < most < len(events) else events if most else []


def _follow(path: Path, as_json: bool, over: Callable[[], bool]) -> None:
    """What is added; a line of an exception belongs to the event before it, which is shown already."""
    for line in log_files.lines(path, 0, over):
        text = line.decode(errors="replace").rstrip("\n")
        event = log_lines.parse(text)
        if event is not None:
            click.echo(_shown(event, as_json))
        elif not as_json:
            click.echo(log_lines.INDENT + log_lines.inert(text.strip()))


def _shown(line: log_lines.LogLine, as_json: bool) -> str:
    return line.as_json() if as_json else line.as_text()


def _timeline(context: Context, task: str, as_json: bool) -> None:
    from dayshift.commands import history  # it reads records and the ledger; the other logs answer at once

    found = history.gathered(context.home, task)
    click.echo(json.dumps(found.as_json(), indent=2) if as_json else "\n".join(found.as_lines()))
