"""A gatehouse with the real guard, meter and ledger before a scripted provider, in a thread: what an agent's raw bytes
meet. A test speaks to its socket as an agent can, byte by byte, and looks at what came of it."""

import asyncio
import contextlib
import json
import socket
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from dayshift.clock import SystemClock
from dayshift.conversation import Answer, Guidance, Question
from dayshift.events import Event
from dayshift.guard.policy_file import load_policy
from dayshift.home import Home
from dayshift.proxy.exchange import Upstream
from dayshift.proxy.gateway import Hook
from gatehouse import Gatehouse
from tests.test_admission import MODEL, NOON, Caps, Desk

POLICY = load_policy(Path(__file__).parent.parent / "config" / "policy.yaml")
TASK = "task-1"
FORBIDDEN = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "git push"}}
QUESTION: dict[str, Any] = {"type": "tool_use", "id": "toolu_0", "name": "AskUserQuestion", "input": {"questions": []}}
#: A request with nearly all that a request may have, after a question that was answered.
REQUEST: dict[str, Any] = {
    "model": MODEL, "max_tokens": 1000, "stream": False, "temperature": 1, "top_p": 1, "top_k": 5, "stop_sequences": [],
    "system": [{"type": "text", "text": "be good", "cache_control": {"type": "ephemeral", "ttl": "5m"}}],
    "metadata": {"user_id": "me"}, "thinking": {"type": "enabled", "budget_tokens": 10}, "service_tier": "auto",
    "speed": "standard", "inference_geo": "us", "output_config": {"effort": "low"}, "tool_choice": {"type": "auto"},
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    "tools": [{"name": "Bash", "description": "runs", "input_schema": {"type": "object"}},
              {"type": "bash_20250124", "name": "bash"}],
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [QUESTION, FORBIDDEN]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_0", "content": "yes", "is_error": False},
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "no"}],
             "is_error": True},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aaaa"}},
            {"type": "tool_reference", "tool_name": "Bash"},
        ]},
    ],
}  # fmt: skip
USED = {"input_tokens": 10, "output_tokens": 20}


class Log:
    """The crew, as far as the gatehouse speaks to it."""

    def touch(self, task_id: str) -> None:
        pass

    def begun(self, task_id: str, command: str) -> None:
        pass

    def note(self, task_id: str, text: str) -> None:
        pass


class Yard:
    """The gatehouse, and what the provider and the Orchestrator were told."""

    def __init__(self, folder: Path) -> None:
        self.seen: list[bytes] = []
        self.events: list[Event] = []
        self.answered: list[tuple[Any, Any]] = []  #: questions to the guard, and its answers
        self.socket = folder / "gateway.sock"
        self._folder, self._loop = folder, asyncio.new_event_loop()

    @contextlib.contextmanager
    def open(self) -> Iterator["Yard"]:
        """Served for the block, by a thread."""
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        self._run(self._begin())
        try:
            yield self
        finally:
            self._run(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _begin(self) -> None:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/messages", self._provide)
        app.router.add_post("/v1/messages/count_tokens", self._count)
        self._provider = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._provider.setup()
        await web.TCPSite(self._provider, "127.0.0.1", 0).start()
        upstream = Upstream(f"http://127.0.0.1:{self._provider.addresses[0][1]}", {"x-api-key": "real"})
        self.desk = Desk(self._folder / "ledger.sqlite3")
        self.desk.caps = Caps(None, None)
        self.desk.records[TASK] = replace(
            self.desk.record(TASK), questions=(Question(TASK, 1, "Which?", NOON, (), QUESTION["input"]),),
            answers=(Answer(TASK, 1, "yes", "file", NOON),), guidance=(Guidance("1", "use tabs", NOON),),
        )  # fmt: skip
        self.gatehouse = Gatehouse(
            Home(self._folder), POLICY, SystemClock(), self.desk.admission, lambda task_id: upstream, self.desk.record,
            Log, self.events.append, lambda windows: None,
        )  # fmt: skip
        self.gatehouse.gateway._hook = self._noted(self.gatehouse.gateway._hook)
        await self.gatehouse.gateway.start()
        await self.gatehouse.gateway.open(TASK, self.socket)

    async def _end(self) -> None:
        await self.gatehouse.gateway.close()
        await self._provider.cleanup()
        assert self.desk.books.audit() == []
        self.desk.close()

    def _noted(self, hook: Hook) -> Hook:
        async def asked(task_id: str, call: dict[str, Any]) -> dict[str, Any]:
            answer = await hook(task_id, call)
            self.answered.append((call, answer))
            return answer

        return asked

    async def _provide(self, request: web.Request) -> web.Response:
        self.seen.append(await request.read())
        answer = {"type": "message", "model": MODEL, "content": [FORBIDDEN], "stop_reason": "tool_use", "usage": USED}
        return web.json_response(answer)

    async def _count(self, request: web.Request) -> web.Response:
        return web.json_response({"input_tokens": 1})

    # --- an agent -------------------------------------------------------------------------------------

    def hears(self, sent: bytes, patience: float = 0.5) -> bytes:
        """What comes back for these bytes before the connection is closed, or before the agent loses its patience."""
        heard = b""
        with socket.socket(socket.AF_UNIX) as agent, contextlib.suppress(OSError):
            agent.connect(str(self.socket))
            agent.settimeout(patience)
            agent.sendall(sent)
            while block := agent.recv(1 << 16):
                heard += block
        return heard

    def asks(self, path: str, body: bytes, *headers: str) -> tuple[int, bytes]:
        """Status and body of the answer to a request that is well framed, whatever is in it."""
        heard = self.hears(framed(path, body, *headers), 30.0)
        head, _, said = heard.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), said

    # --- what came of it ------------------------------------------------------------------------------

    def at_rest(self) -> list[int]:
        """Wait until nothing is under way and held; the sizes of all bodies that were booked, in order."""
        return list(self._run(self._rest()))

    async def _rest(self) -> list[int]:
        query = "SELECT body_bytes, state FROM request WHERE state <> 'void' ORDER BY id"
        while True:
            rows = self.desk.books.connection.execute(query).fetchall()
            if not self.gatehouse.gateway.busy(TASK) and all(state != "open" for _, state in rows):
                return [size for size, _ in rows]
            await asyncio.sleep(0.005)


def framed(path: str, body: bytes, *headers: str) -> bytes:
    """A request as it stands on the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: gateway", "Connection: close", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


@contextlib.contextmanager
def opened() -> Iterator[Yard]:
    """One in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, Yard(Path(folder)).open() as made:
        yield made


def written(value: Any, plain: bool = True) -> bytes:
    """As JSON; not plain: half characters stand in it as bytes that are no UTF-8."""
    return json.dumps(value, ensure_ascii=plain).encode("utf-8", "surrogatepass")
