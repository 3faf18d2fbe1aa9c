"""The outset of a daemon: a start that proves the machine before it owns the home; who that is, and how it is ended.

It joins the holder's folder, which knows processes.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from dayshift import files, locks
from dayshift.clock import rfc3339
from dayshift.home import Home

PATIENCE = 0.5  #: seconds; a command that asks whether a start is under way holds its lock for an instant
LOOK_SECONDS = 0.05


@contextmanager
def begun(home: Home, rehearsal: bool, now: datetime) -> Iterator[None]:
    """Be the start under way for the block; locks.Locked if another one is. A proof that fails leaves nothing here."""
    from dayshift.holder.processes import boot_id, start_time  # not on the way of `status`, which must answer at once

    pid = os.getpid()
    facts = {"pid": pid, "started_at": rfc3339(now), "rehearsal": rehearsal, "boot": boot_id(), "born": start_time(pid)}
    with _made(home.own), locks.lock(home.outset, PATIENCE):
        try:
            home.outset.write_text(json.dumps(facts))  # the same file: a new one would not be locked
            yield
        finally:
            home.outset.unlink(missing_ok=True)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """The folder is there for the block; afterwards what had to be made for it is gone again, if it is empty."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with suppress(OSError):
            for each in made:
                each.rmdir()


def under_way(home: Home) -> dict[str, Any] | None:
    """Who proves the machine at this moment (pid, started_at, rehearsal), or None if no start is under way."""
    if not locks.is_locked(home.outset):
        return None
    return {"pid": None, "started_at": None, "rehearsal": None, **files.read_facts(home.outset)}


def over(home: Home, seconds: float | None = None) -> bool:
    """Wait until no start is under way, at most so long; whether that is so."""
    began = time.monotonic()
    while locks.is_locked(home.outset):
        if seconds is not None and time.monotonic() - began > seconds:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def end(start: dict[str, Any]) -> bool:
    """End that start in order, as Ctrl-C would; False if the process is not proven to be the one that said so."""
    import psutil

    from dayshift.holder.processes import boot_id, start_time

    pid, recorded = start["pid"], (start.get("boot"), start.get("born"))
    if type(pid) is not int or pid <= 1 or recorded != (boot_id(), start_time(pid)):
        return False
    try:
        psutil.Process(pid).terminate()  # that very process, or none
    except psutil.Error:
        return False
    return True
