"""The bodies of agents' requests: each comes whole and in time, and those of one agent take no more than their share.

It joins the meter for the shape in which a refusal is told.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from dayshift.proxy.meter import Refusal

LARGEST = 32 << 20  #: bytes of one, uncompressed: the API's own limit
MOST = 128 << 20  #: of all that one agent has under way; those of its subagents have a few MiB each
SECONDS = 60.0  #: for the whole of one to come, from this very machine; who stops in the middle is not busy

LATE = Refusal(408, "timeout_error", "dayshift: the request did not come whole in time")
TOO_LARGE = Refusal(413, "request_too_large", f"dayshift: the request has more than {LARGEST >> 20} MiB", final=True)
TOO_MANY = Refusal(429, "rate_limit_error", f"dayshift: requests of more than {MOST >> 20} MiB are under way at once")


class Bodies:
    """What the requests of every agent hold in memory."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @asynccontextmanager
    async def whole(self, task_id: str, request: web.Request) -> AsyncIterator[bytes | Refusal]:
        """The request's body, which counts until the block ends; or why it is not taken."""
        body = await self._come(task_id, request)
        try:
            yield body
        finally:
            if isinstance(body, bytes):
                self._give_back(task_id, len(body))

    async def _come(self, task_id: str, request: web.Request) -> bytes | Refusal:
        body, is_whole = bytearray(), False
        try:
            async with asyncio.timeout(SECONDS):
                async for part in request.content.iter_any():
                    body += part
                    self._taken[task_id] += len(part)
                    if len(body) > LARGEST:
                        return TOO_LARGE
                    if self._taken[task_id] > MOST:
                        return TOO_MANY
            is_whole = True
            return bytes(body)
        except TimeoutError:
            return LATE
        finally:
            if not is_whole:
                self._give_back(task_id, len(body))

    def _give_back(self, task_id: str, size: int) -> None:
        self._taken[task_id] -= size
        if not self._taken[task_id]:
            del self._taken[task_id]
