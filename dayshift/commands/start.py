"""`start`: run a day."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from dayshift import files, locks, records
from dayshift.clock import SystemClock, day_of
from dayshift.commandline import BAD_ENVIRONMENT, BAD_INPUT, OK, Context, Failure
from dayshift.commands import live, upfront
from dayshift.commands.given_day import must_lead_on, read_day
from dayshift.commands.outlook import read_settings
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.host import first_process, outset, stragglers
from dayshift.inputs.settings import Settings
from dayshift.mailbox import inbox
from dayshift.model import Day
from dayshift.proving import preparation
from dayshift.repository import commits, git

OWNER_SECONDS = 2
HAND_OVER_SECONDS = 10
DETACH_SECONDS = 60


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--rehearse", is_flag=True, help="Play the day against the built-in scripted model, for $0.")
@click.option("--once", is_flag=True, help="End when every task has ended and the report is written.")
@click.option("--detach", is_flag=True, help="Return at once; the daemon goes on in the background.")
@click.option("--stay", is_flag=True, help="Stay until stopped, also with nothing to do: day files are handed over.")
@click.pass_obj
def start(context: Context, file: Path | None, rehearse: bool, once: bool, detach: bool, stay: bool) -> int:
    """Run the tasks of a day FILE; without one, go on with what was parked.

    If a daemon runs in this home already, the file is handed over to it.
    One Ctrl-C parks every agent, resumable; a second one hurries. A closed terminal is a Ctrl-C too,
    unless with --detach.

    \b
    Examples:
      dayshift start tasks/today.yaml
      dayshift start tasks/today.yaml --rehearse --once
      dayshift start --detach
      dayshift start --stay
    """
    if once and stay:
        raise click.UsageError("--once ends with the day, --stay does not; choose one")
    if not detach:
        first_process.stand_behind()
    settings = read_settings(context)
    day = read_day(context, settings, file) if file else None
    must_lead_on(context.home, day)
    if (served := _served(context, day, rehearse)) is not None:
        return served
    known, broken = records.load_all(context.home)
    upfront.refuse_what_cannot_be_read(context.home, broken, day, rehearse)
    owed = day is None and upfront.report_is_owed(context.home, known, rehearse)
    upfront.refuse_what_is_held_by_a_newer(context.home, known)
    if not owed and not (stay and day is None):
        upfront.refuse_what_cannot_start(known, day, rehearse)
    prepared = _prepare(context, settings, rehearse)
    _tell_what_agents_will_not_see(day)
    if detach:
        return _detach(context)
    upfront.tell_what_goes_on(known, day, rehearse, settings.timezone)
    upfront.hear_every_end_as_ctrl_c()
    try:
        code = _run(context, prepared, day, once or (owed and not stay))
    except locks.Locked as error:  # another start was quicker
        if (served := _served(context, day, rehearse)) is not None:
            return served
        raise Failure("another daemon was quicker, and has ended since; start again", BAD_ENVIRONMENT) from error
    return stragglers.leave(OK if stay else code)  # who stays was told to end, and did; the report says how it went


def _run(context: Context, prepared: preparation.Preparation, day: Day | None, once: bool) -> int:
    """Prove the machine, as the one start that is under way, then run the daemon."""
    home, rehearsal = context.home, prepared.rehearsal
    with ExitStack() as until_owned:
        until_owned.enter_context(outset.begun(home, rehearsal, SystemClock().now()))
        _prove(prepared)
        with live.shown(home, rehearsal) as announce:
            code = context.parts.serve(prepared, day, once, announce, until_owned.close)
    live.print_report(home, code)
    return code


def _prepare(context: Context, settings: Settings, rehearse: bool) -> preparation.Preparation:
    today = day_of(SystemClock().now(), settings.timezone)
    try:
        return preparation.prepare(context.home, settings, os.environ, rehearse, today)
    except preparation.Unprepared as error:
        raise Failure(str(error), BAD_ENVIRONMENT) from error


def _prove(prepared: preparation.Preparation) -> None:
    if prepared.settings.sandbox == "none":
        click.echo(
            "WARNING: sandbox: none. Nothing but the guard keeps agents from your repository and network.", err=True
        )
    else:
        click.echo("trying to break out of the sandbox and past the guard …", err=True)
    try:
        preparation.must_hold(preparation.prove(prepared))
    except preparation.Unprepared as error:
        raise Failure(str(error), BAD_ENVIRONMENT) from error


def _tell_what_agents_will_not_see(day: Day | None) -> None:
    if day is None:
        return
    paths = commits.dirty_paths(git.find(Path(day.project)))
    if paths:
        some = ", ".join(paths[:5]) + (" …" if len(paths) > 5 else "")
        click.echo(f"note: agents start from the last commit, without your uncommitted changes in {some}", err=True)


def _owner(home: Home) -> dict[str, Any] | None:
    """Who the daemon that runs is, None if none does; one that began this moment has not written it down yet."""
    deadline = time.monotonic() + OWNER_SECONDS
    while locks.is_locked(home.daemon_lock):
        facts = files.read_json(home.daemon_facts)
        if isinstance(facts, dict) and "rehearsal" in facts:
            return facts
        if time.monotonic() > deadline:
            cure = "`dayshift stop` it, then start again"
            raise Failure(
                f"{home.daemon_facts} is broken: which daemon runs here cannot be told; {cure}", BAD_ENVIRONMENT
            )
        time.sleep(0.05)
    return None


def _served(context: Context, day: Day | None, rehearse: bool) -> int | None:
    """What came of it if a daemon runs here or is being started, for it gets the file; None if this start is first."""
    if first := outset.under_way(context.home):
        if first["rehearsal"] is not None:  # it has said who it is
            _must_take(first, day, rehearse, "a start is under way")
        click.echo(f"another start is under way (pid {first['pid']}); its daemon is waited for", err=True)
        outset.over(context.home)
    owner = _owner(context.home)
    return _hand_over(context, owner, day, rehearse) if owner else None


def _must_take(facts: dict[str, Any], day: Day | None, rehearse: bool, what: str) -> None:
    """Failure if this start has nothing to hand over to that daemon, or what it must not be given."""
    who = f"{what} already (pid {facts.get('pid')})"
    if day is None:
        raise Failure(f"{who}; see `dayshift status`", BAD_INPUT)
    if bool(facts.get("rehearsal")) != rehearse:
        kind = "a rehearsal" if facts.get("rehearsal") else "a real day"
        raise Failure(f"{who}, and it plays {kind}; `dayshift stop` it first", BAD_INPUT)


def _hand_over(context: Context, facts: dict[str, Any], day: Day | None, rehearse: bool) -> int:
    """Give the file to the daemon that runs, and pass its answer on."""
    _must_take(facts, day, rehearse, "a daemon runs")
    assert day is not None
    name = inbox.submit(context.home, {"kind": "day", "day": records.day_to_json(day)})
    answer = inbox.reply(context.home, name, HAND_OVER_SECONDS)
    if answer is None:
        click.echo(f"handed over to the daemon that runs (pid {facts.get('pid')}); it has not answered yet")
        return OK
    ok, lines = answer
    if not ok:
        raise Failure("\n".join(lines), BAD_INPUT)
    click.echo(f"handed over to the daemon that runs (pid {facts.get('pid')}): {'; '.join(lines)}")
    return OK


def _detach(context: Context) -> int:
    """Start the same command again in a session of its own, and wait until it owns the home or has failed."""
    words = [word for word in sys.argv[1:] if word != "--detach"]
    output = context.home.logs / "start.log"
    context.home.make_folders()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; the daemon inherits it: no terminal is its own
    with output.open("ab") as log:  # of two at once each adds its lines
        log.truncate(0)
        passing("daemon.detaching")
        process = subprocess.Popen(
            [sys.executable, sys.argv[0], *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    passing("daemon.detached")
    deadline = time.monotonic() + DETACH_SECONDS
    while time.monotonic() < deadline:
        if files.read_facts(context.home.daemon_facts).get("pid") == process.pid:
            click.echo(f"the daemon runs (pid {process.pid}); watch it with `dayshift status --watch`")
            return OK
        if process.poll() is not None:
            return _ended_at_once(process.returncode, output.read_text(errors="replace").strip())
        time.sleep(0.05)
    raise Failure(f"the daemon has not started within {DETACH_SECONDS} s; see {output}", BAD_ENVIRONMENT)


def _ended_at_once(code: int, said: str) -> int:
    """What became of it where no daemon of its own runs: handed over, or it could not be."""
    if code != OK:
        raise Failure(said, code)
    click.echo(said)
    return OK
