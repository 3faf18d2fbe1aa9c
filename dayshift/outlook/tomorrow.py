"""What the next day should know of money and of what was left: sentences that show their arithmetic. Pure.

Joins standing for where the budgets stand, forecast for what is left to spend on a task, decisions for what one waits
for.
"""

import calendar
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from dayshift.cost.standing import Standing
from dayshift.deciding import schedule
from dayshift.markdown import clean
from dayshift.model import Record
from dayshift.money import Pico, shown
from dayshift.outlook.forecast import Forecast
from dayshift.states import Cancelled, Done, Parked, ParkReason, Queued, Running, Verifying, Waiting

DAY_CAP = re.compile(r"the cap of \d{4}-\d{2}-\d{2}:")  #: how a task parked by a day's cap says so
PACE_DAYS = 7
MOST_ADDENDS = 6
LONGEST = 200  #: characters of what an agent asks or a run ended with


# --- what was left ---------------------------------------------------------------------------------


def unfinished(records: Iterable[Record]) -> tuple[Record, ...]:
    """The tasks that are neither done nor given up, by id; none that was rehearsed."""
    left = (each for each in records if not each.rehearsal and not isinstance(each.state, Done | Cancelled))
    return tuple(sorted(left, key=lambda each: each.id))


def why(record: Record, known: Mapping[str, Record]) -> str:
    """Why the task is not done, in one line of plain text."""
    match record.state:
        case Waiting(question=number):
            asked = next((each.text for each in record.questions if each.number == number), "")
            said = f"waits for your answer to question {number}: {asked}"
        case Queued():
            said = f"queued: {_behind(record, known)}"
        case Running() | Verifying():
            said = f"{record.state.name} when this was written"
        case state:
            said = f"{state.name}: {state.reason}" if state.reason else state.name
    line = " ".join(clean(said).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _behind(record: Record, known: Mapping[str, Record]) -> str:
    needed = [f"{each}, which is {known[each].state.name}" for each in schedule.unmet(record, known) if each in known]
    return f"it waits for {', '.join(needed)}" if needed else record.state.reason or "its turn did not come"


# --- money -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pace:
    """What the last days cost, today among them."""

    days: int
    cost: Pico

    @property
    def daily(self) -> Pico:
        return self.cost // self.days if self.days else 0


@dataclass(frozen=True, slots=True)
class Period:
    """A budget's stretch of time."""

    called: str
    last: date


def budget(
    standings: Sequence[Standing], today: date, pace: Pace, left: Mapping[str, Forecast], reached: str,
    cap: Pico | None,
) -> tuple[str, ...]:  # fmt: skip
    """Advice for the next day: today's cap if it was reached, what each period allows a day, what was left costs."""
    told = [reached] if reached else []
    told += [sentence for each in standings if (sentence := _allowance(each, today, pace))]
    return (*told, *_carried(standings, today, left, cap))


def reached(records: Iterable[Record], left: Mapping[str, Forecast], timezone: str) -> str:
    """When the day's cap was reached, and what waits for another day because of it; nothing if it was not."""
    capped = [each for each in records if isinstance(each.state, Parked) and _by_day_cap(each.state)]
    if not capped:
        return ""
    moment = min(each.state.since for each in capped).astimezone(ZoneInfo(timezone))
    behind = [each for each in records if isinstance(each.state, Queued)]
    amounts = [left[each.id].median for each in (*capped, *behind) if each.id in left]
    count, cost = _tasks(len(capped) + len(behind)), f" of likely {shown(sum(amounts))}" if amounts else ""
    waits = "waits" if len(capped) + len(behind) == 1 else "wait"
    return f"the day's cap was reached at {moment:%H:%M}: {count}{cost} {waits}"


def _by_day_cap(state: Parked) -> bool:
    return state.why is ParkReason.cap and DAY_CAP.match(state.detail) is not None


def _allowance(standing: Standing, today: date, pace: Pace) -> str:
    """What a month or a week still allows a day, beside what a day has cost of late."""
    period = _period(standing.window, today)
    if period is None or (days := (period.last - today).days) < 1:
        return ""
    taken = standing.settled + standing.elsewhere + standing.reserved
    if taken >= standing.cap:
        return f"{period.called} is spent: {shown(taken)} of {shown(standing.cap)}, {_days(days)} before it ends"
    left = standing.cap - taken
    rest = f"{shown(standing.cap)} − {shown(taken)} = {shown(left)}"  # noqa: RUF001 - a sign between numbers
    allows = f"{_days(days)} → {shown(left // days)} a day"
    return f"left for {period.called}: {rest}; {allows}{_at_that_pace(left, days, pace)}"


def _at_that_pace(left: Pico, days: int, pace: Pace) -> str:
    if not pace.daily:
        return ""
    of_late = f"the last {_days(pace.days)} cost {shown(pace.daily)} a day" if pace.days > 1 else (
        f"today cost {shown(pace.daily)}")  # fmt: skip
    lasts = left // pace.daily
    return f"; {of_late}" + (f": at that pace it lasts {_days(lasts)}" if lasts < days else "")


def _period(window: str, day: date) -> Period | None:
    """The month or week that window stands for, if the day lies in it."""
    year, week, _ = day.isocalendar()
    if window == f"month:{day:%Y-%m}":
        return Period(f"{day:%B}", day.replace(day=calendar.monthrange(day.year, day.month)[1]))
    if window == f"week:{year}-W{week:02d}":
        return Period(f"the week {year}-W{week:02d}", date.fromisocalendar(year, week, 7))
    return None


def _carried(
    standings: Sequence[Standing], today: date, left: Mapping[str, Forecast], cap: Pico | None
) -> Iterator[str]:  # fmt: skip
    """What the carry-over will likely cost, against what the next day has."""
    if not left:
        return
    amounts = [each.median for each in left.values() if each.median]
    beyond = [id for id, each in left.items() if not each.median]
    if not amounts:
        yield f"what was left has cost more than was likely, or all that its cap allows: {_named(beyond)}"
        return
    worst = sum(each.worst for each in left.values() if each.median)
    total = shown(sum(amounts))
    if 1 < len(amounts) <= MOST_ADDENDS:
        total = f"{' + '.join(map(shown, amounts))} = {total}"
    costs = f"what was left will likely cost {total} (worst decile {shown(worst)})"
    if beyond:
        costs += f", without {_named(beyond)}, which cost more than was likely, or all that the cap allows"
    room = min(_rooms(standings, today, cap), default=None)
    if room is None:
        yield costs
    elif sum(amounts) > room[0]:
        yield f"{costs}: {shown(sum(amounts) - room[0])} more than the {shown(room[0])} of {room[1]}"
    else:
        yield f"{costs}; {shown(room[0])} of {room[1]} leave {shown(room[0] - sum(amounts))} for the rest"


def _rooms(standings: Sequence[Standing], today: date, cap: Pico | None) -> Iterator[tuple[Pico, str]]:
    """What the next day may cost at most, by each budget that holds then as now, and what that is called."""
    if cap is not None:
        yield cap, "a day's cap"
    for each in standings:
        period = _period(each.window, today)
        if period and _period(each.window, today + timedelta(days=1)):
            yield each.left, period.called
        elif each.window == "total":
            yield each.left, each.called


def _named(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - MOST_ADDENDS} more" if len(ids) > MOST_ADDENDS else ""
    return f"{', '.join(ids[:MOST_ADDENDS])}{more}"


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def pace(charges: Mapping[date, Pico], today: date) -> Pace:
    """What the last days cost, from the first that cost anything at all, at most a week of them."""
    began = min((day for day, cost in charges.items() if cost and day <= today), default=today)
    first = max(began, today - timedelta(days=PACE_DAYS - 1))
    return Pace((today - first).days + 1, sum(cost for day, cost in charges.items() if first <= day <= today))
