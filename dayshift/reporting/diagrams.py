"""The pictures of a report as its Markdown has them: the kinds of mermaid text that the program writes, read again.

So a page can show every picture of every text, whoever rendered it and when; what is no such text is read as None.
"""

import html
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

TAGS = frozenset({"active", "done", "crit", "milestone", "vert"})
MOST = 20_000  #: lines, of a text that is read

_FORMATS = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "SSS": "%f"}
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_RANGE = re.compile(rf"({_NUMBER})\s*-->\s*({_NUMBER})")
_ITEM = re.compile(r'\s*(?:"([^"]*)"|([^,"\]]*))\s*(?:,|$)')
_PART = re.compile(rf'"([^"]*)"\s*:\s*({_NUMBER})')
_AXIS = re.compile(r'([xy])-axis\s*(?:"([^"]*)"|([^"\[]*?))\s*(\[.*\]|[+-]?\d[\d.]*\s*-->.*)?')
_SERIES = re.compile(r'(bar|line)\s*(?:"([^"]*)"|(\w*))\s*\[(.*)\]')


@dataclass(frozen=True, slots=True)
class Bar:
    """Some time, what was done in it, how it is named in the text, and mermaid's own words on how it is drawn."""

    label: str
    begin: datetime
    end: datetime
    name: str = ""
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Lane:
    """What is drawn in one row."""

    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Gantt:
    """Who did what when."""

    title: str
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One row of figures, as bars or as a line."""

    kind: Literal["bar", "line"]
    label: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """Figures over names, or over a range of numbers."""

    title: str
    series: tuple[Series, ...]
    names: tuple[str, ...] = ()
    across: tuple[float, float] | None = None
    across_title: str = ""
    up: tuple[float, float] | None = None
    up_title: str = ""


@dataclass(frozen=True, slots=True)
class Shares:
    """Parts of a whole."""

    title: str
    parts: tuple[tuple[str, float], ...]


Diagram = Gantt | Plot | Shares


def read(text: str) -> Diagram | None:
    """The picture that this mermaid text stands for; None if it is of another kind or cannot be read."""
    lines = list(_lines(text))
    readers: dict[str, Callable[[list[str]], Diagram]] = {
        "gantt": _gantt,
        "xychart-beta": _plot,
        "xychart": _plot,
        "pie": _shares,
    }
    reader = readers.get(lines[0].split()[0]) if lines and len(lines) <= MOST else None
    try:
        return reader(lines) if reader else None
    except (ValueError, OverflowError):
        return None


def _lines(text: str) -> Iterator[str]:
    """What counts of it: no configuration before it, no comment, no empty line."""
    body = re.sub(r"\A\s*---\n.*?\n---\n", "", text, flags=re.DOTALL)
    return (line for each in body.splitlines() if (line := each.strip()) and not line.startswith("%%"))


def _plain(text: str) -> str:
    """A label without mermaid's spelling of special characters, such as `#35;`."""
    return re.sub(r"#(\d+|[a-z]+);", _unescaped, text.strip())


def _unescaped(found: re.Match[str]) -> str:
    name = found[1]
    return html.unescape(f"&{'#' if name.isdigit() else ''}{name};")


# --- gantt -----------------------------------------------------------------------------------------


def _gantt(lines: list[str]) -> Gantt:
    title, form, within = "", "YYYY-MM-DD", False
    lanes = list[tuple[str, list[Bar]]]()
    for line in lines[1:]:
        word, _, rest = line.partition(" ")
        match word:
            case "title":
                title = _plain(rest)
            case "dateFormat":
                form = rest.strip()
            case "section":
                within = True
                lanes.append((_plain(rest), []))
            case "axisFormat" | "tickInterval" | "todayMarker" | "accTitle:" | "accDescr:":
                continue
            case _:
                bar = _bar(line, form)
                if not within:
                    lanes.append((bar.label, []))
                lanes[-1][1].append(bar)
    return Gantt(title, tuple(Lane(label, tuple(bars)) for label, bars in lanes))


def _bar(line: str, form: str) -> Bar:
    """`running :active, t1, 09:00, 15m`; ValueError for what does not say when it begins and ends."""
    label, _, said = line.rpartition(" :") if " :" in line else line.rpartition(":")
    words = [word.strip() for word in said.split(",")]
    *name, begin, end = [word for word in words if word not in TAGS]
    began = _moment(begin, form)
    lasts = _DURATION.fullmatch(end)
    ended = began + timedelta(seconds=float(lasts[1]) * _UNITS[lasts[2]]) if lasts else _moment(end, form)
    if ended < began:
        raise ValueError(f"{line!r} ends before it begins")
    return Bar(_plain(label), began, ended, name[0] if name else "", frozenset(words) & TAGS)


def _moment(text: str, form: str) -> datetime:
    """A moment on the day's own clock, whatever that is."""
    if form in ("X", "x"):
        return datetime.fromtimestamp(float(text) / (1000 if form == "x" else 1), UTC).replace(tzinfo=None)
    pattern = re.sub("YYYY|YY|MM|DD|HH|mm|SSS|ss", lambda found: _FORMATS[found[0]], form)
    return datetime.strptime(text, pattern)  # noqa: DTZ007 - a picture has no timezone


# --- xychart ---------------------------------------------------------------------------------------


def _plot(lines: list[str]) -> Plot:
    plot = Plot("", ())
    for line in lines[1:]:
        if line.startswith("title "):
            plot = replace(plot, title=_plain(line.removeprefix("title ").strip().strip('"')))
        elif axis := _AXIS.fullmatch(line):
            plot = _with_axis(plot, *axis.groups(default=""))
        elif series := _SERIES.fullmatch(line):
            plot = replace(plot, series=(*plot.series, _series(*series.groups(default=""))))
        elif not line.startswith(("accTitle", "accDescr")):
            raise ValueError(f"{line!r} is no line of a chart")
    if not plot.series or not any(each.values for each in plot.series):
        raise ValueError("a chart without figures")
    return plot


def _with_axis(plot: Plot, axis: str, quoted: str, bare: str, said: str) -> Plot:
    title, span = _plain(quoted or bare), _RANGE.fullmatch(said.strip())
    numbers = (float(span[1]), float(span[2])) if span else None
    if numbers and numbers[0] >= numbers[1]:
        raise ValueError(f"{said!r} is no range")
    if axis == "y":
        return replace(plot, up_title=title, up=numbers)
    names = tuple(_items(said[1:-1])) if said.startswith("[") else ()
    return replace(plot, across_title=title, across=numbers, names=names)


def _items(text: str) -> Iterator[str]:
    """What stands between brackets, with quotation marks or without."""
    begin = 0
    while begin < len(text):
        found = _ITEM.match(text, begin)
        if found is None:
            raise ValueError(f"{text!r} is no list")
        yield _plain(found[1] if found[1] is not None else found[2])
        begin = found.end()


def _series(kind: str, quoted: str, bare: str, figures: str) -> Series:
    values = tuple(map(float, _items(figures)))
    if not all(map(math.isfinite, values)):
        raise ValueError("a figure is no number")
    return Series("bar" if kind == "bar" else "line", _plain(quoted or bare), values)


# --- pie -------------------------------------------------------------------------------------------


def _shares(lines: list[str]) -> Shares:
    head = lines[0].removeprefix("pie").strip().removeprefix("showData").strip()
    title = head.removeprefix("title ").strip() if head.startswith("title ") else ""
    parts = list[tuple[str, float]]()
    for line in lines[1:]:
        if line.startswith("title "):
            title = line.removeprefix("title ")
        elif found := _PART.fullmatch(line):
            parts.append((_plain(found[1]), float(found[2])))
        elif line != "showData":
            raise ValueError(f"{line!r} is no part of a whole")
    if not parts or not all(value >= 0 for _, value in parts):
        raise ValueError("no parts of a whole")
    return Shares(_plain(title), tuple(parts))
