"""The pictures of a page: what the Markdown's diagrams say is drawn, in its bounds, and as nothing but a drawing."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dayshift.day_facts import AuditLine, DayFacts, SpendRow
from dayshift.model import Record, Stretch, Task, Tokens
from dayshift.money import from_usd
from dayshift.reporting import mermaid
from dayshift.reporting.charts import drawn
from dayshift.reporting.columns import bars
from dayshift.reporting.diagrams import Bar, Gantt, Lane, Plot, Series, Shares, read
from dayshift.reporting.strokes import EDGE, WIDTH, cut, figures, length, ticks
from dayshift.states import Done, Failed

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SPENT = (("queued", 3), ("running", 61), ("waiting", 20), ("parked", 9), ("running", 30), ("verifying", 2))

GANTT = """---
displayMode: compact
---
gantt
    title The day
    dateFormat YYYY-MM-DD HH:mm
    axisFormat %H:%M
    section task-1, done
    · :done, queued-1, 2026-11-20 09:00, 2026-11-20 09:05
    running :active, running-2, 2026-11-20 09:05, 30m
    %% nobody reads this
    section task-2, failed
    waiting :crit, waiting-3, 2026-11-20 09:00, 2026-11-20 10:00
"""
PLOT = """xychart-beta
    title "Spent, in dollars"
    x-axis "hour" 9 --> 17.5
    y-axis "US dollars" 0 --> 11
    line [0, 1.5, 4, 4]
    line "the cap" [10, 10, 10, 10]
"""
PIE = 'pie showData\n    title Cost by task, in dollars\n    "task-1" : 3\n    "task#35;2" : 1.5\n'


def svg(text: str) -> ElementTree.Element:
    """The drawing of this text, which is well-formed."""
    figure = drawn(text, "x")
    assert figure is not None
    found = ElementTree.fromstring(figure).find("svg")
    assert found is not None
    return found


def words(text: str) -> list[str]:
    return [each.text or "" for each in svg(text).iter("text")]


def looks(text: str, tag: str = "rect") -> list[str]:
    return [each.get("class", "") for each in svg(text).iter(tag) if each.get("class")]


def a_day(tasks: int = 6, charges: int = 1000, name: str = "task") -> DayFacts:
    """A day on which every task was in every state, and money was spent all the time."""
    made = [
        Record(Task(f"{name}-{n}", "x" * 60, "words", "sonnet"), date(2026, 11, 20), "/src/shop",
               Done(NINE) if n % 2 else Failed(NINE, "why"), NINE, runs=1)
        for n in range(tasks)
    ]  # fmt: skip
    stretches = {record.id: tuple(spent_from(NINE + 7 * MINUTE * n)) for n, record in enumerate(made)}
    rows = tuple(SpendRow(each.id, 3, Tokens(), from_usd(n + 1), 0) for n, each in enumerate(made))
    return DayFacts(
        date=date(2026, 11, 20), project="/src/shop", rehearsal=False, cap=from_usd("50"), spent=from_usd("40"),
        reserved=0, by_model=(), by_task=rows, records=tuple(made), diffs={}, audit=AuditLine(True, (), tasks),
        layers=(), guarantee="", dirty_tree=False, cap_reached=False, started_at=NINE, ended_at=NINE + 480 * MINUTE,
        stretches=stretches,
        course=tuple((NINE + n * MINUTE * 480 / charges, from_usd("0.04")) for n in range(charges)),
    )  # fmt: skip


def spent_from(begin: datetime) -> list[Stretch]:
    found = []
    for state, minutes in SPENT:
        found.append(Stretch(state, begin, begin + minutes * MINUTE))
        begin = found[-1].end
    return found


# --- what is read ----------------------------------------------------------------------------------


def test_a_gantt_is_read_with_its_rows_and_times() -> None:
    nine = NINE.replace(tzinfo=None)
    assert read(GANTT) == Gantt("The day", (
        Lane("task-1, done", (
            Bar("·", nine, nine + 5 * MINUTE, "queued-1", frozenset({"done"})),
            Bar("running", nine + 5 * MINUTE, nine + 35 * MINUTE, "running-2", frozenset({"active"})),
        )),
        Lane("task-2, failed", (Bar("waiting", nine, nine + 60 * MINUTE, "waiting-3", frozenset({"crit"})),)),
    ))  # fmt: skip


def test_a_chart_is_read_with_its_axes_and_figures() -> None:
    spent, cap = Series("line", "", (0, 1.5, 4, 4)), Series("line", "the cap", (10, 10, 10, 10))
    assert read(PLOT) == Plot("Spent, in dollars", (spent, cap), (), (9, 17.5), "hour", (0, 11), "US dollars")
    assert read('xychart-beta\nx-axis ["a, b", c]\nbar [1, 2]') == Plot("", (Series("bar", "", (1, 2)),), ("a, b", "c"))


def test_a_pie_is_read_with_mermaid_s_spelling_of_signs_undone() -> None:
    assert read(PIE) == Shares("Cost by task, in dollars", (("task-1", 3), ("task#2", 1.5)))


UNREAD = (
    "", "flowchart LR\n a --> b", "gantt\n a :2026-11-20, 2026-11-19", "gantt\n a", "gantt\n a :after b, 3d",
    "gantt\n dateFormat HH:mm\n a :09:00, 25:00", "gantt\n" + "a :2026-11-20, 1d\n" * 20_001,
    "xychart-beta", "xychart-beta\n bar [one]", "xychart-beta\n bar [nan]", "xychart-beta\n bar [inf]",
    "xychart-beta\n bar []", "xychart-beta\n x-axis 3 --> 3\n bar [1]", "xychart-beta\n what",
    "pie\n a : 1", 'pie\n "a" : -1', 'pie\n "a" : 1e9', "pie",
)  # fmt: skip


@pytest.mark.parametrize("text", UNREAD, ids=range(len(UNREAD)))
def test_what_cannot_be_read_is_no_picture(text: str) -> None:
    assert read(text) is None
    assert drawn(text, "x") is None


@given(st.text(st.sampled_from('gantxyhrpie-# :,."[]<>&0123456789\n\t%'), max_size=80),
       st.sampled_from(["gantt\n", "pie\n", "xychart-beta\n", "gantt\nsection ", "xychart-beta\nbar [",
                        'pie\n"']))  # fmt: skip
def test_nothing_that_looks_like_a_diagram_is_a_fault(text: str, head: str) -> None:
    figure = drawn(head + text, "x")
    assert figure is None or ElementTree.fromstring(figure).tag == "figure"


def test_every_diagram_of_a_day_and_of_a_recap_is_drawn() -> None:
    facts = a_day()
    week = bars("Spent by day, in dollars", ("Mon 16", "Tue 17"), ((3, 5), (2, 5)), (6, 6))
    for text in (mermaid.timeline(facts), mermaid.spend(facts), mermaid.shares(facts), week):
        assert text
        assert drawn(text, "x") is not None


# --- what is drawn ---------------------------------------------------------------------------------


def test_every_state_has_a_look_and_a_word_without_colour() -> None:
    facts = a_day(1)
    assert looks(mermaid.timeline(facts))[:6] == [state for state, _ in SPENT]
    assert {"running", "verifying", "waits for you", "parked", "queued"} <= set(words(mermaid.timeline(facts)))
    patterned = [each.get("fill") for each in svg(mermaid.timeline(facts)).iter("rect") if each.get("fill")]
    assert patterned[:3] == ["url(#x-waiting)", "url(#x-parked)", "url(#x-verifying)"]
    patterns = {each.get("id") for each in svg(mermaid.timeline(facts)).iter("pattern")}
    assert {f"url(#{each})" for each in patterns} >= set(patterned)


def test_a_row_tells_whose_it_is_and_what_became_of_it() -> None:
    assert {"task-1", "✔ done", "task-2", "✘ failed"} <= set(words(GANTT))
    told = [each.text for each in svg(GANTT).iter("title")]
    assert told == ["The day", "queued, 09:00 to 09:05", "running, 09:05 to 09:35", "waiting, 09:00 to 10:00"]


def test_bars_are_as_long_as_what_they_stand_for() -> None:
    queued, running, waiting = [float(each.get("width", 0)) for each in svg(GANTT).iter("rect") if each.get("class")][
        :3
    ]
    assert waiting == pytest.approx(WIDTH - 2 * EDGE)
    assert running == pytest.approx(waiting / 2, abs=0.2)
    assert queued == pytest.approx(waiting / 12, abs=0.2)


def test_spending_is_drawn_as_steps_below_a_cap_that_is_drawn_another_way() -> None:
    spent, cap = [each.get("d", "") for each in svg(PLOT).iter("path") if "line" in each.get("class", "")]
    assert re.fullmatch(r"M[\d. ]+(H[\d.]+V[\d.]+){2}H[\d.]+", spent)
    assert re.fullmatch(r"M[\d. ]+H[\d.]+", cap)
    heights = [float(each) for each in re.findall(r"(?:M[\d.]+ |V)([\d.]+)", spent)]
    assert heights == sorted(heights, reverse=True)
    assert float(cap.split()[1].split("H")[0]) < min(heights)
    assert looks(PLOT, "path")[-2:] == ["line first", "line second"]
    assert {"$0", "$10", "10", "16", "hour", "US dollars", "the cap"} <= set(words(PLOT))


def test_parts_are_drawn_as_bars_with_their_amount_and_their_share() -> None:
    assert words(PIE) == ["task-1", "$3.00 · 67 %", "task#2", "$1.50 · 33 %"]
    assert [each.get("width") for each in svg(PIE).iter("rect")] == ["464", "232"]


def test_columns_behind_others_are_told_apart() -> None:
    two = bars("Tasks by day", ("Mon", "Tue"), ((3, 5), (2, 5)))
    assert looks(two) == ["behind", "behind", "first", "first"]
    assert looks(bars("Tasks by day", ("Mon", "Tue"), ((3, 5),))) == ["first", "first"]


def test_names_too_long_to_stand_below_columns_get_a_row_each() -> None:
    text = bars("Cost, in dollars", ("claude-haiku", "claude-opus"), ((1, 2),))
    assert words(text) == ["claude-haiku", "$1.00", "claude-opus", "$2.00"]


LARGE = [
    mermaid.timeline(a_day(70)), mermaid.timeline(a_day(40, name="面积" * 20)), mermaid.spend(a_day(2, 5000)),
    mermaid.shares(a_day(40)), mermaid.timeline(a_day(1)), GANTT, PLOT, PIE,
    bars("Spent by day, in dollars", [str(n) for n in range(1, 32)], (range(31), range(31)), [40] * 31),
    bars("Tokens", ["a name " * 5] * 100, ([10**9] * 100,)),
    "xychart-beta\n bar [-5, 3]", 'xychart-beta\n y-axis "USD" 0 --> 2000000\n line [1000000]',
    "gantt\n section a\n b :2020-01-01, 2026-01-01", "gantt\n dateFormat X\n a :0, 0s",
    "gantt\n section one\n" + " a :2026-11-20, 1h\n" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(LARGE)))
def test_nothing_is_drawn_outside_and_no_words_upon_others(number: int) -> None:
    picture = svg(LARGE[number])
    wide, high = map(float, picture.get("viewBox", "").split()[2:])
    assert len(list(picture.iter())) < 3000
    for box in picture.iter("rect"):
        left, top, across, down = (float(box.get(name, "nan")) for name in ("x", "y", "width", "height"))
        assert left >= 0 and left + across <= wide + 0.2
        assert top >= 0 and top + down <= high + 0.2 and across >= 0 and down >= 0
    lines: dict[str, list[tuple[float, float]]] = {}
    for text in picture.iter("text"):
        room, kind = length(text.text or ""), text.get("class", "").split()
        middle = "tick" in kind and not {"end", "begin"} & set(kind)
        begin = float(text.get("x", 0)) - (room if "end" in kind else room / 2 if middle else 0)
        assert begin >= -0.2 and begin + room <= wide + 0.2, text.text
        assert 10 <= float(text.get("y", 0)) <= high
        lines.setdefault(text.get("y", ""), []).append((begin, begin + room))
    for found in lines.values():
        found.sort()
        assert all(one[1] <= other[0] + 0.2 for one, other in pairwise(found)), found
    assert picture.get("role") == "img"
    assert (picture.findtext("title") or "").strip()


def test_the_same_text_gives_the_same_bytes() -> None:
    assert drawn(mermaid.timeline(a_day()), "x") == drawn(mermaid.timeline(a_day()), "x")


def test_words_are_never_markup() -> None:
    text = 'pie\n    "</text><script>alert(1)</script>" : 1\n    "& onload=x" : 2\n'
    assert "</text><script>alert(1)</script>" in words(text)
    assert {each.tag for each in svg(text).iter()} == {"svg", "title", "text", "rect"}


# --- strokes ---------------------------------------------------------------------------------------


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.integers(2, 8))
@example(0.0, 0.0, 5)
@example(0.0, 5e-324, 5)
def test_round_figures_lie_around_all_others(low: float, more: float, most: int) -> None:
    marks = ticks(low, low + more, most)
    assert 2 <= len(marks) <= most + 2
    assert marks[0] <= low + 1e-3 and marks[-1] >= low + more - 1e-3
    assert marks == sorted(set(marks))


@pytest.mark.parametrize(("unit", "values", "exact", "words"), [
    ("in dollars", [0, 5, 10], False, "$10"), ("in dollars", [0, 5, 10], True, "$10.00"), ("USD", [0.5, 1], False,
     "$1.00"),
    ("$", [0, 0.01], False, "$0.0100"), ("", [0, 12], False, "12"), ("", [0, 0.5], False, "0.50"),
    ("", [2_500_000], False, "2,500k"), ("USD", [2_000_000], False, "$2,000k"), ("", [3e8], False, "300M"),
    ("", [2_500_000], True, "2,500,000"),
])  # fmt: skip
def test_figures_are_written_as_short_as_they_can_be(unit: str, values: list[float], exact: bool, words: str) -> None:
    assert figures(unit, values, exact)(values[-1]) == words


def test_words_are_cut_where_their_room_ends() -> None:
    assert cut("short", 100) == "short"
    assert cut("m" * 50, 100).endswith("m…")
    assert length(cut("m" * 50, 100)) <= 100
    assert length(cut("面" * 50, 100)) <= 100
