"""What a start finds: which tasks go on by themselves, which rest on whom, which rehearsed ones are in the way. Pure.

Joins schedule, which decides what goes on, and intake, which says what becomes of a known task of a day file.
"""

from collections.abc import Mapping
from datetime import datetime

from dayshift.deciding import intake, schedule
from dayshift.model import Day, Record
from dayshift.states import Parked, ParkReason, Queued, Running, Verifying, Waiting

GOES_ON, WAITS = "goes on", "waits for your answer"
TRIED_AGAIN = frozenset({ParkReason.credit, ParkReason.authentication})  #: at every start: it may be mended by now
RESTS = {
    ParkReason.paused: "paused until `dayshift resume`",
    ParkReason.cap: "resting on a cap (raise it and hand the day file in again, or `dayshift resume`)",
    ParkReason.stuck: "stuck and left to you (see `dayshift logs`, then `dayshift retry`)",
}


def thrown_away(records: Mapping[str, Record], rehearsal: bool) -> list[Record]:
    """The rehearsed tasks that a daemon of that kind takes away: on a real day all of them. In a rehearsal those of
    days of which every task has ended: the others go on, and their reports tell of the whole day."""
    rehearsed = [record for record in records.values() if record.rehearsal]
    going_on = {record.day for record in rehearsed if not record.ended} if rehearsal else set()
    return [record for record in rehearsed if record.day not in going_on]


def left_as_ended(records: Mapping[str, Record], day: Day, now: datetime) -> list[str]:
    """The ids of the file's tasks that its rehearsal, which goes on, has ended already and does not do again."""
    away = {record.id for record in thrown_away(records, rehearsal=True)}
    known = [(records[task.id], task) for task in day.tasks if task.id in records and task.id not in away]
    return [
        record.id
        for record, task in known
        if record.ended and intake.admitted(record, task, day, True, records, now) == record
    ]


def lines(records: Mapping[str, Record], now: datetime, midnight: datetime) -> list[str]:
    """`goes on: one, two`, a line for each thing that becomes of tasks; nothing of those that have ended."""
    found: dict[str, list[str]] = {}
    for record in records.values():
        if (what := _becomes(record, records, now, midnight)) is not None:
            found.setdefault(what, []).append(record.id)
    return [f"{what}: {', '.join(ids)}" for what, ids in sorted(found.items(), key=lambda each: each[0] != GOES_ON)]


def _becomes(record: Record, records: Mapping[str, Record], now: datetime, midnight: datetime) -> str | None:
    match record.state:
        case Parked(why=why) if why in TRIED_AGAIN or schedule.awake(record, records, now, midnight):
            return GOES_ON
        case Parked(why=why) if why in RESTS:
            return RESTS[why]
        case Parked(until=datetime() as until) | Queued(not_before=datetime() as until) if until > now:
            return f"goes on at {until:%d %b %H:%M} UTC, when the provider serves again"
        case Queued() | Running() | Verifying() | Parked():
            return GOES_ON
        case Waiting():
            return WAITS
    return None
