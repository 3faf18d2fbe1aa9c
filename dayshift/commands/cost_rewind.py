"""The command `cost rewind`: after a clock that was ahead, requests count in the true day again."""

from datetime import datetime

import click

from dayshift.clock import SystemClock, day_of
from dayshift.commandline import BAD_INPUT, Context, Failure
from dayshift.commands.lookup import daemon
from dayshift.commands.outlook import read_settings


@click.command
@click.argument("today", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")
@click.pass_obj
def rewind(context: Context, today: datetime) -> None:
    """Let requests count in DATE again, after a clock that was ahead.

    The day that requests count in never goes back by itself, so that a clock set back cannot open a spent day again.
    Nothing is reset by this either: what the budget of a day holds, it holds.

    \b
    Example:
      dayshift cost rewind 2026-11-20
    """
    clock_says = day_of(SystemClock().now(), read_settings(context).timezone)
    if today.date() != clock_says:
        raise Failure(f"the clock says {clock_says}; set it right first, then name that day", BAD_INPUT)
    if daemon(context.home):
        raise Failure("a daemon runs and counts by its own day; `dayshift stop` it first", BAD_INPUT)
    path = context.home.ledger(rehearsal=False)
    seen = context.parts.rewind(path, today.date()) if path.exists() else None
    if seen is None:
        return click.echo("no request has counted in a later day; nothing to do")
    return click.echo(f"requests counted in {seen} until now; from now on they count in {today:%Y-%m-%d}")
