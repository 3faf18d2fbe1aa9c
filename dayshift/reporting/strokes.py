"""The strokes that charts are made of: words, boxes, round figures, and how much room they take. SVG, as text."""

import math
from collections.abc import Callable, Sequence
from html import escape
from unicodedata import combining, east_asian_width

# All lengths in the SVG's own units: a narrow phone shows them a quarter smaller, a wide window a third larger.
WIDTH, EDGE = 480.0, 8.0
LONGEST = 200  #: characters of what may be cut
LETTER, LINE = 6.9, 12.0  #: how wide a letter is, with room to spare, and how high
LEAST = 1e-6  #: of figures that are told apart, and a part of the largest
SIZES = ((1_000_000.0, "M"), (1000.0, "k"))  #: in which large figures are told
Body = tuple[str, float]  #: strokes, and how high they are together


def number(length: float) -> str:
    """The length to a tenth, as short as it can be written."""
    return f"{round(length, 1) + 0.0:.1f}".removesuffix(".0")


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """Words whose line stands at that height; the kind says on which side of x they are."""
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{number(x)}" y="{number(y)}">{escape(words)}</text>'


def box(left: float, top: float, wide: float, tall: float, kind: str, pattern: str = "") -> str:
    """A box of that kind, or filled with that pattern."""
    look = f'fill="url(#{pattern})"' if pattern else f'class="{kind}"'
    return f'<rect {look} x="{number(left)}" y="{number(top)}" width="{number(wide)}" height="{number(tall)}"/>'


def length(words: str) -> float:
    """How much room the words take at most."""
    return LETTER * sum(_letters(each) for each in words)


def _letters(character: str) -> float:
    if combining(character):
        return 0.0
    return 2.0 if east_asian_width(character) in "WF" else 1.4 if character in "mwMW@%\u2026" else 1.0


def cut(words: str, room: float) -> str:
    """One line of the words that fits."""
    line = " ".join(words.split())[:LONGEST]
    if length(line) <= room:
        return line
    while line and length(f"{line}\u2026") > room:
        line = line[:-1]
    return f"{line.rstrip()}\u2026"


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round figures from one that is not above low to one that is not below high; at least two."""
    span = max(high - low, max(abs(low), abs(high)) * LEAST, LEAST) if (low, high) != (0, 0) else 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * each for each in (1, 2, 5, 10, 20) if span / (power * each) <= most)
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    return [each * step for each in range(first, last + 1)]


def figures(unit: str, values: Sequence[float], exact: bool = False) -> Callable[[float], str]:
    """How such figures are written: dollars if the unit names them, with as many places as the largest needs."""
    most = max(map(abs, values), default=0.0)
    dollars = "$" if "$" in unit or "USD" in unit or "dollar" in unit.lower() else ""
    size, mark = next((each for each in SIZES if most >= each[0] * 100 and not exact), (1.0, ""))
    whole = all(value == int(value) for value in values) and not (dollars and (exact or most < 5))
    places = 0 if whole or mark else 4 if most < 0.1 else 2
    return lambda value: f"{'-' if value < 0 else ''}{dollars}{abs(value) / size:,.{places}f}{mark}"
