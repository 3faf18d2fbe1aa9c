"""The commands `accept` and `reject`: the person's verdict on a task's work."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from dayshift import acceptance, files, inbox, verdict
from dayshift.commandline import BAD_ENVIRONMENT, BAD_INPUT, Context, Failure
from dayshift.commands.lookup import daemon, print_json, task_record, withdraw
from dayshift.events import Review, Reviewed
from dayshift.git import GitError, NotARepository
from dayshift.home import Home
from dayshift.markdown import clean
from dayshift.model import Record

LOOK_AGAIN_SECONDS = 1.0
PATIENCE = 0.5  #: seconds; a command that asks whether a daemon runs holds the lock for an instant


@click.command
@click.argument("task")
@click.option("--force", is_flag=True, help="Also what a failed, halted or cancelled task did make.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def accept(context: Context, task: str, force: bool, as_json: bool) -> None:
    """Put the changes of TASK into your tree, uncommitted and unstaged: all of them, or none.

    They are merged with your own uncommitted changes. If the two do not fit together, nothing is changed, and the
    files are named.

    \b
    Examples:
      dayshift accept task-001
      dayshift diff task-001 && dayshift accept task-001
    """
    _give(context.home, task, Review.accept, "", force, as_json)


@click.command
@click.argument("task")
@click.option("--reason", metavar="TEXT", help="Why; asked for at a terminal if it is not given.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def reject(context: Context, task: str, reason: str | None, as_json: bool) -> None:
    """Mark the work of TASK as not wanted, and say why. It stays where it is until `clean`.

    \b
    Examples:
      dayshift reject task-001 --reason "paginates in memory"
    """
    record = task_record(context.home, task)
    if why := verdict.hindrance(record, Review.reject, force=False):
        raise Failure(why)
    if reason is None and sys.stdin.isatty():
        reason = str(click.prompt("Reason"))
    if not (reason or "").strip():
        raise Failure(f"say why {task} is rejected: `dayshift reject {task} --reason TEXT`")
    _give(context.home, task, Review.reject, str(reason), False, as_json)


def _give(home: Home, task_id: str, said: Review, reason: str, force: bool, as_json: bool) -> None:
    """Let the verdict take effect, through the daemon if one runs, and say what came of it."""
    task_record(home, task_id)
    asked = {"kind": "review", "task": task_id, "verdict": said, "reason": reason, "force": force}
    ok, lines = _by_daemon(home, asked) or _here(home, task_id, said, reason, force)
    text = clean("\n".join(lines))
    if not ok:
        raise Failure(text, BAD_INPUT)
    if as_json:
        return print_json({"task_id": task_id, "review": verdict.PAST[said], "reason": reason, "said": lines})
    return click.echo(text)


def _by_daemon(home: Home, asked: dict[str, Any]) -> tuple[bool, Sequence[str]] | None:
    """The daemon's word; None if none runs, or it ended without one: then nothing is left for the next."""
    if daemon(home) is None:
        return None
    request = inbox.submit(home, asked)
    for _ in range(inbox.REPLY_SECONDS):
        if answer := inbox.reply(home, request, LOOK_AGAIN_SECONDS):
            return answer
        if daemon(home) is None:
            withdraw(home, request)
            return None
    late = f"the daemon has not answered within {inbox.REPLY_SECONDS} s; see agent_logs/daemon.log"
    raise Failure(f"{late}. The verdict is kept until it is obeyed", BAD_ENVIRONMENT)


def _here(home: Home, task_id: str, said: Review, reason: str, force: bool) -> tuple[bool, Sequence[str]]:
    """Do as the daemon would, in its place."""
    try:
        with files.lock(home.daemon_lock, patience=PATIENCE):
            return True, _done(home, task_record(home, task_id), said, reason, force)
    except files.Locked:
        raise Failure("a daemon started or ended just now; repeat the command", BAD_ENVIRONMENT) from None
    except acceptance.Refused as refused:
        return False, refused.lines
    except (GitError, NotARepository) as error:
        raise Failure(f"{task_id} was not accepted: {error}", BAD_ENVIRONMENT) from error


def _done(home: Home, record: Record, said: Review, reason: str, force: bool) -> Sequence[str]:
    now = datetime.now(UTC)
    told = verdict.rejected(record) if said is Review.reject else acceptance.accept(home, record, now, force)
    outcome = verdict.reviewed(record, Reviewed(record.id, said, reason, record.commit), now)
    if isinstance(outcome, str):
        raise acceptance.Refused(outcome)
    acceptance.mark(home, outcome, now)
    return told
