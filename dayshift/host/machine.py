"""What an answer to a question about this machine depends on: system, kernel, sandbox, Python, program, user."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

COMPONENTS = ("click", "pydantic", "aiohttp", "watchdog", "psutil", "tree-sitter", "tree-sitter-bash",
              "python-telegram-bot", "claude-agent-sdk")  # fmt: skip


def machine() -> str:
    """All of it in one line."""
    facts = (
        _system(), f"Linux {platform.release()} {platform.machine()}", bubblewrap(),
        f"Python {platform.python_version()}", f"dayshift {version()}",
        "as root" if os.geteuid() == 0 else "as a normal user",
    )  # fmt: skip
    return ", ".join(facts)


def version() -> str:
    """The program's version, or that it runs in place."""
    try:
        return installed("dayshift")
    except PackageNotFoundError:
        return "from a clone"


def components() -> dict[str, str]:
    """The versions of the libraries it stands on; what is not installed is not named."""
    found = {}
    for name in COMPONENTS:
        try:
            found[name] = installed(name)
        except PackageNotFoundError:
            continue
    return found


def bubblewrap() -> str:
    """What bubblewrap says its version is."""
    try:
        told = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return "no bubblewrap"
    return told.strip()


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "an unnamed system")
    except OSError:
        return "an unnamed system"
