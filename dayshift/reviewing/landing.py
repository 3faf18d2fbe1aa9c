"""Prepared files put into the person's tree, by renames and removals alone, entering no folder through a link.

What holds if it is cut short: every path is as it was or as it shall be, never a part of a file. Whoever has the list
of changes can call `land` again, and it goes on. Should a path be neither, nothing more is touched.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dayshift.failpoints import passing

FOLDER = "folder"
OTHER = "neither a file nor a link"
ENTERED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Change:
    """One path of the tree: what `seen` said of it, and what it shall say; None is nothing."""

    path: str
    before: str | None
    after: str | None
    exact: bool = False  #: with the rights of the prepared file, whatever those of the present one are


class Disturbed(Exception):
    """Paths are not as they were when the changes were prepared; the message names them."""


def seen(tree: Path, path: str) -> str | None:
    """What lies there: a digest of a file or a link, FOLDER, OTHER, or None if nothing; no link is followed."""
    try:
        with folder_of(tree, path) as (folder, name):
            return _sight(folder, name)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _sight(folder: int, name: str) -> str:
    facts = os.lstat(name, dir_fd=folder)
    if stat.S_ISLNK(facts.st_mode):
        return f"link {hashlib.sha256(os.fsencode(os.readlink(name, dir_fd=folder))).hexdigest()}"
    if stat.S_ISDIR(facts.st_mode):
        return FOLDER
    if not stat.S_ISREG(facts.st_mode):
        return OTHER
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{'program' if facts.st_mode & stat.S_IXUSR else 'file'} {digest}"


@contextmanager
def folder_of(tree: Path, path: str, make: bool = False) -> Iterator[tuple[int, str]]:
    """The folder a path lies in, entered step by step, and the name there; NotADirectoryError if a link is a step."""
    *above, name = path.split("/")
    folder = os.open(tree, ENTERED)
    try:
        for step in above:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(step, dir_fd=folder)
            below = os.open(step, ENTERED, dir_fd=folder)
            os.close(folder)
            folder = below
        yield folder, name
    finally:
        os.close(folder)


def settle(stage: Path, paths: Sequence[str]) -> None:
    """Make the prepared files durable."""
    for path in paths:
        with folder_of(stage, path) as (folder, name):
            if stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                os.fsync(descriptor)
                os.close(descriptor)
    passing("stage.synced")
    _settle_names(stage, paths)


def _settle_names(tree: Path, paths: Iterable[str]) -> None:
    """Make durable which names the folders of these paths hold; a folder that is gone holds none."""
    for inside in {f"{path.rpartition('/')[0]}/.".lstrip("/") for path in paths}:
        with suppress(FileNotFoundError, NotADirectoryError), folder_of(tree, inside) as (folder, _):
            os.fsync(folder)
    passing("names.synced")


def land(tree: Path, stage: Path, changes: Sequence[Change]) -> None:
    """Bring the changes about, the new contents from the stage; Disturbed, and nothing touched, if they do not fit."""
    if unfit := disturbed(tree, stage, changes):
        raise Disturbed(", ".join(unfit))
    gone = [change for change in changes if change.after is None]
    for change in sorted(gone, key=lambda change: change.path, reverse=True):
        _take_away(tree, change)
    for change in changes:
        if change.after is not None:
            _put(tree, stage, change)
    _settle_names(tree, [change.path for change in changes])


def disturbed(tree: Path, stage: Path, changes: Sequence[Change]) -> list[str]:
    """The paths that are neither as they were nor as they shall be, or whose new content is gone."""
    return [change.path for change in changes if not _fits(tree, stage, change)]


def _fits(tree: Path, stage: Path, change: Change) -> bool:
    """Whether the path is as it shall be, or as it was with its new content at hand."""
    now = seen(tree, change.path)
    if change.after is None and now in (None, FOLDER):  # a folder has come in its place
        return True
    return now == change.after or (_as_before(now, change) and change.after in (None, seen(stage, change.path)))


def _as_before(now: str | None, change: Change) -> bool:
    return now == change.before or (change.before == FOLDER and now is None)  # cut short, its files were gone already


def _take_away(tree: Path, change: Change) -> None:
    """Remove the file, and the folders that it leaves empty."""
    with suppress(FileNotFoundError, NotADirectoryError), folder_of(tree, change.path) as (folder, name):
        stamp = _stamp(folder, name)
        if (now := _sight(folder, name)) != FOLDER:
            _must_be_as_before(now, change)
            _must_be_untouched(folder, name, stamp, change)
            os.unlink(name, dir_fd=folder)
            passing("path.removed")
    above = change.path.split("/")[:-1]
    while above:
        try:
            with folder_of(tree, "/".join(above)) as (folder, name):
                os.rmdir(name, dir_fd=folder)
        except OSError:  # it holds something
            return
        above.pop()


def _put(tree: Path, stage: Path, change: Change) -> None:
    stamp = _stamp_at(tree, change.path)
    now = seen(tree, change.path)
    if now == change.after:
        return
    _must_be_as_before(now, change)
    with folder_of(stage, change.path) as (source, name), folder_of(tree, change.path, make=True) as (target, _):
        if not change.exact:
            _keep_rights(source, target, name)
        _must_be_untouched(target, name, stamp, change)
        passing("path.landing")
        os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
        passing("path.landed")


def _stamp_at(tree: Path, path: str) -> tuple[int, ...]:
    with suppress(FileNotFoundError, NotADirectoryError), folder_of(tree, path) as (folder, name):
        return _stamp(folder, name)
    return ()


def _stamp(folder: int, name: str) -> tuple[int, ...]:
    """What changes with every save; nothing if nothing is there."""
    with suppress(FileNotFoundError):
        facts = os.lstat(name, dir_fd=folder)
        return (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    return ()


def _must_be_untouched(folder: int, name: str, stamp: tuple[int, ...], change: Change) -> None:
    """A large file is read for a while: nobody may have saved into it meanwhile."""
    if _stamp(folder, name) != stamp:
        raise Disturbed(change.path)


def _must_be_as_before(now: str | None, change: Change) -> None:
    if not _as_before(now, change):
        raise Disturbed(change.path)


def _keep_rights(source: int, target: int, name: str) -> None:
    """A file that was kept from others stays so; whether it may be executed is the new one's."""
    try:
        old = os.lstat(name, dir_fd=target).st_mode
    except FileNotFoundError:
        return
    new = os.lstat(name, dir_fd=source).st_mode
    if stat.S_ISREG(old) and stat.S_ISREG(new):
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
        os.fchmod(descriptor, rights_kept(old, bool(new & stat.S_IXUSR)))
        os.close(descriptor)


def rights_kept(old: int, runs: bool) -> int:
    """The rights a file gets that comes in the place of one with these."""
    rights = old & 0o666
    return rights | ((rights & 0o444) >> 2 if runs else 0)


def unwritable(tree: Path, path: str) -> str | None:
    """Why a change of that path would fail half-way, in words; None if nothing speaks against it."""
    parts = path.split("/")
    for count in range(len(parts) - 1, -1, -1):
        folder = tree.joinpath(*parts[:count])
        if folder.is_dir():
            if folder.stat().st_dev != tree.stat().st_dev:
                return f"{folder} is another file system"
            return None if os.access(folder, os.W_OK | os.X_OK) else f"{folder} may not be written"
    return None
