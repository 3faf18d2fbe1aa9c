"""What several commands look up: the daemon of this home, one task's status; and how they print JSON."""

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from dayshift import files, locks
from dayshift.commandline import BAD_ENVIRONMENT, Failure
from dayshift.home import Home
from dayshift.host import outset
from dayshift.mailbox.inbox import REPLY_SUFFIX
from dayshift.mailbox.status import read_all

if TYPE_CHECKING:
    from dayshift.model import Record

REPLY_SECONDS = 5.0  #: how long a command waits for the daemon's word


def daemon(home: Home) -> dict[str, Any] | None:
    """Who the daemon of this home is (pid, started_at, rehearsal), or None if none runs."""
    if not locks.is_locked(home.daemon_lock):
        return None
    return {"pid": None, "started_at": None, "rehearsal": None, **files.read_facts(home.daemon_facts)}


def absence(home: Home) -> tuple[str, str]:
    """Of a home in which no daemon runs: that, and when what is left for one is done, in words."""
    if outset.under_way(home):
        return "the daemon is only being started", "as soon as it runs"
    return "no daemon runs", "at the next start"


def terminal_width() -> int | None:
    """How many columns the person sees; None if the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def task_status(home: Home, task_id: str) -> dict[str, Any]:
    """The task's status; a Failure that names the known tasks if there is none."""
    known = {status["task_id"]: status for status in read_all(home)}
    if task_id not in known:
        raise Failure(f"there is no task {task_id} in {home.root}; {_listed(list(known))}")
    return known[task_id]


def task_record(home: Home, task_id: str) -> "Record":
    """The task's record; a Failure that names the known tasks if there is none."""
    from dayshift.records import from_json  # not on the way of `status`, which must answer at once

    known = sorted(path.stem for path in home.records.glob("*.json"))
    if task_id not in known:
        raise Failure(f"there is no task {task_id} in {home.root}; {_listed(known)}")
    try:
        return from_json(files.read_json(home.records / f"{task_id}.json") or {})
    except ValueError as error:
        from dayshift.running import wrecks

        raise Failure(wrecks.told(home, task_id), BAD_ENVIRONMENT) from error


def _listed(ids: list[str]) -> str:
    return f"known: {', '.join(ids)}" if ids else "it has no tasks yet"


def withdraw(home: Home, request: str) -> None:
    """Take a request and its reply away: a later daemon must not obey what was meant for this one."""
    (home.inbox / f"{request}.json").unlink(missing_ok=True)
    (home.inbox / f"{request}{REPLY_SUFFIX}").unlink(missing_ok=True)


def print_json(value: Any) -> None:
    """Print the value as one JSON document, in ASCII, so that any terminal and any pipe takes it."""
    click.echo(json.dumps(value, indent=2))
