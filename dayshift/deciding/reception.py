"""Who waits to be let into a task's session: from the wish until the session is open, or cannot be.

It joins the visits. A wish is kept in memory only: its request lies in the inbox until it is answered, so the next
daemon finds it there, and whoever made it holds a lock, so that nothing is opened for somebody who has gone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from dayshift.deciding import visits
from dayshift.events import AttachAsked
from dayshift.model import Record


class Counter(Protocol):
    """Where the person waits and is answered."""

    def waits(self, task_id: str) -> bool:
        """Whether somebody is still there for that task's session."""

    def reply(self, request: str | None, lines: Sequence[str], ok: bool) -> None:
        """Answer a command that waits."""


class Reception:
    """The wishes that are open, one a task."""

    def __init__(self, counter: Counter, new_session: Callable[[], str]) -> None:
        self._counter, self._new_session = counter, new_session
        self._wishes: dict[str, AttachAsked] = {}

    def take(self, wish: AttachAsked, records: Mapping[str, Record]) -> Record | None:
        """The task that has to make way now; None if the wish is refused, which is said."""
        record = records.get(wish.task_id)
        why = visits.refusal(record, records) if record else f"there is no task {wish.task_id}; `status` lists them"
        if why:
            self._counter.reply(wish.request, [why], ok=False)
            return None
        self._wishes[wish.task_id] = wish
        return record

    def due(self, records: Mapping[str, Record], now: datetime) -> Iterator[Record]:
        """The tasks whose session is to be opened now; whoever cannot be let in any more is told."""
        for task_id, wish in list(self._wishes.items()):
            record = records[task_id]
            if visits.is_open(record):
                continue
            if not self._counter.waits(task_id):
                self.close(task_id, "nobody waits for it any more")
            elif why := visits.refusal(record, records):
                self.close(task_id, why)
            elif visits.openable(record):
                yield visits.begun(record, self._new_session(), wish.terminal, wish.keep, now)

    def opened(self, task_id: str) -> None:
        """The session lies ready: whoever waits may go in."""
        if wish := self._wishes.pop(task_id, None):
            self._counter.reply(wish.request, [f"{task_id}: attached"], ok=True)

    def close(self, task_id: str, why: str) -> None:
        """Nobody can be let in: whoever waits is told why."""
        if wish := self._wishes.pop(task_id, None):
            self._counter.reply(wish.request, [f"{task_id} could not be attached: {why}"], ok=False)
