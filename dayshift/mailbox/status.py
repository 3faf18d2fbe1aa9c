"""What each task is doing now: the facts kept in agent_status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dayshift.clock import rfc3339
from dayshift.files import read_facts
from dayshift.mailbox.status_table import TEXT_LIMIT, one_line, row
from dayshift.money import Pico, to_usd
from dayshift.states import Waiting

if TYPE_CHECKING:  # `status` must answer at once, and the vocabulary takes longer to import than all of this file
    from pathlib import Path

    from dayshift.home import Home
    from dayshift.model import Record, Tokens


@dataclass(frozen=True, slots=True)
class TaskSpend:
    """What the ledger knows of one task; `settled` is None when a cost is unknown, `estimated` counts requests."""

    settled: Pico | None
    reserved: Pico
    cap: Pico | None
    tokens: Tokens
    requests: int
    estimated: int

    @classmethod
    def nothing(cls, cap: Pico | None) -> TaskSpend:
        """Of a task that has asked for nothing yet."""
        from dayshift.model import Tokens

        return cls(0, 0, cap, Tokens(), 0, 0)


def status_facts(record: Record, spend: TaskSpend, activity: str, now: datetime) -> dict[str, Any]:
    """The content of agent_status/<id>.json: amounts as decimal strings, moments in RFC 3339, UTC."""
    state, tokens = record.state, spend.tokens
    return {
        "task_id": record.id,
        "name": record.task.name,
        "state": state.name,
        "reason": one_line(state.reason),
        "attempt": record.attempt,
        "runs": record.runs,
        "session_id": record.session_id,
        "model": record.task.model,
        "activity": one_line(activity) if state.name in ("running", "verifying") else "",
        "question": _open_question(record),
        "cost_usd": _usd(spend.settled),
        "reserved_usd": to_usd(spend.reserved),
        "cap_usd": _usd(spend.cap),
        "requests": spend.requests,
        "estimated_requests": spend.estimated,
        "tokens": {
            "input": tokens.input,
            "output": tokens.output,
            "cache_read": tokens.cache_read,
            "cache_write": tokens.cache_write,
        },
        "blocked_commands": len(record.blocked),
        "evasions": len(record.evasions),
        "bypasses": len(record.bypasses),
        "quarantined": record.in_quarantine,
        "created_at": rfc3339(record.created_at),
        "started_at": _moment(record.started_at),
        "updated_at": rfc3339(now),
        "ended_at": _moment(record.ended_at),
        "review": record.review,
        "rehearsal": record.rehearsal,
    }


def _open_question(record: Record) -> dict[str, Any] | None:
    if not isinstance(record.state, Waiting):
        return None
    number = record.state.question
    asked = next((question for question in record.questions if question.number == number), None)
    return {
        "number": number,
        "text": _readable(asked.text) if asked else "",
        "options": [one_line(option) for option in asked.options] if asked else [],
        "file": f"agent_questions/{record.id}.md",
    }


def read_plan(home: Home) -> list[dict[str, Any]]:
    """How much of each window of the person's plan is used, in percent; none with an API key."""
    try:
        kept = read_facts(home.plan_windows).get("windows")
    except ValueError:
        return []
    windows = [each for each in kept if isinstance(each, dict)] if isinstance(kept, list) else []
    return [each for each in windows if isinstance(each.get("window"), str)]


def read_all(home: Home) -> list[dict[str, Any]]:
    """Every task's status, by id; a file that cannot be shown becomes an entry in the state `unreadable`."""
    return [_read(path) for path in sorted(home.status.glob("*.json"))]


def _read(path: Path) -> dict[str, Any]:
    status = read_facts(path)
    try:
        row(status, datetime.fromtimestamp(0, UTC))
    except (AttributeError, KeyError, TypeError, ValueError):
        return _unreadable(path)
    return status


def _unreadable(path: Path) -> dict[str, Any]:
    reason = f"agent_status/{path.name} is broken; a running daemon writes it anew at the task's next change"
    return unreadable(path.stem, reason)


def unreadable(task_id: str, reason: str) -> dict[str, Any]:
    """The status of a task of which nothing is known but that, and why."""
    return {
        "task_id": task_id, "name": "", "state": "unreadable", "reason": reason, "activity": "", "question": None,
        "cost_usd": None, "cap_usd": None, "blocked_commands": None, "started_at": None, "ended_at": None,
    }  # fmt: skip


def _usd(amount: Pico | None) -> str | None:
    return None if amount is None else to_usd(amount)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _readable(text: str) -> str:
    """The same, line breaks kept."""
    return "\n".join(one_line(line) for line in text.splitlines())[:TEXT_LIMIT]
