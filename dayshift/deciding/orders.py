"""What the person orders or tells a task: its next record or, in words, why that means nothing here. Pure.

It joins the decisions an order leads to, and of the setbacks what a task forgets when it is tried again.
"""

from dataclasses import replace
from datetime import datetime

from dayshift.conversation import Guidance
from dayshift.deciding.decisions import ended, ending, queued, said
from dayshift.deciding.setbacks import GO_ON, untroubled
from dayshift.events import Order
from dayshift.model import Record
from dayshift.states import (
    Cancelled,
    Done,
    Ending,
    Failed,
    Halted,
    Parked,
    ParkReason,
    Queued,
    Running,
    State,
    Verifying,
    Waiting,
)


def obeyed(record: Record, order: Order, now: datetime) -> Record | str:
    """The record after the person's order; or, in words, why it means nothing here."""
    match order, record.state:
        case Order.pause, Running():
            changed = ending(record, Ending.parked, "by the person", ParkReason.paused)
        case Order.pause, Parked(why=ParkReason.paused):
            changed = record
        case Order.pause, Queued() | Parked():
            changed = replace(record, state=Parked(now, ParkReason.paused, "by the person"))
        case Order.resume, Parked() | Queued(not_before=datetime()):
            changed = queued(replace(record, failure=""), now)
        case Order.cancel, Running():
            changed = ending(record, Ending.cancelled, "by the person")
        case Order.cancel, Queued() | Parked() | Waiting() | Verifying():
            changed = ended(record, Cancelled(now), now)
        case Order.retry, _ if record.review == "accepted":
            return f"{record.id} was accepted: `dayshift accept {record.id} --undo` first, then `retry` tries it again"
        case Order.retry, Failed() | Halted() | Cancelled() | Parked():
            changed = queued(_forgiven(record), now)
        case _:
            changed = record
    if changed != record:
        return changed
    return f"{record.id} is {record.state.name}{_reason(record.state)}; there is nothing to {order}"


def _forgiven(record: Record) -> Record:
    """What went wrong no longer counts; what it cost does."""
    forgiven, seconds, review = len(record.blocked), record.active_seconds, _objection(record)
    fresh = replace(untroubled(record), attempt=1, ended_at=None, review="pending", review_reason="", reviewed_at=None)
    if record.in_quarantine:  # nothing of it is gone on with: another workspace, another session
        fresh = replace(fresh, base=None, commit=None, session_id=None, say=None, checks=(), claim="", cli_cost=None)
        fresh = said(fresh, range(len(fresh.guidance) + 1), run=0)  # a new session has heard nothing
    if review:
        fresh = replace(
            fresh, say="\n\n".join(filter(None, [review, fresh.say or (GO_ON if fresh.session_id else "")]))
        )
    return replace(fresh, forgiven=forgiven, forgiven_seconds=seconds)


def _objection(record: Record) -> str:
    """What the person said when they rejected its work; nothing if they did not."""
    if record.review != "rejected" or not record.review_reason:
        return ""
    return f"The person rejected what you made:\n\n{record.review_reason}"


def guided(record: Record, guidance: Guidance) -> Record | str:
    """The record with what the person told the task, once; or, in words, why it cannot be told anything."""
    if any(each.id == guidance.id for each in record.guidance):
        return record
    if record.ended:
        cure = "write a new task" if isinstance(record.state, Done) else f"`dayshift retry {record.id}` first"
        return f"{record.id} is {record.state.name}{_reason(record.state)} and hears nothing any more; {cure}"
    return replace(record, guidance=(*record.guidance, guidance))


def _reason(state: State) -> str:
    return f" ({state.reason})" if state.reason else ""


def when_heard(record: Record) -> str:
    """When the task hears what it was told just now."""
    match record.state:
        case Running(ending=None):
            return "it hears that at its next turn"
        case Verifying():
            return "it hears that after its checks"
        case Waiting():
            return "it hears that when its question is answered"
    return "it hears that when it goes on"
