"""What the gateway adds to a request: through it, with a real ledger, and direct: `python -m bench.gateway`.

The upstream, the gateway and the agent are processes of their own, as they are by day; upstream answers at once.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector, UnixConnector, web

from admission import Admission, Caps
from dayshift.clock import SystemClock
from dayshift.gateway import Gateway, Upstream
from dayshift.model import Record, Task
from dayshift.prices import load_prices
from dayshift.rehearsal import events
from dayshift.states import Queued
from metrics import Ledger

MODEL = "claude-haiku-4-5"
LARGE = 10**15  #: pico-USD: no request waits for money here
USAGE = {
    "input_tokens": 10,
    "output_tokens": 200,
    "cache_read_input_tokens": 14_000,
    "cache_creation_input_tokens": 300,
}
WORDS = [{"type": "text", "text": "A sentence of an answer that has some forty characters or more. " * 20}]
ANSWER: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": WORDS}
ANSWER |= {"stop_reason": "end_turn", "usage": USAGE}
STREAM = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events(ANSWER)]
SYSTEM = "About as many words as the CLI sends along with its first request. " * 700


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    """The vendor's answer, streamed if that was asked for."""
    if not json.loads(await request.read())["stream"]:
        return web.json_response(ANSWER, headers={"request-id": "req_1"})
    response = web.StreamResponse(headers={"content-type": "text/event-stream", "request-id": "req_1"})
    await response.prepare(request)
    for event in STREAM:
        await response.write(event)
    return response


@asynccontextmanager
async def upstream() -> AsyncIterator[str]:
    """The vendor, at the address given."""
    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def no_hook(task_id: str, call: dict[str, Any]) -> dict[str, Any]:
    """Nobody asks the guard here."""
    raise AssertionError("the bench calls no tool")


@asynccontextmanager
async def gateway(folder: Path, url: str) -> AsyncIterator[str]:
    """The gateway before that vendor, its ledger in the folder; the path of its socket."""
    ledger, clock = Ledger.open(folder / "ledger.sqlite3"), SystemClock()
    task = Task("bench", "Bench", "words", MODEL)
    record = Record(task, date(2026, 11, 20), str(folder), Queued(clock.now()), datetime(2026, 11, 20, tzinfo=UTC))
    admission = Admission(
        ledger, load_prices({}, date(2026, 11, 20)), clock, "UTC", 75, lambda task_id: record,
        lambda record: Caps(LARGE, LARGE), lambda event: None, lambda text: None,
    )  # fmt: skip
    serving = Gateway(admission, no_hook, "/hook", lambda task_id: Upstream(url, {"x-api-key": "real"}))
    await serving.start()
    socket = folder / "sockets" / "gateway.sock"
    await serving.open("bench", socket)
    yield str(socket)
    await serving.close()
    ledger.close()


def serve(parent: Connection, kind: str, *given: Any) -> None:
    """One of the two in a process of its own: tell the parent where, go on until it says so."""

    async def run() -> None:
        place = upstream() if kind == "upstream" else gateway(*given)
        async with place as where:
            parent.send(where)
            await asyncio.to_thread(parent.recv)

    asyncio.run(run())


def started(kind: str, *given: Any) -> tuple[str, Callable[[], None]]:
    """Where it listens, and how to end it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, kind, *given))
    process.start()

    def end() -> None:
        ours.send("end")
        process.join()

    return ours.recv(), end


async def timed(agent: ClientSession, url: str, stream: bool, at_once: int, requests: int) -> list[float]:
    """Milliseconds of each request, from sending it to the last byte of its answer."""
    body = {"model": MODEL, "max_tokens": 8000, "stream": stream, "system": SYSTEM,
            "messages": [{"role": "user", "content": "hello"}]}  # fmt: skip
    data, left, taken = json.dumps(body).encode(), iter(range(requests)), list[float]()

    async def one_after_another() -> None:
        for _ in left:
            began = time.perf_counter()
            async with agent.post(url, data=data) as response:
                assert response.status == 200, await response.text()
                await response.read()
            taken.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    return taken


async def compared(url: str, socket: str, stream: bool, at_once: int, requests: int) -> tuple[list[float], list[float]]:
    """Milliseconds direct and through the gateway, measured in turns."""
    direct: list[float] = []
    through: list[float] = []
    async with (
        ClientSession(connector=TCPConnector(limit=0)) as near,
        ClientSession(connector=UnixConnector(socket, limit=0)) as far,
    ):
        measure: Mapping[str, Callable[[int], Awaitable[list[float]]]] = {
            "direct": lambda count: timed(near, f"{url}/v1/messages", stream, at_once, count),
            "through": lambda count: timed(far, "http://gateway/v1/messages", stream, at_once, count),
        }
        for each in measure.values():
            await each(at_once * 2)  # connections are made, code is warm
        for _ in range(5):
            direct += await measure["direct"](requests // 5)
            through += await measure["through"](requests // 5)
    return direct, through


def line(name: str, direct: list[float], through: list[float]) -> str:
    """Median and 99th percentile of both, what is added, and the ratio of the medians."""
    cells = []
    for share in (50, 99):
        near, far = (statistics.quantiles(each, n=100)[share - 1] for each in (direct, through))
        cells.append(f"{near:8.2f} {far:8.2f} {far - near:+8.2f}")
    ratio = statistics.median(through) / statistics.median(direct)
    return f"{name:20} {cells[0]}   {cells[1]}   {ratio:6.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=500, help="of each kind, each way")
    given = parser.parse_args()
    heading = f"{'direct':>8} {'gateway':>8} {'added':>8}"
    print(f"{'milliseconds':20} {'p50':>26}   {'p99':>26}   ratio")
    print(f"{'':20} {heading}   {heading}   of p50")
    with tempfile.TemporaryDirectory() as folder:
        url, end_upstream = started("upstream")
        socket, end_gateway = started("gateway", Path(folder), url)
        for stream in (True, False):
            for at_once in (1, 20):
                measured = asyncio.run(compared(url, socket, stream, at_once, given.requests))
                print(line(f"{'streamed' if stream else 'whole'}, {at_once} at once", *measured), flush=True)
        end_gateway()
        end_upstream()


if __name__ == "__main__":
    main()
