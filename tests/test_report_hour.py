"""The hour of the report comes once a day: over restarts, steps of the clock, suspends, summer and winter time."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from dayshift.notifying.report_hour import ReportHour

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
SIX = time(18)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Evenings:
    """Looks at the hour whenever time goes on, and notes the days on which it came."""

    def __init__(self, start: datetime, at: time = SIX, timezone: str = "UTC") -> None:
        self.hour, self.now, self.days = ReportHour(at, timezone), start.astimezone(UTC), list[date]()
        self.goes_on(timedelta())

    def goes_on(self, much: timedelta, step: timedelta | None = None) -> "Evenings":
        """So much time passes, or the clock jumps by it if no step is given."""
        end = self.now + much
        while True:
            self.now = min(end, self.now + step) if step else end
            if (hour := self.hour.come(self.now)) is not None:
                self.hour.take(hour)
                self.days.append(hour.date())
            if self.now >= end or not step:
                return self


@pytest.mark.parametrize("timezone", ZONES)
@pytest.mark.parametrize("at", [time(0), time(1, 45), time(2, 15), time(2, 30), SIX, time(23, 59)])
def test_a_year_has_one_hour_for_each_of_its_days(timezone: str, at: time) -> None:
    begin = datetime(2026, 1, 1, tzinfo=ZoneInfo(timezone))
    evenings = Evenings(begin - timedelta(minutes=1), at, timezone)
    evenings.days.clear()
    for _ in range(365):
        there = evenings.now.astimezone(ZoneInfo(timezone))
        changes = there.utcoffset() != (there + 2 * DAY).utcoffset()
        evenings.goes_on(DAY, timedelta(minutes=7) if changes else 8 * HOUR)
    whole = [date(2026, 1, 1) + number * DAY for number in range(365)]
    assert evenings.days in (whole, whole[:364])


@pytest.mark.parametrize("step", [HOUR, -HOUR, DAY, -DAY])
def test_a_step_of_the_clock_never_brings_a_day_twice(step: timedelta) -> None:
    evenings = Evenings(datetime(2026, 11, 20, 17, 30, tzinfo=UTC))
    evenings.goes_on(HOUR, timedelta(minutes=10)).goes_on(step).goes_on(2 * DAY, timedelta(minutes=10))
    evenings.goes_on(-step).goes_on(DAY, timedelta(minutes=10))
    assert len(set(evenings.days)) == len(evenings.days)
    assert date(2026, 11, 20) in evenings.days


def test_a_machine_that_slept_over_the_hour_hears_of_the_last_one_when_it_wakes() -> None:
    evenings = Evenings(datetime(2026, 11, 20, 17, tzinfo=UTC))
    assert evenings.days == []
    assert evenings.goes_on(timedelta(hours=16)).days == [date(2026, 11, 20)]
    assert evenings.goes_on(timedelta(days=3)).days == [date(2026, 11, 20), date(2026, 11, 23)]
    assert evenings.goes_on(timedelta(hours=10)).days[2:] == [date(2026, 11, 24)]


def test_who_begins_in_the_morning_is_not_told_of_the_evening_before() -> None:
    assert Evenings(datetime(2026, 11, 21, 9, tzinfo=UTC)).days == []


def test_who_begins_after_the_hour_has_it_at_once() -> None:
    assert Evenings(datetime(2026, 11, 20, 19, tzinfo=UTC)).days == [date(2026, 11, 20)]
