"""Money as the gateway needs it: what a meter answers and is told, and why a request does not go out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from dayshift.messages.tool_calls import ToolCalls
from dayshift.model import Doubtful, Usage


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request does not go out: an HTTP status and an error the CLI understands."""

    status: int
    kind: str
    message: str
    final: bool = False  #: the client must not try again

    def answer(self) -> web.Response:
        """What the client hears."""
        body = {"type": "error", "error": {"type": self.kind, "message": self.message}}
        headers = {"x-should-retry": "false"} if self.final else {}
        return web.Response(
            status=self.status, body=json.dumps(body).encode(), content_type="application/json", headers=headers
        )


class UsageReader(Protocol):
    """Reads an answer as it passes."""

    @property
    def error(self) -> str:
        """The type of the error the answer broke off with, or nothing."""

    @property
    def refused(self) -> bool:
        """Whether it broke off before the model began, so that there is nothing to bill."""

    @property
    def complete(self) -> bool:
        """Whether the answer came to its end."""

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes."""

    @property
    def visible(self) -> int:
        """How many bytes of the answer itself have passed."""

    @property
    def calls(self) -> ToolCalls:
        """The tools it calls, as far as is known."""

    def usage(self) -> Usage | Doubtful | None:
        """What it used, as far as is known."""


class Meter(Protocol):
    """Money, as the gateway needs it. Calls return when the booking is durable."""

    async def admit(self, task_id: str, body: bytes, headers: Mapping[str, str]) -> Refusal | int:
        """A booking's number, once the worst case is reserved; waits while headroom is merely reserved."""

    def counting(self, body: bytes) -> Refusal | None:
        """Why a request to count tokens does not go out, if so: it costs nothing and is not booked."""

    def reader(self, content_type: str) -> UsageReader:
        """A fresh reader for an answer of that kind."""

    async def keep_up(self, booking: int, visible: int) -> bool:
        """Whether an answer that has come so far may go on; if not, it is cut."""

    async def cut(self, booking: int) -> None:
        """The answer was cut."""

    async def settle(self, booking: int, usage: Usage | Doubtful | None, request_id: str) -> None:
        """Book what was used; in doubt, or if the end is unknown (None), charge the worst case."""

    async def void(self, booking: int) -> None:
        """The request was refused upstream before anything was billed."""
