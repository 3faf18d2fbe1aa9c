"""The holder's beginning and end: reads SPOOL/launch.json, holds SPOOL/lock for as long as the run lives (the lock is
the run's liveness, never a pid), writes start.json and exit.json once each, and ends the whole PID namespace with it.

Exit status of the starting process: 0 the run is on, 74 the disk did not take that it begins, 75 somebody else
holds it, 76 this run was used before. A run on a terminal stays with whoever started it, and ends with that terminal.
"""

import os
import sys
import time
from typing import Any

if __name__ == "__main__":  # isolated, Python looks nowhere but in its own library
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from dayshift.failpoints import passing
from dayshift.holder import HINDERED, HINDRANCES, PROTOCOL
from dayshift.holder.processes import adopt_orphans, boot_id, leave_starter
from dayshift.holder.records import put, put_surely, take
from dayshift.holder.run import Run
from dayshift.holder.seal import opened


def main(spool: str) -> None:
    """Own the run until nothing of it is left."""
    with open(os.path.join(spool, "launch.json"), "rb") as file:
        launch: Any = opened(file.read())
    lock = take(spool)
    passing("run.held")
    offset = os.path.getsize(launch["stdout"]) if os.path.exists(launch["stdout"]) else 0
    began = {"started": time.time(), "monotonic": time.monotonic()}
    try:
        put(spool, "start.json", {"protocol": PROTOCOL, "boot": boot_id(), "offset": offset, **began})
    except OSError:
        os._exit(HINDERED)
    if not launch.get("terminal"):
        leave_starter()
    passing("run.begun")
    adopt_orphans()
    if (run := begun(spool, launch)) is not None:
        run.follow()
        run.finish()
    os.close(lock)


def begun(spool: str, launch: Any) -> Run | None:
    """The run, its command started; None, which is recorded as its end, if the machine did not let that be."""
    try:
        run = Run(spool, launch)
        run.start()
    except OSError as error:
        if error.errno not in HINDRANCES:
            raise
        end = {"code": None, "how": "hindered", "why": str(error), "launched": False, "ended": time.time()}
        put_surely(spool, "exit.json", {**end, "monotonic": time.monotonic()})
        return None
    return run


if __name__ == "__main__":
    main(sys.argv[1])
