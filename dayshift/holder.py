"""The small process that owns one run: it outlives the daemon, keeps the time, and records how the run ended.

Started as `python -I -S holder.py SPOOL`; standard library only, importing nothing of ours, so that a run started by
one release can be ended by the next. It reads SPOOL/launch.json, holds SPOOL/lock for as long as the run lives (the
lock is the run's liveness, never a pid), writes start.json and exit.json once each, and ends the whole PID namespace
with the run.
Exit status of the starting process: 0 the run is on, 75 somebody else holds it, 76 this run was used before.
"""

import ctypes
import fcntl
import io
import json
import os
import select
import signal
import subprocess
import sys
import time

PROTOCOL = 1
STATUS_FD = "{status-fd}"  #: stands in the launch's argv for the pipe on which bubblewrap reports
BUSY, USED = 75, 76
PR_SET_CHILD_SUBREAPER = 36
POLL_SECONDS = 0.2
BLOCK = 1 << 16
GRACE_SECONDS = 3.0


def put(spool: str, name: str, value: object) -> None:
    """Write a record whole and durably."""
    temporary = os.path.join(spool, "." + name)
    with open(temporary, "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, os.path.join(spool, name))
    folder = os.open(spool, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def take(spool: str) -> int:
    """The lock's descriptor; ends the process if the run is held or was used."""
    lock = os.open(os.path.join(spool, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os._exit(BUSY)
    if any(os.path.exists(os.path.join(spool, name)) for name in ("start.json", "exit.json")):
        os._exit(USED)
    return lock


def boot_id() -> str:
    """Names this boot of the machine: a pid recorded under another one means nothing."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def start_time(pid: int) -> int | None:
    """Clock ticks after boot at which the process started; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except (OSError, ValueError):
        return []


def send(pid: int, number: int) -> None:
    """Signal a process that may be gone already."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


class Run:
    """One process tree, from launch to the last process's end; in a sandbox, bubblewrap tells how it goes."""

    def __init__(self, spool: str, launch: dict) -> None:  # type: ignore[type-arg]
        self.spool, self.launch = spool, launch
        self.sandboxed = STATUS_FD in launch["argv"]
        self.init: int | None = None  # pid of the namespace's first process, as seen from here
        self.code: int | None = None
        self.how = "exited"
        self.stopping_since: float | None = None
        self.pending = b""

    def start(self) -> None:
        """Start the command. It gets no descriptor of a file: through /proc it could open that anew and rewrite it."""
        status, writer = os.pipe()
        argv = [str(writer) if word == STATUS_FD else word for word in self.launch["argv"]]
        given = (writer,) if self.sandboxed else ()
        with in_memory(self.launch["stdin"]) as stdin:
            self.process = subprocess.Popen(
                argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=given,
                env=self.launch["environment"],
            )  # fmt: skip
        os.close(writer)
        self.status = status
        self.sinks = {
            self.process.stdout.fileno(): appended(self.launch["stdout"]),  # type: ignore[union-attr]
            self.process.stderr.fileno(): appended(os.path.join(self.spool, "stderr")),  # type: ignore[union-attr]
        }
        self.open = {status, *self.sinks}
        self.deadline = time.monotonic() + self.launch["seconds"]

    def follow(self) -> None:
        """Until the main process ended: listen, obey stop, keep the deadline."""
        while self.code is None and self.goes_on():
            self.listen(POLL_SECONDS)
            self.check_end()
        self.end_namespace()

    def goes_on(self) -> bool:
        """Whether the main process may still be there; of a sandbox bubblewrap's status tells."""
        return self.status in self.open if self.sandboxed else self.process.poll() is None

    def listen(self, seconds: float) -> None:
        """Wait that long for news, and take it in: bubblewrap's status, the command's output."""
        if not self.open:
            time.sleep(seconds)
            return
        for source in select.select(list(self.open), [], [], seconds)[0]:
            data = os.read(source, BLOCK)
            if not data:
                self.open.discard(source)
            elif source == self.status:
                self.read_status(data)
            else:
                write_all(self.sinks[source], data)

    def read_status(self, data: bytes) -> None:
        """Take in what bubblewrap says."""
        lines = (self.pending + data).split(b"\n")
        self.pending = lines.pop()
        for line in lines:
            facts = json.loads(line)
            self.code = facts.get("exit-code", self.code)
            if "child-pid" in facts:
                self.note_namespace(facts["child-pid"])

    def note_namespace(self, init: int) -> None:
        """Write down the namespace's first process, so that a dead holder's run can still be ended."""
        self.init = init
        put(self.spool, "namespace.json", {"pid": init, "started": start_time(init), "boot": boot_id()})

    def check_end(self) -> None:
        """Begin the end when told to or when time is up; finish it when the grace is over."""
        if self.stopping_since is None:
            if os.path.exists(os.path.join(self.spool, "stop")):
                self.begin_end("stopped")
            elif time.monotonic() > self.deadline:
                self.begin_end("deadline")
        elif time.monotonic() > self.stopping_since + GRACE_SECONDS:
            self.end_namespace()

    def begin_end(self, how: str) -> None:
        """Ask the main process to end; it writes its session down on the way out."""
        self.how, self.stopping_since = how, time.monotonic()
        for pid in children(self.init) if self.init else [self.process.pid]:
            send(pid, signal.SIGTERM)

    def end_namespace(self) -> None:
        """Kill the namespace's first process: the kernel then ends every other one in it."""
        if self.init:
            send(self.init, signal.SIGKILL)
        elif self.stopping_since is not None:
            send(self.process.pid, signal.SIGKILL)

    def finish(self) -> None:
        """Collect what is left and record the end."""
        while self.process.poll() is None:
            self.listen(POLL_SECONDS)
        end_children()
        while self.open:
            self.listen(POLL_SECONDS)
        for sink in self.sinks.values():
            os.fsync(sink)
        returned = self.process.returncode
        code = returned if self.code is None else self.code
        # bubblewrap reports an exit code only of a command that it could start.
        launched = self.code is not None or not self.sandboxed
        record = {"code": code, "how": self.how, "launched": launched, "ended": time.time()}
        put(self.spool, "exit.json", record)


def in_memory(path: str) -> io.BufferedRandom:
    """The file's content as an anonymous file of its own, at its beginning."""
    memory = os.fdopen(os.memfd_create("prompt"), "r+b")
    with open(path, "rb") as file:
        memory.write(file.read())
    memory.seek(0)
    return memory


def appended(path: str) -> int:
    """A descriptor that adds to the end of the file."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def write_all(sink: int, data: bytes) -> None:
    """Write it whole; what a full disk does not take is lost, and the run goes on."""
    try:
        while data:
            data = data[os.write(sink, data) :]
    except OSError:
        pass


def end_children() -> None:
    """End and collect every process that was left to us: as subreaper we are the parent of all that lost theirs."""
    while True:
        for pid in children(os.getpid()):
            send(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def leave_starter() -> None:
    """Go on as a process of our own; whoever started us sees exit status 0."""
    if os.fork():
        os._exit(0)
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main(spool: str) -> None:
    """Own the run until nothing of it is left."""
    with open(os.path.join(spool, "launch.json")) as file:
        launch = json.load(file)
    lock = take(spool)
    offset = os.path.getsize(launch["stdout"]) if os.path.exists(launch["stdout"]) else 0
    put(spool, "start.json", {"protocol": PROTOCOL, "boot": boot_id(), "offset": offset, "started": time.time()})
    leave_starter()
    run = Run(spool, launch)
    run.start()
    run.follow()
    run.finish()
    os.close(lock)


if __name__ == "__main__":
    main(sys.argv[1])
