"""What one request of the Messages API can use at most, read from its body.

Joins usage, which knows how long a model's name may be and what an answer's fields mean.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dayshift.messages.usage import LONGEST_MODEL, understood
from dayshift.model import Doubtful, Usage

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
BRACKETS = 500_000  #: more would keep all agents waiting while it is read; no context window holds as many
ASCII, ESCAPE = re.compile(rb"[\x00-\x7f]+"), re.compile(rb"\\u([0-9a-fA-F]{4})")


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


def as_asked(usage: Usage, facts: RequestFacts) -> Usage | Doubtful:
    """The usage, with the speed and the region that were asked for where the answer does not say any."""
    asked = {"speed": "fast" if facts.fast else "", "inference_geo": facts.geo}
    silent = {key: value for key, value in asked.items() if value and not usage.raw.get(key)}
    said = {key: value for key, value in usage.raw.items() if key != "model"}
    return understood(usage.model, {**said, **silent}) if silent else usage
