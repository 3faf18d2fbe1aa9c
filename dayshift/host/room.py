"""What the disks that we write to have left, whether that is enough to start an agent, and what to do if it is not.

Joins the holder, which knows the errors that a full disk makes.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dayshift.holder import HINDRANCES

GB = 1 << 30
FEWEST_FILES = 10_000  #: that can still be made; a worktree alone is thousands
CURE = "free some, e.g. `dayshift clean --all`"
FULL = 1 << 20  #: bytes; with less left, what a program writes no longer fits
WORDS = (
    *map(os.strerror, HINDRANCES), "database or disk is full", "disk I/O error", "unable to open database file",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Room:
    """What one file system still takes from this user."""

    mount: Path
    free: int  #: bytes
    files: int | None = None  #: that can still be made, None where they are not counted


def free(place: Path) -> Room:
    """Of the file system the place is on, or will be; OSError if that does not tell."""
    facts = os.statvfs(_existing(place))
    return Room(mount(place), facts.f_bavail * facts.f_frsize, facts.f_favail if facts.f_files else None)


def mount(place: Path) -> Path:
    """Where the file system is mounted that the place is on, or will be."""
    place = _existing(place).resolve()
    while not os.path.ismount(place):
        place = place.parent
    return place


def _existing(place: Path) -> Path:
    place = place.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def scarce(rooms: Iterable[Room], floor: int) -> Room | None:
    """The first with less than that many bytes left, or too few files; none if the floor is 0."""
    for room in rooms if floor else ():
        if room.free < floor or (room.files is not None and room.files < FEWEST_FILES):
            return room
    return None


def told(room: Room, floor: int) -> str:
    """What is wrong with it, and the cure, in a line."""
    if room.files is not None and room.files < FEWEST_FILES:
        left = f"only {room.files} more files fit"
    else:
        left = f"{room.free / GB:.1f} GB" if room.free > GB else f"{room.free >> 20} MiB"
        left += f" left, and limits.free_gb is {floor / GB:g}"
    return f"no room on {room.mount}: {left}; {CURE}"


def is_full(place: Path) -> bool:
    """Whether programs there fail since nothing fits any more."""
    try:
        return free(place).free < FULL
    except OSError:
        return True


def is_hindrance(error: BaseException | None) -> bool:
    """Whether it failed only since the machine has no room, or a disk fails, so that what is tried later succeeds. The
    last words of a program, say git, may tell that."""
    while error is not None:
        by_number = isinstance(error, OSError) and error.errno in HINDRANCES
        if by_number or (not isinstance(error, OSError) and any(words in str(error) for words in WORDS)):
            return True
        error = error.__cause__
    return False
