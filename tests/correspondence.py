"""A person, a bot and a home, joined by a Bot API server: what the daemon does round a Dialogue, without agents."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from dayshift.alerts import Alert, Kind, of_change
from dayshift.clock import SystemClock
from dayshift.conversation import Question
from dayshift.cost.standing import Standing
from dayshift.deciding import decisions
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.mailbox.questions import Mailbox, Rejected
from dayshift.model import Record
from dayshift.states import Queued, Waiting
from dayshift.telegram.admittance import Admittance
from dayshift.telegram.channel import TelegramChannel
from dayshift.telegram.poll import Poll
from dayshift.telegram.readings import Readings
from dayshift.telegram.store import Store
from dayshift.telegram.wire import Wire
from dialogue import Dialogue
from tests.bot_api import BotApi
from tests.bot_chats import Sent
from tests.house import record, task

ME = 42
BEGAN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@dataclass(slots=True)
class Correspondence:
    """One daemon's life; `again` begins the next one's, on the same home and server."""

    home: Home
    api: BotApi
    rehearsal: bool = False
    records: dict[str, Record] = field(default_factory=dict)
    clock: SystemClock = field(default_factory=SystemClock)
    made: int = 0
    closes: bool = True  #: whether the messages of closed questions are told
    dialogue: Dialogue = field(init=False)
    channel: TelegramChannel = field(init=False)
    wire: Wire = field(init=False)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.home.make_folders()
        self.wire, self.store = Wire(self.api.token, self.api.url), Store.open(self.home.telegram)
        self.begin_anew()

    def begin_anew(self) -> None:
        """All that a daemon has in its memory alone."""
        self.channel = TelegramChannel(self.wire, self.store, ME, lambda: self.records, self.rehearsal)
        readings = Readings(
            self.home, self.home.ledger(self.rehearsal), self.standings, lambda: BEGAN.date(), self.clock
        )
        self.dialogue = Dialogue(
            self.home, self.wire, self.store, self.channel, readings, lambda: self.records, self.clock,
            self.take_up, self.rehearsal,
        )  # fmt: skip

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Self]:
        """The daemon's tasks for the block."""
        await self.wire.open()
        poll = Poll(self.wire, self.store, Admittance([ME], [ME]).admits, self.look, lambda text: None, self.clock,
                    seconds=1)  # fmt: skip
        self.look()
        tasks = [asyncio.create_task(each) for each in (self.dialogue.run(), poll.run())]
        try:
            yield self
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.wire.close()
            self.store.close()

    # --- what the daemon does ---------------------------------------------------------------------------

    def standings(self) -> tuple[Standing, ...]:
        """The daemon's own connection to the ledger is of its own thread."""
        assert threading.current_thread() is threading.main_thread()
        return ()

    def look(self) -> None:
        """What was said, then what lies there."""
        self.dialogue.handle()
        self.take_up()

    def take_up(self) -> None:
        """Give each answer that lies there to its task."""
        for each in list(self.records.values()):
            if isinstance(each.state, Waiting):
                self._take_up(each, each.questions[-1])

    def _take_up(self, before: Record, question: Question) -> None:
        mailbox = Mailbox(self.home)
        with contextlib.suppress(Rejected):
            if (answer := mailbox.read_answer(question, "file", self.clock.now())) is not None:
                answer = replace(answer, by=mailbox.door(question.task_id))
                self.records[before.id] = decisions.answered(before, answer, self.clock.now())
                mailbox.archive(question)
                if self.closes:
                    self.dialogue.closed(self.records[before.id], question.number)

    def serve(self, lines: list[str], ok: bool = True) -> list[dict[str, Any]]:
        """Answer every request that lies in the inbox; what they were."""
        served = inbox.pending(self.home)
        for request in served:
            inbox.done(self.home, request.name, lines, ok)
        self.look()
        return [request.content for request in served]

    # --- what agents do ---------------------------------------------------------------------------------

    def asks(self, text: str = "Which page size?", options: tuple[str, ...] = (), **facts: Any) -> Question:
        """The task waits for an answer; it need not have existed before."""
        task_id = facts.pop("task_id", "task-001")
        named = replace(task(task_id), name=facts.pop("name", "Paginate"))
        before = self.records.get(task_id) or record(Queued(BEGAN), task=named, created_at=BEGAN)
        asked = Question(task_id, len(before.questions) + 1, text, facts.pop("asked_at", self.clock.now()), options)
        state = Waiting(asked.asked_at, asked.number)
        self.records[task_id] = replace(before, questions=(*before.questions, asked), state=state)
        Mailbox(self.home).publish(asked)
        return asked

    def of_its_own(self, task_id: str) -> Record:
        """The task as one that was made just now, after all others of its id."""
        self.made += 1
        return replace(self.records[task_id], created_at=BEGAN + timedelta(seconds=self.made))

    def alert(self, task_id: str = "task-001") -> Alert:
        """What its state lets the person be told."""
        found = of_change(None, self.records[task_id], "pytest -q", self.clock.now())
        return next(each for each in found if each.kind is Kind.question)

    async def ask(self, text: str = "Which page size?", options: tuple[str, ...] = (), **facts: Any) -> Sent:
        """The same, and the person is asked; the message that asks."""
        task_id = self.asks(text, options, **facts).task_id
        await self.channel.send((self.alert(task_id),))
        return self.api.sent[-1]

    # --- what the person sees ---------------------------------------------------------------------------

    def answers(self, task_id: str = "task-001") -> list[tuple[str, str]]:
        """The answers the task has got, each with its door."""
        return [(answer.text, answer.by) for answer in self.records[task_id].answers]

    async def hears(self, text: str) -> Sent:
        """Wait for a message of the bot that says so."""
        await self.api.comes(lambda: any(text in sent.text for sent in self.api.sent))
        return next(sent for sent in reversed(self.api.sent) if text in sent.text)


def home(folder: Path) -> Home:
    return Home(folder / "home")
