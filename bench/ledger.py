"""What durability costs: reserve and settle, beside the bare commits that any durable ledger must make, and how many
requests at once share a commit."""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from dayshift.cost.booking import Admitted, Reservation
from dayshift.cost.budgets import Subject, windows
from dayshift.inputs.settings import Budget
from dayshift.model import Tokens, Usage
from group_commit import GroupCommit
from metrics import Ledger

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
USAGE = Usage("claude-sonnet-5-5", Tokens(10, 200, 14_000, 300), raw={"input_tokens": 10, "output_tokens": 200})


SUBJECT = Subject(DAY, "task-001", "/projects/shop", "anthropic", "api", 10**15, 10**15)
WINDOWS = windows(Budget(), SUBJECT, DAY, None)
REQUEST = Reservation("task-001", 1, DAY, "claude-sonnet-5-5", "shipped", 10**6, WINDOWS, NOON, "session")


def spending(folder: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    """One step: a request reserved and settled in every budget it counts in; and how to end."""
    ledger = Ledger.open(folder / "ledger.sqlite3")

    def step() -> None:
        outcome = ledger.reserve(REQUEST)
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


async def together(folder: Path, at_once: int, pairs: int) -> list[float]:
    """Seconds of each pair, so many requests at once through the group commit, as the gateway does it."""
    writer = GroupCommit(Ledger.open(folder / f"together-{at_once}.sqlite3"))
    left, seconds = iter(range(pairs)), list[float]()

    async def one_after_another() -> None:
        for _ in left:
            began = time.perf_counter()
            outcome = await writer.write(lambda ledger: ledger.reserve(REQUEST))
            assert isinstance(outcome, Admitted), outcome
            id = outcome.id
            await writer.write(lambda ledger: ledger.settle(id, USAGE, 10**5, "req", NOON))  # noqa: B023 - awaited here
            seconds.append(time.perf_counter() - began)

    await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    writer.close()
    return seconds


def timed(step: Callable[[], None], pairs: int) -> list[float]:
    """Seconds of each step."""
    seconds = []
    for _ in range(pairs):
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
    return seconds


def line(name: str, seconds: list[float], at_once: int = 1) -> str:
    """Pairs per second, median and 99th percentile in milliseconds."""
    p99 = sorted(seconds)[len(seconds) * 99 // 100]
    rate = at_once * len(seconds) / sum(seconds)
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
        shared = {at_once: asyncio.run(together(Path(name), at_once, given.pairs)) for at_once in (1, 8, 100)}
    print(line("reserve + settle", ours))
    print(line("floor: two bare commits", bare))
    for at_once, seconds in shared.items():
        print(line(f"group commit, {at_once} at once", seconds, at_once))
    print(f"ratio                    {sum(ours) / sum(bare):8.2f} times the floor")


if __name__ == "__main__":
    main()
