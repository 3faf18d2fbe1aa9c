"""The bubblewrap command line round an agent: what it may see, the one place it may write, and no way out."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RELAY_PORT = 8900  #: on 127.0.0.1 inside the namespace; leads to the agent's own gateway socket and nowhere else
SOCKET_FOLDER = Path("/run/dayshift")  #: where the agent's socket folder appears inside
SOCKET_NAME = "gateway.sock"
MANAGED_SETTINGS = Path("/etc/claude-code")

# What programs read to name users, hosts and certificates, to link, and to tell the time. No shadow, no keys.
ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "debian_version", "group", "host.conf", "hosts",
    "inputrc",
    "java-17-openjdk", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "locale.alias", "locale.conf", "magic",
    "mime.types", "nsswitch.conf", "os-release", "passwd", "pki", "protocols", "python3", "python3.11", "services",
    "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip

NO_SANDBOX = "NO SANDBOX"
LAYERS = (
    "repository git directory read-only",
    "no network but the gateway",
    "no host sockets, home or credentials",
    "own user, processes and /tmp; no capabilities",
)


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

    def argv(self, command: Sequence[str], status: bool = False) -> list[str]:
        """bubblewrap and its arguments for that command; `{status-fd}` stands for a holder's status pipe."""
        reporting = ["--json-status-fd", "{status-fd}"] if status else []
        return [
            shutil.which("bwrap") or "bwrap", *_system(), *self._etc(), *_read_only(self.read_only),
            *self._tree(), *self._extras(),
            *_namespaces(), *reporting, "--chdir", str(self.repo), *self._variables(),
            "--", *self._relayed(command),
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
            "--ro-bind", str(self.git_dir), str(self.git_dir),
            "--bind", str(self.workspace), str(self.workspace),
            "--bind", str(self.repo), str(self.repo),
            "--ro-bind", str(self.repo / ".git"), str(self.repo / ".git"),
        ]  # fmt: skip

    def _extras(self) -> list[str]:
        words = ["--perms", "0755", "--dir", "/run"]
        if self.sockets:
            words += ["--ro-bind", str(self.sockets), str(SOCKET_FOLDER)]
        for inside, outside in self.read_only_at.items():
            words += ["--ro-bind", str(outside), str(inside)]
        return words

    def _variables(self) -> list[str]:
        words = ["--clearenv"]
        for name, value in {"HOME": str(self.home), **self.environment}.items():
            words += ["--setenv", name, value]
        return words

    def _relayed(self, command: Sequence[str]) -> list[str]:
        return relayed(command, RELAY_PORT, SOCKET_FOLDER) if self.sockets else list(command)


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
        inner = relayed(command, self.port, self.sockets) if self.sockets else list(command)
        return ["/usr/bin/env", "--ignore-environment", f"--chdir={self.repo}", *variables, *inner]


def relayed(command: Sequence[str], port: int, sockets: Path) -> list[str]:
    """The command with a relay from a loopback port to the gateway's socket beside it; it starts when that listens."""
    listen = f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,backlog=128"
    relay = f"socat {listen} UNIX-CONNECT:{sockets / SOCKET_NAME} &"
    ready = f"n=0; until grep -q :{port:04X} /proc/net/tcp || [ $((n += 1)) -gt 500 ]; do sleep 0.01; done"
    return ["/bin/sh", "-c", f'{relay} {ready}; exec "$@"', "sh", *command]


def _system() -> list[str]:
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        place = Path("/", name)
        if place.is_symlink():
            words += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            words += ["--ro-bind", str(place), str(place)]
    return [*words, "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp"]


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
