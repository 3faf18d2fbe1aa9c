"""Git as the supervisor runs it: explicit directories, nothing an agent planted can run or redirect it.

The repository's configuration is the person's, and may name programs that lie in the tree: a filter, a merge driver, a
hook. An agent edits the tree, so to start one of them would be to run the agent's code outside of its sandbox. None is
ever started: what has a switch is switched off, and drivers, which have none, are overridden one by one.

A process group of its own keeps the terminal's Ctrl-C, which is the supervisor's to hear, from git at work.
"""

import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dayshift.failpoints import passing

# An agent-made config, hook, filter, or bare repository must not be able to start a program in a supervisor's git call.
SAFE = {
    "core.fsmonitor": "false", "core.hooksPath": "/dev/null", "core.attributesFile": "/dev/null",
    "safe.bareRepository": "explicit", "protocol.allow": "never", "submodule.recurse": "false",
    "status.submoduleSummary": "false", "gc.auto": "0", "maintenance.auto": "false",
    "commit.gpgSign": "false", "log.showSignature": "false", "core.quotePath": "false", "core.safecrlf": "false",
    "i18n.commitEncoding": "UTF-8",
}  # fmt: skip

#: Every command the supervisor uses, with the words that keep it from starting anything; there is no other.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "add": (), "cat-file": (), "check-ref-format": (), "checkout-index": (), "commit-tree": (), "config": (),
    "for-each-ref": (), "ls-files": (), "ls-tree": (), "merge-tree": (), "read-tree": (), "rev-parse": (),
    "update-index": (), "update-ref": (), "worktree": (), "write-tree": (),
    "diff": ("--no-ext-diff", "--no-textconv"), "show": ("--no-ext-diff", "--no-textconv"),
    "diff-tree": ("--no-ext-diff", "--no-textconv"),
    "status": ("--ignore-submodules=all",),
}  # fmt: skip
#: Of these, the ones no filter or driver serves. What compares files with an index may run a filter, even `write-tree`.
UNCONVERTED = frozenset({
    "cat-file", "check-ref-format", "commit-tree", "config", "diff-tree", "for-each-ref", "ls-files", "ls-tree",
    "rev-parse", "update-ref",
})  # fmt: skip

DRIVER = re.compile(r"(filter|merge)\.(.+)\.[^.]+", re.DOTALL)
#: An empty filter is none, but an empty merge driver is an error: git's own text merge stands in for it.
NO_FILTER = {"clean": "", "smudge": "", "process": "", "required": "false"}
TEXT_MERGE = {"driver": "git merge-file --quiet %A %O %B"}

IDENTITY = {
    "GIT_AUTHOR_NAME": "dayshift", "GIT_AUTHOR_EMAIL": "dayshift@localhost",
    "GIT_COMMITTER_NAME": "dayshift", "GIT_COMMITTER_EMAIL": "dayshift@localhost",
}  # fmt: skip

SECONDS = 900.0  #: that one command may take: a worktree of a huge repository on a slow disk
PATH = "/usr/local/bin:/usr/bin:/bin"

#: Nothing of the person's account and nothing of the environment: no other configuration, no network, no stand-ins.
ALONE = {
    "PATH": PATH, "HOME": "/nonexistent", "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat",
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_REPLACE_OBJECTS": "1",
}  # fmt: skip


PLACES = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")  #: what is asked of a repository


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
        self, *arguments: str, stdin: bytes | None = None, check: bool = True, expect: tuple[int, ...] = (0,),
        held: Collection[int] = (),
    ) -> bytes:  # fmt: skip
        """The command's output; GitError if check is on and it ends with another status than expected.

        Locks that are `held` with these descriptors stay held until it is over, whatever becomes of this process.
        """
        command, *rest = arguments
        without = {} if command in UNCONVERTED else self._without_drivers()
        result = self._git([command, *COMMANDS[command], *rest], stdin, without, held)
        if check and result.returncode not in expect:
            raise _failure(command, result)
        return result.stdout

    def _git(
        self, words: Sequence[str], stdin: bytes | None, more: Mapping[str, str], held: Collection[int] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        passing("git.starting")
        try:
            result = subprocess.run(
                ["git", *words], input=stdin, capture_output=True, check=False, cwd=self.work_tree,
                env={**self._environment(), **_settings({**SAFE, **more})},
                stdin=None if stdin is not None else subprocess.DEVNULL, process_group=0, timeout=SECONDS,
                pass_fds=held,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise GitError(f"git {words[0]}: it took longer than {SECONDS:.0f} seconds and was ended") from None
        passing("git.ended")
        return result

    def _without_drivers(self) -> dict[str, str]:
        """Settings under which no filter and no merge driver is left that is a program of somebody's."""
        listed = self._git(["config", "--null", "--name-only", "--get-regexp", r"^(filter|merge)\..+\."], None, {})
        if listed.returncode not in (0, 1):  # 1: there is none. What cannot be read cannot be switched off either
            raise _failure("config", listed)
        found = filter(None, map(DRIVER.fullmatch, listed.stdout.decode(errors="surrogateescape").split("\0")))
        return {
            f"{kind}.{name}.{key}": value
            for kind, name in (each.groups() for each in found)
            for key, value in (NO_FILTER if kind == "filter" else TEXT_MERGE).items()
        }

    def harmless(self, more: Mapping[str, str]) -> dict[str, str]:
        """These settings, as variables for a git that is run as the person, and those that keep it from our dangers."""
        return _settings({**SAFE, **self._without_drivers(), **more})

    def text(self, *arguments: str, check: bool = True) -> str:
        """The command's output as stripped text."""
        return self.run(*arguments, check=check).decode(errors="replace").strip()

    def with_index(self, index: Path) -> "Repository":
        """The same repository with another index file, so that nobody's staging area is touched."""
        return Repository(self.git_dir, self.common_dir, self.work_tree, {**self.extra, "GIT_INDEX_FILE": str(index)})

    def by(self, who: Mapping[str, str]) -> "Repository":
        """The same repository, whose commits are made by somebody else: variables that say who and when."""
        return Repository(self.git_dir, self.common_dir, self.work_tree, {**self.extra, **who})

    def with_objects(self, folder: Path, others: Path) -> "Repository":
        """The same repository, writing its new objects into a folder apart; those in the others' are known to it."""
        quoted = '"' + str(others).replace("\\", "\\\\").replace('"', '\\"') + '"'  # a plain list ends at a colon
        places = {"GIT_OBJECT_DIRECTORY": str(folder), "GIT_ALTERNATE_OBJECT_DIRECTORIES": quoted}
        return Repository(self.git_dir, self.common_dir, self.work_tree, {**self.extra, **places})

    def _environment(self) -> dict[str, str]:
        return {
            **ALONE, "GIT_OPTIONAL_LOCKS": "0",
            "GIT_DIR": str(self.git_dir), "GIT_WORK_TREE": str(self.work_tree), **IDENTITY, **self.extra,
        }  # fmt: skip


def _settings(values: Mapping[str, str]) -> dict[str, str]:
    """Settings as variables, which carry any name; on a command line one with `=` in it would be cut."""
    words = {"GIT_CONFIG_COUNT": str(len(values))}
    for number, (name, value) in enumerate(values.items()):
        words |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return words


def _failure(command: str, result: subprocess.CompletedProcess[bytes]) -> GitError:
    return GitError(f"git {command}: {result.stderr.decode(errors='replace').strip() or result.returncode}")


def find(path: Path) -> Repository:
    """The repository whose work tree contains the path; NotARepository if there is none."""
    if not path.is_dir():
        raise NotARepository(f"{path} is not a folder; set `project:` to a git repository")
    inside, *places = _asked(path, "--is-inside-work-tree", *PLACES)
    if inside != "true":
        raise NotARepository(f"{path} has no work tree; set `project:` to a checked-out repository")
    if len(places) != len(PLACES):  # a name has a line end in it
        places = ["\n".join(_asked(path, each)) for each in PLACES]
    top, git_dir, common = places
    return Repository((Path(top) / git_dir).resolve(), (path / common).resolve(), Path(top))


def _asked(path: Path, *words: str) -> list[str]:
    """What git says of itself there, by lines."""
    result = subprocess.run(
        ["git", "-C", str(path), "rev-parse", *words], capture_output=True, check=False, errors="surrogateescape",
        env={**ALONE, **_settings({**SAFE, "safe.directory": "*"})},
    )  # fmt: skip
    lines = result.stdout.removesuffix("\n").split("\n")
    if result.returncode != 0 and lines[0] != "false":
        raise NotARepository(f"{path} is not in a git repository; run `git init` there or set `project:`")
    return lines
