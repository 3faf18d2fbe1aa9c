"""Locks that fall with their process, and the private folders that locks and sockets lie in. Standard library only."""

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path


class Locked(Exception):
    """Another living process holds the lock."""


@contextlib.contextmanager
def lock(path: Path, patience: float = 0.0) -> Iterator[int]:
    """Hold an exclusive lock on a file or folder; it falls with the process. Locked after `patience` seconds.

    The descriptor it is held with may be passed on: then it falls with the last process that has it.
    """
    kind = os.O_RDONLY | os.O_DIRECTORY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, kind | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    try:
        while not _taken(descriptor):
            if time.monotonic() >= deadline:
                raise Locked(str(path))
            time.sleep(0.01)
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Whether a living process holds that lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # on a read-only disk there may be something to read
    except FileNotFoundError:
        return False
    try:
        return not _taken(descriptor, fcntl.LOCK_SH)  # shared, so that two who ask do not take each other for a holder
    finally:
        os.close(descriptor)


def private_place(name: str) -> Path:
    """Where a private folder of that name is, or would be."""
    parent = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
    fits = parent.is_dir() and os.access(parent, os.W_OK) and len(str(parent)) < 40
    return parent / name if fits else Path("/tmp") / f"{name}-{os.getuid()}"


def private_folder(name: str) -> Path:
    """A folder of this user's alone with a short path, outside every home and sandbox; made if absent."""
    folder = private_place(name)
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise PermissionError(f"{folder} belongs to somebody else or is open to others; remove it")
    return folder
