"""Verdicts given while the daemon runs: accepted work goes into the tree, then the Orchestrator hears of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from dayshift import acceptance, verdict
from dayshift.acceptance import Refused
from dayshift.clock import Clock
from dayshift.events import Review, Reviewed
from dayshift.git import GitError, NotARepository
from dayshift.home import Home
from dayshift.model import Record


class Reply(Protocol):
    """How a command that waits is answered."""

    def __call__(self, request: str | None, lines: Sequence[str], ok: bool) -> None: ...


class Handover:
    """Takes verdicts in; the work on the tree is done in threads, one at a time for each repository."""

    def __init__(self, home: Home, clock: Clock, put: Callable[[Reviewed], None], reply: Reply) -> None:
        self._home, self._clock, self._put, self._reply = home, clock, put, reply
        self._at_work: set[asyncio.Task[None]] = set()

    def take(self, record: Record | None, content: Mapping[str, Any], request: str) -> None:
        """Take in a request; it is answered later. Taken in again by a later daemon, it has its effect once."""
        if record is None:
            line = f"this daemon looks after no task {content['task']}; `status` lists them. It can review the rest " \
                "when it has ended"  # fmt: skip
            return self._reply(request, [line], ok=False)
        said = Review(content["verdict"])
        if said is Review.reject:
            reason = str(content.get("reason") or "")
            return self._put(Reviewed(record.id, said, reason, request=request, told=verdict.rejected(record)))
        work = asyncio.create_task(self._accept(record, bool(content.get("force")), request))
        self._at_work.add(work)
        work.add_done_callback(self._at_work.discard)
        return None

    async def _accept(self, record: Record, force: bool, request: str) -> None:
        try:
            told = await asyncio.to_thread(acceptance.accept, self._home, record, self._clock.now(), force)
        except Refused as refused:
            return self._reply(request, refused.lines, ok=False)
        except (GitError, NotARepository, OSError) as error:
            return self._reply(request, [f"{record.id} was not accepted: {error}"], ok=False)
        return self._put(Reviewed(record.id, Review.accept, "", record.commit, tuple(told), request))

    async def close(self) -> None:
        """Return when no tree is being changed any more."""
        await asyncio.gather(*self._at_work)
