"""Strikes at the program's named points: the process ends there as by kill -9, or a fault of the disk is raised.

Standard library only, so that a holder can be struck too. `played` runs a scene in a process of its own, forked from
one that has loaded everything already.
"""

import errno
import os
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from dayshift import failpoints

EXIT, FAULT = "exit", "fault"
KILLED = 137  #: as a shell reports kill -9
#: Where SQLite is at work, it is SQLite that tells of a fault.
SQLITE = frozenset({"transaction.made", "transaction.committed", "writes.made"})


@dataclass(frozen=True, slots=True)
class Strike:
    """Strikes at each of these points once, whichever process passes it first, and leaves a mark there."""

    points: Collection[str] | None  #: None: at every one
    how: str
    marks: Path

    def __call__(self, name: str) -> None:
        if self.points is not None and name not in self.points:
            return
        try:
            os.close(os.open(self.marks / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return
        if self.how == EXIT:
            os._exit(KILLED)
        raise fault(name)

    @property
    def struck(self) -> set[str]:
        """Where it has struck."""
        return {path.name for path in self.marks.iterdir()}


def fault(name: str) -> Exception:
    """What a broken disk would have the program hear there."""
    if name in SQLITE:
        error = sqlite3.OperationalError(f"disk I/O error, struck at {name}")
        error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR, "SQLITE_IOERR"
        return error
    return OSError(errno.EIO, f"{os.strerror(errno.EIO)}, struck at {name}")


def arm(strike: Strike) -> None:
    """Have this process struck."""
    failpoints.arm(strike)
