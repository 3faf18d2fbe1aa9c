"""Workspaces in which something happened that must not: kept as they are for the person, and never started in again.

It joins the workspace, whose place in the repository is taken back before another begins.
"""

import os
import shutil
from itertools import chain, count
from pathlib import Path

from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.repository.workspace import Workspace

DEFUSED = "dot-git"  #: what the worktree's .git file is called then: no git command obeys what an agent put there


def set_aside(home: Home, workspace: Workspace, run: int) -> None:
    """Move the workspace that this run left to a folder apart, so that a fresh one can be made; once."""
    place = home.quarantine(workspace.task_id, run)
    if place.exists():
        return
    if workspace.folder.exists():
        defuse(workspace.repo / ".git")
        place.parent.mkdir(parents=True, exist_ok=True)
        passing("quarantine.ready")
        shutil.move(workspace.folder, place)
        passing("quarantine.moved")
    workspace.remove()


def defuse(git_file: Path) -> None:
    """Rename a worktree's .git file, to a name nothing in the tree has."""
    numbered = (git_file.with_name(f"{DEFUSED}-{number}") for number in count(2))
    free = next(each for each in chain([git_file.with_name(DEFUSED)], numbered) if not os.path.lexists(each))
    if os.path.lexists(git_file):
        git_file.rename(free)
        passing("quarantine.defused")
