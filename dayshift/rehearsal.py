"""The built-in scripted model: the Anthropic Messages API on 127.0.0.1, playing each task's turns for nothing."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from aiohttp import web

from dayshift.model import Tokens
from dayshift.script import ASIDE, ApiError, Turn, answered, placed, turn_for

LARGEST_BODY = 32 * 1024 * 1024  #: the API's own limit on a request
REQUESTS_KEPT = 500
BYTES_PER_TOKEN = 4
CHUNK = 24  #: characters of a delta: few, so that a reader has to join them
DELTAS = 50  #: of one block at most, so that a long file does not take a thousand
REQUEST_ID = web.RequestKey("request_id", str)
AGENT_HEADER = "x-claude-code-agent-id"  #: the CLI marks its subagents' requests with it
SIGNATURE = "cmVoZWFyc2Fs"  #: of a thinking block; the API signs them, nobody checks it here

Body = dict[str, Any]
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
        self.bill.append(Served(task_id, body["model"], _tokens(message["usage"]), request[REQUEST_ID], complete=False))
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
            for event in _until_cut(sent) if cut else sent:
                if event["type"] == "message_stop":
                    self._complete(line)
                await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            if cut:
                return _hang_up(request, response)
            await response.write_eof()
        return response

    async def _count(self, request: web.Request) -> web.Response:
        _, body = await self._admitted(request, ("model", "messages"))
        return web.json_response({"input_tokens": _weight(body)})

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


# --- answers ---------------------------------------------------------------------------------------


def composed(turn: Turn, body: Body, new_id: Callable[[], str]) -> Body:
    """The Messages API's answer to that request: the turn's content, its usage, never above max_tokens."""
    content = _content(turn, new_id)
    output = turn.usage.get("output", _weight(content))
    full, limit = output > body["max_tokens"], body["max_tokens"]
    if full:
        content = [_shortened(content[0], limit)]
    stop = "max_tokens" if full else "tool_use" if turn.tools else "end_turn"
    return {
        "id": f"msg_{new_id()}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": _usage(turn.usage, body, min(output, limit)),
    }


def _content(turn: Turn, new_id: Callable[[], str]) -> list[Body]:
    blocks: list[Body] = []
    if turn.thinking:
        blocks.append({"type": "thinking", "thinking": turn.thinking, "signature": SIGNATURE})
    if turn.text:
        blocks.append({"type": "text", "text": turn.text})
    for call in turn.tools:
        blocks.append({"type": "tool_use", "id": f"toolu_{new_id()}", "name": call.name, "input": dict(call.input)})
    return blocks


def _shortened(block: Body, tokens: int) -> Body:
    """What fits into so many tokens, as text: a tool call is never handed out in part."""
    words = str(block.get("text") or block.get("thinking") or "I was cut short.")
    return {"type": "text", "text": words[: tokens * BYTES_PER_TOKEN]}


def _weight(value: Any) -> int:
    """An estimate of tokens: a quarter of the JSON's bytes, at least one."""
    return max(1, len(json.dumps(value)) // BYTES_PER_TOKEN)


def _usage(stated: Mapping[str, int], body: Body, output: int) -> Body:
    """The usage to report: as stated, else estimated; what stood before the last answer is read from the cache."""
    text, since = json.dumps(body), _since_last_answer(body["messages"])
    whole, caching = len(text) // BYTES_PER_TOKEN, "cache_control" in text
    read = max(0, whole - _weight(since)) if since and caching else 0
    written = stated.get("cache_write", whole - read if caching else 0)
    lifetime = "1h" if '"ttl": "1h"' in text else "5m"
    return {
        "input_tokens": stated.get("input", 1 if caching else whole),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": stated.get("cache_read", read),
        "cache_creation": {
            "ephemeral_5m_input_tokens": written if lifetime == "5m" else 0,
            "ephemeral_1h_input_tokens": written if lifetime == "1h" else 0,
        },
        "output_tokens": output,
        "service_tier": "standard",
    }


def _since_last_answer(messages: Sequence[Body]) -> Sequence[Body]:
    """The last answer and what followed it; nothing if there was none."""
    answers = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    return messages[answers[-1] :] if answers else []


def _tokens(usage: Body) -> Tokens:
    made = usage["cache_creation"]
    return Tokens(
        input=usage["input_tokens"],
        output=usage["output_tokens"],
        cache_read=usage["cache_read_input_tokens"],
        cache_write_5m=made["ephemeral_5m_input_tokens"],
        cache_write_1h=made["ephemeral_1h_input_tokens"],
    )


# --- streams ---------------------------------------------------------------------------------------


def events(message: Body) -> Iterator[Body]:
    """The answer as the API streams it; usage is cumulative and final in message_delta."""
    opening = {**message["usage"], "output_tokens": 1}
    yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None, "usage": opening}}
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        opened = {name: EMPTY.get(name, value) for name, value in block.items()}
        yield {"type": "content_block_start", "index": index, "content_block": opened}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": message["usage"]}
    yield {"type": "message_stop"}


EMPTY: Body = {"text": "", "thinking": "", "signature": "", "input": {}}


def _deltas(block: Body) -> Iterator[Body]:
    match block["type"]:
        case "tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            text = json.dumps(block["input"])
            yield from ({"type": "input_json_delta", "partial_json": part} for part in _parts(text))
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": part} for part in _parts(block["thinking"]))
            yield {"type": "signature_delta", "signature": block["signature"]}
        case _:
            yield from ({"type": "text_delta", "text": part} for part in _parts(block["text"]))


def _parts(text: str) -> Iterator[str]:
    size = max(CHUNK, len(text) // DELTAS)
    return (text[start : start + size] for start in range(0, len(text), size))


def _until_cut(stream: Sequence[Body]) -> Sequence[Body]:
    """What arrives of a stream that breaks in the middle of its last block."""
    last = max(index for index, event in enumerate(stream) if event["type"] == "content_block_delta")
    return stream[:last]
