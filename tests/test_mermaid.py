"""The diagrams: every line is of a shape that Mermaid's grammar has, whatever the names; and their size is bounded."""

import re
from datetime import timedelta
from itertools import pairwise

import pytest

from dayshift.day_facts import DayFacts
from dayshift.model import Stretch
from dayshift.money import from_usd
from dayshift.reporting.mermaid import MOST_BARS, MOST_POINTS, MOST_TASKS, inert, models, shares, spend, timeline
from tests.day_examples import ATTACK, DAYS, NINE, PATHS, at, costs, course, day, finished, forty, stretch

NAME = r"[^\s\-_./\"';:#%`<>{}\[\]()|\\,&=*~^$][^\n\"';:#%`<>{}\[\]()|\\,&=*~^$]*"
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?"
NUMBER = r"\d+(?:\.\d+)?"
NUMBERS = rf"{NUMBER}(?:, {NUMBER})*"
# What is written of each kind, line by line, after its front matter.
GRAMMAR = {
    "gantt": (
        r"    dateFormat YYYY-MM-DD HH:mm(?::ss)?", r"    axisFormat %(?:d %b %)?H:%M(?::%S)?", r"    todayMarker off",
        rf"    section {NAME}, [a-z]+", rf"    (?:[a-z]+|·) :(?:(?:active|done|crit), )?[a-z]+-\d+, {MOMENT}, {MOMENT}",
    ),
    "xychart-beta": (
        rf'    x-axis "(?:hour of the day|minutes from \d\d:\d\d), {NAME}" {NUMBER} --> {NUMBER}',
        rf'    y-axis "US dollars" 0 --> {NUMBER}', rf"    line \[{NUMBERS}\]",
    ),
    "pie showData": (r"    title [\w, ]+", rf'    "(?:{NAME}|\(\d+ others\))" : {NUMBER}'),
}  # fmt: skip
FRONT = re.compile(r"---\n(?:displayMode: compact\n)?config:\n(?:  +\w+:(?: [\w\"#, ]+)?\n)+---\n")
LIMIT = 50_000  #: characters, which Mermaid draws by default


def drawn(facts: DayFacts) -> list[str]:
    return [text for text in (timeline(facts), spend(facts), shares(facts), models(facts)) if text]


def strange(text: str) -> list[str]:
    """The lines that Mermaid might not understand."""
    head, *lines = FRONT.sub("", text, count=1).split("\n")
    return [line for line in lines if not any(re.fullmatch(shape, line) for shape in GRAMMAR[head])]


def bars(text: str) -> list[tuple[str, str]]:
    return re.findall(rf"({MOMENT}), ({MOMENT})$", text, re.MULTILINE)


@pytest.mark.parametrize("name", DAYS)
def test_every_line_is_of_a_shape_of_the_grammar(name: str) -> None:
    for text in drawn(DAYS[name]()):
        assert strange(text) == []
        assert len(text) < LIMIT


def test_the_grammar_of_this_test_refuses_what_mermaid_does() -> None:
    assert strange("gantt\n    section a:b, done\n    x :1, 2026-11-20 09:00, 2026-11-20 09:01\n") != []
    assert len(strange('pie showData\n    "a"b" : 1\n    "a" : -1\n    "a" : 1e3\n    %%{init}%%')) == 4
    assert len(strange("xychart-beta\n    line []\n    line [1 2]\n    line [1e9]")) == 3


@pytest.mark.parametrize("text", [
    *PATHS, ATTACK, 'a"b', "a;b", "a:b", "#quot;", "%%{init: {}}%%", "<b>", "`x`", "end", "a\nsection b", "title x",
    "日本語 🎉", "שלום", "e\u0301", "",
    "   ", ";;;", "__proto__", "click a call b()", "{a}", "[a]", "(b)", "\u2028", "\u202e",
])  # fmt: skip
def test_no_name_becomes_syntax(text: str) -> None:
    assert set("\"';:#%`<>{}[]()|\\\n,&=*~^$") & set(inert(text)) == set()
    facts = day(finished("task-1", "x"), finished("task-2", "y"), **costs({text: "1", "task-2": "1"}, text),
                stretches={"task-1": (Stretch(text, at(0), at(9)),)}, course=course((1, "1")))  # fmt: skip
    assert [line for diagram in drawn(facts) for line in strange(diagram)] == []


def test_a_day_without_time_or_money_is_not_drawn() -> None:
    assert drawn(DAYS["empty"]()) == []
    assert drawn(day(finished("task-1", "x"), **costs({"task-1": "0"}))) == []


def test_one_cost_alone_is_no_pie_and_an_unknown_one_no_slice() -> None:
    assert shares(day(finished("task-1", "x"), **costs({"task-1": "1", "task-2": None}))) == ""
    assert '    "task-3" : 0.25' in shares(day(**costs({"task-1": "1", "task-2": None, "task-3": "0.25"})))


def test_many_slices_are_one() -> None:
    text = shares(forty())
    assert text.count('" : ') == 9
    rest = re.findall(r'"\(32 others\)" : (.*)', text)
    assert len(rest) == 1 and float(rest[0]) > 0


def test_waits_are_marked_and_bars_follow_each_other() -> None:
    text = timeline(DAYS["all_done"]())
    assert "    section task-2, done\n" in text
    assert "    waiting :crit, waiting-5, 2026-11-20 09:40:00, 2026-11-20 09:52:00\n" in text
    of_two = bars(text.split("section task-2")[1].split("section")[0])
    assert all(before[1] == after[0] for before, after in pairwise(of_two))


def test_a_task_that_changed_its_state_all_day_shows_its_longest_stretches() -> None:
    parts: list[tuple[str, float, float]] = [
        (("running", "parked")[number % 2], number * 2, number * 2 + 2) for number in range(300)
    ]
    parts[17] = ("waiting", 34, 35.5)
    text = timeline(day(finished("task-1", "x"), stretches={"task-1": stretch(*parts, ("waiting", 600, 700))}))
    assert len(bars(text)) == MOST_BARS
    assert ("2026-11-20 19:00", "2026-11-20 20:40") in bars(text)


def test_so_many_tasks_are_drawn_and_no_more() -> None:
    many = [finished(f"task-{number}-with-a-very-long-name-that-is-cut", "x") for number in range(MOST_TASKS + 20)]
    parts = stretch(*((("running", "queued")[each % 2], each * 60, each * 60 + 60) for each in range(MOST_BARS + 2)))
    text = timeline(day(*many, stretches={each.id: parts for each in many}))
    assert text.count("section ") == MOST_TASKS
    assert len(text) < LIMIT


def test_a_short_day_is_drawn_by_the_second_and_a_long_one_with_its_dates() -> None:
    assert "axisFormat %H:%M:%S" in timeline(DAYS["rehearsal"]())
    long = timeline(day(finished("task-1", "x"), stretches={"task-1": stretch(("running", 0, 3000.5))}))
    assert "axisFormat %d %b %H:%M\n" in long
    assert bars(long) == [("2026-11-20 09:00", "2026-11-22 11:00")]


def test_what_is_shorter_than_the_raster_is_still_there() -> None:
    both = {"task-1": stretch(("running", 0, 300)), "task-2": stretch(("running", 5, 5.1))}
    text = timeline(day(finished("task-1", "x"), finished("task-2", "y"), stretches=both))
    assert bars(text)[1] == ("2026-11-20 09:05", "2026-11-20 09:06")


def test_no_clock_goes_back_when_summer_ends() -> None:
    night = NINE.replace(month=10, day=24, hour=23, minute=30)
    parts = tuple(Stretch("running", night + timedelta(hours=n), night + timedelta(hours=n + 1)) for n in range(4))
    text = timeline(day(finished("task-1", "x"), stretches={"task-1": parts}, timezone="Europe/Berlin"))
    assert bars(text)[0][0] == "2026-10-25 01:30"
    assert [moment for bar in bars(text) for moment in bar] == sorted(moment for bar in bars(text) for moment in bar)


def test_the_curve_rises_to_what_was_spent_under_the_line_of_the_cap() -> None:
    facts = day(finished("task-1", "x"), cap=from_usd("5"), ended_at=at(480),
                course=course(*((number / 10, "0.001") for number in range(4800))))  # fmt: skip
    spent, cap = ([float(each) for each in line.split(", ")] for line in re.findall(r"line \[(.*)\]", spend(facts)))
    assert len(spent) == len(cap) == MOST_POINTS
    assert spent == sorted(spent) and spent[-1] == 4.8
    assert abs(spent[MOST_POINTS // 2] - 2.4) < 0.1
    assert set(cap) == {5.0}
    assert 'x-axis "hour of the day, UTC" 9 --> 17\n' in spend(facts)
    assert 'y-axis "US dollars" 0 --> 5.5\n' in spend(facts)


def test_without_a_cap_there_is_one_line() -> None:
    assert spend(day(finished("task-1", "x"), cap=None, course=course((1, "0.1")))).count("line [") == 1
