"""Rows of text: aligned for eyes, and as CSV for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence

Row = Sequence[str]


def aligned(rows: Sequence[Row], left: int = 1) -> list[str]:
    """One line each, the heading first. Numbers stand right; the first `left` columns and one without a name, left."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    words = [number < left or not name for number, name in enumerate(rows[0])]
    return ["  ".join(map(_cell, row, widths, words)).rstrip() for row in rows]


def folded(rows: Sequence[Row], room: int | None, left: int = 1) -> list[str]:
    """The same; columns beyond the room go on below, after the first `left` ones again. None is room for all."""
    if room is None or max(map(len, aligned(rows, left)), default=0) <= room:
        return aligned(rows, left)
    blocks: list[list[int]] = []
    for number in range(left, len(rows[0])):
        wider = [*(blocks[-1] if blocks else []), number]
        if blocks and max(map(len, aligned(_columns(rows, left, wider), left))) <= room:
            blocks[-1] = wider
        else:
            blocks.append([number])
    parts = [aligned(_columns(rows, left, block), left) for block in blocks]
    return [line for number, part in enumerate(parts) for line in ([""] if number else []) + part]


def _columns(rows: Sequence[Row], left: int, chosen: Sequence[int]) -> list[Row]:
    return [(*row[:left], *(row[number] for number in chosen)) for row in rows]


def _cell(text: str, room: int, words: bool) -> str:
    return text.ljust(room) if words else text.rjust(room)


def as_csv(rows: Iterable[Row]) -> str:
    """The rows as RFC 4180 says it; a cell that a spreadsheet would take for a formula is marked as text."""
    text = io.StringIO()
    csv.writer(text).writerows([[f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in row]
                                for row in rows])  # fmt: skip
    return text.getvalue()
