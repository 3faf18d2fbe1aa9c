"""What the person is to be told, kept until every channel has told it: each alert once, durable, in order."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Self

from dayshift.alerts import Alert, Kind
from dayshift.clock import rfc3339
from dayshift.cost import sqlite_file
from dayshift.cost.sqlite_file import Layout, explained
from dayshift.cost.transactions import transaction

SCHEMA = (
    "CREATE TABLE alert (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, content TEXT)",
    "CREATE TABLE channel (name TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE settled (channel TEXT NOT NULL, number INTEGER NOT NULL REFERENCES alert (number), "
    "outcome TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (channel, number)) WITHOUT ROWID",
)
LAYOUT = Layout(1, SCHEMA, "what was not told yet will not be")
KEPT = timedelta(days=30)  #: how long the words of an alert are kept; its key stays, so that it is never told again

Outcome = Literal["sent", "stale", "refused", "unchosen"]


class Outbox:
    """The alerts in one SQLite file, and which channel has told which.

    A channel sends first and settles then. Whoever dies in between sends once more: told twice at worst, never lost.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._db = path, connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """The outbox in this file, made if there is none; Unusable if that is impossible."""
        return cls(path, sqlite_file.opened(path, LAYOUT))

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def add(self, alert: Alert) -> bool:
        """Keep it for every channel; False if its key is known. On disk when this returns; Unusable if it is not."""
        with explained(self._path, LAYOUT), transaction(self._db):
            # In ASCII: half a surrogate pair, which agents do write, is no text to SQLite.
            row = (alert.key, json.dumps(asdict(alert), default=datetime.isoformat))
            return self._db.execute("INSERT OR IGNORE INTO alert (key, content) VALUES (?, ?)", row).rowcount == 1

    def begin(self, channel: str, now: datetime) -> None:
        """From now on the channel is told what is added, and at first what may still wait for the person; nothing
        changes for one that is known."""
        with explained(self._path, LAYOUT), transaction(self._db):
            new = self._db.execute("INSERT OR IGNORE INTO channel VALUES (?)", (channel,)).rowcount == 1
            if new:
                self._db.execute(
                    "INSERT INTO settled SELECT ?, number, 'unchosen', ? FROM alert WHERE content IS NULL "
                    "OR json_extract(content, '$.kind') NOT IN (?, ?)",
                    (channel, rfc3339(now), Kind.question, Kind.stuck),
                )

    def pending(self, channel: str) -> list[tuple[int, Alert]]:
        """What the channel has not settled, in the order in which it was added; nothing before `begin`."""
        with explained(self._path, LAYOUT):
            rows = self._db.execute(
                "SELECT alert.number, content FROM channel CROSS JOIN alert "
                "LEFT JOIN settled ON settled.channel = channel.name AND settled.number = alert.number "
                "WHERE channel.name = ? AND content IS NOT NULL AND settled.number IS NULL ORDER BY alert.number",
                (channel,),
            ).fetchall()
        return [(number, _read(content)) for number, content in rows]

    def settle(self, channel: str, numbers: Iterable[int], outcome: Outcome, now: datetime) -> None:
        """The channel has nothing more to do with these; on disk when this returns."""
        rows = [(channel, number, outcome, rfc3339(now)) for number in numbers]
        with explained(self._path, LAYOUT), transaction(self._db):
            self._db.executemany("INSERT OR IGNORE INTO settled VALUES (?, ?, ?, ?)", rows)

    def outcomes(self, channel: str) -> dict[str, str]:
        """How the channel settled what it settled, by key; for those who look."""
        with explained(self._path, LAYOUT):
            return dict(self._db.execute(
                "SELECT key, outcome FROM settled JOIN alert USING (number) WHERE channel = ? ORDER BY number",
                (channel,),
            ).fetchall())  # fmt: skip

    def prune(self, channels: Iterable[str], now: datetime) -> None:
        """Forget the words of what is old, unless one of these channels still has to tell it."""
        awaited = {number for channel in channels for number, _ in self.pending(channel)}
        with explained(self._path, LAYOUT), transaction(self._db):
            old = self._db.execute(
                "SELECT number FROM alert WHERE content IS NOT NULL AND json_extract(content, '$.at') < ?",
                ((now - KEPT).isoformat(),),
            ).fetchall()
            gone = [row for row in old if row[0] not in awaited]
            self._db.executemany("DELETE FROM settled WHERE number = ?", gone)
            self._db.executemany("UPDATE alert SET content = NULL WHERE number = ?", gone)


def _read(content: str) -> Alert:
    kept = json.loads(content)
    until = kept["until"] and datetime.fromisoformat(kept["until"])
    return Alert(**{
        **kept, "kind": Kind(kept["kind"]), "at": datetime.fromisoformat(kept["at"]), "until": until,
        "options": tuple(kept["options"]), "files": tuple(kept["files"]),
    })  # fmt: skip
