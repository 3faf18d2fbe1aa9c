"""What a person did in a chat, read from an update: an answer, a command, a press of a button, words, a file. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dayshift.telegram.markup import clipped

COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@(\w{1,64}))?(?:\s+(.*))?", re.DOTALL)
NAME_LIMIT = 200
#: Files under these keys of a message are taken; each with the ending of one that has no name.
FILES = {"document": "bin", "video": "mp4"}
#: What nobody here can hear or see, in words.
UNHEARD = {
    "voice": "a voice message", "video_note": "a video message", "audio": "music", "sticker": "a sticker",
    "animation": "an animation", "contact": "a contact", "location": "a place", "venue": "a place", "poll": "a poll",
    "dice": "dice", "story": "a story", "paid_media": "paid media", "checklist": "a checklist", "game": "a game",
}  # fmt: skip
#: Of a message: where and by whom it was said; and what.
PLACE = ("message_id", "from", "chat", "date")
CONTENT = ("text", "caption", "photo", "media_group_id", *FILES)


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when it was said; `reply_to` is the message it replies to."""

    update: int
    chat: int
    message: int
    at: datetime
    reply_to: int | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """Text that is no command."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """A command: `/name@bot rest`, the name in small letters; `text` is all of it, should it be none of ours."""

    place: Place
    name: str
    rest: str
    text: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A photo or a file with what stands under it; those of one `album` belong together."""

    place: Place
    file: str
    name: str
    size: int
    caption: str
    album: str | None = None


@dataclass(frozen=True, slots=True)
class Press:
    """A button of ours; `message` is what it stands under, `token` says what it is for."""

    place: Place
    callback: str
    token: str


@dataclass(frozen=True, slots=True)
class Unheard:
    """Something that is no way to answer, named in words."""

    place: Place
    what: str


Speech = Words | Said | Sent | Press | Unheard


def heard(update: Mapping[str, Any]) -> Speech | None:
    """What was said, if anything was: an edit, somebody who joins, what has another shape than ever say nothing."""
    try:
        if query := update.get("callback_query"):
            return _press(update["update_id"], query)
        message = update.get("message")
        return _message(update["update_id"], message) if message else None
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def kept(update: Mapping[str, Any]) -> dict[str, Any]:
    """What of an update may be kept: `heard` reads the same in it, and nobody else's words are in it.

    A person of the list replies to strangers, quotes, pins and forwards them.
    """
    kinds = {"message": _kept, "callback_query": _kept_press}
    found = {key: kinds[key](content) for key, content in update.items() if key in kinds and content}
    return {"update_id": update["update_id"], **found}


def _kept(message: Any) -> Any:
    if not isinstance(message, Mapping):
        return None
    is_forwarded = "forward_origin" in message or "forward_date" in message
    if is_forwarded or any(key in message for key in UNHEARD):
        signs = {key: True for key in ("forward_origin", *UNHEARD) if key in message}
        found = {**{key: message[key] for key in PLACE if key in message}, **signs}
        return {**found, "forward_date": 0} if is_forwarded else found
    found = {key: message[key] for key in (*PLACE, *CONTENT) if key in message}
    if isinstance(reply := message.get("reply_to_message"), Mapping):
        found["reply_to_message"] = {"message_id": reply.get("message_id")}
    return found


def _kept_press(query: Any) -> Any:
    if not isinstance(query, Mapping) or not isinstance(message := query.get("message"), Mapping):
        return None
    found = {key: query[key] for key in ("id", "from", "data") if key in query}
    return {**found, "message": {key: message[key] for key in PLACE if key in message}}


def command(text: str) -> tuple[str, str] | None:
    """Name and rest, if the text is a command."""
    found = COMMAND.fullmatch(text.strip())
    return (found[1].lower(), (found[3] or "").strip()) if found else None


def addressee(text: str) -> str | None:
    """The bot that a command names, as one does in a group with several; None if it names none."""
    found = COMMAND.fullmatch(text.strip())
    return found[2] if found else None


def _press(update: int, query: Mapping[str, Any]) -> Press:
    message = query.get("message") or {}
    number = _number(message["message_id"])
    place = Place(update, message["chat"]["id"], number, _moment(message), number)
    return Press(place, str(query["id"]), str(query.get("data", "")))


def _message(update: int, message: Mapping[str, Any]) -> Speech | None:
    reply = (message.get("reply_to_message") or {}).get("message_id")
    reply_to = None if reply is None else _number(reply)
    place = Place(update, message["chat"]["id"], _number(message["message_id"]), _moment(message), reply_to)
    if "forward_origin" in message or "forward_date" in message:
        return Unheard(place, "what somebody else wrote")
    if what := next((words for key, words in UNHEARD.items() if key in message), None):
        return Unheard(place, what)
    if (file := _file(message, place)) is not None:
        return file
    if not isinstance(text := message.get("text"), str):
        return None
    if (found := command(text)) is not None:
        return Said(place, *found, text)
    return Words(place, text)


def _number(value: Any) -> int:
    """A message's number; ValueError if it is none that a disk can keep."""
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{value!r} is no message's number")
    return value


def _file(message: Mapping[str, Any], place: Place) -> Sent | None:
    for key, ending in FILES.items():
        if (found := message.get(key)) is not None:
            name = found.get("file_name") or f"{key}-{place.message}.{ending}"
            return _sent(message, place, found, str(name))
    sizes = message.get("photo")
    if not sizes:
        return None
    largest = max(sizes, key=lambda size: size.get("width", 0) * size.get("height", 0))
    return _sent(message, place, largest, f"photo-{place.message}.jpg")


def _sent(message: Mapping[str, Any], place: Place, file: Mapping[str, Any], name: str) -> Sent:
    caption, album = message.get("caption") or "", message.get("media_group_id")
    return Sent(place, str(file["file_id"]), clipped(name, NAME_LIMIT), int(file.get("file_size") or 0), caption,
                None if album is None else str(album))  # fmt: skip


def _moment(message: Mapping[str, Any]) -> datetime:
    """When it was written, by Telegram's clock; the beginning of time if that is not said."""
    return datetime.fromtimestamp(message.get("date") or 0, UTC)
