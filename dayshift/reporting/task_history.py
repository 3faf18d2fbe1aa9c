"""A task's whole history, over all its days: every state with its time and cost, and what happened in between.

Joins timeline, where its states stand, and statement, for what each cost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from dayshift.clock import rfc3339
from dayshift.cost.statement import Statement
from dayshift.home import Home
from dayshift.logbook import timeline
from dayshift.logbook.timeline import OVER, Entry
from dayshift.model import Record
from dayshift.money import Pico, to_usd


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay of the task in a state; `until` is None while it lasts, `cost` None where no ledger tells."""

    state: str
    reason: str
    at: datetime
    until: datetime | None
    seconds: float
    day: date  #: of the day file it belonged to
    run: int
    attempt: int
    cost: Pico | None
    cost_so_far: Pico | None


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to the task at one moment."""

    at: datetime
    kind: str  #: asked, answered, told, refused, bypassed, reviewed
    text: str
    by: str = ""


def stays(home: Home, record: Record, statement: Statement | None, now: datetime) -> tuple[Stay, ...]:
    """Every state the task was in, in order, over all days it went on from."""
    found = _entries(home, record)
    ends = [*(entry.at for _, entry in found[1:]), None]
    lived, so_far = [], None if statement is None else 0
    for number, ((day, entry), end) in enumerate(zip(found, ends, strict=True)):
        cost = _cost(statement, record, day, entry.at if number else None, end) if statement else None
        so_far = None if so_far is None or cost is None else so_far + cost
        seconds = 0.0 if end is None and entry.state in OVER else max(0.0, ((end or now) - entry.at).total_seconds())
        lived.append(
            Stay(entry.state, entry.reason, entry.at, end, seconds, day, entry.run, entry.attempt, cost, so_far)
        )
    return tuple(lived)


def _entries(home: Home, record: Record) -> list[tuple[date, Entry]]:
    """What the history says, day by day; what it does not say, as the record has it."""
    days = [*(each.day for each in record.earlier), record.day]
    which = (record.id, record.created_at)
    found = [
        (day, entry)
        for day in dict.fromkeys(days)
        for entry in timeline.read(home, day, record.rehearsal)
        if (entry.task_id, entry.created) == which
    ]
    last = timeline.entry_of(record)
    if not found and record.started_at is not None and record.started_at < last.at:
        found.append((record.day, Entry(record.id, record.created_at, "running", "", record.started_at)))
    if not found or found[-1][1].state != last.state:
        found.append((record.day, last))
    return sorted(found, key=lambda each: each[1].at)


def _cost(statement: Statement, record: Record, day: date, since: datetime | None, until: datetime | None) -> Pico:
    """What was asked of the model in that time, at what it was booked; nothing of it twice, nothing left out."""
    bill = statement.bill(day, record.id, since or record.created_at, until)
    return bill.cost if bill else 0


def happenings(record: Record) -> tuple[Happening, ...]:
    """What people, the guard and the agent did to the task, in order."""
    return tuple(sorted(_happened(record), key=lambda each: each.at))


def _happened(record: Record) -> Iterator[Happening]:
    for question in record.questions:
        yield Happening(question.asked_at, "asked", question.text)
    for answer in record.answers:
        yield Happening(answer.at, "answered", answer.text, answer.by)
    for guidance in record.guidance:
        yield Happening(guidance.at, "told", guidance.text, guidance.by)
    for blocked in record.blocked:
        yield Happening(blocked.at, "refused", blocked.command, blocked.rule)
    for bypass in record.bypasses:
        yield Happening(bypass.at, "bypassed", bypass.command, bypass.rule)
    if record.reviewed_at is not None:
        yield Happening(record.reviewed_at, "reviewed", record.review_reason or record.review, record.review)


def to_json(record: Record, lived: tuple[Stay, ...]) -> dict[str, Any]:
    """The history for machines: amounts as decimal strings, moments in RFC 3339, UTC."""
    return {
        "task_id": record.id, "name": record.task.name, "rehearsal": record.rehearsal,
        "days": [str(each) for each in dict.fromkeys([*(step.day for step in record.earlier), record.day])],
        "runs": record.runs, "attempt": record.attempt, "active_seconds": round(record.active_seconds, 1),
        "cost_usd": _usd(lived[-1].cost_so_far) if lived else None,
        "states": [
            {"state": each.state, "reason": each.reason, "at": rfc3339(each.at),
             "until": rfc3339(each.until) if each.until else None, "seconds": round(each.seconds, 1),
             "day": str(each.day), "run": each.run or None, "attempt": each.attempt or None,
             "cost_usd": _usd(each.cost), "cost_so_far_usd": _usd(each.cost_so_far)}
            for each in lived
        ],
        "happenings": [
            {"at": rfc3339(each.at), "kind": each.kind, "text": each.text, "by": each.by}
            for each in happenings(record)
        ],
    }  # fmt: skip


def _usd(amount: Pico | None) -> str | None:
    return None if amount is None else to_usd(amount)
