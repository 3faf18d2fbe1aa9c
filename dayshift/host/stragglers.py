"""What the daemon's end does not wait for: threads that hang, with the programs they wait for. Nobody else's processes.

It joins the holder's folder, which knows processes.
"""

import logging
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from dayshift.holder.processes import send, started_by

log = logging.getLogger("dayshift")

THREAD_SECONDS = 0.6  #: threads have so long to end by themselves, and as long again once their programs were ended
LOOK_SECONDS = 0.02


class Threads(ThreadPoolExecutor):
    """The event loop's threads. One that hangs, over a disk or in a long git, keeps no daemon from ending."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Begin nothing more, and return when all have ended or their time is up."""
        super().shutdown(wait=False, cancel_futures=True)
        if not wait or self._ended(THREAD_SECONDS):
            return
        log.warning("the end did not wait for a thread any longer; the programs it started are ended")
        for number in (signal.SIGTERM, signal.SIGKILL):  # git takes its lock files away at the first
            if self._ended(THREAD_SECONDS / 2, number):
                return

    def _ended(self, seconds: float, number: int | None = None) -> bool:
        """Whether all end within that time; with a signal, whatever they wait for is sent it."""
        deadline = time.monotonic() + seconds
        while any(thread.is_alive() for thread in self._threads):
            if time.monotonic() > deadline:
                return False
            for pid in started_by(os.getpid()) if number else ():  # again and again: one git follows on the other
                send(pid, number or 0)
            time.sleep(LOOK_SECONDS)
        return True


def leave(code: int) -> int:
    """The exit code, to end with; if a thread still hangs, the process ends with it here, for Python would wait."""
    others = (each for each in threading.enumerate() if each is not threading.main_thread())
    if not any(each.is_alive() and not each.daemon for each in others):
        return code
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
