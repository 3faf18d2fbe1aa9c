"""What git does not keep of a tree: the rights of its files, and its folders, down to those that hold nothing.

It joins the landing, which enters folders without following a link.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from dayshift.failpoints import passing
from dayshift.reviewing.landing import ENTERED, folder_of

BLOCK = 1 << 20
ABSENT = (FileNotFoundError, NotADirectoryError)


def copied(tree: Path, path: str, target: Path) -> tuple[int, str]:
    """Copy the file that lies there, of a link where it leads; its rights and the digest of what was copied."""
    with folder_of(tree, path) as (folder, name):
        if stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode):
            leads = os.fsencode(os.readlink(name, dir_fd=folder))
            target.write_bytes(leads)
            return 0, hashlib.sha256(leads).hexdigest()
        with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb") as file:
            found = hashlib.sha256()
            with target.open("wb") as copy:
                while block := file.read(BLOCK):
                    found.update(block)
                    copy.write(block)
                copy.flush()
                os.fsync(copy.fileno())
            passing("copy.synced")
            return stat.S_IMODE(os.fstat(file.fileno()).st_mode), found.hexdigest()


def mode(tree: Path, path: str) -> int | None:
    """Kind and rights of what lies there; None if nothing does."""
    with suppress(*ABSENT), folder_of(tree, path) as (folder, name):
        return os.lstat(name, dir_fd=folder).st_mode
    return None


def folders(tree: Path, paths: Iterable[str]) -> dict[str, int]:
    """The folders that are there on the way to these paths, or in their place, with their rights."""
    found = {step: mode(tree, step) for step in {step for path in paths for step in _steps(path)}}
    return {step: stat.S_IMODE(facts) for step, facts in found.items() if facts is not None and stat.S_ISDIR(facts)}


def _steps(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def restore(tree: Path, wanted: Mapping[str, int]) -> None:
    """See that these folders are there and have these rights; where something else lies by now, it stays."""
    for path in sorted(wanted):
        with suppress(*ABSENT), folder_of(tree, path) as (above, name):
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=above)
            folder = os.open(name, ENTERED, dir_fd=above)
            os.fchmod(folder, wanted[path])
            os.close(folder)
