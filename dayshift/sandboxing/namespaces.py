"""Why no sandbox can be made on this machine, and the cure for each reason: read from the kernel's own switches."""

import platform
from collections.abc import Iterator
from pathlib import Path

SWITCHES = Path("/proc/sys")
NOT_LINUX = (
    "{system} has no bubblewrap: agents run on Linux only. Run dayshift in a Linux machine of its own, "
    "a virtual one (Lima, UTM, WSL 2) or a container that may make user namespaces"
)
UNKNOWN = (
    "user namespaces are refused by something outside this machine's switches, most likely the container it is: "
    "for Docker add `--security-opt seccomp=unconfined --security-opt apparmor=unconfined`, or use a virtual machine"
)
BY_HAND = "or set `sandbox: none` in config/orchestrator.yaml; docs/security.md says what is lost then"


def unsupported(system: str = "") -> list[str]:
    """Why this operating system cannot run agents at all; empty on Linux."""
    system = system or platform.system()
    return [] if system == "Linux" else [NOT_LINUX.format(system={"Darwin": "macOS"}.get(system, system))]


def cures(switches: Path = SWITCHES) -> list[str]:
    """What keeps bubblewrap from making a user namespace, each with its cure; at least one line."""
    return [*(list(_switched_off(switches)) or [UNKNOWN]), BY_HAND]


def _switched_off(switches: Path) -> Iterator[str]:
    if _read(switches / "kernel/unprivileged_userns_clone") == "0":
        yield "user namespaces are switched off: `sudo sysctl -w kernel.unprivileged_userns_clone=1`"
    if _read(switches / "user/max_user_namespaces") == "0":
        yield "no user namespace may be made: `sudo sysctl -w user.max_user_namespaces=15000`"
    if _read(switches / "kernel/apparmor_restrict_unprivileged_userns") == "1":
        yield (
            "AppArmor keeps user namespaces from bubblewrap (Ubuntu since 23.10): give it a profile with `userns,` "
            "in /etc/apparmor.d, or `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
        )


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
