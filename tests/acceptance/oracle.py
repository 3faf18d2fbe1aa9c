"""A Messages API on loopback that answers by script and knows its own bill to the pico-USD.

Prices and arithmetic are its own, so that nothing of the program's reckoning is trusted. One upstream serves every task
of a real day: a conversation says whose it is by the first `part:NAME` in its text. What follows a dot in the name
belongs to the same bill, e.g. `part:fan.3` is a subagent of `fan`.
"""

import asyncio
import contextlib
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from aiohttp import web

from .house import Daemon, until
from .listener import listening
from .wire import Fault, Turn, Used, error, events, is_answer, message, turn

KEY = "sk-ant-the-real-key"
NAMED = re.compile(r"part:([a-z0-9-]+(?:\.[a-z0-9-]+)*)")
LAST = turn("That was all.")

SLACK = 2000  #: tokens the server may add to a prompt of which every byte is one
WINDOW = 1_000_000
SEARCH = 10_000_000_000  #: pico-USD, a hundredth of a dollar
US = Fraction(11, 10)  #: what an answer made in the US costs beside any other
WRITE, WRITE_1H = Fraction(5, 4), 2  #: what a token written into the cache costs beside one that is not


@dataclass(frozen=True, slots=True)
class Price:
    """The list price of one model, in pico-USD a token, and by how much fast mode and a long prompt raise it."""

    input: int
    output: int
    read: int
    fast: int = 1
    long_above: int = WINDOW
    long: int = 1


LIST = {
    "claude-opus-5-5": Price(4_000_000, 20_000_000, 200_000, fast=2),
    "claude-opus-4-7": Price(5_000_000, 25_000_000, 500_000, fast=6),
    "claude-sonnet-5-5": Price(2_000_000, 10_000_000, 100_000),
    "claude-haiku-5-5": Price(100_000, 500_000, 10_000, long_above=100_000, long=5),
    "claude-haiku-4-5": Price(1_000_000, 5_000_000, 100_000),
}


def price_of(model: str) -> Price:
    """The price by the model's name, with or without a date."""
    return LIST[re.sub(r"-20\d{6}$", "", model)]


def cost(model: str, used: Used) -> int:
    """The bill for one answer, in pico-USD."""
    price = price_of(model)
    fresh = (used.input + used.write * WRITE + used.write_1h * WRITE_1H) * price.input
    sampled = fresh + used.read * price.read + used.output * price.output
    times = (price.long if used.prompt > price.long_above else 1) * (price.fast if used.speed == "fast" else 1)
    exact = Fraction(sampled) * times * (US if used.geo == "us" else 1) + used.searches * SEARCH
    assert exact.denominator == 1
    return int(exact)


def most(body: bytes) -> int:
    """The most a request can cost, in pico-USD: each byte a token, nothing cached, the whole answer, made in the US."""
    request = json.loads(body)
    price = price_of(request["model"])
    searches = sum(tool.get("max_uses", 0) for tool in request.get("tools", ()))
    tokens = max(len(body) + SLACK, WINDOW if searches else 0) * (searches + 1)
    written = WRITE_1H if re.search(rb'"ttl": ?"1h"', body) else WRITE if b'"cache_control"' in body else 1
    sampled = Fraction(tokens * price.input * written + request["max_tokens"] * price.output)
    times = (price.long if tokens > price.long_above else 1) * (price.fast if request.get("speed") == "fast" else 1)
    return math.ceil(sampled * times * US) + int(searches) * SEARCH


@dataclass(slots=True)
class Entry:
    """One request that the model began to answer: what it may cost while that lasts, what it cost in the end."""

    part: str
    request_id: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    used: Used
    most: int
    cost: int
    fault: Fault | None  #: what ended the stream in its middle, so that nobody was told the cost
    held: bool = False  #: it stands still in the middle of its stream
    over: bool = False

    @property
    def cut(self) -> bool:
        return self.fault is not None

    @property
    def bill(self) -> str:
        return self.part.partition(".")[0]


class Oracle:
    """The API. `bill` is what the provider charges; `peak` the most that was ever at stake on one bill."""

    def __init__(self, scripts: Mapping[str, Sequence[Turn]]) -> None:
        self.bill: list[Entry] = []
        self.errors: list[tuple[str, int]] = []  #: part and status of whatever was answered with an error
        self.peak: Counter[str] = Counter()
        self.together: Counter[str] = Counter()  #: the most requests of one bill that were answered at once
        self.url = ""
        self._scripts = scripts
        self._loop = asyncio.new_event_loop()
        self._faults: Counter[tuple[str, int]] = Counter()
        self._released: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._numbers = 0

    @contextlib.contextmanager
    def serving(self) -> Iterator["Oracle"]:
        """Listen on loopback for the block."""
        posts = {"/v1/messages": self._messages, "/v1/messages/count_tokens": self._count}
        with listening(posts, self._loop) as self.url:
            yield self

    def environment(self, cli: Path) -> dict[str, str]:
        """What makes a day a real one that meets this API."""
        return {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_API_KEY": KEY, "DAYSHIFT_AGENT__CLI": str(cli)}

    def of(self, bill: str) -> list[Entry]:
        """The lines of one bill, in order of arrival."""
        return [entry for entry in self.bill if entry.bill == bill]

    def total(self, bill: str) -> int:
        """What one bill comes to, in pico-USD."""
        return sum(entry.cost for entry in self.of(bill))

    def holds(self, part: str) -> bool:
        """Whether an answer to that part stands still in its middle."""
        return any(entry.held for entry in self.bill if entry.part == part)

    def let_go(self, *parts: str) -> None:
        """Let the answers to these parts go on."""
        for part in parts:
            self._loop.call_soon_threadsafe(self._released[part].set)

    # --- serving -----------------------------------------------------------------------------------

    async def _count(self, request: web.Request) -> web.Response:
        return web.json_response({"input_tokens": len(await request.read()) // 4})

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        part, position = _whose(body)
        said = self._turn(part, position)
        self._numbers += 1
        number, request_id = self._numbers, f"req_{self._numbers:06d}"
        fault = self._fault(part, position, said)
        if fault and fault.status >= 400:
            self.errors.append((part, fault.status))
            headers = {**fault.headers, "request-id": request_id}
            return web.json_response(error(fault, request_id), status=fault.status, headers=headers)
        headers = {name.lower(): value for name, value in request.headers.items()}
        bill = cost(body["model"], said.used)
        entry = Entry(part, request_id, headers, body, said.used, most(raw), bill, fault)
        self._weigh(entry)
        if body.get("stream"):
            return await self._stream(request, entry, said, list(events(said, body["model"], number)))
        entry.over = True
        return web.json_response(message(said, body["model"], number), headers={"request-id": request_id})

    def _turn(self, part: str, position: int) -> Turn:
        turns = self._scripts[part]
        return turns[position] if position < len(turns) else LAST

    def _fault(self, part: str, position: int, said: Turn) -> Fault | None:
        served = self._faults[part, position]
        self._faults[part, position] += 1
        return said.faults[served] if served < len(said.faults) else None

    def _weigh(self, entry: Entry) -> None:
        """Take a request in, and note what is at stake on its bill now: what was billed and worst cases under way."""
        self.bill.append(entry)
        lines = self.of(entry.bill)
        at_stake = sum(line.cost if line.over else line.most for line in lines)
        self.peak[entry.bill] = max(self.peak[entry.bill], at_stake)
        self.together[entry.bill] = max(self.together[entry.bill], sum(not line.over for line in lines))

    async def _stream(
        self, request: web.Request, entry: Entry, said: Turn, stream: Sequence[Mapping[str, Any]]
    ) -> web.StreamResponse:
        """Send the answer event by event; it goes on to its end even if nobody listens any more."""
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "request-id": entry.request_id})
        await response.prepare(request)
        for number, event in enumerate(stream):
            if number == len(stream) // 2:
                if entry.fault:
                    return await _broken_off(request, response, entry, entry.fault)
                await self._hold(entry, said)
            entry.over = event["type"] == "message_stop"
            with contextlib.suppress(ConnectionError):
                await response.write(_framed(event))
        return response

    async def _hold(self, entry: Entry, said: Turn) -> None:
        if said.held:
            entry.held = True
            await self._released[entry.part].wait()
            entry.held = False


def during(day: Daemon, happened: Callable[[], object], what: str) -> None:
    """Wait for it while the day goes on; fail with what the day said when it ends before."""
    until(lambda: happened() or day.process.poll() is not None, 60, what)
    assert happened(), day.said + day.output.with_suffix(".err").read_text(errors="replace")


def _whose(body: Mapping[str, Any]) -> tuple[str, int]:
    """Whose conversation it is, and how many answers it holds already."""
    named = NAMED.search(json.dumps(body["messages"]))
    assert named, "a conversation without a part"
    return named[1], sum(is_answer(message) for message in body["messages"])


async def _broken_off(
    request: web.Request, response: web.StreamResponse, entry: Entry, fault: Fault
) -> web.StreamResponse:
    entry.over = True
    if fault.type:
        await response.write(_framed(error(fault, entry.request_id)))
    else:
        assert request.transport is not None
        request.transport.close()
    return response


def _framed(event: Mapping[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
