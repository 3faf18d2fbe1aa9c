"""What strangers said is kept nowhere, also where a person of the list replies to it, quotes, pins or forwards it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dayshift.telegram.speech import heard, kept
from tests.bot_api import BotApi
from tests.correspondence import ME, Correspondence, home

STRANGER = {"message_id": 2, "date": 1, "chat": {"id": ME}, "from": {"id": 666}, "text": "words of a stranger"}
BESIDES: list[dict[str, Any]] = [
    {"text": "yes", "reply_to_message": STRANGER, "quote": {"text": "words of a stranger"}},
    {"text": "/pause", "external_reply": {"origin": STRANGER}, "reply_to_message": None},
    {"pinned_message": STRANGER},
    {"text": "words of a stranger", "forward_origin": {"type": "user", "sender_user": {"id": 666}}},
    {"photo": [{"file_id": "words of a stranger"}], "forward_date": 5, "caption": "words of a stranger"},
    {"sticker": {"set_name": "words of a stranger"}},
    {"document": {"file_id": "x", "file_name": "a.txt"}, "caption": "see", "reply_to_message": STRANGER},
    {"animation": {}, "document": {"file_id": "words of a stranger"}},
    {"photo": [{"file_id": "x", "width": 1}], "media_group_id": "5"},
    {"new_chat_members": [{"id": 666, "first_name": "words of a stranger"}]},
]


def said(content: dict[str, Any]) -> dict[str, Any]:
    whole = {"message_id": 3, "date": 1, "chat": {"id": ME}, "from": {"id": ME}, **content}
    return {"update_id": 7, "message": whole}


@pytest.mark.parametrize("content", BESIDES)
def test_what_is_kept_reads_the_same_and_has_no_words_of_others(content: dict[str, Any]) -> None:
    assert heard(kept(said(content))) == heard(said(content))
    assert "stranger" not in json.dumps(kept(said(content)))


def test_a_press_is_kept_without_the_message_it_stands_under() -> None:
    press = {"id": "9", "from": {"id": ME}, "data": "token", "message": {**STRANGER, "reply_to_message": STRANGER}}
    update = {"update_id": 8, "callback_query": press}
    assert heard(kept(update)) == heard(update) is not None
    assert "stranger" not in json.dumps(kept(update))


@pytest.mark.parametrize("odd", [{"message": 5}, {"message": []}, {"callback_query": {"id": "1"}}, {"poll": {"id": 1}},
                                 {"edited_message": STRANGER}, {"message": {"reply_to_message": 4}}])  # fmt: skip
def test_what_has_another_shape_is_nothing(odd: dict[str, Any]) -> None:
    assert heard(kept({"update_id": 9, **odd})) is None


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Correspondence]:
    async with BotApi([ME]).running() as api:
        yield Correspondence(home(tmp_path), api)


async def test_a_reply_to_a_stranger_leaves_nothing_of_them_on_disk(chat: Correspondence) -> None:
    async with chat.living():
        asked = chat.api.says(666, -100, "words of a stranger")["message"]["message_id"]
        chat.api.says(ME, ME, "what do they mean?", reply_to=asked)
        await chat.api.comes(lambda: len(chat.api.sent) == 1)
    files = [path for path in chat.home.root.rglob("*") if path.is_file()]
    assert files and not [path for path in files if b"words of a stranger" in path.read_bytes()]


@pytest.mark.parametrize("number", ["x", {"a": 1}, 2**80, None, 1.5, True])
def test_a_message_whose_number_is_none_says_nothing_and_holds_up_nobody(number: Any) -> None:
    """What the disk could not take as a number would be tried again for ever, and all that was said after it wait."""
    assert heard(said({"text": "hello", "message_id": number})) is None
    press = {"id": "9", "from": {"id": ME}, "data": "token", "message": {**STRANGER, "message_id": number}}
    assert heard({"update_id": 8, "callback_query": press}) is None
    if number is not None:
        assert heard(said({"text": "hello", "reply_to_message": {"message_id": number}})) is None
