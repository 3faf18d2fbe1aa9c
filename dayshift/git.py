"""Git as the supervisor runs it: explicit directories, nothing an agent planted can run or redirect it.

A process group of its own keeps the terminal's Ctrl-C, which is the supervisor's to hear, from git at work.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# An agent-made config, hook, filter, or bare repository must not be able to start a program in a supervisor's git call.
SAFE = (
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.bareRepository=explicit",
    "-c", "protocol.allow=never", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "commit.gpgSign=false",
    "-c", "core.quotePath=false",
)  # fmt: skip

IDENTITY = {
    "GIT_AUTHOR_NAME": "dayshift", "GIT_AUTHOR_EMAIL": "dayshift@localhost",
    "GIT_COMMITTER_NAME": "dayshift", "GIT_COMMITTER_EMAIL": "dayshift@localhost",
}  # fmt: skip


PATH = "/usr/local/bin:/usr/bin:/bin"


class GitError(Exception):
    """A git command failed; the message is its own last words."""


class NotARepository(Exception):
    """The path is not inside a git work tree; the message says so and how to mend it."""


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository: its common git directory and, for work-tree commands, which tree and index are meant."""

    git_dir: Path  #: what GIT_DIR is set to; for a worktree its own folder under the common directory
    common_dir: Path
    work_tree: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, *arguments: str, stdin: bytes | None = None, check: bool = True, expect: tuple[int, ...] = (0,)
    ) -> bytes:
        """The command's output; GitError if check is on and it ends with another status than expected."""
        result = subprocess.run(
            ["git", *SAFE, *arguments], input=stdin, capture_output=True, check=False, cwd=self.work_tree,
            env=self._environment(), stdin=None if stdin is not None else subprocess.DEVNULL, process_group=0,
        )  # fmt: skip
        if check and result.returncode not in expect:
            raise GitError(f"git {arguments[0]}: {result.stderr.decode(errors='replace').strip() or result.returncode}")
        return result.stdout

    def text(self, *arguments: str, check: bool = True) -> str:
        """The command's output as stripped text."""
        return self.run(*arguments, check=check).decode(errors="replace").strip()

    def with_index(self, index: Path) -> "Repository":
        """The same repository with another index file, so that nobody's staging area is touched."""
        return Repository(self.git_dir, self.common_dir, self.work_tree, {**self.extra, "GIT_INDEX_FILE": str(index)})

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": PATH, "HOME": "/nonexistent", "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_OPTIONAL_LOCKS": "0",
            "GIT_DIR": str(self.git_dir), "GIT_WORK_TREE": str(self.work_tree), **IDENTITY, **self.extra,
        }  # fmt: skip


def find(path: Path) -> Repository:
    """The repository whose work tree contains the path; NotARepository if there is none."""

    def ask(*arguments: str) -> str:
        result = subprocess.run(
            ["git", *SAFE, "-C", str(path), "rev-parse", *arguments], capture_output=True, check=False, text=True,
            env={"PATH": PATH, "HOME": "/nonexistent", "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1",
                 "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"},
        )  # fmt: skip
        if result.returncode != 0:
            raise NotARepository(f"{path} is not in a git repository; run `git init` there or set `project:`")
        return result.stdout.strip()

    if not path.is_dir():
        raise NotARepository(f"{path} is not a folder; set `project:` to a git repository")
    if ask("--is-inside-work-tree") != "true":
        raise NotARepository(f"{path} has no work tree; set `project:` to a checked-out repository")
    top = Path(ask("--show-toplevel"))
    git_dir = (top / ask("--absolute-git-dir")).resolve()
    common = (path / ask("--git-common-dir")).resolve()
    return Repository(git_dir, common, top)
