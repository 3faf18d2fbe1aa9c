"""Periods: weeks as ISO has them, also over a year's end, and months; what is neither is refused."""

from datetime import date, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.recaps.period import Period


@pytest.mark.parametrize(
    ("text", "first", "last", "before", "called"),
    [
        ("2026-11", "2026-11-01", "2026-11-30", "2026-10", "November 2026"),
        ("2027-01", "2027-01-01", "2027-01-31", "2026-12", "January 2027"),
        ("2028-02", "2028-02-01", "2028-02-29", "2028-01", "February 2028"),
        ("2026-W47", "2026-11-16", "2026-11-22", "2026-W46", "week 2026-W47, 16 to 22 November 2026"),
        ("2026-W49", "2026-11-30", "2026-12-06", "2026-W48", "week 2026-W49, 30 November to 6 December 2026"),
        ("2026-W53", "2026-12-28", "2027-01-03", "2026-W52", "week 2026-W53, 28 December 2026 to 3 January 2027"),
        ("2027-W01", "2027-01-04", "2027-01-10", "2026-W53", "week 2027-W01, 4 to 10 January 2027"),
        ("2025-W01", "2024-12-30", "2025-01-05", "2024-W52", "week 2025-W01, 30 December 2024 to 5 January 2025"),
    ],
)
def test_a_period_knows_its_days_and_the_one_before(text: str, first: str, last: str, before: str, called: str) -> None:
    found = Period.parse(text)
    assert (str(found.first), str(found.last), str(found.before), found.called) == (first, last, before, called)


@given(st.dates(date(1001, 1, 1), date(2999, 1, 1)), st.sampled_from(["week", "month"]))
def test_every_day_is_in_the_period_that_says_so(day: date, kind: Literal["week", "month"]) -> None:
    found = Period.of(day, kind)
    assert found.first <= day <= found.last
    assert Period.parse(str(found)) == found
    assert found.before.last == found.first - timedelta(days=1)


@pytest.mark.parametrize(
    "text",
    ["2027-W53", "2026-W00", "2026-W54", "2026-13", "2026-00", "2026-W7", "2026-1", "26-11", "2026-11-20", "0026-11",
     "2026-w47", "", "next week", "٢٠٢٦-11", "2026-11\n"],
)  # fmt: skip
def test_what_is_no_period_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="is no week, such as 2026-W47, and no month, such as 2026-11"):
        Period.parse(text)
