"""Processes that have nothing to do with dayshift, and tell of every signal they get. None may ever get one."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dayshift.holder.processes import start_time
from dayshift.running.spool import MARK

#: Blocks every signal it can and says in its file which came; of SIGKILL its death tells.
PROGRAM = """
import signal, sys
all = signal.valid_signals()
signal.pthread_sigmask(signal.SIG_BLOCK, all)
print("ready", flush=True)
while True:
    got = signal.sigwaitinfo(all)
    with open(sys.argv[1], "a") as file:
        file.write(f"signal {got.si_signo} from {got.si_pid}\\n")
"""


@dataclass(frozen=True, slots=True)
class Stranger:
    """One of them; `started` in clock ticks after boot."""

    process: subprocess.Popen[bytes]
    heard: Path

    @property
    def pid(self) -> int:
        """Its process id, which is put into dayshift's records."""
        return self.process.pid

    @property
    def started(self) -> int:
        """When it started."""
        found = start_time(self.pid)
        assert found is not None
        return found

    def harm(self) -> str:
        """What was done to it, in words; empty if nothing."""
        told = self.heard.read_text() if self.heard.exists() else ""
        died = "" if self.process.poll() is None else f"it died of {self.process.returncode}"
        return " ".join([*told.split("\n"), died]).strip()


@contextlib.contextmanager
def strangers(folder: Path, number: int) -> Iterator[tuple[Stranger, ...]]:
    """So many for the block. Their environments nearly carry a run's mark."""
    found = tuple(_stranger(folder / f"stranger-{each}.heard") for each in range(number))
    try:
        yield found
    finally:
        for each in found:
            each.process.kill()
            each.process.communicate()  # and let go of its pipe


def _stranger(heard: Path) -> Stranger:
    nearly = {MARK: f"{heard.parent}/another-home:task-000:1", f"NOT_{MARK}": "1", "PATH": os.defpath}
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", PROGRAM, str(heard)], env=nearly, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    process.stdout.readline()
    return Stranger(process, heard)
