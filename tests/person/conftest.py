"""A person at a terminal: a home, a project of their own, and the command line as processes in it."""

import asyncio
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pytest
import yaml

from dayshift import locks
from dayshift.commands.lookup import daemon
from dayshift.home import Home
from dayshift.mailbox.status import read_all
from dayshift.rehearsing import written_turns
from dayshift.rehearsing.rehearsal import Rehearsal
from dayshift.repository import git
from tests.conftest import stopped

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60.0  #: seconds; generous, for machines that do much else


@dataclass
class Person:
    """Types commands in a folder that holds the home and the project."""

    home: Home
    project: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.home.root.parent

    def day(self, *tasks: Mapping[str, Any], name: str = "day.yaml", **facts: Any) -> Path:
        """A day file with these tasks; what a task leaves out is made up."""
        written = [
            {"id": task["id"], "name": f"Name of {task['id']}", "description": "words", **task} for task in tasks
        ]
        path = self.folder / name
        path.write_text(yaml.safe_dump({"date": "2026-11-20", **facts, "tasks": written}, sort_keys=False))
        return path

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "TERM": "xterm", "DAYSHIFT_PROJECT": str(self.project), **self.variables}

    def command(self, *words: str | Path) -> list[str]:
        return [sys.executable, str(ROOT / "orchestrator.py"), "--home", str(self.home.root), *map(str, words)]

    def run(self, *words: str | Path, stdin: bytes = b"", wrapped_in: Sequence[str] = ()) -> Any:
        """The finished command; its output is text."""
        result = subprocess.run(
            [*wrapped_in, *self.command(*words)], input=stdin, capture_output=True, check=False, timeout=PATIENCE,
            cwd=self.folder, env=self.environment(),
        )  # fmt: skip
        return subprocess.CompletedProcess(
            result.args, result.returncode, result.stdout.decode(), result.stderr.decode()
        )

    def terminal(self, *words: str | Path) -> "pexpect.spawn[str]":
        """The command on a terminal of its own, wide enough for every column."""
        program, *rest = self.command(*words)
        return pexpect.spawn(
            program, rest, cwd=str(self.folder), env=self.environment(), encoding="utf-8", timeout=PATIENCE,
            dimensions=(40, 160),
        )  # fmt: skip

    def status(self, task_id: str) -> dict[str, Any]:
        """The task's status as it stands; empty if there is none yet."""
        return next((status for status in read_all(self.home) if status["task_id"] == task_id), {})

    def state(self, task_id: str) -> str | None:
        return self.status(task_id).get("state")

    def digest(self) -> dict[str, str]:
        """Every file and folder of home and project, with what is in it."""
        places = [path for root in (self.home.root, self.project) for path in (root, *sorted(root.rglob("*")))]
        return {str(path): _content(path) for path in places if path.exists()}


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "a folder"


def wait_for(holds: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Return once it holds; the test fails with these words if it never does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


@pytest.fixture
def person(tmp_path: Path, project: git.Repository) -> Iterator[Person]:
    """A person with a home that does not exist yet; whatever daemon and agent they leave is ended."""
    home = Home(tmp_path / "home")
    person = Person(home, project.work_tree)
    yield person
    if (home.root / ".dayshift").exists() and (facts := daemon(home)):
        _end(facts["pid"])
    for folder in home.own.glob("runs/*/*"):
        (folder / "stop").touch()
        wait_for(partial(_is_free, folder / "lock"), f"the run {folder} to end")


def _is_free(lock: Path) -> bool:
    return not locks.is_locked(lock)


def _end(pid: int | None) -> None:
    try:
        process = psutil.Process(pid)
        process.kill()
        process.wait(10)
    except psutil.NoSuchProcess:
        pass


class Model:
    """A model's API on 127.0.0.1, in a thread; every task of a real day that uses it plays the same turns."""

    def __init__(self) -> None:
        self.server = Rehearsal()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._await(self.server.start())

    @property
    def variables(self) -> dict[str, str]:
        """What makes a daemon use it."""
        return {"ANTHROPIC_BASE_URL": f"{self.server.url}/all", "ANTHROPIC_API_KEY": "a key that opens nothing"}

    def play(self, *turns: dict[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self.server.play, "all", written_turns.parse_turns(list(turns)), {})

    def close(self) -> None:
        self._await(stopped(self.server))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _await(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)


@pytest.fixture
def model(person: Person, pinned_cli: Path) -> Iterator[Model]:
    """The person has a key, and this is what it opens: a day for real, without a vendor."""
    model = Model()
    person.variables |= {**model.variables, "DAYSHIFT_AGENT__CLI": str(pinned_cli)}
    yield model
    model.close()
