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


def _cell(text: str, room: int, words: bool) -> str:
    return text.ljust(room) if words else text.rjust(room)


def as_csv(rows: Iterable[Row]) -> str:
    """The rows as RFC 4180 says it; a cell that a spreadsheet would take for a formula is marked as text."""
    text = io.StringIO()
    csv.writer(text).writerows([[f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in row]
                                for row in rows])  # fmt: skip
    return text.getvalue()
