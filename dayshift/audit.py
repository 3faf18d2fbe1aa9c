"""The proof after the fact: a fingerprint of the git directory before and after every run, and what differs."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dayshift.git import Repository
from dayshift.model import Finding
from dayshift.workspace import OWN_WORKTREE, REF, nested_repositories

UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "ORIG_HEAD", "FETCH_HEAD", "BISECT_START")
SHARED = ("info/exclude", "info/attributes", "info/grafts", "objects/info/alternates", "shallow")

# What a person does all day in their own repository. In a sandbox proven read-only an agent cannot have done it.
EVERYDAY = frozenset({"refs", "HEAD", "index", "worktrees", *UNDER_WAY})


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the git directory held: one digest or list per aspect."""

    aspects: dict[str, str]


def fingerprint(project: Repository, worktree: Repository) -> Fingerprint:
    """What the repository's git directory holds, aspect by aspect, and the worktree's own HEAD and index."""
    common = project.common_dir
    aspects = {
        "refs": _refs(project),
        "HEAD": _content(project.git_dir / "HEAD"),
        "index": _digest(project.run("ls-files", "--stage", "-v")),
        "config": _content(common / "config") + _content(project.git_dir / "config.worktree"),
        "remotes": project.text("config", "--local", "--get-regexp", "^remote\\.", check=False),
        "hooks": _folder(common / "hooks"),
        "worktree HEAD": _content(worktree.git_dir / "HEAD"),
        "worktree index": _digest(worktree.run("ls-files", "--stage", "-v")),
        "worktrees": "\n".join(_worktrees(common / "worktrees")),
        **{name: _content(project.git_dir / name) for name in UNDER_WAY},
        **{name: _content(common / name) for name in SHARED},
    }
    return Fingerprint(aspects)


def _refs(project: Repository) -> str:
    lines = project.text("for-each-ref", "--format=%(refname) %(objectname) %(symref)").splitlines()
    return "\n".join(line.rstrip() for line in lines if not line.startswith(REF))


def _worktrees(folder: Path) -> list[str]:
    """The worktrees that are not the supervisor's own."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(name for name in names if not name.startswith(OWN_WORKTREE))


def _content(path: Path) -> str:
    try:
        return _digest(path.read_bytes())
    except OSError:
        return ""


def _folder(folder: Path) -> str:
    names = sorted(folder.iterdir()) if folder.is_dir() else []
    return "\n".join(f"{each.name} {each.lstat().st_mode:o} {_content(each)}" for each in names)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def findings(before: Fingerprint, after: Fingerprint, run: int, proven: bool) -> tuple[Finding, ...]:
    """What changed in the run, one finding an aspect. Only a proven sandbox clears the agent of everyday changes."""
    return tuple(
        Finding(run, _described(name, before.aspects[name], after.aspects[name]), not (proven and name in EVERYDAY))
        for name in before.aspects
        if before.aspects[name] != after.aspects[name]
    )


def _described(name: str, before: str, after: str) -> str:
    if name != "refs":
        return f"{name} changed"
    old, new = set(before.splitlines()), set(after.splitlines())
    changed = sorted({line.split()[0] for line in old ^ new})
    return f"refs changed: {', '.join(changed[:5])}{' …' if len(changed) > 5 else ''}"


def planted(tree: Path, run: int) -> tuple[Finding, ...]:
    """Repositories an agent made inside its worktree: harmless to the person's, left out of the patch, and said."""
    return tuple(
        Finding(run, f"the agent made a repository of its own at {path}; left out of the patch", False)
        for path in nested_repositories(tree)
    )
