"""Replies: in order, through floods and outages, and not when they say nothing any more."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from dayshift.telegram.replies import Replies, Step
from dayshift.telegram.trouble import Flooded, Rejected, Trouble, Unreachable
from tests.house import FakeClock


class Sender:
    """Notes what is sent; fails as it is told to."""

    def __init__(self) -> None:
        self.clock, self.sent, self.over = FakeClock(), list[str](), list[str]()
        self.failures: list[Exception] = []
        self.replies = Replies(self.clock)

    async def send(self, what: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(what)

    def put(self, *what: str, lasting: bool = False) -> None:
        steps: list[Step] = [partial(self.send, each) for each in what]
        self.replies.put(steps, lasting, partial(self.over.append, what[0]))

    async def works(self, happened: Callable[[], object], seconds: float = 5) -> None:
        """Send until it has happened."""
        work = asyncio.create_task(self.replies.run())
        async with asyncio.timeout(seconds):
            while not happened():
                await asyncio.sleep(0.002)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def test_all_is_sent_in_order_through_a_flood_and_an_outage() -> None:
    sender = Sender()
    sender.failures = [Flooded("slow down", 0.1), Unreachable("no answer")]
    sender.put("a1", "a2")
    sender.put("b")
    await sender.works(lambda: sender.over == ["a1", "b"])
    assert sender.sent == ["a1", "a2", "b"]


async def test_what_telegram_refuses_is_passed_over() -> None:
    sender = Sender()
    sender.failures = [Rejected("chat not found"), Trouble("whatever"), ValueError("a fault")]
    for what in "abcd":
        sender.put(what)
    await sender.works(lambda: len(sender.over) == 4)
    assert sender.sent == ["d"]


async def test_after_ten_minutes_only_what_lasts_is_still_sent() -> None:
    sender = Sender()
    sender.put("a reply")
    sender.put("an edit", lasting=True)
    sender.clock.time += timedelta(seconds=599)
    sender.put("a later reply")
    sender.clock.time += timedelta(seconds=2)
    await sender.works(lambda: len(sender.over) == 3)
    assert sender.sent == ["an edit", "a later reply"]


async def test_what_lasts_holds_up_nothing_while_it_cannot_be_done() -> None:
    sender = Sender()

    async def fails() -> None:
        raise Unreachable("no answer")

    sender.replies.put([fails], lasting=True)
    sender.put("a")
    sender.put("b")
    await sender.works(lambda: sender.over == ["a", "b"])
    assert sender.sent == ["a", "b"]


async def test_a_step_may_be_replaced_by_others_which_come_at_once() -> None:
    sender = Sender()

    async def reads() -> list[Callable[[], Awaitable[None]]]:
        return [partial(sender.send, "1"), partial(sender.send, "2")]

    sender.replies.put([reads, partial(sender.send, "3")])
    await sender.works(lambda: len(sender.sent) == 3)
    assert sender.sent == ["1", "2", "3"]


async def test_who_waits_for_all_to_be_sent_waits_no_longer_than_that() -> None:
    sender = Sender()
    sender.failures = [Flooded("slow down", 60)]
    sender.put("a")
    work = asyncio.create_task(sender.replies.run())
    await sender.replies.made(0.05)
    assert sender.sent == []
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    sender.put("b")
    await asyncio.gather(sender.works(lambda: len(sender.sent) == 2), sender.replies.made(5))
    assert sender.sent == ["a", "b"]
