"""What is owed to people in their chats: sent by one sender, in order, however often Telegram says to wait."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from dayshift.clock import Clock
from dayshift.telegram.trouble import Contested, Flooded, Trouble, Unreachable

log = logging.getLogger("dayshift.telegram")

PATIENCE = 600.0  #: seconds after which an answer to a command says nothing any more
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  #: between tries, while Telegram cannot be reached

#: One call, or the steps that are to be made instead of it.
Step = Callable[[], Awaitable["Sequence[Step] | None"]]


@dataclass(slots=True)
class Job:
    """Steps made one after the other; `over` is told when all are made, or none will be any more."""

    steps: deque[Step]
    expires: float | None  #: None: it says what will be true then, too
    over: Callable[[], None] = field(default=lambda: None)


class Replies:
    """Jobs in order. Nothing is lost to a flood limit or an outage, but what has become too old."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: deque[Job] = deque()
        self._added = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, steps: Iterable[Step], lasting: bool = False, over: Callable[[], None] = lambda: None) -> None:
        """Have these steps made; unless they are `lasting`, within ten minutes or not at all."""
        expires = None if lasting else self._clock.monotonic() + PATIENCE
        self._jobs.append(Job(deque(steps), expires, over))
        self._idle.clear()
        self._added.set()

    async def run(self) -> None:
        """Make them for ever."""
        pause = FIRST_PAUSE
        while True:
            self._forget_old()
            if not self._jobs:
                self._idle.set()
                self._added.clear()
                await self._added.wait()
                continue
            wait = await self._advance(self._jobs[0])
            if wait is None:
                pause = FIRST_PAUSE
                continue
            if not wait and self._jobs[0].expires is None:  # it may wait for ever, and others must not with it
                self._jobs.rotate(-1)
            await asyncio.sleep(wait or pause)
            pause = pause if wait else min(pause * 2, LONGEST_PAUSE)

    async def made(self, seconds: float) -> None:
        """Wait until all is sent, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            log.info("%d replies were left unsent", len(self._jobs))

    async def _advance(self, job: Job) -> float | None:
        """Make the next step; None if it is over, else the seconds until it is tried again, 0 if nobody says."""
        if not job.steps:
            self._finish(job)
            return None
        try:
            more = await job.steps[0]()
        except Flooded as flood:
            return max(flood.seconds, FIRST_PAUSE)
        except (Unreachable, Contested) as trouble:
            log.info("a reply waits: %s", trouble)
            return 0.0
        except Trouble as refusal:
            log.warning("a reply was not taken: %s", refusal)
            more = None
        except Exception:  # one reply that cannot be made must not keep the others
            log.exception("a fault in a reply")
            more = None
        job.steps.popleft()
        job.steps.extendleft(reversed(more or ()))
        return None

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        for job in [job for job in self._jobs if job.expires is not None and job.expires <= now]:
            log.warning("a reply could not be sent within %.0f s and is dropped", PATIENCE)
            self._finish(job)

    def _finish(self, job: Job) -> None:
        self._jobs.remove(job)
        try:
            job.over()
        except Exception:  # e.g. a disk that takes nothing: it was said, and others wait to be
            log.exception("a fault after a reply")
