"""A day on a disk that is full for a while: run as a program in a mount namespace of its own, it tells what it saw.

`unshare --user --map-root-user --mount python -m tests.acceptance.small_disk FOLDER MEGABYTES LEFT FLOOR_GB`, where
LEFT are the bytes that stay free meanwhile.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from dayshift import records
from tests.acceptance.house import House, left_behind, until

WORK = [{"bash": "echo one > a.txt; sleep 3"}, {"bash": "echo two >> a.txt; sleep 1"}, {"text": "Done."}]
FULL_SECONDS = 6.0


def told(folder: Path, megabytes: str, left: str, floor: str) -> dict[str, Any]:
    """What was there while the disk was full, and after there was room again."""
    folder.mkdir()
    (folder / "home").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder / "home"], check=True)
    house = House.built(folder)
    house.environment |= {"DAYSHIFT_LIMITS__FREE_GB": floor, "DAYSHIFT_MAX_AGENTS": "2"}
    day = house.day(*({"id": each, "rehearsal": WORK, "validate": ["test $(wc -l < a.txt) = 2"]} for each in "abc"))
    try:
        return _day(house, day, int(left))
    finally:
        house.tear_down()


def _day(house: House, day: Path, left: int) -> dict[str, Any]:
    daemon = house.start("start", day, "--rehearse", "--once")
    until(lambda: house.state("a") == house.state("b") == "running" and _at_work(house), 60, daemon.said)
    filler = house.home.root / "filler"
    _fill(filler, left)
    until(lambda: "no room on" in daemon.said, 60, "the daemon says so")
    if left:
        until(lambda: house.state("a") == house.state("b") == "done", 60, "what was at work goes on")
    seen = time.monotonic()
    while time.monotonic() < seen + FULL_SECONDS:
        _fill(filler, left)
        time.sleep(0.2)
    full = {"alive": daemon.process.poll() is None, "runs of c": len(list(house.home.own.glob("runs/c/*"))),
            "records": records.load_all(house.home)[1], "status of c": house.status("c"), "said": daemon.said,
            "states": {each: house.state(each) for each in "abc"}}  # fmt: skip
    filler.unlink()
    code = daemon.ends(100)
    with house.ledger() as ledger:
        ledger.verify()
    known, broken = records.load_all(house.home)
    return {"full": full, "code": code, "said": daemon.said, "states": {each: house.state(each) for each in "abc"},
            "kept": {each.id: each.state.name for each in known.values()}, "broken": broken,
            "attempts": {each.id: each.attempt for each in known.values()},
            "left behind": left_behind(house), "log": (house.home.logs / "daemon.log").stat().st_size,
            "errors": daemon.output.with_suffix(".err").read_text(), "report": house.report()[:200]}  # fmt: skip


def _at_work(house: House) -> bool:
    return all((house.workspace(each) / "repo" / "a.txt").exists() for each in "ab")


def _fill(filler: Path, left: int) -> None:
    """Take all but that; a little of it is freed now and then, and taken again."""
    descriptor = os.open(filler, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    size = 1 << 20
    while size:
        facts = os.fstatvfs(descriptor)
        if left and facts.f_bavail * facts.f_frsize < left + size:
            break
        try:
            os.write(descriptor, b"\0" * size)
        except OSError:
            size //= 2
    os.close(descriptor)


if __name__ == "__main__":
    print(json.dumps(told(Path(sys.argv[1]), *sys.argv[2:])))
