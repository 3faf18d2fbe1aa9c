"""The Bot API: what is asked of Telegram, through python-telegram-bot. Every failure is a Trouble."""

import html as markup
import logging
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from dayshift.telegram.trouble import Contested, Flooded, Rejected, Trouble, Unauthorised, Unreachable, explained

if TYPE_CHECKING:  # it takes half a second to load: only who opens a wire does
    from ssl import SSLContext

    from telegram import Bot, InlineKeyboardMarkup, LinkPreviewOptions
    from telegram.request import HTTPXRequest

__all__ = ["Button", "Contested", "Flooded", "Rejected", "Trouble", "Unauthorised", "Unreachable", "Wire", "plain"]
TELEGRAM = "https://api.telegram.org"
#: What is taken from people. An edit is none of it: what was said first was acted upon.
TAKEN = ("message", "callback_query")
BATCH = 100  #: updates in one answer at most
LATEST = 90.0  #: seconds until a call counts as not answered; what was obeyed without an answer is done twice
GRACE = 10.0  #: seconds that an answer to a long poll may be late
LARGEST_DOCUMENT, LARGEST_PHOTO = 50_000_000, 10_000_000  #: bytes, as Telegram takes them
#: The library would warn of its own `get_updates` under that name. It is not asked for, since one update that it
#: cannot read would hide all others for ever, and would be in its log whoever wrote it.
GET_UPDATES = "get_Updates"
#: Libraries that write addresses, which hold the token, or what strangers said.
TALKATIVE = ("telegram", "httpx", "httpcore")
T = TypeVar("T")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message; `data` comes back when it is pressed, 64 bytes at most."""

    text: str
    data: str


class Wire:
    """The bot with this token. Every failure is a Trouble; nothing is asked before it is open, nor to open it."""

    def __init__(self, token: str, base_url: str | None = None) -> None:
        self._token, self._base = token, (base_url or TELEGRAM).rstrip("/")
        self._bot: Bot | None = None
        self._clients: tuple[HTTPXRequest, ...] = ()
        self._closed = "the connection to Telegram is closed"

    async def open(self) -> None:
        """Be ready to ask; no connection is made yet, so it cannot fail."""
        # The library's way to name durations as such. Without it, it warns at every flood limit.
        os.environ["PTB_TIMEDELTA"] = "true"
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        try:
            with self._explained():
                self._connect()
        except Trouble as trouble:  # a proxy that cannot be used, say; whoever asks is told, and it can be renewed
            self._closed = str(trouble)

    def _connect(self) -> None:
        from telegram import Bot
        from telegram.request import HTTPXRequest

        trust = {"verify": _authorities()}
        polls = HTTPXRequest(1, read_timeout=GRACE, connect_timeout=GRACE, pool_timeout=GRACE, httpx_kwargs=trust)
        # A call waits for its turn; an upload may take its time.
        calls = HTTPXRequest(8, read_timeout=LATEST, write_timeout=30, connect_timeout=GRACE, pool_timeout=60,
                             media_write_timeout=120, httpx_kwargs=trust)  # fmt: skip
        self._bot = Bot(self._token, f"{self._base}/bot", f"{self._base}/file/bot", calls, polls)
        self._clients = (polls, calls)

    async def close(self) -> None:
        """Let go of every connection; what is under way fails."""
        clients, self._clients, self._bot = self._clients, (), None
        await _shut(clients)

    async def renew(self) -> None:
        """Go on with fresh connections; what is under way on the old ones fails."""
        old = self._clients
        with self._explained():
            self._connect()
        await _shut(old)

    async def updates(self, offset: int | None, seconds: int) -> list[dict[str, Any]]:
        """What people did, as Telegram tells it, from that id on; waits so long for the first. Confirms all before."""
        wanted = {"offset": offset, "limit": BATCH, "timeout": seconds, "allowed_updates": list(TAKEN)}
        with self._explained():
            found = await self._open.do_api_request(GET_UPDATES, wanted, read_timeout=seconds + GRACE)
        if not isinstance(found, list) or not all(map(_is_update, found)):
            raise Unreachable("what was answered is not a list of updates")
        return found

    async def send(
        self,
        chat: int,
        html: str,
        buttons: Sequence[Sequence[Button]] = (),
        reply_to: int | None = None,
        silent: bool = False,
    ) -> int:
        """Write a message and return its number. A message to reply to that is gone is done without."""
        from telegram import ReplyParameters

        reply = None if reply_to is None else ReplyParameters(reply_to, allow_sending_without_reply=True)
        sent = await self._marked_up(html, lambda text, mode: self._open.send_message(
            chat, text, parse_mode=mode, link_preview_options=_no_preview(), reply_markup=_keyboard(buttons),
            reply_parameters=reply, disable_notification=silent))  # fmt: skip
        return sent.message_id

    async def edit(self, chat: int, message: int, html: str, buttons: Sequence[Sequence[Button]] = ()) -> None:
        """Make a message of ours read so, with these buttons alone; one that does already is fine."""
        try:
            await self._marked_up(html, lambda text, mode: self._open.edit_message_text(
                text, chat, message, parse_mode=mode, link_preview_options=_no_preview(),
                reply_markup=_keyboard(buttons)))  # fmt: skip
        except Rejected as error:
            if "message is not modified" not in str(error).lower():
                raise

    async def name(self) -> str:
        """What the bot is called, without the @."""
        with self._explained():
            return (await self._open.get_me()).username or ""

    async def acknowledge(self, callback: str, text: str = "") -> None:
        """Tell whoever pressed a button that it was heard."""
        with self._explained():
            await self._open.answer_callback_query(callback, text or None)

    async def document(self, chat: int, name: str, content: bytes, caption: str = "") -> int:
        """Send a file, with HTML under it, and return the message's number; Rejected if it is too large."""
        _refuse_larger(len(content), LARGEST_DOCUMENT)
        sent = await self._marked_up(caption, lambda text, mode: self._open.send_document(
            chat, content, text or None, parse_mode=mode, filename=name))  # fmt: skip
        return sent.message_id

    async def photo(self, chat: int, content: bytes, caption: str = "") -> int:
        """Send a picture, with HTML under it, and return the message's number; Rejected if it is too large."""
        _refuse_larger(len(content), LARGEST_PHOTO)
        sent = await self._marked_up(caption, lambda text, mode: self._open.send_photo(
            chat, content, text or None, parse_mode=mode, filename="picture.png"))  # fmt: skip
        return sent.message_id

    async def download(self, file: str, limit: int) -> bytes:
        """What somebody sent; Rejected if it is larger, or nobody says how large."""
        with self._explained():
            found = await self._open.get_file(file)
        _refuse_larger(found.file_size, limit)
        if not (found.file_path or "").startswith(f"{self._base}/"):
            raise Rejected("the Bot API server keeps files in folders of its own (--local) and gives none out")
        try:
            with self._explained():
                content = bytes(await found.download_as_bytearray(read_timeout=60))
        except Unauthorised:  # the token was good a moment ago: it is the file that is not found
            raise Rejected("the file is not there any more") from None
        _refuse_larger(len(content), limit)
        return content

    async def register(self, commands: Sequence[tuple[str, str]]) -> None:
        """Have Telegram offer these commands, each with what it is for."""
        with self._explained():
            await self._open.set_my_commands(list(commands))

    # --- in our words -------------------------------------------------------------------------------

    @property
    def _open(self) -> "Bot":
        if self._bot is None:
            raise Unreachable(self._closed)
        return self._bot

    async def _marked_up(self, html: str, attempt: Callable[[str, str | None], Awaitable[T]]) -> T:
        """As HTML; as plain text where Telegram cannot parse it, for words without print are better than none."""
        try:
            with self._explained():
                return await attempt(html, "HTML")
        except Rejected as error:
            if "can't parse entities" not in str(error).lower():
                raise
        with self._explained():
            return await attempt(plain(html), None)

    def _explained(self) -> AbstractContextManager[None]:
        return explained(self._token)


@cache
def _authorities() -> "SSLContext":
    """Whose word a server's name is taken on; read once, since it holds the event loop up."""
    import httpx

    return httpx.create_ssl_context()


async def _shut(clients: Sequence["HTTPXRequest"]) -> None:
    for client in clients:
        with suppress(Exception):  # a connection that does not even close well is gone as well
            await client.shutdown()


def plain(html: str) -> str:
    """The words alone: tags taken out, entities read."""
    return markup.unescape(_TAG.sub("", html))


def _is_update(found: Any) -> bool:
    return isinstance(found, dict) and type(found.get("update_id")) is int


def _refuse_larger(size: int | None, limit: int) -> None:
    if size is None or size > limit:
        raise Rejected(f"the file has {'an unknown size' if size is None else f'{size:,} bytes'}; {limit:,} are taken")


def _no_preview() -> "LinkPreviewOptions":
    from telegram import LinkPreviewOptions

    return LinkPreviewOptions(is_disabled=True)


def _keyboard(buttons: Sequence[Sequence[Button]]) -> "InlineKeyboardMarkup | None":
    from telegram import InlineKeyboardButton, InlineKeyboardMarkup

    if not buttons:
        return None
    return InlineKeyboardMarkup([[InlineKeyboardButton(b.text, callback_data=b.data) for b in row] for row in buttons])
