"""The group commit: durable when the caller goes on, one commit for many, and each change stands or falls alone."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from dayshift.cost.booking import Admitted, Reservation
from group_commit import GroupCommit
from metrics import Ledger

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = "day:2026-11-20"


class Desk:
    """A writer, and another connection that sees what is durable."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger.open(path)
        self.commits: list[int] = []
        self.ledger.connection.set_trace_callback(lambda sql: self.commits.append(1) if sql == "COMMIT" else None)
        self.writer = GroupCommit(self.ledger)
        self.books = Ledger.open(path)
        self.closed = False

    def held_up(self) -> Callable[[], None]:
        """The thread waits, so that what is handed in now waits together; how to let it go on."""
        go_on = threading.Event()
        self.first = asyncio.ensure_future(self.writer.write(lambda ledger: go_on.wait(10)))
        return go_on.set

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            await asyncio.to_thread(self.writer.close)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "ledger.sqlite3")
    yield desk
    await desk.close()
    assert desk.books.audit() == []
    desk.books.close()


def reserve(worst: int = 1) -> Callable[[Ledger], Any]:
    request = Reservation("task-1", 1, DAY, "m", "p", worst, {TODAY: 1000, "total": None}, NOON)
    return lambda ledger: ledger.reserve(request)


def reserves_and_fails(ledger: Ledger) -> None:
    reserve(100)(ledger)
    raise ArithmeticError("in the middle of a change")


async def gathered(desk: Desk, *changes: Callable[[Ledger], Any]) -> list[Any]:
    """What each was told; all were handed in while the thread was busy."""
    let_go = desk.held_up()
    await asyncio.sleep(0.05)
    waiting = [asyncio.ensure_future(desk.writer.write(change)) for change in changes]
    await asyncio.sleep(0)
    desk.commits.clear()
    let_go()
    return list(await asyncio.gather(*waiting, return_exceptions=True))


async def test_what_a_caller_is_told_is_on_disk(desk: Desk) -> None:
    assert isinstance(await desk.writer.write(reserve(7)), Admitted)
    assert desk.books.spend(TODAY).reserved == 7


async def test_fifty_that_wait_together_become_durable_in_one_commit(desk: Desk) -> None:
    told = await gathered(desk, *[reserve() for _ in range(50)])
    assert sorted(each.id for each in told) == list(range(1, 51))
    assert len(desk.commits) == 2  # of the change that held them up, and theirs
    assert desk.books.spend(TODAY).reserved == 50


async def test_changes_are_made_in_the_order_they_are_handed_in(desk: Desk) -> None:
    first, second, third = await gathered(desk, reserve(600), reserve(600), reserve(400))
    assert [isinstance(each, Admitted) for each in (first, second, third)] == [True, False, True]


async def test_a_change_that_fails_undoes_itself_alone(desk: Desk) -> None:
    before, failed, after = await gathered(desk, reserve(1), reserves_and_fails, reserve(2))
    assert isinstance(failed, ArithmeticError)
    assert isinstance(before, Admitted) and isinstance(after, Admitted)
    assert desk.books.spend(TODAY).reserved == 3


async def test_a_commit_that_fails_fails_all_that_were_in_it_and_the_next_one_works(desk: Desk) -> None:
    desk.ledger.connection.execute("PRAGMA foreign_keys = ON")
    desk.ledger.connection.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    desk.ledger.connection.execute("CREATE TABLE child (p REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
    told = await gathered(desk, reserve(1), lambda ledger: ledger.connection.execute("INSERT INTO child VALUES (9)"))
    assert [type(each) for each in told] == [sqlite3.IntegrityError] * 2  # noticed at the commit
    assert desk.books.spend(TODAY).reserved == 0
    assert isinstance(await desk.writer.write(reserve(5)), Admitted)
    assert desk.books.spend(TODAY).reserved == 5


async def test_when_the_whole_transaction_is_undone_nobody_is_told_that_it_was_made(desk: Desk) -> None:
    """As SQLite does by itself when a disk is full."""
    desk.ledger.connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON mark BEGIN SELECT RAISE(ROLLBACK, 'as on a full disk'); END"
    )
    told = await gathered(desk, reserve(1), lambda ledger: ledger.memoranda.remember("a", "b"), reserve(2), reserve(4))
    assert [isinstance(each, sqlite3.Error) for each in told] == [True] * 4
    assert desk.books.spend(TODAY).reserved == 0
    assert isinstance(await desk.writer.write(reserve(5)), Admitted)
    assert desk.books.spend(TODAY).reserved == 5


async def test_another_process_that_holds_the_file_only_delays(desk: Desk, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.ensure_future(desk.writer.write(reserve(3)))
    await asyncio.sleep(0.1)
    assert not writing.done()
    other.execute("COMMIT")
    other.close()
    assert isinstance(await asyncio.wait_for(writing, 10), Admitted)


async def test_what_was_handed_in_is_made_also_when_its_caller_is_gone(desk: Desk) -> None:
    let_go = desk.held_up()
    writing = asyncio.ensure_future(desk.writer.write(reserve(9)))
    await asyncio.sleep(0.05)
    writing.cancel()
    let_go()
    await asyncio.gather(writing, return_exceptions=True)
    await desk.writer.write(lambda ledger: None)
    assert desk.books.spend(TODAY).reserved == 9


async def test_closing_makes_what_waits_and_then_takes_no_more(desk: Desk) -> None:
    let_go = desk.held_up()
    waiting = [asyncio.ensure_future(desk.writer.write(reserve())) for _ in range(20)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(desk.close())
    await asyncio.sleep(0.05)
    let_go()
    assert len({each.id for each in await asyncio.gather(*waiting)}) == 20
    await closing
    assert desk.books.spend(TODAY).reserved == 20
    with pytest.raises(ValueError, match="closed"):
        await desk.writer.write(reserve())


def test_a_loop_that_has_ended_before_its_writes_does_not_stop_the_others(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite3")
    writer, go_on = GroupCommit(ledger), threading.Event()

    async def leave() -> None:
        for change in (lambda ledger: go_on.wait(10), reserve(3)):
            asyncio.ensure_future(writer.write(change))  # noqa: RUF006 - nobody waits, that is the point
        await asyncio.sleep(0)

    asyncio.run(leave())
    go_on.set()

    async def go_on_working() -> None:
        assert isinstance(await asyncio.wait_for(writer.write(reserve(4)), 10), Admitted)

    asyncio.run(go_on_working())
    writer.close()
    books = Ledger.open(tmp_path / "ledger.sqlite3")
    assert books.spend(TODAY).reserved == 7
    books.close()


async def test_a_file_that_is_held_longer_than_a_writer_waits_only_delays_as_well(desk: Desk, tmp_path: Path) -> None:
    await desk.writer.write(lambda ledger: None)  # the thread is idle now
    desk.ledger.connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = [asyncio.ensure_future(desk.writer.write(reserve(3))) for _ in range(2)]
    await asyncio.sleep(0.3)
    assert not any(each.done() for each in writing)
    other.execute("COMMIT")
    other.close()
    assert len({each.id for each in await asyncio.wait_for(asyncio.gather(*writing), 10)}) == 2


async def test_a_file_that_is_held_for_good_does_not_keep_it_from_closing(desk: Desk, tmp_path: Path) -> None:
    await desk.writer.write(lambda ledger: None)
    desk.ledger.connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.ensure_future(desk.writer.write(reserve(3), lasting=True))
    await asyncio.sleep(0.1)
    await asyncio.wait_for(desk.close(), 10)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        await writing
    other.close()


async def test_what_must_last_is_made_as_soon_as_the_disk_has_room_and_the_rest_is_told(desk: Desk) -> None:
    await desk.writer.write(lambda ledger: None)
    (pages,) = desk.ledger.connection.execute("PRAGMA page_count").fetchone()
    desk.ledger.connection.execute(f"PRAGMA max_page_count = {pages}")

    def large(name: str) -> Callable[[Ledger], str]:
        return lambda ledger: ledger.memoranda.remember(name, "x" * 100_000)

    lasting = asyncio.ensure_future(desk.writer.write(large("lasting"), lasting=True))
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await desk.writer.write(large("other"))
    assert not lasting.done()
    lasting.cancel()  # who hands it in may go
    desk.ledger.connection.execute("PRAGMA max_page_count = 100000")
    async with asyncio.timeout(10):
        while desk.books.memoranda.mark("lasting") is None:
            await asyncio.sleep(0.05)
    assert desk.books.memoranda.mark("other") is None
