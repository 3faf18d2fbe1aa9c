"""The only way to a model: a reverse proxy that admits a request before it leaves and books what it used.

One unix socket per agent; the socket is the identity. Every request is admitted (money reserved, durably) before its
first byte goes upstream and settled from the usage on the wire. The guard's hook is answered on the same socket.
Every answer's limits are told to the gate, which all requests pass, and its tool calls to the second sight. A task that
may reach hosts gets a tunnel beside it. So it joins bodies, gate, limits, meter, exchange, second sight and tunnel.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

from dayshift.clock import Clock, SystemClock
from dayshift.egress.tunnel import Tunnel
from dayshift.limits import Kind, Limit, PlanWindow
from dayshift.proxy.bodies import Bodies
from dayshift.proxy.exchange import UNREAD_SECONDS, Exchange, Upstream
from dayshift.proxy.gate import Course, Gate, Passage
from dayshift.proxy.meter import Meter, Refusal
from dayshift.proxy.second_sight import SecondSight, Watch, blind

log = logging.getLogger("dayshift.gateway")

PROBE_SECONDS = 1.0  #: the one request all others wait for may wait so long for headroom; then another one tries
AT_ONCE = 128  #: requests of one agent; its subagents are a few, and none may use up what all agents share
FORWARDED = frozenset({"/v1/messages", "/v1/messages/count_tokens"})
HOOK_BYTES = 2 << 20  #: of one question to the guard, which all agents wait for; no answer of a model is as long
CONNECTIONS = 256  #: of one agent: each takes one of the few descriptors that the whole daemon has
LAST_SECONDS = 5.0  #: how long a closing gateway still reads answers; what is cut off then is charged at the worst case
CLOSING_SECONDS = 0.5  #: an agent that is no longer served may still get this much of its answer


Hook = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
Passing = Callable[[str, bytes, Mapping[str, str]], Callable[[], None]]  #: sees a request; called back once served


class Gateway:
    """Serves every agent on its own socket until closed."""

    def __init__(
        self, meter: Meter, hook: Hook, hook_path: str, upstream: Callable[[str], Upstream],
        gate: Gate | None = None, clock: Clock | None = None,
        read_plan: Callable[[tuple[PlanWindow, ...]], None] = lambda windows: None,
        unread_seconds: float = UNREAD_SECONDS, sight: SecondSight | None = None,
        tunnel: Callable[[str, Sequence[str]], Tunnel] | None = None, passing: Passing = lambda *seen: lambda: None,
    ) -> None:  # fmt: skip
        self._meter, self._hook, self._hook_path, self._upstream = meter, hook, hook_path, upstream
        self._clock, self._sight = clock or SystemClock(), sight or blind()
        self._gate, self._read_plan, self._unread_seconds = gate or Gate(self._clock), read_plan, unread_seconds
        self._tunnel, self._tunnels, self._passing = tunnel, dict[str, Tunnel](), passing
        self._served: dict[str, tuple[web.AppRunner, asyncio.Server, Path]] = {}
        self._under_way: Counter[str] = Counter()
        self._bodies = Bodies()
        self._drains: set[asyncio.Task[None]] = set()
        self._client: ClientSession | None = None

    async def start(self) -> None:
        """Ready the connections upstream."""
        timeout = ClientTimeout(total=None, sock_connect=30, sock_read=600)
        self._client = ClientSession(timeout=timeout, connector=TCPConnector(limit=0), auto_decompress=False)

    async def open(self, task_id: str, socket: Path) -> None:
        """Serve that task on that socket; a stale socket file is replaced."""
        await self.close_task(task_id)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", partial(self._serve, task_id))
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=CLOSING_SECONDS)
        await runner.setup()
        socket.parent.mkdir(mode=0o700, exist_ok=True)
        socket.unlink(missing_ok=True)
        factory, loop = partial(_let_in, runner.server), asyncio.get_running_loop()
        door = await loop.create_unix_server(factory, str(socket), backlog=CONNECTIONS)
        self._served[task_id] = runner, door, socket

    async def open_network(self, task_id: str, socket: Path, hosts: Sequence[str]) -> None:
        """Let that task reach these hosts, by a proxy on that socket."""
        if task_id in self._tunnels:
            await self._tunnels.pop(task_id).close()
        assert self._tunnel is not None
        self._tunnels[task_id] = self._tunnel(task_id, hosts)
        await self._tunnels[task_id].open(socket)

    async def close_task(self, task_id: str) -> None:
        """Serve that task no more, neither a model nor a host."""
        if task_id in self._tunnels:
            await self._tunnels.pop(task_id).close()
        if task_id in self._served:
            runner, door, socket = self._served.pop(task_id)
            door.close()
            await runner.cleanup()
            socket.unlink(missing_ok=True)

    async def close(self) -> None:
        """Serve nobody; answers still under way are read to their end first, for a bounded time."""
        await asyncio.gather(*map(self.close_task, {*self._served, *self._tunnels}))
        if self._drains:
            await asyncio.wait(self._drains, timeout=LAST_SECONDS)
        if self._client:
            await self._client.close()

    def busy(self, task_id: str) -> bool:
        """Whether a request of that task is being answered, or held until there is headroom."""
        return self._under_way[task_id] > 0

    def time_held(self, task_id: str) -> float:
        """For how many seconds the provider kept the task's requests waiting since this was last asked."""
        return self._gate.time_held(task_id)

    async def _serve(self, task_id: str, request: web.Request) -> web.StreamResponse:
        if self._under_way[task_id] >= AT_ONCE:
            return Refusal(429, "rate_limit_error", f"dayshift: more than {AT_ONCE} requests at once").answer()
        self._under_way[task_id] += 1
        try:
            async with self._bodies.whole(task_id, request) as body:
                return await self._answer(task_id, request, body)
        finally:
            self._under_way[task_id] -= 1
            if not self._under_way[task_id]:
                del self._under_way[task_id]

    async def _answer(self, task_id: str, request: web.Request, body: bytes | Refusal) -> web.StreamResponse:
        if isinstance(body, Refusal):
            return body.answer()
        if request.path == self._hook_path and request.method == "POST":
            return await self._ask_hook(task_id, body)
        if request.rel_url.raw_path not in FORWARDED or request.method != "POST":
            what = f"the gateway does not serve {request.method} {request.path}"
            return Refusal(404, "not_found_error", what).answer()
        upstream = self._upstream(task_id)  # asked first: nothing may fail between the reservation and its pump
        booked = not request.path.endswith("/count_tokens")
        if not booked and (refusal := self._meter.counting(body)):
            return refusal.answer()
        admitted = await self._admitted(task_id, request, body, booked)
        if isinstance(admitted, Refusal):
            return admitted.answer()
        try:
            watch = self._sight.watch(task_id, body, request.headers)
            served = self._passing(task_id, body, request.headers)
        except Exception as error:  # whatever an agent wrote to that end, nothing stays reserved for it
            log.error("a request of %s could not be read: %s: %s", task_id, type(error).__name__, error)
            await self._take_back(*admitted)
            return Refusal(400, "invalid_request_error", "dayshift: the request could not be read").answer()
        answer = await self._forward(task_id, request, body, upstream, watch, *admitted)
        if answer.status == web.HTTPOk.status_code:
            served()
        return answer

    async def _admitted(
        self, task_id: str, request: web.Request, body: bytes, booked: bool
    ) -> tuple[Passage, int | None] | Refusal:
        """Leave of the gate and of the meter, both in force now; held until there is, or refused."""
        while True:
            passage = await self._gate.enter(task_id)
            if isinstance(passage, Limit):
                return _not_served(passage)
            try:
                async with asyncio.timeout(PROBE_SECONDS if passage.probe else None):
                    booking = await self._meter.admit(task_id, body, request.headers) if booked else None
            except TimeoutError:
                self._gate.unused(passage)
                await asyncio.sleep(PROBE_SECONDS)
                continue
            except BaseException:
                self._gate.unused(passage)
                raise
            if isinstance(booking, Refusal):
                self._gate.unused(passage)
                return booking
            if self._gate.stands(passage):
                return passage, booking
            if booking is not None:  # the gate was closed while the request waited for headroom
                await self._meter.void(booking)

    async def _take_back(self, passage: Passage, booking: int | None) -> None:
        self._gate.unused(passage)
        if booking is not None:
            await self._meter.void(booking)

    async def _ask_hook(self, task_id: str, body: bytes) -> web.Response:
        """The guard's answer. If the guard itself fails there is none, and the CLI blocks the call (`onFailure`)."""
        if len(body) > HOOK_BYTES:
            return web.Response(status=413)
        try:
            return web.json_response(await self._hook(task_id, json.loads(body.decode(), object_pairs_hook=_once)))
        except Exception as error:
            log.error("the guard failed on a call of %s: %s: %s", task_id, type(error).__name__, error)
            return web.Response(status=500)

    async def _forward(
        self, task_id: str, request: web.Request, body: bytes, upstream: Upstream, watch: Watch, passage: Passage,
        booking: int | None,
    ) -> web.StreamResponse:  # fmt: skip
        """Send it on in a task of its own, so that an agent that hangs up does not stop the counting."""
        told = Course(self._gate, passage, self._clock, self._read_plan)
        exchange = Exchange(self._meter, booking, request, told, watch, self._unread_seconds)
        assert self._client is not None
        pump = asyncio.create_task(exchange.pump(self._client, upstream, body), name=f"exchange {task_id}")
        self._drains.add(pump)
        pump.add_done_callback(self._drains.discard)
        await asyncio.shield(pump)
        return exchange.answer


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of a question; ValueError if it says a thing twice, for another reader might believe the other one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


class _TurnedAway(asyncio.Protocol):
    """A connection that is ended as soon as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """End it."""
        transport.close()


def _let_in(server: web.Server | None) -> asyncio.BaseProtocol:
    """What serves a new connection of an agent, which may have so many."""
    assert server is not None
    return server() if len(server.connections) < CONNECTIONS else _TurnedAway()


REFUSALS = {
    Kind.usage_limit: (429, "rate_limit_error"),
    Kind.rate_limited: (429, "rate_limit_error"),
    Kind.credit: (402, "billing_error"),
    Kind.authentication: (403, "permission_error"),
}


def _not_served(limit: Limit) -> Refusal:
    """What an agent hears whose request the gate does not let out."""
    status, kind = REFUSALS.get(limit.kind, (529, "overloaded_error"))
    return Refusal(status, kind, f"dayshift: {limit.kind}: {limit.words}", final=limit.parks)
