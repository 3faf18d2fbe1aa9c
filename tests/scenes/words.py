"""Scenes of words on their way: alerts by a program, by push, by Telegram; what the person says there."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import apprise  # noqa: F401  # loaded here, it is in every process that plays
import telegram.request  # noqa: F401

from dayshift.alerts import Alert, Kind
from dayshift.clock import SystemClock
from dayshift.conversation import Question
from dayshift.deciding import decisions
from dayshift.files import Unusable
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.mailbox.questions import Mailbox
from dayshift.model import Record
from dayshift.notifying.courier import Channel
from dayshift.notifying.outbox import Outbox
from dayshift.notifying.program import Program
from dayshift.notifying.push import Push
from dayshift.states import Queued
from herald import Herald
from tests.bot_api import TOKEN, BotApi
from tests.correspondence import ME, Correspondence
from tests.scenes import Alone
from tests.services import serving
from tests.shop import write

PATIENCE = 20.0
CALLED = Alert("k1", Kind.report, "The day is over", datetime.now(UTC))


class Telling(Alone):
    """An alert told by a program of the person's."""

    points = (
        "alert.kept", "alert.sending", "alert.sent", "alert.settled", "program.starting", "program.started",
    )  # fmt: skip

    def act(self) -> None:
        program = Program(["sh", "-c", "cat >> heard"], self.folder, {"PATH": "/usr/bin:/bin"})
        asyncio.run(told(self, program))

    def ends(self) -> None:
        """Told once, or twice where it died between word and note; never lost."""
        heard = [json.loads(line)["key"] for line in (self.folder / "heard").read_text().splitlines()]
        assert heard in (["k1"], ["k1", "k1"])
        outbox = Outbox.open(self.folder / "outbox.sqlite3")
        assert list(outbox.outcomes(Program(["sh", "-c", "cat >> heard"], self.folder, {}).name)) == ["k1"]
        outbox.close()


async def told(scene: Alone, channel: Channel) -> None:
    """Tell it, as a daemon does that lives until it is told; its outbox may not be written at once."""
    outbox = Outbox.open(scene.folder / "outbox.sqlite3")
    herald = Herald(outbox, [channel], lambda task_id: None, SystemClock(), None, "UTC", lambda text: None)
    running = asyncio.create_task(herald.run())
    herald.tell(CALLED)
    await comes(lambda: outbox.outcomes(channel.name))
    await herald.close()
    await running


async def comes(happened: Callable[[], object]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.02)


class Pushing(Alone):
    """An alert told by a service of the network."""

    slow = True
    points = ("push.sending", "push.sent")

    @contextmanager
    def beside(self) -> Iterator[None]:
        with serving() as service:
            (self.folder / "url").write_text(f"json://127.0.0.1:{service.port}")
            yield
            self.heard = [each.json["title"] for each in service.received]

    def act(self) -> None:
        asyncio.run(told(self, Push((self.folder / "url").read_text(), frozenset(Kind))))

    def ends(self) -> None:
        assert 1 <= len(self.heard) <= 2 and set(self.heard) == {"The day is over"}


class Life(Correspondence):
    """One daemon's life, which goes on from what is on disk; every answer it takes up is written down."""

    def begin(self, task_ids: tuple[str, ...]) -> None:
        for task_id in task_ids:
            began = self.clock.now() - timedelta(minutes=1)
            self.asks(f"Which size, {task_id}?", task_id=task_id, asked_at=began)
            if self._place(task_id).exists():
                answered = replace(self.records[task_id], state=Queued(began))
                self.records[task_id] = answered
                Mailbox(self.home).archive(answered.questions[-1])

    def _take_up(self, before: Record, question: Question) -> None:
        mailbox = Mailbox(self.home)
        answer = mailbox.read_answer(question, mailbox.door(question.task_id), self.clock.now())
        if answer is not None:
            with self._place(before.id).open("a") as file:
                file.write(f"{answer.text!r} by {answer.by}\n")
            self.records[before.id] = decisions.answered(before, answer, self.clock.now())
            mailbox.archive(question)
            self.dialogue.closed(self.records[before.id], question.number)

    def _place(self, task_id: str) -> Any:
        return self.home.root / f"answered-{task_id}"

    @property
    def is_over(self) -> bool:
        """Every question is answered, every word of the person acted upon, every answer to them passed on."""
        try:
            heard = self.store.offset is not None and not self.store.unhandled()
        except Unusable:
            return False
        answered = all(isinstance(each.state, Queued) for each in self.records.values())
        return heard and answered and not inbox.pending(self.home) and not self.dialogue._replies._jobs


class Conversation(Alone):
    """Two questions asked over Telegram: answered by a command, and by a photo; and an order given there."""

    slow = True
    points = (
        "telegram.asking", "telegram.answered", "updates.kept", "piece.posted", "parcel.delivered", "words.obeyed",
        "reply.told",
    )  # fmt: skip

    def prepare(self) -> None:
        self.home = Home(self.folder / "home")
        self.home.make_folders()

    def stage(self) -> None:
        write("b/io/.keep", "")(self.home.workspaces)

    @contextmanager
    def beside(self) -> Iterator[None]:
        api = BotApi([ME])
        with api.serving():
            (self.folder / "url").write_text(api.url)
            api.says(ME, ME, "/answer a twenty")
            api.sends_photo(ME, ME, b"\xff\xd8\xff picture", caption="/answer b like this")
            api.says(ME, ME, "/pause a")
            yield
            self.said = [sent.text for sent in api.sent]

    def act(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        api = BotApi([ME])
        api.url = (self.folder / "url").read_text()
        life = Life(self.home, api)
        assert api.token == TOKEN
        life.begin(("a", "b"))
        outbox = Outbox.open(self.folder / "outbox.sqlite3")
        herald = Herald(outbox, [life.channel], life.records.get, life.clock, None, "UTC", lambda text: None)
        async with life.living():
            running = asyncio.create_task(herald.run())
            herald.tell(CALLED)
            await comes(lambda: outbox.outcomes("telegram") and (self._obey(life) or life.is_over))
            await herald.close()
            await running
            await life.dialogue.finish(5)
        life.store.close()

    def _obey(self, life: Life) -> bool:
        """As the daemon does at every look."""
        for request in inbox.pending(self.home):
            write(f"obeyed/{request.name}", str(request.content["order"]))(self.folder)
            inbox.done(self.home, request.name, ["a: paused"], ok=True)
        life.look()
        return False

    def ends(self) -> None:
        assert (self.home.root / "answered-a").read_text() == "'twenty' by telegram\n"
        (line,) = (self.home.root / "answered-b").read_text().splitlines()
        assert "like this" in line and "Attached: " in line and line.endswith("by telegram")
        assert len(list((self.folder / "obeyed").iterdir())) == 1
        assert any("a: paused" in text for text in self.said) and any("The day is over" in text for text in self.said)
