"""The methods of the Bot API: what each checks, as Telegram does, and what it makes of the chats."""

import asyncio
import contextlib
import json
import random
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.bot_chats import BOT, USUAL, Chats, Sent
from tests.bot_markup import Refused, parsed, units

IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
MOST_DOWNLOADED = 20_000_000  #: no bot gets a bigger file from Telegram
METHODS = frozenset(
    {"getMe", "getUpdates", "sendMessage", "sendDocument", "sendPhoto", "editMessageText", "answerCallbackQuery",
     "getFile", "setMyCommands"}
)  # fmt: skip


class Blocked(Exception):
    """Telegram answers 403."""


class Superseded(Exception):
    """Telegram answers 409: somebody else polls."""


class Methods(Chats):
    """The chats of a bot, and what the bot may ask of them. What it may not: Refused, Blocked or Superseded."""

    def __init__(self, chats: Sequence[int]) -> None:
        super().__init__(chats)
        self.redelivers = 0.0  #: the share of each batch that was confirmed before
        self.shuffles = False  #: the order within a batch
        self._random = random.Random(5)
        self._news = asyncio.Event()
        self._poll = 0  #: the newest getUpdates; an older one that is held ends with 409

    async def obey(self, method: str, parameters: Mapping[str, Any]) -> Any:
        """The result of a method."""
        name = re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", method)
        return await getattr(self, f"_{name}")(parameters)

    async def _get_me(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        rights = {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}
        return {"id": BOT, "is_bot": True, "first_name": "Dayshift", "username": "dayshift_bot", **rights}

    async def _get_updates(self, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        self._poll += 1
        mine, self._news = self._poll, self._superseded()
        if "allowed_updates" in parameters:
            self.allowed = frozenset(_as_json(parameters["allowed_updates"])) or USUAL
        self._confirm(int(parameters.get("offset", 0)))
        deadline = time.monotonic() + min(50, int(parameters.get("timeout", 0)))
        while not self.waiting and mine == self._poll and time.monotonic() < deadline:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), max(0.0, deadline - time.monotonic()))
        if mine != self._poll:
            raise Superseded
        return self._batch(max(1, min(100, int(parameters.get("limit", 100)))))

    def _superseded(self) -> asyncio.Event:
        self._news.set()  # whoever is held looks, and finds that it is not the newest
        return asyncio.Event()

    def _confirm(self, offset: int) -> None:
        with self._lock:
            ids = sorted(update["update_id"] for update in self.waiting)
            if offset < 0:
                offset = ids[offset] if len(ids) >= -offset else 0
            done = [update for update in self.waiting if update["update_id"] < offset]
            self.confirmed += done
            self.waiting = [update for update in self.waiting if update["update_id"] >= offset]

    def _batch(self, limit: int) -> list[dict[str, Any]]:
        with self._lock:
            again = min(int(limit * self.redelivers), len(self.confirmed))
            batch = self._random.sample(self.confirmed, again) + self.waiting[: limit - again]
            if self.shuffles:
                self._random.shuffle(batch)
            return batch

    async def _send_message(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        text = _text(parameters, "text", 4096, "message is too long")
        if not text:
            raise Refused("message text is empty")
        return self.shape(self._written(parameters, text, parameters["text"]))

    async def _send_document(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return self._send_file(parameters, "document")

    async def _send_photo(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if not _file(parameters, "photo")[1].startswith(IMAGES):
            raise Refused("IMAGE_PROCESS_FAILED")
        return self._send_file(parameters, "photo")

    def _send_file(self, parameters: Mapping[str, Any], kind: str) -> dict[str, Any]:
        file = _file(parameters, kind)
        if not file[1]:
            raise Refused("file must be non-empty")
        caption = _text(parameters, "caption", 1024, "message caption is too long")
        return self.shape(self._written(parameters, caption, parameters.get("caption", ""), file=file, kind=kind))

    def _written(self, parameters: Mapping[str, Any], text: str, html: str, **facts: Any) -> Sent:
        chat = self._writable(parameters)
        reply = _as_json(parameters.get("reply_parameters", {}))
        reply_to = reply.get("message_id", parameters.get("reply_to_message_id"))
        if reply_to is not None and not self.has(chat, int(reply_to)):
            if not reply.get("allow_sending_without_reply"):
                raise Refused("message to be replied not found")
            reply_to = None
        return self.write(
            chat, text=text, html=html, buttons=_buttons(parameters), silent=_true(parameters, "disable_notification"),
            reply_to=None if reply_to is None else int(reply_to),
            previewed=not _as_json(parameters.get("link_preview_options", {})).get("is_disabled", False), **facts,
        )  # fmt: skip

    def _writable(self, parameters: Mapping[str, Any]) -> int:
        chat = int(parameters.get("chat_id", 0))
        if chat not in self.known:
            raise Refused("chat not found")
        if chat in self.blocked:
            raise Blocked("bot was blocked by the user")
        return chat

    async def _edit_message_text(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        sent = self.of_the_bot(self._writable(parameters), int(parameters.get("message_id", 0)))
        if sent is None:
            raise Refused("message to edit not found")
        if sent.kind != "text":
            raise Refused("there is no text in the message to edit")
        text, buttons = _text(parameters, "text", 4096, "message is too long"), _buttons(parameters)
        if not text:
            raise Refused("message text is empty")
        if (parameters["text"], buttons) == (sent.html, sent.buttons):
            raise Refused(
                "message is not modified: specified new message content and reply markup are exactly the same"
                " as a current content and reply markup of the message"
            )
        sent.before.append(sent.text)
        sent.text, sent.html, sent.buttons = text, parameters["text"], buttons
        return self.shape(sent)

    async def _answer_callback_query(self, parameters: Mapping[str, Any]) -> bool:
        query, text = parameters.get("callback_query_id", ""), parameters.get("text", "")
        if query not in self.queries:
            raise Refused("query is too old and response timeout expired or query ID is invalid")
        if units(text) > 200:
            raise Refused("MESSAGE_TOO_LONG")
        self.acknowledged[query] = text
        return True

    async def _get_file(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        file = parameters.get("file_id", "")
        if file not in self.files:
            raise Refused("wrong file_id or the file is temporarily unavailable")
        if len(self.files[file]) > MOST_DOWNLOADED:
            raise Refused("file is too big")
        facts = {"file_id": file, "file_unique_id": f"AQ{file}", "file_size": len(self.files[file])}
        return {**facts, "file_path": f"documents/{file}"}

    async def _set_my_commands(self, parameters: Mapping[str, Any]) -> bool:
        commands = _as_json(parameters.get("commands", []))
        if len(commands) > 100:
            raise Refused("BOT_COMMANDS_TOO_MUCH")
        for each in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", each["command"]):
                raise Refused("BOT_COMMAND_INVALID")
            if not 1 <= len(each["description"]) <= 256:
                raise Refused("BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands = commands
        return True


def _as_json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise Refused("can't parse JSON object") from None


def _true(parameters: Mapping[str, Any], name: str) -> bool:
    return str(parameters.get(name, "")).lower() in ("true", "1")


def _text(parameters: Mapping[str, Any], name: str, most: int, otherwise: str) -> str:
    text = str(parameters.get(name, ""))
    if parameters.get("parse_mode", "").lower() == "html":
        text = parsed(text)
    if units(text.strip()) > most:
        raise Refused(otherwise)
    return text.strip()


def _buttons(parameters: Mapping[str, Any]) -> list[list[tuple[str, str]]]:
    rows = _as_json(parameters.get("reply_markup", {})).get("inline_keyboard", [])
    found = [[(each["text"], each.get("callback_data", "")) for each in row] for row in rows]
    for text, data in (each for row in found for each in row):
        if not text:
            raise Refused('field "text" must be non-empty in an inline keyboard button')
        if not 1 <= len(data.encode()) <= 64:
            raise Refused("BUTTON_DATA_INVALID")
    return found


def _file(parameters: Mapping[str, Any], name: str) -> tuple[str, bytes]:
    value = parameters.get(name)
    if isinstance(value, str):
        value = parameters.get(value.removeprefix("attach://"))
    if not isinstance(value, tuple):
        raise Refused(f"there is no {name} in the request")
    return value
