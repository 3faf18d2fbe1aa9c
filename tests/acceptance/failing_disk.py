"""Whole rehearsed days on a disk that fails at a random moment, once or for a while: what each came to, a line each.

`python -m tests.acceptance.failing_disk SEED COUNT` repeats exactly what the seed makes.
"""

import errno
import os
import random
import sys
import tempfile
from pathlib import Path

from dayshift import records
from dayshift.files import remove_tree
from tests.acceptance.house import ROOT, House, left_behind
from tests.faults import Ended, Plan, run

WORK = [{"bash": "echo one > a.txt"}, {"bash": "echo two >> a.txt; sleep 1"}, {"text": "Done."}]
ERRORS = {
    "write": (errno.ENOSPC, errno.EIO), "fsync": (errno.EIO, errno.ENOSPC), "rename": (errno.ENOSPC, errno.EACCES),
    "open": (errno.EMFILE, errno.ENOSPC, errno.EACCES), "connect": (errno.EACCES, errno.EMFILE),
}  # fmt: skip
MOST = {"write": 400, "fsync": 120, "rename": 120, "open": 250, "connect": 30}  #: such calls of a day, about


def day(folder: Path, plan: Plan) -> tuple[House, Ended]:
    """A house after its day."""
    house = House.built(folder)
    path = house.day(*({"id": each, "rehearsal": WORK, "validate": ["test $(wc -l < a.txt) = 2"]} for each in "ab"))
    program: list[str | Path] = [sys.executable, ROOT / "orchestrator.py", "--home", house.home.root]
    return house, run(plan, [*program, "start", path, "--rehearse", "--once"], house._environment(), seconds=150)


def troubles(house: House, ended: Ended) -> list[str]:
    """Whatever is wrong after the day; nothing is if the daemon did not begin it, and said why."""
    found = [f"left behind: {each}" for each in left_behind(house)]
    found += [f"a traceback: {ended.error[-1500:]}"] if "Traceback" in ended.output + ended.error else []
    if (ledger := house.home.ledger(rehearsal=True)).exists():
        with house.ledger() as books:
            books.verify()
        assert ledger.exists()
    known, broken = records.load_all(house.home)
    found += [f"broken: {each}" for each in broken]
    if ended.code == 3 and ended.error.strip():
        return found  # it says what it needs, and was never begun or goes on at the next start
    states = {each.id: each.state.name for each in known.values()}
    if states != {"a": "done", "b": "done"} or ended.code:
        found += [f"exit code {ended.code}, {states}: {ended.output[-1500:]} {ended.error[-500:]}"]
    return found


def main(seed: int, count: int) -> int:
    """How many days went wrong."""
    chance, wrong = random.Random(seed), 0
    for number in range(count):
        kind = chance.choice(list(ERRORS))
        error, first = chance.choice(ERRORS[kind]), chance.randint(1, MOST[kind])
        seconds = chance.choice((0.0, 2.0))
        folder = Path(tempfile.mkdtemp(prefix="failing-")) / "house"
        home = Path("/") if kind == "connect" else folder / "home"
        plan = Plan(home, kind, error, first, seconds, spared=folder / "home" / "agent_workspaces")
        house, ended = day(folder, plan)
        found = troubles(house, ended)
        what = f"{kind} {first} {os.strerror(error)} {seconds} s: {len(plan.failed)} of {len(plan.met)} failed"
        print(f"{number}: {what}, "
              f"exit code {ended.code} {plan.failed[:1]} {found or 'well'}", flush=True)  # fmt: skip
        house.tear_down()
        wrong += bool(found)
        if not found:
            remove_tree(folder.parent)
    print(f"seed {seed}: {count} days, {wrong} went wrong")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]), int(sys.argv[2]))))
