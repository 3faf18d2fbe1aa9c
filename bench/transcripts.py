"""How long the import of transcripts takes that were made up by a seed, beside ccusage; the sums must be the truth."""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil

from bench.author import Author
from bench.truth import Truth

PROGRAM = Path(__file__).parent.parent / "orchestrator.py"


@dataclass
class Taken:
    """What runs of one program took."""

    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    peak: int = 0  #: bytes resident, of all its processes together; pages they share are counted for each

    def line(self, name: str) -> str:
        """The medians, and the highest peak."""
        wall, busy = statistics.median(self.seconds), statistics.median(self.processor)
        return f"{name:30} {wall:7.3f} s   processor {busy:7.3f} s   peak {self.peak / 1e6:6.1f} MB"


def run(argv: Sequence[str | Path], environment: dict[str, str], taken: Taken) -> bytes:
    """Run the program once, and note what it took."""
    before, began = os.times(), time.perf_counter()
    with tempfile.TemporaryFile() as output, subprocess.Popen(argv, env=environment, stdout=output) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while process.poll() is None:
            with contextlib.suppress(OSError, psutil.NoSuchProcess):
                family = [process.pid, *map(int, children.read_text().split())]
                taken.peak = max(taken.peak, sum(psutil.Process(each).memory_info().rss for each in family))
            time.sleep(0.01)
        taken.seconds.append(time.perf_counter() - began)
        output.seek(0)
        said = output.read()
    after = os.times()
    taken.processor.append(
        after.children_user + after.children_system - before.children_user - before.children_system
    )  # fmt: skip
    if process.returncode:
        sys.exit(f"{argv[0]} ended with {process.returncode}")
    return said


def measure(folder: Path, truth: Truth, runs: int, ccusage: Path | None) -> None:
    """Import into a new home each time, then once more with nothing new; in turns with ccusage, if it is there."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "CLAUDE_CONFIG_DIR": str(folder)}
    whole, again, theirs = Taken(), Taken(), Taken()
    for number in range(runs):
        ours: list[str | Path] = [
            sys.executable,
            PROGRAM,
            "--home",
            folder / f"home-{number}",
            "cost",
            "import",
            "--json",
        ]
        found = json.loads(run(ours, environment, whole))
        run(ours, environment, again)
        check(found, truth)
        if ccusage:
            run([ccusage, "claude", "daily", "--offline", "--json"], environment, theirs)
    print(whole.line("import of everything"))
    print(again.line("import with nothing new"))
    if ccusage:
        print(theirs.line("ccusage"))
        wall = statistics.median(whole.seconds) / statistics.median(theirs.seconds)
        busy = statistics.median(whole.processor) / statistics.median(theirs.processor)
        print(f"ratio to ccusage: time {wall:.2f}, processor {busy:.2f}, peak {whole.peak / theirs.peak:.2f}")


def check(found: dict[str, Any], truth: Truth) -> None:
    """What was imported is the truth to the pico-USD, or the figures are worth nothing."""
    said = (found["requests"], int(Fraction(found["cost_usd"]) * 10**12), sum(found["unpriced"].values()))
    if said != (truth.requests, truth.pico, truth.unpriced):
        sys.exit(f"imported {said}, the truth is {(truth.requests, truth.pico, truth.unpriced)}")


def main() -> None:
    """Make the transcripts up, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=100, help="how many megabytes of transcripts")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--runs", type=int, default=5, help="imports of each kind")
    parser.add_argument("--ccusage", type=Path, help="its native program, to be measured beside")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        truth = Author(given.seed).tree(Path(name, "projects"), given.mb * 10**6)
        print(f"{given.mb} MB of transcripts, {truth.requests:,} requests")
        measure(Path(name), truth, given.runs, given.ccusage)


if __name__ == "__main__":
    main()
