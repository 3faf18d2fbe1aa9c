"""What a person did in a chat, read from an update, and what the commands need."""

from typing import Any

import pytest

from dayshift.telegram import commands
from dayshift.telegram.commands import COMMANDS, Asked, request, understood
from dayshift.telegram.markup import plain
from dayshift.telegram.speech import Press, Said, Sent, Speech, Unheard, Words, heard
from tests.bot_chats import Chats

ME, GROUP = 42, -100123
KNOWN = ["task-001", "task-002"]


@pytest.fixture
def chats() -> Chats:
    return Chats([ME, GROUP])


def message(**content: Any) -> dict[str, Any]:
    return {"update_id": 7, "message": {"message_id": 3, "date": 1, "chat": {"id": ME}, "from": {"id": ME}, **content}}


def spoken(update: dict[str, Any]) -> Speech:
    found = heard(update)
    assert found is not None
    return found


def test_words_say_where_and_when_they_were_said_and_to_which_message(chats: Chats) -> None:
    asks = chats.write(GROUP, text="Which?")
    found = spoken(chats.says(ME, GROUP, "  two words\n", reply_to=asks.id))
    assert isinstance(found, Words)
    assert (found.text, found.place.chat, found.place.reply_to) == ("  two words\n", GROUP, asks.id)


@pytest.mark.parametrize(("text", "name", "rest"), [
    ("/status", "status", ""), ("/status@dayshift_bot", "status", ""), ("/STATUS", "status", ""),
    ("/answer task-001 use 50\nper page", "answer", "task-001 use 50\nper page"),
    ("/answer@dayshift_bot task-001 x", "answer", "task-001 x"), ("/say\ttask-001  hello ", "say", "task-001  hello"),
])  # fmt: skip
def test_a_command_is_its_name_and_the_rest(text: str, name: str, rest: str) -> None:
    found = heard(message(text=text))
    assert isinstance(found, Said) and (found.name, found.rest, found.text) == (name, rest, text)


@pytest.mark.parametrize("text", ["/", "/usr/bin/python3", "//x", "say /stop", "/stop!", "1", "</stop>", "/стоп"])
def test_what_only_looks_like_a_command_is_words(text: str) -> None:
    assert isinstance(heard(message(text=text)), Words)


def test_a_photo_is_the_largest_of_its_sizes_and_a_file_has_its_name(chats: Chats) -> None:
    photo = spoken(chats.sends_photo(ME, ME, b"x" * 100, caption="like this"))
    assert isinstance(photo, Sent)
    assert (photo.size, photo.caption, photo.name) == (100, "like this", f"photo-{photo.place.message}.jpg")
    file = spoken(chats.sends_document(ME, ME, "../notes.md", b"hello"))
    assert isinstance(file, Sent) and (file.name, file.size, file.caption) == ("../notes.md", 5, "")


def test_the_photos_of_an_album_belong_together() -> None:
    sizes = [{"file_id": "a", "width": 1, "height": 1}]
    assert isinstance(found := heard(message(photo=sizes, media_group_id="12")), Sent) and found.album == "12"


def test_a_button_is_its_token(chats: Chats) -> None:
    asks = chats.write(ME, text="Which?", buttons=[[("1. this", "token")]])
    found = spoken(chats.presses(ME, asks.id, "token"))
    assert isinstance(found, Press) and (found.token, found.place.message) == ("token", asks.id)


@pytest.mark.parametrize("kind", ["voice", "video_note", "audio", "sticker", "location", "poll", "dice", "contact"])
def test_what_cannot_be_heard_is_named(kind: str) -> None:
    assert isinstance(found := heard(message(**{kind: {"file_id": "x"}})), Unheard) and found.what


def test_what_is_forwarded_is_nobodys_command(chats: Chats) -> None:
    assert isinstance(heard(chats.forwards(ME, ME, "/stop", origin=666)), Unheard)


def test_edits_posts_and_those_who_join_say_nothing(chats: Chats) -> None:
    said = chats.says(ME, ME, "/status")
    assert heard(chats.edits(ME, said["message"]["message_id"], "/stop")) is None
    assert heard(chats.posts(GROUP, "/stop")) is None
    assert heard(chats.changes_membership(ME, GROUP)) is None
    assert heard(message(new_chat_title="x")) is None
    assert heard({"update_id": 1}) is None


# --- commands --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "rest", "found"), [
    ("start", "", Asked("help")),
    ("status", "", Asked("status")), ("status", "please", Asked("status")), ("pause", "", Asked("pause")),
    ("pause", "task-001", Asked("pause", "task-001")), ("cancel", "task-002", Asked("cancel", "task-002")),
    ("answer", "task-001 use 50\n\nper page", Asked("answer", "task-001", "use 50\n\nper page")),
    ("say", "task-001\nhello", Asked("say", "task-001", "hello")), ("accept", "task-001", Asked("accept", "task-001")),
    ("reject", "task-001 no tests", Asked("reject", "task-001", "no tests")),
])  # fmt: skip
def test_a_command_with_all_it_needs_is_understood(name: str, rest: str, found: Asked) -> None:
    assert understood(name, rest, KNOWN) == found


@pytest.mark.parametrize(("name", "rest", "says"), [
    ("answer", "", "Which task: write /answer TASK TEXT; known: task-001, task-002."),
    ("answer", "task-001", "The text is missing: write /answer TASK TEXT; known: task-001, task-002."),
    ("reject", "task-001", "The reason is missing: write /reject TASK REASON; known: task-001, task-002."),
    ("logs", "", "Which task: write /logs TASK; known: task-001, task-002."),
    ("cancel", "", "Which task: write /cancel TASK; known: task-001, task-002."),
    ("pause", "task-001 task-002", "One task at a time: write /pause [TASK]; known: task-001, task-002."),
    ("logs", "task-9", "There is no task task-9; known: task-001, task-002."),
    ("shutdown", "", "There is no command /shutdown; /help lists them all."),
])  # fmt: skip
def test_what_is_missing_is_told_in_one_line_with_the_cure(name: str, rest: str, says: str) -> None:
    found = understood(name, rest, KNOWN)
    assert not isinstance(found, Asked) and plain(found) == says


def test_without_a_task_the_cure_says_so() -> None:
    assert not isinstance(found := understood("logs", "", []), Asked) and plain(found).endswith("known: no task.")


@pytest.mark.parametrize(("asked", "content"), [
    (Asked("pause"), {"kind": "order", "order": "pause", "task": None}),
    (Asked("retry", "a"), {"kind": "order", "order": "retry", "task": "a"}),
    (Asked("accept", "a"), {"kind": "review", "task": "a", "verdict": "accept", "reason": ""}),
    (Asked("reject", "a", "no"), {"kind": "review", "task": "a", "verdict": "reject", "reason": "no"}),
    (Asked("say", "a", "hi"), {"kind": "say", "task": "a", "text": "hi", "id": "n", "by": "telegram"}),
    (Asked("report"), {"kind": "report"}),
    (Asked("status"), None), (Asked("stop"), None), (Asked("answer", "a", "x"), None),
])  # fmt: skip
def test_what_a_command_asks_of_the_daemon(asked: Asked, content: dict[str, Any] | None) -> None:
    assert request(asked, "n") == content


def test_every_command_is_registered_and_explained_as_telegram_takes_it() -> None:
    assert {name for name, _ in commands.listed()} == set(COMMANDS)
    assert all(name.islower() and 1 <= len(what) <= 256 for name, what in commands.listed())
    assert all(form.usage(name) in plain(commands.told()) for name, form in COMMANDS.items())
