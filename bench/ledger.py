"""What durability costs: reserve and settle, beside the bare commits that any durable ledger must make."""

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from dayshift.model import Tokens, Usage
from metrics import Admitted, Ledger, Reservation, day_window, task_window

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
USAGE = Usage("claude-sonnet-5-5", Tokens(10, 200, 14_000, 300), raw={"input_tokens": 10, "output_tokens": 200})


def spending(folder: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    """One step: a request reserved and settled in a day's and a task's budget; and how to end."""
    ledger = Ledger.open(folder / "ledger.sqlite3")
    windows = {day_window(DAY): 10**15, task_window(DAY, "task-001"): 10**15}
    request = Reservation("task-001", 1, DAY, "claude-sonnet-5-5", "shipped", 10**6, windows, NOON, "session")

    def step() -> None:
        outcome = ledger.reserve(request)
        assert isinstance(outcome, Admitted), outcome
        ledger.settle(outcome.id, USAGE, 10**5, "req", NOON)

    return step, ledger.close


def floor(folder: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    """One step: the two commits without the bookkeeping, one row each."""
    bare = sqlite3.connect(folder / "floor.sqlite3", isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    bare.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT)")

    def step() -> None:
        for _ in range(2):
            bare.execute("BEGIN IMMEDIATE")
            bare.execute("INSERT INTO row (text) VALUES (?)", ("a row of about the same length" * 4,))
            bare.execute("COMMIT")

    return step, bare.close


def timed(step: Callable[[], None], pairs: int) -> list[float]:
    """Seconds of each step."""
    seconds = []
    for _ in range(pairs):
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
    return seconds


def line(name: str, seconds: list[float]) -> str:
    """Pairs per second, median and 99th percentile in milliseconds."""
    p99 = sorted(seconds)[len(seconds) * 99 // 100]
    rate = len(seconds) / sum(seconds)
    return f"{name:24} {rate:8.0f} pairs/s   p50 {statistics.median(seconds) * 1e3:6.3f} ms   p99 {p99 * 1e3:6.3f} ms"


def main() -> None:
    """Measure both in turns, in the same folder, so that both meet the same disk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2000, help="steps of each kind")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    given = parser.parse_args()
    ours: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        spend, end_spending = spending(Path(name))
        commit, end_floor = floor(Path(name))
        for _ in range(10):
            ours += timed(spend, given.pairs // 10)
            bare += timed(commit, given.pairs // 10)
        end_spending()
        end_floor()
    print(line("reserve + settle", ours))
    print(line("floor: two bare commits", bare))
    print(f"ratio                    {sum(ours) / sum(bare):8.2f} times the floor")


if __name__ == "__main__":
    main()
