"""The day's picture painted, by a process of its own: facts on standard input, a PNG on the output. Joins picture.

`python -m dayshift.reporting.painting < facts.json > day.png`: matplotlib takes a second and 60 MB, and is imported
only here.
"""

import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dayshift.money import PICO_PER_USD, shown
from dayshift.reporting.picture import Facts, Row, curve, cut, drawable, from_json, lines_of, span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# All lengths in inches; a phone is about 1080 pixels wide.
DPI, WIDTH, LEAST_HEIGHT = 150, 7.2, 9.0
LEFT, RIGHT = 0.85, 0.35
HEAD, MONEY, BETWEEN, FOOT = 0.95, 2.6, 0.55, 1.0
LEAST_ROW, MOST_ROW = 0.4, 0.6
LABEL, BAR, TALL, THIN = 0.33, 0.76, 0.32, 0.06  #: parts of a row: where its words and its bar are, how tall that is
MOST_ROWS = 60  #: beyond, a picture is no picture any more
EDGE = 0.015  #: of the time drawn, left free on both sides

# Okabe and Ito's colours, which the colour-blind tell apart.
BLUE, ORANGE, PURPLE = "#0072B2", "#E69F00", "#CC79A7"
GREEN, VERMILLION, INK, GREY, PALE = "#007F5C", "#C24F00", "#222222", "#8A8A8A", "#DDDDDD"
#: What a bar of that state looks like, and what it is called.
BARS = {
    "running": (BLUE, "running"), "verifying": (PURPLE, "verifying"), "waiting": (ORANGE, "waits for you"),
    "parked": (GREY, "parked"), "queued": (PALE, "queued"),
}  # fmt: skip
#: The mark of an end, and its colour.
ENDS = {"done": ("\u2714", GREEN), "failed": ("\u2718", VERMILLION), "halted": ("\u25a0", INK),
        "cancelled": ("\u25cb", GREY)}  # fmt: skip


def drawn(facts: Facts) -> bytes:
    """The day as a PNG."""
    from io import BytesIO

    import matplotlib as mpl

    style: Any = {"text.parse_math": False, "font.family": "DejaVu Sans", "axes.spines.top": False,
                  "axes.spines.right": False, "axes.edgecolor": GREY, "text.color": INK, "axes.labelcolor": INK,
                  "xtick.color": INK, "ytick.color": INK,
                  "font.size": 10.5}  # fmt: skip
    with mpl.rc_context(style):
        written = BytesIO()
        _figure(facts).savefig(written, format="png", dpi=DPI, metadata={"Software": None})
    return written.getvalue()


def _figure(facts: Facts) -> "Figure":
    from matplotlib.figure import Figure

    rows = facts.rows[:MOST_ROWS]
    title = lines_of([_text(part) for part in facts.title])
    count, head = max(1, len(rows)), HEAD + 0.27 * (len(title) - 1)
    height = max(LEAST_HEIGHT, head + MONEY + BETWEEN + LEAST_ROW * count + FOOT)
    pitch = min(MOST_ROW, (height - head - MONEY - BETWEEN - FOOT) / count)
    tall = height - head - BETWEEN - pitch * count - FOOT
    figure = Figure(figsize=(WIDTH, height), facecolor="white")

    def place(top: float, tall: float) -> "Axes":
        wide = WIDTH - LEFT - RIGHT
        return figure.add_axes((LEFT / WIDTH, 1 - (top + tall) / height, wide / WIDTH, tall / height))

    figure.text(0.35 / WIDTH, 1 - 0.3 / height, "\n".join(title), va="top", size=14.5, weight="bold", linespacing=1.25)
    money, tasks = place(head, tall), place(head + tall + BETWEEN, pitch * count)
    _draw_money(money, facts)
    _draw_tasks(tasks, rows, more=len(facts.rows) - len(rows))
    for axes in (money, tasks):
        _draw_time(axes, facts)
    _draw_legend(figure, rows, height)
    return figure


def _draw_money(axes: "Axes", facts: Facts) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    moments, amounts = curve(facts)
    cap = None if facts.cap is None else facts.cap / PICO_PER_USD
    top = max(amounts[-1], cap or 0.0) or 0.01
    axes.fill_between(moments, amounts, step="post", color=BLUE, alpha=0.15, linewidth=0)  # type: ignore[arg-type]
    axes.step(moments, amounts, where="post", color=BLUE, linewidth=2.2)  # type: ignore[arg-type]
    spent = shown(sum(cost for _, cost in facts.charges))
    axes.annotate(spent, (moments[-1], amounts[-1]), xytext=(0, 5), textcoords="offset points", ha="right",
                  color=BLUE, weight="bold")  # fmt: skip
    axes.set_ylim(0, top * 1.14)
    places = 0 if top >= 5 else 2 if top >= 0.05 else 4
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda amount, _: f"${amount:,.{places}f}"))
    axes.grid(axis="y", color=PALE, linewidth=0.7)
    axes.set_axisbelow(True)
    if cap is not None and facts.cap is not None:
        axes.axhline(cap, color=VERMILLION, linewidth=1.6, linestyle=(0, (5, 3)))
        axes.annotate(f"the day's cap {shown(facts.cap)}", (0, cap), xycoords=("axes fraction", "data"),
                      xytext=(4, 4), textcoords="offset points", color=VERMILLION, size=10.5)  # fmt: skip


def _draw_tasks(axes: "Axes", rows: Sequence[Row], more: int) -> None:
    from matplotlib.dates import date2num

    axes.set_ylim(max(1, len(rows)), 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    for number, row in enumerate(rows):
        for bar in row.bars:
            begin, end = date2num(bar.begin), date2num(bar.end)  # type: ignore[no-untyped-call]
            tall = THIN if bar.state == "queued" else TALL
            low = number + BAR - tall / 2
            axes.broken_barh([(begin, end - begin)], (low, tall), color=BARS[bar.state][0], linewidth=0)
        _draw_words(axes, number, row)
    if more > 0:
        axes.set_xlabel(f"and {more} more tasks")
    if not rows:
        axes.text(0.5, 0.5, "no task", transform=axes.transAxes, ha="center", color=GREY)


def _draw_words(axes: "Axes", number: int, row: Row) -> None:
    mark, colour = ENDS.get(row.state, ("", INK))
    across = axes.get_yaxis_transform()
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}  # so that no line goes through the words
    style: dict[str, Any] = {"transform": across, "size": 10.5, "va": "center", "bbox": behind}
    axes.text(-0.07, number + LABEL, cut(_text(row.label)), **style)
    words = f"{row.cost}  {mark} {BARS[row.state][1] if row.state in BARS else row.state}"
    axes.text(1.0, number + LABEL, words, ha="right", color=colour, weight="bold" if mark else "normal", **style)
    if mark:
        axes.annotate(mark, (row.since, number + BAR), xytext=(3, 0), textcoords="offset points", size=10.5,
                      color=colour, va="center", annotation_clip=False)  # fmt: skip


def _draw_time(axes: "Axes", facts: Facts) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

    zone = ZoneInfo(facts.timezone)
    begin, end = span(facts)
    edge = (end - begin) * EDGE
    axes.set_xlim(date2num(begin - edge), date2num(end + edge))  # type: ignore[no-untyped-call]
    locator = AutoDateLocator(tz=zone, minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    formats = ["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S"]
    zero = ["%Y", "%b", "%d %b", "%d %b", "%H:%M", "%H:%M"]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(locator, tz=zone, formats=formats, zero_formats=zero, show_offset=False)  # type: ignore[no-untyped-call]
    )
    axes.grid(axis="x", color=PALE, linewidth=0.7)
    axes.set_axisbelow(True)


def _draw_legend(figure: "Figure", rows: Sequence[Row], height: float) -> None:
    from matplotlib.patches import Patch

    seen = {bar.state for row in rows for bar in row.bars}
    patches = [Patch(color=colour, label=name) for state, (colour, name) in BARS.items() if state in seen]
    if patches:
        figure.legend(handles=patches, loc="lower center", ncols=len(patches), frameon=False, fontsize=10.5,
                      bbox_to_anchor=(0.5, 0.12 / height), columnspacing=1.2, handlelength=1.1)  # fmt: skip


@cache
def _known() -> frozenset[int]:
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(findfont("DejaVu Sans")).get_charmap())


def _text(text: str) -> str:
    return drawable(text, _known())


def main() -> int:
    """Draw what is on standard input."""
    sys.stdout.buffer.write(drawn(from_json(sys.stdin.buffer.read())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
