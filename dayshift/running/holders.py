"""Which processes of this machine hold runs, as /proc shows them. Joins spool, whose command line they have."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dayshift.running.spool import HOLDER


class Holder(NamedTuple):
    """A process that holds a run, and the run's folder."""

    pid: int
    spool: Path


def running() -> Iterator[Holder]:
    """Every holder of this user's; a process that ends meanwhile is passed over."""
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and (spool := _spool_of(process)):
            yield Holder(int(process.name), spool)


def of(spool: Path) -> int | None:
    """The pid of that run's holder; None if there is none."""
    return next((holder.pid for holder in running() if holder.spool == spool), None)


def _spool_of(process: Path) -> Path | None:
    """The run that the process holds, by its command line: `python -I -S …/holder/__main__.py SPOOL`."""
    try:
        if process.stat().st_uid != os.getuid():
            return None
        words = (process / "cmdline").read_bytes().decode(errors="surrogateescape").split("\0")
    except OSError:
        return None
    is_one = len(words) >= 5 and words[1:3] == ["-I", "-S"] and words[3].endswith("/".join(HOLDER.parts[-3:]))
    return Path(words[4]) if is_one else None
