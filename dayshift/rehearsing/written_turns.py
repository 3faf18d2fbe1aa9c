"""The turns of a rehearsal as a day file writes them; what is no turn is refused with its cure.

Joins script, whose turns they become.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dayshift.rehearsing.script import ApiError, ToolCall, Turn

CLI_OPTIONS = range(2, 5)  #: how many choices the CLI's AskUserQuestion takes
USAGE_FIELDS = ("input", "output", "cache_read", "cache_write")


def parse_turns(raw: Sequence[Mapping[str, Any]]) -> tuple[Turn, ...]:
    """The turns of a `rehearsal:` list; ValueError names the turn (from 1), the field and the cure."""
    return tuple(_turn(number, fields) for number, fields in enumerate(raw, 1))


def _turn(number: int, fields: Any) -> Turn:
    try:
        _known(fields, READERS, "a turn")
        if not any(name in fields for name in SPEAKING):
            raise ValueError(f"says nothing; give it one of {_listed(SPEAKING)}")
        read = {name: READERS[name](value) for name, value in fields.items()}
    except ValueError as error:
        raise ValueError(f"rehearsal turn {number}: {error}") from error
    calls = [*read.get("tools", ()), *(read[name] for name in ("bash", "write", "ask") if name in read)]
    plain = {name: read[name] for name in ("text", "thinking", "usage", "delay", "error", "cut") if name in read}
    return Turn(tools=tuple(calls), **plain)


def _known(value: Any, names: Mapping[str, Any] | Sequence[str], what: str) -> None:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is a mapping, not {value!r}; its fields are {_listed(names)}")
    for name in value:
        if name not in names:
            raise ValueError(f"unknown field {name!r}; the fields of {what} are {_listed(names)}")


def _listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    return ", ".join(sorted(names))


def _string(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(
            f"{name}: {value!r} is not text; write a non-empty string (in quotes if YAML reads it otherwise)"
        )
    return value


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name}: {value!r} is not a whole number from zero up")
    return value


def _tools(value: Any) -> tuple[ToolCall, ...]:
    if not isinstance(value, list):
        raise ValueError("tools: give a list of {name: Bash, input: {…}}")
    return tuple(_call(each) for each in value)


def _call(value: Any) -> ToolCall:
    _known(value, ("name", "input"), "a tool call")
    if not isinstance(value.get("input"), Mapping):
        raise ValueError("tools.input: give the tool's input as a mapping, {} if it takes none")
    return ToolCall(_string("tools.name", value.get("name")), value["input"])


def _write(value: Any) -> ToolCall:
    _known(value, ("path", "content"), "write")
    path = _string("write.path", value.get("path"))
    inside = path if path.startswith(("/", "{")) else "{repo}/" + path
    if not isinstance(value.get("content"), str):
        raise ValueError("write.content: give the file's text, '' for an empty file")
    return ToolCall("Write", {"file_path": inside, "content": value["content"]})


def _ask(value: Any) -> ToolCall:
    _known(value, ("question", "options"), "ask")
    question = _string("ask.question", value.get("question"))
    options = value.get("options")
    if not isinstance(options, list) or len(options) not in CLI_OPTIONS:
        raise ValueError("ask.options: give two to four of them; the CLI's question tool takes no other number")
    labels = [_string("ask.options", option) for option in options]
    if len(set(labels)) < len(labels):
        raise ValueError("ask.options: two are the same; give each its own text")
    return _question_call(question, labels)


def _question_call(question: str, options: Sequence[str]) -> ToolCall:
    """The CLI's AskUserQuestion call for one question with two to four different options."""
    choices = [{"label": option, "description": option} for option in options]
    asked = {"question": question, "header": "Question", "options": choices, "multiSelect": False}
    return ToolCall("AskUserQuestion", {"questions": [asked]})


def _usage(value: Any) -> dict[str, int]:
    _known(value, USAGE_FIELDS, "usage")
    return {name: _count(f"usage.{name}", number) for name, number in value.items()}


def _delay(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError(f"delay: {value!r} is not a number of seconds from zero up")
    return float(value)


def _error(value: Any) -> ApiError:
    _known(value, ("status", "type", "message", "retry_after", "headers"), "error")
    status = value.get("status")
    if type(status) is not int or status not in range(400, 600):
        raise ValueError(f"error.status: {status!r} is not an HTTP error; give 400 to 599, such as 529")
    headers = value.get("headers", {})
    if not isinstance(headers, Mapping):
        raise ValueError("error.headers: give a mapping of header names to texts")
    named = {str(name): str(text) for name, text in headers.items()}
    if "retry_after" in value:
        named["retry-after"] = str(_count("error.retry_after", value["retry_after"]))
    kind = _string("error.type", value.get("type", "api_error"))
    return ApiError(status, kind, _string("error.message", value.get("message", "Rehearsed error")), named)


def _cut(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"cut: {value!r} is neither true nor false")
    return value


READERS: Mapping[str, Callable[[Any], Any]] = {
    "text": lambda value: _string("text", value),
    "thinking": lambda value: _string("thinking", value),
    "tools": _tools,
    "bash": lambda value: ToolCall("Bash", {"command": _string("bash", value), "description": "Run a command"}),
    "write": _write,
    "ask": _ask,
    "usage": _usage,
    "delay": _delay,
    "error": _error,
    "cut": _cut,
}
SPEAKING = ("text", "tools", "bash", "write", "ask")  #: a turn needs one of them: an answer without content is none
