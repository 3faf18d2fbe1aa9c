"""The project of a day file: the repository its tasks work in, and the files of it that they name.

It joins the entries of the day file, which name them.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from dayshift.inputs.dayfile_entries import Entry, Offences
from dayshift.inputs.values import inside

WORKSPACES = "agent_workspaces"


def named_folder(data: Any, default: Path, home: Path) -> Path:
    """The folder that `project:` names, as a path from the home; the default, if it names none."""
    named = data.get("project") if isinstance(data, dict) else None
    if not isinstance(named, str):
        return default.resolve()
    try:
        return (home / Path(named).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError):
        return home / named


def _is(kind: Callable[[Path], bool], path: Path) -> bool:
    try:
        return kind(path)
    except OSError:  # a name too long, a folder closed to us
        return False


def top_of(folder: Path) -> Path | None:
    """The top of the work tree that holds the folder, if there is one."""
    around = (folder, *folder.parents) if _is(Path.is_dir, folder) else ()
    return next((each for each in around if _is(Path.exists, each / ".git")), None)


def unusable(folder: Path, top: Path | None) -> Offences:
    """A project that is no folder, or in no git repository."""
    if not _is(Path.is_dir, folder):
        yield ("project",), f"there is no folder {folder}; set `project:` to a git repository, as a path from the home"
    elif top is None:
        yield ("project",), f"{folder} is not in a git repository; run `git init` there or set `project:` to one"


def deliverables(entries: Sequence[Entry]) -> Offences:
    """A deliverable in a workspace that is not the task's own."""
    for entry in entries:
        for place, path in entry.texts("deliverables"):
            folder, *rest = PurePosixPath(path).parts or ("",)
            if folder == WORKSPACES and (len(rest) < 2 or rest[0] != entry.text("id")):
                yield place, f"{path!r} is not in this task's own workspace; write {WORKSPACES}/{entry.text('id')}/…"


def context_files(entries: Sequence[Entry], top: Path | None) -> Offences:
    """A context file is there now, or a task this one depends on will make it; that of an earlier day may have."""
    named = {entry.text("id"): entry for entry in entries}
    for entry in (entry for entry in entries if entry.raw.get("continues") is None):
        asked = [(place, _plain(path)) for place, path in entry.texts("context_files")]
        absent = [(place, path) for place, path in asked if top and path and not _is(Path.is_file, top / path)]
        made = _made_before(entry, named) if absent else set()
        for place, path in absent:
            if path not in made:
                yield place, f"there is no file {path!r} in {top}; make it, or depend on the task that delivers it"


def _plain(path: str) -> str:
    """The path as a task holds it; empty if it leads out of the repository."""
    try:
        return inside(path)
    except ValueError:
        return ""


def _made_before(entry: Entry, named: Mapping[str, Entry]) -> set[str]:
    """The deliverables of every task this one depends on, near or far."""
    made: set[str] = set()
    seen: set[str] = set()
    ahead = [wanted for _, wanted in entry.texts("depends_on")]
    while ahead:
        if (name := ahead.pop()) in named and name not in seen:
            seen.add(name)
            made |= {_plain(path) for _, path in named[name].texts("deliverables")}
            ahead += [wanted for _, wanted in named[name].texts("depends_on")]
    return made
