"""A workspace of the tests' own user or of a normal one, the sandbox round it, and runs in it that a holder owns."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from dayshift import files
from dayshift.holder.bounds import GB, Bounds
from dayshift.repository import git
from dayshift.repository.workspace import Workspace
from dayshift.running.spool import Ended, Spool
from dayshift.sandboxing.sandbox import Sandbox
from tests.conftest import WHO
from tests.premises import NOBODY, SYSTEM_PYTHON
from tests.test_holder import end_of, until

ROOT = Path(__file__).parent.parent
MB = 1 << 20
PLENTY = Bounds(memory=4 * GB, processes=200, disk=4 * GB)


@dataclass(frozen=True)
class Enclosure:
    """A workspace of the caller's, and the sandbox round it."""

    folder: Path
    place: Workspace
    caller: tuple[str, ...]  #: what makes a command that user's

    @property
    def tree(self) -> Path:
        """Its worktree."""
        return self.place.repo

    def clear(self) -> None:
        """Take away what was made in the workspace."""
        made = (*self.tree.iterdir(), *self.place.home.iterdir())
        for each in (each for each in made if each.name not in (".git", "README.md")):
            if each.is_dir() and not each.is_symlink():
                files.remove_tree(each)
            else:
                each.unlink()

    def sandbox(self, bounds: Bounds = PLENTY, **facts: object) -> Sandbox:
        """The sandbox an agent gets, or one that differs in those facts."""
        given: dict[str, object] = {
            "scratch_bytes": 512 * MB,
            "limits": bounds.of_each_process(),
            "interpreter": SYSTEM_PYTHON,
            **facts,
        }
        place, path = self.place, {"PATH": "/usr/bin:/bin"}
        return Sandbox(place.folder, place.repo, place.project.common_dir, place.home, path, **given)  # type: ignore[arg-type]

    def begun(self, script: str, bounds: Bounds, boxed: bool = True) -> Spool:
        """A run of that script, owned by a holder of the caller's."""
        command = ["/bin/sh", "-c", script]
        argv = self.sandbox(bounds).argv(command, status=True) if boxed else command
        spool = Spool(Path(tempfile.mkdtemp(dir=self.folder / "runs")))
        if self.caller:
            self._begin_as_caller(spool, argv, bounds)
        else:
            spool.launch(argv, {}, "", spool.folder / "out", 60, bounds, self.place.folder)
        return spool

    def _begin_as_caller(self, spool: Spool, argv: list[str], bounds: Bounds) -> None:
        order = f"""
from pathlib import Path
from dayshift.holder.bounds import Bounds
from dayshift.running.spool import Spool
place = Path({str(spool.folder)!r})
Spool(place).launch({argv!r}, {{}}, "", place / "out", 60, {bounds}, Path({str(self.place.folder)!r}))
"""
        spool.folder.chmod(0o777)
        words = {"PYTHONPATH": f"{ROOT}:{Path(psutil.__file__).parents[1]}"}
        subprocess.run([*self.caller, SYSTEM_PYTHON.program, "-c", order], env=words, check=True)

    def ran(self, script: str, bounds: Bounds, boxed: bool = True) -> Ended:
        """How that run ended."""
        return _end(self.begun(script, bounds, boxed))

    def ran_side_by_side(self, scripts: Mapping[str, str], bounds: Bounds) -> dict[str, Ended]:
        """How the runs of these scripts ended, each in a folder of its own."""
        spools = {
            name: self.begun(f"mkdir {number}; cd {number}; {script}", bounds)
            for number, (name, script) in enumerate(scripts.items())
        }
        return {name: _end(spool) for name, spool in spools.items()}

    def inside(self, script: str, **facts: object) -> "subprocess.CompletedProcess[str]":
        """A command in the sandbox without anybody to watch it."""
        argv = [*self.caller, *self.sandbox(**facts).argv(["/bin/sh", "-c", script])]  # type: ignore[arg-type]
        return subprocess.run(argv, env={}, capture_output=True, text=True, timeout=60, check=False)


def _end(spool: Spool) -> Ended:
    try:
        return end_of(spool)
    finally:
        spool.stop()
        until(lambda: not spool.alive)


@contextmanager
def built(caller: str) -> Iterator[Enclosure]:
    """An enclosure for that caller, with a small project, as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="dayshift-enclosure-") as name:
        folder = Path(name)
        place = Workspace(folder / "agent_workspaces" / "task-1", _project(folder / "shop"))
        place.make("HEAD")
        (folder / "runs").mkdir()
        words: tuple[str, ...] = ()
        if caller == "a normal user":
            words = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
        yield Enclosure(folder, place, words)


def _project(folder: Path) -> git.Repository:
    folder.mkdir()
    (folder / "README.md").write_text("# Shop\n")
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "words"]):
        subprocess.run(["git", *words], cwd=folder, env={**os.environ, **WHO}, check=True)
    return git.find(folder)
