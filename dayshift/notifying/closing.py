"""The end of a day as the person is told it: one alert with the report, and the day drawn beside it.

Joins what a day's end is made of: statement, timeline, picture and painting.
"""

import asyncio
import logging
import os
import re
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

from dayshift import files
from dayshift.alerts import LEFT_TO_THE_PERSON, Alert, Kind
from dayshift.cost.statement import statement
from dayshift.day_facts import DayFacts
from dayshift.failpoints import passing
from dayshift.home import INSTALLATION, Home
from dayshift.logbook import timeline
from dayshift.logbook.timeline import Entry
from dayshift.markdown import clean
from dayshift.model import Record
from dayshift.money import Pico, shown
from dayshift.reporting import painting, picture
from dayshift.reporting.phrases import BY_URGENCY, HEADLINE, audit_sentence
from dayshift.states import Failed, Halted, Parked, ParkReason, Waiting

log = logging.getLogger("dayshift")

PATIENCE = 30.0  #: seconds a picture may take
NEEDED = ("PATH", "HOME", "PYTHONPATH")  #: of the environment, by the process that draws
MOST_NAMED, LONGEST = 10, 160  #: tasks, and characters of what is said of one
_MARKUP = re.compile(r"\*\*|`+|\\(?=[^\w\s])")


class Undrawn(Exception):
    """A picture that could not be made; the message says why."""


# --- what is told ----------------------------------------------------------------------------------


def is_over(facts: DayFacts) -> bool:
    """Whether nothing of the day goes on by itself; a day that was merely stopped goes on at the next start."""
    stopped = (isinstance(r.state, Parked) and r.state.why is ParkReason.stop for r in facts.records)
    return bool(facts.records) and facts.ended_at is not None and not any(stopped)


def closing_alert(
    facts: DayFacts, report: Path, drawn: Path | None, now: datetime, evening: date | None = None
) -> Alert:  # fmt: skip
    """The day in a few lines, with its report and picture: told once each evening while it goes on, and once when it is
    over."""
    over, what = is_over(facts), "rehearsal" if facts.rehearsal else "day"
    begun = f":{facts.started_at:%Y%m%dT%H%M%S}" if facts.rehearsal and facts.started_at else ""
    going_on = "going on" if evening in (None, facts.date) else f"going on:{evening}"
    key = f"report:{what}:{facts.date}{begun}:{'over' if over else going_on}"
    title = f"The {what} of {facts.date} {'is over' if over else 'goes on'}: {tally(facts.records)}"
    text = [f"{_spent(facts)}.", _unmarked(audit_sentence(facts)), *_needs(facts.records)]
    files = tuple(str(path) for path in (report, drawn) if path)
    return Alert(key, Kind.report, title, now, "\n".join(text), files=files)


def tally(records: Iterable[Record]) -> str:
    """`5 done, 1 failed`."""
    counts = Counter(record.state.name for record in records)
    named = (f"{counts[name]} {name}" for name in dict.fromkeys((*HEADLINE, *BY_URGENCY)) if counts[name])
    return ", ".join(named) or "no task"


def _spent(facts: DayFacts) -> str:
    of = "without a cap for the day" if facts.cap is None else f"of {shown(facts.cap)}"
    return f"{'Pretended spend' if facts.rehearsal else 'Spent'} {shown(facts.spent)} {of}"


def _unmarked(sentence: str) -> str:
    """Markdown of our own as plain text."""
    return _MARKUP.sub("", sentence)


def _needs(records: Iterable[Record]) -> Iterator[str]:
    """A line for each task that needs the person, most urgent first."""
    needed = [(record, why) for record in sorted(records, key=_urgency) if (why := _why(record)) is not None]
    if needed:
        yield "Needs you:"
    for record, why in needed[:MOST_NAMED]:
        line = clean(why).strip().split("\n", 1)[0]
        yield picture.cut(f"- {record.id} ({record.task.name}) {record.state.name}: {line}", LONGEST)
    if len(needed) > MOST_NAMED:
        yield f"- and {len(needed) - MOST_NAMED} more"


def _urgency(record: Record) -> tuple[int, str]:
    return BY_URGENCY.index(record.state.name), record.id


def _why(record: Record) -> str | None:
    match record.state:
        case Waiting():
            return record.questions[-1].text if record.questions else record.state.reason
        case Failed(reason=reason) | Halted(reason=reason):
            return reason
        case Parked(why=why, reason=reason) if why in LEFT_TO_THE_PERSON:
            return reason
    return None


# --- what is drawn ---------------------------------------------------------------------------------


def pictured(
    facts: DayFacts, history: Sequence[Entry], charges: tuple[tuple[datetime, Pico], ...], now: datetime
) -> picture.Facts:
    """The facts of the day's picture; when the day is over, the same whenever it is drawn."""
    until = facts.ended_at or now
    costs = {row.key: shown(row.cost) for row in facts.by_task}
    rows = [_row(record, costs.get(record.id, shown(0)), history, until) for record in facts.records]
    of = "without a cap" if facts.cap is None else f"of {shown(facts.cap)}"
    title = (f"{facts.date}{', a rehearsal' if facts.rehearsal else ''}", tally(facts.records),
             f"{shown(facts.spent)} {of}")  # fmt: skip
    rows.sort(key=lambda row: (row.bars[0].begin if row.bars else row.since, row.label))
    return picture.Facts(title, facts.timezone, facts.cap, charges, tuple(rows), until)


def _row(record: Record, cost: str, history: Sequence[Entry], until: datetime) -> picture.Row:
    spent = timeline.stretches(record, history, until)
    bars = tuple(picture.Bar(each.state, each.begin, each.end) for each in spent)
    label = clean(record.id if record.task.name == record.id else f"{record.id} {record.task.name}")
    return picture.Row(label, cost, record.state.name, record.state.since, bars)


async def draw(home: Home, facts: DayFacts, now: datetime) -> Path | None:
    """The day drawn beside its report; None, and a line in the log, if that does not work."""
    path = home.picture(facts.date, facts.rehearsal)
    try:
        with statement(home.ledger(facts.rehearsal)) as ledger:
            charges = ledger.course(facts.date) if ledger else ()
        history = timeline.read(home, facts.date, facts.rehearsal)
        files.write_atomically(path, await drawn(pictured(facts, history, charges, now)), durable=False)
    except (OSError, ValueError, sqlite3.Error, files.Unusable, Undrawn) as error:
        log.warning("the day's picture could not be drawn: %s", error)
        return None
    return path


async def drawn(facts: picture.Facts, patience: float = PATIENCE) -> bytes:
    """The picture as a PNG, by a process of its own that leaves nothing behind; Undrawn if it fails."""
    with tempfile.TemporaryDirectory(prefix="dayshift-picture-") as folder:
        given = {name: os.environ[name] for name in NEEDED if name in os.environ}
        passing("painter.starting")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", painting.__name__, cwd=INSTALLATION, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
            env={**given, "MPLCONFIGDIR": folder, "LANG": "C.UTF-8"},
        )  # fmt: skip
        try:
            passing("painter.started")
            async with asyncio.timeout(patience):
                png, said = await process.communicate(picture.to_json(facts))
        except TimeoutError:
            raise Undrawn(f"it took longer than {patience:.0f} seconds") from None
        finally:
            await _ended(process)
    if process.returncode != 0:
        raise Undrawn(said.decode(errors="replace").strip()[-500:] or f"exit code {process.returncode}")
    return png


async def _ended(process: asyncio.subprocess.Process) -> None:
    """It and its pipes are gone when this returns."""
    if process.returncode is None:
        process.kill()
        await process.communicate()
