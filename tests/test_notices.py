"""Notices: a share and a milestone each have a name of their own, so that each is told once."""

from decimal import Decimal

import pytest

from dayshift.money import from_usd
from dayshift.notices import bar, milestones, shares

SHARES = (Decimal("0.5"), Decimal("0.75"), Decimal("0.999"))


@pytest.mark.parametrize(
    ("spent", "told"),
    [
        ("4.99", []),
        ("5", ["50 %"]),
        ("7.49", ["50 %"]),
        ("7.5", ["50 %", "75 %"]),
        ("9.99", ["50 %", "75 %", "99.9 %"]),
    ],
)
def test_a_share_is_told_when_it_is_reached(spent: str, told: list[str]) -> None:
    found = list(shares("day:x", "today's cap", from_usd(spent), from_usd(10), SHARES))
    assert [notice.text.partition(" of ")[0] for notice in found] == told
    assert len({notice.name for notice in found}) == len(found)


def test_a_share_of_another_cap_or_another_window_is_another_notice() -> None:
    names = [next(shares(window, "it", from_usd(9), from_usd(cap), SHARES)).name
             for window, cap in (("day:x", 10), ("day:x", 11), ("day:y", 10), ("plan/day:x", 10))]  # fmt: skip
    assert len(set(names)) == 4


def test_milestones_that_are_passed_at_once_are_both_told() -> None:
    found = list(
        milestones("November 2026", "month:2026-11", from_usd("10.49"), None, (Decimal(5), Decimal(10), Decimal(15)))
    )
    assert [notice.text for notice in found] == [
        "$5.00 of November 2026 reached: $10.49 spent  [#############-------] 69 %",
        "$10.00 of November 2026 reached: $10.49 spent  [#############-------] 69 %",
    ]
    assert len({notice.name for notice in found}) == 2
    (capped,) = milestones("November 2026", "month:2026-11", from_usd(6), from_usd(60), (Decimal(5),))
    assert capped.text == "$5.00 of November 2026 reached: $6.00 of $60.00 spent  [##------------------] 10 %"
    assert list(milestones("November 2026", "month:2026-11", from_usd(6), None, ())) == []


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(0, 100, "[----] 0 %"), (24, 100, "[----] 24 %"), (25, 100, "[#---] 25 %"), (99, 100, "[###-] 99 %"),
     (100, 100, "[####] 100 %"), (130, 100, "[####] 130 %"), (0, 0, "[####] 100 %")],
)  # fmt: skip
def test_a_bar_is_full_from_a_hundred_percent_on_and_never_before(part: int, whole: int, shown: str) -> None:
    assert bar(part, whole, 4) == shown
