"""The commands `pause`, `resume`, `cancel`, `retry`: what a person tells tasks."""

from collections.abc import Sequence

import click

from dayshift.commandline import BAD_ENVIRONMENT, Context, Failure
from dayshift.commands.lookup import REPLY_SECONDS, absence, daemon, task_status
from dayshift.events import Order
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.mailbox.status import read_all


@click.command
@click.argument("task", required=False)
@click.pass_obj
def pause(context: Context, task: str | None) -> None:
    """Park TASK, or every task, until `resume`; nothing is lost and nothing is spent meanwhile.

    \b
    Examples:
      dayshift pause task-001
      dayshift pause
    """
    _give(context.home, Order.pause, [task])


@click.command
@click.argument("task", required=False)
@click.pass_obj
def resume(context: Context, task: str | None) -> None:
    """Let TASK, or every parked task, go on where it stopped.

    \b
    Examples:
      dayshift resume task-001
      dayshift resume
    """
    _give(context.home, Order.resume, [task])


@click.command
@click.argument("task", required=False)
@click.pass_obj
def cancel(context: Context, task: str | None) -> None:
    """End TASK, or every task that has not ended; what was made stays in its workspace.

    \b
    Examples:
      dayshift cancel task-001
      dayshift cancel
    """
    _give(context.home, Order.cancel, [task])


@click.command
@click.argument("tasks", metavar="TASK...", nargs=-1, required=True)
@click.pass_obj
def retry(context: Context, tasks: tuple[str, ...]) -> None:
    """Try failed, halted, cancelled or parked tasks again, from where they stopped.

    \b
    Examples:
      dayshift retry task-001
      dayshift retry task-001 task-004
    """
    _give(context.home, Order.retry, list(dict.fromkeys(tasks)))


def _give(home: Home, order: Order, tasks: Sequence[str | None]) -> None:
    """Leave the orders; with a daemon wait for its word, without one they are done at the next start."""
    running = daemon(home) is not None
    if not running:
        _check_known(home, order, tasks)
    requests = [inbox.submit(home, {"kind": "order", "order": order, "task": task}) for task in tasks]
    if running:
        _hear(home, requests)
    else:
        why, when = absence(home)
        click.echo(f"{why}; the order to {order} is kept and obeyed {when}")


def _check_known(home: Home, order: Order, tasks: Sequence[str | None]) -> None:
    for task in tasks:
        if task is not None:
            task_status(home, task)
        elif not read_all(home):
            raise Failure(f"there is no task to {order} in {home.root}")


def _hear(home: Home, requests: Sequence[str]) -> None:
    refused: list[str] = []
    for request in requests:
        answer = inbox.reply(home, request, REPLY_SECONDS)
        if answer is None:
            late = f"the daemon has not answered within {REPLY_SECONDS:.0f} s; see agent_logs/daemon.log"
            raise Failure(f"{late}. The order is kept until it is obeyed", BAD_ENVIRONMENT)
        ok, lines = answer
        if ok:
            click.echo("\n".join(lines))
        else:
            refused += lines
    if refused:
        raise Failure("\n".join(refused))
