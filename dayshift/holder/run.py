"""One process tree, from launch to the last process's end."""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable

from dayshift.failpoints import passing
from dayshift.holder import GRACE_SECONDS, RETRY_SECONDS, STATUS_FD
from dayshift.holder.argv import Argv
from dayshift.holder.bounds import GB, Bounds, Excess, Watch
from dayshift.holder.processes import boot_id, children, collect_orphans, end_children, first_to_go, send, start_time
from dayshift.holder.records import put, put_surely
from dayshift.holder.streams import Sink, in_memory
from dayshift.holder.terminal import Terminal

POLL_SECONDS = 0.2
MOST_SAID = GB  #: bytes of a run's output, or what its workspace may take if that is less; then the run ends
TOO_MUCH_SAID = Excess("disk", "wrote more output than is kept of a run: 1 GB, or limits.workspace_gb if less")
MOST_ERRORS = 16 << 20  #: bytes of its standard error that are kept
BLOCK = 1 << 16


class Run:
    """One process tree, from launch to the last process's end; in a sandbox, bubblewrap tells how it goes."""

    def __init__(self, spool: str, launch: dict) -> None:  # type: ignore[type-arg]
        self.spool, self.launch = spool, launch
        self.argv = Argv(spool)
        self.sandboxed = STATUS_FD in launch["argv"]
        self.terminal = Terminal() if launch.get("terminal") else None  # the holder's own, which the run shares
        self.init: int | None = None  # pid of the namespace's first process, as seen from here
        self.code: int | None = None
        self.how, self.why = "exited", ""
        bounds = Bounds(**launch["bounds"])
        self.watch = Watch(bounds, launch["workspace"])
        self.output = Sink(launch["stdout"], min(MOST_SAID, bounds.disk))
        self.errors = Sink(os.path.join(spool, "stderr"), MOST_ERRORS)
        self.stopping_since: float | None = None
        self.pending = b""
        self.unnoted: dict[str, object] = {}  #: what is known of the namespace and not on disk yet

    def start(self) -> None:
        """Start the command. It gets no descriptor of a file: through /proc it could open that anew and rewrite it."""
        status, writer = os.pipe()
        argv = [str(writer) if word == STATUS_FD else word for word in self.launch["argv"]]
        given = (writer,) if self.sandboxed else ()
        passing("command.starting")
        with in_memory(self.launch["stdin"]) as stdin:
            piped = {"stdin": stdin, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            self.process = subprocess.Popen(
                argv, pass_fds=given, env=self.launch["environment"],
                **({"start_new_session": True} if self.terminal else piped),
            )  # fmt: skip
        passing("command.started")
        first_to_go(self.process.pid)
        os.close(writer)
        self.status = status
        streams = ((self.process.stdout, self.output), (self.process.stderr, self.errors))
        self.sinks = {stream.fileno(): sink for stream, sink in streams if stream}
        self.open = {status, *self.sinks}
        self.deadline = time.monotonic() + self.launch["seconds"]

    def follow(self) -> None:
        """Until the main process ended: listen, obey stop, keep the deadline and the bounds."""
        while self.code is None and self.goes_on():
            self.listen(POLL_SECONDS)
            if self.terminal:
                self.terminal.pass_on(self.first())
            if not self.sandboxed:
                collect_orphans(self.process.pid)
            self.note_namespace()
            self.check_end()
        self.end_namespace()

    def first(self) -> list[int]:
        """The run's first processes."""
        return children(self.init) if self.init else [self.process.pid]

    def goes_on(self) -> bool:
        """Whether the main process may still be there; of a sandbox bubblewrap's status tells."""
        return self.status in self.open if self.sandboxed else self.process.poll() is None

    def listen(self, seconds: float) -> None:
        """Wait that long for news, and take it in: bubblewrap's status, the command's output."""
        if not self.open:
            self.wait(seconds)
            return
        began, sources = time.monotonic(), self.sources()
        held_back = len(sources) <= len(self.open)
        for source in select.select(sources, [], [], seconds)[0]:
            if source == self.argv.source:
                self.argv.take()
                continue
            data = os.read(source, BLOCK)
            if not data:
                self.open.discard(source)
            elif source == self.status:
                self.read_status(data)
            else:
                self.sinks[source].add(data)
        if held_back:  # by a full disk: that time is not the run's
            self.deadline += time.monotonic() - began

    def sources(self) -> list[int]:
        """Where news may come from; who writes what the disk does not take is not listened to until it does."""
        ready = [each for each in self.open if each not in self.sinks or self.sinks[each].flush()]
        return [*ready, self.argv.source] if self.argv.flush() else ready

    def listen_on(self, goes_on: Callable[[], object]) -> None:
        """Take in news for as long as that goes on, and no longer than the grace."""
        until = time.monotonic() + GRACE_SECONDS
        while goes_on() and time.monotonic() < until:
            self.listen(POLL_SECONDS)

    def wait(self, seconds: float) -> None:
        """Wait so long for the main process's end: it closes what it has open an instant before."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass

    def read_status(self, data: bytes) -> None:
        """Take in what bubblewrap says."""
        lines = (self.pending + data).split(b"\n")
        self.pending = lines.pop()
        for line in lines:
            facts = json.loads(line)
            self.code = facts.get("exit-code", self.code)
            if "child-pid" in facts:
                self.init = facts["child-pid"]
                self.unnoted = {"pid": self.init, "started": start_time(facts["child-pid"]), "boot": boot_id()}
                passing("namespace.known")
        self.note_namespace()

    def note_namespace(self) -> None:
        """Write down the namespace's first process, once the disk takes it, so that a dead holder's run can still be
        ended."""
        if self.unnoted:
            with contextlib.suppress(OSError):
                put(self.spool, "namespace.json", self.unnoted)
                self.unnoted = {}

    def check_end(self) -> None:
        """Begin the end when told to or when time is up; finish it when the grace is over."""
        if self.stopping_since is None:
            if os.path.exists(os.path.join(self.spool, "stop")) or (self.terminal and self.terminal.hung_up):
                self.begin_end("stopped")
            elif time.monotonic() > self.deadline:
                self.begin_end("deadline")
            elif excess := self.excess():
                self.cut_off(excess)
        elif (late := time.monotonic() - self.stopping_since - GRACE_SECONDS) > 0:
            self.end_namespace()
            if late > GRACE_SECONDS:  # bubblewrap itself was stopped by somebody, and tells nothing any more
                send(self.process.pid, signal.SIGKILL)

    def begin_end(self, how: str) -> None:
        """Ask the main process to end; it writes its session down on the way out."""
        self.how, self.stopping_since = how, time.monotonic()
        for pid in self.first():
            send(pid, signal.SIGTERM)

    def excess(self) -> Excess | None:
        """What the run takes too much of, if it does."""
        if self.output.full:
            return TOO_MUCH_SAID
        if self.sandboxed and self.init is None:
            return None
        return self.watch.look(self.init or os.getpid())

    def cut_off(self, excess: Excess) -> None:
        """Kill the run without asking: in the time an answer takes it would take more."""
        self.how, self.why, self.stopping_since = excess.kind, excess.words, time.monotonic()
        self.end_namespace()

    def end_namespace(self) -> None:
        """Kill the namespace's first process: the kernel then ends every other one in it."""
        if self.init:
            send(self.init, signal.SIGKILL)
        elif self.stopping_since is not None:
            send(self.process.pid, signal.SIGKILL)

    def finish(self) -> None:
        """Collect what is left and record the end."""
        self.listen_on(lambda: self.process.poll() is None)
        if self.process.poll() is None:
            send(self.process.pid, signal.SIGKILL)
        end_children()
        self.listen_on(lambda: self.open)  # whoever still holds an end then is none of the run's
        if self.how == "exited" and self.output.full:  # its last words were too much
            self.how, self.why = TOO_MUCH_SAID
        while any(not sink.flush() for sink in self.sinks.values()):  # its last words wait until there is room
            time.sleep(RETRY_SECONDS)
            self.listen_on(lambda: self.open)
        self.argv.finish()
        passing("run.over")
        for sink in self.sinks.values():
            with contextlib.suppress(OSError):
                os.fsync(sink.file)
        passing("output.synced")
        returned = self.process.returncode
        code = returned if self.code is None else self.code
        # bubblewrap reports an exit code only of a command that it could start.
        launched = self.code is not None or not self.sandboxed
        moment = {"ended": time.time(), "monotonic": time.monotonic()}
        record = {"code": code, "how": self.how, "why": self.why, "launched": launched, **moment}
        put_surely(self.spool, "exit.json", record)
        passing("end.recorded")
