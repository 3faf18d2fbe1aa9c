"""The hour of the report: when it has come, and on which day. Once a day, whatever the clock does. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


class ReportHour:
    """One daemon's. An hour that a summer's clock passes over comes right after; one that it repeats comes once."""

    def __init__(self, at: time, timezone: str) -> None:
        self._at, self._timezone = at, ZoneInfo(timezone)
        self._looked: datetime | None = None
        self._taken: set[date] = set()

    def come(self, now: datetime) -> datetime | None:
        """The latest hour that has come and was not taken: today's; or yesterday's, if the machine slept over it."""
        before, self._looked = self._looked, now
        here = now.astimezone(self._timezone)
        hour = self._on(here.date())
        if here.replace(tzinfo=None) < hour.replace(tzinfo=None):  # by the clock on the wall, as a person reads it
            hour = self._on(here.date() - timedelta(days=1))
            if before is None or before >= hour.astimezone(UTC):
                return None
        return None if hour.date() in self._taken else hour

    def take(self, hour: datetime) -> None:
        """It has been seen to: that day has no other."""
        self._taken.add(hour.date())

    def _on(self, day: date) -> datetime:
        return datetime.combine(day, self._at, self._timezone)
