"""A week or a month: how it is written, which days it has, which one was before it. Standard library only."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

_WRITTEN = re.compile(r"([12]\d{3})-(?:W(\d\d)|(\d\d))", re.ASCII)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From its first day to its last, both in it."""

    kind: Literal["week", "month"]
    first: date
    last: date

    @classmethod
    def parse(cls, text: str) -> "Period":
        """From `2026-W47`, an ISO week, or `2026-11`; ValueError for anything else."""
        found = _WRITTEN.fullmatch(text)
        try:
            if found is None:
                raise ValueError(text)
            year, week, month = (int(part) if part else 0 for part in found.groups())
            first = date.fromisocalendar(year, week, 1) if week or not found[3] else date(year, month, 1)
        except ValueError:
            raise ValueError(f"{text!r} is no week, such as 2026-W47, and no month, such as 2026-11") from None
        return cls._from(first, "week" if found[2] else "month")

    @classmethod
    def of(cls, day: date, kind: Literal["week", "month"]) -> "Period":
        """The one the day is in."""
        return cls._from(day - (day.weekday() if kind == "week" else day.day - 1) * _DAY, kind)

    @classmethod
    def _from(cls, first: date, kind: Literal["week", "month"]) -> "Period":
        length = 7 if kind == "week" else monthrange(first.year, first.month)[1]
        return cls(kind, first, first + (length - 1) * _DAY)

    def __str__(self) -> str:
        if self.kind == "week":
            return "{}-W{:02}".format(*self.first.isocalendar())
        return f"{self.first:%Y-%m}"

    @property
    def before(self) -> "Period":
        """The one before it."""
        return Period.of(self.first - _DAY, self.kind)

    @property
    def called(self) -> str:
        """`November 2026`, or `week 2026-W47, 16 to 22 November 2026`."""
        if self.kind == "month":
            return f"{self.first:%B %Y}"
        first, last = self.first, self.last
        month = "" if (first.year, first.month) == (last.year, last.month) else f" {first:%B}"
        year = "" if first.year == last.year else f" {first.year}"
        return f"week {self}, {first.day}{month}{year} to {last.day} {last:%B %Y}"
