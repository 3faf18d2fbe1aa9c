"""The Messages API on the wire: the most a request can use, what a response did use and which tools it calls.

Joins usage and tool_calls, which read the last two.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dayshift.model import Doubtful, Usage
from dayshift.tool_calls import ToolCalls
from dayshift.usage import LONGEST_MODEL, merged, understood

SLACK = 2000  #: tokens the server adds unasked: tool-use preamble, role marks, separators
TYPED_TOOL = 2000  #: tokens of the description the server keeps for a tool named only by its type
IMAGE = 4784  #: the most one image counts, whatever its bytes (catalogue of Claude Code 2.1.329, maxImageTokens)
LARGEST = 10_000_000  #: no model samples or searches more than this; larger numbers are not a request

#: Fields whose cost the body's own bytes and max_tokens bound. Any other may bring in more, so it is refused.
BOUNDED = {
    "model", "messages", "system", "tools", "tool_choice", "max_tokens", "stream", "temperature", "top_p", "top_k",
    "stop_sequences", "metadata", "thinking", "service_tier", "context_management", "output_config", "output_format",
    "speed", "inference_geo", "cache_control", "diagnostics",
}  # fmt: skip
CLIENT_TOOLS = ("custom", "bash_", "text_editor_", "memory_", "computer_")  #: run outside the server: one sampling each
ENVELOPE = 80  #: bytes of the shortest event that carries text of an answer, without the text
BRACKETS = 500_000  #: more would keep all agents waiting while it is read; no context window holds as many
ASCII, ESCAPE = re.compile(rb"[\x00-\x7f]+"), re.compile(rb"\\u([0-9a-fA-F]{4})")
EVENT_LIMIT = 1 << 20  #: bytes of one event kept; those that carry usage are far smaller


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What bounds the cost of one request; `unbounded` names what nothing bounds, empty for most."""

    model: str
    stream: bool
    max_tokens: int
    max_input_tokens: int
    caches: bool
    cache_ttl_1h: bool
    fast: bool
    geo: str  #: empty when the workspace decides
    web_searches: int
    unbounded: tuple[str, ...] = ()


def quote_bounds(body: bytes) -> RequestFacts:
    """Read a request body; ValueError if it is no request or does not say its max_tokens.

    Input: a tokenizer that works on bytes makes at most one token of each, and JSON only adds bytes. The sender is
    not trusted: a key given twice is refused, since another parser might believe the other one, and letters that a
    tokenizer may first spell out count as what they become.
    """
    if body.count(b"{") + body.count(b"[") > BRACKETS:
        raise ValueError(f"the request has more than {BRACKETS} brackets")
    request, caching = _parsed(body)
    model = request.get("model")
    if not isinstance(model, str) or not model:
        raise ValueError("the request names no model")
    if len(model) > LONGEST_MODEL or not model.isprintable():  # it is looked up by patterns and shown to the person
        raise ValueError(f"the name of its model is no name: {model[:LONGEST_MODEL]!a}")
    images, hidden = _images(request)
    tools = [tool for tool in _list(request.get("tools")) if isinstance(tool, Mapping)]
    searches, typed, loose = _server_side(tools)
    return RequestFacts(
        model=model,
        stream=request.get("stream") is True,
        max_tokens=_whole(request.get("max_tokens"), "max_tokens"),
        max_input_tokens=len(body) + _spelt_out(body) + SLACK + typed * TYPED_TOOL + images + _repeated(request, tools),
        caches=bool(caching),
        cache_ttl_1h=any(_ttl(control) != "5m" for control in caching),
        fast=request.get("speed") not in (None, "standard"),
        geo=str(request.get("inference_geo") or ""),
        web_searches=searches,
        unbounded=(*_fields(request), *loose, *hidden),
    )


def brings_in(body: bytes) -> tuple[str, ...]:
    """What the provider would fetch, search or run for a request that only counts; ValueError if it is no request."""
    request, _ = _parsed(body)
    tools = [tool for tool in _list(request.get("tools")) if isinstance(tool, Mapping)]
    searches, _, loose = _server_side(tools)
    return (*_fields(request), *loose, *_images(request)[1], *(["web search"] if searches else []))


def _parsed(body: bytes) -> tuple[dict[str, Any], list[Any]]:
    """The request and every cache_control in it, wherever it stands."""
    caching: list[Any] = []

    def checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key of the request is given twice")
        if found.get("cache_control") is not None:
            caching.append(found["cache_control"])
        return found

    try:
        request = json.loads(body.decode(), object_pairs_hook=checked)
    except RecursionError as error:
        raise ValueError("the request is nested too deeply") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"the request is not JSON ({error})") from error
    if not isinstance(request, dict):
        raise ValueError("the request is not a JSON object")
    return request, caching


def _spelt_out(body: bytes) -> int:
    """Bytes that letters have more in their compatibility form: one of three bytes may stand for eighteen letters."""
    plain = Counter(ASCII.sub(b"", body).decode(errors="ignore")) if not body.isascii() else Counter[str]()
    escaped = Counter(ESCAPE.findall(body)) if b"\\u" in body else Counter[bytes]()
    grown = sum(times * _growth(letter, len(letter.encode())) for letter, times in plain.items())
    return grown + sum(times * _growth(chr(int(code, 16)), len(code) + 2) for code, times in escaped.items())


def _growth(letter: str, size: int) -> int:
    return max(0, len(unicodedata.normalize("NFKC", letter).encode(errors="surrogatepass")) - size)


def _repeated(request: Mapping[str, Any], tools: Sequence[Mapping[str, Any]]) -> int:
    """Bytes of tools' descriptions beyond those in the body: each later block that refers to one may bring it again."""
    blocks = (block for block in _blocks(request) if block.get("type") == "tool_reference")
    references = Counter(str(block.get("tool_name")) for block in blocks)
    sizes = {str(tool.get("name")): len(json.dumps(tool)) for tool in tools} if references else {}
    return sum((times - 1) * sizes.get(name, 0) for name, times in references.items())


def _ttl(control: Any) -> Any:
    return control.get("ttl", "5m") if isinstance(control, Mapping) else None


def _whole(number: Any, name: str) -> int:
    if type(number) is not int or not 1 <= number <= LARGEST:
        raise ValueError(f"{name} must be a whole number from 1 to {LARGEST}, not {number!r}")
    return number


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _items(content: Any) -> Sequence[Any]:
    """The blocks of a content; some contents are one block and no list."""
    return (content,) if isinstance(content, Mapping) else _list(content)


def _fields(request: Mapping[str, Any]) -> Iterator[str]:
    """Fields of the request itself that can make it cost more than its bytes."""
    yield from (key for key in request if key not in BOUNDED and request[key] not in (None, [], {}))
    management = request.get("context_management")
    for edit in _list(management.get("edits")) if isinstance(management, Mapping) else ():
        kind = str(edit.get("type", "")) if isinstance(edit, Mapping) else ""
        if not kind.startswith("clear_"):
            yield f"context_management {kind}".strip()


def _server_side(tools: Sequence[Mapping[str, Any]]) -> tuple[int, int, tuple[str, ...]]:
    """Web searches allowed, tools the server describes itself, and tools whose cost nothing bounds."""
    searches, typed, loose = 0, 0, []
    for tool in tools:
        kind = str(tool.get("type") or "custom")
        if kind.startswith("web_search_") and tool.get("max_uses") is not None:
            searches += _whole(tool["max_uses"], "max_uses of web_search")
        elif not kind.startswith(CLIENT_TOOLS):
            loose.append(f"tool {kind}")
        typed += kind != "custom"
    return searches, typed, tuple(loose)


def _images(request: Mapping[str, Any]) -> tuple[int, tuple[str, ...]]:
    """What images add to the bound beyond the body's bytes, and the blocks whose content is not in the body."""
    added, hidden = 0, []
    for block in _blocks(request):
        match block:
            case {"type": "image", "source": {"type": "base64", "data": str(data)}}:
                added += IMAGE - len(data)
            case {"type": "document", "source": {"type": "text" | "content"}}:
                pass
            case {"type": ("image" | "document") as kind, "source": {"type": how}}:
                hidden.append(f"{kind} by {how}")
            case {"type": "image" | "document" | "container_upload" as kind} | {"type": kind, "file_id": _}:
                hidden.append(str(kind))
    return added, tuple(hidden)


def _blocks(request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every content block where the API reads one; a tool's own input is data and not among them."""
    waiting = [*_items(request.get("system"))]
    for message in _list(request.get("messages")):
        waiting.extend(_items(message.get("content")) if isinstance(message, Mapping) else ())
    while waiting:
        block = waiting.pop()
        if not isinstance(block, Mapping):
            continue
        yield block
        waiting.extend(_items(block.get("content")))
        if isinstance(source := block.get("source"), Mapping):
            waiting.extend(_items(source.get("content")))


class UsageReader:
    """Reads the usage out of a streamed response as its bytes pass by; keeps at most one event, never the stream."""

    def __init__(self) -> None:
        self.started = False  #: the model began to answer, so the request is billed
        self.complete = False  #: the response came to its proper end
        self.error = ""  #: the type of an error event, if there was one
        self.visible = 0  #: bytes of the answer itself that have passed: no fewer than its tokens, thinking apart
        self.calls = ToolCalls()
        self._start: dict[str, Any] | None = None
        self._delta: dict[str, Any] | None = None
        self._starts = 0
        self._tail = b""
        self._event: list[bytes] = []
        self._size = 0
        self._skipping = False  #: inside a line that is too long to be kept

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes, cut anywhere; uncompressed."""
        *lines, self._tail = (self._tail + chunk).split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            else:
                self._line(line)
        if self._size + len(self._tail) > EVENT_LIMIT:
            self._skipping, self._size, self._tail = True, EVENT_LIMIT + 1, b""

    @property
    def refused(self) -> bool:
        """The provider sent an error in the place of an answer, so nothing is billed."""
        return bool(self.error) and not self.started and not self.visible

    def usage(self) -> Usage | Doubtful | None:
        """The response's usage so far: the start merged with the cumulative deltas; None before there is one."""
        if self._start is None or self._delta is None:
            return None
        begun = {key: value for key, value in self._start["usage"].items() if key != "output_tokens"}
        if self._starts > 1:
            return Doubtful("unknown", "a stream with more than one answer")
        return understood(self._start.get("model"), merged(begun, self._delta))  # the first output says nothing

    def _line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            self._size += len(line)
            if self._size <= EVENT_LIMIT:
                self._event.append(line[5:])
        elif line in (b"", b"\r"):
            if self._event and self._size <= EVENT_LIMIT:
                self._read(b"\n".join(self._event))
            self._event, self._size = [], 0

    def _read(self, data: bytes) -> None:
        self.calls.event(data)
        if b"message_" not in data and b'"error"' not in data:
            self.visible += max(0, len(data) - ENVELOPE)  # nearly all of a stream: text on its way to the agent
            return
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            return
        match event:
            case {"type": "message_start", "message": {"usage": dict()} as message}:
                self.started, self._start, self._starts = True, message, self._starts + 1
            case {"type": "message_start"}:
                self.started, self._starts = True, self._starts + 1
            case {"type": "message_delta", "usage": dict() as usage}:
                self._delta = merged(self._delta or {}, usage)
            case {"type": "message_stop"}:
                self.complete = True
            case {"type": "error"}:
                detail = event.get("error")
                self.error = str(detail.get("type", "error")) if isinstance(detail, dict) else "error"
            case _:
                self.visible += max(0, len(data) - ENVELOPE)  # text that speaks of messages or errors


class WholeAnswer:
    """Reads the usage of an answer that is one JSON document."""

    visible = 0  #: none of it can be cut short: it comes at once
    error, refused = "", False  #: an error comes with a status of its own

    def __init__(self) -> None:
        self._body = bytearray()
        self._calls = ToolCalls()

    def feed(self, chunk: bytes) -> None:
        """Keep the bytes until the document is whole."""
        self._body += chunk

    @property
    def calls(self) -> ToolCalls:
        """Its tool calls, once the document is whole."""
        if not self._calls.stop_reason and self._body[-1:] == b"}":
            self._calls.message(bytes(self._body))
        return self._calls

    @property
    def complete(self) -> bool:
        """Whether the document can be read."""
        return self.usage() is not None

    def usage(self) -> Usage | Doubtful | None:
        """What it says it used."""
        return read_json(bytes(self._body))


def read_json(body: bytes) -> Usage | Doubtful | None:
    """The usage of a response that was not streamed; None if it has none."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not isinstance(message.get("usage"), dict):
        return None
    return understood(message.get("model"), message["usage"])


def as_asked(usage: Usage, facts: RequestFacts) -> Usage | Doubtful:
    """The usage, with the speed and the region that were asked for where the answer does not say any."""
    asked = {"speed": "fast" if facts.fast else "", "inference_geo": facts.geo}
    silent = {key: value for key, value in asked.items() if value and not usage.raw.get(key)}
    said = {key: value for key, value in usage.raw.items() if key != "model"}
    return understood(usage.model, {**said, **silent}) if silent else usage
