"""What a git directory holds, aspect by aspect: no write to it goes unseen, and nothing that only reads it shows.

It joins git, which knows what refs and indexes mean, and the supervisor's own names, in workspace and objects.
"""

import hashlib
import os
import re
import stat
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from dayshift import files
from dayshift.repository import objects
from dayshift.repository.git import Repository
from dayshift.repository.workspace import OWN_WORKTREE, REF

Lines = dict[str, list[str]]  #: of an aspect: each what it is about, a space, and what it was

ASPECTS = {"logs": "reflogs", "modules": "submodules", "rr-cache": "rerere", "config.worktree": "config file"}
ASPECTS |= {"config": "config file", "lost-found": "objects"}
REMOTE = re.compile(r"(remote|url|branch)\..*", re.DOTALL)  #: keys that say where a fetch or push goes
OF_A_WORKTREE = re.compile(r"index|[A-Z_]*HEAD|BISECT_.*|MERGE_.*|logs/HEAD|config\.worktree")
PASSING = ("fsmonitor--daemon",)  #: what a person's own git status leaves behind while it looks
LOCK_SECONDS = 10  #: a younger lock belongs to a git that is at work, and will be gone


def taken(project: Repository, worktree: Repository | None = None) -> dict[str, str]:
    """Everything that the common git directory holds but the supervisor's own; of that, the worktree given."""
    found: Lines = defaultdict(list)
    for path, entry in _files(project.common_dir, worktree):
        found[_aspect(path, project, worktree)].append(f"{_text(path)} {_stamp(path, entry, project)}")
    refs = _refs(project)
    found["refs"] += refs + _odd_refs(project.common_dir, {line.split(" ", 1)[0] for line in refs})
    for key, value in _settings(project):
        found["remotes" if REMOTE.fullmatch(key) else "config"].append(f"{_text(key)} {_digest(value)}")
        if key == "core.hookspath":
            found["hooks path"] += _hooks(project.work_tree / os.fsdecode(value))
    found["objects"] += objects.listed(project.common_dir) - objects.noted(project.common_dir)
    return {aspect: "\n".join(sorted(lines)) for aspect, lines in sorted(found.items())}


# --- files -----------------------------------------------------------------------------------------


def _files(common: Path, worktree: Repository | None) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file that is not the supervisor's own, with its path below the common directory; links are not followed."""
    own = f"worktrees/{worktree.git_dir.name}" if worktree else ""
    now, folders = time.time(), [""]
    while folders:
        folder = folders.pop()
        for entry in _entries(common / folder):
            path = f"{folder}/{entry.name}".lstrip("/")
            if _left_out(path, own):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            elif not (path.endswith(".lock") and abs(now - entry.stat(follow_symlinks=False).st_mtime) < LOCK_SECONDS):
                yield path, entry


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # gone while it was looked at, or closed to the supervisor
        return []


def _left_out(path: str, own: str) -> bool:
    """Refs and objects are listed by what they mean; other worktrees of the supervisor's have audits of their own."""
    if path in ("refs", "logs/refs/dayshift") or path.startswith(PASSING):
        return True
    if path.startswith("objects/"):
        return path not in ("objects/info", "objects/info/alternates", "objects/info/http-alternates")
    return path.startswith(f"worktrees/{OWN_WORKTREE}") and path.split("/")[:2] != own.split("/")


def _aspect(path: str, project: Repository, worktree: Repository | None) -> str:
    top, _, rest = path.partition("/")
    if top == "worktrees":
        name, _, inner = rest.partition("/")
        if worktree and name == worktree.git_dir.name:
            return f"worktree {inner}"
        return _plain_aspect(inner) if name == _linked(project) else "worktrees"
    if _linked(project) and OF_A_WORKTREE.fullmatch(path):
        return "worktrees"  # the main one is another than the project
    return _plain_aspect(path)


def _plain_aspect(path: str) -> str:
    top = path.split("/")[0]
    return path if top in ("info", "objects") else ASPECTS.get(top, top)


def _linked(project: Repository) -> str:
    """The name of the project's own folder in the common directory, if it is a worktree itself."""
    return project.git_dir.name if project.git_dir != project.common_dir else ""


def _stamp(path: str, entry: os.DirEntry[str], project: Repository) -> str:
    facts, parts = entry.stat(follow_symlinks=False), path.split("/")
    try:
        if stat.S_ISLNK(facts.st_mode):
            return f"link {_digest(os.fsencode(Path(entry.path).readlink()))}"
        if not stat.S_ISREG(facts.st_mode):
            return f"{facts.st_mode:o}"
        if "objects" in parts:  # of a submodule, or of LFS: named by what they hold, and large
            return f"{facts.st_mode:o} {facts.st_size}"
        return f"{facts.st_mode:o} {_content(parts, entry.path, project)}"
    except OSError as error:
        return error.strerror or "unreadable"


def _content(parts: list[str], place: str, project: Repository) -> str:
    if parts[-1] == "index" and parts[0] in ("index", "worktrees", "modules"):
        return _staged(Path(place), project)
    data = _read(place)
    if parts == ["packed-refs"]:
        data = b"\n".join(line for line in data.splitlines() if f" {REF}".encode() not in line)
    return _digest(data)


def _read(place: str) -> bytes:
    """The whole file; ten thousand reflogs are many, and this is the quickest way to one."""
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = bytearray()
        while data := os.read(descriptor, 1 << 20):
            found += data
        return bytes(found)
    finally:
        os.close(descriptor)


def _staged(index: Path, project: Repository) -> str:
    """What an index means: `git status` writes into it anew when files were looked at."""
    repository = Repository(index.parent, project.common_dir, project.work_tree).with_index(index)
    return _digest(repository.run("ls-files", "--stage", "-v", check=False) or index.read_bytes()[:12])


def _hooks(folder: Path) -> list[str]:
    return [f"{_text(entry.name)} {_stamp('hook', entry, NOWHERE)}" for entry in _entries(folder) if entry.is_file()]


# --- what git says ---------------------------------------------------------------------------------


def _refs(project: Repository) -> list[str]:
    said = project.text("for-each-ref", "--format=%(refname) %(objectname) %(symref)").splitlines()
    return [line.rstrip() for line in said if not line.startswith(REF)]


def _odd_refs(common: Path, known: set[str]) -> list[str]:
    """Files among the refs that git does not take for one."""
    top = str(common) + os.sep
    below = ((folder, name) for folder, _, names in files.walk(common / "refs") for name in names)
    paths = (f"{folder}/{name}".removeprefix(top) for folder, name in below)
    return [f"{name} odd" for name in map(_text, paths) if name not in known and not _passing(name)]


def _passing(ref: str) -> bool:
    return ref.startswith(REF) or ref.endswith(".lock")


def _settings(project: Repository) -> list[tuple[str, bytes]]:
    """The repository's own settings, with what they include; values may be secrets, and are never kept."""
    words = project.run("config", "--list", "--null", "--show-scope", check=False).split(b"\0")
    pairs = [each.partition(b"\n") for scope, each in zip(words[::2], words[1::2], strict=False) if scope != b"command"]
    return [(os.fsdecode(key), value) for key, _, value in pairs]


def _text(name: str) -> str:
    """A name as it can be kept in JSON and found again there."""
    return name.encode("utf-8", "replace").decode().replace("\n", "?").replace(" ", "?")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


NOWHERE = Repository(Path("/nonexistent"), Path("/nonexistent"), Path("/nonexistent"))
