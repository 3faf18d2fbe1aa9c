"""What the CLI says of a run: the facts in the lines of its stream."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dayshift.claude.claude_calls import QUESTION_TOOL, asked, can_be_kept, subject
from dayshift.conversation import Ask
from dayshift.money import Pico, from_usd

LONGEST_TEXT = 64 << 10  #: characters of its stream that are kept as one text
MOST_PARTS = 1 << 19  #: commas in a line of its stream; what a tool read has some, what is said here has few


@dataclass(frozen=True, slots=True)
class Said:
    """Text of the agent."""

    text: str


@dataclass(frozen=True, slots=True)
class Used:
    """A tool call, in a few words."""

    tool: str
    subject: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """The API did not serve it; it will try again by itself."""

    status: int | None
    attempt: int


@dataclass(frozen=True, slots=True)
class Limited:
    """A usage window of the person's plan is exhausted until then."""

    reset_at: datetime | None


@dataclass(frozen=True, slots=True)
class Result:
    """The CLI's closing word on a run, or on a turn of it."""

    error: bool
    asked: Ask | None
    text: str
    api_status: int | None
    session_cost: Pico | None


Fact = Said | Used | Retrying | Limited | Result


def parse(line: bytes) -> list[Fact]:
    """What one line of the stream says that matters here; ValueError if it is no JSON object."""
    if line.count(b",") > MOST_PARTS:  # it would take its time, and everybody's
        raise ValueError("too many parts")
    message = json.loads(line.decode())
    if not isinstance(message, dict):
        raise ValueError("not a JSON object")
    match message.get("type"):
        case "assistant":
            return _spoken(message)
        case "system" if message.get("subtype") == "api_retry":
            return [Retrying(message.get("error_status"), int(message.get("attempt") or 0))]
        case "rate_limit_event":
            info = message.get("rate_limit_info") or {}
            exhausted = info.get("status") == "rejected" and not info.get("isUsingOverage")
            return [Limited(_moment(info.get("resetsAt")))] if exhausted else []
        case "result":
            return [_result(message)]
    return []


def _spoken(message: dict[str, Any]) -> list[Fact]:
    facts: list[Fact] = []
    for block in (message.get("message") or {}).get("content") or []:
        if block.get("type") == "text" and block.get("text", "").strip():
            facts.append(Said(block["text"].strip()[:LONGEST_TEXT]))
        elif block.get("type") == "tool_use":
            facts.append(Used(str(block.get("name")), subject(block.get("input") or {})))
    return facts


def _result(message: dict[str, Any]) -> Result:
    cost = message.get("total_cost_usd")
    return Result(
        error=bool(message.get("is_error")),
        asked=_deferred_question(message),
        text=str(message.get("result") or "").strip()[:LONGEST_TEXT],
        api_status=message.get("api_error_status"),
        session_cost=from_usd(cost) if isinstance(cost, int | float) and cost >= 0 else None,
    )


def _deferred_question(message: dict[str, Any]) -> Ask | None:
    call = message.get("deferred_tool_use") or {}
    if call.get("name") != QUESTION_TOOL:
        return None
    tool_input = call.get("input") or {}
    # The hook defers no other; a line that says so was not the CLI's.
    return Ask(*asked(tool_input), tool_input) if isinstance(tool_input, dict) and can_be_kept(tool_input) else None


def _moment(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None
