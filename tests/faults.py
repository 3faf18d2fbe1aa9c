"""Failing system calls: the n-th write, fsync, rename, open or connect below a folder fails as on a broken disk.

The kernel itself asks us before each such call of a command and of all that comes of it (seccomp, user notification),
so that SQLite, git and Python are met alike. `python tests/faults.py FD COMMAND...` is a command's first step.
"""

import array
import ctypes
import errno
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

PR_SET_NO_NEW_PRIVS, SET_FILTER, NEW_LISTENER = 38, 1, 8
ALLOW, ASK = 0x7FFF0000, 0x7FC00000
RECEIVE, SEND, CONTINUE = 0xC0502100, 0xC0182101, 1
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
AT_CWD = 0xFFFFFF9C

#: Number of seccomp(2), and of each call with the argument that holds its descriptor or, below zero, its path; where a
#: path belongs to a folder's descriptor, that is the argument before.
TABLES: Mapping[str, tuple[int, Mapping[str, Mapping[int, int]]]] = {
    "x86_64": (317, {
        "write": {1: 0, 18: 0, 20: 0, 296: 0, 328: 0, 40: 0, 326: 2, 285: 0, 77: 0},
        "fsync": {74: 0, 75: 0},
        "rename": {82: -2, 264: -4, 316: -4, 86: -2, 265: -4},
        "open": {2: -1, 257: -2, 83: -1, 258: -2},
        "connect": {42: 0},
    }),
    "aarch64": (277, {
        "write": {64: 0, 68: 0, 66: 0, 70: 0, 287: 0, 71: 0, 285: 2, 47: 0, 46: 0},
        "fsync": {82: 0, 83: 0},
        "rename": {38: -4, 276: -4, 37: -4},
        "open": {56: -2, 34: -2},
        "connect": {203: 0},
    }),
}  # fmt: skip
FLAGS = {"x86_64": {2: 1, 257: 2}, "aarch64": {56: 2}}  #: of opens, which argument says what for
AT = {264, 316, 265, 257, 258, 38, 276, 37, 56, 34}
NUMBER, CALLS = TABLES[platform.machine()]
OPENS = FLAGS[platform.machine()]
KINDS = tuple(CALLS)


@dataclass
class Plan:
    """Which calls fail: of that kind and below that folder the `first` and, for so many seconds, all that follow."""

    folder: Path
    kind: str
    error: int
    first: int
    seconds: float = 0.0
    spared: Path | None = None  #: a folder in it where no call fails
    met: list[str] = field(default_factory=list)  #: every call that was counted, in order
    failed: list[str] = field(default_factory=list)
    since: float = 0.0

    def concerns(self, place: str) -> bool:
        """Whether calls on that file may fail."""
        path = Path(place)
        return path.is_relative_to(self.folder) and not (self.spared and path.is_relative_to(self.spared))

    def verdict(self, call: str) -> int:
        """The error of this call, 0 if it is to be made."""
        self.met.append(call)
        if len(self.met) < self.first:
            return 0
        if len(self.met) == self.first:
            self.since = time.monotonic()
        elif time.monotonic() > self.since + self.seconds:
            return 0
        self.failed.append(call)
        return self.error


@dataclass(frozen=True)
class Ended:
    """How the command ended."""

    code: int
    output: str
    error: str


def run(
    plan: Plan, words: Sequence[str | Path], environment: Mapping[str, str] | None = None, seconds: float = 60.0,
    meanwhile: Callable[[], None] = lambda: None,
) -> Ended:  # fmt: skip
    """The command under the plan, to its end and that of all that came of it."""
    ours, theirs = socket.socketpair()
    with ours, theirs, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as error:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(theirs.fileno()), *map(str, words)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=error, pass_fds=[theirs.fileno()], env=environment,
        )  # fmt: skip
        theirs.close()
        _supervise(plan, ours, process.kill, seconds, meanwhile)
        code = process.wait()
        output.seek(0)
        error.seek(0)
        return Ended(code, output.read().decode(errors="replace"), error.read().decode(errors="replace"))


def struck(plan: Plan, deed: Callable[[], object], seconds: float = 30.0) -> Ended:
    """The same for a deed of ours, done in a process that is forked off; its error is how it raised."""
    ours, theirs = socket.socketpair()
    with ours, theirs, tempfile.TemporaryFile() as error:
        pid = os.fork()
        if pid == 0:
            _do(deed, theirs.detach(), error.fileno())
        theirs.close()
        _supervise(plan, ours, partial(os.kill, pid, signal.SIGKILL), seconds)
        _, status = os.waitpid(pid, 0)
        error.seek(0)
        return Ended(os.waitstatus_to_exitcode(status), "", error.read().decode(errors="replace"))


def _do(deed: Callable[[], object], door: int, error: int) -> None:
    code = 1
    try:
        begin(door)
        deed()
        code = 0
    except BaseException as fault:
        os.write(error, f"{type(fault).__name__}: {fault}".encode())
    finally:
        os._exit(code)


def _supervise(
    plan: Plan, door: socket.socket, kill: Callable[[], None], seconds: float,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Answer the kernel until nobody is left whom it asks about."""
    _, descriptors, _, _ = socket.recv_fds(door, 1, 1)
    deadline, poll = time.monotonic() + seconds, select.poll()
    poll.register(descriptors[0], select.POLLIN)
    try:
        while True:
            for _, events in poll.poll(50):
                if not events & select.POLLIN:
                    return
                _answer(plan, descriptors[0])
            meanwhile()
            if time.monotonic() > deadline:
                kill()
                raise TimeoutError(f"{plan}")
    finally:
        os.close(descriptors[0])


def _answer(plan: Plan, listener: int) -> None:
    question = bytearray(80)
    try:
        fcntl.ioctl(listener, RECEIVE, question)
    except OSError as fault:
        if fault.errno in (errno.ENOENT, errno.EINTR):  # who asked has been killed
            return
        raise
    number, pid, _, call, _, _, *arguments = struct.unpack("<QIIiIQ6Q", question)
    kind, place = _place(pid, call, arguments)
    error = plan.verdict(f"{kind} {place}") if kind == plan.kind and plan.concerns(place) else 0
    try:
        fcntl.ioctl(listener, SEND, struct.pack("<QqiI", number, 0, -error, 0 if error else CONTINUE))
    except OSError as fault:
        if fault.errno != errno.ENOENT:
            raise


def _place(pid: int, call: int, arguments: Sequence[int]) -> tuple[str, str]:
    """What kind of call it is, and on which file."""
    kind, where = next((kind, calls[call]) for kind, calls in CALLS.items() if call in calls)
    try:
        if kind == "connect":
            return kind, _address(pid, arguments[1], arguments[2])
        if where >= 0:
            return kind, str(Path(f"/proc/{pid}/fd/{arguments[where]}").readlink())
        path = _text(pid, arguments[-where - 1])
        folder = arguments[-where - 2] & 0xFFFFFFFF if call in AT else AT_CWD
        base = f"/proc/{pid}/cwd" if folder == AT_CWD else f"/proc/{pid}/fd/{folder}"
        return kind, path if path.startswith("/") else os.path.normpath(Path(base).readlink() / path)
    except OSError:
        return kind, ""


def _address(pid: int, place: int, length: int) -> str:
    """`unix` and the path, or `inet` and the port, as if below a folder of that name."""
    raw = _memory(pid, place, min(length, 128))
    (family,) = struct.unpack_from("<H", raw)
    if family == socket.AF_UNIX:
        return raw[2:].split(b"\0")[0].decode(errors="replace")
    return f"/inet/{struct.unpack_from('>H', raw, 2)[0]}" if family in (socket.AF_INET, socket.AF_INET6) else ""


def _text(pid: int, place: int) -> str:
    return _memory(pid, place, 4096).split(b"\0")[0].decode(errors="replace")


def _memory(pid: int, place: int, length: int) -> bytes:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as file:
        found = b""
        while len(found) < length and b"\0" not in found[16:]:
            room = min(length - len(found), 4096 - (place + len(found)) % 4096)  # what follows may be no memory
            file.seek(place + len(found))
            found += file.read(room)
        return found


# --- the command's first step ----------------------------------------------------------------------


def _program() -> bytes:
    """Ask about every call of the tables; of opens only about those that write."""
    steps = [(LOAD, 0, 0, 0)]
    for number in {number for calls in CALLS.values() for number in calls}:
        if number in OPENS:
            words = [(LOAD, 0, 0, 16 + 8 * OPENS[number]), (ANY_BIT, 0, 1, WRITING), (RETURN, 0, 0, ASK),
                     (RETURN, 0, 0, ALLOW)]  # fmt: skip
        else:
            words = [(RETURN, 0, 0, ASK)]
        steps += [(EQUAL, 0, len(words), number), *words]
    return b"".join(struct.pack("<HBBI", *step) for step in [*steps, (RETURN, 0, 0, ALLOW)])


def begin(door: int) -> None:
    """From now on the kernel asks whoever is at the other end of that socket about this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    program = _program()
    held = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(held))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    with socket.socket(fileno=door) as supervisor:
        listener = libc.syscall(NUMBER, SET_FILTER, NEW_LISTENER, head)
        if listener < 0:
            raise OSError(ctypes.get_errno(), "seccomp")
        supervisor.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))])
        os.close(listener)


if __name__ == "__main__":
    begin(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
