"""The Ledger: money is reserved before a request leaves, settled after, and no cap is ever passed."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import Literal, Self

from dayshift.clock import rfc3339
from dayshift.cost import ledger_file
from dayshift.cost.booking import Admitted, Refused, Reservation, Spend, Waiting
from dayshift.cost.memoranda import Memoranda
from dayshift.cost.transactions import Changes
from dayshift.files import Unusable
from dayshift.model import Usage
from dayshift.money import Pico, shown

LARGEST = 2**62  #: the most one request may reserve, so that sums stay whole numbers for SQLite
TOKENS = "input, output, cache_read, cache_write_5m, cache_write_1h, web_searches"


class Ledger:
    """All spending, in one SQLite file that several processes may hold; every change is on disk when it returns."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._db = connection
        self._changes = Changes(connection)
        self.memoranda = Memoranda(connection, self._changes.change)  #: what is kept beside the money

    @property
    def connection(self) -> sqlite3.Connection:
        """For reading tables out of it."""
        return self._db

    @classmethod
    def open(cls, path: Path) -> Self:
        """The ledger in this file, made or brought up to date; Unusable if that is impossible."""
        return cls(path, ledger_file.opened(path))

    @classmethod
    def read_only(cls, path: Path) -> Self | None:
        """The same file for reading, with or without a daemon; None while there is no ledger yet."""
        connection = ledger_file.opened_for_reading(path)
        return cls(path, connection) if connection else None

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def verify(self) -> None:
        """Unusable unless the whole file is sound and every budget is the sum of its requests."""
        ledger_file.verify(self._path, self._db)
        if found := self.audit():
            raise Unusable(f"{self._path}: {found[0]}{ledger_file.cure(self._path)}")

    def backup(self, day: date) -> Path:
        """A whole copy for that day beside the ledger, made once; the last seven are kept."""
        return ledger_file.back_up(self._path, self._db, day)

    def together(self) -> AbstractContextManager[None]:
        """All changes of the block become durable at its end, in one commit."""
        return self._changes.together()

    def change(self) -> AbstractContextManager[None]:
        """All of the block or nothing of it; on disk at its end, or at that of the changes it is made together with."""
        return self._changes.change()

    # --- a request's life: open, then one of settled, estimated, void --------------------------------

    def reserve(self, request: Reservation) -> Admitted | Waiting | Refused:
        """Set the worst case aside in every window, or say why not. Once admitted it outlives a crash."""
        with self.change():
            self._know_caps(request.windows)
            if hindrance := self._hindrance(request.windows, request.elsewhere, request.worst_case):
                return hindrance
            self._know_task(request)
            booking = self._insert(request)
            self._move(request.windows, reserved=request.worst_case, settled=0)
            return Admitted(booking)

    def _insert(self, request: Reservation) -> int:
        values = {
            "task": request.task_id, "run": request.run, "day": str(request.day), "session": request.session_id,
            "agent": request.agent_id, "model": request.model, "price": request.price, "state": "open",
            "worst": request.worst_case, "admitted_at": rfc3339(request.admitted_at),
            "file_day": str(request.file_day or request.day), "project": request.project,
            "provider": request.provider, "account": request.account, "windows": json.dumps(list(request.windows)),
            "ceiling": max(request.worst_case, request.ceiling or 0), "body_bytes": request.body_bytes,
        }  # fmt: skip
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        row = self._db.execute(f"INSERT INTO request ({names}) VALUES ({marks}) RETURNING id", tuple(values.values()))
        (booking,) = row.fetchone()
        return int(booking)

    def _know_caps(self, windows: Mapping[str, Pico | None]) -> None:
        self._db.executemany(
            "INSERT INTO budget (window, cap) VALUES (?, ?)"
            " ON CONFLICT (window) DO UPDATE SET cap = excluded.cap WHERE cap IS NOT excluded.cap",
            [(window, cap if cap is None else min(cap, LARGEST)) for window, cap in windows.items()],
        )

    def _know_task(self, request: Reservation) -> None:
        self._db.execute(
            "INSERT INTO task (file_day, id, project, model, complexity, began) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (str(request.file_day or request.day), request.task_id, request.project,
             request.task_model or request.model, request.complexity, str(request.began) if request.began else None),
        )  # fmt: skip

    def _hindrance(
        self, windows: Mapping[str, Pico | None], elsewhere: Mapping[str, Pico], amount: Pico
    ) -> Waiting | Refused | None:
        """What stands against it: a window in which it can never fit before one in which it must wait."""
        waiting = None
        for window, cap in windows.items():
            limit = LARGEST if cap is None else min(cap, LARGEST)
            spend = self.spend(window)
            settled = spend.settled + (elsewhere.get(window, 0) if cap is not None else 0)
            needs = f"{shown(amount)} at most is needed"
            if settled + amount > limit:
                left = max(0, limit - settled)
                lack = f"{shown(left)} of {shown(limit)} is left: {shown(amount - left)} too little"
                return Refused(window, f"{needs}, {lack}")
            if settled + spend.reserved + amount > limit:
                held = shown(spend.reserved)
                waiting = waiting or Waiting(window, f"{needs}, {held} of {shown(limit)} is held by requests in flight")
        return waiting

    def _move(self, windows: Iterable[str], reserved: Pico, settled: Pico) -> None:
        self._db.executemany(
            "UPDATE budget SET reserved = reserved + ?, settled = settled + ? WHERE window = ?",
            [(reserved, settled, window) for window in windows],
        )

    def extend(self, id: int, more: Pico, windows: Mapping[str, Pico | None], elsewhere: Mapping[str, Pico]) -> bool:
        """Hold more for a request in flight, in the windows it was booked in; False if some cap has no room for it."""
        with self.change():
            row = self._db.execute("SELECT windows FROM request WHERE id = ? AND state = 'open'", (id,)).fetchone()
            booked = json.loads(row[0]) if row else []
            # A window it no longer counts in today - yesterday's, a phase that is over - keeps the cap it had.
            caps = {each: windows[each] if each in windows else self.spend(each).cap for each in booked}
            if not booked or self._hindrance(caps, elsewhere, more):
                return False
            self._db.execute(
                "UPDATE request SET worst = worst + ?1, ceiling = max(ceiling, worst + ?1) WHERE id = ?2", (more, id)
            )
            self._move(booked, reserved=more, settled=0)
            return True

    def settle(self, id: int, usage: Usage, cost: Pico, request_id: str, now: datetime) -> bool:
        """Book what it really cost, even above the worst case; False if it was no longer open."""
        with self.change():
            if not self._close(id, "settled", cost, now):
                return False
            tokens = usage.tokens
            self._db.execute(
                f"UPDATE request SET ({TOKENS}, usage, request_id) = (?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?",
                (tokens.input, tokens.output, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h,
                 tokens.web_searches, json.dumps(usage.raw), request_id, id),
            )  # fmt: skip
            return True

    def settle_unknown(self, id: int, now: datetime, held: bool = False) -> bool:
        """Charge the most it can have cost, for how it ended is not known; `held`: what was set aside, for it was cut
        there. False if it was no longer open."""
        with self.change():
            return self._close(id, "estimated", "worst" if held else "ceiling", now)

    def void(self, id: int, now: datetime) -> bool:
        """Give the money back: it was refused before anything was billed. False if it was no longer open."""
        with self.change():
            return self._close(id, "void", 0, now)

    def recover(self, now: datetime) -> int:
        """At start: charge whatever a dead daemon left open at the most it can have cost; how many there were."""
        with self.change():
            left = [id for (id,) in self._db.execute("SELECT id FROM request WHERE state = 'open'")]
            for id in left:
                self._close(id, "estimated", "ceiling", now)
            return len(left)

    def _close(
        self, id: int, state: Literal["settled", "estimated", "void"], cost: Pico | Literal["worst", "ceiling"],
        now: datetime,
    ) -> bool:  # fmt: skip
        """The one way out of `open`, at that cost or at what stands in that column."""
        amount, known = ("?", (cost,)) if isinstance(cost, int) else (cost, ())
        closed = self._db.execute(
            f"UPDATE request SET state = ?, settled_at = ?, cost = {amount}"
            " WHERE id = ? AND state = 'open' RETURNING worst, cost, windows",
            (state, rfc3339(now), *known, id),
        ).fetchone()
        if closed is None:
            return False
        worst, charged, windows = closed
        self._move(json.loads(windows), reserved=-worst, settled=charged)
        return True

    def reprice(self, id: int, cost: Pico, price: str) -> bool:
        """Book another cost for a settled request, in every window it counts in; False if it is not settled."""
        with self.change():
            row = self._db.execute(
                "SELECT cost, windows FROM request WHERE id = ? AND state = 'settled'", (id,)
            ).fetchone()
            if row is None:
                return False
            self._db.execute(  # a dearer price is no overrun: what it could cost at most was reckoned at the old one
                "UPDATE request SET cost = ?1, price = ?2, ceiling = IIF(cost > ceiling, ceiling, max(ceiling, ?1))"
                " WHERE id = ?3",
                (cost, price, id),
            )
            self._move(json.loads(row[1]), reserved=0, settled=cost - row[0])
            return True

    # --- where the budgets stand --------------------------------------------------------------------

    def spend(self, window: str) -> Spend:
        """Where that budget stands; zero if nothing was ever asked of it."""
        row = self._db.execute("SELECT settled, reserved, cap FROM budget WHERE window = ?", (window,)).fetchone()
        return Spend(*row) if row else Spend()

    def headroom(self, windows: Mapping[str, Pico | None], elsewhere: Mapping[str, Pico]) -> Pico | None:
        """What the tightest of these caps still leaves, reservations counted as spent; None if none has a cap."""
        rooms = [
            cap - spend.settled - spend.reserved - elsewhere.get(window, 0)
            for window, cap in windows.items()
            if cap is not None and (spend := self.spend(window))
        ]
        return max(0, min(rooms)) if rooms else None

    def last_prompt(self, session_id: str, agent_id: str | None, model: str) -> tuple[int, int] | None:
        """Bytes and prompt tokens of that conversation's last settled request; None if there was none."""
        row: tuple[int, int] | None = self._db.execute(
            "SELECT body_bytes, input + cache_read + cache_write_5m + cache_write_1h FROM request"
            " WHERE session = ? AND agent IS ? AND model = ? AND state = 'settled' ORDER BY id DESC LIMIT 1",
            (session_id, agent_id, model),
        ).fetchone()
        return row

    def audit(self) -> list[str]:
        """Where the budgets do not equal the sum of their requests, in words; empty when all is well."""
        return ledger_file.imbalances(self._db)
