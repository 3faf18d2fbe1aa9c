"""The command `attach`: the person in a task's session, at their own terminal, round it the same sandbox as ever."""

import os
import re
import signal
import sys
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import click

from dayshift import locks
from dayshift.commandline import BAD_ENVIRONMENT, OK, TASK_FAILED, Context, Failure
from dayshift.commands.lookup import absence, daemon, task_status, withdraw
from dayshift.failpoints import passing
from dayshift.holder import USED
from dayshift.home import Home
from dayshift.host import outset
from dayshift.mailbox import inbox
from dayshift.running.spool import Ended, Spool

SOON, LATE = 0.5, 30.0  #: seconds; until the person is told what is waited for, and until that is given up
#: What a CLI that was ended in the middle leaves on: its screen, mouse, paste and keyboard modes.
#: Ctrl-Z in its spellings: no shell is there to bring a suspended session back. Every other key goes in.
SUSPEND = re.compile(rb"\x1a|\x1b\[122;5u|\x1b\[27;5;122~")
MODES = (1047, 1000, 1002, 1003, 1006, 1004, 2004, 2031)
CALM = "".join(f"\x1b[?{mode}l" for mode in MODES).encode() + b"\x1b[>4m\x1b[<u\x1b[?25h\x1b[0m\r\n"


@click.command
@click.argument("task")
@click.option("--keep", is_flag=True, help="Leave the task paused afterwards, until `resume`.")
@click.pass_obj
def attach(context: Context, task: str, keep: bool) -> int:
    """Work in the session of TASK yourself, with the CLI as you know it; leave it with /exit or Ctrl-D twice.

    Its agent is parked first and goes on afterwards. Sandbox, guard, caps and audit stay as they are, and what it
    costs is the task's.

    \b
    Examples:
      dayshift attach task-001
      dayshift attach task-001 --keep
    """
    home = context.home
    _must_be_possible(home, task)
    place = home.visitor(task)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with locks.lock(place):
            place.write_text(f"{os.ttyname(0)} (process {os.getpid()})")  # the same file: a new one would not be locked
            _be_let_in(home, task, keep)
            spool = Spool(home.run(task, int(task_status(home, task)["runs"])))
            status = _stay(spool)
    except locks.Locked:
        raise Failure(f"{task} is attached already, on {place.read_text() or 'another terminal'}") from None
    if status == USED:
        raise Failure(f"{task}: the daemon has let go of the session meanwhile; attach once more", BAD_ENVIRONMENT)
    return _told_the_end(home, task, spool)


def _must_be_possible(home: Home, task: str) -> None:
    task_status(home, task)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failure("attach needs a terminal; run it in one, without pipes", BAD_ENVIRONMENT)
    _must_run(home)


def _must_run(home: Home) -> None:
    if daemon(home) is None:
        why, _ = absence(home)
        cure = "attach once it runs" if outset.under_way(home) else "`dayshift start` first"
        raise Failure(f"{why}, and an agent reaches its model through it; {cure}", BAD_ENVIRONMENT)


def _be_let_in(home: Home, task: str, keep: bool) -> None:
    """Ask the daemon, and wait until the session lies ready; Failure with its words if that cannot be."""
    wish = {"kind": "attach", "task": task, "keep": keep, "terminal": os.environ.get("TERM", "")}
    request, patience = inbox.submit(home, wish), SOON
    try:
        while (answer := inbox.reply(home, request, patience)) is None:
            _must_run(home)
            if patience == SOON:
                click.echo(f"{task}: its agent comes to rest and its workspace is made ready (Ctrl-C gives up)")
            patience = 2 * SOON
    finally:
        withdraw(home, request)
    ok, lines = answer
    if not ok:
        raise Failure("\n".join(lines))


# --- in the session --------------------------------------------------------------------------------


def _stay(spool: Spool) -> int | None:
    """Show the session until it ends; the exit status of its holder. The person's own terminal does not go in."""
    import pexpect

    program, *words = spool.holder_argv
    passing("visit.starting")
    child = pexpect.spawn(program, words, env={}, dimensions=_size(), timeout=None)
    signal.signal(signal.SIGWINCH, lambda number, frame: child.setwinsize(*_size()))
    try:
        child.interact(escape_character=None, input_filter=_going_in)
    finally:
        signal.signal(signal.SIGWINCH, signal.SIG_DFL)
        _calm_down()
        child.close()
    status: int | None = child.exitstatus
    return status


def _going_in(keys: Any) -> Any:
    """What of the keys goes into the session; pexpect's types call these bytes text."""
    return SUSPEND.sub(b"", keys)


def _size() -> tuple[int, int]:
    size = os.get_terminal_size(sys.stdout.fileno())
    return size.lines, size.columns


def _calm_down() -> None:
    """The terminal as programs expect it; answers it gave to a session that is gone are no commands for a shell."""
    with suppress(OSError, termios.error):
        os.write(sys.stdout.fileno(), CALM)
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


# --- afterwards ------------------------------------------------------------------------------------


def _told_the_end(home: Home, task: str, spool: Spool) -> int:
    """Say why the session ended, if not by the person, and what the task is now."""
    if (ended := spool.ended()) and (why := _why(ended)):
        click.echo(f"{task}: {why}")
    status = _given_back(home, task)
    if _is_open(status):
        raise Failure(f"{task} is not given back yet, for no daemon saw to it; the next start does", BAD_ENVIRONMENT)
    reason = f" ({status['reason']})" if status["reason"] else ""
    cost = "unknown" if status["cost_usd"] is None else f"{status['cost_usd']} USD"
    click.echo(f"{task} is given back and is {status['state']}{reason}; its cost so far: {cost}")
    return TASK_FAILED if status["state"] in ("failed", "halted") else OK


def _why(ended: Ended) -> str:
    """Why the session ended, unless the person left it."""
    if ended.why:
        return f"the session was ended: it {ended.why}"
    if not ended.launched:
        return "the sandbox could not be started"
    return "the session was ended from outside; see `dayshift status`" if ended.how != "exited" else ""


def _is_open(status: Mapping[str, Any]) -> bool:
    return status["state"] == "running" and str(status["reason"]).startswith(("attached", "ending"))


def _given_back(home: Home, task: str) -> dict[str, Any]:
    """The task's status once its work is kept and looked through; or as it is, when that takes too long."""
    end = time.monotonic() + LATE
    while _is_open(status := task_status(home, task)):
        if daemon(home) is None or time.monotonic() > end:
            break
        time.sleep(0.05)
    return status
