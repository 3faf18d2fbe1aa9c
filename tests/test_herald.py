"""The herald: what is told reaches every channel, once, and nothing stops it."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dayshift import alerts
from dayshift.alerts import Alert, Kind
from dayshift.clock import SystemClock
from dayshift.files import Unusable
from dayshift.notifying.courier import Later
from dayshift.notifying.outbox import Outbox
from dayshift.states import Waiting
from herald import Herald
from tests.house import NINE, question, record

AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
CHILD = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from dayshift.alerts import Alert, Kind
from dayshift.clock import SystemClock
from dayshift.notifying.outbox import Outbox
from dayshift.notifying.program import Program
from herald import Herald

async def main() -> None:
    outbox = Outbox.open(Path(sys.argv[1]))
    channel = Program(["sh", "-c", "cat >> heard"], Path(sys.argv[1]).parent, {"PATH": "/usr/bin:/bin"})
    herald = Herald(outbox, [channel], lambda _: None, SystemClock(), None, "UTC", lambda _: None)
    running = asyncio.create_task(herald.run())
    for number in range(int(sys.argv[2])):
        herald.tell(Alert(f"k{number}", Kind.report, f"report {number}", datetime.now(UTC)))
        print(number, flush=True)
        await asyncio.sleep(0.001)
    if sys.argv[3:]:
        return await herald.close()
    await running

asyncio.run(main())
"""


class Phone:
    """A channel that notes what it delivered; `moods` are what happens before, one a try."""

    kinds = frozenset(Kind)

    def __init__(self, name: str, *moods: Exception) -> None:
        self.name = name
        self.moods = [*moods]
        self.told: list[str] = []
        self.busy = 0.0

    async def send(self, told: tuple[Alert, ...]) -> None:
        await asyncio.sleep(self.busy)
        if self.moods:
            raise self.moods.pop(0)
        self.told += [each.key for each in told]


def news(key: str, kind: Kind = Kind.report) -> Alert:
    return Alert(key, kind, f"about {key}", AN_HOUR_AGO)


def herald_of(path: Path, channels: Sequence[Phone], said: list[str] | None = None) -> Herald:
    say = said.append if said is not None else lambda _: None
    return Herald(Outbox.open(path), channels, lambda _: None, SystemClock(), None, "UTC", say)


@asynccontextmanager
async def running(herald: Herald) -> AsyncIterator[None]:
    task = asyncio.create_task(herald.run())
    try:
        yield
    finally:
        await herald.close()
        await task


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite3"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_every_channel_tells_everything_once(path: Path) -> None:
    phones = [Phone("mail"), Phone("ntfy")]
    herald = herald_of(path, phones)
    async with running(herald):
        for key in ("a", "b", "a"):
            herald.tell(news(key))
    assert [phone.told for phone in phones] == [["a", "b"], ["a", "b"]]


async def test_one_channel_that_is_down_holds_up_no_other(path: Path) -> None:
    said: list[str] = []
    broken, slow, well = Phone("broken", *[Later(None, "no network")] * 9), Phone("slow"), Phone("well")
    slow.busy = 30
    herald = herald_of(path, [broken, slow, well], said)
    task = asyncio.create_task(herald.run())
    herald.tell(news("a"))
    await until(lambda: well.told == ["a"])
    await herald.close(0.1)
    assert (broken.told, slow.told) == ([], [])
    assert said == ["broken cannot tell you anything now (no network); it is tried again until it works"]
    await asyncio.gather(task, return_exceptions=True)
    late = [Phone("broken"), Phone("slow"), Phone("well")]
    async with running(herald_of(path, late)):  # the next daemon
        await until(lambda: late[0].told == late[1].told == ["a"])
    assert [phone.told for phone in late] == [["a"], ["a"], []]


async def test_a_question_is_on_its_way_at_once(path: Path) -> None:
    phone = Phone("phone")
    waiting = record(Waiting(NINE, 1), questions=(question(),))
    herald = Herald(Outbox.open(path), [phone], {"a": waiting}.get, SystemClock(), None, "UTC", print)
    async with running(herald):
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        herald.tell(next(alerts.of_change(None, waiting, "", NINE)))
        await until(lambda: len(phone.told) == 1)
        assert time.monotonic() - begun < 0.2  # and not after a burst


async def test_what_is_told_at_the_very_end_still_goes_out(path: Path) -> None:
    phone = Phone("phone")
    phone.busy = 0.05
    herald = herald_of(path, [phone])
    task = asyncio.create_task(herald.run())
    await asyncio.sleep(0)
    herald.tell(news("day over"))
    await asyncio.sleep(0.02)
    task.cancel()  # by whoever waits for it: what is under way goes on until `close`
    await asyncio.gather(task, return_exceptions=True)
    herald.tell(news("the very last"))
    await herald.close()
    assert phone.told == ["day over", "the very last"]


async def test_on_a_full_disk_an_alert_waits_in_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("herald.AGAIN_SECONDS", 0.02)
    full, real = True, Outbox.add

    def add(self: Outbox, alert: Alert) -> bool:
        if full:
            raise Unusable("outbox.sqlite3: database or disk is full")
        return real(self, alert)

    monkeypatch.setattr(Outbox, "add", add)
    phone = Phone("phone")
    herald = herald_of(path, [phone])
    async with running(herald):
        herald.tell(news("a"))
        herald.tell(news("b"))
        await asyncio.sleep(0.1)
        full = False
        await until(lambda: phone.told == ["a", "b"])


async def test_without_a_channel_there_is_nothing_to_do(path: Path) -> None:
    herald = herald_of(path, [])
    async with running(herald):
        herald.tell(news("a"))


def test_killed_at_any_moment_it_tells_all_and_few_twice(path: Path) -> None:
    here, heard = Path(__file__).parent.parent, path.parent / "heard"
    words = [sys.executable, "-W", "ignore", "-c", CHILD, str(path)]
    for most in (10, 20):
        with subprocess.Popen([*words, str(most)], stdout=subprocess.PIPE, text=True, cwd=here) as child:
            assert child.stdout is not None
            while child.stdout.readline() != f"{most - 5}\n":
                pass
            time.sleep(0.02)
            child.kill()
    subprocess.run([*words, "0", "then close"], cwd=here, check=True)
    numbers = [int(json.loads(line)["title"].split()[1]) for line in heard.read_text().splitlines()]
    assert {*range(16)} <= {*numbers} <= {*range(20)}
    assert numbers == sorted(numbers)
    assert len(numbers) - len({*numbers}) <= 2  # at most one for each time it was killed
