"""What the scripted model answers, in the Messages API's form: the message, the usage it reports, the stream of it.

Joins script, whose turns become answers.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dayshift.model import Tokens
from dayshift.rehearsing.script import Turn

BYTES_PER_TOKEN = 4
CHUNK = 24  #: characters of a delta: few, so that a reader has to join them
DELTAS = 50  #: of one block at most, so that a long file does not take a thousand
SIGNATURE = "cmVoZWFyc2Fs"  #: of a thinking block; the API signs them, nobody checks it here

Body = dict[str, Any]


def composed(turn: Turn, body: Body, new_id: Callable[[], str]) -> Body:
    """The Messages API's answer to that request: the turn's content, its usage, never above max_tokens."""
    content = _content(turn, new_id)
    output = turn.usage.get("output", weight(content))
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


def weight(value: Any) -> int:
    """An estimate of tokens: a quarter of the JSON's bytes, at least one."""
    return max(1, len(json.dumps(value)) // BYTES_PER_TOKEN)


def _usage(stated: Mapping[str, int], body: Body, output: int) -> Body:
    """The usage to report: as stated, else estimated; what stood before the last answer is read from the cache."""
    text, since = json.dumps(body), _since_last_answer(body["messages"])
    whole, caching = len(text) // BYTES_PER_TOKEN, "cache_control" in text
    read = max(0, whole - weight(since)) if since and caching else 0
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


def billed(usage: Body) -> Tokens:
    """The tokens of such a usage, as a bill counts them."""
    made = usage["cache_creation"]
    return Tokens(
        input=usage["input_tokens"],
        output=usage["output_tokens"],
        cache_read=usage["cache_read_input_tokens"],
        cache_write_5m=made["ephemeral_5m_input_tokens"],
        cache_write_1h=made["ephemeral_1h_input_tokens"],
    )


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


def until_cut(stream: Sequence[Body]) -> Sequence[Body]:
    """What arrives of a stream that breaks in the middle of its last block."""
    last = max(index for index, event in enumerate(stream) if event["type"] == "content_block_delta")
    return stream[:last]
