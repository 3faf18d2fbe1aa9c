"""The holder of protocol 1 as the first release wrote its records: the same wire, without bounds and stand-ins.

It takes SPOOL/lock for as long as the run lives, writes start.json, namespace.json and exit.json once each, and ends
the run when SPOOL/stop appears. This file stays as it is, whatever the program becomes. Only tests start it.
"""

import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

BUSY, USED, GRACE_SECONDS = 75, 76, 3.0


def put(spool: str, name: str, value: object) -> None:
    temporary = os.path.join(spool, "." + name)
    with open(temporary, "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, os.path.join(spool, name))


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def start_time(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rsplit(")", 1)[1].split()[19])


def take(spool: str) -> int:
    lock = os.open(os.path.join(spool, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os._exit(BUSY)
    if any(os.path.exists(os.path.join(spool, name)) for name in ("start.json", "exit.json")):
        os._exit(USED)
    return lock


def main(spool: str) -> None:
    with open(os.path.join(spool, "launch.json")) as file:
        launch: dict[str, Any] = json.load(file)
    lock = take(spool)
    offset = os.path.getsize(launch["stdout"]) if os.path.exists(launch["stdout"]) else 0
    put(spool, "start.json", {"protocol": 1, "boot": boot_id(), "offset": offset, "started": time.time()})
    if os.fork():
        os._exit(0)
    os.setsid()
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # the parent of all that lose theirs
    hold(spool, launch)
    os.close(lock)


def hold(spool: str, launch: dict[str, Any]) -> None:
    os.mkfifo(os.path.join(spool, "argv.fifo"), 0o600)
    status, writer = os.pipe()
    sandboxed = "{status-fd}" in launch["argv"]
    argv = [str(writer) if word == "{status-fd}" else word for word in launch["argv"]]
    with (
        open(launch["stdin"]) as stdin, open(launch["stdout"], "a") as stdout,
        open(os.path.join(spool, "stderr"), "a") as stderr,
    ):  # fmt: skip
        process = subprocess.Popen(
            argv, stdin=stdin, stdout=stdout, stderr=stderr, env=launch["environment"],
            pass_fds=(writer,) if sandboxed else (),
        )  # fmt: skip
    os.close(writer)
    how, init, code, pending, asked = "exited", None, None, b"", 0.0
    while process.poll() is None:
        if select.select([status], [], [], 0.1)[0] and (data := os.read(status, 65536)):
            *lines, pending = (pending + data).split(b"\n")
            for facts in map(json.loads, lines):
                code = facts.get("exit-code", code)
                if "child-pid" in facts:
                    init = facts["child-pid"]
                    put(spool, "namespace.json", {"pid": init, "started": start_time(init), "boot": boot_id()})
        if not asked and os.path.exists(os.path.join(spool, "stop")):
            how, asked = "stopped", time.monotonic()
            for pid in children(init) if init else [process.pid]:
                os.kill(pid, signal.SIGTERM)
        if asked and time.monotonic() > asked + GRACE_SECONDS:
            process.kill()
        time.sleep(0.02)
    code = process.returncode if code is None else code
    put(spool, "exit.json", {"code": code, "how": how, "why": "", "launched": True, "ended": time.time()})


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


if __name__ == "__main__":
    main(sys.argv[1])
