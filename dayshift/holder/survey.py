"""What a workspace takes on disk, told bit by bit: at little cost, and with haste when the disk fills."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from dayshift.holder import measures
from dayshift.holder.walk import Walk

SHARE = 0.02  #: of the time, at most, for walking through it
URGENT = 0.25  #: the same when its file system has gained so much that the workspace may be too large
FIRST_SECONDS = 2.0  #: how long a run's start may wait to learn what its workspace takes already
LEEWAY = 1.05  #: a workspace that is too large already may be tidied, growing no more than that


class Taken(NamedTuple):
    """More bytes than a workspace may take; or as many as it may well take, where a part of it cannot be looked at."""

    most: int
    seen: bool


class Survey:
    """Goes through a workspace again and again; the bound is what it may take, or a little more than it took before."""

    def __init__(self, folder: str, bound: int) -> None:
        self._folder = folder
        self._filled = measures.filled(folder)
        self._last, whole = _at_first(folder)
        self._unseen = self._filled - self._last if whole else None  # on its file system, but not in what was walked
        self._bound = max(bound, int(self._last * LEEWAY))
        self._looked = time.monotonic()
        self._walk = Walk(folder)
        self._begin()

    def excess(self, nameless: int) -> Taken | None:
        """What it takes with its removed files that are still held, if that is too much; a call walks on for its share
        of the time since the one before."""
        now = time.monotonic()
        until, self._looked = now + min(now - self._looked, 1.0) * self._haste(), now
        while (step := next(self._steps, None)) is not None:
            self._found = step + nameless
            if self._found > self._bound:
                return Taken(self._found, seen=True)
            if time.monotonic() > until:
                return None
        hidden = self._hidden()
        self._filled, self._last = self._filled_before, self._found
        self._begin()
        return Taken(self._last + hidden, seen=False) if self._last + hidden > self._bound else None

    def _begin(self) -> None:
        self._filled_before, self._found = measures.filled(self._folder), 0
        self._walk = Walk(self._folder)
        self._steps: Iterator[int] = self._walk.steps()

    def _hidden(self) -> int:
        """What a folder that cannot be looked at may hold: what its file system gained unseen since it is there."""
        unseen = measures.filled(self._folder) - self._found
        if self._unseen is None or not self._walk.closed:
            self._unseen = unseen
        return max(0, unseen - self._unseen)

    def _haste(self) -> float:
        """All that the file system has gained since the last walk may be the workspace's."""
        gained = measures.filled(self._folder) - self._filled
        return URGENT if self._last + gained > self._bound else SHARE


def _at_first(folder: str) -> tuple[int, bool]:
    """What it takes now, and whether that is all; of one too large to walk through at once, the part that was seen."""
    found, steps, until = 0, Walk(folder).steps(), time.monotonic() + FIRST_SECONDS
    while (step := next(steps, None)) is not None:
        found = step
        if time.monotonic() > until:
            return found, False
    return found, True
