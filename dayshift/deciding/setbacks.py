"""What becomes of a task whose run came to no good end: it tries again, rests, or is left to the person. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from dayshift.model import Exit, Record
from dayshift.states import Failed, Parked, ParkReason, Queued

GO_ON = "Go on where you stopped."
MOST_MISHAPS = 6  #: runs in a row lost through no fault of the task before it is given up
MOST_HANGS = 1  #: runs in a row that hung and are tried again; each takes as long as silence may, and may cost as much
FIRST_OUTAGE, LONGEST_OUTAGE = timedelta(seconds=30), timedelta(minutes=30)  #: pauses after runs the provider ended
#: What a run is told that took too much of the machine, by what it was.
LESS = {
    "memory": "Do it with less: fewer processes side by side, data in parts, nothing large in /tmp.",
    "processes": "Do it with fewer processes side by side.",
    "disk": "First remove what is not needed any more from your workspace, then do it with less.",
}
CUT_SHORT = "Your last run was cut short:"
BOUNDED = "If a command of yours did not come back, give it a time limit, or do without it."


def mishap(record: Record, what: str, now: datetime) -> Record:
    """A run that ended through no fault of the task: try again, but not for ever."""
    if parked := stuck(record, what, now):
        return parked
    count = record.mishaps + 1
    if count > MOST_MISHAPS:
        return _failed(record, f"given up after {count} runs in a row were lost: {what}", now)
    return replace(noted(record, what), mishaps=count, state=Queued(now))


def hung(record: Record, what: str, now: datetime) -> Record:
    """A run that stood still, or ended without a word of its own: tried again once and told of it, without an attempt;
    a second one in a row, whatever it did until then, is left to the person."""
    if record.hangs < MOST_HANGS:
        return replace(record, hangs=record.hangs + 1, say=_told(record, what), state=Queued(now))
    detail = f"{what}, twice in a row; see the log, then `dayshift retry {record.id}`"
    return replace(record, hangs=0, failure="", state=Parked(now, ParkReason.stuck, detail))


def _told(record: Record, what: str) -> str:
    """What happened, and then what the run was told that may not have come to read it."""
    said = record.say if record.say and not record.say.startswith(CUT_SHORT) else GO_ON
    return f"{CUT_SHORT} {what}. {BOUNDED}\n\n{said}"


def excess(record: Record, exit: Exit, now: datetime) -> Record:
    """A run that took too much of the machine: another attempt, told to take less; nothing else is to blame."""
    reason = f"it {exit.error}; raise that, or make the task smaller"
    say = f"You were stopped, since the run {exit.error}. {LESS[exit.how]}\n\n{GO_ON}"
    return another_attempt(noted(record, reason), say, reason, now)


def outage(record: Record, what: str, now: datetime) -> Record:
    """A run that the provider ended: try again, later each time; it costs no attempt and fails no task."""
    pause = min(FIRST_OUTAGE * 2 ** min(record.outages, 10), LONGEST_OUTAGE)
    state = Parked(now, ParkReason.provider, what, now + pause)
    return replace(record, outages=record.outages + 1, state=state)


def stuck(record: Record, failure: str, now: datetime) -> Record | None:
    """Left to the person, if it failed as the run before and did not get a step further; else None."""
    if record.steps or not failure or failure != record.failure:
        return None
    detail = f"twice in a row and no step further: {failure}; see the log, then `dayshift retry {record.id}`"
    return replace(record, failure="", state=Parked(now, ParkReason.stuck, detail))


def another_attempt(record: Record, say: str, reason: str, now: datetime) -> Record:
    """The task tries again within its attempts, told what went wrong; else it has failed. A `retry` is told it too."""
    record = replace(record, say=say)
    if record.attempt >= record.task.max_attempts:
        return _failed(record, reason, now)
    return replace(record, attempt=record.attempt + 1, state=Queued(now))


def noted(record: Record, failure: str) -> Record:
    """How its last run failed, to be compared with how the next one does."""
    return replace(record, failure=failure)


def untroubled(record: Record) -> Record:
    """A run came to a word of its own: what went wrong before it no longer counts."""
    return replace(record, mishaps=0, hangs=0, outages=0, failure="")


def _failed(record: Record, reason: str, now: datetime) -> Record:
    return replace(record, ended_at=now, state=Failed(now, reason))
