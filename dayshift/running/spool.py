"""One run's folder: what it was told, whether it lives, how it ended. The holder writes it, the daemon reads it."""

import contextlib
import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any

import psutil

from dayshift import files, holder, locks
from dayshift.failpoints import passing
from dayshift.holder import processes, seal
from dayshift.holder.bounds import Bounds

END_SECONDS = 15.0  #: the holder's grace for the command, and time to write its records
MARK = "DAYSHIFT_RUN"  #: environment variable every process of a run carries
REAP_SECONDS = 5.0
LOOK_SECONDS, LOOKS_AFTER_A_DEATH = 0.02, 4  #: between two looks for leftovers
RECORDED = {"code": "", "how": None, "launched": True, "why": ""}  #: of an end, with what stands for what is absent
HOLDER = Path(holder.__file__).with_name("__main__.py")


class LaunchFailed(Exception):
    """The run's holder could not be started; the message says why."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The holder's record of a run's end; `how` is exited, stopped, deadline, what it took too much of (memory,
    processes, disk), lost (the holder was killed) or restarted (the machine was)."""

    code: int | None
    how: str
    launched: bool = True
    why: str = ""  #: the figures, if it took too much


@dataclass(frozen=True, slots=True)
class Spool:
    """The folder of one run; an attempt to use it twice is refused by the holder."""

    folder: Path

    def launch(
        self, argv: Sequence[str], environment: Mapping[str, str], prompt: str, stdout: Path, seconds: float,
        bounds: Bounds, workspace: Path,
    ) -> None:  # fmt: skip
        """Start the run; returns when its holder has the lock and has recorded the start. LaunchFailed otherwise."""
        self.order(argv, environment, prompt, stdout, seconds, bounds, workspace)
        passing("holder.starting")
        status = subprocess.run(
            self.holder_argv, check=False, env={}, close_fds=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        ).returncode  # fmt: skip
        passing("holder.started")
        if status == holder.HINDERED:
            raise OSError(errno.EIO, "the run's holder could not write its records")
        if status != 0:
            why = {holder.BUSY: "somebody else holds this run", holder.USED: "this run was used before"}
            raise LaunchFailed(why.get(status, f"the run's holder ended with status {status}"))

    def order(
        self, argv: Sequence[str], environment: Mapping[str, str], prompt: str, stdout: Path, seconds: float,
        bounds: Bounds, workspace: Path, terminal: bool = False,
    ) -> None:  # fmt: skip
        """Write down what the run is; `terminal` if it has one, on which somebody else starts the holder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        files.write_atomically(self.folder / "prompt.md", prompt, 0o600)
        order = {"argv": list(argv), "environment": dict(environment), "stdin": str(self.folder / "prompt.md"),
                 "stdout": str(stdout), "seconds": seconds, "bounds": bounds._asdict(),
                 "workspace": str(workspace), "terminal": terminal}  # fmt: skip
        files.write_atomically(self.folder / "launch.json", seal.sealed(json.dumps(order)), 0o600)
        passing("run.ordered")

    @property
    def holder_argv(self) -> list[str]:
        """The command line of the run's holder."""
        return [sys.executable, "-I", "-S", str(HOLDER), str(self.folder)]

    @property
    def alive(self) -> bool:
        """Whether a holder owns the run now."""
        return locks.is_locked(self.folder / "lock")

    @property
    def started(self) -> bool:
        """Whether the run was ever begun."""
        return (self.folder / "start.json").exists()

    @property
    def protocol(self) -> int:
        """What the run's holder speaks, as it wrote it down itself; ours if it was never begun or does not say."""
        protocol = self._facts("start").get("protocol")
        return protocol if isinstance(protocol, int) else holder.PROTOCOL

    def forestall(self) -> bool:
        """Make sure a run that was not begun never will be; False if it was begun."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with locks.lock(self.folder / "lock"):
                if self.started:
                    return False
                files.write_sealed(self.folder / "exit.json", {"code": None, "how": "never begun"})
                passing("run.forestalled")
                return True
        except locks.Locked:
            return False

    @property
    def offset(self) -> int | None:
        """Where in the task's stream file this run's output begins; None if the record of its start is broken. OSError
        if it cannot be read now: from elsewhere on another run would be heard."""
        try:
            start = files.opened_json(self.folder / "start.json")
        except (FileNotFoundError, files.Refused, ValueError):
            return None
        offset = start.get("offset") if isinstance(start, dict) else None
        return offset if isinstance(offset, int) and offset >= 0 else None

    def ended(self) -> Ended | None:
        """How it ended, or None while it lives. A run whose holder is gone without a record is `lost`."""
        recorded = _ended(self._facts("exit"))
        if recorded is None and (self.alive or not self.started):
            return None
        return recorded or _ended(self._facts("exit")) or Ended(None, self._lost)

    @property
    def _lost(self) -> str:
        """With what a run went of whose end there is no record: with its holder, or with the whole machine."""
        boot = self._facts("start").get("boot")
        return "lost" if boot in (None, processes.boot_id()) else "restarted"

    def _facts(self, name: str) -> dict[str, Any]:
        return files.read_facts(self.folder / f"{name}.json")

    def stop(self) -> None:
        """Tell the holder to end the run; it obeys within a fraction of a second and kills after its grace."""
        (self.folder / "stop").touch()

    def end(self, mark: str) -> None:
        """End the run if it lives, and wait until its holder has written everything down."""
        if self.alive:
            self.stop()
        deadline = time.monotonic() + END_SECONDS
        while self.alive and time.monotonic() < deadline:
            time.sleep(0.05)
        self.reap(mark)

    def stderr_tail(self, limit: int = 2000) -> str:
        """The last words of the run's standard error."""
        try:
            return (self.folder / "stderr").read_bytes()[-limit:].decode(errors="replace").strip()
        except FileNotFoundError:
            return ""

    def reap(self, mark: str) -> int:
        """Kill what a dead holder may have left behind; how many processes that were. Never one that is not ours."""
        killed: set[psutil.Process] = set()
        give_up, looks = time.monotonic() + REAP_SECONDS, self._looks()
        while looks and time.monotonic() < give_up:
            leftovers = {*self._namespace_init(), *carriers(mark)}
            for process in leftovers:
                with contextlib.suppress(psutil.NoSuchProcess):  # one death can be another's
                    process.kill()
            killed |= leftovers
            looks = self._looks() if leftovers else looks - 1
            if looks:
                time.sleep(LOOK_SECONDS)
        return len(killed)

    def _looks(self) -> int:
        """How often in a row nothing must be found. A holder that was killed may have died while a process was being
        made, or was becoming another program: one look passes over that."""
        return 1 if (self.folder / "exit.json").exists() else LOOKS_AFTER_A_DEATH

    def _namespace_init(self) -> Iterator[psutil.Process]:
        """The recorded first process of the namespace, if it is that very process still."""
        facts = self._facts("namespace")
        pid = facts.get("pid")
        if type(pid) is not int or pid <= 1 or facts.get("boot") != processes.boot_id():
            return
        if facts.get("started") == processes.start_time(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    yield process


def _ended(facts: Mapping[str, Any]) -> Ended | None:
    """The end that these facts record; None if they record none."""
    code, how, launched, why = (facts.get(name, absent) for name, absent in RECORDED.items())
    if type(code) not in (int, NoneType) or not isinstance(how, str) or not isinstance(why, str):
        return None
    return Ended(code, how, launched, why) if isinstance(launched, bool) else None


def mark(home: Path, task_id: str, run: int | str) -> str:
    """What every process of that run carries in its environment."""
    return f"{home}:{task_id}:{run}"


def carriers(mark: str) -> Iterator[psutil.Process]:
    """Every process of ours whose environment carries the run's mark."""
    wanted = f"{MARK}={mark}".encode()
    for process in psutil.process_iter():
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b"\0") and process.pid != os.getpid():
            yield process
