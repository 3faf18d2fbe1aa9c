"""The provider of a storm: a Messages API on loopback, and the truth of what it served, to whom, and for how much.

Prices and arithmetic are those of the acceptance tests' oracle, so that nothing of the program's reckoning is trusted.
"""

import asyncio
import contextlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from tests.acceptance.listener import listening
from tests.acceptance.oracle import cost, most
from tests.acceptance.wire import Turn, Used, events
from torture.parts import Part

ALL = "all"  #: the bill of everybody, beside one for each task


@dataclass(slots=True)
class Served:
    """One request the model began to answer, and so bills."""

    task: str
    run: int
    size: int  #: bytes of its body, which no other request of the task has
    request_id: str
    cost: int
    most: int
    heard: bool = False  #: the whole answer was taken


class Provider:
    """Serves every part from wherever its conversation stands. All it knows is told by `bill` and what follows."""

    def __init__(self, seed: str, think: tuple[float, float]) -> None:
        self.parts: dict[str, Part] = {}
        self.bill: list[Served] = []
        self.peak: Counter[str] = Counter()  #: the most at stake on one bill: billed, and worst cases under way
        self.told: defaultdict[str, set[str]] = defaultdict(set)  #: step → the answers its agent was told
        self.ghosts: list[str] = []  #: requests of a run that had been replaced already
        self.url = ""
        self._seed, self._think = seed, think
        self._stake: Counter[str] = Counter()
        self._runs: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()

    @contextlib.contextmanager
    def serving(self) -> Iterator["Provider"]:
        """Listen on loopback for the block."""
        with listening({"/v1/messages": self._messages}, self._loop) as self.url:
            yield self

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()  # a daemon that dies while it sends has not asked
        body = json.loads(raw)
        task, _, run = request.headers["x-torture"].partition(":")
        said = self.parts[task].next(body["messages"])
        for step, answer in self.parts[task].answers(body["messages"]):
            self.told[step].add(answer)
        served = self._take_in(task, int(run), raw, said, body["model"])
        chance = random.Random(f"{self._seed}/{task}/{served.size}")
        used = Used(chance.randrange(500, 3_000), chance.randrange(20, 800), chance.randrange(2_000))
        served.cost = cost(body["model"], used)
        return await self._stream(request, served, Turn(said.blocks, used), body["model"], chance.uniform(*self._think))

    def _take_in(self, task: str, run: int, raw: bytes, said: Turn, model: str) -> Served:
        """A line of the bill; while it is answered, the most it can cost is at stake."""
        if run < self._runs[task]:
            self.ghosts.append(f"{task}: run {run} asked the model after run {self._runs[task]}")
        self._runs[task] = max(run, self._runs[task])
        served = Served(task, run, len(raw), f"req_{len(self.bill):06d}_{task}", 0, most(raw))
        self.bill.append(served)
        self._move(task, served.most)
        return served

    def _move(self, task: str, amount: int) -> None:
        for bill in (task, ALL):
            self._stake[bill] += amount
            self.peak[bill] = max(self.peak[bill], self._stake[bill])

    async def _stream(
        self, request: web.Request, served: Served, said: Turn, model: str, think: float
    ) -> web.StreamResponse:
        """Send the answer in two halves, a thought between them; it goes on to its end whoever listens."""
        frames = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode()
                  for each in events(said, model, len(self.bill))]  # fmt: skip
        middle = len(frames) // 2
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "request-id": served.request_id})
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            await response.write(b"".join(frames[:middle]))
        await asyncio.sleep(think)
        with contextlib.suppress(ConnectionError):
            await response.write(b"".join(frames[middle:]))
            await response.write_eof()
            served.heard = True
        self._move(served.task, served.cost - served.most)
        return response
