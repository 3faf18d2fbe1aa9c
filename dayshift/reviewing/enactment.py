"""A verdict carried out, in the daemon or in its place: asked for in a request, it takes effect once, and is said.

It joins the acceptance, the branch and the undoing, which do it, the passage, whose refusals it passes on, and the
verdict, which says when.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dayshift.events import Review, Reviewed
from dayshift.home import Home
from dayshift.model import Record
from dayshift.reviewing import acceptance, branch, undoing, verdict
from dayshift.reviewing.passage import Refused


def tasks(asked: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of the tasks that a request is about; several only where they share a branch."""
    return tuple(map(str, asked.get("tasks") or [asked["task"]]))


def carried_out(
    home: Home, records: Sequence[Record], asked: Mapping[str, Any], now: datetime, request: str | None = None
) -> list[Reviewed]:
    """Do what the verdict demands of tree or branches; Refused, with nothing done, if it cannot be.

    What comes back is to be taken down, one for each task, the last with all that there is to say.
    """
    said = Review(asked["verdict"])
    told = _done(home, records, said, asked, now)
    name = str(asked.get("branch") or "") if said is Review.accept else ""
    reason = str(asked.get("reason") or "") if said is Review.reject else ""
    found = [
        Reviewed(each.id, said, reason, each.commit, branch="" if verdict.changed_nothing(each) else name)
        for each in records
    ]
    last = found.pop()
    return [*found, Reviewed(last.task_id, said, reason, last.commit, tuple(told), request, last.branch)]


def _done(
    home: Home, records: Sequence[Record], said: Review, asked: Mapping[str, Any], now: datetime
) -> Sequence[str]:
    force = bool(asked.get("force"))
    match said:
        case Review.reject:
            acceptance.must_be_nowhere(home, records[0])
            return verdict.rejected(records[0])
        case Review.undo:
            return _undone(home, records, str(asked.get("of") or ""), now)
        case Review.accept if asked.get("branch"):
            return branch.make(home, records, str(asked["branch"]), now, force)
    return acceptance.accept(home, records[0], now, force)


def _undone(home: Home, records: Sequence[Record], of: str, now: datetime) -> Sequence[str]:
    for record in records:
        if of and record.review not in (of, "pending"):
            word = "accept" if record.review == "accepted" else "reject"
            raise Refused(f"{record.id} was {record.review}, not {of}: `dayshift {word} {record.id} --undo`")
    if records[0].branch and all(each.branch in ("", records[0].branch) for each in records):
        return branch.undo(home, records, now)
    return undoing.undo(home, records[0], now)
