"""The day's picture: what goes where on it, and that it is drawn for any day, the same each time, quietly."""

import warnings
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest

from dayshift.money import from_usd
from dayshift.notifying.closing import Undrawn, drawn
from dayshift.records import STATES
from dayshift.reporting.painting import BARS, ENDS, MOST_ROWS
from dayshift.reporting.painting import drawn as painted
from dayshift.reporting.picture import (
    UNKNOWN,
    Bar,
    Facts,
    Row,
    curve,
    cut,
    drawable,
    from_json,
    lines_of,
    span,
    to_json,
)

EIGHT_PM = datetime(2026, 11, 20, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
STRANGE = "Ümläute, $5 off $10, 日本語, 🎉, \u202egnirts\u202c, \x00 \x1b[31m and on it goes for ever and ever and ever"


def row(number: int, state: str = "done", hours: float = 1) -> Row:
    states = ("queued", "running", "waiting", "running", "parked", "verifying")
    begin, part = EIGHT_PM + number * HOUR / 20, hours * HOUR / len(states)
    bars = tuple(Bar(each, begin + place * part, begin + (place + 1) * part) for place, each in enumerate(states))
    return Row(f"task-{number:03d} {STRANGE}", "$1.20", state, begin + hours * HOUR, bars)


def facts(*rows: Row, cap: str | None = "50", charges: int = 0, until: datetime = EIGHT_PM) -> Facts:
    booked = tuple((EIGHT_PM + place * HOUR / 10, from_usd("0.25")) for place in range(charges))
    title = ("2026-11-20", "5 done, 1 failed", "$12.34 of $50.00")
    return Facts(title, "Europe/Berlin", from_usd(cap) if cap else None, booked, rows, until)


DAYS = {
    "nothing at all": facts(cap=None),
    "no spend": facts(row(1)),
    "one task of no length": facts(Row("a", "$0.00", "cancelled", EIGHT_PM)),
    "unknown cost": facts(Row("a", "unknown", "failed", EIGHT_PM), cap=None),
    "over midnight": facts(row(1, hours=9), row(2, "failed", 12), charges=100, until=EIGHT_PM + 12 * HOUR),
    "a month": facts(row(1, hours=700), charges=30),
    "seconds": facts(row(1, hours=0.002), cap="0.01", charges=1),
    "more than the cap": facts(row(1), cap="1", charges=40),
    "forty tasks": facts(*(row(n, state) for n, state in zip(range(40), [*STATES] * 5, strict=False)), charges=300),
    "too many tasks": facts(*map(row, range(MOST_ROWS + 5))),
}


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_every_day_can_be_drawn_in_the_width_of_a_phone(day: Facts) -> None:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a character the font has not, of an axis without length
        png = painted(from_json(to_json(day)))
    with Image.open(BytesIO(png)) as image:
        assert image.width == 1080 and 1350 <= image.height <= 5000
        assert "Software" not in image.info


async def test_the_same_facts_give_the_same_bytes_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    person = tmp_path / "person"
    person.mkdir()
    monkeypatch.setenv("HOME", str(person))
    assert await drawn(DAYS["over midnight"]) == painted(DAYS["over midnight"])
    assert [*tmp_path.iterdir()] == [person] and [*person.iterdir()] == []


async def test_a_picture_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(Undrawn, match="longer than 0 seconds"):
        await drawn(DAYS["no spend"], patience=0.01)


async def test_a_picture_that_fails_says_why() -> None:
    with pytest.raises(Undrawn, match="nowhere"):
        await drawn(Facts(("x",), "nowhere", None, (), (), EIGHT_PM))


def test_every_state_has_a_bar_or_a_mark() -> None:
    assert {*BARS} | {*ENDS} == {*STATES}


def test_the_curve_is_the_sum_of_the_charges() -> None:
    moments, amounts = curve(facts(charges=3, until=EIGHT_PM + 5 * HOUR))
    assert amounts == [0, 0.25, 0.5, 0.75, 0.75]
    assert moments[-1] == EIGHT_PM + 5 * HOUR
    assert curve(facts())[1] == [0, 0]


def test_a_day_of_no_length_is_drawn_as_a_minute() -> None:
    begin, end = span(facts())
    assert end - begin == timedelta(minutes=1)


def test_the_facts_come_through_the_pipe_unchanged() -> None:
    assert from_json(to_json(DAYS["forty tasks"])) == DAYS["forty tasks"]


def test_a_title_takes_as_many_lines_as_it_needs() -> None:
    assert lines_of(("2026-11-20", "5 done", "$1.00 of $5.00")) == ["2026-11-20 · 5 done · $1.00 of $5.00"]
    assert lines_of(("a" * 30, "b" * 30)) == ["a" * 30, "b" * 30]
    assert lines_of(("a" * 90,), 10) == ["aaaaaaaaa…"]


def test_a_name_is_cut_to_one_line() -> None:
    assert cut("two\n lines", 9) == "two lines"
    assert cut("a name too long", 8) == "a name…"


def test_a_box_stands_for_what_the_font_has_not() -> None:
    assert drawable("a🎉b", [ord("a"), ord("b")]) == f"a{UNKNOWN}b"
