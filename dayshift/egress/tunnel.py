"""The way to the hosts a task may reach: a proxy that knows CONNECT alone, one unix socket per agent.

It carries TLS it cannot read. So it holds the connection to what the list says by the name asked for, by the addresses
that name has (looked up here, and connected to just as they were checked), and by the name in the client's hello.
Nothing of the request travels on and nothing is added to it: no credential passes.
It joins list, request and hello, by which a connection is judged, the crossing that carries it, and the tally.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dayshift.attempts import Refused
from dayshift.egress import client_hello, network
from dayshift.egress.connect import ESTABLISHED, HEAD_LIMIT, UNRECOGNIZED_NAME, NoWay, asked, no_way, refusal
from dayshift.egress.crossing import Crossing, Stream, ending
from dayshift.egress.network import AllowList
from dayshift.egress.refusals import MOST, OTHERS, Tally

log = logging.getLogger("dayshift.tunnel")

HELLO_SECONDS = 10.0
LOOKUP_SECONDS = 15.0
CONNECT_SECONDS = 10.0  #: for each address of a host
CONNECTIONS = 256  #: of one agent: each takes one of the few descriptors that the whole daemon has
AT_ONCE = 64  #: of them with a connection beyond; the others wait their turn
TURN_SECONDS = 30.0
LOOKUPS = 4  #: threads; a name server that is slow must hold up nothing else of the daemon

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Connect = Callable[[str, int], Awaitable[Stream]]


@dataclass(frozen=True, slots=True)
class Beyond:
    """How names become addresses, and addresses connections."""

    resolve: Resolve
    connect: Connect


def beyond() -> Beyond:
    """The network as this machine has it."""
    pool = ThreadPoolExecutor(LOOKUPS, "lookup")

    async def resolve(host: str, port: int) -> list[str]:
        lookup = pool.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(found[4][0]) for found in await asyncio.wrap_future(lookup)))

    async def connect(address: str, port: int) -> Stream:
        return Stream(*await asyncio.open_connection(address, port))

    return Beyond(resolve, connect)


@dataclass(slots=True)
class Traffic:
    """What passed to and from one host."""

    connections: int = 0
    sent: int = 0
    received: int = 0


@dataclass(slots=True)
class Tunnel:
    """One agent's proxy, between `open` and `close`."""

    hosts: AllowList
    beyond: Beyond
    note: Callable[[str], None]  #: a line for the task's log
    refuse: Callable[[Refused], None]
    _door: asyncio.Server | None = None
    _socket: Path | None = None
    _closed: bool = False
    _under_way: set["asyncio.Task[None]"] = field(default_factory=set)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _traffic: dict[str, Traffic] = field(default_factory=dict)
    _failures: set[str] = field(default_factory=set)
    _refusals: Tally = field(init=False)

    def __post_init__(self) -> None:
        self._refusals = Tally(self._tell)

    async def open(self, place: Path) -> None:
        """Serve on that socket; a stale file of it is replaced."""
        place.parent.mkdir(mode=0o700, exist_ok=True)
        place.unlink(missing_ok=True)
        self._socket = place
        self._door = await asyncio.start_unix_server(self._let_in, str(place), limit=HEAD_LIMIT, backlog=CONNECTIONS)

    async def close(self) -> None:
        """Serve no more, end what is under way, and tell what has not been told yet."""
        self._closed = True
        if self._door and self._socket:
            self._door.close()
            self._socket.unlink(missing_ok=True)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._refusals.close()
        for target, passed in sorted(self._traffic.items()):
            figures = f"{passed.connections}x, {passed.sent:,} bytes sent, {passed.received:,} received"
            self.note(f"network: reached {target} {figures}")

    # --- one connection ----------------------------------------------------------------------------

    def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._under_way) >= CONNECTIONS or self._closed:
            return writer.transport.abort()
        task = asyncio.create_task(self._serve(Stream(reader, writer)))
        self._under_way.add(task)
        return task.add_done_callback(partial(self._over, writer.transport))

    def _over(self, transport: asyncio.WriteTransport, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        transport.abort()  # for one that was cancelled before its first step

    async def _serve(self, stream: Stream) -> None:
        try:
            async with ending(stream) as inside:
                await self._pass(inside)
        except (OSError, EOFError, TimeoutError):  # one side broke off, or fell silent
            pass
        except Exception as error:
            log.error("a connection failed: %s: %s", type(error).__name__, error)

    async def _pass(self, inside: Stream) -> None:
        try:
            host, port = await asked(inside.reader)
            if refused := self.hosts.refusal(host, port):
                raise refusal(refused)
            async with self._a_turn(), ending(await self._reached(host, port)) as outside:
                await self._carry(inside, outside, host, port)
        except NoWay as no:
            if no.refused:
                self._refusals.add(no.refused)
            inside.writer.write(no.answer)
            await inside.writer.drain()

    @asynccontextmanager
    async def _a_turn(self) -> AsyncIterator[None]:
        try:
            await asyncio.wait_for(self._turns.acquire(), TURN_SECONDS)
        except TimeoutError:
            raise no_way(503, "Too many connections", f"{AT_ONCE} connections are open already; close some") from None
        try:
            yield
        finally:
            self._turns.release()

    async def _reached(self, host: str, port: int) -> Stream:
        """A connection to one of the host's addresses, all of which were checked."""
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                addresses = await self.beyond.resolve(host, port)
        except (OSError, TimeoutError) as error:
            raise self._unreached(host, port, f"no address is found ({str(error) or 'no answer'})") from error
        if why := next(filter(None, (self.hosts.forbids(each, port) for each in addresses)), ""):
            raise refusal(Refused(host, port, why))
        reason = "it has no address"
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await self.beyond.connect(address, port)
            except (OSError, TimeoutError) as error:
                reason = f"{address}: {str(error) or 'no answer'}"
        raise self._unreached(host, port, reason)

    def _unreached(self, host: str, port: int, reason: str) -> NoWay:
        note = f"network: cannot reach {host}:{port}: {reason}"
        if note not in self._failures and len(self._failures) < MOST:
            self._failures.add(note)
            self.note(note)
        return no_way(502, f"{host}:{port} cannot be reached", f"{host}:{port} cannot be reached: {reason}")

    async def _carry(self, inside: Stream, outside: Stream, host: str, port: int) -> None:
        inside.writer.write(ESTABLISHED)
        hello = await self._heard(inside, host, port)
        passed = self._passed(f"{host}:{port}")
        passed.connections += 1
        crossing = Crossing(inside, outside)
        try:
            await crossing.carry(hello)
        finally:
            passed.sent += crossing.sent
            passed.received += crossing.received

    def _passed(self, target: str) -> Traffic:
        """Where what passes is counted; a wildcard may cover more hosts than anybody would read."""
        target = target if target in self._traffic or len(self._traffic) < MOST else OTHERS.host
        if target not in self._traffic:
            self._traffic[target] = Traffic()
            self.note(f"network: reaches {target}")
        return self._traffic[target]

    async def _heard(self, inside: Stream, host: str, port: int) -> bytes:
        """The client's hello as it came, if it is for this very host."""
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                seen, message = await _hello(inside.reader)
            hello = client_hello.read(message)
            name = network.canonical(hello.name) if hello.name else None
        except (ValueError, TimeoutError) as error:
            why = f"it does not begin as TLS: {str(error) or 'no hello came'}"
            raise NoWay(b"", why, Refused(host, port, why)) from error
        if hello.hidden or name != (None if network.is_address(host) else host):
            why = "its TLS hello hides a second name" if hello.hidden else f"its TLS hello names {name or 'no host'}"
            raise NoWay(UNRECOGNIZED_NAME, why, Refused(host, port, why))
        return seen

    def _tell(self, refused: Refused) -> None:
        self.note(
            f"network: REFUSED {refused.target}: {refused.why}{f' ({refused.times}x)' if refused.times > 1 else ''}"
        )
        self.refuse(refused)


async def _hello(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The records that hold the client's hello, as they came, and the message in them."""
    seen, message = bytearray(), bytearray()
    while not client_hello.complete(message):
        head = await reader.readexactly(client_hello.RECORD_HEAD)
        body = await reader.readexactly(client_hello.record_length(head))
        seen += head + body
        message += body
    return bytes(seen), bytes(message)
