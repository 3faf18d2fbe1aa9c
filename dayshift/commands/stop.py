"""The command `stop`: ends the daemon of this home and waits until it is gone."""

import itertools
import sys
import time
from typing import Any

import click

from dayshift.commandline import BAD_ENVIRONMENT, Context, Failure
from dayshift.commands.lookup import REPLY_SECONDS, daemon, withdraw
from dayshift.home import Home
from dayshift.host import outset
from dayshift.mailbox import inbox
from dayshift.mailbox.status import read_all

PATIENCE = 60.0  #: seconds; agents that are parked need a few
LOOK_AGAIN_SECONDS = 0.1


@click.command
@click.option("--drain", is_flag=True, help="Let the running agents finish first, however long that takes.")
@click.option("--now", is_flag=True, help="Do not wait for the agents; the next start takes them up.")
@click.pass_obj
def stop(context: Context, drain: bool, now: bool) -> None:
    """Stop the daemon. Running agents are parked and go on at the next start.

    A start that still proves the machine is ended before its day begins.

    \b
    Examples:
      dayshift stop
      dayshift stop --drain
    """
    if drain and now:
        raise click.UsageError("--drain waits for the agents, --now does not; choose one")
    home, first = context.home, outset.under_way(context.home)
    if (facts := daemon(home)) is None:
        return click.echo(_before_its_day(home, first) if first else f"no daemon runs in {home.root}")
    try:
        stopped = _stopped(home, facts, drain, now)
    except KeyboardInterrupt:
        if drain:
            click.echo(
                "the daemon goes on draining; `dayshift stop` parks its agents, --now waits for nobody", err=True
            )
        raise
    if not stopped:
        cure = "kill it by its pid" if now else "`dayshift stop --now` does not wait for the agents"
        raise Failure(f"the daemon (pid {facts['pid']}) still runs after {PATIENCE:.0f} s; {cure}", BAD_ENVIRONMENT)
    return click.echo(f"the daemon (pid {facts['pid']}) has ended; unfinished tasks go on at the next start")


def _before_its_day(home: Home, start: dict[str, Any]) -> str:
    """End a start that is under way; what came of it, in words."""
    who = f"the start that is under way (pid {start['pid']})"
    if not outset.end(start) and not outset.over(home, REPLY_SECONDS):
        cure = "end it there, by Ctrl-C, or repeat this once its daemon runs"
        raise Failure(f"{who} is a process of another machine or container; {cure}", BAD_ENVIRONMENT)
    if not outset.over(home, PATIENCE) or not gone(home, start["pid"], PATIENCE):
        raise Failure(f"{who} has not ended within {PATIENCE:.0f} s; kill it by its pid", BAD_ENVIRONMENT)
    return f"{who} was ended before its day began"


def _stopped(home: Home, facts: dict[str, Any], drain: bool, now: bool) -> bool:
    """Ask and wait; what was asked is taken back at the end, or it would stop the next daemon too."""
    requests = [inbox.submit(home, {"kind": "stop", "drain": drain})]
    try:
        if now:
            inbox.reply(home, requests[0], REPLY_SECONDS)
            requests.append(inbox.submit(home, {"kind": "stop", "now": True}))
        return gone(home, facts["pid"], None if drain else PATIENCE)
    finally:
        for request in requests:
            withdraw(home, request)


def gone(home: Home, pid: int | None, seconds: float | None) -> bool:
    """Wait until that daemon has ended, at most so long; whether it has."""
    began = time.monotonic()
    for turn in itertools.count():
        facts = daemon(home)
        if facts is None or (pid is not None and facts["pid"] not in (pid, None)):  # another one may have started
            _progress("")
            return True
        if seconds is not None and time.monotonic() - began > seconds:
            return False
        if turn % 10 == 0:
            at_work = sum(status["state"] in ("running", "verifying") for status in read_all(home))
            _progress(f"waiting for the daemon; {at_work} at work")
        time.sleep(LOOK_AGAIN_SECONDS)
    return False


def _progress(text: str) -> None:
    """Replace the present line of a terminal."""
    if sys.stdout.isatty():
        click.echo(f"\r\x1b[K{text}", nl=False)
