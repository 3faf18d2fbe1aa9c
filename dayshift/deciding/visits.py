"""What a visit makes of a task: the person in its session, at their own terminal, with everything round it as ever.

A visit is a run like any other, audited, bounded and paid by the task, but the person gives it its work and ends it.
What the task was before it is again afterwards. Pure functions.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from dayshift.model import Exit, Record
from dayshift.states import Done, Ending, Parked, ParkReason, Queued, Running, Verifying, Visit, Waiting

LEFT = "The person was in this session meanwhile, at a terminal, and has left it."
GO_ON = "Go on where you stopped; what they told you there holds."
#: What parks a run by its next request: the person hears it on the screen, and it holds once they have left.
AFTERWARDS = frozenset(
    {ParkReason.cap, ParkReason.usage_limit, ParkReason.provider, ParkReason.credit, ParkReason.authentication}
)
NEVER_OPENED = ("unprepared", "never begun")


def refusal(record: Record, records: Mapping[str, Record]) -> str | None:
    """Why nobody can be let into the task's session, in words; None if somebody can."""
    match record.state:
        case Running(visit=Visit()):
            return f"{record.id} is attached already"
        case Running(ending=Ending() as ending) if ending is not Ending.parked:
            return f"{record.id} is being ended: {record.state.detail}"
        case Done():
            return f"{record.id} is done; look at it with `dayshift logs {record.id}`"
        case _ if record.ended:
            return f"{record.id} is {record.state.name}; `dayshift retry {record.id}` first, then attach"
    missing = [each for each in record.task.depends_on if not isinstance(_state(records, each), Done)]
    return f"{record.id} has nothing to start from; it waits for {', '.join(missing)}" if missing else None


def _state(records: Mapping[str, Record], task_id: str) -> object:
    return records[task_id].state if task_id in records else None


def is_open(record: Record) -> bool:
    """Whether the person is in the task's session, or about to be."""
    return isinstance(record.state, Running) and record.state.visit is not None


def terminal(record: Record) -> str | None:
    """The kind of terminal the person is at; None if nobody is in the session."""
    return record.state.visit.terminal if isinstance(record.state, Running) and record.state.visit else None


def openable(record: Record) -> bool:
    """Whether nothing works on the task, so that the person can be let in."""
    return not record.ended and not isinstance(record.state, Running | Verifying)


def begun(record: Record, session: str, terminal: str, keep: bool, now: datetime) -> Record:
    """The record of a task whose session is about to be opened; with `keep` it is paused afterwards."""
    visit = Visit(_back(record, keep, now), terminal)
    return replace(
        record, runs=record.runs + 1, session_id=record.session_id or session, started_at=record.started_at or now,
        state=Running(now, record.runs + 1, visit=visit),
    )  # fmt: skip


def _back(record: Record, keep: bool, now: datetime) -> Queued | Parked | Waiting:
    match record.state:
        case Waiting() as waiting:
            return waiting
        case _ if keep:
            return Parked(now, ParkReason.paused, "by the person")
        case Parked(why=why) as parked if why not in (ParkReason.attached, ParkReason.stop):
            return parked
    return Queued(now)


def afterwards(record: Record, why: ParkReason, detail: str, until: datetime | None) -> Record:
    """A visit goes on, but what it is for is stopped by money or by the provider: the task is parked after it."""
    state = record.state
    if not isinstance(state, Running) or not state.visit or not isinstance(state.visit.back, Queued):
        return record
    parked = Parked(state.since, why, detail, until)
    return replace(record, state=replace(state, visit=replace(state.visit, back=parked)))


def given_back(record: Record, exit: Exit, now: datetime) -> Record:
    """What a task is when the person has left its session: what it was, and told about it."""
    state = record.state
    assert isinstance(state, Running) and state.visit
    back: Queued | Parked | Waiting = state.visit.back
    if state.ending is Ending.parked and isinstance(back, Queued):
        back = Parked(now, state.park or ParkReason.stop, state.detail, state.until)
    if exit.how in NEVER_OPENED:
        return replace(record, state=back)
    if isinstance(back, Waiting):
        return replace(record, state=replace(back, visited=True))
    return replace(record, state=back, say=_told(record), failure="", mishaps=0, hangs=0)


def _told(record: Record) -> str:
    """What the session is told next: that the person has left, and what it would have been told without them."""
    said = record.say
    if said == "":  # its answer was to be given to a call that may be gone
        said = f"They had answered your question before:\n\n{record.answers[-1].text}" if record.answers else None
    if said and said.startswith(LEFT):
        return said
    return "\n\n".join([f"{LEFT} {GO_ON}", *([said] if said else [])])


def open_question(record: Record) -> int | None:
    """The number of the question that lies before the person, in a visit too."""
    match record.state:
        case Waiting(question=number) | Running(visit=Visit(back=Waiting(question=number))):
            return number
    return None
