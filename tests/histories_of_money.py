"""What histories of money are told with: the daemon's real money parts on a real ledger file, and what must hold of it.

A `Life` is one daemon: ledger, group commit, almanac, teller, admission. A `World` has a clock, caps, other use and one
life after the other. Time is the world's own, money is read from the file. What must hold is said here a second time,
by other means than the program's: from the rows of the requests.
"""

import asyncio
import json
import random
import shutil
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from admission import Admission
from almanac import Almanac
from dayshift.cost.budgets import Subject
from dayshift.cost.prices import Prices, load_prices
from dayshift.events import Event
from dayshift.inputs.settings import Budget, Caps
from dayshift.messages.request_bounds import SLACK
from dayshift.model import Record, Task, Tokens, Usage
from dayshift.money import Pico, from_usd
from dayshift.proxy.meter import Refusal
from dayshift.states import Queued
from group_commit import GroupCommit
from metrics import Ledger
from teller import Teller

MODEL, DEARER = "claude-sonnet-5-5", "claude-opus-5-5"
BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
RISE = date(2026, 11, 23)  #: prices are higher from this day on
PROJECT, PROVIDER = "/projects/shop", "anthropic"
T = TypeVar("T")


@lru_cache
def _priced(risen: bool) -> Prices:
    rates = {MODEL: {"input": 2, "output": 10}, DEARER: {"input": 4, "output": 20}}
    raised = {
        name: {kind: price * (3 if risen else 2) // 2 for kind, price in row.items()} for name, row in rates.items()
    }
    return load_prices(raised, date(2026, 11, 20))  # type: ignore[arg-type]


def prices(day: date) -> Prices:
    """The prices of that day; they change once."""
    return _priced(day >= RISE)


def body(model: str, max_tokens: int, words: int) -> bytes:
    """A request."""
    message = {"role": "user", "content": "word " * words}
    return json.dumps({"model": model, "max_tokens": max_tokens, "messages": [message]}).encode()


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.moment = FRIDAY
        self.latest = self.day  #: the latest day it ever showed

    def set(self, moment: datetime) -> None:
        """Go on, or be set back."""
        self.moment = moment
        self.latest = max(self.latest, self.day)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0

    @property
    def day(self) -> date:
        """The calendar day in Berlin."""
        return self.moment.astimezone(BERLIN).date()


@dataclass(slots=True)
class Entry:
    """What the world knows of a booking: how it was closed, for certain or by a call that has not returned yet."""

    id: int
    task: str
    most_input: int
    most_output: int
    asked: date  #: the day the clock showed
    closed: tuple[str, Pico | None] | None = None  #: state and cost; no cost: whatever the row says is the most
    closing: tuple[str, Pico | None] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A request as the file has it."""

    id: int
    task: str
    day: date
    state: str
    worst: Pico
    ceiling: Pico
    cost: Pico | None
    windows: tuple[str, ...]


class Counting(GroupCommit):
    """Counts what it is handed, so that a test knows when all has come to rest."""

    handed_in = 0

    async def write(self, change: Callable[[Ledger], T], lasting: bool = False) -> T:
        self.handed_in += 1
        return await super().write(change, lasting)

    async def pause(self) -> None:
        """Until all that was handed in is made."""
        await super().write(lambda ledger: None)


class Life:
    """One daemon's money, from its start to its end; the file's commits need not reach the disk itself."""

    def __init__(self, path: Path, clock: Clock, budget: Budget, world: "World") -> None:
        self.path, self.closed = path, False
        ledger = Ledger.open(path)
        ledger.connection.execute("PRAGMA synchronous = OFF")  # a killed process loses nothing by that; a machine may
        ledger.verify()
        self.recovered = ledger.recover(clock.now())
        self.books = Ledger.open(path)
        self.writer = Counting(ledger)
        self.almanac = Almanac(self.writer, self.books, clock, "Europe/Berlin", budget.phases)
        teller = Teller(self.writer, self.books, clock, budget.warn_at, budget.milestones_usd)
        self.told: list[Event] = []
        self.admission = Admission(
            self.writer, self.books, self.almanac, teller, prices, clock, budget, world.record, world.subject,
            self.told.append, world.elsewhere,
        )  # fmt: skip

    def close(self) -> None:
        """Every write made, every connection closed; as often as asked."""
        if not self.closed:
            self.closed = True
            self.writer.close()
            self.books.close()


@dataclass(slots=True)
class World:
    """Everything outside a daemon, and what it was told by each."""

    folder: Path
    budget: Budget
    day_cap: Pico
    task_caps: dict[str, Pico | None]
    clock: Clock = field(default_factory=Clock)
    other_use: dict[date, Pico] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    slack: dict[str, Pico] = field(default_factory=dict)  #: window → where it stood above its cap when that was lowered
    lives: int = 0
    refused: int = 0
    life: Life = field(init=False)
    asking: dict[asyncio.Task[Any], Entry] = field(default_factory=dict)  #: calls of `admit` that have not returned
    ending: dict[asyncio.Task[Any], Entry] = field(default_factory=dict)  #: calls that close a booking

    # --- what the daemon asks it ---------------------------------------------------------------------

    def record(self, task_id: str) -> Record:
        """A task's record; tasks of the plan account are told by their name."""
        return Record(Task(task_id, "Name", "words", MODEL), FRIDAY.date(), PROJECT, Queued(FRIDAY), FRIDAY, runs=1)

    def subject(self, record: Record) -> Subject:
        """Who pays, and the caps that may change while a daemon runs."""
        account = "plan" if record.id.startswith("plan") else "api"
        cap = self.task_caps.get(record.id)
        return Subject(record.day, record.id, record.project, PROVIDER, account, cap, self.day_cap)  # type: ignore[arg-type]

    def elsewhere(self, day: date) -> Mapping[str, Pico]:
        """What other use has taken in the periods of that day."""
        return {name: amount for name in names(day) if (amount := self.other(name))}

    def other(self, window: str) -> Pico:
        """What other use has taken of that window's cap."""
        if window.startswith("plan/"):
            return 0
        return sum(amount for day, amount in self.other_use.items() if window in names(day))

    def cap(self, window: str) -> Pico | None:
        """The cap in force for a window, from its name."""
        name = window.removeprefix("plan/")
        kind, _, which = name.partition(":")
        if kind == "task":
            return self.task_caps.get(which.split("/")[1])
        if kind == "day":
            return self.day_cap
        if kind in ("week", "month", "total"):
            return dollars(getattr(self.budget, CAPS[kind]))
        part, _, period = which.rpartition("/")
        if kind in ("project", "provider"):
            caps = (self.budget.projects if kind == "project" else self.budget.providers).get(part)
            return dollars(getattr(caps, CAPS[period.partition(":")[0]])) if caps else None
        phases = {phase.name: phase for phase in self.budget.phases}
        phase = phases.get(part or which)
        return dollars(phase.daily_usd if part else phase.total_usd) if phase else None

    # --- lives ---------------------------------------------------------------------------------------

    def begin(self, path: Path) -> None:
        """A daemon starts on that file."""
        self.lives += 1
        self.life = Life(path, self.clock, self.budget, self)

    async def end(self) -> None:
        """The daemon ends in order: who waits is sent away, every write is made."""
        for task in self.asking:
            task.cancel()
        await self.quiet()
        self.life.close()

    async def killed(self, path: Path) -> None:
        """The daemon is killed in the middle of a transaction; its files, as they lie, are copied to that path."""
        reached, go_on = threading.Event(), threading.Event()

        def halt(ledger: Ledger) -> None:
            ledger.connection.execute("INSERT INTO mark VALUES ('half', 'done')")
            reached.set()
            go_on.wait(30)
            ledger.connection.execute("DELETE FROM mark WHERE name = 'half'")

        halting = asyncio.create_task(self.life.writer.write(halt))
        while not reached.is_set():
            await asyncio.sleep(0)
        self._harvest()
        for name in (self.life.path.name, f"{self.life.path.name}-wal"):
            shutil.copyfile(
                self.life.path.with_name(name), path.with_name(path.name + name[len(self.life.path.name) :])
            )
        unheard = [*self.asking, *self.ending]
        self.asking.clear()
        self.ending.clear()
        go_on.set()
        for task in unheard:
            task.cancel()
        await asyncio.gather(halting, *unheard, return_exceptions=True)
        self.life.close()

    # --- what happens --------------------------------------------------------------------------------

    def ask(self, task_id: str, request: bytes, session: str = "s") -> asyncio.Task[Any]:
        """An agent asks; what it is told is heard when it is told."""
        headers = {"x-claude-code-session-id": f"{task_id}-{session}"}
        task = asyncio.ensure_future(self.life.admission.admit(task_id, request, headers))
        self.asking[task] = Entry(0, task_id, len(request) + SLACK, json.loads(request)["max_tokens"], self.clock.day)
        return task

    def close(self, entry: Entry, how: tuple[str, Pico | None], call: Coroutine[Any, Any, None]) -> None:
        """A booking is closed; how, stands from the moment the call returns."""
        entry.closing = how
        self.ending[asyncio.ensure_future(call)] = entry

    def open(self) -> list[Entry]:
        """Bookings nobody closes yet."""
        return [entry for entry in self.entries.values() if entry.closed is None and entry.closing is None]

    def _harvest(self) -> int:
        """Hear what calls have returned; how many."""
        answered = [task for task in self.asking if task.done()]
        for task in answered:
            asked = self.asking.pop(task)
            outcome = None if task.cancelled() else task.result()
            if isinstance(outcome, int):
                assert outcome not in self.entries
                self.entries[outcome] = replace(asked, id=outcome)
            elif outcome is not None:
                assert isinstance(outcome, Refusal) and outcome.status == 402, outcome
                self.refused += 1
        ended = [task for task in self.ending if task.done()]
        for task in ended:
            entry = self.ending.pop(task)
            task.result()
            entry.closed = entry.closed or entry.closing
        return len(answered) + len(ended)

    async def quiet(self) -> None:
        """Until nothing moves: every call has returned or waits for another booking to be closed."""
        before = None
        while True:
            for _ in range(4):
                await asyncio.sleep(0)
            await self.life.writer.pause()
            for _ in range(4):
                await asyncio.sleep(0)
            now = (self._harvest(), len(self.life.told), self.life.writer.handed_in)
            if now[0] == 0 and before == now[1:]:
                return
            before = now[1:]

    # --- what must hold ------------------------------------------------------------------------------

    def rows(self) -> list[Row]:
        """Every request in the file."""
        found = self.life.books.connection.execute(
            "SELECT id, task, day, state, worst, ceiling, cost, windows FROM request ORDER BY id"
        ).fetchall()
        return [Row(id, task, date.fromisoformat(day), state, worst, ceiling, cost, tuple(json.loads(windows)))
                for id, task, day, state, worst, ceiling, cost, windows in found]  # fmt: skip

    def check(self) -> None:
        """All that must hold after every step."""
        rows = self.rows()
        assert self.life.books.audit() == []
        self._in_one_day(rows)
        self._nothing_lost(rows)
        self._under_every_cap(rows)

    def _in_one_day(self, rows: Sequence[Row]) -> None:
        """No request counts in two days; no day comes again after a later one."""
        seen = date.min
        for row in rows:
            plan = "plan/" if row.task.startswith("plan") else ""
            expected = {f"{plan}task:2026-11-20/{row.task}"} | {
                f"{plan}{part}{name}"
                for part in ("", f"project:{PROJECT}/", f"provider:{PROVIDER}/")
                for name in names(row.day)
            }
            phases = set(row.windows) - expected
            assert expected <= set(row.windows)
            assert len(row.windows) == len(set(row.windows))
            if phases:
                name = min(phases, key=len)
                assert phases == {name, f"{name}/day:{row.day}"}
                assert name.startswith(f"{plan}phase:")
            assert row.day >= seen, "a day that was over was opened again"
            seen = row.day
        assert seen <= self.clock.latest

    def _nothing_lost(self, rows: Sequence[Row]) -> None:
        """What was admitted is there, and ended as was said; what nobody heard of holds nothing for ever."""
        known = {row.id: row for row in rows}
        for entry in self.entries.values():
            row = known.pop(entry.id)
            said = [entry.closed] if entry.closed else [("open", None), *([entry.closing] if entry.closing else [])]
            assert any(row.state == state and cost in (None, row.cost) for state, cost in said), (entry, row)
            assert row.day >= entry.asked, "it counts in a day that was over when it was asked for"
            if row.state == "estimated":
                assert row.cost in (row.ceiling, row.worst)
        if not self.asking:
            assert {row.state for row in known.values()} <= {"void", "estimated"}, "a reservation nobody asks for"

    def _under_every_cap(self, rows: Sequence[Row]) -> None:
        """Settled, reserved and taken elsewhere are under the cap, but for what a request took beyond its hold: in
        strict mode none may."""
        for row in rows:
            assert row.worst <= row.ceiling
            assert row.cost is None or row.cost <= row.ceiling, "a ceiling was passed"
            assert self.budget.mode == "paced" or row.cost is None or row.cost <= row.worst
        for window, level, cap in self.levels(rows):
            slack = self.slack.get(window, 0)
            assert level <= max(cap, slack), f"{window}: {level} above {cap}"
            if slack:
                self.slack[window] = level if level > cap else 0

    def levels(self, rows: Sequence[Row]) -> Iterator[tuple[str, Pico, Pico]]:
        """Where each capped window stands, without what requests took beyond what was held for them."""
        level: dict[str, Pico] = {}
        for row in rows:
            amount = row.worst if row.cost is None else min(row.cost, row.worst)
            for window in row.windows:
                level[window] = level.get(window, 0) + amount
        for window, amount in level.items():
            cap = self.cap(window)
            if cap is not None:
                yield window, amount + self.other(window), cap

    def changed(self, change: Callable[[], None]) -> None:
        """Caps or other use change: what stands above a cap because of that is no fault, but may not grow."""
        change()
        for window, level, cap in self.levels(self.rows()):
            if level > cap:
                self.slack[window] = level

    def recovered(self) -> None:
        """After a kill: what was open is charged at the most it can have cost, and so it stands."""
        rows = {row.id: row for row in self.rows()}
        for entry in self.entries.values():
            row, most = rows[entry.id], ("estimated", rows[entry.id].ceiling)
            said = [entry.closed] if entry.closed else [most, *([entry.closing] if entry.closing else [])]
            assert any(row.state == state and cost in (None, row.cost) for state, cost in said), (entry, row)
            entry.closed, entry.closing = (row.state, row.cost), None
        assert all(row.state != "open" for row in rows.values())
        self.check()


CAPS = {"day": "daily_usd", "week": "weekly_usd", "month": "monthly_usd", "total": "total_usd"}


def names(day: date) -> tuple[str, str, str, str]:
    """The periods of that day, as their windows are named."""
    year, week, _ = day.isocalendar()
    return f"day:{day}", f"week:{year}-W{week:02}", f"month:{day:%Y-%m}", "total"


def dollars(amount: Any) -> Pico | None:
    """Pico-USD of a setting."""
    return None if amount is None else from_usd(amount)


def used(model: str, prompt: int, answer: int) -> Usage:
    """What an answer used."""
    return Usage(model, Tokens(input=prompt, output=answer), geo="us", raw={"input_tokens": prompt})


async def toil(path: Path, journal: Path, seed: int) -> None:
    """A daemon whose agents ask and are answered until it is killed; it writes down what it is told."""
    dice = random.Random(seed)
    clock = Clock()
    clock.set(FRIDAY + timedelta(hours=seed))
    budget = Budget(
        weekly_usd=Decimal(900), projects={PROJECT: Caps(total_usd=Decimal(800))}, milestones_usd=(Decimal(1),)
    )
    world = World(path.parent, budget, from_usd(2), {"agent-1": from_usd(1)}, clock)
    world.begin(path)
    admission = world.life.admission
    with journal.open("a", buffering=1) as heard:

        async def agent(number: int) -> None:
            while True:
                id = await admission.admit(f"agent-{number}", body(MODEL, dice.choice([300, 4000]), 5), {})
                if not isinstance(id, int):
                    clock.set(clock.moment + timedelta(hours=6))  # the day's money is gone
                    continue
                heard.write(f"{id} open\n")
                await asyncio.sleep(dice.random() / 500)
                how = dice.choice(["settled", "settled", "estimated", "void"])
                if how == "void":
                    await admission.void(id)
                else:
                    await admission.settle(id, used(MODEL, 100, 100) if how == "settled" else None, "req")
                heard.write(f"{id} {how}\n")

        await asyncio.gather(*(agent(number) for number in range(8)))


if __name__ == "__main__":
    asyncio.run(toil(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
