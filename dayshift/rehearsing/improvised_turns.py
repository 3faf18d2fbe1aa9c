"""The turns of a rehearsal for a task that has none written: a plausible agent, made up from what the task asks for.

Joins script, whose turns they are.
"""

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

from dayshift.model import Task
from dayshift.rehearsing.script import ToolCall, Turn


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
