"""The command `logs`: what a task's agent did, as it was written down."""

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from dayshift.commandline import Context
from dayshift.commands.lookup import task_status
from dayshift.home import Home
from dayshift.markdown import clean
from dayshift.status import read_all

LOOK_AGAIN_SECONDS = 0.2


@click.command
@click.argument("task")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is added, until the task has ended or Ctrl-C.")
@click.option("--raw", "--json", "raw", is_flag=True, help="The CLI's own stream, one JSON object per line.")
@click.option("--lines", "-n", type=click.IntRange(min=0), help="Begin with the last N lines only.", metavar="N")
@click.pass_obj
def logs(context: Context, task: str, follow: bool, raw: bool, lines: int | None) -> None:
    """Show a task's log: what its agent did, what the guard refused, how its runs ended.

    \b
    Examples:
      dayshift logs task-001
      dayshift logs task-001 --follow --lines 20
      dayshift logs task-001 --json | jq -r .type
    """
    home = context.home
    task_status(home, task)
    path = home.logs / f"{task}.{'jsonl' if raw else 'log'}"
    if not path.exists() and not follow:
        return click.echo(f"{task} has no log yet", err=True)
    try:
        for line in _lines(home, task, path, follow, lines):
            click.echo(line if raw else clean(line.decode(errors="replace")), nl=False)
    except KeyboardInterrupt:
        return None
    return None


def _lines(home: Home, task_id: str, path: Path, follow: bool, most: int | None) -> Iterator[bytes]:
    """The file's last lines, then with `follow` each line that is added while the task goes on."""
    while not path.exists():
        if _ended(home, task_id):
            return
        time.sleep(LOOK_AGAIN_SECONDS)
    rest = b""
    with path.open("rb") as file:
        for line in file if most is None else deque(file, most):
            rest += line
            if rest.endswith(b"\n"):
                yield rest
                rest = b""
        if follow:
            yield from _added(home, task_id, file, rest)
        else:
            yield rest


def _added(home: Home, task_id: str, file: BinaryIO, rest: bytes) -> Iterator[bytes]:
    """Whole lines as they come, the first one begun by `rest`; what is left without a line's end comes last."""
    while True:
        ended = _ended(home, task_id)  # asked before reading, so that what the end wrote is still read
        *whole, rest = (rest + file.read()).split(b"\n")
        yield from (line + b"\n" for line in whole)
        if ended:
            break
        time.sleep(LOOK_AGAIN_SECONDS)
    yield rest


def _ended(home: Home, task_id: str) -> bool:
    """Whether nothing more will be added: the task has ended, or is gone."""
    found = [status for status in read_all(home) if status["task_id"] == task_id]
    return not found or found[0]["ended_at"] is not None
