"""What a holder writes into the run's folder: records, whole and durable, and the lock that is the run's liveness."""

import fcntl
import json
import os
import time

from dayshift.failpoints import passing
from dayshift.holder import BUSY, RETRY_SECONDS, USED, seal


def put(spool: str, name: str, value: object) -> None:
    """Write a record whole and durably."""
    temporary = os.path.join(spool, "." + name)
    with open(temporary, "wb") as file:
        file.write(seal.sealed(json.dumps(value)))
        file.flush()
        passing("spool.written")
        os.fsync(file.fileno())
    passing("spool.whole")
    os.rename(temporary, os.path.join(spool, name))
    passing("spool.named")
    folder = os.open(spool, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    passing("spool.kept")


def put_surely(spool: str, name: str, value: object) -> None:
    """The same, however long the disk does not take it: the run's end is not to be lost."""
    while True:
        try:
            return put(spool, name, value)
        except OSError:
            time.sleep(RETRY_SECONDS)


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
