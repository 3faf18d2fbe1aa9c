"""The only way to a model: a reverse proxy that admits a request before it leaves and books what it used.

One unix socket per agent; the socket is the identity. Every request is admitted (money reserved, durably) before its
first byte goes upstream and settled from the usage on the wire. The guard's hook is answered on the same socket.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web

from dayshift.model import Usage

log = logging.getLogger("dayshift.gateway")

REQUEST_LIMIT = 64 * 1024 * 1024
FORWARDED = frozenset({"/v1/messages", "/v1/messages/count_tokens"})
DRAIN_SECONDS = 300  #: how long an answer nobody waits for is still read, to know what it cost
LAST_SECONDS = 5.0  #: how long a closing gateway still reads answers; what is cut off then is charged at the worst case
CLOSING_SECONDS = 0.5  #: an agent that is no longer served may still get this much of its answer
# Connection-bound headers are not the proxy's to pass on; the credential is replaced; the answer must stay readable.
DROPPED = frozenset({
    "host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length",
    "accept-encoding",
    "x-api-key", "authorization", "proxy-authorization", "cookie",
})  # fmt: skip
DROPPED_ANSWER = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "set-cookie"}
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request does not go out: an HTTP status and an error the CLI understands."""

    status: int
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a task's requests go and with which credential headers."""

    url: str
    credential: Mapping[str, str]


class UsageReader(Protocol):
    """Reads an answer as it passes."""

    @property
    def complete(self) -> bool:
        """Whether the answer came to its end."""

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes."""

    def usage(self) -> Usage | None:
        """What it used, as far as is known."""


class Meter(Protocol):
    """Money, as the gateway needs it. Calls return when the booking is durable."""

    async def admit(self, task_id: str, body: bytes, headers: Mapping[str, str]) -> "Refusal | int":
        """A booking's number, once the worst case is reserved; waits while headroom is merely reserved."""

    def reader(self, content_type: str) -> UsageReader:
        """A fresh reader for an answer of that kind."""

    async def settle(self, booking: int, usage: Usage | None, request_id: str) -> None:
        """Book what was used; None: the end is unknown, charge the worst case."""

    async def void(self, booking: int) -> None:
        """The request was refused upstream before anything was billed."""


Hook = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


class Gateway:
    """Serves every agent on its own socket until closed."""

    def __init__(self, meter: Meter, hook: Hook, hook_path: str, upstream: Callable[[str], Upstream]) -> None:
        self._meter, self._hook, self._hook_path, self._upstream = meter, hook, hook_path, upstream
        self._runners: dict[str, tuple[web.AppRunner, Path]] = {}
        self._under_way: Counter[str] = Counter()
        self._drains: set[asyncio.Task[None]] = set()
        self._client: ClientSession | None = None

    async def start(self) -> None:
        """Ready the connections upstream."""
        timeout = ClientTimeout(total=None, sock_connect=30, sock_read=600)
        self._client = ClientSession(timeout=timeout, connector=TCPConnector(limit=0), auto_decompress=False)

    async def open(self, task_id: str, socket: Path) -> None:
        """Serve that task on that socket; a stale socket file is replaced."""
        await self.close_task(task_id)
        app = web.Application(client_max_size=REQUEST_LIMIT)
        app.router.add_route("*", "/{path:.*}", partial(self._serve, task_id))
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=CLOSING_SECONDS)
        await runner.setup()
        socket.parent.mkdir(mode=0o700, exist_ok=True)
        socket.unlink(missing_ok=True)
        await web.UnixSite(runner, str(socket)).start()
        self._runners[task_id] = runner, socket

    async def close_task(self, task_id: str) -> None:
        """Serve that task no more."""
        if task_id in self._runners:
            runner, socket = self._runners.pop(task_id)
            await runner.cleanup()
            socket.unlink(missing_ok=True)

    async def close(self) -> None:
        """Serve nobody; answers still under way are read to their end first, for a bounded time."""
        await asyncio.gather(*map(self.close_task, list(self._runners)))
        if self._drains:
            await asyncio.wait(self._drains, timeout=LAST_SECONDS)
        if self._client:
            await self._client.close()

    def busy(self, task_id: str) -> bool:
        """Whether a request of that task is being answered, or held until there is headroom."""
        return self._under_way[task_id] > 0

    async def _serve(self, task_id: str, request: web.Request) -> web.StreamResponse:
        self._under_way[task_id] += 1
        try:
            return await self._answer(task_id, request)
        finally:
            self._under_way[task_id] -= 1

    async def _answer(self, task_id: str, request: web.Request) -> web.StreamResponse:
        if request.path == self._hook_path and request.method == "POST":
            return await self._ask_hook(task_id, request)
        if request.path not in FORWARDED or request.method != "POST":
            return _refused(
                Refusal(404, "not_found_error", f"the gateway does not serve {request.method} {request.path}")
            )
        body = await request.read()
        if request.path.endswith("/count_tokens"):
            return await self._forward(task_id, request, body, None)
        admitted = await self._meter.admit(task_id, body, request.headers)
        if isinstance(admitted, Refusal):
            return _refused(admitted)
        return await self._forward(task_id, request, body, admitted)

    async def _ask_hook(self, task_id: str, request: web.Request) -> web.Response:
        """The guard's answer. If the guard itself fails there is none, and the CLI blocks the call (`onFailure`)."""
        try:
            return web.json_response(await self._hook(task_id, await request.json()))
        except Exception as error:
            log.error("the guard failed on a call of %s: %s: %s", task_id, type(error).__name__, error)
            return web.Response(status=500)

    async def _forward(
        self, task_id: str, request: web.Request, body: bytes, booking: int | None
    ) -> web.StreamResponse:
        """Send it on in a task of its own, so that an agent that hangs up does not stop the counting."""
        exchange = _Exchange(self._meter, booking, request)
        upstream = self._upstream(task_id)
        assert self._client is not None
        pump = asyncio.create_task(exchange.pump(self._client, upstream, body), name=f"exchange {task_id}")
        self._drains.add(pump)
        pump.add_done_callback(self._drains.discard)
        await asyncio.shield(pump)
        return exchange.answer


class _Exchange:
    """One request and its answer, from upstream to agent, with the meter reading along."""

    def __init__(self, meter: Meter, booking: int | None, request: web.Request) -> None:
        self._meter, self._booking, self._request = meter, booking, request
        self._listening = True
        self.answer: web.StreamResponse = _refused(Refusal(502, "api_error", "the model's API could not be reached"))

    async def pump(self, client: ClientSession, upstream: Upstream, body: bytes) -> None:
        """Carry the exchange to its end, whoever still listens, and book it."""
        sent = False
        try:
            url, headers = upstream.url + self._request.path_qs, _passed_on(self._request.headers, upstream)
            async with client.post(url, data=BytesIO(body), headers=headers) as response:
                sent = True
                await self._relay(response)
        except (ClientError, TimeoutError, OSError) as error:
            log.warning("upstream: %s: %s", type(error).__name__, error)
            await self._book_failure(sent, error)
            self._hang_up()

    async def _relay(self, response: Any) -> None:
        if response.status >= 400:
            await self._book(lambda number: self._meter.void(number))
        reader = self._meter.reader(response.headers.get("content-type", ""))
        await self._begin(response)
        try:
            async with asyncio.timeout(None) as deadline:
                async for chunk in response.content.iter_any():
                    reader.feed(chunk)
                    await self._pass(chunk, deadline)
        finally:
            if response.status < 400:
                usage = reader.usage() if reader.complete else None
                await self._book(
                    lambda number: self._meter.settle(number, usage, response.headers.get("request-id", ""))
                )
        if self._listening:
            await self.answer.write_eof()

    async def _begin(self, response: Any) -> None:
        headers = {k: v for k, v in response.headers.items() if k.lower() not in DROPPED_ANSWER}
        self.answer = web.StreamResponse(status=response.status, headers=headers)
        try:
            await self.answer.prepare(self._request)
        except (ConnectionError, OSError):
            self._listening = False

    async def _pass(self, chunk: bytes, deadline: asyncio.Timeout) -> None:
        """Hand the bytes on; once nobody listens, go on reading for a bounded time only."""
        if not self._listening:
            return
        try:
            await self.answer.write(chunk)
        except (ConnectionError, OSError):
            self._listening = False
            deadline.reschedule(asyncio.get_running_loop().time() + DRAIN_SECONDS)

    def _hang_up(self) -> None:
        """A stream that broke off must look broken to the agent, not complete."""
        if self.answer.prepared and self._request.transport is not None:
            self._request.transport.close()

    async def _book_failure(self, sent: bool, error: BaseException) -> None:
        """Before the request was accepted nothing can be billed; after, only the worst case is certain."""
        connecting = not sent and getattr(error, "os_error", None) is not None
        if connecting:
            await self._book(lambda number: self._meter.void(number))
        else:
            await self._book(lambda number: self._meter.settle(number, None, ""))

    async def _book(self, entry: Callable[[int], Awaitable[None]]) -> None:
        booking, self._booking = self._booking, None
        if booking is not None:
            await entry(booking)


def _passed_on(headers: Mapping[str, str], upstream: Upstream) -> dict[str, str]:
    kept = {k: v for k, v in headers.items() if k.lower() not in DROPPED}
    return {**kept, **upstream.credential, "Accept-Encoding": "identity"}


def _refused(refusal: Refusal) -> web.Response:
    body = {"type": "error", "error": {"type": refusal.kind, "message": refusal.message}}
    return web.Response(status=refusal.status, body=json.dumps(body).encode(), content_type="application/json")
