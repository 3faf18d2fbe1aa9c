"""Telegram as a channel, against a real server: each alert once, whole, and nothing in it alive."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dayshift.alerts import PRESSING, Alert, Kind, which
from dayshift.conversation import Answer
from dayshift.notifying.courier import Later, Undeliverable
from dayshift.states import Queued
from dayshift.telegram.letters import labels, packed
from tests.bot_api import BAD_GATEWAY, CUT_AFTER, BotApi, Fault, flood
from tests.bot_markup import units
from tests.correspondence import BEGAN, ME, Correspondence, home
from tests.test_telegram_markup import HOSTILE

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


def alert(kind: Kind = Kind.failed, title: str = "task-001 has failed", text: str = "", **facts: object) -> Alert:
    return replace(Alert(f"{kind}:{title}", kind, title, NOW, text), **facts)  # type: ignore[arg-type]


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi([ME]).running() as api:
        yield api


@pytest.fixture
async def chat(api: BotApi, tmp_path: Path) -> AsyncIterator[Correspondence]:
    chat = Correspondence(home(tmp_path), api)
    await chat.wire.open()
    yield chat
    await chat.wire.close()
    chat.store.close()


async def test_an_alert_is_its_title_and_its_text_to_the_letter(chat: Correspondence) -> None:
    await chat.channel.send((alert(text="pytest -q\n  exit code 1 in <main.py>"),))
    (sent,) = chat.api.sent
    assert sent.text == "task-001 has failed\npytest -q\n  exit code 1 in <main.py>"
    assert sent.html.startswith("<b>task-001 has failed</b>\n<pre>") and not sent.previewed


async def test_a_burst_is_one_message_of_titles(chat: Correspondence) -> None:
    many = tuple(alert(kind, f"task-00{number} did") for number, kind in enumerate(
        [Kind.forbidden, Kind.halted, Kind.audit, Kind.failed]))  # fmt: skip
    await chat.channel.send(many)
    (sent,) = chat.api.sent
    assert sent.text.splitlines()[0] == "4 things happened"
    assert sent.text.splitlines()[1:3] == ["• forbidden attempt: task-000 did", "• halted: task-001 did"]


@pytest.mark.parametrize("kind", list(Kind))
async def test_only_what_is_pressing_makes_a_sound(chat: Correspondence, kind: Kind) -> None:
    chat.asks()
    told = chat.alert() if kind is Kind.question else alert(kind)
    await chat.channel.send((told,))
    assert [sent.silent for sent in chat.api.sent] == [kind not in PRESSING]


async def test_the_report_comes_with_its_picture_and_its_file(chat: Correspondence, tmp_path: Path) -> None:
    (tmp_path / "day.png").write_bytes(PNG)
    (tmp_path / "report.md").write_text("# The day\n")
    files = (str(tmp_path / "day.png"), str(tmp_path / "report.md"), str(tmp_path / "gone.md"))
    await chat.channel.send((alert(Kind.report, "The day is over", "3 done, 1 failed, $1.20", files=files),))
    summary, picture, report = chat.api.sent
    assert summary.text == "The day is over\n3 done, 1 failed, $1.20"
    assert (picture.kind, picture.file and picture.file[1]) == ("photo", PNG)
    assert (report.kind, report.file) == ("document", ("report.md", b"# The day\n"))


async def test_a_picture_that_telegram_does_not_take_is_a_file(chat: Correspondence, tmp_path: Path) -> None:
    (tmp_path / "day.png").write_bytes(b"no picture")
    await chat.channel.send((alert(Kind.report, "Over", files=(str(tmp_path / "day.png"),)),))
    assert [sent.kind for sent in chat.api.sent] == ["text", "document"]


async def test_what_was_sent_before_a_failure_is_not_sent_again(chat: Correspondence, tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("# The day\n")
    told = (alert(Kind.report, "Over", "summary", files=(str(tmp_path / "report.md"),)),)
    chat.api.fails(BAD_GATEWAY, method="sendDocument")
    with pytest.raises(Later):
        await chat.channel.send(told)
    await chat.channel.send(told)
    assert [sent.kind for sent in chat.api.sent] == ["text", "document"]


async def test_failures_are_told_as_the_courier_understands_them(chat: Correspondence) -> None:
    chat.api.fails(flood(7), method="sendMessage")
    with pytest.raises(Later) as later:
        await chat.channel.send((alert(),))
    assert later.value.seconds == 7
    chat.api.fails(CUT_AFTER, method="sendMessage")
    with pytest.raises(Later) as later:
        await chat.channel.send((alert(),))
    assert later.value.seconds is None
    chat.api.fails(Fault(401, "Unauthorized"), method="sendMessage")
    with pytest.raises(Later):
        await chat.channel.send((alert(),))
    chat.api.blocked.add(ME)
    with pytest.raises(Undeliverable, match="blocked"):
        await chat.channel.send((alert(),))


async def test_a_question_that_was_answered_on_its_way_shows_that_at_once(chat: Correspondence) -> None:
    chat.asks(options=("yes", "no"))
    told, before = chat.alert(), chat.records["task-001"]
    answer = Answer("task-001", 1, "no", "file", NOW)
    chat.records["task-001"] = replace(before, state=Queued(BEGAN), answers=(answer,))
    await chat.channel.send((told,))
    (sent,) = chat.api.sent
    assert sent.text.endswith("Answered by file:\nno") and sent.buttons == []


async def test_a_message_that_is_gone_hinders_no_other(chat: Correspondence) -> None:
    asks = await chat.ask()
    mark = which(chat.records["task-001"])
    chat.store.asked(mark, 1, ME, 1)
    chat.store.asked(mark, 1, ME, 999)
    await chat.channel.close(chat.records["task-001"], 1)
    assert asks.before


async def test_whatever_an_agent_writes_telegram_takes_it_as_text(chat: Correspondence) -> None:
    for number, text in enumerate(HOSTILE):
        chat.records.clear()
        task_id = f"task-{number}"
        await chat.ask(text, options=(text, "two"), name=text, task_id=task_id)
        await chat.channel.send((alert(title=f"x {text}", text=text),))
        before = chat.records[task_id]
        chat.records[task_id] = replace(before, answers=(Answer(task_id, 1, text, "file", NOW),))
        await chat.channel.close(chat.records[task_id], 1)
    assert {call.status for call in chat.api.calls} == {200}  # none was tried again without its markup
    for sent in chat.api.sent:
        assert units(sent.text) <= 4096 and "<a " not in sent.html and "href" not in sent.html.replace(
            "&lt;a href", "")  # fmt: skip
        assert all(1 <= units(label) <= 64 and len(data) <= 64 for row in sent.buttons for label, data in row)


async def test_a_rehearsed_document_says_so(api: BotApi, tmp_path: Path) -> None:
    chat = Correspondence(home(tmp_path), api, rehearsal=True)
    await chat.wire.open()
    (tmp_path / "day.png").write_bytes(PNG)
    await chat.channel.send((alert(Kind.report, "Over", "x\n" * 9000, files=(str(tmp_path / "day.png"),)),))
    assert [sent.text for sent in api.sent] == ["[rehearsal] Over", "[rehearsal] day.png"]
    await chat.wire.close()
    chat.store.close()


def test_buttons_are_numbered_and_short() -> None:
    assert labels(("yes", "x" * 100, "")) == ["1. yes", f"2. {'x' * 56}…", "3. "]
    assert len(labels(["x"] * 99)) == 40


def test_three_messages_at_most_else_a_document() -> None:
    from dayshift.telegram.markup import block

    assert [piece.file for piece in packed((block("x" * 12_000),))] == [None] * 3
    (document,) = packed((block("x" * 12_400),), "log.txt")
    assert document.file == ("log.txt", b"x" * 12_400)
