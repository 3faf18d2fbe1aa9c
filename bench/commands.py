"""How long the reading commands take as whole processes, beside the bare interpreter they run on."""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from dayshift import files
from dayshift.conversation import Question
from dayshift.cost.booking import Admitted, Reservation
from dayshift.cost.budgets import day_window, task_window
from dayshift.home import Home
from dayshift.mailbox.questions import Mailbox
from dayshift.mailbox.status import TaskSpend, status_facts
from dayshift.model import Record, Task, Tokens, Usage
from dayshift.money import from_usd
from dayshift.states import Running, Waiting
from metrics import Ledger

PROGRAM = Path(__file__).parent.parent / "orchestrator.py"
DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TASKS = 20
REQUESTS = 50  #: of each task
LOG_LINES = 1000
COMMANDS = (["status"], ["status", "--json"], ["questions"], ["logs", "task-1"], ["cost", "--by", "task"], ["report"])


def fill(home: Home) -> None:
    """A home in the middle of a day: twenty tasks, every fourth waits for an answer, a thousand requests booked."""
    home.make_folders()
    for number in range(1, TASKS + 1):
        _add(home, f"task-{number}", asks=number % 4 == 0)
    (home.results / f"{DAY}-report.md").write_text("A line of a report.\n" * 400)
    ledger = Ledger.open(home.ledger(rehearsal=False))
    for number in range(TASKS * REQUESTS):
        _book(ledger, f"task-{number % TASKS + 1}")
    ledger.close()


def _add(home: Home, task_id: str, asks: bool) -> None:
    question = Question(task_id, 1, "How many orders per page?", NOON, ("twenty", "fifty"))
    state = Waiting(NOON, 1) if asks else Running(NOON, 1)
    task = Task(task_id, "Paginate the orders list", "words", "sonnet")
    record = Record(task, DAY, "/src/shop", state, NOON, started_at=NOON, questions=(question,) if asks else ())
    spend = TaskSpend(from_usd("1.25"), 0, from_usd("5"), Tokens(10, 20, 30), REQUESTS, 0)
    facts = status_facts(record, spend, "editing list.py", NOON)
    files.write_json(home.status / f"{task_id}.json", facts, durable=False)
    (home.logs / f"{task_id}.log").write_text("2026-11-20T12:00:00Z run 1: Bash pytest -q tests/orders\n" * LOG_LINES)
    if asks:
        Mailbox(home).publish(question)


def _book(ledger: Ledger, task_id: str) -> None:
    windows = {day_window(DAY): from_usd(50), task_window(DAY, task_id): from_usd(5)}
    request = Reservation(task_id, 1, DAY, "claude-sonnet-5-5", "shipped", from_usd("0.01"), windows, NOON, "session")
    outcome = ledger.reserve(request)
    assert isinstance(outcome, Admitted), outcome
    ledger.settle(outcome.id, Usage("claude-sonnet-5-5", Tokens(10, 200)), from_usd("0.004"), "req", NOON)


def seconds(argv: Sequence[str | Path], folder: Path) -> float:
    """How long the process takes from its start to its end."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    began = time.perf_counter()
    subprocess.run(argv, env=environment, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def compare(home: Home, commands: Sequence[Sequence[str]], runs: int) -> None:
    """Measure all in turns, so that whatever else the machine does meets each of them alike."""
    calls: dict[str, list[str]] = {"floor: python -c pass": [sys.executable, "-c", "pass"]}
    calls |= {" ".join(words): [sys.executable, str(PROGRAM), "--home", str(home.root), *words] for words in commands}
    taken: dict[str, list[float]] = {call: [] for call in calls}
    for argv in calls.values():
        seconds(argv, home.root)  # the first run compiles
    for _ in range(runs):
        for call, argv in calls.items():
            taken[call].append(seconds(argv, home.root))
    floor = statistics.median(taken["floor: python -c pass"])
    for call, times in taken.items():
        middle = statistics.median(times)
        figures = f"median {middle * 1e3:5.0f} ms   max {max(times) * 1e3:5.0f} ms"
        print(f"{call:24} {figures}   {middle / floor:5.1f} times the floor")


def main() -> None:
    """Fill a home and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="processes of each kind")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        fill(Home(Path(name)))
        compare(Home(Path(name)), COMMANDS, given.runs)


if __name__ == "__main__":
    main()
