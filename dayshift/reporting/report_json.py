"""The report's facts for machines: one JSON document that holds no float and loses nothing.

Joins attention for the contradictions.
"""

from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import Any

from dayshift import markdown
from dayshift.clock import rfc3339
from dayshift.conversation import Question
from dayshift.day_facts import DayFacts, Tomorrow
from dayshift.model import Record
from dayshift.money import Pico, to_usd
from dayshift.reporting.attention import by_key, contradicted
from dayshift.reporting.phrases import counts

AMOUNTS = frozenset({"cap", "spent", "elsewhere", "reserved", "left", "cost", "cli_cost", "likely", "worst"})


def as_json(facts: DayFacts) -> dict[str, Any]:
    """The report's facts: amounts and seconds as decimal strings, other numbers whole, moments RFC 3339, UTC."""
    content: dict[str, Any] = _for_json({
        "date": facts.date,
        "project": facts.project,
        "rehearsal": facts.rehearsal,
        "started_at": facts.started_at,
        "ended_at": facts.ended_at,
        "counts": counts(facts),
        "cap": facts.cap,
        "spent": facts.spent,
        "reserved": facts.reserved,
        "cap_reached": facts.cap_reached,
        "dirty_tree": facts.dirty_tree,
        "audit": {
            "clean": facts.audit.clean,
            "runs_checked": facts.audit.runs_checked,
            "findings": [{"task_id": task, **_fields(finding)} for task, finding in facts.audit.findings],
            "closing": facts.audit.closing,
        },
        "layers": facts.layers,
        "guarantee": facts.guarantee,
        "budgets": facts.budgets,
        "overruns": facts.overruns,
        "unreadable": facts.unreadable,
        "overlaps": sorted(facts.overlaps, key=lambda each: (each.one, each.other, each.path)),
        "tomorrow": facts.tomorrow and _tomorrow(facts.tomorrow),
        "by_model": by_key(facts.by_model),
        "by_task": by_key(facts.by_task),
        "tasks": [_task(facts, record) for record in sorted(facts.records, key=lambda record: record.id)],
    })  # fmt: skip
    return content


def _task(facts: DayFacts, record: Record) -> dict[str, Any]:
    task = record.task
    kept = ("attempt", "runs", "session_id", "base", "commit", "created_at", "started_at", "ended_at",
            "active_seconds", "checks", "excesses", "guidance", "blocked", "refused", "bypasses", "findings", "layers",
            "claim", "cli_cost", "review", "review_reason", "reviewed_at")  # fmt: skip
    return {
        "task_id": record.id,
        "name": task.name,
        "module": task.module,
        "complexity": task.complexity,
        "model": task.model,
        "cap": task.max_cost,
        "state": record.state.name,
        "reason": record.state.reason,
        **{name: getattr(record, name) for name in kept},
        "evasions": len(record.evasions),
        "questions": [_question(record, question) for question in record.questions],
        "branch": record.branch or None,
        "quarantined": record.in_quarantine,
        "set_aside": [f".dayshift/quarantine/{record.id}-run{run}" for run in record.set_aside],
        "diff": facts.diffs.get(record.id),
        "steering": facts.steering.get(record.id, ()),
        "spend": next((row for row in facts.by_task if row.key == record.id), None),
        "estimate": facts.estimates.get(record.id),
        "contradictions": contradicted(facts, record),
    }


def _tomorrow(tomorrow: Tomorrow) -> dict[str, Any]:
    unfinished = [{"task_id": task_id, "why": why} for task_id, why in tomorrow.unfinished]
    return {**_fields(tomorrow), "unfinished": unfinished}


def _question(record: Record, question: Question) -> dict[str, Any]:
    answer = next((answer for answer in record.answers if answer.number == question.number), None)
    return {
        "number": question.number,
        "text": question.text,
        "options": question.options,
        "asked_at": question.asked_at,
        "answer": answer and {"text": answer.text, "by": answer.by, "at": answer.at},
    }


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _for_json(value: Any) -> Any:
    """The value as JSON can hold it exactly; an amount's key ends in `_usd`."""
    match value:
        case dict():
            return {
                f"{key}_usd" if key in AMOUNTS else key: _usd(item) if key in AMOUNTS else _for_json(item)
                for key, item in value.items()
            }
        case list() | tuple():
            return [_for_json(item) for item in value]
        case datetime():
            return rfc3339(value)
        case date():
            return value.isoformat()
        case float():
            return f"{value:.1f}"
        case str():
            return markdown.clean(value)
        case _:
            return _for_json(_fields(value)) if is_dataclass(value) else value


def _usd(amount: Pico | None) -> str | None:
    return None if amount is None else to_usd(amount)
