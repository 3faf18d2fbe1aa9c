"""The line to Telegram: which bot, who is heard, where messages go; and what of that is missing.

Joins settings, where the people stand.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dayshift.inputs.settings import Settings

TOKEN, CHAT, BASE_URL = "TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID", "TELEGRAM_BASE_URL"


@dataclass(frozen=True, slots=True)
class Line:
    """All that a conversation needs; the token is never shown."""

    token: str
    base_url: str | None
    users: tuple[int, ...]
    chats: tuple[int, ...]

    def __repr__(self) -> str:
        return f"Line(users={self.users}, chats={self.chats})"

    @property
    def chat(self) -> int:
        """Where messages go that are no replies: TELEGRAM_CHAT_ID, else the first of the settings."""
        return self.chats[0]


def line(settings: Settings, environment: Mapping[str, str]) -> Line | None:
    """The line, if there is a bot and somebody to hear; see `problems` for why not."""
    if not environment.get(TOKEN) or problems(settings, environment):
        return None
    return Line(environment[TOKEN], environment.get(BASE_URL) or None, *_people(settings, environment))


def problems(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """What is missing for a conversation, a line each with its cure; nothing without a token, for none is wanted."""
    if not environment.get(TOKEN):
        return []
    chat = environment.get(CHAT, "")
    if chat and not re.fullmatch(r"-?[1-9]\d*", chat):
        return [f"{CHAT} must be the number of a chat; @userinfobot tells you yours"]  # it may be the token by mistake
    users, chats = _people(settings, environment)
    found = []
    if not chats:
        found.append(f"{TOKEN} is set, but no chat is allowed: set {CHAT}, or telegram.chats in config")
    if not users:
        found.append(
            f"{TOKEN} is set, but nobody would be heard: set {CHAT} to your private chat, or telegram.users in config"
        )
    return found


def _people(settings: Settings, environment: Mapping[str, str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Users and chats. A private chat has its person's own id; a group's is negative and says nothing of people."""
    first = [int(environment[CHAT])] if environment.get(CHAT) else []
    chats = tuple(dict.fromkeys([*first, *settings.telegram.chats]))
    users = settings.telegram.users or tuple(chat for chat in chats if chat > 0)
    return users, chats
