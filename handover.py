"""Verdicts given while the daemon runs: accepted work goes into the tree, then the Orchestrator hears of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from dayshift.clock import Clock
from dayshift.events import Review, Reviewed
from dayshift.files import Unusable
from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository.git import GitError, NotARepository
from dayshift.reviewing import enactment, verdict
from dayshift.reviewing.passage import Refused

Known = Mapping[str, Record]


class Reply(Protocol):
    """How a command that waits is answered."""

    def __call__(self, request: str | None, lines: Sequence[str], ok: bool) -> None: ...


class Handover:
    """Takes verdicts in; the work on the trees is done in a thread, one after the other as they were given."""

    def __init__(self, home: Home, clock: Clock, put: Callable[[Reviewed], None], reply: Reply) -> None:
        self._home, self._clock, self._put, self._reply = home, clock, put, reply
        self._at_work: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    def take(self, known: Known, content: Mapping[str, Any], request: str) -> None:
        """Take in a request; it is answered later. Taken in again by a later daemon, it has its effect once."""
        said, ids = Review(content["verdict"]), enactment.tasks(content)
        if strange := [task_id for task_id in ids if task_id not in known]:
            line = f"this daemon looks after no task {', '.join(strange)}; `status` lists them. It can review the " \
                "rest when it has ended"  # fmt: skip
            return self._reply(request, [line], ok=False)
        if said is Review.reject:
            reason, record = str(content.get("reason") or ""), known[ids[0]]
            return self._put(Reviewed(record.id, said, reason, request=request, told=verdict.rejected(record)))
        work = asyncio.create_task(self._carry_out(known, ids, content, request))
        self._at_work.add(work)
        work.add_done_callback(self._at_work.discard)
        return None

    async def _carry_out(self, known: Known, ids: Sequence[str], content: Mapping[str, Any], request: str) -> None:
        async with self._turn:
            records = [record for task_id in ids if (record := known.get(task_id))]  # as they are by then
            if len(records) < len(ids):
                return self._reply(request, [f"of {', '.join(ids)} some are there no longer"], ok=False)
            words = (self._home, records, content, self._clock.now(), request)
            try:
                found = await asyncio.to_thread(enactment.carried_out, *words)
            except Refused as refused:
                return self._reply(request, refused.lines, ok=False)
            except (GitError, NotARepository, OSError, Unusable) as error:
                return self._reply(request, [f"nothing was done with {', '.join(ids)}: {error}"], ok=False)
            for each in found:
                self._put(each)
        return None

    async def close(self) -> None:
        """Return when no tree is being changed any more."""
        await asyncio.gather(*self._at_work)
