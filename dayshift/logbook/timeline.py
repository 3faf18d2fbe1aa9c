"""The history of a day's tasks: a line for every state a task enters, so that the day can be drawn afterwards."""

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.model import Record, Stretch
from dayshift.states import ENDED, Running

log = logging.getLogger("dayshift")

OVER = frozenset(state.name for state in ENDED)


@dataclass(frozen=True, slots=True)
class Entry:
    """A task entered a state; `created` tells it from other tasks of its id, on the same day too."""

    task_id: str
    created: datetime
    state: str
    reason: str
    at: datetime
    run: int = 0  #: how many it had begun by then, and in which attempt it was; 0: not written down
    attempt: int = 0


def entry_of(record: Record) -> Entry:
    """What the record says now, as a line of the history."""
    state = record.state
    return Entry(record.id, record.created_at, state.name, state.reason, state.since, record.runs, record.attempt)


def note(home: Home, record: Record) -> None:
    """Add the record's state to its day's history. A disk that takes nothing costs the history this line."""
    path = home.timeline(record.day, record.rehearsal)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, _line(entry_of(record)))
            passing("history.noted")
        finally:
            os.close(descriptor)
    except OSError as error:
        log.warning("%s: the history takes no line: %s", record.id, error)


def _line(entry: Entry) -> bytes:
    """One entry. It begins with the newline: a line that was torn before it spoils nothing but itself."""
    facts = {"task": entry.task_id, "state": entry.state, "at": _stamp(entry.at), "reason": entry.reason,
             "created": _stamp(entry.created), "run": entry.run, "attempt": entry.attempt}  # fmt: skip
    return b"\n" + json.dumps(facts, ensure_ascii=False).encode("utf-8", "replace")


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def read(home: Home, day: date, rehearsal: bool) -> tuple[Entry, ...]:
    """The history of that day file's tasks, as far as it can be read, in order of its moments."""
    try:
        lines = home.timeline(day, rehearsal).read_bytes().split(b"\n")
    except OSError:
        return ()
    found = dict.fromkeys(entry for line in lines if (entry := _entry(line)))
    return tuple(sorted(found, key=lambda entry: entry.at))


def _entry(line: bytes) -> Entry | None:
    try:
        facts = json.loads(line)
        created, at = (datetime.fromisoformat(facts[name]).astimezone(UTC) for name in ("created", "at"))
        counts = int(facts.get("run", 0)), int(facts.get("attempt", 0))
        return Entry(str(facts["task"]), created, str(facts["state"]), str(facts["reason"]), at, *counts)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None  # torn by a crash, or no line at all


def stretches(record: Record, history: Iterable[Entry], now: datetime) -> tuple[Stretch, ...]:
    """How the task spent its time until now, one after the other; when it had ended it spent none."""
    known = [entry for entry in history if (entry.task_id, entry.created) == (record.id, record.created_at)]
    known = known or _by_the_record(record)
    if known[-1].state != record.state.name:
        known.append(entry_of(record))
    ends = [*(entry.at for entry in known[1:]), max(now, known[-1].at)]
    return tuple(
        Stretch(entry.state, entry.at, end)
        for entry, end in zip(known, ends, strict=True)
        if entry.state not in OVER and end > entry.at
    )


def _by_the_record(record: Record) -> list[Entry]:
    """What is known of a task without a history: that it was at work from its first run on."""
    last = entry_of(record)
    if record.started_at is None or record.started_at >= last.at:
        return [last]
    return [Entry(record.id, record.created_at, Running.name, "", record.started_at), last]
