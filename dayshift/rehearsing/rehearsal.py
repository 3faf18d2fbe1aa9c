"""The built-in scripted model: the Anthropic Messages API on 127.0.0.1, playing each task's turns for nothing.

Joins script, where the turns are, and rehearsed_answers, which makes answers of them.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from aiohttp import web

from dayshift.model import Tokens
from dayshift.rehearsing.rehearsed_answers import Body, billed, composed, events, until_cut, weight
from dayshift.rehearsing.script import ASIDE, ApiError, Turn, answered, placed, turn_for

LARGEST_BODY = 32 * 1024 * 1024  #: the API's own limit on a request
REQUESTS_KEPT = 500
REQUEST_ID = web.RequestKey("request_id", str)
AGENT_HEADER = "x-claude-code-agent-id"  #: the CLI marks its subagents' requests with it

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Served:
    """One line of the true bill, written when the model begins; `complete` once the last byte of the answer is out."""

    task_id: str
    model: str
    tokens: Tokens
    request_id: str
    complete: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived; header names are lower case."""

    path: str
    headers: Mapping[str, str]
    body: Body


class Rehearsal:
    """The server. `bill` is what a provider would charge, in order of arrival; `requests` are the last ones seen."""

    def __init__(self, new_id: Callable[[], str] = lambda: uuid4().hex) -> None:
        self.bill: list[Served] = []
        self.requests: deque[Seen] = deque(maxlen=REQUESTS_KEPT)
        self._new_id = new_id
        self._turns: dict[str, tuple[Turn, ...]] = {}
        self._faults_served: set[tuple[str | int, ...]] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens; a task's own base URL is `{url}/{task_id}`."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_in_api_shape])
        app.on_response_prepare.append(_name_answer)
        app.router.add_post("/{task}/v1/messages", self._messages)
        app.router.add_post("/{task}/v1/messages/count_tokens", self._count)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and drop what is being served."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def play(self, task_id: str, turns: Sequence[Turn], places: Mapping[str, str]) -> None:
        """Serve these turns to that task from now on; a name in places stands as `{name}` in their strings."""
        self._turns[task_id] = placed(turns, places)

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        task_id, body = await self._admitted(request, ("model", "max_tokens", "messages"))
        turn, position = self._next(task_id, request.headers, body)
        if turn.error and self._first_time(task_id, position, "error"):
            await asyncio.sleep(turn.delay)
            raise _Fault(turn.error)
        cut = turn.cut and self._first_time(task_id, position, "cut")
        message = composed(turn, body, self._new_id)
        line = len(self.bill)
        self.bill.append(Served(task_id, body["model"], billed(message["usage"]), request[REQUEST_ID], complete=False))
        await asyncio.sleep(turn.delay)
        if body.get("stream"):
            return await self._stream(request, message, line, cut)
        if cut:
            return _hang_up(request, web.Response())
        self._complete(line)
        return web.json_response(message)

    async def _stream(self, request: web.Request, message: Body, line: int, cut: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "cache-control": "no-cache"})
        sent = list(events(message))
        with contextlib.suppress(ConnectionError):  # the client may go at any time; its line stays incomplete
            await response.prepare(request)
            for event in until_cut(sent) if cut else sent:
                if event["type"] == "message_stop":
                    self._complete(line)
                await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            if cut:
                return _hang_up(request, response)
            await response.write_eof()
        return response

    async def _count(self, request: web.Request) -> web.Response:
        _, body = await self._admitted(request, ("model", "messages"))
        return web.json_response({"input_tokens": weight(body)})

    async def _admitted(self, request: web.Request, required: Sequence[str]) -> tuple[str, Body]:
        body = await _body(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Seen(request.path_qs, headers, body))
        task_id = request.match_info["task"]
        if task_id not in self._turns:
            raise _Fault(ApiError(404, "not_found_error", f"no task {task_id!r} is being rehearsed"))
        _check(body, required)
        return task_id, body

    def _next(self, task_id: str, headers: Mapping[str, str], body: Body) -> tuple[Turn, int]:
        if AGENT_HEADER in headers or not any("input_schema" in tool for tool in body.get("tools") or ()):
            return ASIDE, 0
        position = answered(body["messages"])
        return turn_for(self._turns[task_id], position), position

    def _first_time(self, *fault: str | int) -> bool:
        known = fault in self._faults_served
        self._faults_served.add(fault)
        return not known

    def _complete(self, line: int) -> None:
        self.bill[line] = replace(self.bill[line], complete=True)


# --- requests --------------------------------------------------------------------------------------


class _Fault(Exception):
    """An answer in the API's error shape."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


def _invalid(message: str) -> _Fault:
    return _Fault(ApiError(400, "invalid_request_error", message))


def _is_conversation(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(isinstance(each, dict) and "role" in each for each in value)


REQUIRED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "model": (lambda value: isinstance(value, str) and value != "", "Input should be a valid string"),
    "max_tokens": (lambda value: type(value) is int and value > 0, "Input should be greater than or equal to 1"),
    "messages": (_is_conversation, "at least one message is required, each with a role"),
}


def _check(body: Body, names: Sequence[str]) -> None:
    for name in names:
        holds, rule = REQUIRED[name]
        if name not in body:
            raise _invalid(f"{name}: Field required")
        if not holds(body[name]):
            raise _invalid(f"{name}: {rule}")


async def _body(request: web.Request) -> Body:
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise _invalid("The request body is not valid JSON") from error
    if not isinstance(body, dict):
        raise _invalid("The request body is not a JSON object")
    return body


@web.middleware
async def _in_api_shape(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every request gets an id, every error has the API's form."""
    request[REQUEST_ID] = f"req_{uuid4().hex}"
    try:
        return await handler(request)
    except _Fault as fault:
        return _error(request, fault.error)
    except web.HTTPException as error:
        kind = "not_found_error" if error.status == web.HTTPNotFound.status_code else "invalid_request_error"
        return _error(request, ApiError(error.status, kind, f"{request.method} {request.path}: {error.reason}"))


def _error(request: web.Request, error: ApiError) -> web.Response:
    detail = {"type": error.type, "message": error.message}
    shape = {"type": "error", "error": detail, "request_id": request[REQUEST_ID]}
    return web.json_response(shape, status=error.status, headers=error.headers)


async def _name_answer(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["request-id"] = request[REQUEST_ID]


def _hang_up(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return response
