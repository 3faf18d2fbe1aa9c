"""What no record speaks for: left in a home, in the git directories of its projects, in the temporary folder.

It joins git and the workspace, whose names lead to what is left; the spool, which tells whether an agent still lives
there; and the disposal, which saves work before it goes. What may be somebody else's, or the person's, is only shown.
"""

import os
import re
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from dayshift import files, locks
from dayshift.home import Home
from dayshift.model import TASK_ID
from dayshift.repository.git import GitError, NotARepository, Repository, find
from dayshift.repository.workspace import HALF_MADE, OWN_WORKTREE, REF, Workspace
from dayshift.running.spool import Spool
from dayshift.tidying import disposal

OLD_SECONDS = 3600  #: what is being written or made is younger
OLD_SCRATCH_SECONDS = 24 * 3600  #: a person may have one open in their difftool
PATIENCE = 0.5  #: seconds; a command that asks whether a daemon runs holds its lock for an instant
TORN = re.compile(r"\..+\.\d+\.[0-9a-f]{8}\.tmp")  #: what a write leaves that was cut short
SCRATCH = re.compile(r"dayshift-(index|selftest|accept|overlaps|diff|picture)-\w{8}")
LOG_LINE = re.compile(rb"\d{4}-\d\d-\d\dT\S+ run \d+: ")
UNKNOWN = "no record speaks for it"


class Kept(Exception):
    """It was not removed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """One thing that is left: what it is, where, why it is one; whether it may be removed at all."""

    kind: str
    place: str
    why: str
    removable: bool = True
    task_id: str = ""  #: whose it would be, if a record turned up
    project: Path | None = None  #: the repository that it, or its worktree, is in


def projects(home: Home, *more: Path) -> tuple[Path, ...]:
    """Every repository that tasks of this home ever worked in, and these."""
    kept = (files.read_json(path) for path in (*home.records.glob("*.json"), *home.history.glob("*/*.json")))
    days = (files.read_facts(path).get("day") for path in home.days_at_hand)
    named = [each.get("project") for each in (*kept, *days) if isinstance(each, dict)]
    found = dict.fromkeys((*(Path(each) for each in named if isinstance(each, str)), *more))
    return tuple(each for each in found if each.is_dir())


def found(home: Home, projects: Iterable[Path]) -> tuple[Orphan, ...]:
    """All of it, sorted by kind and place. Nothing is changed."""
    repositories = _repositories(projects)
    looks = chain(
        _workspaces(home, repositories), *(_in_git(home, each) for each in repositories), _runs(home), _files(home),
        _sockets(home), _half_made(home), _temporary(home),
    )  # fmt: skip
    seen = dict.fromkeys(looks)
    known = _known(home)  # asked last: a record is on disk before anything else of its task, and goes after it
    return tuple(sorted((each for each in seen if each.task_id not in known), key=lambda each: (each.kind, each.place)))


def remove(home: Home, orphan: Orphan) -> Path | None:
    """Take it away; where work was saved before, if there was any. Kept, with the reason, if it must stay."""
    if not orphan.removable:
        raise Kept(f"{orphan.place} stays: {orphan.why}")
    try:
        with locks.lock(home.daemon_lock, patience=PATIENCE):  # a daemon knows tasks by heart, and may make new ones
            if orphan.task_id in _known(home):
                return None
            return _removed(home, orphan)
    except locks.Locked:
        raise Kept(f"{orphan.place} stays while a daemon runs; `dayshift stop` ends it") from None
    except (GitError, NotARepository, disposal.Unsaved, OSError) as error:
        raise Kept(f"{orphan.place} was not removed: {error}") from error


def _known(home: Home) -> set[str]:
    """The ids that records speak for, those that cannot be read too; no task has none."""
    return {path.name.split(".")[0] for path in home.records.glob("[!.]*")}


def _repositories(projects: Iterable[Path]) -> list[Repository]:
    found: dict[Path, Repository] = {}
    for each in projects:
        with suppress(NotARepository):
            repository = find(each)
            found[repository.common_dir] = repository
    return list(found.values())


def _named(folder: Path, pattern: str = "*") -> Iterator[tuple[str, Path]]:
    """What lies in the folder under the id of a task, with that id."""
    for path in sorted(folder.glob(pattern)):
        if re.fullmatch(TASK_ID.removesuffix("$"), task_id := path.name.split(".")[0]):
            yield task_id, path


def _lives(home: Home, task_id: str) -> bool:
    return any(Spool(run).alive for run in home.runs(task_id).glob("*"))


# --- where they are ----------------------------------------------------------------------------------


def _workspaces(home: Home, repositories: list[Repository]) -> Iterator[Orphan]:
    for task_id, folder in _named(home.workspaces):
        if not folder.is_dir() or folder.is_symlink():
            continue
        owner = next((each.work_tree for each in repositories if Workspace(folder, each).is_registered), None)
        lives = _lives(home, task_id)
        why = "an agent still works in it; it is ended at the next start, or by itself" if lives else UNKNOWN
        yield Orphan("workspace", str(folder), why, not lives, task_id, owner)


def _in_git(home: Home, project: Repository) -> Iterator[Orphan]:
    """Worktrees that stood in this home, and private refs that have none; never those of another home."""
    top, administered = project.work_tree, set()
    for admin in sorted((project.common_dir / "worktrees").glob(f"{OWN_WORKTREE}*")):
        task_id = admin.name.removeprefix(OWN_WORKTREE)
        administered.add(task_id)
        place = Workspace(home.workspace(task_id), project)
        if place.is_registered and not os.path.lexists(place.folder):
            yield Orphan("worktree", str(admin), "its workspace is gone", True, task_id, top)
    said = project.text("for-each-ref", "--format=%(objectname) %(refname)", REF)
    for commit, _, ref in (line.partition(" ") for line in said.splitlines()):
        if (task_id := ref.removeprefix(REF)) not in administered:
            ours = _was_ours(home, task_id, commit)
            why = "its task was cleaned" if ours else f"it may be of another home; if not: `git update-ref -d {ref}`"
            yield Orphan("private ref", f"{ref} of {top}", why, ours, task_id, top)


def _was_ours(home: Home, task_id: str, commit: str) -> bool:
    """Whether a task of this home that was taken away had just that commit."""
    kept = (files.read_json(path) for path in home.history.glob(f"*/{task_id}-*.json"))
    return any(isinstance(each, dict) and each.get("commit") == commit for each in kept)


def _runs(home: Home) -> Iterator[Orphan]:
    for task_id, folder in _named(home.own / "runs"):
        lives = _lives(home, task_id)
        why = "a holder lives in it, with its agent; it ends at its own deadline" if lives else UNKNOWN
        yield Orphan("runs", str(folder), why, not lives, task_id)
    for folder in sorted(home.own.glob("quarantine/*-run*")):
        task_id = folder.name.rpartition("-run")[0]
        yield Orphan("quarantine", str(folder), "it is kept for inspection; remove it by hand", False, task_id)


def _files(home: Home) -> Iterator[Orphan]:
    """Files of a task's id. Of what a person may have written only what is certainly ours is taken for one."""
    for kind, (task_id, path) in (
        *(("status", each) for each in _named(home.status, "*.json")),
        *(("log", each) for each in _named(home.logs, "*.jsonl")),
        *(("log", each) for each in _named(home.logs, "*.log") if _begins(each[1], LOG_LINE)),
        *(("visit", each) for each in _named(home.own / "visits") if not locks.is_locked(each[1])),
    ):
        yield Orphan(kind, str(path), UNKNOWN, True, task_id)
    for task_id, path in _named(home.questions, "*.md"):
        if _begins(path, re.compile(rb"---\ntask: " + re.escape(task_id).encode() + rb"\n")):
            yield Orphan("question", str(path), UNKNOWN, True, task_id)
    for task_id, path in _named(home.reviews):
        receipt = files.read_json(home.receipt(task_id))
        half = isinstance(receipt, dict) and "stage" in receipt
        why = "an acceptance was cut short, so a part may be in your tree: look at it, then remove this by hand"
        yield Orphan("receipt", str(path), why if half else UNKNOWN, not half, task_id)


def _begins(path: Path, pattern: re.Pattern[bytes]) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as file:
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and pattern.match(file.read(512)) is not None


def _sockets(home: Home) -> Iterator[Orphan]:
    """Sockets that nobody serves and no living agent has in its sandbox."""
    served = _known(home) if locks.is_locked(home.daemon_lock) else set()
    for task_id, folder in _named(home.sockets_place):
        if task_id not in served and not _lives(home, task_id):
            yield Orphan("sockets", str(folder), "no agent has it in its sandbox")


def _half_made(home: Home) -> Iterator[Orphan]:
    for task_id, folder in _named(home.workspaces):
        for path in folder.glob(f"{HALF_MADE}*"):
            if path.is_dir() and not path.is_symlink() and _is_old(path, OLD_SECONDS) and not _lives(home, task_id):
                yield Orphan("half-made worktree", str(path), "its making was cut short")


def _temporary(home: Home) -> Iterator[Orphan]:
    """What a crash left of files that were being written, and of folders for an instant's work."""
    flat = (home.config, home.learning, home.feedback, home.tasks, home.status, home.questions, home.logs, home.results)
    for path in chain.from_iterable(folder.glob(".*.tmp") for folder in (*flat, *_own_folders(home))):
        if TORN.fullmatch(path.name) and _is_old(path, OLD_SECONDS) and not path.is_dir():
            yield Orphan("torn file", str(path), "its writing was cut short")
    for path in sorted(Path(tempfile.gettempdir()).glob("dayshift-*")):
        if SCRATCH.fullmatch(path.name) and _is_old(path, OLD_SCRATCH_SECONDS):
            yield Orphan("scratch folder", str(path), "whoever made it was killed")


def _own_folders(home: Home) -> Iterator[Path]:
    """The program's own folders, but for what agents made and what was the person's tree."""
    for folder, subfolders, _ in files.walk(home.own):
        if folder == home.own:
            subfolders[:] = [name for name in subfolders if name not in ("quarantine", home.reviews.name)]
        yield folder


def _is_old(path: Path, seconds: float) -> bool:
    """Whether it is ours and nobody has touched it for so long."""
    try:
        facts = path.lstat()
    except OSError:
        return False
    return facts.st_uid == os.getuid() and time.time() - facts.st_mtime > seconds


# --- how they go -------------------------------------------------------------------------------------


def _removed(home: Home, orphan: Orphan) -> Path | None:
    """Take it away; where work that was in it is now. A question goes to the archive, as it would have."""
    place, saved = Path(orphan.place), None
    if _lives(home, orphan.task_id or place.name):
        raise Kept(f"{place} stays: an agent still works there")
    match orphan.kind:
        case "workspace":
            saved = disposal.rescue(home, place, find(orphan.project) if orphan.project else None)
        case "worktree" | "private ref":
            assert orphan.project is not None
            workspace = Workspace(home.workspace(orphan.task_id), find(orphan.project))
            saved = disposal.salvage_ref(home, workspace)
            workspace.forget()
            return saved
        case "question":
            files.write_atomically(home.questions / "archive" / place.name, place.read_bytes())
    files.remove_tree(place)
    if os.path.lexists(place):
        raise Kept(f"{place} could not be removed; remove it by hand")
    return saved
