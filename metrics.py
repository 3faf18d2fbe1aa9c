"""The Ledger: money is reserved before a request leaves, settled after, and no cap is ever passed."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Self

from dayshift.clock import rfc3339
from dayshift.files import sync_folder
from dayshift.model import Tokens, Usage
from dayshift.money import Pico, shown

LARGEST = 2**62  #: the most one request may reserve, so that sums stay whole numbers for SQLite
BACKUPS_KEPT = 7
PATIENCE = 20.0  #: seconds a writer waits for another

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
)
TOKENS = "input, output, cache_read, cache_write_5m, cache_write_1h, web_searches"
SUMS = ", ".join(f"COALESCE(SUM({kind}), 0)" for kind in TOKENS.split(", "))


class Unusable(Exception):
    """The ledger's file cannot be used; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """One request about to leave; `windows` names every budget it counts in, with its cap or None for no cap."""

    task_id: str
    run: int
    day: date
    model: str
    price: str  #: where the prices come from, kept with the row
    worst_case: Pico
    windows: Mapping[str, Pico | None]
    admitted_at: datetime
    session_id: str | None = None
    agent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The money is reserved, on disk; the request may leave."""

    id: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """It does not fit now, but may once requests in flight are settled."""

    window: str
    detail: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It can never fit under this cap."""

    window: str
    detail: str


@dataclass(frozen=True, slots=True)
class Spend:
    """Where one budget stands; `cap` is None if it has none, or was never asked for."""

    settled: Pico = 0
    reserved: Pico = 0
    cap: Pico | None = None

    def crossed(self, percent: int) -> bool:
        """Whether what is settled has reached that share of the cap."""
        return self.cap is not None and self.settled * 100 >= self.cap * percent


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a cost table; `estimated` is the part of `cost` that was charged at the worst case."""

    key: str
    requests: int
    cost: Pico
    estimated: Pico
    reserved: Pico
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Overrun:
    """A response that cost more than the request could: an assumption behind the worst case is wrong."""

    request: int
    task_id: str
    model: str
    worst_case: Pico
    cost: Pico


def day_window(day: date) -> str:
    """The name of a calendar day's budget."""
    return f"day:{day}"


def task_window(day: date, task_id: str) -> str:
    """The name of a task's budget; `day` is that of its day file, so a carried-over task keeps one budget."""
    return f"task:{day}/{task_id}"


@contextmanager
def _explained(path: Path, connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        connection.close()
        passing = isinstance(error, sqlite3.OperationalError)  # locked, full disk, no permission: the file is sound
        cure = "" if passing else "; move it away and put the newest backup in its place"
        raise Unusable(f"{path}: {error}{cure}") from error
    except Unusable:
        connection.close()
        raise


class Ledger:
    """All spending, in one SQLite file that several processes may hold; every change is on disk when it returns."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._db = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """The ledger in this file, made or brought up to date; Unusable if that is impossible."""
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)
        with _explained(path, connection):
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            ledger = cls(path, connection)
            ledger._migrate()
            return ledger

    @classmethod
    def read_only(cls, path: Path) -> Self | None:
        """The same file for reading, with or without a daemon; None while there is no ledger yet."""
        if not path.is_file():
            return None
        address = f"{path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=PATIENCE)
        with _explained(path, connection):
            if connection.execute("PRAGMA user_version").fetchone() != (0,):
                return cls(path, connection)
        connection.close()
        return None

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _migrate(self) -> None:
        with self._transaction():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise Unusable(f"{self._path} was written by a newer dayshift (version {version}); update the program")
            for script in MIGRATIONS[version:]:
                for statement in script.split(";\n"):
                    self._db.execute(statement)
            if version < len(MIGRATIONS):
                self._db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of the block or nothing of it, alone among writers, on disk at its end."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    # --- a request's life: open, then one of settled, estimated, void --------------------------------

    def reserve(self, request: Reservation) -> Admitted | Waiting | Refused:
        """Set the worst case aside in every window, or say why not. Once admitted it outlives a crash."""
        with self._transaction():
            self._know_caps(request.windows)
            if hindrance := self._hindrance(request):
                return hindrance
            row = self._db.execute(
                "INSERT INTO request (task, run, day, session, agent, model, price, state, worst, admitted_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?, ?) RETURNING id",
                (request.task_id, request.run, str(request.day), request.session_id, request.agent_id, request.model,
                 request.price, request.worst_case, rfc3339(request.admitted_at)),
            ).fetchone()  # fmt: skip
            booked = [(window, row[0]) for window in request.windows]
            self._db.executemany("INSERT INTO booking (window, request) VALUES (?, ?)", booked)
            self._move(request.windows, reserved=request.worst_case, settled=0)
            return Admitted(row[0])

    def _know_caps(self, windows: Mapping[str, Pico | None]) -> None:
        self._db.executemany(
            "INSERT INTO budget (window, cap) VALUES (?, ?)"
            " ON CONFLICT (window) DO UPDATE SET cap = excluded.cap WHERE cap IS NOT excluded.cap",
            [(window, cap if cap is None else min(cap, LARGEST)) for window, cap in windows.items()],
        )

    def _hindrance(self, request: Reservation) -> Waiting | Refused | None:
        """What stands against it: a window in which it can never fit before one in which it must wait."""
        waiting = None
        for window, cap in request.windows.items():
            limit = LARGEST if cap is None else cap
            spend = self.spend(window)
            needs = f"{shown(request.worst_case)} at most is needed"
            if spend.settled + request.worst_case > limit:
                left, missing = max(0, limit - spend.settled), spend.settled + request.worst_case - limit
                return Refused(window, f"{needs}, {shown(left)} of {shown(limit)} is left: {shown(missing)} too little")
            if spend.settled + spend.reserved + request.worst_case > limit:
                held = shown(spend.reserved)
                waiting = waiting or Waiting(window, f"{needs}, {held} of {shown(limit)} is held by requests in flight")
        return waiting

    def _move(self, windows: Iterable[str], reserved: Pico, settled: Pico) -> None:
        self._db.executemany(
            "UPDATE budget SET reserved = reserved + ?, settled = settled + ? WHERE window = ?",
            [(reserved, settled, window) for window in windows],
        )

    def settle(self, id: int, usage: Usage, cost: Pico, request_id: str, settled_at: datetime) -> bool:
        """Book what it really cost, even above the worst case; False if it was no longer open."""
        with self._transaction():
            if not self._close(id, "settled", cost):
                return False
            tokens = usage.tokens
            self._db.execute(
                f"UPDATE request SET ({TOKENS}, usage, request_id, settled_at) = (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " WHERE id = ?",
                (tokens.input, tokens.output, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h,
                 tokens.web_searches, json.dumps(usage.raw), request_id, rfc3339(settled_at), id),
            )  # fmt: skip
            return True

    def settle_unknown(self, id: int) -> bool:
        """Charge the worst case: how it ended is not known. False if it was no longer open."""
        with self._transaction():
            return self._close(id, "estimated", None)

    def void(self, id: int) -> bool:
        """Give the money back: it was refused before anything was billed. False if it was no longer open."""
        with self._transaction():
            return self._close(id, "void", 0)

    def recover(self) -> int:
        """At start: charge whatever a dead daemon left open at its worst case; how many there were."""
        with self._transaction():
            left = [id for (id,) in self._db.execute("SELECT id FROM request WHERE state = 'open'")]
            for id in left:
                self._close(id, "estimated", None)
            return len(left)

    def _close(self, id: int, state: Literal["settled", "estimated", "void"], cost: Pico | None) -> bool:
        """The one way out of `open`; a cost of None stands for the worst case."""
        closed = self._db.execute(
            "UPDATE request SET state = ?, cost = COALESCE(?, worst) WHERE id = ? AND state = 'open'"
            " RETURNING worst, cost",
            (state, cost, id),
        ).fetchone()
        if closed is None:
            return False
        windows = [window for (window,) in self._db.execute("SELECT window FROM booking WHERE request = ?", (id,))]
        self._move(windows, reserved=-closed[0], settled=closed[1])
        return True

    # --- reading ------------------------------------------------------------------------------------

    def spend(self, window: str) -> Spend:
        """Where that budget stands; zero if nothing was ever asked of it."""
        row = self._db.execute("SELECT settled, reserved, cap FROM budget WHERE window = ?", (window,)).fetchone()
        return Spend(*row) if row else Spend()

    def headroom(self, windows: Mapping[str, Pico | None]) -> Pico | None:
        """What the tightest of these caps still leaves, reservations counted as spent; None if none has a cap."""
        rooms = [
            cap - spend.settled - spend.reserved
            for window, cap in windows.items()
            if cap is not None and (spend := self.spend(window))
        ]
        return max(0, min(rooms)) if rooms else None

    def by(
        self, kind: Literal["day", "task", "model", "session"], since: date | None = None, file_day: date | None = None
    ) -> tuple[Line, ...]:
        """The cost table, in order of its key; with `file_day` only of the tasks of that day's file."""
        window = kind in ("day", "task")
        key = f"substr(window, {len(kind) + 2})" if window else f"COALESCE({kind}, 'unknown')"
        joined = "JOIN booking ON booking.request = request.id AND window GLOB ?" if window else "WHERE ? <> ''"
        rows = self._db.execute(
            f"SELECT {key} AS key, COUNT(*), COALESCE(SUM(cost), 0), SUM(IIF(state = 'estimated', cost, 0)),"
            f" SUM(IIF(state = 'open', worst, 0)), {SUMS} FROM request {joined} AND state <> 'void' AND day >= ?"
            " AND request.id IN (SELECT request FROM booking WHERE window GLOB ?) GROUP BY 1 ORDER BY 1",
            (f"{kind}:*", str(since or date.min), task_window(file_day, "*") if file_day else "*"),
        )
        return tuple(Line(key, n, cost, worst, held, Tokens(*counts)) for key, n, cost, worst, held, *counts in rows)

    def task_tokens(self, day: date, task_id: str) -> Tokens:
        """All tokens settled for a task of that day's file."""
        sql = f"SELECT {SUMS} FROM request JOIN booking ON booking.request = request.id WHERE window = ?"
        return Tokens(*self._db.execute(sql, (task_window(day, task_id),)).fetchone())

    def overruns(self, since: date | None = None) -> tuple[Overrun, ...]:
        """Every response that cost more than its request could; there should be none."""
        rows = self._db.execute(
            "SELECT id, task, model, worst, cost FROM request WHERE state = 'settled' AND cost > worst AND day >= ?",
            (str(since or date.min),),
        )
        return tuple(Overrun(*row) for row in rows)

    def audit(self) -> list[str]:
        """Where the budgets do not equal the sum of their requests, in words; empty when all is well."""
        rows: list[tuple[Any, ...]] = self._db.execute(
            "SELECT budget.window, settled, reserved, COALESCE(SUM(cost), 0) AS spent,"
            " COALESCE(SUM(IIF(state = 'open', worst, 0)), 0) AS held FROM budget"
            " LEFT JOIN booking ON booking.window = budget.window LEFT JOIN request ON request.id = booking.request"
            " GROUP BY budget.window HAVING settled <> spent OR reserved <> held"
        ).fetchall()
        found = [
            f"{window}: settled {shown(settled)}, its requests say {shown(spent)}; "
            f"reserved {shown(reserved)}, its requests say {shown(held)}"
            for window, settled, reserved, spent, held in rows
        ]
        broken = [text for (text,) in self._db.execute("PRAGMA quick_check") if text != "ok"]
        return found + broken

    # --- what must happen once ----------------------------------------------------------------------

    def warn_once(self, window: str, name: str) -> bool:
        """True the first time this warning is asked about for that window, ever."""
        sql = "INSERT INTO mark (name, value) VALUES (?, '') ON CONFLICT DO NOTHING"
        with self._transaction():
            return self._db.execute(sql, (f"warned:{window}:{name}",)).rowcount == 1

    def current_day(self, today: date) -> date:
        """Today, or the last day seen if that is later: a clock set back does not open a spent day again."""
        with self._transaction():
            row = self._db.execute("SELECT value FROM mark WHERE name = 'day'").fetchone()
            if row and row[0] >= str(today):
                return date.fromisoformat(row[0])
            self._db.execute("INSERT OR REPLACE INTO mark (name, value) VALUES ('day', ?)", (str(today),))
            return today

    def backup(self, folder: Path, day: date) -> Path:
        """A whole copy for that day, made once; the last seven are kept."""
        folder.mkdir(parents=True, exist_ok=True)
        copy = folder / f"{self._path.stem}-{day}.sqlite3"
        if not copy.exists():
            temporary = copy.with_suffix(".tmp")
            temporary.unlink(missing_ok=True)
            target = sqlite3.connect(temporary)
            self._db.backup(target)
            target.close()
            temporary.replace(copy)
            sync_folder(folder)
        for old in sorted(folder.glob(f"{self._path.stem}-????-??-??.sqlite3"))[:-BACKUPS_KEPT]:
            old.unlink()
        return copy
