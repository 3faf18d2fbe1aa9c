"""How long the commands of the evening take after a hundred days of ten tasks, beside the bare interpreter."""

import argparse
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from bench.commands import compare
from dayshift import records
from dayshift.cost.booking import Admitted, Reservation
from dayshift.cost.budgets import day_window, task_window
from dayshift.day_facts import AuditLine, DayFacts
from dayshift.evidence import Check, DiffStat
from dayshift.home import Home
from dayshift.model import Record, Task, Tokens, Usage
from dayshift.money import from_usd
from dayshift.reporting import archive
from dayshift.states import Done
from metrics import Ledger

FIRST, DAYS, TASKS = date(2026, 8, 1), 100, 10
LAST = FIRST + timedelta(days=DAYS - 1)
REQUESTS = 10  #: of each task
COMMANDS = (["stats"], ["days"], ["lessons"], ["feedback", "--show"], ["report", str(LAST)],
            ["report", str(LAST), "--html"])  # fmt: skip


def fill(home: Home) -> None:
    """A home after all of these days: records put by, spending, facts of each day, feedback with a rule a day."""
    home.make_folders()
    ledger = Ledger.open(home.ledger(rehearsal=False))
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        tasks = tuple(_tasks(day))
        for record in tasks:
            records.put_by(home, record)
            for _ in range(REQUESTS):
                _book(ledger, record)
        archive.keep(home, _facts(day, tasks))
        (home.feedback / f"{day}.md").write_text(_said(tasks, number))
    ledger.close()


def _tasks(day: date) -> Iterator[Record]:
    noon = datetime.combine(day, time(12), UTC)
    for number in range(TASKS):
        task = Task(f"task-{number}", f"Paginate list {number}", "words", "sonnet", module=f"module-{number % 3}")
        checks = (Check("validate", "pytest -q", 0, "", 2.0), Check("deliverable", "src/list.py", 0))
        yield Record(task, day, "/src/shop", Done(noon), noon, runs=1, started_at=noon, ended_at=noon, checks=checks,
                     review="accepted", claim="Done.")  # fmt: skip


def _book(ledger: Ledger, record: Record) -> None:
    day, moment = record.day, record.created_at
    windows = {day_window(day): from_usd(50), task_window(day, record.id): from_usd(5)}
    request = Reservation(
        record.id, 1, day, "claude-sonnet-5-5", "shipped", from_usd("0.01"), windows, moment, "session"
    )
    outcome = ledger.reserve(request)
    assert isinstance(outcome, Admitted), outcome
    ledger.settle(outcome.id, Usage("claude-sonnet-5-5", Tokens(10, 200)), from_usd("0.004"), "req", moment)


def _facts(day: date, tasks: tuple[Record, ...]) -> DayFacts:
    return DayFacts(
        date=day, project="/src/shop", rehearsal=False, cap=from_usd(50), spent=from_usd("0.4"), reserved=0,
        by_model=(), by_task=(), records=tasks, diffs={each.id: DiffStat(1, 9, 1, ("src/list.py",)) for each in tasks},
        audit=AuditLine(True, (), TASKS), layers=("sandbox",), guarantee="", dirty_tree=False, cap_reached=False,
        started_at=tasks[0].started_at, ended_at=tasks[0].ended_at,
    )  # fmt: skip


def _said(tasks: tuple[Record, ...], number: int) -> str:
    ratings = "".join(f"## {each.id}\nRating: {3 + number % 3}\nWhat worked: it was small.\n\n" for each in tasks)
    return f"{ratings}## All\nRule for next time: mind case {number}.\n"


def main() -> None:
    """Fill a home and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="processes of each kind")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        fill(Home(Path(name)))
        compare(Home(Path(name)), COMMANDS, given.runs)


if __name__ == "__main__":
    main()
