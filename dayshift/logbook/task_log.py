"""A task's readable log: lines added to a file; what a full disk does not take waits in memory for the next line."""

import os
from pathlib import Path

MOST = 1 << 20  #: bytes that wait; of more the oldest are dropped


class TaskLog:
    """Adds lines; a disk that takes none of them ends nobody's work."""

    def __init__(self, path: Path) -> None:
        self._path, self._waiting = path, b""

    def add(self, line: str) -> None:
        """Write what waits, then this line; each whole, and once."""
        self._waiting += f"{line}\n".encode("utf-8", "replace")
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                while self._waiting:
                    self._waiting = self._waiting[os.write(descriptor, self._waiting) :]
            finally:
                os.close(descriptor)
        except OSError:
            if len(self._waiting) > MOST:
                self._waiting = self._waiting[-MOST:].partition(b"\n")[2]
