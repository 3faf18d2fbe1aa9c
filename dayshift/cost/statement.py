"""The ledger as tables to read: what was spent by day, task, model and so on. Joins ledger_file for the connection."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from dayshift.clock import rfc3339
from dayshift.cost.ledger_file import explained, opened_for_reading
from dayshift.model import Tokens
from dayshift.money import Pico

Account = Literal["api", "plan"]
TOKENS = "input, output, cache_read, cache_write_5m, cache_write_1h, web_searches"
BILLED = "state <> 'void'"
SUMS = ", ".join(f"SUM({kind})" for kind in TOKENS.split(", "))
#: What a line says of its requests, in its order.
LINE = (
    "COUNT(*), COALESCE(SUM(cost), 0), SUM(IIF(state = 'estimated', cost, 0)), SUM(state = 'estimated'),"
    f" SUM(IIF(state = 'open', worst, 0)), {SUMS}"
)

#: What a table can be kept by, and how that is read from a request; weeks and months are made of days.
KINDS: Mapping[str, str] = MappingProxyType({
    "day": "day",
    "week": "day",
    "month": "day",
    "task": "file_day || '/' || task",
    "model": "model",
    "project": "COALESCE(NULLIF(project, ''), 'unknown')",
    "provider": "provider",
    "session": "COALESCE(session, 'unknown')",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table; `estimated` is the part of `cost` that was charged at the most it can have been."""

    key: str
    requests: int
    cost: Pico
    estimated: Pico
    unknown: int  #: how many requests that part stands for
    reserved: Pico
    tokens: Tokens

    @classmethod
    def read(
        cls, key: str, requests: int, cost: Pico, estimated: Pico, unknown: int, reserved: Pico, *tokens: int
    ) -> "Line":  # fmt: skip
        """From a row of the table."""
        return cls(key, requests, cost, estimated, unknown, reserved, Tokens(*tokens))

    @classmethod
    def sum(cls, key: str, lines: "Iterable[Line]") -> "Line":
        """All of the lines as one."""
        found = list(lines)
        names = ("requests", "cost", "estimated", "unknown", "reserved")
        kinds = [[getattr(line.tokens, kind) for line in found] for kind in TOKENS.split(", ")]
        return cls.read(key, *(sum(getattr(line, name) for line in found) for name in names), *map(sum, kinds))


PERIODS: Mapping[str, Callable[[str], str]] = MappingProxyType({
    "week": lambda day: "{}-W{:02}".format(*date.fromisoformat(day).isocalendar()),
    "month": lambda day: day[:7],
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Overrun:
    """A response that cost more than the request could: an assumption behind the worst case is wrong."""

    request: int
    day: date
    task_id: str
    model: str
    ceiling: Pico
    cost: Pico


@dataclass(frozen=True, slots=True)
class PastTask:
    """What a task that came to its end cost in all."""

    model: str
    complexity: str
    project: str
    cost: Pico


@dataclass(frozen=True, slots=True)
class Bill:
    """What one task was charged so far, unknown ends at their worst case; `model` is the one it was given to."""

    model: str
    cost: Pico


@dataclass(frozen=True, slots=True)
class Settled:
    """A request whose cost is known; `usage` is the answer's, as JSON."""

    id: int
    day: date
    account: Account
    model: str
    cost: Pico
    usage: str


@dataclass(frozen=True, slots=True)
class Window:
    """Where a budget stands."""

    name: str
    cap: Pico | None
    settled: Pico
    reserved: Pico


class Statement:
    """One ledger, read as it stands; a later look may say more."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def by(
        self, kind: str, since: date | None = None, until: date | None = None, *, file_day: date | None = None,
        account: Account | None = None,
    ) -> tuple[Line, ...]:  # fmt: skip
        """The table, in order of its key; of the days named, with `file_day` only of that day file's tasks."""
        asked = {"day >= ?": since, "day <= ?": until, "file_day = ?": file_day, "account = ?": account}
        given = {condition: str(value) for condition, value in asked.items() if value is not None}
        rows = self._db.execute(
            f"SELECT {KINDS[kind]} AS key, {LINE} FROM request"
            f" WHERE {' AND '.join([BILLED, *given])} GROUP BY 1 ORDER BY 1",
            tuple(given.values()),
        )
        lines = (Line.read(*row) for row in rows)
        if kind in PERIODS:
            return tuple(Line.sum(key, days) for key, days in groupby(lines, lambda line: PERIODS[kind](line.key)))
        return tuple(lines)

    def task(self, file_day: date, task_id: str) -> Line | None:
        """One task's line; None before its first request."""
        row = self._db.execute(
            f"SELECT task, {LINE} FROM request WHERE {BILLED} AND file_day = ? AND task = ? GROUP BY 1",
            (str(file_day), task_id),
        ).fetchone()
        return Line.read(*row) if row else None

    def windows(self) -> tuple[Window, ...]:
        """Every budget that was ever asked, with its last cap."""
        rows = self._db.execute("SELECT window, cap, settled, reserved FROM budget ORDER BY window")
        return tuple(Window(*row) for row in rows)

    def mark(self, name: str) -> str | None:
        """What was once remembered under that name."""
        row = self._db.execute("SELECT value FROM mark WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def periods(self, kind: Literal["week", "month"]) -> tuple[str, ...]:
        """Every one with a request, oldest first."""
        found: dict[str, None] = {}
        day, next_day = "", "SELECT MIN(day) FROM request WHERE state <> 'void' AND day > ?"
        while day := self._db.execute(next_day, (day,)).fetchone()[0]:
            found[PERIODS[kind](day)] = None
        return tuple(found)

    def notices(self, prefix: str) -> tuple[str, ...]:
        """The texts of what was to be told once, by the beginning of its name; oldest first."""
        rows = self._db.execute(
            "SELECT text FROM notice WHERE substr(name, 1, length(?1)) = ?1 ORDER BY made_at, name", (prefix,)
        )
        return tuple(text for (text,) in rows)

    def overruns(self, since: date | None = None) -> tuple[Overrun, ...]:
        """Every response that cost more than its request could; there should be none."""
        rows = self._db.execute(
            "SELECT id, day, task, model, ceiling, cost FROM request"
            " WHERE state = 'settled' AND cost > ceiling AND day >= ?",
            (str(since or date.min),),
        )
        return tuple(Overrun(id, date.fromisoformat(day), *rest) for id, day, *rest in rows)

    def past_tasks(self, before: date | None = None) -> tuple[PastTask, ...]:
        """Every task that ended done or failed, with all it cost; the newest last. With `before`, of day files before
        that day. One that went on from day to day counts once, as its last day says."""
        rows = self._db.execute(
            # Of a column that stands bare beside MAX(), SQLite gives the value of the row that has the greatest.
            "SELECT task.model, complexity, task.project, SUM(cost), MAX(task.file_day) AS last, outcome"
            " FROM task JOIN request ON request.file_day = task.file_day AND request.task = task.id"
            " WHERE cost IS NOT NULL AND task.file_day < ?"
            " GROUP BY COALESCE(began, task.file_day), task.id HAVING outcome IN ('done', 'failed')"
            " ORDER BY last, task.id",
            (str(before) if before else "~",),
        )
        return tuple(PastTask(model, complexity, project, cost) for model, complexity, project, cost, *_ in rows)

    def bills(self) -> Mapping[tuple[date, str], Bill]:
        """What every task that made a request was charged, by its file's day and its id."""
        rows = self._db.execute(
            "SELECT request.file_day, request.task, COALESCE(MAX(task.model), MAX(request.model)), SUM(cost)"
            " FROM request LEFT JOIN task ON task.file_day = request.file_day AND task.id = request.task"
            " GROUP BY request.file_day, request.task"
        )
        return {(date.fromisoformat(day), task): Bill(model, cost or 0) for day, task, model, cost in rows}

    def bill(self, file_day: date, task_id: str, since: datetime, until: datetime | None) -> Bill | None:
        """That of the requests admitted in that time alone, with the model of the dearest; None if there were none."""
        row = self._db.execute(
            "SELECT model, SUM(cost), MAX(cost) FROM request WHERE file_day = ? AND task = ?"
            " AND admitted_at >= ? AND admitted_at < ? HAVING COUNT(*)",
            (str(file_day), task_id, rfc3339(since), rfc3339(until) if until else "~"),
        ).fetchone()
        return Bill(row[0], row[1] or 0) if row else None

    def settled(self, since: date | None = None) -> Iterator[Settled]:
        """Every settled request with all that its price rests on."""
        rows = self._db.execute(
            "SELECT id, day, account, model, cost, usage FROM request WHERE state = 'settled' AND day >= ? ORDER BY id",
            (str(since or date.min),),
        )
        return (Settled(id, date.fromisoformat(day), *rest) for id, day, *rest in rows)

    def course(self, file_day: date) -> tuple[tuple[datetime, Pico], ...]:
        """When that day file's tasks were charged how much, in order; what is still open is in none."""
        rows = self._db.execute(
            f"SELECT settled_at, cost FROM request WHERE {BILLED} AND file_day = ? AND cost IS NOT NULL"
            " ORDER BY settled_at, id",
            (str(file_day),),
        )
        return tuple((datetime.fromisoformat(at), cost) for at, cost in rows)


@contextmanager
def statement(path: Path) -> Iterator[Statement | None]:
    """The statement of the ledger in that file, for the block; None without one. Unusable if it is broken."""
    connection = opened_for_reading(path)
    if connection is None:
        yield None
        return
    with explained(path, connection), closing(connection):
        yield Statement(connection)
