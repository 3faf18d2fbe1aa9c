"""The daemon's departure: what tells it to end, and how long each step of its end may take. Asked twice, it hurries."""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from dayshift.clock import Clock

log = logging.getLogger("dayshift")

#: Seconds after the first word to end by which each step is over, done or not. What is not done then is left to the
#: next start. Together with the last threads this stays below the 15 s that a person, and systemd, may count on.
PARKED, CLOSED, WRITTEN, SAID = 7.5, 9.0, 10.0, 11.0
HURRIED_SECONDS = 1.0  #: for each step, once the daemon was asked twice; asked once more, no step is waited for
LOOK_SECONDS = 0.05
LEAST_SECONDS = 0.2  #: what each step has in any case, and then again to let go once it is given up

T = TypeVar("T")


class Departure:
    """Begins with the first word to end. A day that ends by itself takes the time it needs."""

    def __init__(
        self, clock: Clock, say: Callable[[str], None], park: Callable[[], None], abandon: Callable[[], None]
    ) -> None:
        self._clock, self._say, self._park, self._abandon = clock, say, park, abandon
        self._signals = 0
        self._asked_at: float | None = None
        self._hurried_at: float | None = None

    # --- what tells it to end -----------------------------------------------------------------------

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear signals for the block. A closed terminal is one, unless the daemon was started not to mind (nohup)."""
        loop, heard = asyncio.get_running_loop(), [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            heard.append(signal.SIGHUP)
        for number in heard:
            loop.add_signal_handler(number, self.interrupted)
        try:
            yield
        finally:
            for number in heard:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_IGN)  # all is done; nothing is left that one more could hurry

    def interrupted(self) -> None:
        """Once: park every agent and end in order. Twice: wait for nobody; the next start takes all of it up."""
        self._signals += 1
        if self._signals == 1:
            self._say("stopping: agents are parked and go on at the next start (again to hurry)")
            self._park()
            self.begin()
        else:
            self.hurry()

    def begin(self) -> None:
        """The agents are being parked: from now on the time counts."""
        if self._asked_at is None:
            self._asked_at = self._clock.monotonic()
            asyncio.get_running_loop().call_later(PARKED, self._abandon)

    def hurry(self) -> None:
        """Whoever still ends is left to its holder."""
        self.begin()
        if self._hurried_at is None:
            self._hurried_at = self._clock.monotonic()
        self._abandon()

    # --- how long it takes --------------------------------------------------------------------------

    async def step(self, what: str, work: Coroutine[Any, Any, T], by: float) -> T | None:
        """What the work gives, or None if its time is up first; then it is cancelled, and that is in the log."""
        began, task = self._clock.monotonic(), asyncio.create_task(work, name=what)
        try:
            await asyncio.wait({task}, timeout=LEAST_SECONDS)
            while not task.done() and not self._is_up(began, by):
                await asyncio.wait({task}, timeout=LOOK_SECONDS)
        finally:
            if not task.done():
                log.warning("the end did not wait for this any longer: %s", what)
                task.cancel()
                await asyncio.wait({task}, timeout=LEAST_SECONDS)
        return None if not task.done() or task.cancelled() else task.result()

    def _is_up(self, began: float, by: float) -> bool:
        now = self._clock.monotonic()
        if self._hurried_at is not None:
            patience = HURRIED_SECONDS if self._signals < 3 else 0.0
            return now > max(began, self._hurried_at) + patience
        return self._asked_at is not None and now > self._asked_at + by
