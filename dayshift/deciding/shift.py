"""One shift of the Orchestrator: its only queue, each event handled until the disk took what it changed; and its end.

Joins arrears, for what the disk does not take, and schedule, for when a day is over.
"""

import asyncio
from collections.abc import Callable, Collection

from dayshift.deciding import schedule
from dayshift.events import Event, Tick
from dayshift.host.arrears import Unkept
from dayshift.model import Record
from dayshift.states import Running, Verifying

AGAIN_SECONDS = 1.0  #: until an event is handled once more whose records the disk did not take


class Shift:
    """Events in the order in which they were put; it ends once nobody is at work who has to be waited for."""

    def __init__(self, known: Callable[[], Collection[Record]], say: Callable[[str], None]) -> None:
        self._known, self._say = known, say
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self._ticking = False  #: whether a tick waits in the queue
        self._stopping = False
        self._draining = False
        self._abandoned = False
        self._told_over = False

    # --- the queue ---------------------------------------------------------------------------------

    def put(self, event: Event) -> None:
        """Hand in an event; it is handled in order. Of ticks one stands for all that would come after it."""
        if not (isinstance(event, Tick) and self._ticking):
            self._ticking = self._ticking or isinstance(event, Tick)
            self._queue.put_nowait(event)

    @property
    def is_idle(self) -> bool:
        """Whether no event waits."""
        return self._queue.empty()

    async def run(self, handle: Callable[[Event], None], once: bool) -> None:
        """Have events handled until told to stop, or with `once` until every task has ended or rests on a budget."""
        while not self._is_over(once):
            event = await self._queue.get()
            self._ticking = self._ticking and not isinstance(event, Tick)
            await self._see_to(event, handle)
            await asyncio.sleep(0)  # agents have their turn, however many events wait
            if not once:
                self._tell_when_over()

    async def _see_to(self, event: Event, handle: Callable[[Event], None]) -> None:
        """Handle the event, however often: what the disk did not take of its records is tried again until it does."""
        kept = False
        while not kept and not self._abandoned:
            try:
                handle(event)
                kept = True
            except Unkept:
                await asyncio.sleep(AGAIN_SECONDS)

    # --- its end -----------------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        """Whether nothing new is begun any more."""
        return self._stopping

    def stop(self, drain: bool) -> None:
        """End when nobody is at work; with `drain` whoever is at work comes to their own end first."""
        # Who was told to end at once drains no more: what is being checked was stopped already.
        self._draining = drain and (self._draining or not self._stopping)
        self._stopping = True
        self.put(Tick())

    def abandon(self) -> None:
        """End now: runs that go on are left to their holders and taken up by the next daemon."""
        self._abandoned = True
        self.put(Tick())

    def at_work(self) -> list[Record]:
        """What still has a process; a verification that was stopped has none and is made anew by the next daemon."""
        kinds = Running if self._stopping and not self._draining else Running | Verifying
        return [record for record in self._known() if isinstance(record.state, kinds)]

    def _is_over(self, once: bool) -> bool:
        if self._abandoned:
            return True
        if not self.is_idle or self.at_work():
            return False
        return self._stopping or (once and self._is_done)

    @property
    def _is_done(self) -> bool:
        """Whether there were tasks, and none of them can go on today."""
        return bool(self._known()) and schedule.over(self._known())

    def _tell_when_over(self) -> None:
        """Say once that the day is over and the program waits for another file."""
        over = self._is_done
        if over and not self._told_over and not self._stopping:
            self._say("every task has ended or rests; `dayshift start FILE` hands over more, Ctrl-C ends")
        self._told_over = over
