"""The caretaker: ended tasks cleared away while the daemon runs, which knows them by heart; its home tidied."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from dayshift.home import Home
from dayshift.model import Record
from dayshift.tidying import clearance, retention
from dayshift.tidying.clearance import Uncleared
from handover import Reply

log = logging.getLogger("dayshift")


class Keeping(Protocol):
    """The Orchestrator, as far as clearing away needs it."""

    records: dict[str, Record]

    def let_go(self, record: Record) -> bool:
        """Forget a task that is still as that record says; its id stays taken until it is said to be gone."""

    def let_gone(self, record: Record, back: bool) -> None:
        """Its id is free again; or, if it could not be cleared away, it is back."""


class Caretaker:
    """Takes requests in; the work on the disk is done in a thread, one after the other."""

    def __init__(self, home: Home, orchestrator: Keeping, forget: Callable[[str], None], reply: Reply) -> None:
        self._home, self._orchestrator, self._forget, self._reply = home, orchestrator, forget, reply
        self._at_work: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._tidied: date | None = None

    def take(self, content: Mapping[str, Any], request: str) -> None:
        """Take in a request; it is answered later, a line for each task. A later daemon takes it in again."""
        ids = [str(each) for each in content["tasks"]]
        self._begin(self._clear(ids, bool(content.get("force")), request))

    def look(self, today: date) -> None:
        """Once a day, bring what would grow for ever back to its bounds; a fault of the disk leaves it to another."""
        if today != self._tidied:
            self._tidied = today
            self._begin(self._tidy(tuple(self._orchestrator.records.values()), today))

    async def _tidy(self, known: Sequence[Record], today: date) -> None:
        await asyncio.to_thread(retention.tidy, self._home, known, today)
        for record in known:
            # Nobody begins a run that would write there meanwhile.
            if record.ended and retention.is_long(self._home, record.id) and self._orchestrator.let_go(record):
                try:
                    await asyncio.to_thread(retention.cut_logs, self._home, record.id)
                finally:
                    self._orchestrator.let_gone(record, back=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="caretaker")
        self._at_work.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._at_work.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("the caretaker: %s: %s", type(error).__name__, error, exc_info=error)

    async def _clear(self, ids: Sequence[str], force: bool, request: str) -> None:
        lines, ok = [], True
        async with self._turn:
            for task_id in ids:
                try:
                    lines.append(await self._cleared(task_id, force))
                except Uncleared as why:
                    lines.append(str(why))
                    ok = False
        self._reply(request, lines, ok)

    async def _cleared(self, task_id: str, force: bool) -> str:
        record = self._free(task_id, force)
        saved = await asyncio.to_thread(clearance.save, self._home, record)
        if self._free(task_id, force) is not record or not self._orchestrator.let_go(record):
            raise Uncleared(f"{task_id} has changed meanwhile; look at it and repeat")
        try:
            await asyncio.to_thread(clearance.clear, self._home, record)
        except BaseException:
            self._orchestrator.let_gone(record, back=True)
            raise
        self._orchestrator.let_gone(record, back=False)
        self._forget(task_id)
        return clearance.told(task_id, saved)

    def _free(self, task_id: str, force: bool) -> Record:
        """The task's record now; Uncleared if it must stay."""
        known = self._orchestrator.records
        if task_id not in known:
            raise Uncleared(f"this daemon looks after no task {task_id}; clean it when the daemon has ended")
        if why := clearance.hindrance(known[task_id], known, force):
            raise Uncleared(why)
        return known[task_id]

    async def close(self) -> None:
        """Return when nothing is being cleared away any more."""
        await asyncio.gather(*self._at_work, return_exceptions=True)
