"""The switchboard: every way between the daemon and a person who is away. Alerts out on all channels, Telegram in."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from dayshift.alerts import Alert
from dayshift.clock import Clock
from dayshift.conversation import Question
from dayshift.cost.standing import Standing
from dayshift.model import Record
from dayshift.notifying import channels
from dayshift.notifying.courier import Channel
from dayshift.notifying.outbox import Outbox
from dayshift.proving.preparation import Preparation
from dayshift.telegram.admittance import Admittance
from dayshift.telegram.channel import TelegramChannel
from dayshift.telegram.line import Line, line
from dayshift.telegram.poll import Poll
from dayshift.telegram.readings import Readings
from dayshift.telegram.store import Store
from dayshift.telegram.wire import Wire
from dialogue import Dialogue
from herald import Herald

log = logging.getLogger("dayshift.switchboard")

AGAIN_SECONDS = 10.0  #: until a part that failed, which none should, is begun anew
LAST_SECONDS = 5.0  #: for replies that are still owed when the daemon ends


class Switchboard:
    """Opened with the daemon, closed after its last word. Nothing in it can end the daemon or hold it up."""

    def __init__(
        self, prepared: Preparation, clock: Clock, records: Callable[[], Mapping[str, Record]],
        standings: Callable[[], Sequence[Standing]], today: Callable[[], date], say: Callable[[str], None],
        wake: Callable[[], None],
    ) -> None:  # fmt: skip
        home, settings, environment = prepared.home, prepared.settings, prepared.environment
        self._say, self._tasks = say, list[asyncio.Task[None]]()
        self._dialogue: Dialogue | None = None
        found: list[Channel] = channels.channels(settings, environment, home)
        if (to := line(settings, environment)) is not None:
            self._wire, self._store = Wire(to.token, to.base_url), Store.open(home.telegram, clock)
            telegram = TelegramChannel(self._wire, self._store, to.chat, records, prepared.rehearsal)
            readings = Readings(home, home.ledger(prepared.rehearsal), standings, today, clock)
            self._dialogue = Dialogue(
                home, self._wire, self._store, telegram, readings, records, clock, wake, prepared.rehearsal
            )
            self._poll = self._polling(to, clock, self._dialogue)
            found.insert(0, telegram)
        self._herald = Herald(
            Outbox.open(home.outbox(prepared.rehearsal)), found, lambda task_id: records().get(task_id), clock,
            settings.notify.quiet, settings.timezone, say,
        )  # fmt: skip

    def _polling(self, to: Line, clock: Clock, dialogue: Dialogue) -> Poll:
        admits = Admittance(to.users, to.chats).admits
        return Poll(self._wire, self._store, admits, dialogue.handle, self._say, clock)

    # --- what the daemon calls -----------------------------------------------------------------------

    def tell(self, alert: Alert) -> None:
        """Have it told on every channel, once."""
        self._herald.tell(alert)

    def answered(self, question: Question, after: Record) -> None:
        """The question waits no more; where it was asked, that is shown."""
        if self._dialogue is not None:
            self._dialogue.closed(after, question.number)

    def look(self) -> None:
        """Do what was said and not done yet; pass on what requests were answered. Before the inbox is looked at."""
        if self._dialogue is not None:
            self._dialogue.handle()

    async def open(self) -> None:
        """Begin to speak and to hear."""
        self._go_on("herald", self._herald.run)
        if self._dialogue is not None:
            await self._wire.open()
            self._go_on("dialogue", self._dialogue.run)
            self._go_on("poll", self._poll.run)

    async def close(self) -> None:
        """Say what is still to be said, as far as it can be said at once; the next daemon says the rest."""
        if self._dialogue is not None and self._tasks:
            with suppress(TimeoutError):
                await self._dialogue.finish(LAST_SECONDS)
        await self._herald.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._dialogue is not None:
            await self._wire.close()
            self._store.close()

    # --- parts that go on ----------------------------------------------------------------------------

    def _go_on(self, name: str, part: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks.append(asyncio.create_task(self._serve(name, part), name=name))

    async def _serve(self, name: str, part: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a part for ever; one that fails is begun anew, and that is said once."""
        said = False
        while True:
            try:
                return await part()
            except Exception:
                log.exception("a fault in the %s", name)
                if not said:
                    said = True
                    self._say(f"a fault in the program keeps the {name} from its work; see agent_logs/daemon.log")
            await asyncio.sleep(AGAIN_SECONDS)
