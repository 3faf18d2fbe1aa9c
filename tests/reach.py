"""What an agent tries that no shell has a word for: `reach.py WAY ARGUMENTS` ends with 0 if it got there.

It stands on the standard library alone, since it is run inside sandboxes, by the system's interpreter.
"""

import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

PATIENCE = 2.0
HANGS = 20  #: seconds after which an attempt counts as one that came through
LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_SYMLINK_FOLLOW, RENAME_EXCHANGE = -100, 0x400, 2
WAYS: dict[str, Callable[..., object]] = {}


def way(function: Callable[..., object]) -> Callable[..., object]:
    """One of the ways, by its name with blanks for lines."""
    WAYS[function.__name__.replace("_", "-")] = function
    return function


# --- addresses -------------------------------------------------------------------------------------


@way
def tcp(host: str, port: str) -> None:
    """Somebody takes the call."""
    socket.create_connection((host, int(port)), PATIENCE).close()


@way
def udp(host: str, port: str) -> None:
    """Somebody answers."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as caller:
        caller.settimeout(PATIENCE)
        caller.connect((host, int(port)))
        caller.send(b"x")
        caller.recv(1)


@way
def unix(path: str) -> None:
    """Somebody takes the call on a socket with a path."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(path)


@way
def abstract(name: str) -> None:
    """Somebody takes the call on a socket without one."""
    unix("\0" + name)


@way
def datagram(path: str) -> None:
    """A message goes to a path from a socket that was made for it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
        caller.sendto(b"x", path)


@way
def datagram_of_a_pair(path: str) -> None:
    """A message goes to a path from one of a pair: such a socket may be addressed anew."""
    for each in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM):
        each.sendto(b"x", path)


@way
def stream_of_a_pair(path: str) -> None:
    """One of a pair, whose other half is gone, calls somebody else."""
    one, other = socket.socketpair()
    other.close()
    one.connect(path)


@way
def address(host: str) -> None:
    """There is a route to that address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as caller:
        caller.connect((host, 80))


@way
def family(number: str, kind: str, protocol: str) -> None:
    """Such a socket can be made."""
    socket.socket(int(number), int(kind), int(protocol)).close()


@way
def listen(port: str) -> None:
    """The port can be taken, by force if need be."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        door.bind(("127.0.0.1", int(port)))
        door.listen()


# --- files -----------------------------------------------------------------------------------------


@way
def truncate(path: str) -> None:
    """The file can be cut."""
    os.truncate(path, 0)


@way
def nameless(folder: str) -> None:
    """A file without a name can be made there, and be given one."""
    with open(os.open(folder, os.O_TMPFILE | os.O_RDWR), "w") as file:
        name_descriptor(file.fileno(), f"{folder}/escaped")


@way
def map_in(path: str) -> None:
    """The file can be changed in memory."""
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[0] = 120


@way
def reopen(path: str) -> None:
    """A descriptor for reading can be opened again for writing."""
    with open(path, "rb") as file, open(f"/proc/self/fd/{file.fileno()}", "ab") as again:
        again.write(b"x")


@way
def make_set_uid() -> None:
    """A file can be made that runs as its owner, in one of the ways there are."""
    made: tuple[Callable[[str], object], ...] = (
        lambda path: os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o4755)),
        lambda path: os.mknod(path, 0o104755),
        lambda path: os.fchmod(os.open(path, os.O_CREAT | os.O_WRONLY), 0o4755),
        lambda path: subprocess.run(["install", "-m", "4755", "/bin/true", path], stderr=subprocess.DEVNULL),
    )
    for number, make in enumerate(made):
        path = f"set-uid-{number}-{os.getpid()}"
        with contextlib.suppress(OSError):
            make(path)
            if os.stat(path).st_mode & 0o6000:
                return
    raise OSError("in none of them")


@way
def capability(path: str) -> None:
    """A copy of a program gains a capability of files."""
    named = 0x02000001.to_bytes(4, "little") + (1 << 21).to_bytes(4, "little") + bytes(12)
    Path(path).write_bytes(Path("/bin/true").read_bytes())
    os.setxattr(path, "security.capability", named)


@way
def open_for_writing(path: str) -> None:
    """It can be."""
    os.close(os.open(path, os.O_WRONLY))


@way
def hard_link(path: str) -> None:
    """A second name for the file, where writing is allowed."""
    for place in (".", "/tmp"):
        with contextlib.suppress(OSError):
            os.link(path, f"{place}/linked")
            return
        with open(path, "rb") as file, contextlib.suppress(OSError):
            name_descriptor(file.fileno(), f"{place}/linked")
            return
    raise OSError("no place takes it")


@way
def swap(folder: str) -> None:
    """While a name is now a folder of ours and now a link to that one, a write through it arrives there."""
    scratch = Path(tempfile.mkdtemp(dir="."))
    (scratch / "mine").mkdir()
    (scratch / "theirs").symlink_to(folder)
    over = time.monotonic() + 0.3
    swapping = threading.Thread(target=_swap, args=(scratch, over))
    swapping.start()
    while time.monotonic() < over:
        with contextlib.suppress(OSError):
            (scratch / "mine" / "escaped").write_text("x")
    swapping.join()
    assert Path(folder, "escaped").exists()


def _swap(scratch: Path, until: float) -> None:
    one, other = (os.fsencode(scratch / name) for name in ("mine", "theirs"))
    while time.monotonic() < until:
        called(LIBC.renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE))


@way
def watch(path: str) -> None:
    """What happens to the file can be followed."""
    called(LIBC.inotify_add_watch(LIBC.inotify_init(), os.fsencode(path), 2))


# --- processes -------------------------------------------------------------------------------------


@way
def process(pid: str, part: str) -> None:
    """Of the process, that part can be read."""
    path = f"/proc/{pid}/{part}"
    if part == "fd":
        assert [os.readlink(f"{path}/{name}") for name in os.listdir(path)]
    elif os.path.isdir(path):
        os.listdir(path)
    else:
        with open(path, "rb") as file:
            file.seek(_mapped(pid) if part == "mem" else 0)
            assert file.read(1)


def _mapped(pid: str) -> int:
    return int(Path(f"/proc/{pid}/maps").read_text().partition("-")[0], 16)


@way
def environment(marked: str) -> None:
    """Some process shows that text in its environment."""
    assert any(marked in _read(path / "environ") for path in Path("/proc").glob("[0-9]*"))


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


@way
def send_signal(pid: str) -> None:
    """The process can be signalled."""
    os.kill(int(pid), signal.SIGCONT)


@way
def signal_by_handle(pid: str) -> None:
    """So it can by a descriptor of it."""
    signal.pidfd_send_signal(os.pidfd_open(int(pid)), signal.SIGCONT)


@way
def priority(pid: str) -> None:
    """Its priority can be set."""
    os.setpriority(os.PRIO_PROCESS, int(pid), 5)


@way
def trace(pid: str) -> None:
    """The process can be traced."""
    called(LIBC.ptrace(0x4206, int(pid), None, None))


@way
def own_priority() -> None:
    """This process can be preferred to the host's."""
    os.nice(-5)


@way
def relay(part: str) -> None:
    """Of the relay, that part can be read; or `mem` written."""
    pid = _relay()
    if part == "mem":
        open_for_writing(f"/proc/{pid}/mem")
    else:
        process(str(pid), part)


@way
def trace_the_relay() -> None:
    """It can be traced."""
    trace(str(_relay()))


@way
def end_the_relay() -> None:
    """It is killed, and gone."""
    pid = _relay()
    os.kill(pid, signal.SIGKILL)
    while "--relay=" in _read(Path(f"/proc/{pid}/cmdline")):
        time.sleep(0.01)


@way
def its_own_memory() -> None:
    """What is refused of the relay works of a process of one's own."""
    with subprocess.Popen(["sleep", "9"]) as child:
        try:
            process(str(child.pid), "mem")
        finally:
            child.kill()


def _relay() -> int:
    """The other process of this kind that stands in /proc: it keeps the command line it was started with."""
    for path in Path("/proc").glob("[0-9]*"):
        if "--relay=" in _read(path / "cmdline") and _read(path / "comm") != "bwrap\n":
            return int(path.name)
    raise OSError("there is no relay")


@way
def descriptors() -> None:
    """Something is open besides the three streams, or one of them is a file of the host."""
    listed = {int(name) for name in os.listdir("/proc/self/fd")}
    open_now = {each for each in listed if os.path.lexists(f"/proc/self/fd/{each}")}
    shown = [os.readlink(f"/proc/self/fd/{each}") for each in sorted(open_now)]
    private = re.compile(r"pipe:|/dev/null$|/memfd:|/tmp/|socket:")
    assert open_now - {0, 1, 2} or not all(private.match(each) for each in shown), shown


# --- the kernel's own ------------------------------------------------------------------------------


@way
def shared_memory(key: str) -> None:
    """A segment of the host has that key."""
    called(LIBC.shmget(int(key), 0, 0))


@way
def type_in() -> None:
    """Into the terminal, which somebody's shell will read."""
    _main, other = os.openpty()
    fcntl.ioctl(other, 0x5412, b"x")


@way
def keyring() -> None:
    """The keys of the session are listed."""
    called(LIBC.syscall(250 if os.uname().machine == "x86_64" else 219, 6, -3, None, 0))


def name_descriptor(descriptor: int, name: str) -> None:
    """Give the open file a name."""
    source = f"/proc/self/fd/{descriptor}".encode()
    called(LIBC.linkat(AT_FDCWD, source, AT_FDCWD, name.encode(), AT_SYMLINK_FOLLOW))


def called(result: int) -> int:
    """The result of a call of the C library; OSError if it is -1."""
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


@way
def calls() -> None:
    """Make every system call of those that come as JSON by name, in a process of its own; tell how each failed."""
    for name, (number, *arguments) in json.load(sys.stdin).items():
        pid = os.fork()
        if pid == 0:
            os._exit(_failure(number, arguments))
        print(json.dumps([name, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]), flush=True)


def _failure(number: int, arguments: list[int]) -> int:
    """The error the call fails with, or 0."""
    words = [ctypes.c_ulong(each) for each in (number, *arguments)]
    return ctypes.get_errno() if LIBC.syscall(*words) == -1 else 0


@way
def heirs(number: str) -> None:
    """Make the call in a thread, in a child, and in what a child becomes; tell how it failed."""
    found: dict[str, int] = {}
    thread = threading.Thread(target=lambda: found.update(thread=_failure(int(number), [1, 1, 0])))
    thread.start()
    thread.join()
    pid = os.fork()
    if pid == 0:
        os._exit(_failure(int(number), [1, 1, 0]))
    found["child"] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    again = [sys.executable, "-I", "-S", __file__, "calls"]
    told = subprocess.run(
        again, input=json.dumps({"": [int(number), 1, 1, 0]}), capture_output=True, check=True, text=True
    )
    found["program"] = json.loads(told.stdout)[1]
    print(json.dumps(found))


@way
def old_convention() -> None:
    """Ask for the own number as a 32-bit program would: mov eax, 20; int 0x80; ret."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    ask = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    assert ask() == os.getpid()


@way
def each() -> None:
    """Try every script of those that come as JSON by name, each in a session of its own; tell how each ended."""
    for name, script in json.load(sys.stdin).items():
        code, said = _ended(script)
        print(json.dumps([name, code, said[-500:]]), flush=True)


def _ended(script: str) -> tuple[int, str]:
    """How it ends in a shell; what this program would be started for is done in a copy of it, which is quicker."""
    words = script.split()
    start = _reach if words[3:4] == [__file__] and words[4] in WAYS and script.isprintable() else _shell
    with tempfile.TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            signal.alarm(HANGS)
            for stream, target in enumerate((os.open(os.devnull, os.O_RDONLY), said.fileno(), said.fileno())):
                os.dup2(target, stream)
            start(script)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said.seek(0)
        return (0 if code == -signal.SIGALRM else code), said.read().decode(errors="replace")


def _reach(script: str) -> None:
    _, _, _, _, name, *rest = script.split()
    try:
        WAYS[name](*rest)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def _shell(script: str) -> None:
    os.execv("/bin/bash", ["bash", "-c", script])


if __name__ == "__main__":
    WAYS[sys.argv[1]](*sys.argv[2:])
