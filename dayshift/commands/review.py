"""The commands `accept` and `reject`: the person's verdict on a task's work, and its undoing."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from dayshift.commandline import Context, Failure
from dayshift.commands import following
from dayshift.commands.lookup import print_json, task_record
from dayshift.commands.message_file import MessageFile
from dayshift.commands.verdicts import give
from dayshift.events import Review
from dayshift.home import Home
from dayshift.markdown import clean
from dayshift.model import Record
from dayshift.reviewing import enactment, verdict


@dataclass(frozen=True, slots=True)
class Wishes:
    """How tasks are to be accepted."""

    force: bool
    with_dependencies: bool
    with_dependents: bool
    alone: bool
    branch: str
    asks: bool  #: somebody is there to be asked


@click.command
@click.argument("tasks", metavar="TASK...", nargs=-1, required=True)
@click.option("--with-dependencies", is_flag=True, help="First what they build on that is not accepted yet.")
@click.option("--with-dependents", is_flag=True, help="Then what is done, unreviewed and builds on them.")
@click.option("--alone", is_flag=True, help="Although what they build on is not accepted.")
@click.option("--branch", metavar="NAME", help="Make a branch on top of HEAD, a commit a task; your tree stays.")
@click.option(
    "--commit-message-file", "message", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True),
    help="Also write a message for `git commit -F FILE`; - prints it.",
)  # fmt: skip
@click.option("--undo", is_flag=True, help="Take the acceptance back; what you made since stays.")
@click.option("--force", is_flag=True, help="Also what a failed, halted or cancelled task did make.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def accept(
    context: Context, tasks: tuple[str, ...], with_dependencies: bool, with_dependents: bool, alone: bool,
    branch: str | None, message: Path | None, undo: bool, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Put the changes of each TASK into your tree, uncommitted and unstaged: each task whole, or not at all.

    They are merged with your own uncommitted changes. If the two do not fit together, nothing is changed, and the
    files are named. Several are taken in the order in which they build on each other.

    \b
    Examples:
      dayshift accept task-001
      dayshift accept task-003 --with-dependencies
      dayshift accept task-001 --commit-message-file message && git commit -a -F message
      dayshift accept task-001 task-002 --branch paging
      dayshift accept task-001 --undo
    """
    asks = sys.stdin.isatty() and not as_json
    wishes = Wishes(force, with_dependencies, with_dependents, alone, branch or "", asks)
    _must_go_together(wishes, branch, message, undo, as_json)
    if undo:
        return _take_back(context.home, tasks, with_dependents, as_json)
    return _accept(context.home, tasks, wishes, MessageFile(message) if message else None, as_json)


def _must_go_together(wishes: Wishes, branch: str | None, message: Path | None, undo: bool, as_json: bool) -> None:
    wrong = {
        "--alone and --with-dependencies exclude each other": wishes.alone and wishes.with_dependencies,
        "--branch commits with messages of its own; leave out --commit-message-file": wishes.branch and message,
        "--json and `--commit-message-file -` both print; name a file": as_json and message == Path("-"),
        "--branch needs a name": branch == "",
        "--undo goes with --with-dependents and --json alone":
            undo and (wishes.force or wishes.alone or wishes.with_dependencies or wishes.branch or message),
    }  # fmt: skip
    if found := [why for why, holds in wrong.items() if holds]:
        raise Failure("\n".join(found))


def _accept(home: Home, tasks: tuple[str, ...], wishes: Wishes, message: MessageFile | None, as_json: bool) -> None:
    known = following.known(home, tasks)
    if message and all(known[each].review == verdict.PAST[Review.accept] for each in tasks):
        return message.write([known[each] for each in dict.fromkeys(tasks)])
    chosen = following.chosen(known, tasks, wishes.with_dependencies, wishes.with_dependents, wishes.alone, wishes.asks)
    if wishes.branch and wishes.asks:
        chosen += following.offered(known, chosen)
    if message:
        message.must_take([known[each] for each in chosen])
    told = _given(home, chosen, wishes)
    _print(chosen, told, Review.accept, as_json, sys.stderr if message and message.is_output else None)
    if wishes.asks and not wishes.branch and (more := following.offered(known, chosen)):
        _print(more, _given(home, more, wishes), Review.accept, as_json, None)
        chosen += more
    ready = [] if wishes.asks else following.ready(known, chosen, wishes.branch)
    for line in [*ready, *following.overlapping(known, chosen)]:
        click.echo(line, err=True)
    return message.write([known[each] for each in chosen]) if message else None


def _given(home: Home, chosen: list[str], wishes: Wishes) -> dict[str, list[str]]:
    """What came of each; where one fails, what came of those before is said first."""
    asked: dict[str, Any] = {"kind": "review", "verdict": Review.accept, "reason": "", "force": wishes.force}
    if wishes.branch:
        more = {"task": chosen[0], "tasks": chosen, "branch": wishes.branch}
        return {chosen[-1]: give(home, {**asked, **more})}
    return _each(home, [{**asked, "task": each} for each in chosen])


def _each(home: Home, requests: list[dict[str, Any]]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for asked in requests:
        try:
            told[enactment.tasks(asked)[-1]] = give(home, asked)
        except Failure:
            click.echo("".join(f"{clean(line)}\n" for lines in told.values() for line in lines), nl=False, err=True)
            raise
    return told


def _take_back(home: Home, tasks: tuple[str, ...], with_dependents: bool, as_json: bool) -> None:
    known = following.known(home, tasks)
    groups = following.taken_back(known, tasks, with_dependents)
    asked = {"kind": "review", "verdict": Review.undo, "of": "accepted", "reason": "", "force": False}
    told = _each(home, [{**asked, "task": group[0], "tasks": group} for group in groups])
    ids = [each for group in groups for each in group]
    _print(ids, told, Review.undo, as_json, None)
    for line in following.left_without(known, ids):
        click.echo(line, err=True)


def _print(ids: list[str], told: dict[str, list[str]], said: Review, as_json: bool, output: Any) -> None:
    lines = [line for each in told.values() for line in each]
    if as_json:
        facts = {"task_id": ids[0], "review": verdict.PAST[said], "reason": "", "said": lines}
        return print_json({**facts, "tasks": ids})
    return click.echo(clean("\n".join(lines)), file=output)


@click.command
@click.argument("task")
@click.option("--reason", metavar="TEXT", help="Why; asked for at a terminal if it is not given.")
@click.option("--undo", is_flag=True, help="Take the rejection back.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def reject(context: Context, task: str, reason: str | None, undo: bool, as_json: bool) -> None:
    """Mark the work of TASK as not wanted, and say why. It stays where it is until `clean`.

    \b
    Examples:
      dayshift reject task-001 --reason "paginates in memory"
      dayshift reject task-001 --undo
    """
    record = task_record(context.home, task)
    if undo and reason is not None:
        raise Failure("--undo takes a rejection back, and needs no --reason")
    if why := verdict.hindrance(record, Review.undo if undo else Review.reject, force=False):
        raise Failure(why)
    if undo:
        asked = {"kind": "review", "task": task, "verdict": Review.undo, "of": "rejected"}
        return _print([task], {task: give(context.home, asked)}, Review.undo, as_json, None)
    return _reject(context.home, record, reason, as_json)


def _reject(home: Home, record: Record, reason: str | None, as_json: bool) -> None:
    if reason is None and sys.stdin.isatty():
        reason = str(click.prompt("Reason"))
    if not (reason or "").strip():
        raise Failure(f"say why {record.id} is rejected: `dayshift reject {record.id} --reason TEXT`")
    asked = {"kind": "review", "task": record.id, "verdict": Review.reject, "reason": reason, "force": False}
    lines = give(home, asked)
    if as_json:
        facts = {"task_id": record.id, "review": verdict.PAST[Review.reject], "reason": reason, "said": lines}
        return print_json(facts)
    return click.echo(clean("\n".join(lines)))
