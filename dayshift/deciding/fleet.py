"""What a limit of the provider makes of all tasks at once: pure, like the decisions on one task that it joins."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from dayshift.deciding import decisions
from dayshift.limits import Kind, Limit
from dayshift.model import Record
from dayshift.states import Ending, Parked, ParkReason, Queued, Running, State

STAGGER = timedelta(seconds=5)  #: between two tasks that go on after the same limit
PARKING = {
    Kind.usage_limit: ParkReason.usage_limit,
    Kind.credit: ParkReason.credit,
    Kind.authentication: ParkReason.authentication,
}  #: what each limit parks for; the others are passing, and park as `provider` where the pause is long


def limited(records: Mapping[str, Record], limit: Limit, now: datetime) -> list[Record]:
    """The tasks a limit changes, most urgent first; each goes on a little later than the one before it."""
    why = PARKING.get(limit.kind, ParkReason.provider)
    reset = now + limit.after if limit.after is not None else limit.until
    affected = [record for record in records.values() if _affected(record.state, why)]
    changed = [
        _parked(record, why, limit.words, reset + place * STAGGER if reset else None, now)
        for place, record in enumerate(sorted(affected, key=lambda record: record.task.priority))
    ]
    return [record for record in changed if record != records[record.id]]


def _affected(state: State, why: ParkReason) -> bool:
    """What runs, or would run by itself; what rests for the same reason keeps its moment."""
    match state:
        case Running() | Queued():
            return True
        case Parked(why=ParkReason.usage_limit | ParkReason.provider as known):
            return known is not why
    return False


def _parked(record: Record, why: ParkReason, words: str, until: datetime | None, now: datetime) -> Record:
    match record.state:
        case Running():
            return decisions.ending(record, Ending.parked, words, why, until)
        case Queued(not_before=known) if until:
            return replace(record, state=replace(record.state, not_before=max(known or until, until)))
        case Parked(until=known) if known and until and known >= until:
            return record
    return replace(record, state=Parked(now, why, words, until))
