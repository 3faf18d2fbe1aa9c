"""What goes on in the chats of a bot: what people say and press, what the bot wrote, which updates wait for it."""

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

BOT = 7_000_000_001
FIRST_UPDATE = 731_000_001
#: What a bot is given that did not say what it wants.
USUAL = frozenset(
    {"message", "edited_message", "channel_post", "edited_channel_post", "callback_query", "my_chat_member"}
)


@dataclass(slots=True)
class Sent:
    """A message of the bot as it stands now."""

    chat: int
    id: int
    text: str = ""  #: what people read: entities parsed; of a file its caption
    html: str = ""  #: as the bot wrote it
    buttons: list[list[tuple[str, str]]] = field(default_factory=list)  #: text and data
    reply_to: int | None = None
    silent: bool = False
    previewed: bool = True  #: whether links in it are shown with a preview
    file: tuple[str, bytes] | None = None  #: name and content
    kind: str = "text"  #: text, document, photo
    before: list[str] = field(default_factory=list)  #: its texts before it was edited

    def data(self, label: str) -> str:
        """What the button of that label sends."""
        return next(data for row in self.buttons for text, data in row if text == label)


class Chats:
    """Everything but the wire. Each method may be called from any thread."""

    def __init__(self, chats: Sequence[int] = (42,)) -> None:
        self.known = set(chats)  #: chats the bot may write to
        self.blocked: set[int] = set()  #: of these, where it is blocked
        self.files: dict[str, bytes] = {}  #: by file_id, what people sent
        self.acknowledged: dict[str, str] = {}  #: by callback query, the text it was acknowledged with
        self.queries: set[str] = set()  #: callback queries that were made
        self.commands: list[dict[str, str]] = []  #: as registered
        self.waiting: list[dict[str, Any]] = []  #: updates that are not confirmed
        self.confirmed: list[dict[str, Any]] = []
        self.allowed: frozenset[str] = USUAL
        self._messages: dict[int, Sent] = {}
        self._said: dict[int, dict[str, Any]] = {}  #: messages of people
        self._message_ids, self._update_ids = itertools.count(1), itertools.count(FIRST_UPDATE)
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()

    def wake(self) -> None:
        """An update waits; a server that holds a request answers it."""

    @property
    def sent(self) -> list[Sent]:
        """What the bot wrote, in order, as it stands now."""
        return list(self._messages.values())

    def message(self, number: int) -> Sent:
        """One message of the bot."""
        return self._messages[number]

    def restarts_ids(self, first: int) -> None:
        """The next update has that id: so it is after a week without any."""
        self._update_ids = itertools.count(first)

    # --- what people do; each returns the update ------------------------------------------------------

    def says(self, user: int, chat: int, text: str, reply_to: int | None = None) -> dict[str, Any]:
        """Somebody writes into a chat."""
        content: dict[str, Any] = {"text": text}
        if text.startswith("/"):
            content["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
        return self._message(user, chat, content, reply_to)

    def sends_photo(
        self, user: int, chat: int, content: bytes, caption: str = "", reply_to: int | None = None
    ) -> dict[str, Any]:
        """Somebody sends a picture; like Telegram in two sizes, the best one last."""
        sizes = [{**self._file(data), "width": width, "height": width}
                 for data, width in ((content[:32], 90), (content, 1280))]  # fmt: skip
        return self._message(user, chat, {"photo": sizes, **({"caption": caption} if caption else {})}, reply_to)

    def sends_document(
        self, user: int, chat: int, name: str, content: bytes, caption: str = "", reply_to: int | None = None
    ) -> dict[str, Any]:
        """Somebody sends a file."""
        document = {**self._file(content), "file_name": name, "mime_type": "application/octet-stream"}
        return self._message(user, chat, {"document": document, **({"caption": caption} if caption else {})}, reply_to)

    def sends_voice(self, user: int, chat: int, content: bytes, reply_to: int | None = None) -> dict[str, Any]:
        """Somebody speaks."""
        voice = {**self._file(content), "duration": 3, "mime_type": "audio/ogg"}
        return self._message(user, chat, {"voice": voice}, reply_to)

    def edits(self, user: int, message: int, text: str) -> dict[str, Any]:
        """Somebody changes what they wrote."""
        said = {**self._said[message], "text": text, "edit_date": int(time.time())}
        assert said["from"]["id"] == user
        self._said[message] = said
        return self._update("edited_message", said)

    def forwards(self, user: int, chat: int, text: str, origin: int) -> dict[str, Any]:
        """Somebody passes on what somebody else wrote."""
        source = {"type": "user", "sender_user": _user(origin), "date": int(time.time())}
        return self._message(user, chat, {"text": text, "forward_origin": source}, None)

    def posts(self, channel: int, text: str) -> dict[str, Any]:
        """A channel posts; nobody is named as its author."""
        facts = {"message_id": next(self._message_ids), "sender_chat": _chat(channel, 0), "chat": _chat(channel, 0)}
        return self._update("channel_post", {**facts, "date": int(time.time()), "text": text})

    def changes_membership(self, user: int, chat: int, status: str = "member") -> dict[str, Any]:
        """Somebody adds the bot to a chat, or throws it out."""
        old, new = ({"user": _bot(), "status": each} for each in ("left", status))
        return self._update("my_chat_member", {
            "chat": _chat(chat, user), "from": _user(user), "date": int(time.time()), "old_chat_member": old,
            "new_chat_member": new,
        })  # fmt: skip

    def presses(self, user: int, message: int, data: str) -> dict[str, Any]:
        """Somebody presses a button under a message of the bot. The one with this data; no longer there: Telegram
        lets presses through that were made before an edit arrived."""
        sent = self._messages[message]
        query = str(4_000_000_000 + next(self._numbers))
        self.queries.add(query)
        return self._update("callback_query", {
            "id": query, "from": _user(user), "message": self.shape(sent), "chat_instance": "-1", "data": data,
        })  # fmt: skip

    def _message(self, user: int, chat: int, content: dict[str, Any], reply_to: int | None) -> dict[str, Any]:
        with self._lock:
            facts = {"message_id": next(self._message_ids), "from": _user(user), "chat": _chat(chat, user)}
            message = {**facts, "date": int(time.time()), **content}
            if reply_to is not None:
                message["reply_to_message"] = self._replied(reply_to)
            self._said[message["message_id"]] = message
            return self._update("message", message)

    def _replied(self, number: int) -> dict[str, Any]:
        if number in self._messages:
            return self.shape(self._messages[number])
        return {key: value for key, value in self._said[number].items() if key != "reply_to_message"}

    def _update(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            update = {"update_id": next(self._update_ids), kind: content}
            if kind in self.allowed:
                self.waiting.append(update)
        self.wake()
        return update

    def _file(self, content: bytes) -> dict[str, Any]:
        number = next(self._numbers)
        self.files[f"AgACAgIAAxk{number}"] = content
        unique = f"AQAD{number}"
        return {"file_id": f"AgACAgIAAxk{number}", "file_unique_id": unique, "file_size": len(content)}

    # --- what the bot does ----------------------------------------------------------------------------

    def write(self, chat: int, **facts: Any) -> Sent:
        """A new message of the bot."""
        with self._lock:
            sent = Sent(chat, next(self._message_ids), **facts)
            self._messages[sent.id] = sent
            return sent

    def has(self, chat: int, number: int) -> bool:
        """Whether a message of that number is in that chat."""
        return any(chat == of for of in (
            *(each.chat for each in filter(None, [self._messages.get(number)])),
            *(each["chat"]["id"] for each in filter(None, [self._said.get(number)])),
        ))  # fmt: skip

    def of_the_bot(self, chat: int, number: int) -> Sent | None:
        """The bot's message of that number in that chat."""
        sent = self._messages.get(number)
        return sent if sent is not None and sent.chat == chat else None

    def shape(self, sent: Sent) -> dict[str, Any]:
        """A message of the bot as Telegram shows it."""
        shape: dict[str, Any] = {
            "message_id": sent.id, "from": _bot(), "chat": _chat(sent.chat, sent.chat), "date": int(time.time()),
            "text" if sent.kind == "text" else "caption": sent.text,
        }  # fmt: skip
        if sent.file:
            name, content = sent.file
            identity = {"file_id": f"BQAC{sent.id}", "file_unique_id": f"BQ{sent.id}", "file_size": len(content)}
            sizes = [{**identity, "width": 800, "height": 400}]
            shape[sent.kind] = {**identity, "file_name": name} if sent.kind == "document" else sizes
        if sent.buttons:
            rows = [[{"text": text, "callback_data": data} for text, data in row] for row in sent.buttons]
            shape["reply_markup"] = {"inline_keyboard": rows}
        return shape


def _user(user: int) -> dict[str, Any]:
    return {"id": user, "is_bot": False, "first_name": f"Person {user}", "language_code": "en"}


def _bot() -> dict[str, Any]:
    return {"id": BOT, "is_bot": True, "first_name": "Dayshift", "username": "dayshift_bot"}


def _chat(chat: int, user: int) -> dict[str, Any]:
    if chat > 0:
        return {"id": chat, "type": "private", "first_name": f"Person {user}"}
    return {"id": chat, "type": "channel" if user == 0 else "supergroup", "title": f"Chat {chat}"}
