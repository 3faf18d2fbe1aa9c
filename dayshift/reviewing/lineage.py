"""Which tasks build on which: what has to be accepted before, what can be accepted after, and in which order.

It joins the verdict, which knows whether there is any work.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from dayshift.model import Record
from dayshift.reviewing import verdict
from dayshift.states import Done

Known = Mapping[str, Record]


def builds_on(known: Known, one: str, other: str) -> bool:
    """Whether the one started from what the other made, at however many removes."""
    return other in _roots(known, one)


def _roots(known: Known, task_id: str) -> set[str]:
    """All that the task builds on, as far as it is known."""
    found: set[str] = set()
    waiting = [task_id]
    while waiting:
        record = known.get(waiting.pop())
        fresh = set(record.task.depends_on if record else ()) - found
        found |= fresh
        waiting += fresh
    return found - {task_id}


def in_order(known: Known, ids: Iterable[str]) -> list[str]:
    """Each once, after all it builds on; else in the order given."""
    left, ordered = list(dict.fromkeys(ids)), []
    while left:
        free = [each for each in left if not _roots(known, each) & (set(left) - {each})]
        ordered.append(free[0] if free else left[0])
        left.remove(ordered[-1])
    return ordered


def missing(known: Known, ids: Iterable[str]) -> list[str]:
    """What these tasks build on that has work and is not accepted, nor among them, in order."""
    chosen = set(ids)
    found = {root for each in chosen for root in _roots(known, each) if root in known} - chosen
    return in_order(known, sorted(each for each in found if _open(known[each], _days(known, chosen))))


def _days(known: Known, ids: Iterable[str]) -> set[date]:
    return {known[each].day for each in ids if each in known}


def _open(record: Record, days: set[date]) -> bool:
    return record.day in days and record.review != "accepted" and not verdict.changed_nothing(record)


def ready(known: Known, ids: Iterable[str]) -> list[str]:
    """Done and unreviewed tasks that build on these, and on nothing else that is not accepted, in order."""
    chosen = set(ids)
    while fresh := [each for each in sorted(known) if each not in chosen and _is_ready(known, each, chosen)]:
        chosen |= set(fresh)
    return in_order(known, sorted(chosen - set(ids)))


def _is_ready(known: Known, task_id: str, chosen: set[str]) -> bool:
    record = known[task_id]
    waits = isinstance(record.state, Done) and record.review == "pending"
    fit = waits and not record.rehearsal and not record.in_quarantine and record.day in _days(known, chosen)
    return fit and bool(_roots(known, task_id) & chosen) and not set(missing(known, [task_id])) - chosen


def resting_on(known: Known, ids: Iterable[str]) -> list[str]:
    """Accepted tasks with work that build on these, in order: what these are taken back after."""
    chosen = set(ids)
    found = [each for each in sorted(known) if each not in chosen and _roots(known, each) & chosen]
    return in_order(known, [each for each in found if _rests(known[each], _days(known, chosen))])


def _rests(record: Record, days: set[date]) -> bool:
    return record.day in days and record.review == "accepted" and not verdict.changed_nothing(record)
