"""The person's verdict on a task's work: when it may be given, and what the record becomes."""

from dataclasses import replace
from datetime import datetime

from dayshift.clock import rfc3339
from dayshift.events import Review, Reviewed
from dayshift.model import Record
from dayshift.states import Done

PAST = {Review.accept: "accepted", Review.reject: "rejected", Review.undo: "pending"}
REASON_LIMIT = 2000


def reviewed(record: Record, event: Reviewed, now: datetime) -> Record | str:
    """The record with the verdict; or, in words, why it is not taken down."""
    review, reason = event.review, event.reason.strip()[:REASON_LIMIT]
    if why := hindrance(record, review, force=True):  # whether a failed task's work may be had was asked before
        return why
    if review is Review.reject and not reason:
        return f"say why {record.id} is rejected: `dayshift reject {record.id} --reason TEXT`"
    if review is Review.accept and record.commit != event.commit:
        return f"{record.id} went on while it was accepted; see `dayshift diff {record.id}`, and accept it again"
    if review is Review.undo:
        return replace(record, review=PAST[review], review_reason="", reviewed_at=None, branch="")
    return replace(record, review=PAST[review], review_reason=reason, reviewed_at=now, branch=event.branch)


def hindrance(record: Record, review: Review, force: bool) -> str | None:
    """Why the task cannot be accepted or rejected as it is, or that taken back, in words; None if it can."""
    if review is Review.undo:
        return None if record.review != PAST[review] else f"{record.id} was not reviewed; there is nothing to take back"
    if record.rehearsal:
        return f"{record.id} was rehearsed: its changes are pretended, and there is nothing to {review}"
    if not record.ended:
        return f"{record.id} is {record.state.name}; wait for its end, or `dayshift cancel {record.id}` first"
    if record.review == PAST[Review.accept]:
        return (
            f"{record.id} {already(record)}; `dayshift accept {record.id} --undo` takes that back, and "
            f"`dayshift diff {record.id} | git apply` puts its changes there again"
        )
    return _unacceptable(record, force) if review is Review.accept else None


def _unacceptable(record: Record, force: bool) -> str | None:
    if record.in_quarantine:
        return (
            f"{record.id} is in quarantine ({record.state.reason}): its work is offered to nobody; "
            f"`dayshift reject {record.id}`, or `dayshift retry {record.id}` in a new workspace"
        )
    if isinstance(record.state, Done) or force:
        return None
    why = f" ({record.state.reason})" if record.state.reason else ""
    return f"{record.id} is {record.state.name}{why}, not done; --force accepts what it did make"


def already(record: Record) -> str:
    """`was accepted at 2026-11-20T18:00:00Z as branch paging`."""
    at = f" at {rfc3339(record.reviewed_at)}" if record.reviewed_at else ""
    return f"was {record.review}{at}{f' as branch {record.branch}' if record.branch else ''}"


def changed_nothing(record: Record) -> bool:
    """Whether the task leaves the project's files as they were."""
    return record.commit is None or record.commit == record.base


def rejected(record: Record) -> tuple[str, ...]:
    """What a rejection means."""
    return (f"{record.id}: rejected; its work stays until `dayshift clean {record.id}`",)
