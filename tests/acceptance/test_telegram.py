"""A day over Telegram: real daemon, real CLI, real sandbox, against a server that speaks the Bot API on loopback."""

import contextlib
import sqlite3
from collections.abc import Iterator

import pytest

from tests.bot_api import BotApi

from .conftest import BuildHouse
from .house import House, left_behind, until
from .test_questions import choosy

ME, STRANGER = 42, 666


@pytest.fixture
def bot() -> Iterator[BotApi]:
    with BotApi().serving() as bot:
        yield bot


@pytest.fixture
def house(build: BuildHouse, bot: BotApi) -> House:
    house = build()
    house.environment |= bot.environment(ME)
    return house


def message(bot: BotApi, *words: str) -> int:
    """The number of the first message that holds all these words, once it was sent."""

    def found() -> list[int]:
        return [sent.id for sent in bot.sent if all(word in "\n".join([*sent.before, sent.text]) for word in words)]

    bot.waits(found, 60)
    return found()[0]


def remembered(house: House) -> bool:
    """Whether the daemon knows which message asks: what it dies over before is asked again."""
    with contextlib.closing(sqlite3.connect(house.home.telegram)) as store:
        return bool(store.execute("SELECT message FROM asked").fetchall())


def test_a_day_is_steered_from_a_phone(house: House, bot: BotApi) -> None:
    """A question is asked and answered by a button, a refused attempt told, the state asked for, the report sent."""
    eager = {"id": "eager", "rehearsal": [{"bash": "git commit -am done"}, {"text": "Done."}]}
    daemon = house.start("start", house.day(choosy("page"), eager), "--rehearse", "--once")
    asked = message(bot, "page", "How many orders a page?", "So far: $")
    message(bot, "eager", "git commit -am done")
    bot.says(ME, ME, "/status")
    message(bot, "page: waiting")
    bot.says(STRANGER, STRANGER, "/stop please")
    bot.presses(STRANGER, asked, bot.message(asked).data("1. 20"))
    bot.presses(ME, asked, bot.message(asked).data("2. 50"))
    assert daemon.ends() == 0
    assert "Answered by telegram:\n50" in bot.message(asked).text and not bot.message(asked).buttons
    [question] = house.task("page")["questions"]
    assert (question["answer"]["text"], question["answer"]["by"]) == ("50", "telegram")
    told = [sent for sent in bot.sent if "is over: 2 done" in sent.text]
    assert len(told) == 1
    assert {sent.kind: sent.file[1][:4] for sent in bot.sent if sent.file} == {"document": b"# Re", "photo": b"\x89PNG"}
    assert {sent.chat for sent in bot.sent} == {ME}
    assert b"please" not in house.home.telegram.read_bytes()
    assert left_behind(house) == []


@pytest.mark.long
def test_what_was_said_to_a_dead_daemon_is_done_once_by_the_next(house: House, bot: BotApi) -> None:
    """Killed while it waits for an answer: the answer given meanwhile counts, a second one is told so."""
    daemon = house.start("start", house.day(choosy("page")), "--rehearse", "--once")
    asked = message(bot, "How many orders a page?")
    until(lambda: house.state("page") == "waiting" and remembered(house), 20, "it waits")
    daemon.kill()
    for label in ("3. 100", "1. 20"):
        bot.presses(ME, asked, bot.message(asked).data(label))
    again = house.start("start", "--rehearse", "--once")
    message(bot, "already answered: 100")
    assert again.ends() == 0
    assert house.task("page")["questions"][0]["answer"]["text"] == "100"
    assert "Answered by telegram:\n100" in bot.message(asked).text
    message(bot, "stopped unexpectedly")
    assert [sent.text for sent in bot.sent if "asks, question" in sent.text] == []


def test_a_token_without_anybody_to_hear_is_refused_before_the_day(house: House) -> None:
    del house.environment["TELEGRAM_CHAT_ID"]
    ended = house.run("start", house.day(choosy("page")), "--rehearse")
    assert ended.code == 3
    assert "no chat is allowed: set TELEGRAM_CHAT_ID" in ended.err and "nobody would be heard" in ended.err
    assert house.environment["TELEGRAM_BOT_TOKEN"] not in ended.err
