"""Which tasks of a day file can be taken in, and what their records become: new, known already, or of an earlier day.

Joins the decisions and the orders: a task of an earlier day goes on as after the person's `retry` or `resume`. Pure.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from dayshift.conversation import Guidance
from dayshift.deciding import decisions, orders
from dayshift.events import Order
from dayshift.model import Day, Earlier, Record, Task
from dayshift.states import (
    Cancelled,
    Done,
    Failed,
    Halted,
    Parked,
    ParkReason,
    Queued,
    Running,
    Verifying,
    Waiting,
)

TAKE_OUT = "take it out of this file"
CHANGED = "The task's description was changed. It says now:\n\n{}"
#: What keeps a parked task where it is, also on another day: these end by themselves.
LASTING = (ParkReason.usage_limit, ParkReason.provider, ParkReason.attached)

Known = Mapping[str, Record]


# --- whether ---------------------------------------------------------------------------------------


def collisions(records: Known, day: Day, rehearsal: bool, unreadable: Collection[str] = ()) -> list[str]:
    """Why tasks of the day cannot be taken in: their ids stand for other work, or cannot be gone on with."""
    lost = [
        f"the record of {task.id} cannot be read, so what was done for it is not known; use another id, or {TAKE_OUT}"
        for task in day.tasks
        if task.id in unreadable
    ]
    return lost + [why for task in day.tasks if (why := _collision(records.get(task.id), task, day, rehearsal))]


def _collision(known: Record | None, task: Task, day: Day, rehearsal: bool) -> str | None:
    if known is None or (known.rehearsal and known.ended):
        return None
    if rehearsal and not known.rehearsal:
        return f"{known.id} exists for real in this home; rehearse under another id, or `clean {known.id}`"
    if known.day == day.date:
        return _same_day(known, day)
    if task.continues and not known.rehearsal:
        return _no_continuing(known, task, day)
    if not known.ended:
        return (
            f"{known.id} of {known.day} is still {known.state.name}; go on with it (`continues: {known.day}`), "
            "`resume` or `cancel` it, or use another id"
        )
    if known.review == "pending":
        return f"{known.id} of {known.day} was not reviewed yet; use another id, or `clean {known.id}`"
    return None


def _same_day(known: Record, day: Day) -> str | None:
    if known.project == day.project:
        return None
    return (
        f"{known.id} of {known.day} works on {known.project}, and what a day costs is kept by its ids; use another id"
    )


def _no_continuing(known: Record, task: Task, day: Day) -> str | None:
    """Why this task is not one that the file's task can go on with."""
    which = f"{known.id} of {known.day}"
    if task.continues != known.day:
        return f"{which} is what is known, not of {task.continues}; write `continues: {known.day}`, or use another id"
    if known.project != day.project:
        return f"{which} works on {known.project}, not on {day.project}; use another id"
    if known.review == "accepted":
        return f"{which} was accepted, so there is nothing to go on with; write a new task under another id"
    match known.state:
        case Done():
            return f"{which} is done, so there is nothing to go on with; write what is missing as a task of another id"
        case Running() | Verifying():
            return f"{which} is {known.state.name} and goes on by itself; {TAKE_OUT}, or `pause {known.id}` first"
    return None


# --- what becomes of it ----------------------------------------------------------------------------


def admitted(known: Record | None, task: Task, day: Day, rehearsal: bool, records: Known, now: datetime) -> Record:
    """The record of a task handed in: new, or the known one with what the file says now, going on if it rested."""
    if known is None or (known.rehearsal, known.project) != (rehearsal, day.project):
        return _new(task, day, rehearsal, now)
    if known.day == day.date:
        if rehearsal and known.ended and known.task != task:
            return _new(task, day, rehearsal, now)  # what was written anew is rehearsed anew
        rests = isinstance(known.state, Parked) and known.state.why in (ParkReason.stop, ParkReason.cap)
        record = replace(known, task=_standing(known, task, day, records))
        return decisions.queued(record, now) if rests else record
    if task.continues != known.day or rehearsal:
        return _new(task, day, rehearsal, now)
    return _continued(known, _standing(known, task, day, records), day, now)


def _new(task: Task, day: Day, rehearsal: bool, now: datetime) -> Record:
    return Record(task, day.date, day.project, Queued(now), created_at=now, rehearsal=rehearsal)


def _continued(known: Record, task: Task, day: Day, now: datetime) -> Record:
    """The same task on another day: same session, same workspace, same counts; what it costs is the new day's."""
    step = Earlier(known.day, now, known.runs, known.audited_runs)
    moved = replace(_moved(known, now), task=task, day=day.date, earlier=(*known.earlier, step))
    if moved.session_id is None or task.description == known.task.description:
        return moved
    said = Guidance(f"continues:{known.day}", CHANGED.format(task.description.strip()), now, by="day file")
    return replace(moved, guidance=(*moved.guidance, said))


def _moved(known: Record, now: datetime) -> Record:
    """What rests rests on, what ended tries again; in its state since the new day took it over."""
    match known.state:
        case Failed() | Halted() | Cancelled():
            tried = orders.obeyed(known, Order.retry, now)
        case Parked(why=why) if why not in LASTING:
            tried = orders.obeyed(known, Order.resume, now)
        case Waiting() | Queued() | Parked() as state:
            tried = replace(known, state=replace(state, since=now))
        case _:
            tried = known
    assert isinstance(tried, Record)  # an order that means nothing here was asked of no such state
    return tried


def _standing(known: Record, task: Task, day: Day, records: Known) -> Task:
    """The task, which still starts from what it depended on that was done on an earlier day: no file can name that."""
    if known.base is not None and not known.in_quarantine:
        return task  # it has begun
    named = {each.id for each in day.tasks}
    kept = (each for each in known.task.depends_on if each not in named and _is_done_before(records.get(each), day))
    return replace(task, depends_on=tuple(dict.fromkeys((*task.depends_on, *kept))))


def _is_done_before(record: Record | None, day: Day) -> bool:
    if record is None or record.day >= day.date or record.project != day.project:
        return False
    return isinstance(record.state, Done) and record.review != "rejected"
