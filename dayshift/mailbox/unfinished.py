"""Whether a file that a person leaves is still being written: the kernel knows who has it open for that."""

import errno
import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

SETTLE_SECONDS = 0.3  #: how long a file is left alone of which nobody can tell whether it is whole
F_SETSIG = 10  #: of fcntl(2), which Python does not name


def is_unfinished(path: Path, text: str, now: float | None = None) -> bool:
    """Whether somebody has it open for writing; where that cannot be told, or its last line is open, whether it
    changed a moment ago. A date in the future says nothing."""
    written = is_being_written(path)
    if written is not None and (written or text.endswith("\n")):
        return written
    age = (time.time() if now is None else now) - path.lstat().st_mtime
    return abs(age) < SETTLE_SECONDS


def is_being_written(path: Path) -> bool | None:
    """Whether any process has the regular file open for writing; None where the kernel or the file system cannot tell.

    It gives no lease for reading while there is one. The lease is given back at once; who opens the file in between
    waits for that, and the signal that would ask for it is one that everybody ignores.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.fcntl(descriptor, F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        return False
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    finally:
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        os.close(descriptor)
