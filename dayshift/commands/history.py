"""How `logs --timeline` shows a task's history: every state with its time, reason and cost, and what happened in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dayshift import records
from dayshift.clock import SystemClock
from dayshift.commandline import BAD_ENVIRONMENT, Failure
from dayshift.cost.statement import statement
from dayshift.home import Home
from dayshift.logbook.timeline import OVER
from dayshift.markdown import clean
from dayshift.model import Record
from dayshift.money import shown
from dayshift.reporting import task_history
from dayshift.reporting.task_history import Happening, Stay

LONGEST = 160  #: characters of somebody's text


@dataclass(frozen=True, slots=True)
class History:
    """One task's, as it stands."""

    record: Record
    stays: tuple[Stay, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it for machines."""
        return task_history.to_json(self.record, self.stays)

    def as_lines(self) -> Iterator[str]:
        """All of it for eyes; times are UTC."""
        record = self.record
        yield f"{record.id}  {_line(record.task.name)}{'  (rehearsal)' if record.rehearsal else ''}"
        told = list(task_history.happenings(record))
        for number, stay in enumerate(self.stays):
            if number == 0 or stay.day != self.stays[number - 1].day:
                yield f"\nday file of {stay.day}"
            yield _stay(stay)
            ends = self.stays[number + 1].at if number + 1 < len(self.stays) else None
            while told and (ends is None or told[0].at < ends):
                yield _happening(told.pop(0))
        yield "\n" + "; ".join(self._sums())

    def _sums(self) -> Iterator[str]:
        """What it comes to."""
        spent: dict[str, float] = {}
        for stay in self.stays:
            spent[stay.state] = spent.get(stay.state, 0.0) + stay.seconds
        yield ", ".join(f"{state} {_duration(seconds)}" for state, seconds in spent.items() if state not in OVER)
        yield f"{_count(self.record.runs, 'run')}, attempt {self.record.attempt}"
        yield f"{shown(self.stays[-1].cost_so_far)} in all"
        if blocked := len(self.record.blocked):
            yield f"{_count(blocked, 'command')} refused"


def gathered(home: Home, task_id: str) -> History:
    """The history of that task; a Failure if its record cannot be read."""
    known, broken = records.load_all(home)
    if task_id not in known:
        cure = "`dayshift doctor` tells more" if f"{task_id}.json" in broken else "it was taken away"
        raise Failure(f"the record of {task_id} cannot be read; {cure}", BAD_ENVIRONMENT)
    record = known[task_id]
    with statement(home.ledger(record.rehearsal)) as ledger:
        return History(record, task_history.stays(home, record, ledger, SystemClock().now()))


def _stay(stay: Stay) -> str:
    facts = [stay.state.ljust(9), ("" if stay.state in OVER else _duration(stay.seconds)).rjust(8)]
    run = f"run {stay.run}" if stay.state == "running" and stay.run else ""
    again = f"attempt {stay.attempt}" if stay.state == "running" and stay.attempt > 1 else ""
    cost = shown(stay.cost) if stay.cost else ""
    return "  ".join([_moment(stay.at), *facts, *filter(None, (run, again, cost, _line(stay.reason)))]).rstrip()


def _happening(each: Happening) -> str:
    by = f" ({_line(each.by)})" if each.by else ""
    return f"{_moment(each.at)}    {each.kind}{by}: {_line(each.text)}"


def _line(text: str) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def _duration(seconds: float) -> str:
    """`42s`, `4m07s`, `1h04m`, `3d02h`."""
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24}d{hours % 24:02d}h"
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{left:02d}s" if minutes else f"{left}s"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
