"""The day as a picture: all that it shows, and what goes where on it. Pure."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import Any

from dayshift.money import PICO_PER_USD, Pico

SHORTEST = timedelta(minutes=1)  #: of a day that is drawn
TITLE_WIDTH, LABEL_WIDTH = 48, 44  #: characters
UNKNOWN = "\u25a1"  #: stands for a character the font has not


@dataclass(frozen=True, slots=True)
class Bar:
    """What a task was doing, and how long."""

    state: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """One task: its name, what it cost in words, the state it is in at last, and since when."""

    label: str
    cost: str
    state: str
    since: datetime
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a picture shows. The same facts give the same bytes."""

    title: tuple[str, ...]  #: its parts, which are set on as many lines as they need
    timezone: str
    cap: Pico | None
    charges: tuple[tuple[datetime, Pico], ...]  #: in order
    rows: tuple[Row, ...]
    until: datetime  #: where the curve of the money ends


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Facts)


def to_json(facts: Facts) -> bytes:
    """The facts for the process that draws them."""
    written: bytes = _adapter().dump_json(facts)
    return written


def from_json(content: bytes) -> Facts:
    """The facts again."""
    read: Facts = _adapter().validate_json(content)
    return read


# --- what goes where -------------------------------------------------------------------------------


def span(facts: Facts) -> tuple[datetime, datetime]:
    """From the first moment of the day to the last; never nothing."""
    moments = [facts.until, *(at for at, _ in facts.charges), *(row.since for row in facts.rows)]
    moments += [moment for row in facts.rows for bar in row.bars for moment in (bar.begin, bar.end)]
    begin, end = min(moments), max(moments)
    missing = max(timedelta(), SHORTEST - (end - begin))
    return begin - missing / 2, end + missing / 2


def curve(facts: Facts) -> tuple[list[datetime], list[float]]:
    """The money spent as steps, from the first moment to the last, in dollars."""
    begin, _ = span(facts)
    sums = list(accumulate((cost for _, cost in facts.charges), initial=0))
    moments = [begin, *(at for at, _ in facts.charges), max([facts.until, *(at for at, _ in facts.charges)])]
    return moments, [amount / PICO_PER_USD for amount in (*sums, sums[-1])]


def lines_of(parts: Sequence[str], width: int = TITLE_WIDTH) -> list[str]:
    """The parts of a title on lines that are not wider."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) + 3 <= width:
            lines[-1] += f" \u00b7 {part}"
        else:
            lines.append(cut(part, width))
    return lines


def cut(text: str, width: int = LABEL_WIDTH) -> str:
    """One line of at most that many characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1].rstrip()}\u2026"


def drawable(text: str, known: Container[int]) -> str:
    """The text with a box for every character that the font has not."""
    return "".join(each if ord(each) in known else UNKNOWN for each in text)
