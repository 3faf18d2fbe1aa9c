"""Locks: one holds, others hear it at once or wait as long as they like; a dead holder holds nothing."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dayshift import locks

HOLD = """
import sys, time
from pathlib import Path
from dayshift import locks
with locks.lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_keeps_others_out_and_falls_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "daemon.lock"
    assert not locks.is_locked(path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent
    )
    with holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        assert locks.is_locked(path)
        with pytest.raises(locks.Locked), locks.lock(path):
            pass
        holder.send_signal(signal.SIGKILL)
    assert not locks.is_locked(path)
    with locks.lock(path):
        assert locks.is_locked(path)
    assert not locks.is_locked(path)


def test_a_lock_is_waited_for_as_long_as_asked(tmp_path: Path) -> None:
    path, began = tmp_path / "lock", time.monotonic()
    with locks.lock(path), pytest.raises(locks.Locked), locks.lock(path, patience=0.1):
        pass
    assert 0.1 <= time.monotonic() - began < 5

    held = threading.Event()

    def hold() -> None:
        with locks.lock(path):
            held.set()
            time.sleep(0.1)

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    with locks.lock(path, patience=30):
        pass
    other.join()
