"""What only pretends, round a daemon that is real: agents without a process, a provider with one answer, a clock."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientSession, UnixConnector, web

from dayshift import files
from dayshift.attempts import Blocked
from dayshift.claude import claude_code
from dayshift.conversation import Ask
from dayshift.deciding.counterparts import Commits
from dayshift.events import Active, Denied, Prepared, RunEnded, Verified
from dayshift.evidence import Check
from dayshift.home import Home
from dayshift.model import Exit, Record
from dayshift.rehearsing.rehearsed_answers import events

MODEL = "claude-sonnet-5-5"
TURNS = 3
WORDS = "words of an agent about what it did and why, as they are. " * 30
TOOL = {"name": "Bash", "input_schema": {"type": "object"}}
SAID = [{"type": "text", "text": WORDS}]
USED = {"input_tokens": 900, "output_tokens": 400}
ANSWER = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "stop_reason": "end_turn",
          "content": SAID, "usage": USED}  # fmt: skip


@dataclass
class Agents:
    """The stand-ins for agents: what a crew does, without processes and worktrees."""

    home: Home
    gateway: Any
    put: Any
    base: str
    leak: list[bytes] | None  #: to see that a leak is seen
    _work: set[asyncio.Task[None]] = field(default_factory=set)

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def start(self, record: Record, starts_from: Commits) -> None:
        """Work, and come to an end; the first run of some asks, that of others fails."""
        self._begin(self._run(record))

    def verify(self, record: Record) -> None:
        """All is well."""
        self._begin(self._verify(record))

    def launched(self, record: Record) -> bool:
        """Nothing is."""
        return False

    def adopt(self, record: Record) -> None:
        """There is nothing to adopt."""

    def discard(self, record: Record) -> None:
        """There is nothing to discard."""

    def stop(self, task_id: str) -> None:
        """They stop by themselves."""

    def touch(self, task_id: str) -> None:
        """As an agent."""

    begun = note = lambda self, *words: None

    async def close(self) -> None:
        """Let everybody end."""
        await asyncio.gather(*self._work)

    async def _run(self, record: Record) -> None:
        number = int(record.id.rpartition("-")[2])
        self.put(Prepared(record.id, record.runs, self.base, ("user", "network", "mounts")))
        socket = self.home.sockets() / record.id / "gateway.sock"
        await self.gateway.open(record.id, socket)
        async with ClientSession(connector=UnixConnector(str(socket)), base_url="http://gateway") as session:
            for turn in range(TURNS):
                await self._turn(session, record, turn)
        await self.gateway.close_task(record.id)
        files.remove_tree(socket.parent)
        if number % 7 == 0:
            self.put(Denied(record.id, Blocked(record.created_at, "Bash", f"git push {WORDS}", "git-network", "no")))
        if self.leak is not None:
            self.leak.append(os.urandom(100_000))
        self.put(RunEnded(record.id, self._exit(record, number), 60.0, self.base))

    def _exit(self, record: Record, number: int) -> Exit:
        if number % 10 == 0 and record.runs == 1:
            return Exit(record.runs, 0, asked=Ask("Which page size?", ("20", "50")), finished=True, audited=True)
        if number % 15 == 0:
            return Exit(record.runs, 1, error=WORDS, audited=True, steps=3)
        return Exit(record.runs, 0, finished=True, text=WORDS, audited=True, steps=TURNS)

    async def _turn(self, session: ClientSession, record: Record, turn: int) -> None:
        talk = [{"role": "user", "content": WORDS * 20}]
        body = {"model": MODEL, "max_tokens": 1000, "messages": talk, "tools": [TOOL]}
        async with session.post("/v1/messages", json=body) as answer:
            assert answer.status == web.HTTPOk.status_code, await answer.text()
            await answer.read()
        call = {"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": f"ls {turn}"},
                "tool_use_id": f"toolu_{record.id}_{turn}"}  # fmt: skip
        async with session.post(claude_code.HOOK_PATH, json=call) as answer:
            assert answer.status == web.HTTPOk.status_code
        self.put(Active(record.id, f"turn {turn}"))

    async def _verify(self, record: Record) -> None:
        self.put(Verified(record.id, (Check("validate", "make test", 0, WORDS),)))


@asynccontextmanager
async def provider(answer: dict[str, Any]) -> AsyncIterator[str]:
    """A provider that gives this answer at once, streamed if that was asked for; where on loopback it listens."""
    named = {"request-id": "req_1"}
    stream = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events(answer)]

    async def say(request: web.BaseRequest) -> web.StreamResponse:
        if not json.loads(await request.read()).get("stream"):
            return web.json_response(answer, headers=named)
        response = web.StreamResponse(headers={"content-type": "text/event-stream", **named})
        await response.prepare(request)
        for event in stream:
            await response.write(event)
        return response

    runner = web.ServerRunner(web.Server(say), shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


class ToldClock:
    """Time goes on as ever, from a moment that is told."""

    def __init__(self, begin: datetime) -> None:
        self._ahead = begin - datetime.now(UTC)

    def now(self) -> datetime:
        """The moment it is."""
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        """Seconds, of this machine."""
        return time.monotonic()

    def go_to(self, moment: datetime) -> None:
        """From here on it is that moment."""
        self._ahead = moment - datetime.now(UTC)
