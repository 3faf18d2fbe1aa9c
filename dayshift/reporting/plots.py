"""Figures as pictures: parts of a whole as rows, figures over time as steps and columns. Joins diagrams and strokes."""

from collections.abc import Iterator, Sequence

from dayshift.reporting.diagrams import Plot, Series
from dayshift.reporting.strokes import EDGE, LETTER, LINE, WIDTH, Body, box, cut, figures, length, number, text, ticks

PITCH, TALL = 38.0, 13.0  #: of a row; of its bar
GUTTER, FOOT, HEIGHT = 56.0, 22.0, 200.0  #: left of a plot, below it, and how high it is
MOST_ROWS, MOST_NAMES = 60, 8
ORDER = ("first", "second", "third", "behind")  #: what the figures of a plot look like, one row of them after the other
BRIEF = 6  #: characters of a name that has room below a column

# --- how much of what ------------------------------------------------------------------------------


def is_list(plot: Plot) -> bool:
    """Whether it is figures by names that need a row each."""
    long = any(len(name) > BRIEF for name in plot.names)
    return long and [(each.kind, len(each.values)) for each in plot.series] == [("bar", len(plot.names))]


def rows(parts: Sequence[tuple[str, float]], unit: str, share: bool) -> Body:
    """A bar for each part, its name above it and its figure beside that."""
    shown, values = parts[:MOST_ROWS], [value for _, value in parts]
    top, whole = max(values) or 1.0, sum(values)
    strokes, form = list[str](), figures(unit, values, exact=True)
    for row, (label, value) in enumerate(shown):
        y = LINE / 2 + PITCH * row
        words = form(value) + (f" \u00b7 {100 * value / whole:.0f} %" if share and whole else "")
        strokes += [
            text(EDGE, y + LINE, cut(label, WIDTH - 2 * EDGE - length(words) - LETTER)),
            text(WIDTH - EDGE, y + LINE, words, "end"),
            box(EDGE, y + LINE + 5, max(1.0, (WIDTH - 2 * EDGE) * max(0.0, value) / top), TALL, "first"),
        ]
    height = LINE / 2 + PITCH * len(shown)
    if len(parts) > len(shown):
        height += LINE + 6
        strokes.append(text(EDGE, height - 6, f"and {len(parts) - len(shown)} more", "small"))
    return "".join(strokes), height


# --- figures over time -----------------------------------------------------------------------------


def figured(plot: Plot) -> Body:
    """Bars, and lines as steps, for each figure holds until the next."""
    marks = _marks(plot)
    low, high, top = marks[0], marks[-1], 2 * LINE
    form = figures(f"{plot.title} {plot.up_title}", marks)

    def up(value: float) -> float:
        return top + HEIGHT * (high - value) / (high - low)

    strokes = [text(EDGE, LINE, cut(plot.up_title, WIDTH - 2 * EDGE), "small")] if plot.up_title else []
    for mark in marks:
        strokes.append(f'<path class="grid" d="M{number(GUTTER)} {number(up(mark))}H{number(WIDTH - EDGE)}"/>')
        strokes.append(text(GUTTER - 5, up(mark) + 4, form(mark), "tick end"))
    for each, kind in _looks(plot):
        heights = [up(value) for value in each.values]
        strokes.append(_columns(heights, up(max(low, 0.0)), kind) if each.kind == "bar" else _line(plot, heights, kind))
    strokes += _below(plot, top + HEIGHT)
    legend, height = _titles(plot, top + HEIGHT + FOOT + LINE)
    return "".join(strokes) + legend, height


def _looks(plot: Plot) -> Iterator[tuple[Series, str]]:
    """Every row of figures with its look; the first columns are grey if there are others before them."""
    crowded = sum(each.kind == "bar" for each in plot.series) > 1
    order = (ORDER[-1:] if crowded else ()) + ORDER * len(plot.series)
    return zip(plot.series, order, strict=False)


def _marks(plot: Plot) -> list[float]:
    """The round figures on the left, from one below all others to one above."""
    values = [value for each in plot.series for value in each.values]
    low, high = plot.up or (0.0, 0.0)
    return ticks(min(low, *values), max(high, *values), most=5)


def _line(plot: Plot, heights: Sequence[float], kind: str) -> str:
    """Steps; over a range of numbers the last figure stands at its very end."""
    parts = max(1, len(heights) - 1) if plot.across else len(heights)
    wide, last = (WIDTH - EDGE - GUTTER) / parts, number(heights[0])
    path = f"M{number(GUTTER)} {last}"
    for step, height in enumerate(map(number, heights)):
        if height != last:
            path, last = f"{path}H{number(GUTTER + wide * step)}V{height}", height
    return f'<path class="line {kind}" d="{path}H{number(WIDTH - EDGE)}"/>'


def _columns(heights: Sequence[float], bottom: float, kind: str) -> str:
    wide = (WIDTH - EDGE - GUTTER) / len(heights)
    return "".join(
        box(GUTTER + wide * (column + 0.15), min(height, bottom), wide * 0.7, abs(bottom - height), kind)
        for column, height in enumerate(heights)
    )


def _below(plot: Plot, bottom: float) -> Iterator[str]:
    """What the figures stand over: so many of the names, or numbers of the range, as have room."""
    room = WIDTH - EDGE - GUTTER
    if plot.across:
        low, high = plot.across
        marks = [mark for mark in ticks(low, high, most=6) if low <= mark <= high]
        form = figures("", marks)
        for mark in marks:
            yield text(GUTTER + room * (mark - low) / (high - low), bottom + LINE + 4, form(mark), "tick")
    every = max(1, -(-len(plot.names) // MOST_NAMES))
    for column in range(0, len(plot.names), every):
        wide = room / len(plot.names)
        middle = GUTTER + wide * (column + 0.5)
        half = min(wide * every / 2, WIDTH - middle, middle)
        yield text(middle, bottom + LINE + 4, cut(plot.names[column], 2 * half - 2), "tick")


def _titles(plot: Plot, top: float) -> Body:
    """What the figures are, and over what; and where the picture ends."""
    strokes = [text((GUTTER + WIDTH - EDGE) / 2, top + 4, cut(plot.across_title, WIDTH - GUTTER - EDGE), "tick")]
    top += LINE + 8 if plot.across_title else 0
    for each, kind in _looks(plot):
        if each.label:
            strokes.append(box(EDGE, top - 9, 15, 10, kind))
            strokes.append(text(EDGE + 20, top, cut(each.label, WIDTH - 2 * EDGE - 20), "small"))
            top += LINE + 6
    return "".join(strokes if plot.across_title else strokes[1:]), top
