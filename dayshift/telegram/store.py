"""What people said over Telegram, kept before it is obeyed; which message asks which question; what buttons mean."""

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from dayshift.clock import Clock, SystemClock, rfc3339
from dayshift.cost import sqlite_file
from dayshift.cost.sqlite_file import Layout, explained
from dayshift.cost.transactions import transaction

SCHEMA = (
    "CREATE TABLE said (id INTEGER PRIMARY KEY, content TEXT, handled_at TEXT)",  # content: until it is handled
    "CREATE TABLE cursor (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL, at TEXT NOT NULL)",
    "CREATE TABLE asked (chat INTEGER NOT NULL, message INTEGER NOT NULL, which TEXT NOT NULL, "
    "question INTEGER NOT NULL, at TEXT NOT NULL, PRIMARY KEY (chat, message)) WITHOUT ROWID",
    "CREATE INDEX asked_question ON asked (which, question)",
    "CREATE TABLE button (token TEXT PRIMARY KEY, purpose TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID",
)
LOST = "what was just said over Telegram must be said again, and older messages no longer take answers"
LAYOUT = Layout(1, SCHEMA, LOST)
#: Telegram keeps an update no longer than this. An offset that is older confirms nothing, and it could hide what comes
#: next: after a week without updates their numbers begin anew anywhere, and all below the offset is thrown away.
CONFIRMING = timedelta(hours=24)
REMEMBERED = timedelta(days=8)  #: an update that was handled; longer than Telegram could tell it again
KEPT = timedelta(days=90)  #: a message that asks, a button


class Store:
    """All of it in one SQLite file. What a method has done is on disk when it returns; Unusable if it cannot be."""

    def __init__(self, path: Path, connection: sqlite3.Connection, clock: Clock) -> None:
        self._path, self._db, self._clock = path, connection, clock

    @classmethod
    def open(cls, path: Path, clock: Clock | None = None) -> Self:
        """The store in this file, made if there is none; Unusable if it is broken or that is impossible."""
        store = cls(path, sqlite_file.opened(path, LAYOUT), clock or SystemClock())
        try:
            store._forget()
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with explained(self._path, LAYOUT), transaction(self._db):
            yield

    # --- updates ------------------------------------------------------------------------------------

    @property
    def offset(self) -> int | None:
        """What to ask Telegram for next: all before is kept. None: whatever it has."""
        with explained(self._path, LAYOUT):
            row = self._db.execute("SELECT next, at FROM cursor").fetchone()
        if row is None or not timedelta() <= self._clock.now() - datetime.fromisoformat(row[1]) < CONFIRMING:
            return None
        return int(row[0])

    def take(self, admitted: Sequence[Mapping[str, Any]], seen: int) -> int:
        """Keep what is new of these, and go on past `seen`: both or neither. How many were new."""
        offset, now = self.offset, self._clock.now()
        rows = [(each["update_id"], json.dumps(each)) for each in admitted]  # ASCII: half a character is no text to SQL
        with self._transaction():
            before = self._db.total_changes
            self._db.executemany("INSERT OR IGNORE INTO said (id, content) VALUES (?, ?)", rows)
            new = self._db.total_changes - before
            following = seen + 1 if offset is None else max(seen + 1, offset)  # what is told again does not lead back
            self._db.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?, ?)", (following, now.isoformat()))
        return new

    def unhandled(self) -> list[dict[str, Any]]:
        """What was said and not yet acted upon, in the order of its numbers."""
        with explained(self._path, LAYOUT):
            rows = self._db.execute("SELECT content FROM said WHERE handled_at IS NULL ORDER BY id")
            return [json.loads(content) for (content,) in rows]

    def handled(self, updates: Iterable[int], now: datetime) -> None:
        """These were acted upon: they are never handed out again, and their words are forgotten."""
        with self._transaction():
            self._db.executemany(
                "UPDATE said SET handled_at = ?, content = NULL WHERE id = ? AND handled_at IS NULL",
                [(rfc3339(now), update) for update in updates],
            )
            self._db.execute("DELETE FROM said WHERE handled_at < ?", (rfc3339(now - REMEMBERED),))

    def _forget(self) -> None:
        """Messages and buttons that nobody comes back to."""
        since = rfc3339(self._clock.now() - KEPT)
        with self._transaction():
            self._db.execute("DELETE FROM asked WHERE at < ?", (since,))
            self._db.execute("DELETE FROM button WHERE at < ?", (since,))

    # --- questions and buttons ----------------------------------------------------------------------

    def asked(self, which: str, question: int, chat: int, message: int) -> None:
        """This message asks that question of that task."""
        row = (chat, message, which, question, rfc3339(self._clock.now()))
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO asked VALUES (?, ?, ?, ?, ?)", row)

    def question_at(self, chat: int, message: int) -> tuple[str, int] | None:
        """The task and the number of the question that this message asks."""
        with explained(self._path, LAYOUT):
            sql = "SELECT which, question FROM asked WHERE chat = ? AND message = ?"
            found: tuple[str, int] | None = self._db.execute(sql, (chat, message)).fetchone()
        return found

    def messages_of(self, which: str, question: int) -> list[tuple[int, int]]:
        """The messages that ask this question, as chat and number."""
        with explained(self._path, LAYOUT):
            sql = "SELECT chat, message FROM asked WHERE which = ? AND question = ? ORDER BY chat, message"
            return self._db.execute(sql, (which, question)).fetchall()

    def issue(self, purpose: Mapping[str, Any]) -> str:
        """A button's data: nobody guesses it, and it stands for this purpose, whatever its length."""
        token = secrets.token_urlsafe(18)
        row = (token, json.dumps(purpose), rfc3339(self._clock.now()))
        with self._transaction():
            self._db.execute("INSERT INTO button VALUES (?, ?, ?)", row)
        return token

    def purpose(self, token: str) -> dict[str, Any] | None:
        """What the button is for; None if this store never issued it, or long ago."""
        with explained(self._path, LAYOUT):
            row = self._db.execute("SELECT purpose FROM button WHERE token = ?", (token,)).fetchone()
        return None if row is None else dict(json.loads(row[0]))
