"""What the gateway adds to a request: through it, with a real ledger, and direct: `python -m bench.gateway`.

The upstream, the gateway and the agent are processes of their own, as they are by day; upstream answers at once. With
`--litellm PATH` (the program of a `litellm[proxy]` installed elsewhere) a LiteLLM proxy is measured beside it: it has
no database here, so it books nothing durably and keeps no cap, which is less than the gateway does.
"""

import argparse
import asyncio
import json
import multiprocessing
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector, UnixConnector

from admission import Admission
from almanac import Almanac
from bench.pretenders import provider
from dayshift.clock import SystemClock
from dayshift.cost.budgets import Subject
from dayshift.cost.prices import load_prices
from dayshift.inputs.settings import Budget
from dayshift.model import Record, Task
from dayshift.proxy.exchange import Upstream
from dayshift.proxy.gateway import Gateway
from dayshift.states import Queued
from group_commit import GroupCommit
from metrics import Ledger
from teller import Teller

MODEL = "claude-haiku-4-5"
KEY = "sk-bench-0123456789abcdef0123456789abcdef"  #: of the bench's own LiteLLM proxy
HEADERS = {"authorization": f"Bearer {KEY}", "anthropic-version": "2023-06-01"}
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
SYSTEM = "About as many words as the CLI sends along with its first request. " * 700


async def no_hook(task_id: str, call: dict[str, Any]) -> dict[str, Any]:
    """Nobody asks the guard here."""
    raise AssertionError("the bench calls no tool")


@asynccontextmanager
async def gateway(folder: Path, url: str) -> AsyncIterator[str]:
    """The gateway before that vendor, its ledger in the folder; the path of its socket."""
    path, clock, budget, day = folder / "ledger.sqlite3", SystemClock(), Budget(), date(2026, 11, 20)
    writer, books = GroupCommit(Ledger.open(path)), Ledger.open(path)
    record = Record(Task("bench", "Bench", "words", MODEL), day, str(folder), Queued(clock.now()), clock.now())
    subject = Subject(day, "bench", str(folder), "anthropic", "api", LARGE, LARGE)
    prices = load_prices({}, day)
    admission = Admission(
        writer, books, Almanac(writer, books, clock, "UTC", ()), Teller(writer, books, clock, (), ()),
        lambda day: prices, clock, budget, lambda task_id: record, lambda record: subject, lambda event: None,
    )  # fmt: skip
    serving = Gateway(admission, no_hook, "/hook", lambda task_id: Upstream(url, {"x-api-key": "real"}))
    await serving.start()
    place = folder / "sockets" / "gateway.sock"
    await serving.open("bench", place)
    yield str(place)
    await serving.close()
    writer.close()
    books.close()


def serve(parent: Connection, kind: str, *given: Any) -> None:
    """One of the two in a process of its own: tell the parent where, go on until it says so."""

    async def run() -> None:
        place = provider(ANSWER) if kind == "upstream" else gateway(*given)
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


Way = tuple[str, str]  #: a base URL, and the unix socket it is reached by or nothing


async def compared(ways: Mapping[str, Way], stream: bool, at_once: int, requests: int) -> dict[str, list[float]]:
    """Milliseconds each way, measured in turns."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    async with AsyncExitStack() as stack:
        agents: dict[str, ClientSession] = {}
        for name, (_, place) in ways.items():
            connector = UnixConnector(place, limit=0) if place else TCPConnector(limit=0)
            agents[name] = await stack.enter_async_context(ClientSession(connector=connector, headers=HEADERS))

        async def measure(name: str, count: int) -> list[float]:
            return await timed(agents[name], f"{ways[name][0]}/v1/messages", stream, at_once, count)

        for name in ways:
            await measure(name, at_once * 2)  # connections are made, code is warm
        for _ in range(5):
            for name, found in taken.items():
                found += await measure(name, requests // 5)
    return taken


def line(name: str, direct: list[float], through: list[float]) -> str:
    """Median and 99th percentile of both, what is added, and the ratio of the medians."""
    cells = []
    for share in (50, 99):
        near, far = (statistics.quantiles(each, n=100)[share - 1] for each in (direct, through))
        cells.append(f"{near:8.2f} {far:8.2f} {far - near:+8.2f}")
    ratio = statistics.median(through) / statistics.median(direct)
    return f"{name:30} {cells[0]}   {cells[1]}   {ratio:6.2f}"


@contextmanager
def litellm(program: Path | None, folder: Path, upstream: str) -> Iterator[dict[str, Way]]:
    """A LiteLLM proxy before the same vendor, if its program is given."""
    if program is None:
        yield {}
        return
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = {"model": f"anthropic/{MODEL}", "api_base": upstream, "api_key": "real"}
    config = {"model_list": [{"model_name": MODEL, "litellm_params": model}]}
    (folder / "litellm.json").write_text(json.dumps(config))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                   "LITELLM_LOG": "ERROR", "LITELLM_MASTER_KEY": KEY}  # fmt: skip
    words = [str(program), "--config", str(folder / "litellm.json"), "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "litellm.log").open("wb") as log:
        process = subprocess.Popen(words, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        _await_port(port, process)
        yield {"litellm": (f"http://127.0.0.1:{port}", "")}
    finally:
        process.terminate()
        process.wait()


def _await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise SystemExit("the LiteLLM proxy did not start")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=500, help="of each kind, each way")
    parser.add_argument("--litellm", type=Path, metavar="PATH", help="the program of a LiteLLM proxy, as a peer")
    given = parser.parse_args()
    heading = f"{'direct':>8} {'through':>8} {'added':>8}"
    print(f"{'milliseconds':30} {'p50':>26}   {'p99':>26}   ratio")
    print(f"{'':30} {heading}   {heading}   of p50")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url, end_upstream = started("upstream")
        gateway_socket, end_gateway = started("gateway", folder, url)
        with litellm(given.litellm, folder, url) as peers:
            ways = {"direct": (url, ""), "gateway": ("http://gateway", gateway_socket), **peers}
            for stream in (True, False):
                for at_once in (1, 20, 100):
                    taken = asyncio.run(compared(ways, stream, at_once, given.requests))
                    kind = f"{'streamed' if stream else 'whole'}, {at_once} at once"
                    for way in [*ways][1:]:
                        print(line(f"{kind}: {way}", taken["direct"], taken[way]), flush=True)
        end_gateway()
        end_upstream()


if __name__ == "__main__":
    main()
