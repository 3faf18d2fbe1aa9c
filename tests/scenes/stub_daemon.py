"""A daemon that owns its home and does nothing, until a file tells it to end. Only scenes start this."""

import os
import sys
import time
from pathlib import Path

from dayshift import files, locks
from dayshift.home import Home

SECONDS = 30.0

if __name__ == "__main__":
    home = Home(Path(sys.argv[1]))
    with locks.lock(home.daemon_lock):
        with (home.root / "lives").open("a") as lives:
            lives.write(f"{os.getpid()}\n")
        files.write_json(home.daemon_facts, {"pid": os.getpid()})
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and not (home.root / "end").exists():
            time.sleep(0.02)
