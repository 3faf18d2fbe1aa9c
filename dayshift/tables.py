"""Rows of text: aligned for eyes, and as CSV for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence

Row = Sequence[str]


def aligned(rows: Sequence[Row], left: int = 1) -> list[str]:
    """One line each, the first `left` columns to the left, the others, numbers, to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(_cell(*each, left) for each in zip(row, widths, range(len(row)), strict=True)).rstrip()
            for row in rows]  # fmt: skip


def _cell(text: str, room: int, column: int, left: int) -> str:
    return text.ljust(room) if column < left else text.rjust(room)


def as_csv(rows: Iterable[Row]) -> str:
    """The rows as RFC 4180 says it; a cell that a spreadsheet would take for a formula is marked as text."""
    text = io.StringIO()
    csv.writer(text).writerows([[f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in row]
                                for row in rows])  # fmt: skip
    return text.getvalue()
