"""What the built-in scripted model says: the turns of a rehearsal, written in a day file or improvised for a task."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from dayshift.model import Task

CLI_OPTIONS = range(2, 5)  #: how many choices the CLI's AskUserQuestion takes
USAGE_FIELDS = ("input", "output", "cache_read", "cache_write")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool_use block."""

    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApiError:
    """An HTTP error in the API's own shape."""

    status: int
    type: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the model; `error` and `cut` each come once before it is served whole."""

    text: str = ""
    thinking: str = ""
    tools: tuple[ToolCall, ...] = ()
    usage: Mapping[str, int] = field(default_factory=dict)  #: token numbers to report instead of estimates
    delay: float = 0.0  #: seconds before the answer begins
    error: ApiError | None = None
    cut: bool = False


FILLER = "No response requested."  #: what the CLI says for the model where a killed run left no answer

CLOSING = Turn(text="That was the last of this rehearsal's turns; there is nothing left for me to do.")
ASIDE = Turn(text="Rehearsed.")


def turn_for(turns: Sequence[Turn], answered: int) -> Turn:
    """The turn that follows so many answers; a closing word when the script is over."""
    return turns[answered] if answered < len(turns) else CLOSING


def answered(messages: Sequence[Mapping[str, Any]]) -> int:
    """How many answers of the model a conversation holds; the CLI's own filler after a killed run is none."""
    return sum(message.get("role") == "assistant" and not _is_filler(message) for message in messages)


def _is_filler(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    texts = [content] if isinstance(content, str) else [block.get("text") for block in content or ()]
    return texts == [FILLER]


def placed(turns: Sequence[Turn], places: Mapping[str, str]) -> tuple[Turn, ...]:
    """The turns with every `{name}` of places in their strings replaced by its path."""
    return tuple(
        replace(
            turn,
            text=_filled(turn.text, places),
            thinking=_filled(turn.thinking, places),
            tools=tuple(ToolCall(call.name, _filled(call.input, places)) for call in turn.tools),
        )
        for turn in turns
    )


def _filled(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, path in places.items():
            value = value.replace("{" + name + "}", path)
        return value
    if isinstance(value, Mapping):
        return {key: _filled(each, places) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(each, places) for each in value]
    return value


# --- turns written in a day file -------------------------------------------------------------------


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
    return question_call(question, labels)
    return question_call(question, labels)


def question_call(question: str, options: Sequence[str]) -> ToolCall:
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


# --- turns made up for a task without a script ------------------------------------------------------


def improvise(task: Task) -> tuple[Turn, ...]:
    """A plausible agent for any task: looks around, reads, makes each deliverable exist and differ, sums up, ends."""
    made = [path for path in (_reachable(task, each) for each in task.deliverables) if path]
    changes = f"I changed {', '.join(made)}." if made else "No file was asked for."
    return (
        Turn(text="I look at the repository first.", tools=(_shell("git status --short"), _shell("ls"))),
        *_reading(task),
        *(Turn(text=f"Now {path}.", tools=(_shell(_touched(task, path)),)) for path in made),
        Turn(tools=(_shell(_printed(_summary(task), "{workspace}/summary.md", ">")),)),
        Turn(text=f"{_title(task)} is finished. {changes}"),
    )


def _reading(task: Task) -> tuple[Turn, ...]:
    files = [path for path in (_reachable(task, each) for each in task.context_files) if path]
    absolute = [path if path.startswith("{") else "{repo}/" + path for path in files]
    calls = tuple(ToolCall("Read", {"file_path": path}) for path in absolute)
    return (Turn(text="I read what I was given.", tools=calls),) if calls else ()


def _reachable(task: Task, path: str) -> str | None:
    """The path as the agent may write it, from the repository or in its workspace; None if it lies elsewhere."""
    parts = PurePosixPath(path).parts
    if not parts or parts[0] == "/" or ".." in parts:
        return None
    if parts[0] != "agent_workspaces":
        return "/".join(parts)
    return "/".join(("{workspace}", *parts[2:])) if parts[1:2] == (task.id,) and len(parts) > 2 else None


def _touched(task: Task, path: str) -> str:
    """A shell command after which the file exists and is not what it was."""
    folder = shlex.quote(str(PurePosixPath(path).parent))
    append, create = _printed(_remark(task, path), path, ">>"), _printed(_content(task, path), path, ">")
    return f"if [ -e {shlex.quote(path)} ]; then {append}; else mkdir -p -- {folder} && {create}; fi"


def _printed(lines: Sequence[str], path: str, redirect: str) -> str:
    return f"printf '%s\\n' {' '.join(map(shlex.quote, lines))} {redirect} {shlex.quote(path)}"


def _shell(command: str) -> ToolCall:
    return ToolCall("Bash", {"command": command, "description": "Work on the task"})


def _title(task: Task) -> str:
    return " ".join(task.name.split()) or task.id


def _summary(task: Task) -> list[str]:
    files = [f"- {path}" for path in task.deliverables] or ["- nothing was asked for"]
    return [f"# {_title(task)}", "", "A rehearsal: the scripted model made these changes.", "", *files]


COMMENTS = {
    **dict.fromkeys(("py", "sh", "rb", "pl", "r", "yaml", "yml", "toml", "cfg", "conf", "ini", "tf", "ex"), "# {}"),
    **dict.fromkeys(("js", "jsx", "ts", "tsx", "mjs", "go", "rs", "c", "h", "cc", "cpp", "java", "kt"), "// {}"),
    **dict.fromkeys(("swift", "cs", "dart", "scala", "proto"), "// {}"),
    **dict.fromkeys(("css", "scss"), "/* {} */"),
    **dict.fromkeys(("html", "xml", "svg", "vue", "md"), "<!-- {} -->"),
    **dict.fromkeys(("sql", "lua", "hs"), "-- {}"),
    **dict.fromkeys(("txt", "rst"), "{}"),
}


def _kind(path: str) -> str:
    return PurePosixPath(path).suffix.lstrip(".").lower()


def _remark(task: Task, path: str) -> list[str]:
    """What does no harm at the end of such a file, whether or not its last line is ended; at least an empty line."""
    comment = COMMENTS.get(_kind(path))
    return ["", comment.format(f"Rehearsed for {task.id}.")] if comment else [""]


def _content(task: Task, path: str) -> list[str]:
    """A new file a reader of that type accepts."""
    name = PurePosixPath(path).stem
    match _kind(path):
        case "py" if name.startswith("test_") or name.endswith("_test"):
            return [f'"""{task.id}, rehearsed."""', "", "", "def test_rehearsed() -> None:", "    assert True"]
        case "py":
            return [f'"""{task.id}, rehearsed."""', "", f'REHEARSED = "{task.id}"']
        case "md":
            return [f"# {_title(task)}", "", f"Rehearsed for {task.id}."]
        case "json":
            return [f'{{"rehearsed": "{task.id}"}}']
        case "yaml" | "yml":
            return [f"rehearsed: {task.id}"]
        case "toml":
            return [f'rehearsed = "{task.id}"']
        case "js" | "mjs" | "ts":
            return [f'export const rehearsed = "{task.id}";']
        case "html":
            return ["<!doctype html>", f"<title>{task.id}</title>", "<p>Rehearsed.</p>"]
        case "csv":
            return ["task,rehearsed", f"{task.id},yes"]
        case "go":
            return [f"package {PurePosixPath(path).parent.name or 'main'}", "", f"// Rehearsed for {task.id}."]
        case kind:
            return [COMMENTS.get(kind, "# {}").format(f"Rehearsed for {task.id}.")]
