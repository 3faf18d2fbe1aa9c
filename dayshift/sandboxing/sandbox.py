"""The bubblewrap command line round an agent: what it may see, the one place it may write, and no way out."""

import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dayshift.sandboxing.syscalls import filters, known

RELAY_PORT, PROXY_PORT = 8900, 8901  #: on 127.0.0.1 inside the namespace, and nowhere else to go
SOCKET_NAME, PROXY_NAME = "gateway.sock", "proxy.sock"
RELAYS = {RELAY_PORT: SOCKET_NAME, PROXY_PORT: PROXY_NAME}  #: port inside → socket in the agent's own folder outside
SOCKET_FOLDER = Path("/run/dayshift")  #: where the agent's socket folder appears inside
CONFINEMENT = Path(__file__).parent.parent / "confinement"
CONFINEMENT_INSIDE = Path("/opt/dayshift/confinement")
MANAGED_SETTINGS = Path("/etc/claude-code")

# What programs read to name users, hosts and certificates, to link, and to tell the time. No shadow, no keys.
ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "debian_version", "group", "host.conf", "hosts",
    "inputrc",
    "java-17-openjdk", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "locale.alias", "locale.conf", "magic",
    "mime.types", "nsswitch.conf", "os-release", "passwd", "pki", "protocols", "python3", "python3.11", "services",
    "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip

# Of /proc what tells of the whole machine's memory and keys; root could read it without a capability.
KERNEL_FILES = (
    "kcore",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "slabinfo",
    "timer_list",
    "vmallocinfo",
)

NO_SANDBOX = "NO SANDBOX"
LOST = (  #: by `sandbox: none`, said in every report; docs/security.md tells the same at length
    "lost with it: read-only git, no network but the gateway, no host sockets, home or credentials, an own user, "
    "refused system calls, recorded git calls, read-only databases, hard limits"
)
NO_NETWORK = "no network but the gateway"
LAYERS = (
    "repository git directory read-only",
    NO_NETWORK,
    "no host sockets, home or credentials",
    "own user, processes and /tmp; no capabilities",
    "no system call that leads round these",
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python that the daemon runs on, below any virtual environment, and what it needs to run."""

    program: Path
    prefix: Path

    @property
    def shown(self) -> tuple[Path, ...]:
        """What must be there besides /usr: not all of the prefix, which may be somebody's home."""
        needed = (self.program, self.prefix / "lib", self.prefix / "lib64")
        return tuple(path for path in needed if not path.is_relative_to("/usr"))


def interpreter() -> Interpreter:
    """That of this process."""
    program = getattr(sys, "_base_executable", None) or sys.executable
    return Interpreter(Path(program).resolve(), Path(sys.base_prefix).resolve())


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One agent's surroundings. Paths are the same inside and outside, so a session finds its folder again."""

    workspace: Path  #: the only folder of the host it may write
    repo: Path  #: its git worktree, within the workspace
    git_dir: Path  #: the repository's common git directory, read-only
    home: Path  #: HOME, within the workspace
    environment: Mapping[str, str]
    read_only: Sequence[Path] = ()  #: tools and the like
    read_only_at: Mapping[Path, Path] = field(default_factory=dict)  #: place inside → folder or file outside
    sockets: Path | None = None  #: folder that holds the gateway's socket; None: no model can be reached
    managed: Path | None = None  #: folder bound on /etc/claude-code
    databases: Sequence[Path] = ()  #: files of the worktree that it may read only
    scratch_bytes: int = 2 << 30  #: what fits into its /tmp
    limits: Mapping[str, int] = field(default_factory=dict)  #: of each process, as in getrlimit(2)
    network: bool = False  #: the proxy's socket lies in the folder too, and its relay is wanted
    interpreter: Interpreter = field(default_factory=interpreter)

    def argv(self, command: Sequence[str], status: bool = False) -> list[str]:
        """bubblewrap and its arguments for that command; `{status-fd}` stands for a holder's status pipe."""
        reporting = ["--json-status-fd", "{status-fd}"] if status else []
        return [
            shutil.which("bwrap") or "bwrap", *_system(), *_scratch(self.scratch_bytes), *self._etc(),
            *_read_only((*self.interpreter.shown, *self.read_only)),
            *self._tree(), *self._extras(), *_sealed(),
            *_namespaces(), *reporting, "--chdir", str(self.repo), *self._variables(),
            "--", *self._confined(command),
        ]  # fmt: skip

    def _etc(self) -> list[str]:
        words = ["--tmpfs", "/etc"]
        for name in ETC:
            words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        if self.managed:
            words += ["--ro-bind", str(self.managed), str(MANAGED_SETTINGS)]
        return words

    def _tree(self) -> list[str]:
        """The workspace writable; the worktree a mount of its own so that it cannot be moved aside; .git read-only."""
        return [
            *_read_only(_borrowed(self.git_dir / "objects")),
            "--ro-bind", str(self.git_dir), str(self.git_dir),
            "--bind", str(self.workspace), str(self.workspace),
            "--bind", str(self.repo), str(self.repo),
            "--ro-bind", str(self.repo / ".git"), str(self.repo / ".git"),
            *(word for each in self.databases for word in ("--ro-bind", str(each), str(each))),
        ]  # fmt: skip

    def _extras(self) -> list[str]:
        words = ["--perms", "0755", "--dir", "/run", "--ro-bind", str(CONFINEMENT), str(CONFINEMENT_INSIDE)]
        if self.sockets:
            words += ["--ro-bind", str(self.sockets), str(SOCKET_FOLDER)]
        for inside, outside in self.read_only_at.items():
            self._must_lead_there(inside)
            words += ["--ro-bind", str(outside), str(inside)]
        return words

    def _must_lead_there(self, inside: Path) -> None:
        """OSError if a link in the workspace, where an agent can make one, leads a mount point somewhere else."""
        if inside.is_relative_to(self.workspace):
            meant = Path(os.path.realpath(self.workspace)) / inside.relative_to(self.workspace)
            if Path(os.path.realpath(inside)) != meant:
                raise OSError(f"{inside} leads elsewhere: nothing is bound there")

    def _variables(self) -> list[str]:
        words = ["--clearenv"]
        for name, value in {"HOME": str(self.home), **self.environment}.items():
            words += ["--setenv", name, value]
        return words

    def _confined(self, command: Sequence[str]) -> list[str]:
        """The command behind the program that proves the fences once more and takes system calls away."""
        everywhere, besides = filters(known(platform.machine()))
        options = [
            f"--fixed={self.git_dir}", f"--fixed={self.repo / '.git'}", *_relays(self._doors),
            *(f"--limit={name}:{number}" for name, number in self.limits.items()),
            f"--filter={everywhere.hex()}", f"--command-filter={besides.hex()}",
        ]  # fmt: skip
        return _started_by(self.interpreter, CONFINEMENT_INSIDE, options, command)

    @property
    def _doors(self) -> dict[int, Path]:
        """Which port inside leads to which socket."""
        wanted = {port for port in RELAYS if self.sockets and (port == RELAY_PORT or self.network)}
        return {port: SOCKET_FOLDER / RELAYS[port] for port in sorted(wanted)}


@dataclass(frozen=True, slots=True)
class Unfenced:
    """No sandbox, by the person's own choice: the same folder, home and environment, but nothing holds the agent in."""

    repo: Path
    home: Path
    environment: Mapping[str, str]
    sockets: Path | None = None
    port: int = RELAY_PORT  #: one an agent: the host's loopback is shared

    def argv(self, command: Sequence[str], status: bool = False) -> list[str]:
        """The command with exactly that environment; no holder gets a status of it."""
        variables = [f"{name}={value}" for name, value in {"HOME": str(self.home), **self.environment}.items()]
        doors = {self.port: self.sockets / SOCKET_NAME} if self.sockets else {}
        inner = _started_by(interpreter(), CONFINEMENT, _relays(doors), command) if doors else list(command)
        return ["/usr/bin/env", "--ignore-environment", f"--chdir={self.repo}", *variables, *inner]


def _relays(doors: Mapping[int, Path]) -> list[str]:
    return [f"--relay={port}:{socket}" for port, socket in doors.items()]


def _started_by(python: Interpreter, place: Path, options: Sequence[str], command: Sequence[str]) -> list[str]:
    """The command as that program becomes it; isolated, the interpreter reads nothing that an agent could write."""
    return [str(python.program), "-I", "-S", str(place / "__main__.py"), *options, "--", *command]


def _system() -> list[str]:
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        place = Path("/", name)
        if place.is_symlink():
            words += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            words += ["--ro-bind", str(place), str(place)]
    return [*words, "--dev", "/dev", "--proc", "/proc"]


def _borrowed(objects: Path, depth: int = 5) -> list[Path]:
    """The object folders of other repositories that this one stands on, and those of theirs; git goes as deep."""
    try:
        lines = (objects / "info" / "alternates").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    found = [(objects / line).resolve() for line in lines if line and not line.startswith(("#", '"'))]
    return [path for each in found for path in (each, *(_borrowed(each, depth - 1) if depth else ()))]


def _scratch(size: int) -> list[str]:
    """Private places for what nobody keeps. They are memory, so each has its limit."""
    places = ("/tmp", "/var/tmp", "/dev/shm")
    return [word for place in places for word in ("--perms", "1777", "--size", str(size), "--tmpfs", place)]


def _sealed() -> list[str]:
    """No more is written where the other mounts hang: memory without a limit, and in /proc the kernel's own settings.

    Those belong to root, capabilities or not: started by root, an agent could set the host's core_pattern.
    """
    hidden = [word for name in KERNEL_FILES if Path("/proc", name).exists() for word in _null(Path("/proc", name))]
    return [*hidden, *(word for place in ("/etc", "/dev", "/proc", "/") for word in ("--remount-ro", place))]


def _null(place: Path) -> list[str]:
    return ["--ro-bind", "/dev/null", str(place)]


def _namespaces() -> list[str]:
    return [
        "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--disable-userns",
        "--hostname", "dayshift",
        "--cap-drop", "ALL", "--die-with-parent", "--new-session",
    ]  # fmt: skip


def _read_only(folders: Sequence[Path]) -> list[str]:
    words: list[str] = []
    for folder in folders:
        words += ["--ro-bind-try", str(folder), str(folder)]
    return words
