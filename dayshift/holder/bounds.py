"""The most a run may take of the machine, and the watch over it: samples a few times a second, at little cost."""

import math
import time
import weakref
from typing import BinaryIO, NamedTuple

from dayshift.holder import measures, segments
from dayshift.holder.survey import Survey

GB = 1 << 30
LOOK_SECONDS = 0.2  #: between two looks at processes and memory
SEARCH_SECONDS = 0.5  #: between two searches for files without a name
SHARE = 0.02  #: of the time, at most, for looking, for searching, and for telling shared memory apart
THREADS_EACH = 16  #: the kernel counts threads, and knows no bound for processes alone


class Bounds(NamedTuple):
    """The most one run may take; memory and disk in bytes."""

    memory: int
    processes: int
    disk: int

    def of_each_process(self) -> dict[str, int]:
        """What the kernel can hold every single process to, by the names in getrlimit(2)."""
        return {"CORE": 0, "FSIZE": self.disk, "NPROC": self.processes * THREADS_EACH}


class Excess(NamedTuple):
    """What was more than its bound: memory, processes or disk; and the figures, in words that follow a subject."""

    kind: str
    words: str


class Watch:
    """Looks at a run and says what it takes too much of. Cheap to ask at any time: it paces itself."""

    def __init__(self, bounds: Bounds, workspace: str) -> None:
        self.bounds, self.survey = bounds, Survey(workspace, bounds.disk)
        self.devices = measures.memory_device(), measures.device(workspace)
        self.nameless = 0, 0  # bytes of files without a name: in memory, on the workspace's disk
        self.segments: BinaryIO | None = None  # the sandbox's list of System V shared memory, once it may matter
        self.look_at = self.tell_apart_at = self.search_at = self.visit_at = 0.0

    def look(self, root: int) -> Excess | None:
        """The first excess of the run whose sandbox begins with that process, or which is what is below it."""
        began, worked = time.monotonic(), time.thread_time()
        if began < self.look_at:
            return None
        listed = measures.processes(root)
        self.search(listed)
        excess = self.crowd(len(listed)) or self.memory(root, listed)
        self.look_at = _rested(began, time.thread_time() - worked, LOOK_SECONDS)
        self.visit(root, listed)  # takes long, but once: no later look is to wait for that
        return excess or self.disk()

    def search(self, listed: list[str]) -> None:
        """Find the files that have no name and yet take memory or disk."""
        began, worked = time.monotonic(), time.thread_time()
        if began < self.search_at:
            return
        found = measures.nameless(listed)
        in_memory, on_disk = self.devices
        self.nameless = found.get(in_memory, 0), found.get(on_disk, 0)
        self.search_at = _rested(began, time.thread_time() - worked, SEARCH_SECONDS)

    def crowd(self, count: int) -> Excess | None:
        """Too many processes."""
        if count <= self.bounds.processes:
            return None
        most = self.bounds.processes
        return Excess("processes", f"had {count} processes, more than the {most} of limits.processes")

    def memory(self, root: int, listed: list[str]) -> Excess | None:
        """Too much memory; what processes share is told apart only if it matters."""
        detached, attached = segments.held(self.segments) if self.segments else (0, 0)
        nameless, private = self.nameless[0] + attached, measures.private(root) + detached
        used = measures.memory(listed, nameless) + private
        began, worked = time.monotonic(), time.thread_time()
        if used <= self.bounds.memory or began < self.tell_apart_at:
            return None
        used = measures.memory(listed, nameless, shared_once=True) + private
        self.tell_apart_at = _rested(began, time.thread_time() - worked, 0)
        if used <= self.bounds.memory:
            return None
        return Excess("memory", f"used {_more('memory', used, self.bounds.memory)} of limits.memory_gb")

    def visit(self, root: int, listed: list[str]) -> None:
        """Ask for the list of System V shared memory, once the machine has as much of any as would be too much."""
        began = time.monotonic()
        if self.segments or began < self.visit_at or not measures.is_built(root):
            return
        if measures.memory(listed) + measures.shared_by_all() > self.bounds.memory:
            self.segments = segments.opened(root)
            if self.segments:  # closed with the watch, since a look may go on in a thread when that is given up
                weakref.finalize(self, self.segments.close)
        self.visit_at = _rested(began, time.monotonic() - began, SEARCH_SECONDS)  # it starts a process

    def disk(self) -> Excess | None:
        """Too much disk."""
        taken = self.survey.excess(self.nameless[1])
        if taken is None:
            return None
        words = f"{_more('disk', taken.most, self.bounds.disk)} of limits.workspace_gb"
        if taken.seen:
            return Excess("disk", f"took {words}")
        return Excess("disk", f"holds a folder that cannot be looked at, and with it may take {words}")


def _rested(began: float, took: float, least: float) -> float:
    """When to do again what began then and is over now, so that it takes no more than its share of the time.

    It `took` what this thread worked for it: a look that a busy machine lets wait is not to become a rare one.
    """
    return max(began + least, time.monotonic() + took / SHARE)


def _more(what: str, used: int, most: int) -> str:
    """`8.31 GB of memory, more than the 8 GB`; rounded so that it is more."""
    return f"{math.ceil(used / GB * 100) / 100:g} GB of {what}, more than the {most / GB:.4g} GB"
