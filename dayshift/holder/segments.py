"""System V shared memory of a sandbox. It belongs to no process and outlives those that filled it.

The kernel tells whoever opens its list of the segments in his own IPC namespace, whichever /proc it is. So a
short-lived process, this file run as a program, goes there, opens the list and hands it out; reading it is then enough.
"""

import ctypes
import fcntl
import os
import socket
import subprocess
import sys
from typing import BinaryIO

NS_GET_USERNS = 0xB701
CLONE_NEWUSER, CLONE_NEWIPC = 0x10000000, 0x08000000
LIST = "/proc/sysvipc/shm"
SECONDS = 5.0  #: how long the way there may take; then nothing is known


def opened(init: int) -> BinaryIO | None:
    """The list of segments of that sandbox."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        words = [sys.executable, "-I", "-S", __file__, str(init), str(theirs.fileno())]
        try:
            subprocess.run(
                words, env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),), timeout=SECONDS, check=True,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return None
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        return os.fdopen(descriptors[0], "rb", buffering=0)


def held(file: BinaryIO) -> tuple[int, int]:
    """Bytes of memory, swapped or not, in the segments that no process has attached, and in all others."""
    file.seek(0)
    names, *lines = (line.split() for line in file.read().splitlines())
    found = [dict(zip(names, map(int, line), strict=True)) for line in lines]
    sizes = [(each[b"nattch"] > 0, each[b"rss"] + each[b"swap"]) for each in found]
    return sum(size for used, size in sizes if not used), sum(size for used, size in sizes if used)


def enter(init: int) -> None:
    """Go to the IPC namespace of that process; the user namespace it belongs to comes first, and gives the right to."""
    space = os.open(f"/proc/{init}/ns/ipc", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    for descriptor, kind in ((fcntl.ioctl(space, NS_GET_USERNS), CLONE_NEWUSER), (space, CLONE_NEWIPC)):
        if libc.setns(descriptor, kind) != 0:
            raise OSError(ctypes.get_errno(), "setns")


if __name__ == "__main__":
    enter(int(sys.argv[1]))
    with open(LIST) as file, socket.socket(fileno=int(sys.argv[2])) as receiver:
        socket.send_fds(receiver, [b"x"], [file.fileno()])
