"""The Claude Code CLI on this machine: which one is used, and of which version."""

import re
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which

OLDEST = (2, 1, 295)  #: the first release whose hooks can be told to block when they fail (`onFailure`)


class NoCli(Exception):
    """No usable Claude Code CLI; the message says what was looked for and how to get one."""


@dataclass(frozen=True, slots=True)
class Cli:
    """One installed CLI."""

    path: Path
    version: tuple[int, ...]

    @property
    def label(self) -> str:
        """`2.1.329`."""
        return ".".join(map(str, self.version))


def bundled() -> Path | None:
    """The CLI that the PyPI package claude-agent-sdk carries, if it is installed here."""
    package = find_spec("claude_agent_sdk")
    if package is None or not package.submodule_search_locations:
        return None
    path = Path(package.submodule_search_locations[0]) / "_bundled" / "claude"
    return path if path.is_file() else None


def locate(configured: str | None, pinned_only: bool = False) -> Cli:
    """The CLI to use: the configured one, else one on PATH that is new enough, else the bundled one. Or NoCli."""
    if configured:
        return _new_enough(Path(configured).expanduser())
    on_path = None if pinned_only else which("claude")
    if on_path:
        cli = version_of(Path(on_path))
        if cli and cli.version >= OLDEST:
            return cli
    pinned = bundled()
    if pinned is None:
        raise NoCli("no Claude Code CLI found; install one with `pip install 'dayshift[cli]'` or set agent.cli")
    return _new_enough(pinned)


def _new_enough(path: Path) -> Cli:
    cli = version_of(path)
    if cli is None:
        raise NoCli(f"{path} is not a Claude Code CLI that runs here; set agent.cli or leave it out")
    if cli.version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise NoCli(f"{path} is version {cli.label}; {oldest} or newer is needed, older ones let a failing guard pass")
    return cli


def version_of(path: Path) -> Cli | None:
    """The CLI with its version, or None if it does not run."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "DISABLE_AUTOUPDATER": "1"}
    try:
        result = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=30, check=False, env=environment,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", result.stdout)
    return Cli(path.resolve(), tuple(map(int, match.groups()))) if match else None
