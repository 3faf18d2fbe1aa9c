"""The plain table of what each task is doing now, and the line on the person's plan: safe for any terminal."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from dayshift.money import from_usd, shown

COLUMNS = ("STATE", "TASK", "NAME", "NOW", "TIME", "COST", "BLOCKED")
COLOURS = {"done": 32, "running": 36, "verifying": 36, "waiting": 33, "parked": 35,
           "failed": 31, "halted": 31, "unreadable": 31}  # fmt: skip
TEXT_LIMIT = 2000
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


Row = tuple[str, ...]


def table_rows(statuses: Iterable[dict[str, Any]], now: datetime) -> list[Row]:
    """One row of COLUMNS per status, whole and uncoloured, safe for a terminal."""
    return [row(status, now) for status in statuses]


def as_lines(statuses: Sequence[dict[str, Any]], now: datetime, width: int, colour: bool = False) -> list[str]:
    """The table as lines no wider than `width` cells, under a line of headings."""
    rows = [COLUMNS, *table_rows(statuses, now)]
    widths = _widths(rows, width)
    lines = [_line(row, widths, width) for row in rows]
    if colour:
        lines[1:] = [_coloured(line, row[0]) for line, row in zip(lines[1:], rows[1:], strict=True)]
    return lines


def row(status: dict[str, Any], now: datetime) -> Row:
    """One row of COLUMNS; AttributeError, KeyError, TypeError or ValueError if these are no facts of a status."""
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
    return tuple(one_line(cell) for cell in cells)


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


def plan_line(windows: Sequence[dict[str, Any]]) -> str:
    """`plan: five_hour 41.0 % used, seven_day 12.3 % used`: a meter of its own, beside the money."""
    return "plan: " + ", ".join(one_line(_window(each)) for each in windows)


def _window(window: dict[str, Any]) -> str:
    used = window.get("used_percent")
    text = f"{window['window']} {f'{used} % used' if used is not None else 'unknown'}"
    return f"{text} (rejected until {window.get('resets_at')})" if window.get("status") == "rejected" else text


def one_line(text: str) -> str:
    """One line without what could steer a terminal or break an encoder."""
    return UNSAFE.sub("\ufffd", " ".join(text.split()))[:TEXT_LIMIT]
