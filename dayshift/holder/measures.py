"""What a run takes of the machine: its processes, their memory, its private file systems, the disk of its workspace.

A process that ends while it is looked at counts for nothing; what may not be read counts for nothing either.
"""

import contextlib
import os
import stat
from collections.abc import Iterator

from dayshift.holder.processes import below, started_by
from dayshift.holder.walk import BLOCK

PRIVATE = frozenset({"/", "/dev", "/dev/shm", "/etc", "/tmp", "/var/tmp"})  #: where a sandbox keeps files in memory
INODE = 1024  #: bytes of memory that a file there takes, however empty it is


# --- processes -------------------------------------------------------------------------------------


def namespace(pid: int | str) -> int:
    """Names the process's PID namespace; 0 if it is gone."""
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return 0


def processes(root: int) -> list[str]:
    """The folders in /proc of a run's processes: of the whole sandbox if `root` is its first, else what is below it."""
    if namespace(root) in (0, namespace("self")):
        return [f"/proc/{pid}" for pid in below(root)]
    own = f"/proc/{root}/root/proc"  # the sandbox's own list of processes: exact, and no longer than they are many
    if not is_built(root):
        return []
    try:
        return [f"{own}/{name}" for name in os.listdir(own) if name.isdigit()]
    except OSError:
        return []


def is_built(init: int) -> bool:
    """Whether a sandbox stands: until then its first process still sees the whole host."""
    return namespace(f"{init}/root/proc/1") == namespace(init) != 0


def root(pid: int) -> int:
    """The first process of the sandbox that this one put up; itself if it has put up none."""
    ours = namespace("self")
    return next((child for child in started_by(pid) if namespace(child) not in (0, ours)), pid)


# --- memory ----------------------------------------------------------------------------------------


RESIDENT = (b"RssAnon", b"VmSwap", b"RssShmem")  #: of /proc/PID/status, what is shared at the end
PROPORTIONAL = (b"Pss_Anon", b"SwapPss", b"Pss_Shmem")  #: of /proc/PID/smaps_rollup, in the same order


def memory(listed: list[str], nameless: int = 0, shared_once: bool = False) -> int:
    """Bytes of memory, swapped or not, that the kernel cannot take back; what processes share counts for each of them,
    unless `shared_once`, which takes the kernel far longer to tell. `nameless` bytes of files may be mapped or not."""
    name, wanted = ("smaps_rollup", PROPORTIONAL) if shared_once else ("status", RESIDENT)
    figures = [_figures(f"{each}/{name}", wanted) for each in listed]
    own = sum(anonymous + swapped for anonymous, swapped, _ in figures)
    return own + max(nameless, sum(shared for _, _, shared in figures))


def _figures(path: str, wanted: tuple[bytes, bytes, bytes]) -> tuple[int, int, int]:
    """These lines of the file, each `Name:   123 kB`, in bytes."""
    try:
        with open(path, "rb") as file:
            lines = dict(line.partition(b":")[::2] for line in file)
    except OSError:
        return 0, 0, 0
    first, second, third = (int(lines.get(name, b"0").split()[0]) << 10 for name in wanted)
    return first, second, third


def shared_by_all() -> int:
    """Bytes of shared memory and of swap in use on the whole machine: what one run has of it is no more."""
    with open("/proc/meminfo", "rb") as file:
        lines = dict(line.partition(b":")[::2] for line in file)
    shared, swap, free = (int(lines.get(name, b"0").split()[0]) << 10 for name in (b"Shmem", b"SwapTotal", b"SwapFree"))
    return shared + swap - free


def nameless(listed: list[str]) -> dict[int, int]:
    """Bytes of files without a name that processes hold open or have mapped, by the device they are on: removed, or
    never named. Of those only mapped the kernel tells root alone."""
    found: dict[tuple[int, int], int] = {}
    for each in listed:
        for path in (*(entry.path for entry in _entries(f"{each}/fd")), *_mapped(each)):
            try:
                facts = os.stat(path)
            except OSError:
                continue
            if facts.st_nlink == 0 and stat.S_ISREG(facts.st_mode):
                found[facts.st_dev, facts.st_ino] = facts.st_blocks * BLOCK
    devices = {device for device, _ in found}
    return {each: sum(size for (device, _), size in found.items() if device == each) for each in devices}


def _mapped(process: str) -> Iterator[str]:
    """Where to look at the files without a name that it has mapped; System V segments are told of elsewhere."""
    if os.geteuid() != 0:
        return
    with contextlib.suppress(OSError), open(f"{process}/maps", "rb") as file:
        for line in file:
            if line.endswith(b" (deleted)\n") and b" /SYSV" not in line:
                first, last = (int(word, 16) for word in line.partition(b" ")[0].split(b"-"))
                yield f"{process}/map_files/{first:x}-{last:x}"


def memory_device() -> int:
    """The device of files that are memory and never had a name."""
    file = os.memfd_create("device")
    try:
        return os.fstat(file).st_dev
    finally:
        os.close(file)


def private(init: int) -> int:
    """Bytes of memory in the files of a sandbox's own file systems."""
    if not is_built(init):
        return 0
    try:
        with open(f"/proc/{init}/mountinfo") as file:
            mounts = [line.partition(" - ") for line in file]
    except OSError:
        return 0
    points = {first.split()[4] for first, _, last in mounts if last.startswith("tmpfs ")}
    return sum(_held(f"/proc/{init}/root{point}") for point in points & PRIVATE)


def _held(folder: str) -> int:
    """What the file system of that folder holds."""
    try:
        facts = os.statvfs(folder)
    except OSError:
        return 0
    return filled(folder) + (facts.f_files - facts.f_ffree) * INODE


# --- disk ------------------------------------------------------------------------------------------


def device(folder: str) -> int:
    """Names the file system a folder is on."""
    try:
        return os.stat(folder).st_dev
    except OSError:
        return 0


def filled(folder: str) -> int:
    """Bytes that are in use on the folder's file system, whosoever they are."""
    try:
        facts = os.statvfs(folder)
    except OSError:
        return 0
    return (facts.f_blocks - facts.f_bfree) * facts.f_frsize


def _entries(folder: str) -> "Iterator[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return
