"""Scenes of money: the ledger and its backup, requests through the gateway, other use."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

import aiohttp

from dayshift.cost import harvest
from dayshift.cost.other_use import OtherUse
from dayshift.cost.valuation import Valuation
from dayshift.proxy.exchange import Upstream
from dayshift.proxy.gateway import Gateway
from metrics import Ledger
from tests.acceptance.model import PART, Model
from tests.scenes import Alone
from tests.test_admission import BODY, TODAY, Desk
from tests.test_other_use import DAY
from tests.test_transcripts import line, written


class Books(Alone):
    """Money reserved and settled by the ledger's own thread, as a daemon does it; each start charges what was open."""

    points = ("transaction.made", "transaction.committed", "writes.made", "money.unasked")

    def act(self) -> None:
        desk = Desk(self.folder / "ledger.sqlite3")
        try:
            asyncio.run(self._spend(desk))
        finally:
            desk.close()

    async def _spend(self, desk: Desk) -> None:
        await desk.spend(1.0)
        with desk.held_up():  # one asks and goes before the ledger has said a word
            asking = asyncio.create_task(desk.admit())
            await asyncio.sleep(0.01)
            asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking

    def holds(self) -> None:
        _is_sound(self)

    def ends(self) -> None:
        """The dollar is booked; what the struck one left open is charged at its worst case, once, and never more."""
        ledger = Ledger.open(self.folder / "ledger.sqlite3")
        rows = ledger.connection.execute("SELECT state, cost, ceiling FROM request").fetchall()
        assert ledger.spend(TODAY).reserved == 0
        ledger.close()
        assert sum(state == "settled" for state, _, _ in rows) in (1, 2)
        assert all(cost == ceiling for state, cost, ceiling in rows if state == "estimated")


class Backup(Alone):
    """The ledger's copy of the day."""

    points = ("backup.copied", "backup.named")

    def act(self) -> None:
        ledger = Ledger.open(self.folder / "ledger.sqlite3")
        try:
            ledger.backup(DAY)
        finally:
            ledger.close()

    def holds(self) -> None:
        _is_sound(self)

    def ends(self) -> None:
        copies = [path.name for path in (self.folder / "backups").iterdir()]
        assert copies == [f"ledger-{DAY}.sqlite3"]


def _is_sound(scene: Alone) -> None:
    ledger = Ledger.open(scene.folder / "ledger.sqlite3")
    try:
        ledger.verify()
    finally:
        ledger.close()


class Messages(Alone):
    """An agent's request on its way to the provider and back, paid for."""

    points = (
        "message.forwarding", "message.forwarded", "answer.passing", "answer.passed", "message.booked",
    )  # fmt: skip

    @contextmanager
    def beside(self) -> Iterator[None]:
        """The provider lives on, and knows what it billed."""
        with Model().serving() as self.model:
            self.model.plays(self.folder, [{"text": "Done."}])
            (self.folder / "url").write_text(f"{self.model.server.url}/{PART}")
            yield
            self.billed = [each.request_id for each in self.model.server.bill]

    def act(self) -> None:
        desk = Desk(self.folder / "ledger.sqlite3")
        try:
            asyncio.run(self._ask(desk))
        finally:
            desk.close()

    async def _ask(self, desk: Desk) -> None:
        upstream = Upstream((self.folder / "url").read_text(), {"x-api-key": "k"})
        gateway = Gateway(desk.admission, _no_hook, "/hook", lambda task_id: upstream)
        await gateway.start()
        await gateway.open("task-1", self.folder / "s" / "s")
        try:
            async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.folder / "s" / "s"))) as agent:
                with suppress(aiohttp.ClientError):
                    async with agent.post("http://localhost/v1/messages", data=BODY) as answer:
                        await answer.read()
        finally:
            await gateway.close()

    def holds(self) -> None:
        _is_sound(self)

    def ends(self) -> None:
        """What the provider billed is in the ledger: as billed, or at the most it can have cost."""
        ledger = Ledger.open(self.folder / "ledger.sqlite3")
        rows = ledger.connection.execute("SELECT state, request_id FROM request WHERE state <> 'void'").fetchall()
        assert ledger.spend(TODAY).reserved == 0
        ledger.close()
        assert len(rows) >= len(self.billed) >= 1 and rows[-1][0] == "settled"
        booked = [request_id for state, request_id in rows if state == "settled"]
        assert len(booked) == len(set(booked)) and set(booked) <= set(self.billed)


async def _no_hook(task_id: str, question: dict[str, Any]) -> dict[str, Any]:
    raise AssertionError("no tool is called")


class Elsewhere(Alone):
    """Transcripts read by two processes into the account of other use."""

    points = ("reader.forking",)

    def stage(self) -> None:
        projects = self.folder / "projects"
        projects.mkdir()
        for number in range(3):
            written(projects, line(f"msg_{number}"), name=f"{number}.jsonl")

    def act(self) -> None:
        harvest.ALONE = 0
        account = OtherUse.open(self.folder / "other.sqlite3")
        try:
            harvest.gather(account, [self.folder / "projects"], lambda: Valuation({}, "UTC"), processes=2)
        finally:
            account.close()

    def ends(self) -> None:
        account = OtherUse.open(self.folder / "other.sqlite3")
        assert account.total()[0] == 3 and account.spent(date.min, date.max) > 0
        account.close()
