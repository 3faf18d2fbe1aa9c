"""The loop that hears people, against a true-to-protocol server: whatever fails, each update is kept once, from the
allow-listed alone."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from dayshift.telegram.admittance import Admittance
from dayshift.telegram.poll import Poll
from dayshift.telegram.store import Store
from dayshift.telegram.wire import Wire
from tests.bot_api import BAD_GATEWAY, CONFLICT, CUT_AFTER, CUT_BEFORE, CUT_WHILE, TOKEN, BotApi, Fault, flood
from tests.house import FakeClock

ME, GROUP, STRANGER = 42, -100, 666
EVERYTHING = Admittance([ME], [ME, GROUP]).admits


@dataclass(slots=True)
class Listener:
    """A poll at work, whose pauses take no time but the clock's, and what it brought about."""

    store: Store
    wire: Wire
    clock: FakeClock = field(default_factory=FakeClock)
    heard: list[int] = field(default_factory=list)  #: what was handed out, in order
    told: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    during: Callable[[float], object] = lambda pause: None  #: what happens while it pauses

    def received(self) -> None:
        updates = [update["update_id"] for update in self.store.unhandled()]
        self.heard += updates
        self.store.handled(updates, self.clock.now())

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.time += timedelta(seconds=seconds)
        self.during(seconds)
        await asyncio.sleep(0)

    def poll(self, seconds: int = 50) -> Poll:
        return Poll(self.wire, self.store, EVERYTHING, self.received, self.told.append, self.clock,
                    seconds=seconds, sleep=self.sleep)  # fmt: skip


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi([ME, GROUP]).running() as api:
        yield api


@pytest.fixture
async def listener(api: BotApi, tmp_path: Path) -> AsyncIterator[Listener]:
    wire, clock = Wire(TOKEN, api.url), FakeClock()
    await wire.open()
    store = Store.open(tmp_path / "telegram.sqlite3", clock)
    yield Listener(store, wire, clock)
    store.close()
    await wire.close()


@contextlib.asynccontextmanager
async def at_work(poll: Poll) -> AsyncIterator[None]:
    """The poll runs for the block, and did not end before."""
    task = asyncio.create_task(poll.run())
    yield
    assert not task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


# --- what is heard ----------------------------------------------------------------------------------


async def test_what_is_said_is_heard_at_once_and_confirmed_when_it_is_kept(api: BotApi, listener: Listener) -> None:
    async with at_work(listener.poll()):
        for number in range(3):
            await api.comes(lambda: len(api.called("getUpdates")) > number)  # noqa: B023  # it is held
            said = api.says(ME, GROUP, "words")["update_id"]
            await api.comes(lambda: listener.heard[-1:] == [said])  # noqa: B023
        await api.comes(lambda: len(api.confirmed) == 3)
    assert (listener.pauses, listener.told) == ([], [])


async def test_ten_thousand_updates_told_again_and_shuffled_are_each_handed_out_once(
    api: BotApi, listener: Listener
) -> None:
    api.redelivers, api.shuffles = 0.3, True
    for number in range(10_000):
        api.says(ME, ME, f"answer {number}")
    async with at_work(listener.poll()):
        await api.comes(lambda: len(listener.heard) >= 10_000, 60)
        await api.comes(lambda: not api.waiting)
    assert sorted(listener.heard) == [update["update_id"] for update in api.confirmed]
    assert max(Counter(listener.heard).values()) == 1 and len(listener.heard) == 10_000
    assert len(api.called("getUpdates")) > 140


async def test_what_strangers_do_is_neither_kept_nor_answered(api: BotApi, listener: Listener, tmp_path: Path) -> None:
    number = await listener.wire.send(ME, "A?")
    words = "the words of a stranger"
    for each in range(1000):
        match each % 8:
            case 0:
                message = api.says(STRANGER, STRANGER, f"/stop {words} {each}")
            case 1:
                api.edits(STRANGER, message["message"]["message_id"], f"/stop {words} {each}")
            case 2:
                api.presses(STRANGER, number, f"{words} {each}"[:64])
            case 3:
                api.forwards(STRANGER, GROUP, f"/stop {words} {each}", origin=ME)
            case 4:
                api.posts(-1000, f"/stop {words} {each}")
            case 5:
                api.changes_membership(STRANGER, -1001)
            case 6:
                api.says(ME, -1001, f"{words} {each}")  # the right person, where others read along
            case 7:
                api.says(STRANGER, GROUP, f"/answer {words} {each}", reply_to=number)
    api.calls.clear()
    async with at_work(listener.poll()):
        await api.comes(lambda: not api.waiting)
        mine = api.says(ME, ME, "and my own")["update_id"]
        await api.comes(lambda: listener.heard == [mine])
    assert {call.method for call in api.calls} == {"getUpdates"}
    tables = [name for (name,) in listener.store._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = [row for name in tables for row in listener.store._db.execute(f"SELECT * FROM {name}")]
    assert [row[0] for row in rows] == [mine, 1]  # what I said, and how far it was read
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert words.encode() not in files and str(STRANGER).encode() not in files


async def test_numbers_that_begin_anew_after_a_week_of_silence_are_heard(api: BotApi, listener: Listener) -> None:
    api.restarts_ids(900)
    async with at_work(listener.poll()):
        api.says(ME, ME, "before")
        await api.comes(lambda: listener.heard == [900])
    listener.clock.time += timedelta(days=8)
    api.restarts_ids(17)
    api.says(ME, ME, "after")
    async with at_work(listener.poll()):
        await api.comes(lambda: listener.heard == [900, 17])


# --- what goes wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [BAD_GATEWAY, CUT_BEFORE, CUT_WHILE, CUT_AFTER, flood(3)], ids=str)
async def test_what_is_said_is_heard_once_though_requests_fail(api: BotApi, listener: Listener, fault: Fault) -> None:
    said = []
    async with at_work(listener.poll()):
        for number in range(6):
            api.fails(fault, times=2)
            said.append(api.says(ME, ME, str(number))["update_id"])
            await api.comes(lambda: listener.heard == said and not api.failing)
            said.append(api.says(ME, ME, f"{number} again")["update_id"])  # heard, no request is left that fails
            await api.comes(lambda: listener.heard == said)
    assert listener.told == []  # a hiccup is nobody's concern


async def test_a_flood_limit_is_waited_out_to_the_second(api: BotApi, listener: Listener) -> None:
    api.fails(flood(37), times=2)
    api.says(ME, ME, "words")
    async with at_work(listener.poll()):
        await api.comes(lambda: listener.heard)
    assert listener.pauses == [37, 37]


async def test_ten_minutes_without_telegram_lose_nothing_and_are_said_once(api: BotApi, listener: Listener) -> None:
    end = listener.clock.time + timedelta(minutes=10)
    said = [api.says(ME, ME, str(number))["update_id"] for number in range(50)]

    def passes(pause: float) -> None:
        said.append(api.says(ME, ME, "still there?")["update_id"])
        if listener.clock.time >= end:
            api.heals()

    listener.during = passes
    api.fails(CUT_BEFORE, times=None)
    poll = listener.poll()
    async with at_work(poll):
        await api.comes(lambda: len(listener.heard) >= len(said))
        assert listener.heard == said
        assert poll.age is not None and poll.age <= 1
    assert listener.pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert 600 <= sum(listener.pauses) <= 660
    assert [line.split(" (")[0] for line in listener.told] == [
        "Telegram cannot be reached", "Telegram: everything said there is heard again",
    ]  # fmt: skip


async def test_nobody_at_the_address_is_the_same_and_its_return_is_noticed(api: BotApi, listener: Listener) -> None:
    await api.stop()
    poll = listener.poll()
    async with at_work(poll):
        await api.comes(lambda: len(listener.pauses) > 10)
        assert poll.age is None
        said = api.says(ME, ME, "words")["update_id"]
        await api.start()
        await api.comes(lambda: listener.heard == [said])
    assert len(listener.told) == 2


async def test_connections_that_are_dead_for_good_are_made_anew(api: BotApi, listener: Listener) -> None:
    await listener.wire._clients[0].shutdown()  # whatever is asked through it fails from now on
    said = api.says(ME, ME, "words")["update_id"]
    async with at_work(listener.poll()):
        await api.comes(lambda: listener.heard == [said])
    assert listener.pauses == [1, 2, 4]


async def test_another_program_on_the_bot_is_said_once_and_backed_off_from(api: BotApi, listener: Listener) -> None:
    turns = iter([CONFLICT, CONFLICT, None] * 3)

    def passes(pause: float) -> None:
        if fault := next(turns, None):
            api.fails(fault)
        else:
            api.says(ME, ME, "words")  # the other one is backing off just now

    listener.during = passes
    api.fails(CONFLICT)
    async with at_work(listener.poll()):
        await api.comes(lambda: len(listener.heard) == 1)
        api.fails(CONFLICT)
        api.says(ME, ME, "words")
        await api.comes(lambda: len(listener.heard) == 3)
        assert set(listener.pauses) == {60}
        assert len(listener.told) == 1 and "another program polls this bot" in listener.told[0]
        listener.clock.time += timedelta(minutes=6)  # alone since then
        api.says(ME, ME, "words")
        await api.comes(lambda: len(listener.told) == 2)
    assert "heard again" in listener.told[1]


async def test_two_polls_on_one_bot_really_contest_it(api: BotApi, listener: Listener) -> None:
    other = Wire(TOKEN, api.url)
    await other.open()
    async with at_work(listener.poll()):
        await api.comes(lambda: api.called("getUpdates"))
        await other.updates(None, 0)
        await api.comes(lambda: listener.told)
    assert "another program" in listener.told[0] and listener.pauses[0] == 60
    await other.close()


async def test_a_wrong_token_is_said_once_with_the_cure(api: BotApi, listener: Listener) -> None:
    api.fails(Fault(401, "Unauthorized"), times=4)
    async with at_work(listener.poll()):
        api.says(ME, ME, "words")
        await api.comes(lambda: listener.heard)
    assert listener.pauses == [600] * 4
    assert len(listener.told) == 2 and "TELEGRAM_BOT_TOKEN" in listener.told[0]
    assert TOKEN.partition(":")[2] not in "".join(listener.told)


async def test_a_server_that_answers_at_once_with_nothing_is_not_asked_without_end(
    api: BotApi, listener: Listener
) -> None:
    async with at_work(listener.poll(seconds=0)):
        await api.comes(lambda: len(listener.pauses) >= 5)
    assert set(listener.pauses) == {1} and len(api.calls) <= len(listener.pauses) + 2


async def test_an_answer_that_never_comes_is_given_up(
    api: BotApi, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dayshift.telegram.poll.LATE", -49.9)
    async with at_work(listener.poll()):
        await api.comes(lambda: len(listener.told) == 1)
        assert "no answer in time" in listener.told[0]


async def test_whatever_the_handler_does_the_loop_goes_on(api: BotApi, listener: Listener) -> None:
    def fails() -> None:
        raise RuntimeError("a mistake of ours")

    poll = Poll(listener.wire, listener.store, EVERYTHING, fails, listener.told.append, listener.clock,
                sleep=listener.sleep)  # fmt: skip
    async with at_work(poll):
        for number in range(3):
            api.says(ME, ME, str(number))
            await api.comes(lambda: len(listener.store.unhandled()) == number + 1)  # noqa: B023
        await api.comes(lambda: not api.waiting)
    assert "a mistake of ours" in listener.told[0]


async def test_what_cannot_be_kept_is_not_confirmed(api: BotApi, listener: Listener, tmp_path: Path) -> None:
    listener.store._db.execute("PRAGMA query_only = ON")  # as on a disk that went read-only
    said = api.says(ME, ME, "words")["update_id"]
    async with at_work(listener.poll()):
        await api.comes(lambda: len(listener.pauses) >= 3)
        assert (listener.heard, api.confirmed) == ([], [])
        listener.store._db.execute("PRAGMA query_only = OFF")
        await api.comes(lambda: listener.heard == [said])
    assert "cannot be taken in" in listener.told[0] and "heard again" in listener.told[-1]


# --- killed at any point ----------------------------------------------------------------------------

#: A daemon in small: argv is the address, the folder, and where to die at which batch.
DAEMON = """
import asyncio, os, signal, sys
from pathlib import Path
from dayshift.clock import SystemClock
from dayshift.telegram.poll import Poll
from dayshift.telegram.store import Store
from dayshift.telegram.wire import Wire

url, folder, place, batch = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
passed = 0

def reached(here):
    global passed
    passed += here == place
    if here == place and passed == batch:
        os.kill(os.getpid(), signal.SIGKILL)

class Watched(Store):
    def take(self, admitted, seen):
        reached("fetched")
        new = super().take(admitted, seen)
        reached("committed")
        return new

def handle():
    updates = [update["update_id"] for update in store.unhandled()]
    with (folder / "effects").open("a") as effects:
        effects.write("".join(f"{update}\\n" for update in updates))
        effects.flush()
        os.fsync(effects.fileno())
    store.handled(updates, SystemClock().now())

store = Watched.open(folder / "telegram.sqlite3")
handle()

async def main():
    wire = Wire("TOKEN", url)
    await wire.open()
    await Poll(wire, store, lambda update: True, handle, print, SystemClock()).run()

asyncio.run(main())
"""


@pytest.mark.parametrize("place", ["fetched", "committed"])
async def test_killed_at_any_point_each_update_has_its_effect_once(api: BotApi, tmp_path: Path, place: str) -> None:
    api.redelivers, api.shuffles = 0.3, True
    said = [api.says(ME, ME, str(number))["update_id"] for number in range(500)]
    effects = tmp_path / "effects"
    effects.touch()

    async def daemon(dies_at: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", DAEMON.replace("TOKEN", TOKEN), api.url, tmp_path, place, str(dies_at),
            cwd=Path(__file__).parent.parent, env={**os.environ, "PYTHONPATH": "."},
        )  # fmt: skip

    for batch in (1, 2):
        assert await (await daemon(batch)).wait() == -signal.SIGKILL
    assert len(effects.read_text().split()) < 500
    last = await daemon(0)
    await api.comes(lambda: len(effects.read_text().split()) >= 500 and not api.waiting, 60)
    last.kill()
    await last.wait()
    assert sorted(map(int, effects.read_text().split())) == said
