"""What each task is doing now: the facts kept in agent_status, and the plain table that shows them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dayshift.clock import rfc3339
from dayshift.files import read_facts
from dayshift.money import Pico, from_usd, shown, to_usd
from dayshift.states import Waiting

if TYPE_CHECKING:  # `status` must answer at once, and the vocabulary takes longer to import than all of this file
    from pathlib import Path

    from dayshift.home import Home
    from dayshift.model import Record, Tokens

COLUMNS = ("STATE", "TASK", "NAME", "NOW", "TIME", "COST", "BLOCKED")
COLOURS = {"done": 32, "running": 36, "verifying": 36, "waiting": 33, "parked": 35,
           "failed": 31, "halted": 31, "unreadable": 31}  # fmt: skip
TEXT_LIMIT = 2000
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Row = tuple[str, ...]


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
        "reason": _one_line(state.reason),
        "attempt": record.attempt,
        "runs": record.runs,
        "session_id": record.session_id,
        "model": record.task.model,
        "activity": _one_line(activity) if state.name in ("running", "verifying") else "",
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
        "options": [_one_line(option) for option in asked.options] if asked else [],
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


def plan_line(windows: Sequence[dict[str, Any]]) -> str:
    """`plan: five_hour 41.0 % used, seven_day 12.3 % used`: a meter of its own, beside the money."""
    return "plan: " + ", ".join(_one_line(_window(each)) for each in windows)


def _window(window: dict[str, Any]) -> str:
    used = window.get("used_percent")
    text = f"{window['window']} {f'{used} % used' if used is not None else 'unknown'}"
    return f"{text} (rejected until {window.get('resets_at')})" if window.get("status") == "rejected" else text


def read_all(home: Home) -> list[dict[str, Any]]:
    """Every task's status, by id; a file that cannot be shown becomes an entry in the state `unreadable`."""
    return [_read(path) for path in sorted(home.status.glob("*.json"))]


def _read(path: Path) -> dict[str, Any]:
    status = read_facts(path)
    try:
        _row(status, datetime.fromtimestamp(0, UTC))
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


def table_rows(statuses: Iterable[dict[str, Any]], now: datetime) -> list[Row]:
    """One row of COLUMNS per status, whole and uncoloured, safe for a terminal."""
    return [_row(status, now) for status in statuses]


def as_lines(statuses: Sequence[dict[str, Any]], now: datetime, width: int, colour: bool = False) -> list[str]:
    """The table as lines no wider than `width` cells, under a line of headings."""
    rows = [COLUMNS, *table_rows(statuses, now)]
    widths = _widths(rows, width)
    lines = [_line(row, widths, width) for row in rows]
    if colour:
        lines[1:] = [_coloured(line, row[0]) for line, row in zip(lines[1:], rows[1:], strict=True)]
    return lines


def _row(status: dict[str, Any], now: datetime) -> Row:
    blocked = status["blocked_commands"]
    cells = (
        status["state"],
        status["task_id"],
        status["name"],
        _doing(status),
        _elapsed(status["started_at"], status["ended_at"], now),
        _cost(status["cost_usd"], status["cap_usd"]),
        "?" if blocked is None else str(int(blocked)),
    )
    return tuple(_one_line(cell) for cell in cells)


def _doing(status: dict[str, Any]) -> str:
    question = status["question"]
    if question:
        return f"asks: {question['text']}"
    return str(status["reason"] or status["activity"])


def _elapsed(started: str | None, ended: str | None, now: datetime) -> str:
    """`42s`, `4m07s`, `1h04m`: from the first start to the end, or until now."""
    if started is None:
        return "-"
    until = datetime.fromisoformat(ended) if ended else now
    minutes, seconds = divmod(max(0, int((until - datetime.fromisoformat(started)).total_seconds())), 60)
    if minutes >= 60:
        return f"{minutes // 60}h{minutes % 60:02d}m"
    return f"{minutes}m{seconds:02d}s" if minutes else f"{seconds}s"


def _cost(cost: str | None, cap: str | None) -> str:
    spent = shown(None if cost is None else from_usd(cost))
    return spent if cap is None else f"{spent} of {shown(from_usd(cap))}"


def _widths(rows: Sequence[Row], width: int) -> list[int]:
    """As wide as the content; what is too much is taken from NAME (never under 12), then from NOW."""
    widths = [max(_cells(row[column]) for row in rows) for column in range(len(COLUMNS))]
    excess = sum(widths) + 2 * (len(widths) - 1) - width
    for column, least in ((2, max(12, width // 4)), (3, 8), (2, 4)):
        given = min(max(0, excess), max(0, widths[column] - least))
        widths[column] -= given
        excess -= given
    return widths


def _line(row: Row, widths: Sequence[int], width: int) -> str:
    padded = (_fitted(cell, room) for cell, room in zip(row, widths, strict=True))
    return _fitted("  ".join(padded).rstrip(), width).rstrip()


def _coloured(line: str, state: str) -> str:
    return line.replace(state, f"\x1b[{COLOURS[state]}m{state}\x1b[0m", 1) if state in COLOURS else line


def _fitted(text: str, room: int) -> str:
    """The text in exactly `room` cells of a terminal, ending in `…` if it was longer."""
    if _cells(text) > room:
        while text and _cells(text) > room - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (room - _cells(text))


def _cells(text: str) -> int:
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _usd(amount: Pico | None) -> str | None:
    return None if amount is None else to_usd(amount)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _one_line(text: str) -> str:
    """One line without what could steer a terminal or break an encoder."""
    return UNSAFE.sub("\ufffd", " ".join(text.split()))[:TEXT_LIMIT]


def _readable(text: str) -> str:
    """The same, line breaks kept."""
    return "\n".join(_one_line(line) for line in text.splitlines())[:TEXT_LIMIT]
