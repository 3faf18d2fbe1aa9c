"""The ledger's writes on a thread of their own: those that wait together become durable in one commit."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from dayshift.failpoints import passing
from metrics import Ledger

log = logging.getLogger("dayshift.ledger")

RETRY_SECONDS = 1.0  #: until what the disk did not take is tried again

T = TypeVar("T")
Change = Callable[[Ledger], T]


@dataclass(frozen=True, slots=True)
class _Write:
    """One change, and who waits for it."""

    change: Change[Any]
    outcome: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    lasting: bool  #: tried again until the disk takes it

    def report(self, result: Any, error: Exception | None) -> None:
        """Tell the waiting one, in its own thread; nobody waits in a loop that is closed."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._report, result, error)

    def _report(self, result: Any, error: Exception | None) -> None:
        if self.outcome.cancelled():
            return
        if error is None:
            self.outcome.set_result(result)
        else:
            self.outcome.set_exception(error)


class GroupCommit:
    """Makes changes in the order they are handed in; each is durable when its caller goes on."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: SimpleQueue[_Write | None] = SimpleQueue()
        self._again: list[_Write] = []  #: lasting ones that the disk did not take
        self._warned = False  #: that the ledger cannot be written, which is not over
        self._door, self._closed = threading.Lock(), False
        self._thread = threading.Thread(target=self._serve, name="ledger", daemon=True)
        self._thread.start()

    async def write(self, change: Change[T], lasting: bool = False) -> T:
        """The change's result, once it is on disk. Once handed in it is made, also if the caller is cancelled; and if
        `lasting`, also if the disk is full, as soon as it is not. ValueError once the ledger is closed."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        with self._door:
            if self._closed:
                raise ValueError("the ledger is closed")
            self._waiting.put(_Write(change, outcome, loop, lasting))
        return await outcome

    def close(self) -> None:
        """Make what was handed in, then let go of the ledger."""
        with self._door:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        self._ledger.close()

    def _serve(self) -> None:
        go_on = True
        while go_on:
            writes = self._next()
            go_on = None not in writes
            self._commit([write for write in writes if write is not None])

    def _next(self) -> list[_Write | None]:
        """All that wait, at least one."""
        writes: list[_Write | None] = [*self._again]
        self._again = []
        with suppress(Empty):
            writes.append(self._waiting.get(timeout=RETRY_SECONDS if writes else None))
            while True:
                writes.append(self._waiting.get_nowait())
        return writes

    def _commit(self, writes: list[_Write]) -> None:
        """Make them and tell who waits; what must last and could not be written is kept for the next time."""
        for write, (result, fault) in zip(writes, self._made_together(writes), strict=True):
            if write.lasting and isinstance(fault, sqlite3.OperationalError) and not self._closed:
                if not self._warned:
                    log.warning("the ledger cannot be written, trying again until it can: %s", fault)
                self._warned = True
                self._again.append(write)
            else:
                self._warned = self._warned and fault is not None
                write.report(result, fault)

    def _made_together(self, writes: list[_Write]) -> list[tuple[Any, Exception | None]]:
        """One transaction for all; a change that fails undoes itself alone, a commit that fails undoes them all.
        Another process that holds the file only delays, however long; the next daemon would wait for it as well."""
        while True:
            made: list[tuple[Any, Exception | None]] = []
            try:
                with self._ledger.together():
                    made = [self._made(write) for write in writes]
                    passing("writes.made")
            except Exception as error:
                if not _locked(error) or self._closed:
                    return [(None, fault or error) for _, fault in made or [(None, None)] * len(writes)]
                log.warning("another process holds the ledger, waiting for it")
            else:
                return made

    def _made(self, write: _Write) -> tuple[Any, Exception | None]:
        try:
            with self._ledger.change():
                return write.change(self._ledger), None
        except Exception as error:
            return None, error


def _locked(error: Exception) -> bool:
    """Whether another process had the file for itself, for longer than a writer waits."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY
