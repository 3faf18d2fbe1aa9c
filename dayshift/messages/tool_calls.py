"""The model's tool calls as they pass on the wire: each complete, or not at all. Standard library only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST_INPUT = 1 << 20  #: bytes of one call's input; no answer of a model is as long
MOST_OPEN = 64  #: calls that may be under way at once; the API sends one after the other


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool_use block of an answer."""

    id: str
    name: str
    input: Mapping[str, Any]


@dataclass(slots=True)
class _Block:
    """A call whose input is still coming."""

    id: str
    name: str
    given: Mapping[str, Any]
    parts: list[str] = field(default_factory=list)
    size: int = 0


class ToolCalls:
    """Collects the calls of one answer, event by event; what cannot be read is passed over."""

    def __init__(self) -> None:
        self.stop_reason = ""  #: why the model stopped, once it has; "tool_use" if its calls are to be run
        self._ready: list[ToolCall] = []
        self._open: dict[int, _Block] = {}

    def taken(self) -> list[ToolCall]:
        """The calls that became complete since this was last asked."""
        ready, self._ready = self._ready, []
        return ready

    def event(self, data: bytes) -> None:
        """Take in one event of a stream. Nearly all of them are text and are not even parsed."""
        if not self._open and b'"tool_use"' not in data:
            return
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            return
        match event:
            case {"type": "content_block_start", "index": int(index), "content_block": {"type": "tool_use"} as block}:
                self._begin(index, block)
            case {"type": "content_block_delta", "index": int(index), "delta": {"partial_json": str(part)}}:
                self._add(index, part)
            case {"type": "content_block_stop", "index": int(index)}:
                self._finish(index)
            case {"type": "message_delta", "delta": {"stop_reason": str(reason)}}:
                self.stop_reason = reason

    def message(self, body: bytes) -> None:
        """Take in an answer that is one JSON document."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            return
        if not isinstance(message, dict) or not isinstance(message.get("content"), list):
            return
        self.stop_reason = str(message.get("stop_reason") or "")
        for index, block in enumerate(message["content"]):
            if isinstance(block, dict) and block.get("type") == "tool_use":
                self._begin(index, block)
                self._finish(index)

    def _begin(self, index: int, block: Mapping[str, Any]) -> None:
        given = block.get("input")
        if isinstance(block.get("id"), str) and isinstance(block.get("name"), str) and len(self._open) < MOST_OPEN:
            self._open[index] = _Block(block["id"], block["name"], given if isinstance(given, dict) else {})

    def _add(self, index: int, part: str) -> None:
        block = self._open.get(index)
        if block is not None:
            block.parts.append(part)
            block.size += len(part)
            if block.size > LONGEST_INPUT:
                del self._open[index]

    def _finish(self, index: int) -> None:
        block = self._open.pop(index, None)
        if block is None:
            return
        try:
            given = json.loads("".join(block.parts)) if block.size else block.given
        except (ValueError, RecursionError):
            return
        if isinstance(given, dict):
            self._ready.append(ToolCall(block.id, block.name, given))
