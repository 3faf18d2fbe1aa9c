"""Memoranda: what the ledger keeps beside the money, each once: the day, marks, notices, how tasks ended."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime

from dayshift.clock import rfc3339


class Memoranda:
    """Those of one ledger; every change is on disk when it returns, or with those that it is made together with."""

    def __init__(self, connection: sqlite3.Connection, change: Callable[[], AbstractContextManager[None]]) -> None:
        """In that file; `change` makes all of a block or nothing of it."""
        self._db, self._change = connection, change

    # --- the day requests count in ------------------------------------------------------------------

    def current_day(self, today: date) -> date:
        """Today, or the last day seen if that is later: a clock set back does not open a spent day again."""
        if (seen := self.mark("day")) and seen >= str(today):
            return date.fromisoformat(seen)
        with self._change():
            self._db.execute(
                "INSERT INTO mark (name, value) VALUES ('day', ?)"
                " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
                (str(today),),
            )
        return self.current_day(today)

    def rewind(self, today: date) -> date | None:
        """Count in that day again, after a clock that was ahead; the day counted in until now, or None if not later.

        Nothing is reset: what a day's budget holds, it holds.
        """
        with self._change():
            seen = self.mark("day")
            if seen is None or seen <= str(today):
                return None
            self._db.execute("UPDATE mark SET value = ? WHERE name = 'day'", (str(today),))
            return date.fromisoformat(seen)

    # --- marks: what happens only once -------------------------------------------------------------

    def mark(self, name: str) -> str | None:
        """What was once remembered under that name."""
        row = self._db.execute("SELECT value FROM mark WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def remember(self, name: str, value: str) -> str:
        """Keep the value under that name, unless one is kept already; what is kept."""
        with self._change():
            self._db.execute("INSERT INTO mark (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, value))
        return self.mark(name) or value

    # --- notices: what the person is told once -----------------------------------------------------

    def notify(self, name: str, text: str, now: datetime) -> bool:
        """Keep something the person is to be told; True the first time for that name, ever."""
        sql = "INSERT INTO notice (name, text, made_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        with self._change():
            return self._db.execute(sql, (name, text, rfc3339(now))).rowcount == 1

    def noticed(self, name: str) -> bool:
        """Whether a notice of that name was ever kept."""
        return self._db.execute("SELECT 1 FROM notice WHERE name = ?", (name,)).fetchone() is not None

    def untold(self) -> list[tuple[str, str]]:
        """Name and text of what the person was not told yet, oldest first."""
        return self._db.execute("SELECT name, text FROM notice WHERE told_at IS NULL ORDER BY id").fetchall()

    def told(self, name: str, now: datetime) -> None:
        """The person was told."""
        with self._change():
            self._db.execute("UPDATE notice SET told_at = ? WHERE name = ?", (rfc3339(now), name))

    # --- outcomes ----------------------------------------------------------------------------------

    def task_ended(self, file_day: date, task_id: str, outcome: str) -> None:
        """Keep how a task ended, so that its cost can be compared with that of like tasks."""
        with self._change():
            self._db.execute(
                "UPDATE task SET outcome = ? WHERE file_day = ? AND id = ? AND outcome IS NOT ?",
                (outcome, str(file_day), task_id, outcome),
            )
