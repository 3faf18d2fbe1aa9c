"""A disk that takes nothing for a while: no question is given up over it, and none is asked twice."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from dayshift.notifying.courier import Later
from tests.bot_api import BotApi
from tests.correspondence import ME, Correspondence, home


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Correspondence]:
    async with BotApi([ME]).running() as api:
        chat = Correspondence(home(tmp_path), api)
        await chat.wire.open()
        yield chat
        await chat.wire.close()
        chat.store.close()


@contextmanager
def full(file: Path, table: str) -> Iterator[None]:
    """For the block the table takes no row more."""
    with closing(sqlite3.connect(file)) as database:
        database.execute(f"CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        yield
        database.execute("DROP TRIGGER full")


async def test_a_question_whose_buttons_cannot_be_kept_is_asked_later(chat: Correspondence) -> None:
    chat.asks("Which?", ("20", "50"))
    with full(chat.home.telegram, "button"), pytest.raises(Later, match="disk full"):
        await chat.channel.send((chat.alert(),))
    assert chat.api.sent == []
    await chat.channel.send((chat.alert(),))
    assert len(chat.api.sent) == 1


async def test_a_question_that_was_asked_and_not_kept_is_kept_later_and_not_asked_again(chat: Correspondence) -> None:
    chat.asks("Which?", ("20", "50"))
    for _ in range(2):
        with full(chat.home.telegram, "asked"), pytest.raises(Later, match="disk full"):
            await chat.channel.send((chat.alert(),))
    await chat.channel.send((chat.alert(),))
    (sent,) = chat.api.sent
    assert chat.channel.question_at(ME, sent.id) is not None
