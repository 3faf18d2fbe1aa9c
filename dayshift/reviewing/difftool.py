"""A task's changes in the person's own difftool: git opens it on two folders apart, and no tree is touched.

It joins git, the person, whose settings name the tool, and the review, which knows the work. Both sides come out of the
repository's objects; of the worktree, which an agent writes, nothing is looked at.
"""

import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from dayshift.model import Record
from dayshift.repository import git
from dayshift.reviewing import person, review


def configured(record: Record) -> str:
    """The tool the person has set, or an empty text."""
    project = git.find(Path(record.project))
    return person.setting(project, "diff.tool") or person.setting(project, "merge.tool")


def opened(record: Record, tool: str) -> int:
    """Show the task's changes in that tool until it is closed; its exit code, or that of git."""
    project = git.find(Path(record.project))
    with tempfile.TemporaryDirectory(prefix="dayshift-diff-") as folder:
        apart = replace(project, work_tree=Path(folder))  # what is edited in the tool goes with the folder
        words = ("difftool", "--no-prompt", "--dir-diff", "--no-symlinks", "--trust-exit-code", f"--tool={tool}")
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        return subprocess.run(
            ["git", *words, *review.span(record)], cwd=folder, check=False, env=person.environment(apart, index)
        ).returncode
