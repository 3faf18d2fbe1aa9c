"""What a scripted model says, and how the Messages API puts it on the wire."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

FILLER = "No response requested."  #: what the CLI says for the model where a killed run left no answer
SIGNATURE = "c2lnbmVk"
LEAST_DELTA, DELTAS = 16, 20  #: characters of the smallest part of a block; how many parts a long one comes in


@dataclass(frozen=True, slots=True)
class Used:
    """What one answer used, as the usage on the wire will say."""

    input: int = 1_000
    output: int = 100
    read: int = 0
    write: int = 0
    write_1h: int = 0
    searches: int = 0
    speed: str = "standard"
    geo: str = ""

    @property
    def prompt(self) -> int:
        return self.input + self.read + self.write + self.write_1h


@dataclass(frozen=True, slots=True)
class Fault:
    """What comes once in place of an answer: an error; or, with status 200, a stream that ends with one in its middle.

    Without a type the stream breaks off and says nothing.
    """

    status: int
    type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


CUT = Fault(200)


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer: its blocks, what it uses, what goes wrong before it; `held` in its middle until it is let go."""

    blocks: tuple[Mapping[str, Any], ...]
    used: Used = Used()
    faults: tuple[Fault, ...] = ()
    held: bool = False
    first: Used | None = None  #: what the start of the stream says, where its end says more


def turn(*blocks: Mapping[str, Any] | str, **more: Any) -> Turn:
    """A turn of these blocks; a string is a text."""
    return Turn(tuple(text(each) if isinstance(each, str) else each for each in blocks), **more)


def text(words: str) -> Mapping[str, Any]:
    return {"type": "text", "text": words}


def thinking(words: str) -> Mapping[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": SIGNATURE}


def call(name: str, **given: Any) -> Mapping[str, Any]:
    return {"type": "tool_use", "name": name, "input": given}


def bash(command: str) -> Mapping[str, Any]:
    return call("Bash", command=command, description="Run a command")


def agent(part: str, background: bool = False, **more: Any) -> Mapping[str, Any]:
    """A call that starts a subagent, whose conversation begins with the part it plays."""
    given = {"description": "Help", "prompt": f"part:{part}", "subagent_type": "general-purpose"}
    return call("Agent", **given, run_in_background=background, **more)  # left out, the CLI takes it for true


def searched(query: str) -> tuple[Mapping[str, Any], ...]:
    """What the server adds by itself when it has searched the web."""
    page = {"type": "web_search_result", "title": "A page", "url": "https://example.org/", "encrypted_content": "eA==",
            "page_age": None}  # fmt: skip
    return (
        {"type": "server_tool_use", "id": f"srvtoolu_{query}", "name": "web_search", "input": {"query": query}},
        {"type": "web_search_tool_result", "tool_use_id": f"srvtoolu_{query}", "content": [page]},
    )


def is_answer(message: Mapping[str, Any]) -> bool:
    """Whether that is something the model said."""
    content = message["content"]
    said = [content] if isinstance(content, str) else [block.get("text") for block in content]
    return message["role"] == "assistant" and said != [FILLER]


# --- the answer ------------------------------------------------------------------------------------


def message(said: Turn, model: str, number: int) -> dict[str, Any]:
    """The answer as one document."""
    blocks = [
        {**block, "id": f"toolu_{number:06d}{index}"} if block["type"] == "tool_use" else dict(block)
        for index, block in enumerate(said.blocks)
    ]
    stop = "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn"
    return {
        "id": f"msg_{number:06d}", "type": "message", "role": "assistant", "model": model, "content": blocks,
        "stop_reason": stop, "stop_sequence": None, "usage": _usage(said.used),
    }  # fmt: skip


def _usage(used: Used) -> dict[str, Any]:
    return {
        **_counts(used), "service_tier": "standard", "inference_geo": used.geo or "not_available", "speed": used.speed,
        "cache_creation": {"ephemeral_5m_input_tokens": used.write, "ephemeral_1h_input_tokens": used.write_1h},
    }  # fmt: skip


def _counts(used: Used) -> dict[str, Any]:
    """What the last delta says again, final."""
    return {
        "input_tokens": used.input, "cache_read_input_tokens": used.read, "output_tokens": used.output,
        "cache_creation_input_tokens": used.write + used.write_1h,
        "server_tool_use": {"web_search_requests": used.searches} if used.searches else None,
    }  # fmt: skip


def error(fault: Fault, request_id: str) -> dict[str, Any]:
    """An error as the API words it, as an answer or as an event."""
    return {"type": "error", "error": {"type": fault.type, "message": "Not now."}, "request_id": request_id}


def events(said: Turn, model: str, number: int) -> Iterator[dict[str, Any]]:
    """The answer as it is streamed: its start knows nothing yet of output and searches, its last delta all."""
    whole = message(said, model, number)
    opening = {**_usage(said.first or said.used), "output_tokens": 1, "server_tool_use": None}
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None, "usage": opening}}
    yield {"type": "ping"}
    for index, block in enumerate(whole["content"]):
        empty, deltas = _opened(block)
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": _counts(said.used)}
    yield {"type": "message_stop"}


def _opened(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a block begins without, and the deltas that bring it."""
    match block["type"]:
        case "text":
            return {"text": ""}, [{"type": "text_delta", "text": part} for part in _parts(block["text"])]
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": part} for part in _parts(block["thinking"])]
            return {"thinking": "", "signature": ""}, [*deltas, {"type": "signature_delta", "signature": SIGNATURE}]
        case "tool_use" | "server_tool_use":
            parts = _parts(json.dumps(block["input"]))
            return {"input": {}}, [{"type": "input_json_delta", "partial_json": part} for part in parts]
    return {}, []


def _parts(whole: str) -> list[str]:
    size = max(LEAST_DELTA, len(whole) // DELTAS)
    return [whole[start : start + size] for start in range(0, len(whole), size)]
