"""What the same person spent elsewhere with the CLI: an account of its own, beside the ledger and never mixed with it.

Joins bill for what a message is, transcripts for how far a file was read, ledger_file for what its tables have alike,
valuation for what a message cost.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Self

from dayshift.cost.bill import Billed, merged
from dayshift.cost.ledger_file import PATIENCE, WEEK
from dayshift.cost.transactions import transaction
from dayshift.cost.transcripts import Mark
from dayshift.files import Unusable
from dayshift.model import Tokens
from dayshift.money import Pico

if TYPE_CHECKING:
    from dayshift.cost.valuation import Valuation, Value  # only an import needs prices

VERSION = 1
SCHEMA = """
    CREATE TABLE place (id INTEGER PRIMARY KEY, session TEXT NOT NULL, project TEXT NOT NULL,
        UNIQUE (session, project));
    CREATE TABLE variant (id INTEGER PRIMARY KEY, model TEXT NOT NULL, speed TEXT NOT NULL, geo TEXT NOT NULL,
        UNIQUE (model, speed, geo));
    CREATE TABLE message (
        id TEXT NOT NULL PRIMARY KEY,
        side INTEGER NOT NULL, at TEXT NOT NULL, day TEXT NOT NULL,
        place INTEGER NOT NULL REFERENCES place (id), variant INTEGER NOT NULL REFERENCES variant (id),
        input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
        cache_write_1h INTEGER NOT NULL, web_searches INTEGER NOT NULL,
        raw TEXT NOT NULL,  -- the usage itself, where nobody can say what it costs
        cost INTEGER CHECK (cost >= 0),  -- NULL: unpriced, for unknown is not zero
        most INTEGER CHECK (most >= 0), CHECK ((cost IS NULL) <> (most IS NULL))
    );
    CREATE TABLE file (  -- how far each transcript was read
        device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, changed INTEGER NOT NULL,
        offset INTEGER NOT NULL, print INTEGER NOT NULL, PRIMARY KEY (device, inode)
    ) WITHOUT ROWID;
    CREATE TABLE basis (  -- what days and prices rest on; open: unpriced messages await the thorough look
        one INTEGER PRIMARY KEY CHECK (one = 1), value TEXT NOT NULL, open INTEGER NOT NULL DEFAULT 1
    );
"""
#: Made after the first import, which is quicker without it; it answers `spent` alone.
INDEX = "CREATE INDEX IF NOT EXISTS message_day ON message (day, cost, most)"
COUNTS = "input, output, cache_read, cache_write_5m, cache_write_1h, web_searches"
SUMS = ", ".join(f"COALESCE(SUM({kind}), 0)" for kind in COUNTS.split(", "))
PLACE, VARIANT = " JOIN place ON place.id = message.place", " JOIN variant ON variant.id = message.variant"
JOINED = f"message{PLACE}{VARIANT}"
WHOLE = f"message.id, side, at, session, project, model, speed, geo, {COUNTS}, raw"  # in the order of a Billed

Kind = Literal["day", "week", "month", "model", "project", "session"]
KEYS: Mapping[str, str] = MappingProxyType({
    "day": "day", "week": WEEK, "month": "substr(day, 1, 7)", "model": "model", "project": "project",
    "session": "session",
})  # fmt: skip
WHERE: Mapping[str, str] = MappingProxyType({"model": VARIANT, "project": PLACE, "session": PLACE})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table; `cost` is of the priced requests alone, `unpriced` counts the others."""

    key: str
    requests: int
    tokens: Tokens
    cost: Pico
    unpriced: int


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:  # locked, full disk, no permission: the file is sound
        raise Unusable(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        cure = "remove it and run `dayshift cost import` again: the transcripts have it all"
        raise Unusable(f"{path}: {error}; {cure}") from error


class OtherUse:
    """The account, in one SQLite file. Whatever is taken in twice counts once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._ids: dict[tuple[str, ...], int] = {}

    @classmethod
    def open(cls, path: Path) -> Self:
        """The account in this file, made if there is none; Unusable if that is impossible."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with _explained(path):
            connection = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA cache_size = -512")  # KiB; more makes it no quicker
            connection.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes back will be read again
            with transaction(connection):
                if _version(path, connection) == 0:
                    _make(connection)
            return cls(connection)

    @classmethod
    def read_only(cls, path: Path) -> Self:
        """The account for reading; an empty one while there is no file yet. Unusable if it cannot be read."""
        with _explained(path):
            if path.is_file():
                address = f"{path.resolve().as_uri()}?mode=ro"
                connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=PATIENCE)
                if _version(path, connection):
                    return cls(connection)
                connection.close()
            empty = sqlite3.connect(":memory:", isolation_level=None)
            _make(empty)
            return cls(empty)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- reading ------------------------------------------------------------------------------------

    def spent(self, first: date, last: date) -> Pico:
        """What the days from first to last cost, both included; unpriced requests at the dearest rates known."""
        sql = "SELECT COALESCE(SUM(COALESCE(cost, most)), 0) FROM message WHERE day BETWEEN ? AND ?"
        amount: Pico = self._db.execute(sql, (str(first), str(last))).fetchone()[0]
        return amount

    def total(self) -> tuple[int, Pico]:
        """How many requests there are, and what those of a known price cost."""
        requests, cost = self._db.execute("SELECT COUNT(*), COALESCE(SUM(cost), 0) FROM message").fetchone()
        return requests, cost

    def unpriced(self) -> dict[str, int]:
        """How many requests of each model have no known price."""
        sql = f"SELECT model, COUNT(*) FROM message{VARIANT} WHERE cost IS NULL GROUP BY 1 ORDER BY 1"
        return dict(self._db.execute(sql).fetchall())

    def by(self, kind: Kind, since: date | None = None) -> tuple[Line, ...]:
        """The table, in order of its key; of the requests of that day or later."""
        rows = self._db.execute(
            f"SELECT {KEYS[kind]}, COUNT(*), COALESCE(SUM(cost), 0), SUM(cost IS NULL), {SUMS}"
            f" FROM message{WHERE.get(kind, '')}"
            " WHERE day >= ? GROUP BY 1 ORDER BY 1",
            (str(since or date.min),),
        )
        return tuple(Line(key, n, Tokens(*counts), cost, unpriced) for key, n, cost, unpriced, *counts in rows)

    def marks(self) -> dict[tuple[int, int], Mark]:
        """How far every file was read, by device and inode."""
        rows = self._db.execute("SELECT device, inode, size, changed, offset, print FROM file")
        return {row[:2]: Mark(*row) for row in rows}

    # --- taking in ----------------------------------------------------------------------------------

    def take_in(self, messages: Iterable[Billed], marks: Iterable[Mark], valuation: "Valuation") -> int:
        """Book the messages, and that their files were read so far: both or neither. Returns how many are new."""
        with transaction(self._db):
            fresh: dict[str, Billed] = {}
            for each in messages:
                fresh[each.id] = merged(fresh[each.id], each) if each.id in fresh else each
            known = self._known(list(fresh))
            both = (merged(known[id], each) if id in known else each for id, each in fresh.items())
            self._write([each for each in both if known.get(each.id) != each], valuation.value, valuation)
            if fresh:
                self._db.execute("UPDATE basis SET open = 1")
            self._db.executemany("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)", marks)
            return len(fresh) - len(known)

    def rest_on(self, valuation: "Valuation") -> None:
        """Before taking in: messages whose day and price rest on other figures or another timezone get them anew."""
        with transaction(self._db):
            if self._db.execute("SELECT value FROM basis").fetchone() == (valuation.basis(),):
                return
            for batch in self._batches():
                self._write(batch, valuation.value, valuation)
            self._db.execute("INSERT OR REPLACE INTO basis (one, value) VALUES (1, ?)", (valuation.basis(),))

    def complete(self, valuation: "Valuation") -> None:
        """After taking in: price what only a thorough look can, and make `spent` quick."""
        self._db.execute(INDEX)
        if self._db.execute("SELECT open FROM basis").fetchone() == (1,):
            with transaction(self._db):
                for batch in self._batches("cost IS NULL AND raw = ''"):
                    self._write(batch, valuation.thoroughly, valuation)
                self._db.execute("UPDATE basis SET open = 0")

    def _batches(self, which: str = "1", size: int = 2000) -> Iterator[Sequence[Billed]]:
        rowids = [rowid for (rowid,) in self._db.execute(f"SELECT rowid FROM message WHERE {which}")]
        sql = f"SELECT {WHOLE} FROM {JOINED} WHERE message.rowid IN (SELECT value FROM json_each(?))"
        for first in range(0, len(rowids), size):
            yield [Billed(*row) for row in self._db.execute(sql, (json.dumps(rowids[first : first + size]),))]

    def _known(self, ids: Sequence[str]) -> dict[str, Billed]:
        sql = (
            "SELECT id FROM message WHERE id IN (SELECT value FROM json_each(?))"  # without a join: nearly all are new
        )
        found = [id for (id,) in self._db.execute(sql, (json.dumps(ids),))]
        sql = f"SELECT {WHOLE} FROM {JOINED} WHERE message.id IN (SELECT value FROM json_each(?))"
        return {row[0]: Billed(*row) for row in self._db.execute(sql, (json.dumps(found),))} if found else {}

    def _write(
        self, messages: Iterable[Billed], value: "Callable[[Billed, str], Value]", valuation: "Valuation"
    ) -> None:
        def row(each: Billed) -> tuple[Any, ...]:
            day = valuation.day(each.at)
            place, variant = self._id("place", each[3:5]), self._id("variant", each[5:8])
            return (each.id, each.side, each.at, day, place, variant, *each[8:], *value(each, day))

        self._db.executemany(
            f"INSERT OR REPLACE INTO message (id, side, at, day, place, variant, {COUNTS}, raw, cost, most)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            map(row, messages),
        )

    def _id(self, table: Literal["place", "variant"], texts: tuple[str, ...]) -> int:
        """The number that stands for these texts; texts of two are a place, of three a variant."""
        if texts not in self._ids:
            columns = "session, project" if table == "place" else "model, speed, geo"
            marks = ", ".join("?" * len(texts))
            self._db.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", texts)
            found = self._db.execute(f"SELECT id FROM {table} WHERE ({columns}) = ({marks})", texts)
            (self._ids[texts],) = found.fetchone()
        return self._ids[texts]


def _make(connection: sqlite3.Connection) -> None:
    for statement in SCHEMA.split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _version(path: Path, connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise Unusable(f"{path} was written by a newer dayshift (version {version}); update the program")
    return version
