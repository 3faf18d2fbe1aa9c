"""What the kernel allows this user: open files, processes, watches; enough for so many agents at once."""

import resource
from collections.abc import Iterator
from pathlib import Path

from dayshift.checkup.points import Point, Subject

FILES, FILES_OF_AGENT = 128, 24  #: the daemon's own open files, and those for each agent: sockets, streams, pipes
PROCESSES_OF_AGENT = 64  #: and threads, of one CLI with its tools
LEAST_WATCHES = 16  #: inotify watches and instances; the daemon takes one instance and two watches


def allowances(subject: Subject) -> Iterator[Point]:
    """Each limit, held against what a full house needs."""
    agents = subject.settings.max_agents
    yield _open_files(FILES + FILES_OF_AGENT * agents)
    yield _processes(agents)
    yield _watches()


def _open_files(needed: int) -> Point:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft in (resource.RLIM_INFINITY, -1) or soft >= needed:
        return Point("open files", True, f"{_shown(soft)} allowed, about {needed} needed")
    return Point("open files", False, f"{soft} allowed, about {needed} needed",
                 cure=f"`ulimit -n {max(needed, 1024)}` before `start`, or a lower max_agents")  # fmt: skip


def _processes(agents: int) -> Point:
    needed = PROCESSES_OF_AGENT * agents
    allowed = [each for each in (_of_user(), _number("/proc/sys/kernel/pid_max"), _of_group()) if each is not None]
    least = min(allowed, default=needed)
    if least >= needed:
        return Point("processes", True, f"{least} allowed, about {needed} needed")
    return Point("processes", False, f"{least} allowed, about {needed} needed",
                 cure="raise `ulimit -u`, or the pids.max of the container; or a lower max_agents")  # fmt: skip


def _of_user() -> int | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    return None if soft in (resource.RLIM_INFINITY, -1) else soft


def _of_group() -> int | None:
    """What the control group allows, of either version; None where nothing is set."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers == "" or "pids" in controllers.split(","):
            place = f"/sys/fs/cgroup/{controllers}{path}/pids.max"
            if (number := _number(place)) is not None:
                return number
    return None


def _watches() -> Point:
    names = ("max_user_instances", "max_user_watches")
    found = {name: _number(f"/proc/sys/fs/inotify/{name}") for name in names}
    told = ", ".join(f"{name} {number if number is not None else 'unknown'}" for name, number in found.items())
    ok = all(number is None or number >= LEAST_WATCHES for number in found.values())
    cure = "" if ok else "raise them with sysctl; without them answers take up to a second"
    return Point("file watches", ok, told, cure=cure)


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return None


def _shown(number: int) -> str:
    return "any number" if number in (resource.RLIM_INFINITY, -1) else str(number)
