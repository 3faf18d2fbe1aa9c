"""Who is let in: an allow-listed person, in an allow-listed chat, and nobody else. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any


class Admittance:
    """The people and the chats that are heard, by id; whoever has no id of their own is a stranger."""

    def __init__(self, users: Iterable[int], chats: Iterable[int]) -> None:
        self._users, self._chats = frozenset(users), frozenset(chats)
        if not self._users or not self._chats:
            raise ValueError("nobody would be heard; telegram.users and telegram.chats need an id each")

    def admits(self, update: Mapping[str, Any]) -> bool:
        """Whether this update, of whatever type, was made by one of the people in one of the chats."""
        contents = [content for key, content in update.items() if key != "update_id"]
        return bool(contents) and all(self._is_known(each) for each in contents)

    def _is_known(self, content: Any) -> bool:
        if not isinstance(content, Mapping) or content.get("sender_chat") is not None:  # a channel, or a hidden admin
            return False
        place = content.get("message") if "chat" not in content else content
        return _id(content.get("from")) in self._users and _id(_within(place, "chat")) in self._chats


def _within(content: Any, key: str) -> Any:
    return content.get(key) if isinstance(content, Mapping) else None


def _id(whoever: Any) -> int | None:
    """The id as a whole number; anything else is nobody's, were it only written alike."""
    number = _within(whoever, "id")
    return number if type(number) is int else None
