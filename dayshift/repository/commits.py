"""The project's commits, read and joined without touching a branch or the person's tree."""

import re
from collections.abc import Sequence

from dayshift import files
from dayshift.repository import objects
from dayshift.repository.git import GitError, Repository


class Conflict(Exception):
    """What several dependencies made cannot be joined; the message names them and the files."""


def head(project: Repository) -> str:
    """The commit the person's tree stands on; GitError if there is none yet."""
    try:
        return project.text("rev-parse", "--verify", "HEAD^{commit}")
    except GitError as error:
        raise GitError(
            f"{project.work_tree} has no commit yet; make a first one so that agents can start from it"
        ) from error


def dirty_paths(project: Repository) -> list[str]:
    """What the person's tree holds that HEAD does not: agents start without it."""
    said = project.run("status", "--porcelain", "-z", "--no-renames")
    return [entry[3:] for entry in said.decode(errors="replace").split("\0") if entry]


def joined(project: Repository, commits: Sequence[tuple[str, str]]) -> str:
    """One commit that holds what every dependency made, from (task id, commit) pairs; Conflict if they clash."""
    with objects.apart(project) as repository:
        return _joined(repository, commits)


def _joined(project: Repository, commits: Sequence[tuple[str, str]]) -> str:
    (first, result), *others = commits
    for task_id, commit in others:
        merged = project.run("merge-tree", "--write-tree", "--name-only", result, commit, check=False).decode()
        tree, _, rest = merged.partition("\n")
        if not re.fullmatch(r"[0-9a-f]{40,64}", tree) or rest.strip():
            clashing = ", ".join(rest.split("\n\n")[0].split()) or "unknown files"
            raise Conflict(f"{first} and {task_id} changed the same lines in {clashing}; make one depend on the other")
        if commit != result:
            message = f"dayshift: joined {first} and {task_id}"
            result = project.text("commit-tree", tree, "-p", result, "-p", commit, "-m", message)
    return result


def read_at(project: Repository, commit: str, path: str, limit: int = files.SIZE_LIMIT) -> str:
    """A file's text as that commit has it; GitError if it is not there."""
    return project.run("cat-file", "blob", f"{commit}:{path}")[:limit].decode(errors="replace")


def holds(project: Repository, commit: str, path: str) -> bool:
    """Whether the commit has a file of that name."""
    return project.text("cat-file", "-t", f"{commit}:{path}", check=False) == "blob"
