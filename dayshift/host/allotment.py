"""What all workspaces together take on disk, and whether that is too much to start another agent.

It joins the holder's walk, which counts a folder, and the room, whose words say what helps. Workspaces of tasks that
have ended are counted once; the others again and again, in a thread, for a small share of the time.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from dayshift.holder.walk import Walk
from dayshift.home import Home
from dayshift.host import room
from dayshift.model import Record

LEAST_PAUSE = 15.0  #: seconds between two counts
SHARE = 0.02  #: of the time, at most, is spent counting
LESS = 0.95  #: of the bound must be reached before agents are started again: on the edge that would change all the time


class Allotment:
    """Looks at a home's workspaces; while together they take more than the bound, `why` says so. 0: no bound."""

    def __init__(
        self, home: Home, bound: int, known: Callable[[], Mapping[str, Record]], tell: Callable[[str, bool], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._home, self._bound, self._known, self._tell, self._monotonic = home, bound, known, tell, monotonic
        self._taken: dict[str, int] = {}  #: bytes of each workspace, as far as they were counted
        self._counted: dict[str, datetime] = {}  #: of those that ended: since when, by then
        self._counting: asyncio.Task[None] | None = None
        self._next, self._closed = 0.0, False
        self.why = ""

    def look(self) -> None:
        """Have them counted if it is time to; tell it once when it is too much, and once when it is not any more."""
        if self._bound and (self._counting is None or self._counting.done()) and self._monotonic() >= self._next:
            self._counting = asyncio.create_task(self._count(), name="allotment")
        before, taken = self.why, sum([*self._taken.values()])
        much = taken > self._bound * (LESS if before else 1) and self._bound > 0
        self.why = told(taken, self._bound) if much else ""
        if bool(before) != much:
            self._tell(self.why or "the workspaces take less than they may again", much)

    def forget(self, task_id: str) -> None:
        """That workspace is gone."""
        self._taken.pop(task_id, None)
        self._counted.pop(task_id, None)

    async def close(self) -> None:
        """Count no more."""
        self._closed = True
        if self._counting is not None:
            await self._counting

    async def _count(self) -> None:
        began = self._monotonic()
        over = {task_id: record.state.since for task_id, record in self._known().items() if record.ended}
        with suppress(OSError):  # what cannot be looked at now is counted another time
            await asyncio.to_thread(self._go_through, over)
        now = self._monotonic()
        self._next = now + max(LEAST_PAUSE, (now - began) / SHARE)

    def _go_through(self, over: Mapping[str, datetime]) -> None:
        """Count every workspace that may have changed; `over` are the tasks that have ended, and since when."""
        folders = {folder.name: folder for folder in self._home.workspaces.iterdir()}
        for gone in self._taken.keys() - folders.keys():
            self.forget(gone)
        for name, folder in folders.items():
            if name in over and self._counted.get(name) == over[name]:
                continue
            taken = self._size(folder)
            if taken is None:
                return
            self._taken[name] = taken
            self._counted.pop(name, None)
            if name in over:
                self._counted[name] = over[name]

    def _size(self, folder: Path) -> int | None:
        """What it takes; None if the counting was ended."""
        taken = 0
        for step in Walk(str(folder)).steps():
            if self._closed:
                return None
            taken = step
        return taken


def told(taken: int, bound: int) -> str:
    """What is wrong, and the cure, in a line."""
    return (
        f"no room in agent_workspaces: all together take {taken / room.GB:.1f} GB, and limits.all_workspaces_gb is "
        f"{bound / room.GB:g}; {room.CURE}"
    )
