"""Pictures of a report as inline SVG, drawn from their mermaid text: the same text, the same bytes.

Joins diagrams, plots and strokes. They take their colours from the page; words and patterns tell what the colours do.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from html import escape

from dayshift.markdown import clean
from dayshift.reporting import plots
from dayshift.reporting.diagrams import Bar, Diagram, Gantt, Lane, Plot, Shares, read
from dayshift.reporting.strokes import EDGE, LETTER, LINE, WIDTH, Body, box, cut, length, number, text

PITCH, TALL, THIN = 38.0, 13.0, 4.0  #: of a row; of a bar; of a bar that stands for waiting in the queue
FOOT = 22.0  #: below the rows
MOST_ROWS, MOST_BARS = 60, 100
SHORTEST = timedelta(minutes=1)
Place = Callable[[datetime], float]

#: what a bar of that state is called, in the order of the legend
STATES = {"running": "running", "verifying": "verifying", "waiting": "waits for you", "parked": "parked",
          "queued": "queued", "done": "done", "failed": "failed", "halted": "halted",
          "cancelled": "cancelled"}  # fmt: skip
MARKS = {"done": "\u2714", "failed": "\u2718", "halted": "\u25a0", "cancelled": "\u25cb"}
PATTERNS = {
    "verifying": '<path d="M0 6 6 0M-1 1 1-1M5 7 7 5"/>',
    "waiting": '<circle cx="3" cy="3" r="1.4"/>',
    "parked": '<path d="M3 0V6"/>',
}
#: minutes between two marks of time
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 43_200, 525_600)


def drawn(mermaid: str, name: str) -> str | None:
    """The picture of this mermaid text as a figure whose ids begin with the name; None if it cannot be read."""
    match diagram := read(clean(mermaid)):
        case None | Gantt(lanes=()) | Shares(parts=()):
            return None
        case Gantt():
            body, height = _gantt(diagram, name)
        case Shares():
            body, height = plots.rows(diagram.parts, diagram.title, share=True)
        case Plot() if plots.is_list(diagram):
            parts = tuple(zip(diagram.names, diagram.series[0].values, strict=True))
            body, height = plots.rows(parts, f"{diagram.title} {diagram.up_title}", share=False)
        case Plot():
            body, height = plots.figured(diagram)
    caption = f"<figcaption>{escape(diagram.title)}</figcaption>" if diagram.title else ""
    return (
        f'<figure>{caption}<svg role="img" viewBox="0 0 {number(WIDTH)} {number(height)}">'
        f"<title>{escape(_title(diagram))}</title>{body}</svg></figure>\n"
    )


def _title(diagram: Diagram) -> str:
    """What the picture shows, for who cannot see it."""
    match diagram:
        case Plot(title=""):
            return f"{diagram.up_title or 'Figures'} over {diagram.across_title or 'time'}"
        case Gantt(title=""):
            return "What every task was doing when"
    return diagram.title or "Parts of a whole"


# --- who did what when -----------------------------------------------------------------------------


def _gantt(gantt: Gantt, name: str) -> Body:
    lanes = gantt.lanes[:MOST_ROWS]
    begin, end = _span([bar for lane in lanes for bar in lane.bars])
    bottom = LINE / 2 + PITCH * len(lanes)

    def at(moment: datetime) -> float:
        return EDGE + (WIDTH - 2 * EDGE) * ((moment - begin) / (end - begin))

    parts = [_patterns(name), *_hours(begin, end, at, bottom)]
    for row, lane in enumerate(lanes):
        parts += _lane(lane, LINE / 2 + PITCH * row, at, name)
    seen = [state for state in STATES if any(state_of(bar) == state for lane in lanes for bar in lane.bars)]
    legend, height = _legend(seen, bottom + FOOT + LINE, name)
    more = len(gantt.lanes) - len(lanes)
    if more:
        height += LINE + 6
        legend += text(EDGE, height - 6, f"and {more} more", "small")
    return "".join(parts) + legend, height


def state_of(bar: Bar) -> str:
    """The state that a bar stands for, by its word or its name, such as `waiting-3`; empty if by neither."""
    words = (*bar.label.lower().split(), bar.name.rpartition("-")[0])
    return next((word for word in words if word in STATES), "")


def _span(bars: Sequence[Bar]) -> tuple[datetime, datetime]:
    if not bars:
        return datetime(2000, 1, 1), datetime(2000, 1, 1) + SHORTEST  # noqa: DTZ001 - any moment will do
    begin, end = min(bar.begin for bar in bars), max(bar.end for bar in bars)
    return begin, max(end, begin + SHORTEST)


def _lane(lane: Lane, top: float, at: Place, name: str) -> Iterator[str]:
    """One row: whose it is and what became of it, and below that what was done when."""
    label, _, last = lane.label.rpartition(", ")
    label, state = (label, last) if last in STATES else (lane.label, "")
    words = f"{MARKS.get(state, '')} {state}".strip()
    yield text(EDGE, top + LINE, cut(label, WIDTH - 2 * EDGE - length(words) - LETTER))
    if words:
        yield text(WIDTH - EDGE, top + LINE, words, f"end {state}")
    for bar in lane.bars[:MOST_BARS]:
        yield _bar(bar, at(bar.begin), max(1.0, at(bar.end) - at(bar.begin)), top + LINE + 5, name)


def _bar(bar: Bar, left: float, wide: float, top: float, name: str) -> str:
    state = state_of(bar)
    tall = THIN if state == "queued" else TALL
    told = f"{state or bar.label}, {bar.begin:%H:%M} to {bar.end:%H:%M}"
    drawn = _swatch(min(left, WIDTH - EDGE - wide), top + (TALL - tall) / 2, wide, tall, state, name)
    return f"<g><title>{escape(told)}</title>{drawn}</g>"


def _swatch(left: float, top: float, wide: float, tall: float, state: str, name: str) -> str:
    """A box that looks like the state, with its pattern over its colour."""
    pattern = box(left, top, wide, tall, "", f"{name}-{state}") if state in PATTERNS else ""
    return box(left, top, wide, tall, state) + pattern


def _patterns(name: str) -> str:
    """What tells the states apart where there is no colour."""
    size = 'class="hatch" width="6" height="6" patternUnits="userSpaceOnUse"'
    made = "".join(f'<pattern id="{name}-{state}" {size}>{shape}</pattern>' for state, shape in PATTERNS.items())
    return f"<defs>{made}</defs>"


def _hours(begin: datetime, end: datetime, at: Place, bottom: float) -> Iterator[str]:
    """The marks of time, so few that their words keep apart."""
    minutes = (end - begin).total_seconds() / 60
    step = timedelta(minutes=next((each for each in STEPS if minutes / each <= 6), minutes / 6))
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    mark = midnight + step * -((midnight - begin) // step)
    while mark <= end:
        form = "%H:%M" if step < timedelta(days=1) and end - begin < timedelta(days=2) else "%d %b"
        x = at(mark)
        yield f'<path class="grid" d="M{number(x)} 0V{number(bottom)}"/>'
        yield text(min(max(x, EDGE + 20), WIDTH - EDGE - 20), bottom + LINE, f"{mark:{form}}", "tick")
        mark += step


def _legend(states: Sequence[str], top: float, name: str) -> Body:
    """The states that were seen, and where the picture ends."""
    parts, left = [], EDGE
    for state in states:
        wide = 20 + length(STATES[state]) + 12
        if left + wide > WIDTH - EDGE + 12 and left > EDGE:
            left, top = EDGE, top + LINE + 6
        parts.append(_swatch(left, top - 9, 15, 10, state, name))
        parts.append(text(left + 20, top, STATES[state], "small"))
        left += wide
    return "".join(parts), top + LINE / 2
