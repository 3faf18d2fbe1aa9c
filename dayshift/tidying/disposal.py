"""What a task leaves on disk: how much it is, its work saved from removal, and the removal."""

import os
import shutil
import stat
from pathlib import Path

from dayshift import files, records
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository import git, quarantine, workspace

CURE = "save what you need from its folder, move the folder away and repeat"


class Unsaved(Exception):
    """A task's work could not be saved; the message says why and what to do."""


def belongings(home: Home, task_id: str) -> list[Path]:
    """Everything of the task that is there: workspace, runs, status, question, logs, record."""
    places = [
        home.workspace(task_id), home.runs(task_id), home.status / f"{task_id}.json", home.questions / f"{task_id}.md",
        home.logs / f"{task_id}.log", home.logs / f"{task_id}.jsonl", *home.quarantines(task_id),
        home.receipt(task_id), home.keepsake(task_id), home.visitor(task_id), home.records / f"{task_id}.json",
    ]  # fmt: skip
    return [place for place in places if os.path.lexists(place)]


def size(place: Path) -> int:
    """Bytes the file or the whole folder takes on disk; links are counted, never followed."""
    below = [folder / name for folder, folders, names in files.walk(place) for name in (*folders, *names)]
    return sum(each.lstat().st_blocks * 512 for each in (place, *below) if os.path.lexists(each))


def discard(home: Home, record: Record) -> None:
    """Take away everything a task left, its worktree's git folder and its private ref too; the record goes last.

    A real task's record is put by first: its day stays readable.
    """
    if not record.rehearsal:
        records.put_by(home, record)
    try:
        workspace.Workspace(home.workspace(record.id), git.find(Path(record.project))).remove()
    except git.NotARepository:
        files.remove_tree(home.workspace(record.id))
    for place in belongings(home, record.id):
        if place.is_dir() and not place.is_symlink():
            files.remove_tree(place)
        elif place.parent != home.records:
            place.unlink(missing_ok=True)
    passing("task.taken_away")
    records.remove(home, record.id)


def salvage(home: Home, record: Record) -> Path | None:
    """Copy the task's changes.patch to results/salvage, never over another; None if it changed nothing."""
    folder = home.workspace(record.id)
    if record.commit in (None, record.base) or not folder.is_dir():
        return None
    stem = f"{record.id}-{record.day}{'-quarantined' if record.in_quarantine else ''}"
    return _published(home, stem, _plain_bytes(folder / "changes.patch"))


def rescue(home: Home, folder: Path, project: git.Repository | None) -> Path | None:
    """Save the work in a workspace of which no record tells, and take away what the repository knows of it.

    It becomes a patch; if git cannot make one, the workspace is put aside. Where that is, or None if nothing was made.
    """
    place = workspace.Workspace(folder, project) if project else None
    saved = None
    try:
        if place is not None:
            base = _base(place)
            commit = place.keep(base, f"{folder.name}: found without a record")
            if commit != base:
                saved = _published(home, f"{folder.name}-orphan", _plain_bytes(folder / "changes.patch"))
        elif any(workspace.repo_of(folder).glob("*")):
            saved = _put_aside(home, folder)
    except (workspace.Tampered, git.GitError, Unsaved, OSError):
        saved = _put_aside(home, folder)
    if place is not None:
        place.forget()
    return saved


def _base(place: workspace.Workspace) -> str:
    """The commit the work began from: what the supervisor's last commit stands on, else what the worktree does."""
    place.check()
    author, *parents = _kept(place)
    return parents[0] if author == git.IDENTITY["GIT_AUTHOR_EMAIL"] else place.repository.text("rev-parse", "HEAD")


def salvage_ref(home: Home, place: workspace.Workspace) -> Path | None:
    """Save the work that a private ref holds as a patch; None if there is none."""
    author, *parents = _kept(place)
    if author != git.IDENTITY["GIT_AUTHOR_EMAIL"] or len(parents) != 1:  # it is where the task began
        return None
    patch = place.project.run("diff", "--binary", parents[0], workspace.REF + place.task_id)
    return _published(home, f"{place.task_id}-orphan", patch)


def _kept(place: workspace.Workspace) -> list[str]:
    """The author of the commit on the private ref, and that commit's parents."""
    words = ("show", "--no-patch", "--format=%ae %P", workspace.REF + place.task_id)
    return place.project.text(*words, check=False).split() or [""]


def _put_aside(home: Home, folder: Path) -> Path:
    """The workspace as it is, without a .git file that git would obey, among what was salvaged."""
    quarantine.defuse(workspace.repo_of(folder) / ".git")
    target = home.results / "salvage" / f"{folder.name}-workspace"
    target.parent.mkdir(parents=True, exist_ok=True)
    while os.path.lexists(target):
        target = target.with_name(f"{target.name}-again")
    shutil.move(folder, target)
    passing("workspace.put_aside")
    return target


def _published(home: Home, stem: str, patch: bytes) -> Path:
    """The patch in results/salvage, never over another."""
    place = home.results / "salvage"
    place.mkdir(parents=True, exist_ok=True)
    name, turn = stem, 1
    while not files.publish_once(place / f"{name}.patch", patch):
        turn += 1
        name = f"{stem}-{turn}"
    passing("work.salvaged")
    return place / f"{name}.patch"


def _plain_bytes(path: Path) -> bytes:
    """The file's bytes; Unsaved if it is absent or no plain file, for an agent may have put a link in its place."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unsaved(f"{path} cannot be read ({error.strerror}); {CURE}") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unsaved(f"{path} is not a plain file; {CURE}")
        return file.read()
