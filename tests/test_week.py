"""A daemon whose tasks come and go takes no more memory, descriptors and disk by that; a leak would be seen."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST = 3.0  #: per cent that the process may have grown by since its first day


def week(*words: str) -> tuple[float, list[str]]:
    """By how many per cent a short week let the daemon grow, and a line for each of its days."""
    argv = [sys.executable, "-m", "bench.week", "--tasks", "75", "--days", "3", "--idle", "0.5", *words]
    said = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True, timeout=170).stdout.splitlines()
    grown = re.search(r"RSS ([+-][0-9.]+)%", said[-1])
    assert grown, said
    return float(grown[1]), said[:-1]


def figures(days: list[str], of: str) -> list[float]:
    """That figure of each day."""
    return [float(each[1]) for day in days if (each := re.search(rf"([0-9.]+) (?:MiB )?{of}|{of} +([0-9.]+)", day))]


@pytest.mark.long
def test_a_daemon_whose_tasks_come_and_go_stays_as_it_is() -> None:
    grown, days = week()
    assert grown < MOST, days
    assert len(days) == 3
    descriptors, tasks = figures(days, "descriptors"), figures(days, "asyncio tasks")
    assert max(descriptors) <= descriptors[0] + 3 and max(tasks) <= tasks[0] + 3, days
    assert figures(days, "zombies") == [0, 0, 0]


@pytest.mark.long
def test_a_leak_would_be_seen() -> None:
    grown, days = week("--leak")
    assert grown > MOST, days
