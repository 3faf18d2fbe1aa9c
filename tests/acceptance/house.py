"""A throw-away home with a throw-away project, and dayshift as processes on them, none of which outlives the test."""

import contextlib
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from dayshift import files, locks
from dayshift.home import Home
from dayshift.running.spool import MARK
from metrics import Ledger
from tests.conftest import WHO

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
DAY = "2026-11-20"
#: What the supervisor itself may add to a project's git directory; all else stays byte for byte.
OURS = (".git/objects/", ".git/worktrees/", ".git/refs/dayshift/")
CLEAN = {
    "PATH": f"{TOOLS}:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a dayshift command ended."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Daemon:
    """A `start` that goes on beside the test."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def waits(self, text: str, seconds: float = 60) -> None:
        """Until it has said that."""
        until(lambda: text in self.said or self.process.poll() is not None, seconds, f"{text!r} in\n{self.said}")
        assert text in self.said, self.said

    def kill(self) -> None:
        """kill -9 of the daemon alone; its runs live on."""
        self.process.kill()
        self.process.wait()

    def ends(self, seconds: float = 90) -> int:
        """Its exit code, once it has ended by itself."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{self.said}") from None


@dataclass(slots=True)
class House:
    """One home, one project, the environment of the person who works there."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    daemons: list[Daemon] = field(default_factory=list)

    @classmethod
    def built(cls, folder: Path, tracked: Mapping[str, str] | None = None) -> "House":
        """A fresh house: `init` for the home, a repository of one commit on `main` for the project."""
        house = cls(folder)
        for each in (house.project, folder / "person"):
            each.mkdir(parents=True)
        for path, text in {"README.md": "# Shop\n", "src/orders.py": "ORDERS = []\n", **(tracked or {})}.items():
            place = house.project / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        house.git("init", "-q", "-b", "main")
        house.git("add", "--all")
        house.git("commit", "-q", "-m", "As it was")
        assert house.run("init", house.home.root).code == 0
        return house

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    @property
    def project(self) -> Path:
        return self.folder / "shop"

    def workspace(self, task_id: str) -> Path:
        return self.home.workspace(task_id)

    # --- what a person does ------------------------------------------------------------------------

    def day(self, *tasks: Mapping[str, Any], name: str = "today", **facts: Any) -> Path:
        """A day file of these tasks; what a task does not say is filled in."""
        whole = [{"name": task["id"], "description": "Do it.", **task} for task in tasks]
        path = self.home.tasks / f"{name}.yaml"
        path.write_text(json.dumps({"date": DAY, **facts, "tasks": whole}, indent=2))  # JSON is YAML without anchors
        return path

    def run(self, *words: str | Path, seconds: float = 120, entry: Path | None = None) -> Ended:
        """A dayshift command to its end."""
        daemon = self.start(*words, entry=entry)
        code = daemon.ends(seconds)
        return Ended(code, daemon.said, daemon.output.with_suffix(".err").read_text(errors="replace"))

    def start(self, *words: str | Path, entry: Path | None = None) -> Daemon:
        """A dayshift command that goes on; it dies with the house."""
        output = self.folder / f"{len(self.daemons)}.out"
        with output.open("wb") as out, output.with_suffix(".err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, entry or ROOT / "orchestrator.py", "--home", self.home.root, *words],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self._environment(), cwd=self.folder,
                start_new_session=True,
            )  # fmt: skip
        self.daemons.append(Daemon(process, output))
        return self.daemons[-1]

    def _environment(self) -> dict[str, str]:
        own = {"HOME": str(self.folder / "person"), "DAYSHIFT_PROJECT": str(self.project), "PYTHONUNBUFFERED": "1"}
        return {**CLEAN, **own, "PYTHONPATH": str(ROOT), **self.environment}

    def git(self, *words: str | Path, folder: Path | None = None) -> str:
        """The person's own git in the project; its output."""
        return subprocess.run(
            ["git", *words], cwd=folder or self.project, env={**CLEAN, **WHO, "HOME": str(self.folder / "person")},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip

    # --- what the evidence is ----------------------------------------------------------------------

    def status(self, task_id: str) -> dict[str, Any]:
        return files.read_json(self.home.status / f"{task_id}.json") or {}

    def state(self, task_id: str) -> str:
        return str(self.status(task_id).get("state", "unknown"))

    def record(self, task_id: str) -> dict[str, Any]:
        return _read(self.home.records / f"{task_id}.json")

    def facts(self, rehearsal: bool = True) -> dict[str, Any]:
        """The report for machines."""
        return _read(self.home.results / f"{DAY}{'-rehearsal' if rehearsal else ''}.json")

    def task(self, task_id: str, rehearsal: bool = True) -> dict[str, Any]:
        """The report's facts of one task."""
        return next(task for task in self.facts(rehearsal)["tasks"] if task["task_id"] == task_id)

    def report(self, rehearsal: bool = True) -> str:
        return (self.home.results / f"{DAY}{'-rehearsal' if rehearsal else ''}-report.md").read_text()

    def log(self, task_id: str) -> str:
        return (self.home.logs / f"{task_id}.log").read_text()

    def stream(self, task_id: str) -> str:
        """What the CLI printed, every run of it."""
        return (self.home.logs / f"{task_id}.jsonl").read_text()

    @contextlib.contextmanager
    def ledger(self, rehearsal: bool = True) -> Iterator[Ledger]:
        ledger = Ledger.open(self.home.ledger(rehearsal))
        try:
            yield ledger
        finally:
            ledger.close()

    def query(self, sql: str, rehearsal: bool = True) -> list[tuple[Any, ...]]:
        """Rows of the ledger's file."""
        with contextlib.closing(sqlite3.connect(self.home.ledger(rehearsal))) as database:
            return database.execute(sql).fetchall()

    def fingerprint(self) -> dict[str, str]:
        """Every file of the project, its git directory included, with a digest of type, mode and content."""
        found = (path for path in sorted(self.project.rglob("*")) if not path.is_dir())
        return {str(path.relative_to(self.project)): _digest(path) for path in found}

    def processes(self) -> list[psutil.Process]:
        """Every living process of this house: daemons, holders, sandboxes and what is in them."""
        return [process for process in psutil.process_iter() if process.pid != os.getpid() and self._ours(process)]

    def _ours(self, process: psutil.Process) -> bool:
        root, facts = str(self.home.root).encode(), Path("/proc", str(process.pid))
        try:
            named = root in (facts / "cmdline").read_bytes()
            return named or f"{MARK}=".encode() + root + b":" in (facts / "environ").read_bytes()
        except OSError:
            return False

    def sockets(self) -> list[Path]:
        return [path for path in self.home.sockets().rglob("*") if path.is_socket()]

    def locks_held(self) -> list[Path]:
        places = (self.home.daemon_lock, *self.home.own.glob("runs/*/*/lock"))
        return [place for place in places if locks.is_locked(place)]

    def tear_down(self) -> None:
        """End what this house started and take its socket folder away."""
        for daemon in self.daemons:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(daemon.process.pid, signal.SIGKILL)
            daemon.process.wait()
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        files.remove_tree(self.home.sockets())


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def _digest(path: Path) -> str:
    content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
    return f"{path.lstat().st_mode:o} {hashlib.sha256(content).hexdigest()}"


def untouched(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether nothing the person has was changed or taken away, and nothing was added but the supervisor's own."""
    changed = [path for path, digest in before.items() if after.get(path) != digest]
    added = [path for path in after if path not in before and not path.startswith(OURS)]
    assert (changed, added) == ([], [])
    return True


def left_behind(house: House) -> list[str]:
    """Whatever of the program is still there although no daemon runs: processes, sockets, locks."""
    sockets, locks = map(str, house.sockets()), map(str, house.locks_held())
    return [*(str(process) for process in house.processes()), *sockets, *locks]


def until(happened: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for it, and fail in its words when it does not come."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
