"""The known local databases of a worktree: files that an agent may read, and that nothing in its sandbox can write.

What makes a file one is its name and that it is no text. It is known by its inode: in whatever folder an agent puts it
aside, the next run finds it again.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from dayshift import files

ENDINGS = (
    ".accdb", ".db", ".db2", ".db3", ".duckdb", ".fdb", ".mdb", ".s3db", ".sdb", ".sl3", ".sqlite", ".sqlite2",
    ".sqlite3", ".sqlitedb",
)  # fmt: skip
COMPANIONS = ("-journal", "-wal")  #: files beside a SQLite database that are a part of it
SCRATCH = frozenset({
    "__tests__", "fixture", "fixtures", "spec", "specs", "temp", "test", "testdata", "testing", "tests", "tmp",
})  # fmt: skip
UNSEEN = frozenset({".git", ".tox", ".venv", "node_modules", "venv"})  #: nobody's own files; never looked into
MOST = 500
SAMPLE = 512  #: bytes by which text is told from a database


class TooMany(Exception):
    """A worktree holds more databases than can be protected; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person says: globs of files that count as databases, and of databases that may be written."""

    read_only: Sequence[str] = ()
    writable: Sequence[str] = ()


def find(tree: Path, wanted: Wanted) -> dict[str, int]:
    """The databases below that folder, by path with their inodes; TooMany if they are more than can be bound."""
    found = {str(path.relative_to(tree)): inode for path, inode in _files(tree) if _is_one(path, tree, wanted)}
    if len(found) <= MOST:
        return found
    raise TooMany(
        f"{len(found)} databases in the worktree, more than the {MOST} that can be protected; name those that agents "
        f"may write in workspace.databases.writable, e.g. [{Path(min(found)).parent}/*]"
    )


def standing(tree: Path, known: Mapping[str, int]) -> list[Path]:
    """Where the known databases are now; one that is there no more is left out."""
    real = Path(os.path.realpath(tree))
    there = {
        tree / path
        for path, inode in known.items()
        if _inode(tree / path) == inode and Path(os.path.realpath(tree / path)) == real / path
    }
    if len(there) < len(known):
        moved = set(known.values())
        there = {path for path, inode in _files(tree, unseen=frozenset()) if inode in moved}
    return sorted(there)


def _files(tree: Path, unseen: frozenset[str] = UNSEEN) -> Iterator[tuple[Path, int]]:
    """Every regular file below that folder, with its inode; no link is followed."""
    for folder, subfolders, names in files.walk(tree):
        subfolders[:] = [name for name in subfolders if name not in unseen]
        for name in names:
            if inode := _inode(path := folder / name):
                yield path, inode


def _inode(path: Path) -> int | None:
    """That of a regular file; None of anything else."""
    try:
        facts = path.lstat()
    except OSError:
        return None
    return facts.st_ino if stat.S_ISREG(facts.st_mode) else None


def _is_one(path: Path, tree: Path, wanted: Wanted) -> bool:
    place = path.relative_to(tree)
    if any(_matches(place, glob) for glob in wanted.writable):
        return False
    if any(_matches(place, glob) for glob in wanted.read_only):
        return True
    if any(part.lower() in SCRATCH for part in place.parts[:-1]) or not _is_named_so(path.name.lower()):
        return False
    return not _is_text(path)


def _matches(place: Path, glob: str) -> bool:
    return fnmatchcase(f"/{place}", f"*/{glob}")


def _is_named_so(name: str) -> bool:
    return name.endswith((*ENDINGS, *(ending + companion for ending in ENDINGS for companion in COMPANIONS)))


def _is_text(path: Path) -> bool:
    """Whether it begins as text does; an empty file may become a database and is none."""
    try:
        with path.open("rb") as file:
            begin = file.read(SAMPLE)
    except OSError:
        return False
    try:
        begin.decode()
    except UnicodeDecodeError as error:
        return error.start > SAMPLE - 4  # a character that the sample's end cuts
    return bool(begin) and b"\0" not in begin
