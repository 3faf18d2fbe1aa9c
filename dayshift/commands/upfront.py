"""What `start` settles before anything begins: what it finds, what it refuses, and who may end it meanwhile."""

import signal

import click

from dayshift import files, records
from dayshift.clock import SystemClock, midnight
from dayshift.commandline import BAD_ENVIRONMENT, BAD_INPUT, Failure
from dayshift.deciding import intake, resumption
from dayshift.holder import PROTOCOL
from dayshift.home import Home
from dayshift.model import Day, Record
from dayshift.running import wrecks
from dayshift.running.spool import Spool


def hear_every_end_as_ctrl_c() -> None:
    """Until the daemon listens itself: whatever ends it now ends it in order, with all that it has started."""

    def interrupt(number: int, frame: object) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def tell_what_goes_on(known: dict[str, Record], day: Day | None, rehearse: bool, timezone: str) -> None:
    """Without a file: what this start finds, and what of it rests on the person; with one, what is not done again."""
    if day is not None:
        if rehearse:
            _tell_what_was_rehearsed(known, day)
        return
    now, mine = SystemClock().now(), {each: record for each, record in known.items() if record.rehearsal == rehearse}
    for line in (found := resumption.lines(mine, now, midnight(now, timezone))):
        click.echo(line, err=True)
    if not found:
        click.echo("nothing to go on with; `dayshift start FILE` hands a day over to this daemon", err=True)


def _tell_what_was_rehearsed(known: dict[str, Record], day: Day) -> None:
    if ids := resumption.left_as_ended(known, day, SystemClock().now()):
        anew = "what the file changes of them begins anew, and so does all of it after `dayshift cancel`"
        click.echo(f"the rehearsal of {day.date} goes on; ended already: {', '.join(ids)} ({anew})", err=True)


def refuse_what_is_held_by_a_newer(home: Home, known: dict[str, Record]) -> None:
    """After a downgrade: a run whose holder speaks what this program does not know is not touched."""
    spools = {each: Spool(home.run(each, record.runs)) for each, record in known.items() if not record.ended}
    newer = [f"{each} (protocol {spool.protocol})" for each, spool in spools.items() if spool.protocol > PROTOCOL]
    if newer:
        cure = "start it with that version, which can end it, or update this one"
        raise Failure(
            f"a newer dayshift began a run of {', '.join(newer)}; this one knows protocol {PROTOCOL} and leaves it "
            f"alone: {cure}", BAD_ENVIRONMENT,
        )  # fmt: skip


def report_is_owed(home: Home, known: dict[str, Record], rehearse: bool) -> bool:
    """Whether the daemon before ended without a word when every task of its kind had ended: its report is missing.

    Never that of a rehearsal: the next daemon discards its ended tasks, and would wait for a day that never ends.
    """
    mine = [record for record in known.values() if not record.rehearsal]
    left = files.read_json(home.daemon_facts)
    unsaid = not rehearse and isinstance(left, dict) and left.get("rehearsal") is False
    owed = unsaid and bool(mine) and all(record.ended for record in mine)
    if owed:
        click.echo("the daemon before this one ended without a word; this one writes its report", err=True)
    return owed


def refuse_what_cannot_be_read(home: Home, broken: list[str], day: Day | None, rehearse: bool) -> None:
    """Ids of torn records are taken; and without a file the day that was at hand must be known, for its cap."""
    lost = wrecks.ids(broken)
    for task_id in lost if day is None else ():
        click.echo(wrecks.told(home, task_id), err=True)
    if day is None:
        records.kept_day(home, rehearse)
    elif problems := intake.collisions({}, day, rehearse, unreadable=lost):
        raise Failure("\n".join(problems), BAD_ENVIRONMENT)


def refuse_what_cannot_start(known: dict[str, Record], day: Day | None, rehearse: bool) -> None:
    """Nothing to do, or ids that stand for other work."""
    if day is None and not any(record.rehearsal == rehearse and not record.ended for record in known.values()):
        raise Failure("nothing to go on with: name a day file, e.g. `dayshift start tasks/today.yaml`", BAD_INPUT)
    # What a rehearsal left is in nobody's way: the daemon discards it, unless it is the one that goes on with it.
    standing = {each: record for each, record in known.items() if rehearse or not record.rehearsal}
    if day and (problems := intake.collisions(standing, day, rehearse)):
        raise Failure("\n".join(problems), BAD_INPUT)
