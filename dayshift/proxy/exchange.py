"""One request and its answer, carried from upstream to agent while meter, gate and second sight listen. Joins them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from aiohttp import ClientError, ClientSession, ConnectionTimeoutError, web

from dayshift import limits
from dayshift.failpoints import passing
from dayshift.limits import Kind, Limit
from dayshift.proxy.gate import Course
from dayshift.proxy.meter import Meter, Refusal, UsageReader
from dayshift.proxy.second_sight import Watch

log = logging.getLogger("dayshift.gateway")

DRAIN_SECONDS = 300  #: how long an answer nobody waits for is still read, to know what it cost
UNREAD_SECONDS = 300.0  #: how long an agent may leave an answer unread; longer, and it counts as gone
LONGEST_ID = 200
REDIRECTION = 300  #: from this status on there is no answer, and no bill; where it would lead to, no credential is sent
# Connection-bound headers are not the proxy's to pass on; the credential is replaced; the answer must stay readable;
# the body goes on as the bytes that were measured, whatever it came as.
DROPPED = frozenset({
    "host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length",
    "accept-encoding", "expect", "content-encoding", "content-type",
    "x-api-key", "authorization", "proxy-authorization", "cookie",
})  # fmt: skip
BETA, OAUTH_BETA = "anthropic-beta", "oauth-2025-04-20"  #: as Claude Code 2.1.329 sends it with a plan's token
DROPPED_ANSWER = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "set-cookie"}
)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a task's requests go and with which credential headers."""

    url: str
    credential: Mapping[str, str]


class Exchange:
    """One request and its answer, from upstream to agent, with the meter reading along."""

    def __init__(
        self, meter: Meter, booking: int | None, request: web.Request, told: Course, watch: Watch,
        unread_seconds: float,
    ) -> None:  # fmt: skip
        self._meter, self._booking, self._request, self._told, self._watch = meter, booking, request, told, watch
        self._unread_seconds, self._counts_only = unread_seconds, booking is None
        self._listening = True
        self.answer: web.StreamResponse = Refusal(502, "api_error", "the model's API could not be reached").answer()

    async def pump(self, client: ClientSession, upstream: Upstream, body: bytes) -> None:
        """Carry the exchange to its end, whoever still listens, and book it."""
        sent = False
        try:
            url, headers = upstream.url + self._request.path_qs, _passed_on(self._request.headers, upstream)
            passing("message.forwarding")
            async with client.post(url, data=BytesIO(body), headers=headers, allow_redirects=False) as response:
                sent = True
                passing("message.forwarded")
                await self._relay(response)
        except Exception as error:  # whatever broke, the request is booked and the agent hears that it broke
            log.warning("upstream: %s: %s", type(error).__name__, error)
            if not sent and isinstance(error, (ClientError, OSError)):
                self._told.ended(Limit(Kind.unreachable))
            await self._book_failure(sent, error)
            self._hang_up()
        finally:
            self._told.lost()

    async def _relay(self, response: Any) -> None:
        self._told.headers(response.headers)
        if response.status >= REDIRECTION:
            await self._relay_error(response)
        else:
            await self._relay_answer(response)
        if self._listening:
            passing("answer.passing")
            await self.answer.write_eof()
        passing("answer.passed")

    async def _relay_error(self, response: Any) -> None:
        """Pass a refusal on once it is known what it tells of; where the fleet is parked, it is not tried again."""
        await self._book(lambda number: self._meter.void(number))
        body = b""
        while len(body) < limits.ERROR_BYTES and (chunk := await response.content.readany()):
            body += chunk
        limit = None
        if not self._counts_only or response.status != 429:  # counting has a limit of its own, which stops no message
            limit = self._told.refused(response.status, response.headers, body)
        await self._begin(response, {"x-should-retry": "false"} if limit and limit.parks else {})
        async with asyncio.timeout(None) as deadline:
            await self._pass(body, deadline)
            async for chunk in response.content.iter_any():
                await self._pass(chunk, deadline)

    async def _relay_answer(self, response: Any) -> None:
        reader = self._meter.reader(response.headers.get("content-type", ""))
        await self._begin(response, {})
        try:
            async with asyncio.timeout(None if self._listening else DRAIN_SECONDS) as deadline:
                async for chunk in response.content.iter_any():
                    reader.feed(chunk)
                    self._tell(reader)
                    self._watch.see(reader.calls)  # before the agent can act on it
                    if self._booking is not None and not await self._meter.keep_up(self._booking, reader.visible):
                        return await self._cut(response)
                    await self._pass(chunk, deadline)
            if reader.complete:
                self._told.ended(None)
                self._watch.whole(reader.calls)
        finally:
            if reader.refused:  # a stream that began with an error: there was no answer to bill
                await self._book(self._meter.void)
            usage = reader.usage() if reader.complete else None
            await self._book(lambda number: self._meter.settle(number, usage, _request_id(response.headers)))

    def _tell(self, reader: UsageReader) -> None:
        """Let the gate know at once how the answer goes."""
        if error := reader.error:
            self._told.broken_off(error)
        else:
            self._told.began()

    async def _cut(self, response: Any) -> None:
        """End an answer that cannot be paid for any further; the agent's next request is refused in words."""
        response.close()
        await self._book(self._meter.cut)
        self._hang_up()
        self._listening = False

    async def _begin(self, response: Any, more: Mapping[str, str]) -> None:
        headers = {k: v for k, v in response.headers.items() if k.lower() not in {*DROPPED_ANSWER, *more}} | dict(more)
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
            async with asyncio.timeout(self._unread_seconds):
                await self.answer.write(chunk)
        except OSError as error:  # a TimeoutError is one
            if isinstance(error, TimeoutError) and self._request.transport is not None:
                self._request.transport.abort()  # what waits in it would be waited for
            self._listening = False
            deadline.reschedule(asyncio.get_running_loop().time() + DRAIN_SECONDS)

    def _hang_up(self) -> None:
        """A stream that broke off must look broken to the agent, not complete."""
        if self.answer.prepared and self._request.transport is not None:
            self._request.transport.close()

    async def _book_failure(self, sent: bool, error: BaseException) -> None:
        """Before the request was accepted nothing can be billed; after, only the worst case is certain."""
        connecting = not sent and (
            isinstance(error, ConnectionTimeoutError) or getattr(error, "os_error", None) is not None
        )
        if connecting:
            await self._book(lambda number: self._meter.void(number))
        else:
            await self._book(lambda number: self._meter.settle(number, None, ""))

    async def _book(self, entry: Callable[[int], Awaitable[None]]) -> None:
        if self._booking is not None:
            await entry(self._booking)  # if this fails it is still to be booked
            self._booking = None
            passing("message.booked")


def _passed_on(headers: Mapping[str, str], upstream: Upstream) -> dict[str, str]:
    kept = {k: v for k, v in headers.items() if k.lower() not in DROPPED}
    if any(name.lower() == "authorization" for name in upstream.credential):  # without it a plan's token is refused
        betas = [value for name, value in kept.items() if name.lower() == BETA and value]
        asked = ",".join(betas)
        kept = {name: value for name, value in kept.items() if name.lower() != BETA}
        kept[BETA] = asked if OAUTH_BETA in asked else ",".join([*betas, OAUTH_BETA])
    return {**kept, **upstream.credential, "Accept-Encoding": "identity", "Content-Type": "application/json"}


def _request_id(headers: Mapping[str, str]) -> str:
    """What the provider calls the request, if that can be kept."""
    named = headers.get("request-id", "")
    return named if named.isprintable() and len(named) <= LONGEST_ID else ""
