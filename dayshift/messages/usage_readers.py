"""Readers of the Messages API's answers: what one used, and the tools it calls, from its bytes as they pass.

Join usage and tool_calls, which say what these bytes mean.
"""

import json
from typing import Any

from dayshift.messages.tool_calls import ToolCalls
from dayshift.messages.usage import merged, understood
from dayshift.model import Doubtful, Usage

ENVELOPE = 80  #: bytes of the shortest event that carries text of an answer, without the text
EVENT_LIMIT = 1 << 20  #: bytes of one event kept; those that carry usage are far smaller


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
