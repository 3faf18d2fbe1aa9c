"""A project with its remote, two workspaces, a person's home, a daemon's files, somebody at every door of the host: all
that an agent might reach for; and the sandbox round the first workspace."""

import contextlib
import ctypes
import json
import os
import socket
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dayshift.repository import git
from dayshift.repository.workspace import Workspace
from dayshift.sandboxing.sandbox import SOCKET_NAME, Interpreter, Sandbox, interpreter
from tests.conftest import WHO
from tests.escapes import DAEMON_FILES, SECRETS

NOBODY = 12345
ROOT = os.getuid() == 0
CALLERS = ("this user", "a normal user") if ROOT else ("this user",)
LAYOUTS = ("worktree", "plain")
SYSTEM_PATH = "/usr/bin:/bin"
REACH = Path(__file__).with_name("reach.py")
SYSTEM_PYTHON = Interpreter(Path("/usr/bin/python3").resolve(), Path("/usr"))
STREAMS = ("host.sock", "docker.sock", "bus", ".s.PGSQL.5432")
IPC_CREAT, IPC_RMID = 0o1000, 0
LIBC = ctypes.CDLL(None)
PERSON = {"PATH": SYSTEM_PATH, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **WHO}
Ended = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Place:
    """One agent's workspace and the git directory behind it."""

    folder: Path
    git_dir: Path

    @property
    def repo(self) -> Path:
        """The tree the agent works in."""
        return self.folder / "repo"


@dataclass(frozen=True)
class Doors:
    """Where somebody of the host listens."""

    port: int
    six: int  #: 0 where there is no IPv6
    udp: int
    database: int
    key: int  #: of a segment of shared memory


@dataclass(frozen=True)
class Premises:
    """Everything there is, and how to try something inside or outside the sandbox."""

    folder: Path
    place: Place
    doors: Doors
    pid: int  #: a process of the person's
    caller: tuple[str, ...] = ()  #: what makes a command that user's
    reach: Path = REACH  #: where that program lies for who tries

    def sandbox(self, **facts: object) -> Sandbox:
        """The sandbox an agent gets, or one that differs in those facts."""
        given: dict[str, object] = {
            "environment": {"PATH": SYSTEM_PATH, **WHO}, "managed": self.folder / "managed",
            "sockets": self.folder / "sockets",
            "read_only": [self.folder / "tools"], "read_only_at": {REACH: REACH},
            # Another user may not read the interpreter of this one.
            "interpreter": SYSTEM_PYTHON if self.caller else interpreter(), **facts,
        }  # fmt: skip
        place = self.place
        return Sandbox(place.folder, place.repo, place.git_dir, place.folder / "home", **given)  # type: ignore[arg-type]

    def script(self, text: str) -> str:
        """The script with every {name} in it filled in."""
        python = SYSTEM_PYTHON.program
        return text.format(
            git=self.place.git_dir, task=self.place.folder.name, origin=self.folder / "origin.git",
            house=self.folder, pid=self.pid, abstract=self.folder.name,
            python=python, reach=f"{python} -I -S {self.reach}", **vars(self.doors),
        )  # fmt: skip

    def inside(self, script: str, *, given: str = "", keep: tuple[int, ...] = (), **facts: object) -> Ended:
        """How the script ends in the sandbox."""
        return self.run(self.sandbox(**facts).argv(["/bin/sh", "-c", self.script(script)]), given=given, keep=keep)

    def outside(self, script: str) -> Ended:
        """How it ends without."""
        return self.run(["/bin/bash", "-c", self.script(script)], PERSON)

    def run(
        self, argv: list[str], environment: Mapping[str, str] | None = None, given: str = "", keep: tuple[int, ...] = ()
    ) -> Ended:
        """How the caller's command ends."""
        return subprocess.run(
            [*self.caller, *argv], env=environment or {}, cwd=self.place.repo, capture_output=True, text=True,
            errors="replace", input=given, timeout=120, check=False, pass_fds=keep,
        )  # fmt: skip

    def each(self, scripts: Mapping[str, str]) -> dict[str, tuple[int, str]]:
        """How each of them ends in one and the same sandbox, and what it says."""
        told = self.inside("{reach} each", given=self.told(scripts))
        assert told.returncode == 0, told.stderr
        return outcomes(told.stdout)

    def told(self, scripts: Mapping[str, str]) -> str:
        """The scripts as that program takes them."""
        return json.dumps({name: self.script(text) for name, text in scripts.items()})

    def everything(self) -> dict[str, object]:
        """All there is but the agent's own workspace; of that the .git alone."""
        mine = self.place.folder
        paths = {path for path in self.folder.rglob("*") if mine not in path.parents}
        paths |= {self.place.repo / ".git", *self.place.git_dir.rglob("*")}
        return {str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"") for path in paths}


def outcomes(text: str) -> dict[str, tuple[int, str]]:
    """What that program says of each script: how it ended, and its last words."""
    return {name: (code, said) for name, code, said in map(json.loads, text.splitlines())}


# --- how they are built ----------------------------------------------------------------------------


@contextmanager
def built(caller: str, layout: str = "worktree") -> Iterator[Premises]:
    """Premises that belong to the caller, as long as the block lasts."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dayshift-house-")))
        place = lay_out(folder, layout)
        doors = stack.enter_context(_listening(folder))
        words: tuple[str, ...] = ()
        if caller == "a normal user":
            words = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
        person = stack.enter_context(_process(folder, words))
        yield Premises(folder, place, doors, person, words)


def lay_out(folder: Path, layout: str) -> Place:
    """Everything on disk."""
    _project(folder)
    for name in (*(f"person/{each}" for each in SECRETS), *(f"dayshift/{each}" for each in DAEMON_FILES)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("secret\n")
    for name in ("managed", "run", "sockets", "tools"):
        (folder / name).mkdir()
    (folder / "managed" / "managed-settings.json").write_text("{}")
    _ledger(folder / "dayshift/state/ledger.sqlite3")
    project = git.find(folder / "shop")
    workspaces = [Workspace(folder / "agent_workspaces" / name, project) for name in ("task-1", "task-2")]
    for each in workspaces[layout == "plain" :]:
        each.make("HEAD")
    place = Place(folder / "agent_workspaces" / "task-1", project.common_dir)
    if layout == "plain":
        place = _plain(folder)
    (place.repo / "new.txt").write_text("new\n")
    return place


def _project(folder: Path) -> None:
    (folder / "shop" / "src").mkdir(parents=True)
    _git(folder, "init", "-q", "--bare", "origin.git")
    _git(folder / "shop", "init", "-q", "-b", "main")
    for text in ("ORDERS = []\n", "ORDERS = []\n\n\ndef page():\n    return ORDERS\n"):
        (folder / "shop/src/orders.py").write_text(text)
        (folder / "shop/README.md").write_text("# Shop\n")
        _git(folder / "shop", "add", "--all")
        _git(folder / "shop", "commit", "-q", "-m", "words")
    _git(folder / "shop", "branch", "feature", "main")
    _git(folder / "shop", "remote", "add", "origin", str(folder / "origin.git"))
    _git(folder / "shop", "push", "-q", "origin", "main", "feature")
    _git(folder / "shop", "checkout", "-q", "feature")
    _git(folder / "shop", "commit", "-q", "--allow-empty", "-m", "feature")
    _git(folder / "shop", "checkout", "-q", "main")


def _plain(folder: Path) -> Place:
    """A workspace whose tree is a repository of its own, with a worktree elsewhere."""
    place = Place(folder / "agent_workspaces" / "task-1", folder / "agent_workspaces" / "task-1" / "repo" / ".git")
    (place.folder / "home").mkdir(parents=True)
    _git(folder, "clone", "-q", "--no-local", "shop", str(place.repo))
    _git(place.repo, "branch", "-q", "feature", "origin/feature")
    _git(place.repo, "remote", "set-url", "origin", str(folder / "origin.git"))
    _git(place.repo, "worktree", "add", "-q", "--detach", str(folder / "linked" / "dayshift-task-1"))
    return place


def _git(where: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=where, check=True, capture_output=True, env=PERSON)


def _ledger(path: Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as ledger:
        ledger.executescript("CREATE TABLE spent(amount); INSERT INTO spent VALUES (1);")


@contextmanager
def _listening(folder: Path) -> Iterator[Doors]:
    """Somebody at every door: sockets with and without a path, ports, shared memory."""
    with ExitStack() as stack:
        for path in (*(folder / "run" / name for name in STREAMS), folder / "tools" / "inner.sock"):
            _door(stack, str(path))
        _door(stack, "\0" + folder.name)
        _door(stack, str(folder / "sockets" / SOCKET_NAME))
        for path in (folder / "run" / "datagram", folder / "tools" / "inner.datagram"):
            stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)).bind(str(path))
        port, database = (_port(stack, socket.AF_INET, "127.0.0.1") for _ in range(2))
        six = _port(stack, socket.AF_INET6, "::1") if socket.has_dualstack_ipv6() else 0
        memory = Path("/dev/shm", folder.name)
        memory.write_text("shared")
        stack.callback(memory.unlink)
        yield Doors(port, six, stack.enter_context(_echo()), database, stack.enter_context(_segment()))


def _door(stack: ExitStack, address: str) -> None:
    door = stack.enter_context(socket.socket(socket.AF_UNIX))
    door.bind(address)
    door.listen(64)


def _port(stack: ExitStack, family: socket.AddressFamily, host: str) -> int:
    door = stack.enter_context(socket.create_server((host, 0), family=family, backlog=64))
    return int(door.getsockname()[1])


@contextmanager
def _echo() -> Iterator[int]:
    """A port that answers what it gets."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))

        def answer() -> None:
            while True:
                message, caller = door.recvfrom(16)
                if message == b"end":
                    return
                door.sendto(message, caller)

        answering = threading.Thread(target=answer)
        answering.start()
        try:
            yield int(door.getsockname()[1])
        finally:
            door.sendto(b"end", door.getsockname())
            answering.join()


@contextmanager
def _segment() -> Iterator[int]:
    """The key of a System V segment of this machine."""
    key = int.from_bytes(os.urandom(3), "big") + 1
    segment = LIBC.shmget(key, 4096, IPC_CREAT | 0o666)
    assert segment >= 0
    try:
        yield key
    finally:
        LIBC.shmctl(segment, IPC_RMID, None)


@contextmanager
def _process(folder: Path, caller: tuple[str, ...]) -> Iterator[int]:
    """A process of the person's that knows a key."""
    environment = {"PATH": SYSTEM_PATH, "DAEMON_KEY": "secret"}
    with subprocess.Popen([*caller, "sleep", "600"], env=environment, cwd=folder / "person") as process:
        try:
            yield process.pid
        finally:
            process.kill()
