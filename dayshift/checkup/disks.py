"""The disks and folders that a day writes to: room, file system, who may write."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dayshift.checkup.points import Point, Subject
from dayshift.host import mounts, room

TEMPORARY = Path("/tmp")
LEAST_TEMPORARY = 256 << 20  #: bytes: trees are put together there


def disks(subject: Subject) -> Iterator[Point]:
    """Room and files left wherever a day writes, each file system once."""
    known, floor = mounts.mounts(), int(subject.settings.limits.free_gb * room.GB)
    seen: set[Path] = set()
    for place, least in ((subject.home.root, floor), (subject.home.workspaces, floor), (TEMPORARY, LEAST_TEMPORARY)):
        try:
            found = room.free(place)
        except OSError as error:
            yield Point(f"disk of {place}", False, str(error), cure="mount it, or take another home")
            continue
        if found.mount not in seen:
            seen.add(found.mount)
            yield _disk(place, found, least, known)


def _disk(place: Path, found: room.Room, least: int, known: list[mounts.Mount]) -> Point:
    kind = mounts.mount_of(found.mount, known)
    told = f"{found.free / room.GB:.1f} GB" + (f" and {found.files} files" if found.files is not None else "") + " left"
    described = f"{told}, {kind.type if kind else 'of an unknown type'}"
    name = f"disk {found.mount}"
    if os.statvfs(found.mount).f_flag & os.ST_RDONLY:
        return Point(name, False, f"{described}, read-only", cure="mount it to be written, or take another home")
    if unfit := mounts.unfit(place, known) if place != TEMPORARY else "":
        return Point(name, False, unfit)
    if room.scarce([found], least) is not None:
        return Point(name, False, f"{described}; {room.told(found, least)}", cure=room.CURE)
    return Point(name, True, described)


def rights(subject: Subject) -> Iterator[Point]:
    """The home's folders: the person's own, writable by them and by nobody else."""
    home = subject.home
    folders = (home.root, home.own, home.records, home.workspaces, home.status, home.questions, home.logs,
               home.results, home.inbox)  # fmt: skip
    wrong = [why for folder in folders if folder.is_dir() and (why := _wrong(folder))]
    found = "; ".join(wrong) or "yours, and nobody else may write"
    yield Point("folders", not wrong, found, cure="`chown` or `chmod` them as said" if wrong else "")


def _wrong(folder: Path) -> str:
    facts = folder.stat()
    if facts.st_uid != os.getuid():
        return f"{folder} belongs to uid {facts.st_uid}: chown -R {os.getuid()} {folder}"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return f"{folder} cannot be written: chmod u+rwx {folder}"
    if facts.st_mode & stat.S_IWOTH and not facts.st_mode & stat.S_ISVTX:
        return f"{folder} can be written by everybody: chmod o-w {folder}"
    return ""
