"""The herald: tells the person, through an outbox and one courier for each channel. What is told is on disk first."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import time

from dayshift.alerts import Alert
from dayshift.clock import Clock
from dayshift.failpoints import passing
from dayshift.files import Unusable
from dayshift.model import Record
from dayshift.notifying.courier import Channel, Courier
from dayshift.notifying.outbox import Outbox

log = logging.getLogger("dayshift.herald")

AGAIN_SECONDS = 10.0  #: until what the disk did not take is tried again
#: For what is told at the very end, since apprise leaves 5.5 s between two messages; the next daemon tells the rest.
LAST_SECONDS = 10.0


class Herald:
    """Every alert on every channel, once. Nothing that goes wrong on one of them holds up another, or the daemon."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Iterable[Channel],
        records: Callable[[str], Record | None],
        clock: Clock,
        quiet: tuple[time, time] | None,
        timezone: str,
        say: Callable[[str], None],
    ) -> None:
        channels = list(channels)
        self._outbox, self._say = outbox, say
        self._couriers = [Courier(each, outbox, records, clock, quiet, timezone, say) for each in channels]
        self._unwritten: list[Alert] = []
        self._running: asyncio.Task[None] | None = None
        outbox.prune([each.name for each in channels], clock.now())

    def tell(self, alert: Alert) -> None:
        """Have it told everywhere, unless it was told before. Durable when this returns, if the disk takes it."""
        if all(each.key != alert.key for each in self._unwritten):
            self._unwritten.append(alert)
        self._write()

    def wake(self) -> None:
        """Look again: a quiet hour may be over, or the record of a task may have changed."""
        for courier in self._couriers:
            courier.wake()

    async def run(self) -> None:
        """Serve every channel until `close`, also when whoever waits here is cancelled: something may be under way."""
        await asyncio.shield(self._served())

    async def close(self, seconds: float = LAST_SECONDS) -> None:
        """Tell what can be told at once, then let go of everything. Ends `run`."""
        self._write()
        for courier in self._couriers:
            courier.close()
        served = self._served()
        await asyncio.wait([served], timeout=seconds)
        served.cancel()
        await asyncio.gather(served, return_exceptions=True)
        self._outbox.close()

    def _served(self) -> asyncio.Task[None]:
        """The one task that serves the channels; begun by whoever asks first, and anew if it broke."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._serve(), name="herald")
        return self._running

    async def _serve(self) -> None:
        again = asyncio.create_task(self._write_again())
        try:
            async with asyncio.TaskGroup() as group:
                for courier in self._couriers:
                    group.create_task(courier.run())
        finally:
            again.cancel()

    async def _write_again(self) -> None:
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            if self._unwritten:
                self._write()

    def _write(self) -> None:
        """Bring to disk what is not there yet, in order; on a full disk it waits in memory."""
        while self._unwritten:
            try:
                self._outbox.add(self._unwritten[0])
                passing("alert.kept")
            except Unusable as error:
                log.warning("an alert cannot be written yet: %s", error)
                return
            del self._unwritten[0]
        self.wake()
