"""`make torture`: pull the plug at any moment, and see that nothing is lost, doubled or left behind."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from torture.storm import Force, raging
from torture.zygote import zygote

KILLS_A_DAY = 125  #: daemons killed in one home, so that its ledger and worktrees stay like those of a day
EVENING = 4  #: of them, those while the report is written
EXAMPLES = """\
examples:
  python -m torture                                    all of it: under an hour on two cores
  python -m torture --kills 60 --holder-kills 8 --reboots 12
  python -m torture --seed 4711                        the same moments and decisions once more
  python -m torture --control                          the harness alone: nothing is killed
"""


def main() -> int:
    """Rage, judge, print; 0 if all was well."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an end like any other: nothing goes on behind it
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10**9)
    return torture(seed, given)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m torture", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--seed", type=int, help="of every moment and decision; else a new one, which is printed")
    parser.add_argument("--kills", type=int, default=1000, help="daemons ended with kill -9 at work (%(default)s)")
    parser.add_argument("--holder-kills", type=int, default=100, help="holders ended so, meanwhile (%(default)s)")
    parser.add_argument("--reboots", type=int, default=200, help="simulated losses of power at work (%(default)s)")
    parser.add_argument("--agents", type=int, default=6, help="at work whenever something is killed (%(default)s)")
    parser.add_argument("--control", action="store_true", help="the control alone: the same, and nothing is killed")
    return parser.parse_args()


def torture(seed: int, given: argparse.Namespace) -> int:
    """One day after the other, each in a home of its own; the last one is the control."""
    folder = Path(tempfile.mkdtemp(prefix="dayshift-torture-"))
    print(f"seed {seed}, in {folder}", flush=True)
    began, figures, problems = time.monotonic(), Counter[str](), list[str]()
    with zygote(folder) as parent:
        for number, force in enumerate(forces(given)):
            name = f"day {number}" if force.kills else "control"

            def tell(text: str, name: str = name) -> None:
                print(f"{time.monotonic() - began:6.0f} s  {name}: {text}", flush=True)

            place = folder / name.replace(" ", "-")
            place.mkdir()
            with raging(place, parent, force, f"{seed}/{number}", tell) as storm:
                storm.run()
            figures, problems = figures + storm.figures, storm.problems
            tell(f"{storm.figures['tasks']} tasks, {'all well' if not problems else 'NOT WELL'}")
            if problems:
                break
            shutil.rmtree(place)
    _tell(seed, figures, problems, folder, time.monotonic() - began)
    return 1 if problems else 0


def forces(given: argparse.Namespace) -> list[Force]:
    """The days of a torture, its deaths spread over them, and the control behind them."""
    control = Force(0, 0, 0, given.agents)
    days = 0 if given.control else max(1, round(given.kills / KILLS_A_DAY))

    def share(whole: int, day: int) -> int:
        return whole * (day + 1) // days - whole * day // days

    found = [
        Force(share(given.kills, day), share(given.holder_kills, day), share(given.reboots, day), given.agents, EVENING)
        for day in range(days)
    ]
    return [*found, control]


def _tell(seed: int, figures: Counter[str], problems: list[str], folder: Path, seconds: float) -> None:
    for name, number in sorted(figures.items()):
        print(f"  {name:40} {number:>16}")
    print(f"  {'seconds':40} {seconds:>16.0f}")
    if problems:
        print(f"\nNOT WELL, with seed {seed}; the home is kept in {folder}")
        print("\n".join(f"  {each}" for each in problems[:40]))
    else:
        shutil.rmtree(folder)
        print(f"\nall well, with seed {seed}: nothing lost, nothing doubled, nothing left behind")


if __name__ == "__main__":
    sys.exit(main())
