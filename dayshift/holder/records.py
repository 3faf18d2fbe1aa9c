"""What a holder writes into the run's folder: records, whole and durable, and the lock that is the run's liveness."""

import fcntl
import json
import os

from dayshift.holder import BUSY, USED


def put(spool: str, name: str, value: object) -> None:
    """Write a record whole and durably."""
    temporary = os.path.join(spool, "." + name)
    with open(temporary, "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, os.path.join(spool, name))
    folder = os.open(spool, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def take(spool: str) -> int:
    """The lock's descriptor; ends the process if the run is held or was used."""
    lock = os.open(os.path.join(spool, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os._exit(BUSY)
    if any(os.path.exists(os.path.join(spool, name)) for name in ("start.json", "exit.json")):
        os._exit(USED)
    return lock
