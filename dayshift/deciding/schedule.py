"""All tasks of a day together: which may start, which go on by themselves, when it is over, how it went. Pure.

Joins decisions for what becomes of one task.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime

from dayshift.deciding import decisions
from dayshift.model import Record
from dayshift.states import Cancelled, Done, Failed, Halted, Parked, ParkReason, Queued, State

RESTING = frozenset({ParkReason.cap, ParkReason.credit, ParkReason.authentication, ParkReason.stuck})


def startable(records: Mapping[str, Record], slots: int, now: datetime) -> list[Record]:
    """The queued tasks to start now: dependencies done, due, most urgent first, no more than there are free slots."""
    ready = [
        record
        for record in records.values()
        if isinstance(record.state, Queued) and _due(record.state.not_before, record.state, now)
        and not unmet(record, records)
    ]  # fmt: skip
    return sorted(ready, key=lambda record: record.task.priority)[: max(slots, 0)]


def unmet(record: Record, records: Mapping[str, Record]) -> list[str]:
    """The dependencies that are not done yet."""
    return [each for each in record.task.depends_on if not isinstance(_state(each, records), Done)]


def _state(task_id: str, records: Mapping[str, Record]) -> State | None:
    return records[task_id].state if task_id in records else None


def _due(moment: datetime | None, state: State, now: datetime) -> bool:
    """Whether the moment has come, or cannot be told any more: a clock that was set back since would make it late."""
    return moment is None or moment <= now or now < state.since


def hopeless(record: Record, records: Mapping[str, Record], now: datetime) -> Record | None:
    """A queued task whose dependency ended without a result fails; whose dependency rests on somebody rests too."""
    if not isinstance(record.state, Queued):
        return None
    for each in unmet(record, records):
        match _state(each, records):
            case Failed() | Halted() | Cancelled() as state:
                return decisions.ended(record, Failed(now, f"{each}, which it depends on, was {state.name}"), now)
            case Parked(why=why) if why in RESTING:
                return replace(record, state=Parked(now, why, f"{each}, which it depends on, is parked"))
            case None:  # its record cannot be read
                return replace(record, state=Parked(now, ParkReason.stuck, f"{each}, which it depends on, is unknown"))
    return None


def awake(record: Record, records: Mapping[str, Record], now: datetime, midnight: datetime) -> Record | None:
    """A parked task whose reason is gone, queued again; None while it rests. The present day began at `midnight`."""
    if not isinstance(record.state, Parked):
        return None
    match record.state.why:
        case ParkReason.stop | ParkReason.attached:
            go_on = True  # only asked by a program that is not stopping; whoever waited to be let in has gone
        case ParkReason.usage_limit | ParkReason.provider:
            go_on = _due(record.state.until, record.state, now)
        case ParkReason.cap:
            go_on = record.task.carry_over and record.state.since < midnight
        case ParkReason.stuck:  # of a task that has not run yet, what it depends on was
            needed = [_state(each, records) for each in unmet(record, records)]
            go_on = bool(needed) and not any(state is None or _resting(state) for state in needed)
        case _:
            go_on = False
    return decisions.queued(record, now) if go_on else None


def over(records: Iterable[Record]) -> bool:
    """Whether nothing is left that could go on by itself or by an answer today."""
    return all(record.ended or _resting(record.state) for record in records)


def _resting(state: State) -> bool:
    return isinstance(state, Parked) and state.why in (*RESTING, ParkReason.stop)


def at_issue(records: Iterable[Record], day: date | None, before: Collection[tuple[str, State]]) -> list[Record]:
    """The tasks a daemon answers for: of the day at hand, and of others what had not ended so `before`."""
    return [each for each in records if each.day == day or (each.id, each.state) not in before]


def exit_code(records: Iterable[Record]) -> int:
    """0 all well, 1 a task failed, was halted or is stuck, 3 the key is refused, 4 parked by a budget or for credit."""
    states = [record.state for record in records]
    parked = {state.why for state in states if isinstance(state, Parked)}
    if ParkReason.authentication in parked:
        return 3
    if ParkReason.stuck in parked or any(isinstance(state, Failed | Halted) for state in states):
        return 1
    return 4 if parked & {ParkReason.cap, ParkReason.credit} else 0
