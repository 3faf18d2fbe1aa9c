"""The author of transcripts made up by a seed: every shape the CLI leaves on disk, and what they cost in truth."""

import json
import random
import string
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.truth import LIST, UNPRICED, Message, Truth

FIRST = datetime(2026, 1, 5, 6, tzinfo=UTC)
DAYS = 300
MODELS = [*LIST, UNPRICED]
WEIGHTS = [30, 35, 15, 12, 7, 1]
TEXT = "".join(random.Random(0).choices(string.ascii_letters + string.digits + '      \n"\\', k=1 << 20))


class Author:
    """Writes sessions; every choice comes from the seed."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._made = 0
        self.truth = Truth()
        self.written = 0

    def tree(self, root: Path, size: int) -> Truth:
        """Fill the folder with about so many bytes."""
        while self.written < size:
            self._session(root)
        return self.truth

    def _session(self, root: Path) -> None:
        dice = self._dice
        project = f"/src/project-{dice.randrange(12)}"
        folder = root / project.replace("/", "-")
        session, at = self._id(), FIRST + timedelta(seconds=dice.randrange(DAYS * 86400))
        messages = [self._message(at + timedelta(seconds=40 * n)) for n in range(max(1, int(dice.gauss(45, 15))))]
        lines = list(self._lines(messages, session, project, side=False))
        self._write(folder / f"{session}.jsonl", lines, torn=dice.random() < 0.1)
        if dice.random() < 0.35:
            self._subagent(folder / session / "subagents", session, project, messages)
        if dice.random() < 0.06:
            self._fork(folder, lines, session, project)

    def _subagent(self, folder: Path, session: str, project: str, parents: Sequence[Message]) -> None:
        """Billed apart; some of its messages never got their last usage, and an aside repeats one of its parent's."""
        dice = self._dice
        at = parents[-1].at
        own = [self._message(at + timedelta(seconds=9 * n), side=True) for n in range(dice.randrange(2, 18))]
        lines = list(self._lines(own, session, project, side=True))
        deep = folder / "workflows" / self._id()[:8] if dice.random() < 0.1 else folder
        self._write(deep / f"agent-{self._id()[:8]}.jsonl", lines)
        if dice.random() < 0.3:
            aside = self._line(
                parents[0], parents[0].usage, at + timedelta(days=2), session, project, True, "req_again"
            )
            self._write(folder / f"agent-aside-{self._id()[:8]}.jsonl", [*self._chatter(session, project, at), aside])

    def _fork(self, folder: Path, lines: Sequence[bytes], session: str, project: str) -> None:
        """The parent's lines copied under a new session, same ids, then its own."""
        fork = self._id()
        copied = [line.replace(session.encode(), fork.encode()) for line in lines[: len(lines) // 2]]
        at = FIRST + timedelta(days=DAYS)
        own = [self._message(at + timedelta(seconds=n)) for n in range(4)]
        self._write(folder / f"{fork}.jsonl", [*copied, *self._lines(own, fork, project, side=False)])

    def _write(self, path: Path, lines: Sequence[bytes], torn: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        data = b"".join(lines)
        if torn:  # a message of which half a line is there: nobody can know it yet
            half = self._line(self._message(FIRST, book=False), {}, FIRST, "torn", "/torn", False, None)
            data += half[: len(half) * 2 // 3]
        path.write_bytes(data)
        self.written += len(data)

    def _id(self) -> str:
        text = f"{self._dice.getrandbits(128):032x}"
        return "-".join(text[a:b] for a, b in pairwise((0, 8, 12, 16, 20, 32)))

    def _message(self, at: datetime, side: bool = False, book: bool = True) -> Message:
        dice = self._dice
        self._made += 1
        (model,) = dice.choices(MODELS, WEIGHTS)
        written, hour = int(dice.expovariate(1 / 3000)), dice.random() < 0.3
        message = Message(
            id=f"msg_{self._made:06d}{dice.getrandbits(72):018x}",
            model=model,
            at=at.replace(microsecond=dice.randrange(1000) * 1000),
            usage={"input_tokens": dice.randrange(3, 900), "output_tokens": int(dice.expovariate(1 / 360)) + 2,
                   "cache_read_input_tokens": int(dice.expovariate(1 / 45_000)), "written_5m": 0 if hour else written,
                   "written_1h": written if hour else 0, "web_searches": int(dice.random() < 0.02)},
            lines=dice.choices((1, 2, 3, 5), (25, 40, 25, 10))[0],
            early=dice.random() < 0.4, lost=side and dice.random() < 0.2,
            fast=model in ("claude-opus-5-5", "claude-opus-4-6") and dice.random() < 0.05,
            geo="us" if dice.random() < 0.1 else "not_available",
            request=f"req_{dice.getrandbits(64):016x}" if dice.random() < 0.7 else None,
        )  # fmt: skip
        if book:
            self.truth.book(message)
        return message

    def _lines(self, messages: Sequence[Message], session: str, project: str, side: bool) -> Iterator[bytes]:
        """The lines of one transcript: what the person and the tools said, then each message block by block."""
        for message in messages:
            yield from self._chatter(session, project, message.at)
            for number in range(message.lines):
                partial = message.lost or (message.early and number < message.lines - 1)
                usage = {**message.usage, "output_tokens": 1} if partial else message.usage
                at = message.at + timedelta(milliseconds=300 * number)
                yield self._line(message, usage, at, session, project, side, message.request)
            if self._dice.random() < 0.01:
                yield self._synthetic(session, message.at)

    def _line(self, message: Message, usage: dict[str, int], at: datetime, session: str, project: str, side: bool,
              request: str | None) -> bytes:  # fmt: skip
        dice = self._dice
        block: dict[str, Any] = {"type": "text", "text": self._words(2000)}
        if dice.random() < 0.03:  # an input that looks like what a reader seeks
            seeming = {"usage": {"output_tokens": 999_999}, "type": "assistant", "id": "msg_seeming"}
            block = {"type": "tool_use", "id": "toolu_1", "name": "Write", "input": {**seeming, "c": self._words(2000)}}
        return _encoded({
            "parentUuid": self._id(), "isSidechain": side, "userType": "external", "cwd": project,
            "sessionId": session, "version": "2.1.329", "gitBranch": "main",
            "message": {"model": message.model, "id": message.id, "type": "message", "role": "assistant",
                        "content": [block], "stop_reason": None, "stop_sequence": None,
                        "usage": _on_the_wire(usage or message.usage, message)},
            **({"requestId": request} if request else {}),
            "type": "assistant", "uuid": self._id(), "timestamp": _stamp(at),
        })  # fmt: skip

    def _synthetic(self, session: str, at: datetime) -> bytes:
        zeros = {"input_tokens": 0, "output_tokens": 0}
        return _encoded({
            "isSidechain": False, "sessionId": session, "isApiErrorMessage": True, "type": "assistant",
            "message": {"id": self._id(), "model": "<synthetic>", "role": "assistant", "type": "message",
                        "content": [{"type": "text", "text": "API Error: 529 overloaded"}], "usage": zeros},
            "uuid": self._id(), "timestamp": _stamp(at),
        })  # fmt: skip

    def _chatter(self, session: str, project: str, at: datetime) -> Iterator[bytes]:
        """Lines that cost nothing; some quote usage, as the results of subagents do."""
        head = {"parentUuid": self._id(), "isSidechain": False, "cwd": project, "sessionId": session, "type": "user"}
        quoted = {"usage": {"input_tokens": 7, "output_tokens": 7}, "totalTokens": 14}
        result = quoted if self._dice.random() < 0.05 else {"stdout": self._words(4400)}
        content = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": self._words(4400)}]
        tail = {"toolUseResult": result, "uuid": self._id(), "timestamp": _stamp(at)}
        yield _encoded({**head, "message": {"role": "user", "content": content}, **tail})
        if self._dice.random() < 0.7:
            yield _encoded({"type": "system", "sessionId": session, "content": self._words(200), "level": "info"})

    def _words(self, mean: int) -> str:
        start = self._dice.randrange(len(TEXT) // 2)
        return TEXT[start : start + min(int(self._dice.expovariate(1 / mean)), len(TEXT) // 2)]


def _on_the_wire(usage: dict[str, int], message: Message) -> dict[str, Any]:
    five, hour = usage["written_5m"], usage["written_1h"]
    return {
        "input_tokens": usage["input_tokens"], "cache_creation_input_tokens": five + hour,
        "cache_read_input_tokens": usage["cache_read_input_tokens"], "output_tokens": usage["output_tokens"],
        "server_tool_use": {"web_search_requests": usage["web_searches"], "web_fetch_requests": 0},
        "service_tier": "standard", "inference_geo": message.geo,
        "cache_creation": {"ephemeral_1h_input_tokens": hour, "ephemeral_5m_input_tokens": five},
        "speed": "fast" if message.fast else "standard",
    }  # fmt: skip


def _encoded(line: dict[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
