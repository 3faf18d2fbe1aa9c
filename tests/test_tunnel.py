"""The tunnel on real sockets, with real TLS beyond: what passes, what is refused, what breaks and how."""

import asyncio
import hashlib
import os
import socket
import ssl
import struct
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dayshift.attempts import Refused
from dayshift.egress import connect, crossing, tunnel
from dayshift.egress.connect import HEAD_LIMIT
from dayshift.egress.crossing import Stream
from dayshift.egress.network import UNLISTED, AllowList
from dayshift.egress.tunnel import AT_ONCE, CONNECTIONS, Tunnel

from .beyond import MIRROR, PACKAGES, PUBLIC, STRANGER, World, certified, serving, trusting

PATIENCE = 10
MIB = 1 << 20
SECRET = "Basic c2VjcmV0LXRva2Vu"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certified(tmp_path_factory.mktemp("tls"))


async def echoes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Whatever comes goes back, to the end."""
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        pass
    finally:
        writer.close()


@dataclass
class Trial:
    """A tunnel for one agent, the world beyond it, and what the person is told."""

    certificate: Path
    folder: Path
    hosts: Sequence[str]
    world: World = field(default_factory=World)
    notes: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _streams: list[Stream] = field(default_factory=list)

    async def __aenter__(self) -> "Trial":
        self.tunnel = Tunnel(AllowList.of(self.hosts), self.world.beyond, self.notes.append, self.refused.append)
        await self.tunnel.open(self.place)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.tunnel.close()
        for server in self._servers:
            server.close()
        for stream in self._streams:
            stream.writer.transport.abort()
        await asyncio.sleep(0.01)  # until the loop has let go of all of them

    @property
    def place(self) -> Path:
        return self.folder / "agent" / "proxy.sock"

    async def serve(self, name: str = PACKAGES, serve: Serve = echoes, tls: bool = True, port: int = 443) -> None:
        """Let that host be there."""
        context = serving(self.certificate) if tls else None

        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._streams.append(Stream(reader, writer))
            await serve(reader, writer)

        server = await asyncio.start_server(served, "127.0.0.1", 0, ssl=context)
        self._servers.append(server)
        self.world.ports[PUBLIC[name], port] = server.sockets[0].getsockname()[1]

    async def arrive(self) -> Stream:
        """An agent's program at the proxy."""
        self._streams.append(Stream(*await asyncio.open_unix_connection(str(self.place))))
        return self._streams[-1]

    async def says(self, request: bytes) -> bytes:
        """All that comes back to it."""
        stream = await self.arrive()
        stream.writer.write(request)
        async with asyncio.timeout(PATIENCE):
            answer = await stream.reader.read()
        stream.writer.close()
        return answer

    async def connected(self, target: str = f"{PACKAGES}:443") -> Stream:
        """A connection that the proxy has agreed to."""
        stream = await self.arrive()
        stream.writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE):
            head = await stream.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        return stream

    async def secured(self, name: str = PACKAGES, sni: str = "") -> Stream:
        """The same with TLS, by which the server must prove its name."""
        stream = await self.connected(f"{name}:443")
        await stream.writer.start_tls(trusting(self.certificate), server_hostname=sni or name)
        return stream

    async def settles(self, under_way: int = 0) -> None:
        """Until so many connections are under way."""
        async with asyncio.timeout(PATIENCE):
            while len(self.tunnel._under_way) != under_way:
                await asyncio.sleep(0.01)

    def why(self) -> list[str]:
        return [each.why for each in self.refused]


Begin = Callable[..., Trial]


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tunnel-") as folder:
        yield Path(folder)


@pytest.fixture
def trial(certificate: Path, folder: Path) -> Begin:
    return lambda *hosts: Trial(certificate, folder, hosts or [PACKAGES])


async def said_back(stream: Stream, words: bytes) -> bytes:
    stream.writer.write(words)
    await stream.writer.drain()
    async with asyncio.timeout(PATIENCE):
        return await stream.reader.readexactly(len(words))


# --- what passes -----------------------------------------------------------------------------------


async def test_an_allowed_host_is_reached_by_the_address_that_was_checked(trial: Begin) -> None:
    async with trial() as it:
        await it.serve()
        stream = await it.secured()
        assert await said_back(stream, b"hello") == b"hello"
        stream.writer.close()
    assert it.world.looked_up == [PACKAGES]
    assert it.world.connected == [(PUBLIC[PACKAGES], 443)]
    assert it.refused == []
    assert it.notes[0] == f"network: reaches {PACKAGES}:443"
    assert it.notes[1].startswith(f"network: reached {PACKAGES}:443 1x, ")


async def test_a_host_below_a_wildcard_is_reached_and_the_next_address_if_one_fails(trial: Begin) -> None:
    async with trial("*.cdn.example.org") as it:
        it.world.addresses[MIRROR] = ["93.184.216.99", PUBLIC[MIRROR]]
        await it.serve(MIRROR)
        assert await said_back(await it.secured(MIRROR), b"hello") == b"hello"
    assert it.world.connected == [("93.184.216.99", 443), (PUBLIC[MIRROR], 443)]


async def test_ten_megabytes_pass_each_way_and_not_a_byte_differs(trial: Begin) -> None:
    data = os.urandom(10 * MIB)

    async def send(stream: Stream) -> None:
        for start in range(0, len(data), MIB):
            stream.writer.write(data[start : start + MIB])
            await stream.writer.drain()

    async with trial() as it:
        await it.serve()
        stream = await it.secured()
        async with asyncio.timeout(60):
            sending = asyncio.create_task(send(stream))
            back = await stream.reader.readexactly(len(data))
            await sending
        stream.writer.close()
    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()
    (passed,) = it.tunnel._traffic.values()
    assert passed.sent > len(data) < passed.received


async def test_nothing_of_the_request_travels_on(trial: Begin) -> None:
    """No header and no credential: beyond, the first byte is the hello's."""
    heard: list[bytes] = []

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1 << 16))
        writer.close()

    async with trial() as it:
        await it.serve(serve=listens, tls=False)
        stream = await it.arrive()
        stream.writer.write(
            f"CONNECT {PACKAGES}:443 HTTP/1.1\r\nHost: {STRANGER}\r\nProxy-Authorization: {SECRET}\r\n"
            f"Authorization: {SECRET}\r\nCookie: secret-token\r\n\r\n".encode()
        )
        await stream.reader.readuntil(b"\r\n\r\n")
        hello = spoken(PACKAGES)
        stream.writer.write(hello)
        async with asyncio.timeout(PATIENCE):
            await stream.reader.read()
    assert heard == [hello]
    assert SECRET not in "\n".join(it.notes)


def spoken(name: str | None) -> bytes:
    """A real client's hello."""
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def in_records(hello: bytes, size: int) -> bytes:
    """The same hello, its one record cut into several."""
    body = hello[5:]
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(hello[:3] + len(piece).to_bytes(2) + piece for piece in pieces)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
async def test_a_hello_in_many_records_and_many_pieces_is_read_and_passed_on_as_it_came(
    trial: Begin, size: int
) -> None:
    async with trial() as it:
        await it.serve(tls=False)
        sent = in_records(spoken(PACKAGES), size)
        stream = await it.connected()
        for start in range(0, len(sent), 101):
            stream.writer.write(sent[start : start + 101])
            await stream.writer.drain()
        async with asyncio.timeout(PATIENCE):
            assert await stream.reader.readexactly(len(sent)) == sent
    assert it.refused == []


async def test_a_hello_that_is_sent_with_the_request_is_not_lost(trial: Begin) -> None:
    async with trial() as it:
        await it.serve(tls=False)
        hello = spoken(PACKAGES)
        stream = await it.arrive()
        stream.writer.write(f"CONNECT {PACKAGES}:443 HTTP/1.0\r\n\r\n".encode() + hello)
        await stream.reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            assert await stream.reader.readexactly(len(hello)) == hello


async def test_two_hundred_connections_at_once_are_all_served_a_few_at_a_time(trial: Begin) -> None:
    now, most = 0, 0

    async def counts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await echoes(reader, writer)
        now -= 1

    async def one(it: Trial, number: int) -> bytes:
        stream = await it.connected()
        words = hello + f"{number:03}".encode() * 1000
        stream.writer.write(words)
        stream.writer.write_eof()
        back = await stream.reader.read()
        stream.writer.close()
        return back[-3:] if len(back) == len(words) else b"cut"

    hello = spoken(PACKAGES)
    async with trial() as it:
        await it.serve(serve=counts, tls=False)
        async with asyncio.timeout(60):
            found = await asyncio.gather(*(one(it, number) for number in range(200)))
        await it.settles()
    assert found == [f"{number:03}".encode() for number in range(200)]
    assert 1 < most <= AT_ONCE


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (f"{STRANGER}:443", UNLISTED),
        (f"{PACKAGES}:8443", UNLISTED),
        ("www.packages.example.org:443", UNLISTED),
        ("93.184.216.34:443", UNLISTED),
        ("127.0.0.1:8900", UNLISTED),
        ("[::1]:5432", UNLISTED),
        ("git.cdn.example.org:443", "it serves git, which only its exact name in `network:` allows"),
    ],
)
async def test_what_the_list_does_not_name_is_refused_before_it_is_looked_up(
    trial: Begin, target: str, why: str
) -> None:
    async with trial(PACKAGES, "*.cdn.example.org") as it:
        answer = await it.says(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 403 {target} is refused: {why}\r\n".encode())
    assert b"the person can add it to `network:`" in answer
    assert it.why() == [why]
    assert it.notes == [f"network: REFUSED {target}: {why}"]
    assert (it.world.looked_up, it.world.connected) == ([], [])


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.7", "169.254.169.254", "100.64.0.1", "::1", "fe80::1", "::ffff:127.0.0.1", "0.0.0.0"],
)
async def test_a_name_that_leads_into_the_house_is_refused(trial: Begin, address: str) -> None:
    """Whoever owns an allowed name may point it anywhere; one such address among good ones is enough."""
    async with trial() as it:
        await it.serve()
        it.world.addresses[PACKAGES] = [PUBLIC[PACKAGES], address]
        answer = await it.says(f"CONNECT {PACKAGES}:443 HTTP/1.1\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 403 {PACKAGES}:443 is refused: it leads to ".encode())
    assert it.world.connected == []
    assert (len(it.refused), it.refused[0].cure) == (1, "")


async def test_a_private_address_that_is_named_itself_is_reached(trial: Begin) -> None:
    async with trial(PACKAGES, "10.0.0.7") as it:
        await it.serve()
        it.world.addresses[PACKAGES] = ["10.0.0.7"]
        it.world.ports["10.0.0.7", 443] = it.world.ports[PUBLIC[PACKAGES], 443]
        assert await said_back(await it.secured(), b"hello") == b"hello"


async def test_an_address_asked_for_by_number_is_reached_without_a_name_in_the_hello(trial: Begin) -> None:
    async with trial(PUBLIC[PACKAGES]) as it:
        await it.serve(tls=False)
        it.world.addresses[PUBLIC[PACKAGES]] = [PUBLIC[PACKAGES]]
        hello = spoken(None)
        stream = await it.connected(f"{PUBLIC[PACKAGES]}:443")
        assert await said_back(stream, hello) == hello
        stream = await it.connected(f"{PUBLIC[PACKAGES]}:443")
        stream.writer.write(spoken(STRANGER))
        assert await stream.reader.read() == connect.UNRECOGNIZED_NAME
    assert it.why() == [f"its TLS hello names {STRANGER}"]


async def test_a_hello_for_another_host_goes_nowhere(trial: Begin) -> None:
    """Two hosts may share an address: the one that is asked for inside must be the one that was allowed."""
    async with trial() as it:
        await it.serve()
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            await it.secured(PACKAGES, sni=STRANGER)
        await it.settles()
        assert it.tunnel._traffic == {}
    assert it.why() == [f"its TLS hello names {STRANGER}"]


def with_hidden_name(hello: bytes) -> bytes:
    """The hello with an encrypted one in its extensions."""
    body = bytearray(hello[9:])
    place = 34 + 1 + body[34]
    place += 2 + int.from_bytes(body[place : place + 2])
    place += 1 + body[place]
    length = int.from_bytes(body[place : place + 2]) + 8
    body[place : place + 2] = length.to_bytes(2)
    body += b"\xfe\x0d\0\4abcd"
    message = b"\1" + len(body).to_bytes(3) + bytes(body)
    return hello[:3] + len(message).to_bytes(2) + message


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (lambda: spoken(None), "its TLS hello names no host"),
        (lambda: with_hidden_name(spoken(PACKAGES)), "its TLS hello hides a second name"),
        (lambda: b"GET / HTTP/1.1\r\nHost: packages.example.org\r\n\r\n", "it does not begin as TLS: no TLS handshake"),
        (lambda: b"SSH-2.0-OpenSSH_9.2\r\n", "it does not begin as TLS: no TLS handshake"),
        (lambda: b"\0\0\0\x08\4\xd2\x16\x2f", "it does not begin as TLS: no TLS handshake"),
        (lambda: b"\x16\3\1\0\4\2\0\0\0", "it does not begin as TLS: no hello of a TLS client"),
    ],
    ids=["no name", "hidden name", "http", "ssh", "postgres", "no hello"],
)
async def test_only_plain_tls_with_the_hosts_name_passes(trial: Begin, words: Callable[[], bytes], why: str) -> None:
    reached: list[bytes] = []

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.read())
        writer.close()

    async with trial() as it:
        await it.serve(serve=listens, tls=False)
        stream = await it.connected()
        stream.writer.write(words())
        async with asyncio.timeout(PATIENCE):
            assert await stream.reader.read() in (b"", connect.UNRECOGNIZED_NAME)
        await it.settles()
    assert it.why() == [why]
    assert b"".join(reached) == b""


@pytest.mark.parametrize(
    ("request_line", "status", "words"),
    [
        ("GET http://packages.example.org/ HTTP/1.1", 405, "Write https:// where http:// stands"),
        ("POST http://packages.example.org/ HTTP/1.1", 405, "Write https:// where http:// stands"),
        ("GET / HTTP/1.1", 405, "only https passes here"),
        ("OPTIONS * HTTP/1.1", 405, "only https passes here"),
        ("connect packages.example.org:443 HTTP/1.1", 405, "only https passes here"),
        ("CONNECT packages.example.org HTTP/1.1", 400, "CONNECT needs host:port"),
        ("CONNECT http://packages.example.org:443 HTTP/1.1", 400, "CONNECT needs host:port"),
        ("CONNECT 2130706433:443 HTTP/1.1", 400, "CONNECT needs host:port"),
        ("CONNECT packages.example.org:443 SPDY/3", 400, "no request of HTTP/1.1"),
        ("CONNECT packages.example.org:443", 400, "no request of HTTP/1.1"),
        ("", 400, "no request of HTTP/1.1"),
    ],
)
async def test_every_other_request_is_answered_with_the_cure(
    trial: Begin, request_line: str, status: int, words: str
) -> None:
    async with trial() as it:
        answer = await it.says(f"{request_line}\r\nContent-Length: 5\r\n\r\nwords".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"Allow: CONNECT" in head) is (status == 405)
    assert words in body.decode()
    assert it.world.looked_up == []


async def test_a_host_that_is_not_there_is_said_to_be_unreachable_and_not_refused(trial: Begin) -> None:
    async with trial(PACKAGES, "gone.example.org") as it:
        for host, reason in ((PACKAGES, "Connection refused"), ("gone.example.org", "Name or service not known")):
            answer = await it.says(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
            assert answer.startswith(f"HTTP/1.1 502 {host}:443 cannot be reached\r\n".encode())
            assert reason in answer.decode()
        await it.says(f"CONNECT {PACKAGES}:443 HTTP/1.1\r\n\r\n".encode())  # as before: said once
    assert it.refused == []
    assert [note.split(":443")[0] for note in it.notes] == [
        f"network: cannot reach {PACKAGES}", "network: cannot reach gone.example.org",
    ]  # fmt: skip


async def test_more_hosts_than_anybody_reads_are_counted_together(
    trial: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "MOST", 2)
    async with trial("*.cdn.example.org") as it:
        await it.serve(MIRROR, tls=False)
        for number in range(4):
            name = f"n{number}.cdn.example.org"
            it.world.addresses[name] = [PUBLIC[MIRROR]]
            assert await said_back(await it.connected(f"{name}:443"), spoken(name)) != b""
    assert len(it.tunnel._traffic) == 3
    assert it.notes[-1].startswith("network: reached other hosts 2x, ")


async def test_refusals_are_counted_and_told_in_sum(trial: Begin) -> None:
    async with trial() as it:
        for _ in range(20):
            await it.says(f"CONNECT {STRANGER}:443 HTTP/1.1\r\n\r\n".encode())
        assert 0 < len(it.refused) < 10
    assert sum(each.times for each in it.refused) == 20
    assert it.refused[0] == Refused(STRANGER, 443, UNLISTED, cure=STRANGER)


# --- what breaks -----------------------------------------------------------------------------------


async def test_a_head_without_an_end_is_refused(trial: Begin) -> None:
    async with trial() as it:
        answer = await it.says(b"CONNECT packages.example.org:443 HTTP/1.1\r\nX: " + b"x" * 2 * HEAD_LIMIT)
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_request_that_never_ends_is_not_waited_for(trial: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "HEAD_SECONDS", 0.2)
    async with trial() as it:
        assert (await it.says(b"CONNECT pack")).startswith(b"HTTP/1.1 408 ")


async def test_a_hello_that_never_ends_is_not_waited_for(trial: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "HELLO_SECONDS", 0.2)
    async with trial() as it:
        await it.serve(tls=False)
        stream = await it.connected()
        stream.writer.write(spoken(PACKAGES)[:100])
        async with asyncio.timeout(PATIENCE):
            assert await stream.reader.read() == b""
    assert it.why() == ["it does not begin as TLS: no hello came"]


async def test_a_connection_on_which_nothing_moves_is_ended(trial: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossing, "IDLE_SECONDS", 0.3)
    async with trial() as it:
        await it.serve()
        stream = await it.secured()
        async with asyncio.timeout(PATIENCE):
            assert await stream.reader.read() == b""
        await it.settles()


async def test_a_side_that_has_said_all_still_hears_the_rest(trial: Begin) -> None:
    async def answers_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = await reader.read()
        writer.write(f"heard {len(heard)}".encode())
        writer.write_eof()

    async with trial() as it:
        await it.serve(serve=answers_at_the_end, tls=False)
        stream, hello = await it.connected(), spoken(PACKAGES)
        stream.writer.write(hello)
        stream.writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            assert await stream.reader.read() == f"heard {len(hello)}".encode()
        await it.settles()


async def test_a_client_that_vanishes_ends_its_connection_beyond(trial: Begin) -> None:
    gone = asyncio.Event()

    async def streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(bytes(1 << 16))
                await writer.drain()
        except OSError:
            gone.set()

    async with trial() as it:
        await it.serve(serve=streams, tls=False)
        stream = await it.connected()
        stream.writer.write(spoken(PACKAGES))
        await stream.reader.readexactly(1 << 20)
        stream.writer.transport.abort()
        async with asyncio.timeout(PATIENCE):
            await gone.wait()
        await it.settles()


async def test_a_host_that_vanishes_ends_the_agents_connection(trial: Begin) -> None:
    async def breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        reset = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        writer.transport.abort()

    async with trial() as it:
        await it.serve(serve=breaks_off, tls=False)
        stream = await it.connected()
        stream.writer.write(spoken(PACKAGES))
        async with asyncio.timeout(PATIENCE):
            assert await stream.reader.read() == b""
        await it.settles()


async def test_a_client_that_does_not_read_is_not_read_ahead_for(trial: Begin) -> None:
    """What it has not taken is not held in the daemon's memory."""
    sent = 0

    async def streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        try:
            for _ in range(1000):
                writer.write(bytes(1 << 16))
                await writer.drain()
                sent += 1 << 16
        except OSError:
            pass

    async with trial() as it:
        await it.serve(serve=streams, tls=False)
        stream = await it.connected()
        stream.writer.write(spoken(PACKAGES))
        stream.writer.transport.pause_reading()  # type: ignore[attr-defined]
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.3)
        (only,) = it.tunnel._under_way
        assert not only.done()
        held = it.tunnel._traffic[f"{PACKAGES}:443"]
        assert held.connections == 1
        assert sent < 20 * MIB  # the kernel's buffers and ours; 64 MiB were there to be sent


async def test_too_many_connections_are_turned_away_and_the_rest_still_served(trial: Begin) -> None:
    async with trial() as it:
        await it.serve()
        streams = [await it.arrive() for _ in range(CONNECTIONS + 20)]
        turned_away = 0
        for stream in streams[CONNECTIONS:]:
            async with asyncio.timeout(PATIENCE):
                turned_away += await stream.reader.read() == b""
        assert turned_away == 20
        for stream in streams:
            stream.writer.close()
        await it.settles()
        assert await said_back(await it.secured(), b"hello") == b"hello"


async def test_who_waits_too_long_for_a_turn_is_told_so(trial: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "TURN_SECONDS", 0.1)
    async with trial() as it:
        await it.serve(tls=False)
        held = [await it.connected() for _ in range(AT_ONCE)]
        answer = await it.says(f"CONNECT {PACKAGES}:443 HTTP/1.1\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 503 ")
        for stream in held:
            stream.writer.close()


async def test_with_the_run_every_connection_ends_and_nothing_is_left(trial: Begin) -> None:
    async with trial() as it:
        await it.serve()
        streams = [await it.secured(), await it.arrive(), await it.connected()]
        await it.settles(under_way=len(streams))
        await it.tunnel.close()
        for stream in streams:
            async with asyncio.timeout(PATIENCE):
                assert await stream.reader.read() == b""
        assert not it.place.exists()
        with pytest.raises(FileNotFoundError):
            await it.arrive()
        assert it.tunnel._under_way == set()


async def test_a_stale_socket_is_replaced(trial: Begin) -> None:
    async with trial() as it:
        again = Tunnel(AllowList.of([PACKAGES]), it.world.beyond, it.notes.append, it.refused.append)
        await again.open(it.place)
        await it.serve()
        assert await said_back(await it.secured(), b"hello") == b"hello"
        await again.close()


async def test_the_machines_own_network_resolves_and_connects(folder: Path) -> None:
    """Loopback is the only part of it that a test may touch."""
    server = await asyncio.start_server(echoes, "127.0.0.1", 0)
    own = tunnel.beyond()
    port = server.sockets[0].getsockname()[1]
    assert "127.0.0.1" in await own.resolve("localhost", port)
    stream = await own.connect("127.0.0.1", port)
    assert await said_back(stream, b"hello") == b"hello"
    stream.writer.close()
    server.close()
