"""The ledger's SQLite file: opened, brought up to date, refused when it cannot be trusted, copied once a day."""

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from dayshift.cost.transactions import transaction
from dayshift.failpoints import passing
from dayshift.files import Unusable, sync_folder
from dayshift.money import shown

BACKUPS_KEPT = 7
PATIENCE = 20.0  #: seconds a writer waits for another
THURSDAY = "date(day, '-3 days', 'weekday 4')"  #: of the day's ISO week, whose year and number are the week's
WEEK = f"printf('%s-W%02d', strftime('%Y', {THURSDAY}), (strftime('%j', {THURSDAY}) - 1) / 7 + 1)"

#: Each entry takes the file one version further; entries that were released are never changed.
MIGRATIONS = (
    """
    CREATE TABLE request (
        id INTEGER PRIMARY KEY,
        task TEXT NOT NULL, run INTEGER NOT NULL, day TEXT NOT NULL, session TEXT, agent TEXT,
        model TEXT NOT NULL, price TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'estimated', 'void')),
        worst INTEGER NOT NULL CHECK (worst >= 0),
        cost INTEGER CHECK (cost >= 0),  -- NULL while open: unknown is not zero
        admitted_at TEXT NOT NULL, settled_at TEXT, request_id TEXT, usage TEXT,
        input INTEGER NOT NULL DEFAULT 0, output INTEGER NOT NULL DEFAULT 0,
        cache_read INTEGER NOT NULL DEFAULT 0, cache_write_5m INTEGER NOT NULL DEFAULT 0,
        cache_write_1h INTEGER NOT NULL DEFAULT 0, web_searches INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX request_open ON request (id) WHERE state = 'open';
    CREATE INDEX request_day ON request (day);
    CREATE TABLE budget (
        window TEXT PRIMARY KEY, cap INTEGER,
        settled INTEGER NOT NULL DEFAULT 0 CHECK (settled >= 0),
        reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0)
    ) WITHOUT ROWID;
    CREATE TABLE booking (  -- which windows a request counts in
        window TEXT NOT NULL, request INTEGER NOT NULL REFERENCES request (id),
        PRIMARY KEY (window, request)
    ) WITHOUT ROWID;
    CREATE INDEX booking_request ON booking (request);
    CREATE TABLE mark (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;  -- what must happen only once
    """,
    f"""
    -- the day of the task's day file
    ALTER TABLE request ADD COLUMN file_day TEXT NOT NULL DEFAULT '';
    ALTER TABLE request ADD COLUMN project TEXT NOT NULL DEFAULT '';
    ALTER TABLE request ADD COLUMN provider TEXT NOT NULL DEFAULT 'anthropic';
    ALTER TABLE request ADD COLUMN account TEXT NOT NULL DEFAULT 'api' CHECK (account IN ('api', 'plan'));
    -- the budgets it counts in, as JSON
    ALTER TABLE request ADD COLUMN windows TEXT NOT NULL DEFAULT '[]';
    -- the most it can cost; worst is what is held
    ALTER TABLE request ADD COLUMN ceiling INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE request ADD COLUMN body_bytes INTEGER NOT NULL DEFAULT 0;
    UPDATE request SET ceiling = worst, file_day = COALESCE(
        (SELECT substr(window, 6, 10) FROM booking WHERE request = request.id AND window GLOB 'task:*'), day);
    INSERT INTO booking SELECT {WEEK.replace("printf('", "printf('week:")}, id FROM request;
    INSERT INTO booking SELECT 'month:' || substr(day, 1, 7), id FROM request;
    INSERT OR IGNORE INTO booking SELECT 'total', id FROM request;
    UPDATE request SET windows = (SELECT json_group_array(window) FROM booking WHERE request = request.id);
    INSERT OR IGNORE INTO budget (window) SELECT DISTINCT window FROM booking;
    UPDATE budget SET (settled, reserved) = (
        SELECT COALESCE(SUM(cost), 0), COALESCE(SUM(IIF(state = 'open', worst, 0)), 0)
        FROM booking JOIN request ON request.id = booking.request WHERE booking.window = budget.window);
    DROP TABLE booking;
    CREATE INDEX request_session ON request (session) WHERE state = 'settled';
    CREATE INDEX request_task ON request (file_day, task);
    CREATE INDEX request_account ON request (account, day);
    CREATE TABLE task (  -- what the forecast compares a task with
        file_day TEXT NOT NULL, id TEXT NOT NULL, project TEXT NOT NULL, model TEXT NOT NULL,
        complexity TEXT NOT NULL, outcome TEXT, PRIMARY KEY (file_day, id)
    ) WITHOUT ROWID;
    CREATE TABLE notice (  -- what the person is told once
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, text TEXT NOT NULL, made_at TEXT NOT NULL, told_at TEXT
    );
    """,
    """
    -- the day file it was first in, if it went on from an earlier day
    ALTER TABLE task ADD COLUMN began TEXT;
    """,
)


def opened(path: Path) -> sqlite3.Connection:
    """A connection that writes, durable at every commit, its tables up to date; Unusable if that is impossible."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # One thread at a time uses it: the daemon's writer has a thread of its own.
    connection = _connected(path, str(path), check_same_thread=False)
    with explained(path, connection):
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        with transaction(connection):
            _migrate(path, connection)
        return connection


def opened_for_reading(path: Path) -> sqlite3.Connection | None:
    """A connection that only reads, with or without a daemon; None while there is no ledger yet."""
    if not path.exists():
        return None
    connection = _connected(path, f"{path.resolve().as_uri()}?mode=ro", uri=True)
    with explained(path, connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        _refuse_newer(path, version)
        if version == len(MIGRATIONS):
            return connection
    connection.close()
    if version:
        opened(path).close()  # of an older program: brought up to date first
        return opened_for_reading(path)
    return None


def _connected(path: Path, address: str, **how: bool) -> sqlite3.Connection:
    _refuse_emptied(path)
    try:
        return sqlite3.connect(address, isolation_level=None, timeout=PATIENCE, **how)
    except sqlite3.DatabaseError as error:
        raise Unusable(f"{path}: {_in_words(path, error)}") from error


def _refuse_emptied(path: Path) -> None:
    """A ledger never becomes an empty file by itself; to take it for a new one would let every cap begin anew."""
    if path.is_file() and not path.stat().st_size and backups(path):
        raise Unusable(f"{path}: the file is empty{cure(path)}")


def _migrate(path: Path, connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    _refuse_newer(path, version)
    for script in MIGRATIONS[version:]:
        for statement in script.split(";\n"):
            connection.execute(statement)
    if version < len(MIGRATIONS):
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _refuse_newer(path: Path, version: int) -> None:
    if version > len(MIGRATIONS):
        raise Unusable(f"{path} was written by a newer dayshift (version {version}); update the program")


@contextmanager
def explained(path: Path, connection: sqlite3.Connection) -> Iterator[None]:
    """For the block: what SQLite finds wrong with the file is Unusable, with the cure, and the connection closed."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        connection.close()
        raise Unusable(f"{path}: {_in_words(path, error)}") from error
    except Unusable:
        connection.close()
        raise


def _in_words(path: Path, error: sqlite3.DatabaseError) -> str:
    if type(error) is sqlite3.DatabaseError:  # its subclasses: locked, full disk, no permission
        return f"{error}{cure(path)}"
    if error.sqlite_errorcode == sqlite3.SQLITE_CANTOPEN:
        return f"{error}; it must be a file in a folder you may write to: SQLite keeps its log there, also to read"
    return str(error)


def verify(path: Path, connection: sqlite3.Connection) -> None:
    """Unusable unless every page of the file is sound; read in whole, so asked once at start."""
    with explained(path, connection):
        found = [text for (text,) in connection.execute("PRAGMA quick_check")]
        if found != ["ok"]:
            raise Unusable(f"{path}: {found[0]}{cure(path)}")


def verify_whole(path: Path, connection: sqlite3.Connection) -> None:
    """The same, and that every index says what its table does; takes longer."""
    with explained(path, connection):
        found = [text for (text,) in connection.execute("PRAGMA integrity_check(5)")]
        if found != ["ok"]:
            raise Unusable(f"{path}: {found[0]}{cure(path)}")


def imbalances(connection: sqlite3.Connection) -> list[str]:
    """Where the budgets do not equal the sum of their requests, in words; empty when all is well."""
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT budget.window, settled, reserved, COALESCE(spent, 0), COALESCE(held, 0) FROM budget LEFT JOIN ("
        " SELECT value AS window, SUM(cost) AS spent, SUM(IIF(state = 'open', worst, 0)) AS held"
        " FROM request, json_each(windows) GROUP BY value) AS sums ON sums.window = budget.window"
        " WHERE settled <> COALESCE(spent, 0) OR reserved <> COALESCE(held, 0)"
    ).fetchall()
    return [
        f"{window}: settled {shown(settled)}, its requests say {shown(spent)}; "
        f"reserved {shown(reserved)}, its requests say {shown(held)}"
        for window, settled, reserved, spent, held in rows
    ]


def cure(path: Path) -> str:
    """How to go on without a broken ledger: nothing is thrown away, the newest copy takes its place."""
    numbers = (path.with_name(f"{path.stem}.broken-{number}") for number in count(1))
    place = shlex.quote(str(next(each for each in numbers if not each.exists())))
    name = shlex.quote(str(path))
    aside = f"mkdir {place} && mv {name}* {place}"  # with its -wal and -shm, which belong to no other file
    copies = backups(path)
    if not copies:
        return f"\nthere is no backup yet; to begin with an empty ledger (caps count from zero!): {aside}"
    copied = f"cp {shlex.quote(str(copies[-1]))} {name}"
    return f"\nto go on with the newest backup (what was spent since then is missing in it): {aside} && {copied}"


def backups(path: Path) -> list[Path]:
    """The daily copies of this ledger, oldest first."""
    return sorted((path.parent / "backups").glob(f"{path.stem}-????-??-??.sqlite3"))


def back_up(path: Path, connection: sqlite3.Connection, day: date) -> Path:
    """A whole copy for that day, made once; the last seven are kept. Unusable, or OSError, if it cannot be made."""
    folder = path.parent / "backups"
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{path.stem}-{day}.sqlite3"
    if not copy.exists():
        temporary = copy.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        try:
            target = sqlite3.connect(temporary)
            connection.backup(target)
            target.close()
        except sqlite3.Error as error:
            raise Unusable(f"{temporary}: {error}") from error
        passing("backup.copied")
        temporary.replace(copy)
        passing("backup.named")
        sync_folder(folder)
    for old in backups(path)[:-BACKUPS_KEPT]:
        old.unlink()
    return copy
