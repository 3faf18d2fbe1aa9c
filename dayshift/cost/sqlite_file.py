"""A SQLite file of the program's own beside the ledger: made, opened, its faults told with their cure."""

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dayshift.cost.transactions import transaction
from dayshift.files import Unusable

PATIENCE = 5.0  #: seconds to wait for another process that has the file


@dataclass(frozen=True, slots=True)
class Layout:
    """What such a file holds, and in words what is lost with it."""

    version: int
    schema: tuple[str, ...]
    lost: str


def opened(path: Path, layout: Layout) -> sqlite3.Connection:
    """The file, made if there is none; what is committed in it is on disk. Unusable if it is broken or too new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with explained(path, layout):
        connection = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            with transaction(connection):
                _make(path, connection, layout)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def explained(path: Path, layout: Layout) -> Iterator[None]:
    """For the block: what SQLite finds wrong is Unusable, with the cure if the file itself is broken."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        is_broken = type(error) is sqlite3.DatabaseError  # its subclasses: locked, full disk, no permission
        raise Unusable(f"{path}: {error}{_cure(path, layout) if is_broken else ''}") from error


def _make(path: Path, connection: sqlite3.Connection, layout: Layout) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > layout.version:
        known = f"this one knows {layout.version}"
        raise Unusable(f"{path} was written by a newer dayshift (version {version}; {known}); update the program")
    if version == 0:
        for statement in layout.schema:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {layout.version}")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Unusable(f"{path}: {verdict}{_cure(path, layout)}")


def _cure(path: Path, layout: Layout) -> str:
    name, place = shlex.quote(str(path)), shlex.quote(str(path.parent / f"broken-{path.stem}"))
    return f"\nto go on without it ({layout.lost}): mkdir {place} && mv {name}* {place}"


def fault(path: Path) -> str:
    """What is wrong with such a file, read only; empty if nothing is."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if verdict == "ok" else str(verdict)


def checkpoint(path: Path) -> str:
    """Put the file's write-ahead log into it; sqlite3.Error if that cannot be done now."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)) as connection:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return "somebody has it open: not all of it" if busy else "all of it"
