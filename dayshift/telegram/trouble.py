"""What can go wrong with Telegram, in our words, and never with the token in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from dayshift.failpoints import passing

if TYPE_CHECKING:
    from telegram.error import TelegramError


class Trouble(Exception):
    """Telegram did not do what was asked. The token is never in the message."""


class Flooded(Trouble):
    """Too much was asked; no earlier than after `seconds` again."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Contested(Trouble):
    """Somebody else polls with the same token."""


class Rejected(Trouble):
    """This very call will never work."""


class Unauthorised(Trouble):
    """Telegram does not know the token."""


class Unreachable(Trouble):
    """No answer, or none that means anything; whether the call was obeyed is not known."""


@contextmanager
def explained(token: str) -> Iterator[None]:
    """For the block: whatever goes wrong is a Trouble, and its cause, which may hold the token, is not shown."""
    from telegram.error import TelegramError

    try:
        passing("telegram.asking")
        yield
        passing("telegram.answered")
    except Trouble:
        raise
    except TelegramError as error:
        raise _trouble(error, _without(token, error.message)) from None
    except Exception as error:  # an answer the library could not read
        raise Unreachable(_without(token, f"{type(error).__name__}: {error}")) from None


def _trouble(error: "TelegramError", message: str) -> Trouble:
    from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, RetryAfter

    match error:
        case RetryAfter():
            after = error.retry_after
            return Flooded(message, after.total_seconds() if isinstance(after, timedelta) else after)
        case Conflict():
            return Contested(message)
        case InvalidToken():
            return Unauthorised(message)
        case BadRequest() | Forbidden():
            return Rejected(message)
        case ChatMigrated():
            return Rejected(f"the chat is now {error.new_chat_id}; name it in telegram.chats")
    return Unreachable(message.partition(". Parsing the server response")[0])  # followed by a page of HTML


def _without(token: str, message: str) -> str:
    for secret in filter(None, (token, token.partition(":")[2])):
        message = message.replace(secret, "<token>")
    return message
