"""The day in Mermaid: diagrams as text, drawn wherever Markdown is read, such as on GitHub. Pure.

Every diagram is bounded (a reader draws at most 50,000 characters), and no name in it can become syntax.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import accumulate
from zoneinfo import ZoneInfo

from dayshift.day_facts import DayFacts, SpendRow
from dayshift.markdown import clean
from dayshift.model import Record, Stretch
from dayshift.money import PICO_PER_USD, Pico

MOST_TASKS, MOST_BARS = 60, 8  #: of a timeline; of a task with more, the longest
MOST_POINTS = 60  #: of a curve
MOST_SLICES = 8  #: of a pie; the rest is one slice
WORDED = 0.1  #: of the time drawn: a shorter bar has no room for a word
SECONDS_COUNT = timedelta(hours=2)  #: a shorter day is drawn by the second
TAGS = {"running": "active, ", "verifying": "", "waiting": "crit, ", "parked": "done, ", "queued": "done, "}
GANTT = "---\ndisplayMode: compact\nconfig:\n  gantt:\n    leftPadding: 190\n    rightPadding: 20\n---\ngantt"
CHART = '---\nconfig:\n  themeVariables:\n    xyChart:\n      plotColorPalette: "#0072B2, #C24F00"\n---\nxychart-beta'


@dataclass(frozen=True, slots=True)
class _Scale:
    """From when to when a diagram shows, by one offset for all of it, so that no clock in it goes back."""

    begin: datetime
    end: datetime
    unit: timedelta

    @property
    def span(self) -> timedelta:
        return self.end - self.begin

    def floor(self, moment: datetime) -> datetime:
        """The beginning of the second or minute it is in."""
        local = moment.astimezone(self.begin.tzinfo).replace(microsecond=0)
        return local if self.unit < timedelta(minutes=1) else local.replace(second=0)


def timeline(facts: DayFacts) -> str:
    """What every task was doing when, as a gantt diagram; empty if none did anything."""
    spent = ((record, facts.stretches.get(record.id, ())) for record in facts.records)
    drawn = sorted((each for each in spent if each[1]), key=lambda each: (each[1][0].begin, each[0].id))
    if not drawn:
        return ""
    scale = _scale(facts, (moment for _, parts in drawn for part in parts for moment in (part.begin, part.end)))
    form = "YYYY-MM-DD HH:mm" if scale.unit >= timedelta(minutes=1) else "YYYY-MM-DD HH:mm:ss"
    lines = [GANTT, f"    dateFormat {form}", f"    axisFormat {_axis(scale)}", "    todayMarker off"]
    bars = 0
    for record, parts in drawn[:MOST_TASKS]:
        lines.append(_section(record))
        for part in _longest(parts, scale):
            bars += 1
            lines.append(_bar(part, bars, scale))
    return "\n".join(lines)


def spend(facts: DayFacts) -> str:
    """The money spent over the day, and the cap as a second line; empty if nothing was charged."""
    if not facts.course:
        return ""
    ends = (moment for parts in facts.stretches.values() for part in parts for moment in (part.begin, part.end))
    own = (moment for moment in (facts.started_at, facts.ended_at) if moment is not None)
    scale = _scale(facts, (*(at for at, _ in facts.course), *ends, *own))
    sums = _sampled(facts.course, scale)
    top = max(*sums, facts.cap or 0, PICO_PER_USD // 1000)
    lines = [CHART, f"    {_hours(scale, facts.timezone)}", f'    y-axis "US dollars" 0 --> {_number(top * 11 // 10)}',
             f"    line [{', '.join(map(_number, sums))}]"]  # fmt: skip
    if facts.cap is not None:
        lines.append(f"    line [{', '.join([_number(facts.cap)] * len(sums))}]")
    return "\n".join(lines)


def shares(facts: DayFacts) -> str:
    """What the tasks cost, as a pie; empty if there are not two to compare."""
    return _pie("Cost by task, in dollars", facts.by_task)


def models(facts: DayFacts) -> str:
    """What the models cost, as a pie; empty if there are not two to compare."""
    return _pie("Cost by model, in dollars", facts.by_model)


# --- time ------------------------------------------------------------------------------------------


def _scale(facts: DayFacts, moments: Iterable[datetime]) -> _Scale:
    found = sorted(moments)
    offset = found[0].astimezone(ZoneInfo(facts.timezone)).utcoffset() or timedelta()
    begin, end = (moment.astimezone(timezone(offset)) for moment in (found[0], found[-1]))
    end = max(end, begin + timedelta(minutes=1))
    return _Scale(begin, end, timedelta(seconds=1) if end - begin < SECONDS_COUNT else timedelta(minutes=1))


def _axis(scale: _Scale) -> str:
    if scale.span > timedelta(days=1):
        return "%d %b %H:%M"
    return "%H:%M:%S" if scale.span < timedelta(minutes=10) else "%H:%M"


def _longest(parts: Sequence[Stretch], scale: _Scale) -> list[Stretch]:
    """The task's stretches on the scale's raster, in order; those that are nothing there are left out."""
    rastered = [Stretch(part.state, scale.floor(part.begin), scale.floor(part.end)) for part in parts]
    there = [part for part in rastered if part.end > part.begin]
    if not there:
        begin = rastered[0].begin
        return [Stretch(rastered[0].state, begin, begin + scale.unit)]
    kept = sorted(there, key=lambda part: part.begin - part.end)[:MOST_BARS]
    return sorted(kept, key=lambda part: part.begin)


def _section(record: Record) -> str:
    return f"    section {inert(record.id, 22)}, {inert(record.state.name)}"


def _bar(part: Stretch, number: int, scale: _Scale) -> str:
    state = part.state if part.state in TAGS else "other"
    word = state if (part.end - part.begin) / scale.span >= WORDED else "·"
    form = "%Y-%m-%d %H:%M" if scale.unit >= timedelta(minutes=1) else "%Y-%m-%d %H:%M:%S"
    name = f"{state}-{number}"  # who reads the text has the state of every bar, with a word or without
    return f"    {word} :{TAGS.get(state, '')}{name}, {part.begin:{form}}, {part.end:{form}}"


def _hours(scale: _Scale, zone: str) -> str:
    """The x-axis: hours of the day, beyond 24 on the days after; of a short day the minutes."""
    if scale.span < SECONDS_COUNT:
        minutes = Decimal(scale.span // timedelta(seconds=1)) / 60
        return f'x-axis "minutes from {scale.begin:%H:%M}, {inert(zone)}" 0 --> {_decimal(minutes, 2)}'
    midnight = scale.begin.replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = (Decimal((at - midnight) // timedelta(seconds=1)) / 3600 for at in (scale.begin, scale.end))
    return f'x-axis "hour of the day, {inert(zone)}" {_decimal(first, 2)} --> {_decimal(last, 2)}'


# --- money -----------------------------------------------------------------------------------------


def _sampled(course: Sequence[tuple[datetime, Pico]], scale: _Scale) -> list[Pico]:
    """What was spent by then, at moments that are equally far apart."""
    moments, sums = [at for at, _ in course], list(accumulate((cost for _, cost in course), initial=0))
    found, passed = [], 0
    for number in range(MOST_POINTS):
        until = scale.begin + scale.span * number / (MOST_POINTS - 1)
        while passed < len(moments) and moments[passed] <= until:
            passed += 1
        found.append(sums[passed])
    return [*found[:-1], sums[-1]]


def _pie(title: str, rows: Iterable[SpendRow]) -> str:
    costs: dict[str, Pico] = {}
    for row in rows:
        if row.cost and _number(row.cost) != "0":
            label = inert(row.key, 32) or "nameless"
            costs[label] = costs.get(label, 0) + row.cost
    ordered = sorted(costs.items(), key=lambda each: (-each[1], each[0]))
    if len(ordered) < 2:
        return ""
    whole = len(ordered) <= MOST_SLICES + 1
    kept, rest = (ordered, []) if whole else (ordered[:MOST_SLICES], ordered[MOST_SLICES:])
    slices = [*kept, (f"({len(rest)} others)", sum(cost for _, cost in rest))] if rest else kept
    return "\n".join(
        ["pie showData", f"    title {title}", *(f'    "{key}" : {_number(cost)}' for key, cost in slices)]
    )


def _number(amount: Pico) -> str:
    return _decimal(Decimal(amount) / PICO_PER_USD, 4)


def _decimal(value: Decimal, places: int) -> str:
    """Digits and at most one point; Mermaid knows no exponents."""
    return f"{value:.{places}f}".rstrip("0").rstrip(".")


def inert(text: str, width: int = 40) -> str:
    """The text as a name in a diagram: letters, digits and few signs, none of which Mermaid gives a meaning."""
    kept = (each if unicodedata.category(each)[0] in "LMN" or each in "-_./" else " " for each in clean(text))
    line = " ".join("".join(kept).split()).lstrip("-_./ ")
    return line if len(line) <= width else line[: width - 1] + "…"
