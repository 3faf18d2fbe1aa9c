"""Process 1 of a container: takes the dead of everybody in, passes signals on, and ends as the daemon ends.

The kernel gives process 1 every process that lost its parent, and lets no signal end it that it does not handle. The
daemon is neither made for the one nor for the other, so it goes on as a child; whatever is left when it has ended, the
kernel ends with process 1.
"""

import os
import signal
from contextlib import suppress

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def stand_behind() -> None:
    """As process 1: return in a child, in front of a terminal if there is one, and never here. Else do nothing."""
    if os.getpid() != 1:
        return
    # What comes before there is a child to hear it waits; whoever is ignored (nohup) stays so.
    heard = [each for each in PASSED_ON if signal.getsignal(each) is not signal.SIG_IGN]
    signal.pthread_sigmask(signal.SIG_BLOCK, heard)
    child = os.fork()
    if not child:
        _step_forward()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
        return
    for each in heard:
        signal.signal(each, lambda number, _: _send(child, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
    os._exit(_status_of(child))


def _step_forward() -> None:
    """Lead a process group of our own, the terminal's: what is typed there is heard once, here."""
    os.setpgid(0, 0)
    with suppress(OSError):  # no terminal
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # who sets it from behind would be stopped
        try:
            os.tcsetpgrp(0, os.getpid())
        finally:
            signal.signal(signal.SIGTTOU, before)


def _status_of(child: int) -> int:
    """Take in whoever ends, until it is the child: its exit status, as a shell tells it."""
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
