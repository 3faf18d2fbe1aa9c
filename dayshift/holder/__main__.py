"""The holder's beginning and end: reads SPOOL/launch.json, holds SPOOL/lock for as long as the run lives (the lock is
the run's liveness, never a pid), writes start.json and exit.json once each, and ends the whole PID namespace with it.

Exit status of the starting process: 0 the run is on, 75 somebody else holds it, 76 this run was used before. A run on
a terminal stays with whoever started it, and ends with that terminal.
"""

import json
import os
import sys
import time

if __name__ == "__main__":  # isolated, Python looks nowhere but in its own library
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from dayshift.holder import PROTOCOL
from dayshift.holder.processes import adopt_orphans, boot_id, leave_starter
from dayshift.holder.records import put, take
from dayshift.holder.run import Run


def main(spool: str) -> None:
    """Own the run until nothing of it is left."""
    with open(os.path.join(spool, "launch.json")) as file:
        launch = json.load(file)
    lock = take(spool)
    offset = os.path.getsize(launch["stdout"]) if os.path.exists(launch["stdout"]) else 0
    put(spool, "start.json", {"protocol": PROTOCOL, "boot": boot_id(), "offset": offset, "started": time.time()})
    if not launch.get("terminal"):
        leave_starter()
    adopt_orphans()
    run = Run(spool, launch)
    run.start()
    run.follow()
    run.finish()
    os.close(lock)


if __name__ == "__main__":
    main(sys.argv[1])
