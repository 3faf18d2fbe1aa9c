"""A process that has the whole daemon imported and forks one for each of its lives: a start costs no second then.

Each life is `orchestrator`'s own way into the service, with real preparations. Only the proof of the sandbox that
`start` makes beforehand is left out. The zygote has one thread and no event loop, so that forking is safe; it is the
subreaper of all that daemons leave behind, so that whatever is still below it was left behind.
"""

import ctypes
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.acceptance.house import CLEAN, ROOT

MESSAGE_BYTES = 1 << 16
LOOK_SECONDS = 0.05
CRASHED = 70  #: the exit code of a daemon that ended with a fault
PR_SET_CHILD_SUBREAPER = 36


class Life:
    """One daemon, from its fork on; known by a descriptor, which never means another process."""

    def __init__(self, zygote: "Zygote", pid: int, descriptor: int, output: Path) -> None:
        self.pid, self.output = pid, output
        self._zygote, self._descriptor = zygote, descriptor

    def ends(self, seconds: float) -> bool:
        """Whether it ends by itself within that time."""
        return bool(select.select([self._descriptor], [], [], max(0.0, seconds))[0])

    def kill(self) -> bool:
        """kill -9; False if it had ended by itself before."""
        alive = not self.ends(0)
        if alive:
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        return self.status() == -signal.SIGKILL if alive else False

    def status(self) -> int:
        """Its exit code, or the signal it died of below zero, once it has ended."""
        status = self._zygote.status(self.pid)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        return status


class Zygote:
    """The zygote, as the storm sees it."""

    def __init__(self, process: subprocess.Popen[bytes], line: socket.socket) -> None:
        self.pid = process.pid
        self._line = line
        self._ended: dict[int, int] = {}

    def live(self, home: Path, output: Path, day: Path | None, once: bool, environment: Mapping[str, str]) -> Life:
        """Begin a daemon's life in that home."""
        order = {"home": str(home), "output": str(output), "day": day and str(day), "once": once,
                 "environment": dict(environment)}  # fmt: skip
        self._line.send(json.dumps(order).encode())
        while True:
            told, descriptors = self._hear()
            if "began" in told:
                return Life(self, told["began"], descriptors[0], output)

    def status(self, pid: int) -> int:
        """How that daemon ended, once it has."""
        while pid not in self._ended:
            self._hear()
        return self._ended.pop(pid)

    def _hear(self) -> tuple[dict[str, Any], list[int]]:
        data, descriptors, _, _ = socket.recv_fds(self._line, MESSAGE_BYTES, 1)
        if not data:
            raise RuntimeError("the zygote is gone; its output tells why")
        told: dict[str, Any] = json.loads(data)
        if "ended" in told:
            self._ended[told["ended"]] = told["status"]
        return told, descriptors


@contextmanager
def zygote(folder: Path) -> Iterator[Zygote]:
    """A zygote for the block, with nothing in its environment but what a person's shell must have."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {**CLEAN, "HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with ours, (folder / "zygote.out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "torture.zygote", str(theirs.fileno())], cwd=folder, env=environment,
            pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        theirs.close()
        try:
            yield Zygote(process, ours)
        finally:
            process.kill()
            process.wait()


# --- the process itself ----------------------------------------------------------------------------


class _Parent:
    """Forks lives and collects the dead."""

    def __init__(self, line: socket.socket) -> None:
        import orchestrator
        import service
        from dayshift import reporting
        from dayshift.home import Home
        from dayshift.inputs import dayfile, settings_sources
        from dayshift.proving import preparation
        from dayshift.rehearsing import written_turns

        for each in pkgutil.iter_modules(reporting.__path__):  # what is imported only once a report is written
            importlib.import_module(f"{reporting.__name__}.{each.name}")

        self._line = line
        self._orchestrator, self._service, self._home = orchestrator.Orchestrator, service, Home
        self._dayfile, self._preparation, self._turns, self._settings = (
            dayfile,
            preparation,
            written_turns,
            settings_sources,
        )
        self._prepared: dict[str, Any] = {}
        self._lives: set[int] = set()

    def serve(self) -> None:
        """Until nobody wants daemons any more."""
        while True:
            if select.select([self._line], [], [], LOOK_SECONDS)[0]:
                if not (data := self._line.recv(MESSAGE_BYTES)):
                    return
                self._begin(json.loads(data))
            self._collect()

    def _begin(self, order: dict[str, Any]) -> None:
        prepared = self._prepared.get(order["home"]) or self._prepare(order)
        if not (pid := os.fork()):
            self._live(order, prepared)
        self._lives.add(pid)
        descriptor = os.pidfd_open(pid)  # not collected yet: nobody else can have its pid
        socket.send_fds(self._line, [json.dumps({"began": pid}).encode()], [descriptor])
        os.close(descriptor)

    def _prepare(self, order: dict[str, Any]) -> Any:
        """What `start` prepares, once for each home."""
        home, environment = self._home(Path(order["home"])), {**os.environ, **order["environment"]}
        settings = self._settings.load_settings(home, environment)
        today = datetime.now(UTC).date()
        prepared = self._preparation.prepare(home, settings, environment, False, today)
        self._prepared[order["home"]] = prepared
        return prepared

    def _live(self, order: dict[str, Any], prepared: Any) -> None:
        """The child's whole life: the daemon, in a session of its own, all it says in a file."""
        code = CRASHED
        try:
            os.setsid()
            self._line.close()
            output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for stream in (1, 2):
                os.dup2(output, stream)
            day = self._read(Path(order["day"]), prepared) if order["day"] else None
            code = self._service.serve(self._orchestrator, prepared, day, order["once"], print)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)

    def _read(self, path: Path, prepared: Any) -> Any:
        """The day file, as `start` reads it."""
        return self._dayfile.load_day(
            path, prepared.settings, Path(prepared.environment["DAYSHIFT_PROJECT"]), home=prepared.home.root,
            known_model=lambda name: None, parse_turns=self._turns.parse_turns,
        )  # fmt: skip

    def _collect(self) -> None:
        """Take every dead child's status, and tell of those that were daemons."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in self._lives:
                self._lives.remove(pid)
                told = {"ended": pid, "status": os.waitstatus_to_exitcode(status)}
                self._line.send(json.dumps(told).encode())


def main() -> None:
    """Serve the one who holds the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the storm's to hear
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with socket.socket(fileno=int(sys.argv[1])) as line:
        parent = _Parent(line)
        threads = [*Path("/proc/self/task").iterdir()]
        assert len(threads) == 1, f"forking would not be safe: {threads}"
        parent.serve()


if __name__ == "__main__":
    main()
