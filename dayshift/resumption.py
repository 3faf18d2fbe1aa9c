"""What a start without a day file finds: which tasks go on by themselves, and which rest on whom. Pure.

Joins schedule, which decides what goes on.
"""

from collections.abc import Mapping
from datetime import datetime

from dayshift import schedule
from dayshift.model import Record
from dayshift.states import Parked, ParkReason, Queued, Running, Verifying, Waiting

GOES_ON, WAITS = "goes on", "waits for your answer"
TRIED_AGAIN = frozenset({ParkReason.credit, ParkReason.authentication})  #: at every start: it may be mended by now
RESTS = {
    ParkReason.paused: "paused until `dayshift resume`",
    ParkReason.cap: "resting on a cap (raise it and hand the day file in again, or `dayshift resume`)",
    ParkReason.stuck: "stuck and left to you (see `dayshift logs`, then `dayshift retry`)",
}


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
