"""Processes as a holder sees them: which are whose, when they began, and their end."""

import ctypes
import os
import signal

from dayshift.failpoints import passing

PR_SET_CHILD_SUBREAPER = 36
FIRST = "1000"  #: the highest score there is


def boot_id() -> str:
    """Names this boot of the machine: a pid recorded under another one means nothing."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def start_time(pid: int) -> int | None:
    """Clock ticks after boot at which the process started; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except (OSError, ValueError):
        return []


def started_by(pid: int) -> list[int]:
    """Children of a process, whichever of its threads started them."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    except OSError:
        pass
    return found


def below(pid: int) -> list[int]:
    """Every process that comes of this one and did not lose its parents."""
    found, waiting = [], [pid]
    while waiting:
        waiting += (children := started_by(waiting.pop()))
        found += children
    return found


def first_to_go(pid: int) -> None:
    """When the machine runs out of memory, this process and all that come of it are ended before the daemon, and
    before anything of the person's."""
    while sum(write_score(each) for each in (pid, *below(pid))):  # what they make from then on inherits
        pass


def write_score(pid: int) -> bool:
    """Give the kernel that process first; False if it was so already, or is gone."""
    try:
        with open(f"/proc/{pid}/oom_score_adj", "r+") as file:
            if file.read().strip() == FIRST:
                return False
            file.write(FIRST)
    except OSError:
        return False
    return True


def send(pid: int, number: int) -> None:
    """Signal a process that may be gone already."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def end_children() -> None:
    """End and collect every process that was left to us: as subreaper we are the parent of all that lost theirs."""
    while True:
        for pid in children(os.getpid()):
            send(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def collect_orphans(but: int) -> None:
    """Take in those left to us that have ended, but for our own child: in a sandbox its first process does that."""
    for pid in children(os.getpid()):
        if pid != but:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def leave_starter() -> None:
    """Go on as a process of our own; whoever started us sees exit status 0."""
    passing("holder.forking")
    if os.fork():
        os._exit(0)
    os.setsid()


def adopt_orphans() -> None:
    """Become the parent of every process below that loses its own."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
