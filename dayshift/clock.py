"""The time, passed in wherever it matters so that a test can own it."""

import time
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """What the program may ask about time."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards; for durations only."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()


def rfc3339(moment: datetime) -> str:
    """`2026-11-20T09:00:00Z`: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def midnight(moment: datetime, timezone: str) -> datetime:
    """When the moment's calendar day began in that timezone."""
    here = moment.astimezone(ZoneInfo(timezone))
    return here.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def day_of(moment: datetime, timezone: str) -> date:
    """The calendar day the moment belongs to in that timezone."""
    return moment.astimezone(ZoneInfo(timezone)).date()
