"""The gateway on a real socket before a real upstream: what passes, what is booked, what breaks and how."""

import asyncio
import gzip
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from dayshift.clock import SystemClock
from dayshift.events import Event, ProviderLimited
from dayshift.limits import Kind, Limit, PlanWindow
from dayshift.messages.usage_readers import UsageReader as StreamReader
from dayshift.model import Doubtful, Tokens, Usage
from dayshift.proxy.exchange import Upstream
from dayshift.proxy.gate import Gate, Passage
from dayshift.proxy.gateway import AT_ONCE, CONNECTIONS, Gateway
from dayshift.proxy.meter import Refusal, UsageReader
from dayshift.rehearsing.rehearsed_answers import events

BODY = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 100,
    "stream": True,
    "messages": [{"role": "user", "content": "hi"}],
}
USED = {"input_tokens": 11, "output_tokens": 22, "cache_read_input_tokens": 33, "cache_creation_input_tokens": 0}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5", "usage": USED,
           "content": [{"type": "text", "text": "word " * 100}], "stop_reason": "end_turn"}  # fmt: skip
STREAM = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events(MESSAGE)]
HOOK = "/dayshift/hook"
PATIENCE = 5

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Till:
    """A meter that admits by number and writes down how each booking ended."""

    def __init__(self) -> None:
        self.admitted: list[bytes] = []
        self.settled: dict[int, Tokens | None] = {}
        self.ids: list[str] = []
        self.voided: list[int] = []
        self.cuts: list[int] = []
        self.most: int | None = None  #: bytes of an answer it lets pass
        self.cannot_hold: Tokens | None = None
        self.slow: set[str] = set()  #: tasks that wait for headroom
        self.headroom = asyncio.Event()
        self.asked = 0
        self.refusal: Refusal | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def admit(self, task_id: str, body: bytes, headers: Mapping[str, str]) -> Refusal | int:
        self.asked += 1
        if task_id in self.slow:
            await self.headroom.wait()
        await self.open.wait()
        if self.refusal:
            return self.refusal
        self.admitted.append(body)
        return len(self.admitted)

    def counting(self, body: bytes) -> Refusal | None:
        return self.refusal if b"http" in body else None

    def reader(self, content_type: str) -> UsageReader:
        assert "event-stream" in content_type or "json" in content_type
        return StreamReader()

    async def keep_up(self, booking: int, visible: int) -> bool:
        return self.most is None or visible <= self.most

    async def cut(self, booking: int) -> None:
        self.cuts.append(booking)

    async def settle(self, booking: int, usage: Usage | Doubtful | None, request_id: str) -> None:
        if self.cannot_hold and isinstance(usage, Usage) and usage.tokens == self.cannot_hold:
            raise OverflowError("too large")
        assert booking not in self.settled
        self.settled[booking] = usage.tokens if isinstance(usage, Usage) else None
        self.ids.append(request_id)

    async def void(self, booking: int) -> None:
        self.voided.append(booking)


class Vendor:
    """The API upstream: it remembers what it was sent and answers as it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Mapping[str, str], bytes]] = []
        self.answer: Answer = streamed
        self.url = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.path_qs, request.headers, await request.read()))
        return await self.answer(request)


async def begun(request: web.Request, **headers: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream", "request-id": "req_7", **headers})
    await response.prepare(request)
    return response


async def streamed(request: web.Request) -> web.StreamResponse:
    response = await begun(request)
    for each in STREAM:
        await response.write(each)
    return response


async def broken(request: web.Request) -> web.StreamResponse:
    response = await begun(request)
    for each in STREAM[:5]:
        await response.write(each)
    assert request.transport is not None
    request.transport.close()
    return response


def halting(at: asyncio.Event, go_on: asyncio.Event, first: int) -> Answer:
    """Send so many events, say so, and send the rest when told."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if first == 0:
            at.set()
            await go_on.wait()
        response = await begun(request)
        for number, each in enumerate(STREAM):
            if number == first and first:
                at.set()
                await go_on.wait()
            await response.write(each)
        return response

    return answer


def refusing(status: int, kind: str, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        shape = {"type": "error", "error": {"type": kind, "message": "words"}}
        return web.json_response(shape, status=status, headers={"request-id": "req_8", **headers})

    return answer


class House:
    """A gateway between one agent and the vendor."""

    def __init__(self, socket: Path, till: Till, vendor: Vendor) -> None:
        self.socket, self.till, self.vendor = socket, till, vendor
        self.credential: Mapping[str, str] = {"x-api-key": "real"}
        self.told: list[Event] = []
        self.plan: list[tuple[PlanWindow, ...]] = []
        self.gate = Gate(SystemClock(), self.told.append, lambda: 0.0)
        self.gateway = Gateway(
            till, self.hook, HOOK, lambda task: Upstream(vendor.url, self.credential), self.gate, SystemClock(),
            self.plan.append, unread_seconds=0.3,
        )  # fmt: skip

    async def hook(self, task_id: str, call: dict[str, Any]) -> dict[str, Any]:
        if call["tool"] == "bad":
            raise RuntimeError("the guard is broken")
        return {"for": task_id, "tool": call["tool"]}

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.UnixConnector(str(self.socket), limit=0)
        async with aiohttp.ClientSession("http://gateway", connector=connector) as session:
            yield session

    async def ask(
        self, path: str = "/v1/messages", method: str = "POST", body: Any = BODY, **headers: str
    ) -> tuple[int, bytes]:
        async with self.agent() as agent, agent.request(method, path, json=body, headers=headers) as response:
            return response.status, await response.read()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    vendor = Vendor()
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", vendor.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    vendor.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder) / "sockets" / "gateway.sock", Till(), vendor)
        await house.gateway.start()
        await house.gateway.open("task-1", house.socket)
        yield house
        await house.gateway.close()
        await runner.cleanup()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.005)


EXACT = Tokens(input=11, output=22, cache_read=33)


# --- what passes -----------------------------------------------------------------------------------


async def test_an_answer_passes_byte_for_byte_and_is_settled_from_its_usage(house: House) -> None:
    assert await house.ask() == (200, b"".join(STREAM))
    assert house.till.settled == {1: EXACT}
    assert house.till.ids == ["req_7"]
    assert house.till.admitted == [house.vendor.seen[0][2]]
    assert json.loads(house.vendor.seen[0][2]) == BODY


async def test_headers_that_matter_go_both_ways(house: House) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"anthropic-ratelimit-unified-status": "allowed", "retry-after": "7", "set-cookie": "a=b"}
        return await begun(request, **headers)

    house.vendor.answer = answer
    sent = {"anthropic-version": "2023-06-01", "anthropic-beta": "a,b", "x-claude-code-session-id": "s-1"}
    sent |= {"x-claude-code-agent-id": "a-1", "x-stainless-timeout": "600", "user-agent": "claude-cli/2.1.329"}
    async with (
        house.agent() as agent,
        agent.post("/v1/messages?beta=true", json=BODY, headers={**sent, "accept-encoding": "gzip, br"}) as response,
    ):
        back = response.headers
    path, seen, _ = house.vendor.seen[0]
    assert path == "/v1/messages?beta=true"
    assert {name: seen[name] for name in sent} == sent
    assert seen["accept-encoding"] == "identity"
    assert seen["host"] == house.vendor.url.removeprefix("http://")
    assert (back["request-id"], back["anthropic-ratelimit-unified-status"], back["retry-after"]) == (
        "req_7",
        "allowed",
        "7",
    )
    assert "set-cookie" not in back


@pytest.mark.parametrize("credential", [{"x-api-key": "real"}, {"Authorization": "Bearer real"}])
async def test_the_real_credential_takes_the_place_of_whatever_the_agent_sends(
    house: House, credential: dict[str, str]
) -> None:
    house.credential = credential
    await house.ask(
        **{"x-api-key": "dummy", "Authorization": "Bearer dummy", "Cookie": "dummy", "proxy-authorization": "dummy"}
    )
    seen = house.vendor.seen[0][1]
    assert "dummy" not in str(dict(seen))
    assert {name: seen[name] for name in credential} == credential
    assert len({"x-api-key", "authorization"} & {name.lower() for name in seen}) == 1


@pytest.mark.parametrize(
    ("asked", "sent"),
    [({}, "oauth-2025-04-20"), ({"Anthropic-Beta": "a,b"}, "a,b,oauth-2025-04-20"),
     ({"anthropic-beta": "oauth-2025-04-20,c"}, "oauth-2025-04-20,c")],
)  # fmt: skip
async def test_a_plans_token_never_goes_without_its_beta(house: House, asked: dict[str, str], sent: str) -> None:
    """An agent that left it out would be refused as if the token were lost, and all agents with it."""
    house.credential = {"authorization": "Bearer real"}
    await house.ask(**asked)
    assert house.vendor.seen[0][1].getall("anthropic-beta") == [sent]  # type: ignore[attr-defined]
    house.credential = {"x-api-key": "real"}
    await house.ask(**asked)
    assert house.vendor.seen[1][1].get("anthropic-beta") == asked.get("Anthropic-Beta", asked.get("anthropic-beta"))


async def test_the_first_words_arrive_before_the_last_are_sent(house: House) -> None:
    at, go_on = asyncio.Event(), asyncio.Event()
    house.vendor.answer = halting(at, go_on, first=2)
    async with house.agent() as agent, agent.post("/v1/messages", json=BODY) as response:
        first = b""
        async with asyncio.timeout(PATIENCE):
            while b"ping" not in first:
                first += await response.content.readany()
        assert (house.till.settled, house.gateway.busy("task-1")) == ({}, True)
        go_on.set()
        assert first + await response.read() == b"".join(STREAM)
    await until(lambda: not house.gateway.busy("task-1"))


async def test_counting_tokens_passes_and_is_not_booked(house: House) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"input_tokens": 5})

    house.vendor.answer = answer
    assert await house.ask("/v1/messages/count_tokens?beta=true") == (200, b'{"input_tokens": 5}')
    assert (house.till.admitted, house.till.settled, house.till.voided) == ([], {}, [])


async def test_a_count_for_which_the_provider_would_reach_out_does_not_leave(house: House) -> None:
    house.till.refusal = Refusal(400, "invalid_request_error", "dayshift lets no count of tokens reach out")
    status, said = await house.ask("/v1/messages/count_tokens", body={**BODY, "system": "http://example.org"})
    assert (status, b"reach out" in said, house.vendor.seen) == (400, True, [])


async def test_a_large_request_passes_whole(house: House) -> None:
    body = json.dumps({**BODY, "system": "x" * 8_000_000}).encode()
    async with house.agent() as agent, agent.post("/v1/messages", data=BytesIO(body)) as response:
        assert response.status == 200
    _, headers, seen = house.vendor.seen[0]
    assert (seen == body, headers["content-length"]) == (True, str(len(body)))


async def test_twenty_at_once_are_all_under_way_and_all_settled(house: House) -> None:
    arrived, everybody = [0], asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        arrived[0] += 1
        if arrived[0] == 20:
            everybody.set()
        await everybody.wait()
        return await streamed(request)

    house.vendor.answer = answer
    async with asyncio.timeout(PATIENCE), house.agent() as agent:

        async def one() -> bytes:
            async with agent.post("/v1/messages", json=BODY) as response:
                return await response.read()

        assert set(await asyncio.gather(*(one() for _ in range(20)))) == {b"".join(STREAM)}
    assert house.till.settled == dict.fromkeys(range(1, 21), EXACT)


# --- what does not ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/messages"), ("POST", "/v1/messages/batches"), ("POST", "/v1/complete"), ("POST", "/"), ("GET", HOOK),
     ("POST", "/v1/messages/"), ("POST", "//v1/messages"), ("DELETE", "/v1/files/1"), ("GET", "/v1/models")],
)  # fmt: skip
async def test_what_is_not_served_is_not_found_and_reaches_nobody(house: House, method: str, path: str) -> None:
    status, body = await house.ask(path, method)
    assert (status, json.loads(body)["error"]["type"]) == (404, "not_found_error")
    assert (house.vendor.seen, house.till.admitted) == ([], [])


async def test_a_refusal_has_the_shape_the_cli_understands_and_nothing_leaves(house: House) -> None:
    house.till.refusal = Refusal(402, "billing_error", "the day's budget is spent")
    status, body = await house.ask()
    assert status == 402
    assert json.loads(body) == {
        "type": "error", "error": {"type": "billing_error", "message": "the day's budget is spent"}
    }  # fmt: skip
    assert house.vendor.seen == []


async def test_a_request_that_is_held_leaves_when_it_is_admitted(house: House) -> None:
    house.till.open.clear()
    asked = asyncio.create_task(house.ask())
    await until(lambda: house.gateway.busy("task-1"))
    await asyncio.sleep(0.05)
    assert house.vendor.seen == []
    house.till.open.set()
    assert (await asked)[0] == 200


async def test_a_held_request_whose_agent_hangs_up_never_leaves(house: House) -> None:
    house.till.open.clear()
    asked = asyncio.create_task(house.ask())
    await until(lambda: house.gateway.busy("task-1"))
    asked.cancel()
    await until(lambda: not house.gateway.busy("task-1"))
    house.till.open.set()
    await asyncio.sleep(0.05)
    assert (house.vendor.seen, house.till.admitted) == ([], [])


# --- the guard's hook ------------------------------------------------------------------------------


async def test_the_hook_is_asked_for_the_task_the_socket_belongs_to(house: House) -> None:
    status, body = await house.ask(HOOK, body={"tool": "Bash"})
    assert (status, json.loads(body)) == (200, {"for": "task-1", "tool": "Bash"})


@pytest.mark.parametrize("call", [{"tool": "bad"}, {}, [], "x"])
async def test_a_hook_that_fails_says_nothing_that_could_be_taken_for_a_yes(house: House, call: Any) -> None:
    assert await house.ask(HOOK, body=call) == (500, b"")


async def test_a_question_to_the_guard_that_would_take_it_long_is_not_put(house: House) -> None:
    question = BytesIO(json.dumps({"tool": "Bash", "command": "x" * (3 << 20)}).encode())
    async with house.agent() as agent, agent.post(HOOK, data=question) as response:
        assert response.status == 413


# --- what breaks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 4], ids=["before the answer", "in the middle of it"])
async def test_an_answer_nobody_waits_for_is_read_to_its_end_and_settled_exactly(house: House, first: int) -> None:
    at, go_on = asyncio.Event(), asyncio.Event()
    house.vendor.answer = halting(at, go_on, first)
    asked = asyncio.create_task(house.ask())
    await asyncio.wait_for(at.wait(), PATIENCE)
    asked.cancel()
    await until(lambda: not house.gateway.busy("task-1"))
    assert house.till.settled == {}
    go_on.set()
    await until(lambda: house.till.settled)
    assert house.till.settled == {1: EXACT}


async def test_a_stream_that_is_cut_looks_cut_and_counts_at_its_worst(house: House) -> None:
    house.vendor.answer = broken
    with pytest.raises(aiohttp.ClientPayloadError):
        await house.ask()
    assert (house.till.settled, house.till.voided) == ({1: None}, [])


async def test_an_answer_that_may_not_go_on_is_cut_and_looks_cut(house: House) -> None:
    house.till.most = -1
    with pytest.raises(aiohttp.ClientError):
        await house.ask()
    assert (house.till.cuts, house.till.settled, house.till.voided) == ([1], {}, [])


async def test_a_stream_that_ends_early_counts_at_its_worst(house: House) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = await begun(request)
        await response.write(b"".join(STREAM[:-1]))
        return response

    house.vendor.answer = answer
    assert await house.ask() == (200, b"".join(STREAM[:-1]))
    assert house.till.settled == {1: None}


@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (400, "invalid_request_error", "true"),
        (429, "rate_limit_error", "true"),
        (529, "overloaded_error", "true"),
        (401, "authentication_error", "false"),  # nobody is served any more: the fleet is parked
        (402, "billing_error", "false"),
    ],
)
async def test_an_error_upstream_passes_as_it_is_and_costs_nothing(
    house: House, status: int, kind: str, retry: str
) -> None:
    house.vendor.answer = refusing(status, kind, **{"retry-after": "7", "x-should-retry": "true"})
    async with house.agent() as agent, agent.post("/v1/messages", json=BODY) as response:
        headers = response.headers
        assert (response.status, headers["retry-after"], headers.getall("x-should-retry")) == (status, "7", [retry])
        assert (await response.json())["error"]["type"] == kind
    assert (house.till.voided, house.till.settled) == ([1], {})


async def test_an_upstream_that_is_not_there_is_said_and_costs_nothing(house: House, unused_tcp_port: int) -> None:
    house.vendor.url = f"http://127.0.0.1:{unused_tcp_port}"
    status, body = await house.ask()
    assert (status, json.loads(body)["error"]["type"]) == (502, "api_error")
    assert (house.till.voided, house.till.settled) == ([1], {})


async def test_an_upstream_that_hangs_up_without_a_word_counts_at_its_worst(house: House) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    house.vendor.answer = answer
    assert (await house.ask())[0] == 502
    assert len(house.vendor.seen) == 1  # it is not sent a second time
    assert (house.till.voided, house.till.settled) == ([], {1: None})


# --- agents and upstreams that mean harm -----------------------------------------------------------------


async def sent_raw(house: House, head: bytes, body: bytes) -> None:
    """Bytes as no client sends them; returns when the agent hears something."""
    reader, writer = await asyncio.open_unix_connection(str(house.socket))
    writer.write(head + b"Host: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    async with asyncio.timeout(PATIENCE):
        await reader.readline()
    writer.close()


async def test_a_request_is_booked_by_the_path_it_takes(house: House) -> None:
    """`%2F` is a slash for some and a letter for others."""
    await sent_raw(house, b"POST /v1/messages%2Fcount_tokens HTTP/1.1\r\n", json.dumps(BODY).encode())
    assert (house.vendor.seen, house.till.admitted) == ([], [])


async def test_the_body_goes_on_as_it_was_measured_whatever_it_came_as(house: House) -> None:
    packed = gzip.compress(json.dumps(BODY).encode())
    headers = {"content-encoding": "gzip", "content-type": "application/json; charset=utf-7", "x-plain": "1"}
    async with house.agent() as agent, agent.post("/v1/messages", data=packed, headers=headers) as response:
        assert response.status == 200
    _, seen, body = house.vendor.seen[0]
    assert house.till.admitted == [body] == [json.dumps(BODY).encode()]
    assert "content-encoding" not in seen
    assert (seen["content-type"], seen["x-plain"]) == ("application/json", "1")


async def test_an_upstream_that_never_says_continue_is_not_waited_for(house: House) -> None:
    async with house.agent() as agent, agent.post("/v1/messages", json=BODY, expect100=True) as response:
        assert response.status == 200
    assert "expect" not in house.vendor.seen[0][1]


async def test_a_booking_that_fails_is_made_at_its_worst_and_never_stays_open(house: House) -> None:
    """As with a usage that the ledger's columns cannot hold."""
    house.till.cannot_hold = EXACT
    with pytest.raises(aiohttp.ClientError):
        await house.ask()
    assert house.till.settled == {1: None}
    house.till.cannot_hold = None
    assert (await house.ask())[0] == 200


async def test_an_answer_that_is_left_unread_holds_its_reservation_for_a_bounded_time(house: House) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = await begun(request)
        await response.write(STREAM[0])
        for _ in range(200):
            await response.write(b": " + b"x" * 100_000 + b"\n")
        await response.write(b"".join(STREAM[1:]))
        return response

    house.vendor.answer = answer
    reader, writer = await asyncio.open_unix_connection(str(house.socket), limit=1)
    body = json.dumps(BODY).encode()
    writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await until(lambda: house.till.settled)
    assert house.till.settled == {1: EXACT}
    writer.close()
    del reader


async def test_one_agent_cannot_take_more_places_than_it_has(house: House) -> None:
    house.till.open.clear()
    other = house.socket.with_name("other.sock")
    await house.gateway.open("task-2", other)
    asked = [asyncio.create_task(house.ask()) for _ in range(AT_ONCE)]
    await until(lambda: house.till.asked == AT_ONCE)
    assert [(await house.ask())[0] for _ in range(5)] == [429] * 5
    house.till.open.set()
    assert {(await each)[0] for each in asked} == {200}
    assert (await house.ask())[0] == 200
    house.socket = other
    assert (await house.ask())[0] == 200


async def test_one_agent_cannot_take_all_connections(house: House) -> None:
    async def connected() -> bool:
        """Whether the gateway lets one more connection stand."""
        reader, writer = await asyncio.open_unix_connection(str(house.socket))
        opened.append(writer)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5 if len(opened) > CONNECTIONS else 0.001):
                return await reader.read(1) != b""
        return True

    opened: list[asyncio.StreamWriter] = []
    assert [await connected() for _ in range(CONNECTIONS + 3)] == [True] * CONNECTIONS + [False] * 3
    for writer in opened[:10]:
        writer.close()
    await until(lambda: all(writer.is_closing() for writer in opened[:10]))
    await asyncio.sleep(0.05)
    assert (await house.ask())[0] == 200
    for writer in opened:
        writer.close()


async def test_a_limit_on_counting_tokens_stops_no_message(house: House) -> None:
    house.vendor.answer = refusing(429, "rate_limit_error", **{"retry-after": "3000"})
    assert (await house.ask("/v1/messages/count_tokens"))[0] == 429
    assert house.gate.limit is None
    house.vendor.answer = streamed
    assert (await house.ask())[0] == 200


async def test_a_probe_that_waits_for_headroom_lets_another_one_try(house: House) -> None:
    house.gate.doubt(Limit(Kind.overloaded))
    house.till.slow.add("task-1")
    other = house.socket.with_name("other.sock")
    await house.gateway.open("task-2", other)
    first = asyncio.create_task(house.ask())
    await until(lambda: house.gateway.busy("task-1"))
    await asyncio.sleep(0.05)
    house.socket = other
    async with asyncio.timeout(PATIENCE):
        assert (await house.ask())[0] == 200
    assert not first.done()
    house.till.headroom.set()
    assert (await asyncio.wait_for(first, PATIENCE))[0] == 200


# --- the gate at the provider --------------------------------------------------------------------------


async def test_a_burst_that_is_refused_is_followed_by_one_request_and_then_by_all(house: House) -> None:
    """Ten agents, each of which tries again as often as it must."""
    go_on, overloaded = asyncio.Event(), True

    async def answer(request: web.Request) -> web.StreamResponse:
        if overloaded:
            return await refusing(529, "overloaded_error", **{"retry-after": "60"})(request)
        await go_on.wait()
        return await streamed(request)

    async def agent() -> int:
        tries = 1
        while (await house.ask())[0] != 200:
            tries += 1
        return tries

    house.vendor.answer = answer
    agents = [asyncio.create_task(agent()) for _ in range(10)]
    await until(lambda: house.till.voided)
    await asyncio.sleep(0.3)
    assert len(house.vendor.seen) == len(house.till.voided) <= 10
    house.gate.doubt()  # as if the minute were over
    await until(lambda: len(house.vendor.seen) == 11)  # the probe, which is refused
    await asyncio.sleep(0.1)
    overloaded = False
    house.gate.doubt()
    await until(lambda: len(house.vendor.seen) == 12)
    await asyncio.sleep(0.1)
    assert len(house.vendor.seen) == 12  # nobody follows before the provider serves
    go_on.set()
    async with asyncio.timeout(PATIENCE):
        tries = await asyncio.gather(*agents)
    assert (len(house.vendor.seen), sum(tries)) == (21, 21)
    assert len(house.till.admitted) == 21  # what is held at the gate reserves nothing
    assert house.told and not any(isinstance(event, ProviderLimited) for event in house.told)


@pytest.mark.parametrize(
    ("status", "kind", "refused_with"),
    [(401, "authentication_error", 403), (402, "billing_error", 402), (403, "authentication_error", 403)],
)
async def test_once_the_key_or_the_credit_is_gone_nothing_leaves_any_more(
    house: House, status: int, kind: str, refused_with: int
) -> None:
    house.vendor.answer = refusing(status, kind)
    assert (await house.ask())[0] == status
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        async with house.agent() as agent, agent.post(path, json=BODY) as response:
            assert (response.status, response.headers["x-should-retry"]) == (refused_with, "false")
            assert "dayshift: " in (await response.json())["error"]["message"]
    assert (len(house.vendor.seen), len(house.till.admitted)) == (1, 1)
    assert all(isinstance(event, ProviderLimited) for event in house.told)
    house.gate.doubt()
    house.vendor.answer = streamed
    assert (await house.ask())[0] == 200


async def test_a_used_up_plan_refuses_everybody_and_its_windows_are_read(house: House) -> None:
    unified = {"status": "rejected", "reset": "32503680000", "representative-claim": "five_hour",
               "5h-utilization": "1", "5h-status": "rejected", "7d-utilization": "0.41"}  # fmt: skip
    headers = {f"anthropic-ratelimit-unified-{name}": value for name, value in unified.items()}
    house.vendor.answer = refusing(429, "rate_limit_error", **headers)
    assert [(await house.ask())[0] for _ in range(3)] == [429] * 3
    assert len(house.vendor.seen) == 1
    [told] = {event.limit for event in house.told if isinstance(event, ProviderLimited)}
    assert (told.kind, told.detail) == (Kind.usage_limit, "the plan's window five_hour")
    [windows] = house.plan
    assert [(each.name, each.per_mille) for each in windows] == [("five_hour", 1000), ("seven_day", 410)]


async def test_an_answer_that_tells_of_overload_in_its_middle_closes_the_gate(house: House) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = await begun(request)
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        await response.write(b"".join(STREAM[:3]) + f"event: error\ndata: {json.dumps(error)}\n\n".encode())
        return response

    house.vendor.answer = answer
    assert (await house.ask())[0] == 200
    assert house.gate.limit and house.gate.limit.kind is Kind.overloaded
    assert house.till.settled == {1: None}


async def test_a_stream_that_begins_with_an_error_is_no_answer_and_costs_nothing(house: House) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    told = f"event: error\ndata: {json.dumps(error)}\n\n".encode()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await begun(request)
        await response.write(told)
        return response

    house.vendor.answer = answer
    assert await house.ask() == (200, told)
    assert (house.till.settled, house.till.voided) == ({}, [1])


async def test_a_stream_that_ends_before_it_said_anything_counts_at_its_worst(house: House) -> None:
    house.vendor.answer = begun
    assert (await house.ask())[0] == 200
    assert (house.till.settled, house.till.voided) == ({1: None}, [])


async def test_an_upstream_that_is_not_there_closes_the_gate(house: House, unused_tcp_port: int) -> None:
    house.vendor.url = f"http://127.0.0.1:{unused_tcp_port}"
    await house.ask()
    assert house.gate.limit and house.gate.limit.kind is Kind.unreachable


async def test_a_request_that_cannot_be_served_is_no_limit_and_opens_the_gate(house: House) -> None:
    house.gate.doubt(Limit(Kind.unreachable))
    house.vendor.answer = refusing(400, "invalid_request_error")
    assert (await house.ask())[0] == 400
    assert house.gate.limit is None


async def test_a_request_that_waited_for_headroom_while_the_gate_was_closed_does_not_leave(house: House) -> None:
    house.till.open.clear()
    asked = asyncio.create_task(house.ask())
    await until(lambda: house.gateway.busy("task-1"))
    await asyncio.sleep(0.05)
    passage = house.gate.ask()
    assert isinstance(passage, Passage)
    house.gate.ended(passage, Limit(Kind.authentication))
    house.till.open.set()
    assert (await asked)[0] == 403
    assert (house.vendor.seen, house.till.voided) == ([], [1])


async def test_a_probe_whose_agent_hangs_up_before_it_left_lets_another_one_try(house: House) -> None:
    house.gate.doubt(Limit(Kind.unreachable))
    house.till.open.clear()
    asked = asyncio.create_task(house.ask())
    await until(lambda: house.gateway.busy("task-1"))
    await asyncio.sleep(0.05)
    asked.cancel()
    await until(lambda: not house.gateway.busy("task-1"))
    house.till.open.set()
    async with asyncio.timeout(PATIENCE):
        assert (await house.ask())[0] == 200


# --- sockets ---------------------------------------------------------------------------------------


async def test_each_task_has_a_socket_of_its_own_and_only_its_user_may_use_it(house: House) -> None:
    other = house.socket.with_name("other.sock")
    await house.gateway.open("task-2", other)
    assert json.loads((await house.ask(HOOK, body={"tool": "x"}))[1])["for"] == "task-1"
    house.socket = other
    assert json.loads((await house.ask(HOOK, body={"tool": "x"}))[1])["for"] == "task-2"
    assert other.parent.stat().st_mode & 0o077 == 0


async def test_a_task_is_served_again_on_the_same_path_and_then_no_more(house: House) -> None:
    await house.gateway.open("task-1", house.socket)
    assert (await house.ask())[0] == 200
    await house.gateway.close_task("task-1")
    assert not house.socket.exists()
    with pytest.raises(aiohttp.ClientConnectionError):
        await house.ask()


async def test_a_stale_socket_is_replaced(house: House) -> None:
    stale = house.socket.with_name("stale.sock")
    stale.write_text("left by a daemon that was killed")
    await house.gateway.open("task-1", stale)
    house.socket = stale
    assert (await house.ask())[0] == 200


async def test_closing_reads_what_is_under_way_to_its_end_and_holds_nobody_up(house: House) -> None:
    at, go_on = asyncio.Event(), asyncio.Event()
    house.vendor.answer = halting(at, go_on, first=4)
    asked = [asyncio.create_task(house.ask())]
    await asyncio.wait_for(at.wait(), PATIENCE)
    house.till.open.clear()
    asked.append(asyncio.create_task(house.ask()))
    await asyncio.sleep(0.05)
    asyncio.get_running_loop().call_later(0.2, go_on.set)
    async with asyncio.timeout(PATIENCE):
        await house.gateway.close()
    assert house.till.settled == {1: EXACT}
    assert len(house.vendor.seen) == 1
    await asyncio.gather(*asked, return_exceptions=True)
