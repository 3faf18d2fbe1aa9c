"""No history of requests, crashes, clocks and caps takes money past a cap, counts twice or loses anything.

`DAYSHIFT_HISTORIES` says how many are told; `make histories` tells 10,000. The files are not synced to the disk here,
which a killed process cannot notice; what a machine that loses its power may lose, SQLite's own promise covers.
"""

import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dayshift.inputs.settings import Budget
from dayshift.model import Tokens, Usage
from dayshift.money import Pico, from_usd
from metrics import Ledger
from tests.histories_of_money import BERLIN, DEARER, FRIDAY, MODEL, PROJECT, PROVIDER, Entry, World, body, used

COUNT = int(os.environ.get("DAYSHIFT_HISTORIES", "100"))
ROOT = Path(__file__).resolve().parent.parent
TASKS = ("a", "b", "plan")
EDGES = ("day", "day", "month", "year", "summer", "winter")

amounts = (st.integers(2, 60) | st.integers(20, 400)).map(lambda cents: Decimal(cents) / 100)
maybe = st.none() | amounts
caps = st.fixed_dictionaries({}, optional={f"{name}_usd": amounts for name in ("daily", "weekly", "monthly", "total")})
begun_phases = st.lists(
    st.fixed_dictionaries({"days": st.integers(1, 9)}, optional={"total_usd": amounts, "daily_usd": amounts})
    | st.fixed_dictionaries({"total_usd": amounts}),
    max_size=2,
)


def _in_a_row(begun: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The phases with names, and one without an end after them."""
    ongoing = [{"daily_usd": Decimal("0.30")}] if begun else []
    return [{"name": f"phase-{number}", **each} for number, each in enumerate([*begun, *ongoing])]


budgets = st.fixed_dictionaries(
    {
        "projects": st.just({}) | caps.map(lambda given: {PROJECT: given}),
        "providers": st.just({}) | caps.map(lambda given: {PROVIDER: given}),
        "phases": begun_phases.map(_in_a_row),
    },
    optional={f"{name}_usd": amounts for name in ("weekly", "monthly", "total")},
)

Step = tuple[str, dict[str, Any]]


def step(name: str, **drawn: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    """A call of one of History's methods."""
    return st.tuples(st.just(name), st.fixed_dictionaries(drawn))


def often(times: int, each: st.SearchStrategy[Step]) -> list[st.SearchStrategy[Step]]:
    """So many strategies, for `one_of` takes one that is given twice for one."""
    return [each.map(tuple) for _ in range(times)]  # type: ignore[arg-type]


which, sooner, tick = st.integers(0, 9), st.booleans(), st.integers(0, 9)
ask = step(
    "ask", tasks=st.lists(st.sampled_from(TASKS), min_size=1, max_size=4), words=st.integers(1, 200), wait=sooner,
    model=st.sampled_from([MODEL, MODEL, DEARER]), most=st.sampled_from([300, 1000, 4000, 9000]),
)  # fmt: skip
close = step(
    "close", which=which, how=st.sampled_from(["settle"] * 5 + ["void", "unknown", "unpriced"]),
    prompt=st.integers(0, 100), answer=st.integers(0, 100), twice=sooner, wait=sooner,
)  # fmt: skip
stream = step("stream", which=which, share=st.integers(0, 120))
steps = st.lists(
    st.one_of(
        *often(5, ask), *often(9, close), *often(3, stream),
        step("ask_and_hang_up", task=st.sampled_from(TASKS), most=st.sampled_from([300, 4000]), ticks=tick),
        step("hang_up", which=which),
        step("kill", budget=st.none() | budgets, ticks=st.integers(0, 6)),
        step("restart", budget=st.none() | budgets),
        step("time_passes", hours=st.sampled_from([-50, -25, -1, 1, 5, 24, 24, 49, 24 * 8])),
        step("an_edge_is_near", kind=st.sampled_from(EDGES), seconds=st.integers(-2, 2)),
        step("the_days_cap_changes", cap=amounts),
        step("a_tasks_cap_changes", task=st.sampled_from(TASKS), cap=maybe),
        step("somebody_else_spends", cents=st.integers(1, 5)),
    ),
    min_size=12, max_size=40,
)  # fmt: skip


class History:
    """Daemons one after the other on one ledger, in a world that is moved step by step."""

    def __init__(self, template: Path, budget: Budget, day_cap: Pico, task_caps: dict[str, Pico | None]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="money-"))
        self.loop = asyncio.Runner()
        self.world = World(self.folder, budget, day_cap, task_caps)
        shutil.copyfile(template, self._file())
        self.world.begin(self._file())

    def _file(self) -> Path:
        return self.folder / f"{self.world.lives}.sqlite3"

    def quiet(self) -> None:
        self.loop.run(self.world.quiet())

    def ticks(self, number: int) -> None:
        """Let the calls go on for a little while, wherever they come to."""

        async def pass_by() -> None:
            for _ in range(number):
                await asyncio.sleep(0)

        self.loop.run(pass_by())

    # --- requests ------------------------------------------------------------------------------------

    def ask(self, tasks: list[str], model: str, most: int, words: int, wait: bool) -> None:
        async def ask() -> None:
            for task in tasks:
                self.world.ask(task, body(model, most, words))

        self.loop.run(ask())
        self.quiet() if wait else self.ticks(words % 7)

    def ask_and_hang_up(self, task: str, most: int, ticks: int) -> None:
        async def ask() -> None:
            asking = self.world.ask(task, body(MODEL, most, 5))
            for _ in range(ticks):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.sleep(0)
            asking.cancel()  # by whoever ends the loop

        self.loop.run(ask())
        self.quiet()

    def hang_up(self, which: int) -> None:
        waiting = list(self.world.asking)
        if waiting:
            waiting[which % len(waiting)].cancel()
        self.quiet()

    def _open(self, which: int) -> Entry | None:
        entries = self.world.open()
        return entries[which % len(entries)] if entries else None

    def stream(self, which: int, share: int) -> None:
        """An answer comes on; if its hold cannot follow, it is cut."""
        entry, admission = self._open(which), self.world.life.admission
        if entry is None:
            return

        async def stream() -> None:
            if not await admission.keep_up(entry.id, entry.most_output * share // 100):
                assert self.world.budget.mode == "paced", "a strict answer is never cut"
                self.world.close(entry, ("estimated", None), admission.cut(entry.id))

        self.loop.run(stream())
        self.quiet()

    def close(self, which: int, how: str, prompt: int, answer: int, twice: bool, wait: bool) -> None:
        entry, admission = self._open(which), self.world.life.admission
        if entry is None:
            return
        row = next(row for row in self.world.rows() if row.id == entry.id)
        model = self.world.life.books.connection.execute("SELECT model FROM request WHERE id = ?", (entry.id,))
        usage: Usage | None = used(
            str(model.fetchone()[0]), entry.most_input * prompt // 100, entry.most_output * answer // 100
        )
        outcome: tuple[str, int | None] = ("settled", None)
        if how == "void":
            outcome = ("void", 0)
        elif how != "settle":
            usage = None if how == "unknown" else Usage("claude-unheard-of-9", Tokens(1), raw={})
            outcome = ("estimated", row.ceiling)

        async def close() -> None:
            call = admission.void(entry.id) if how == "void" else admission.settle(entry.id, usage, f"req_{entry.id}")
            self.world.close(entry, outcome, call)
            if twice:
                await asyncio.sleep(0)
                await admission.settle(entry.id, None, "")

        self.loop.run(close())
        if wait:
            self.quiet()

    # --- crashes and restarts ------------------------------------------------------------------------

    def kill(self, budget: dict[str, Any] | None, ticks: int) -> None:
        self.ticks(ticks)
        after = self._file()
        self.loop.run(self.world.killed(after))
        self._next(after, budget)
        self.world.recovered()

    def restart(self, budget: dict[str, Any] | None) -> None:
        path = self.world.life.path
        self.loop.run(self.world.end())
        self._next(path, budget)
        self.world.recovered()

    def _next(self, path: Path, budget: dict[str, Any] | None) -> None:
        """The next daemon, perhaps with other settings."""
        if budget is not None:
            self.world.budget = Budget(mode=self.world.budget.mode, **budget)
        self.world.begin(path)
        self.world.changed(lambda: None)

    # --- time ----------------------------------------------------------------------------------------

    def time_passes(self, hours: int) -> None:
        self.world.clock.set(self.world.clock.moment + timedelta(hours=hours))

    def an_edge_is_near(self, kind: str, seconds: int) -> None:
        now = self.world.clock.moment.astimezone(BERLIN)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        edge = {
            "day": midnight + timedelta(days=1),
            "month": (midnight.replace(day=1) + timedelta(days=32)).replace(day=1),
            "year": midnight.replace(year=now.year + 1, month=1, day=1),
            "summer": midnight.replace(year=now.year + 1, month=3, day=28),
            "winter": midnight.replace(year=now.year + 1, month=10, day=31),
        }[kind]
        if edge.year < 2040:
            self.world.clock.set(edge.astimezone(UTC) + timedelta(seconds=seconds))

    # --- caps and other use --------------------------------------------------------------------------

    def the_days_cap_changes(self, cap: Decimal) -> None:
        self.quiet()
        self.world.changed(lambda: setattr(self.world, "day_cap", from_usd(cap)))

    def a_tasks_cap_changes(self, task: str, cap: Decimal | None) -> None:
        self.quiet()
        self.world.changed(lambda: self.world.task_caps.update({task: None if cap is None else from_usd(cap)}))

    def somebody_else_spends(self, cents: int) -> None:
        self.quiet()
        day, taken = self.world.clock.day, self.world.other_use
        self.world.changed(lambda: taken.update({day: taken.get(day, 0) + from_usd(Decimal(cents) / 100)}))

    # --- the end -------------------------------------------------------------------------------------

    def end(self) -> None:
        """Everybody is answered, once what is under way is given back; then the daemon ends."""
        self.quiet()
        while self.world.asking:
            assert self.world.open(), "it waits for nobody"
            for entry in self.world.open():
                self.loop.run(self._void(entry))
            self.quiet()
            self.world.check()
        TOLD.update(row.state for row in self.world.rows())
        TOLD.update({"daemons": self.world.lives, "refused": self.world.refused, "histories": 1})
        self.loop.run(self.world.end())

    async def _void(self, entry: Entry) -> None:
        self.world.close(entry, ("void", 0), self.world.life.admission.void(entry.id))

    def let_go(self) -> None:
        """Nothing is left of it, however it went."""
        self.world.life.close()
        self.loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)


TOLD: Counter[str] = Counter()  #: what happened in all histories
SOME = settings(
    max_examples=COUNT, deadline=None, database=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger, to begin with a copy of it."""
    path = tmp_path_factory.mktemp("ledger") / "empty.sqlite3"
    Ledger.open(path).close()
    return path


@pytest.mark.timeout(COUNT + 60)
def test_no_history_takes_money_past_a_cap(template: Path) -> None:
    @SOME
    @given(mode=st.sampled_from(["strict", "strict", "paced"]), budget=budgets, day=amounts, task=maybe, steps=steps)
    def told(mode: str, budget: dict[str, Any], day: Decimal, task: Decimal | None, steps: list[Step]) -> None:
        task_caps = {"a": None if task is None else from_usd(task)}
        history = History(template, Budget(mode=mode, **budget), from_usd(day), task_caps)  # type: ignore[arg-type]
        try:
            for name, drawn in steps:
                getattr(history, name)(**drawn)
                history.world.check()
            history.end()
        finally:
            history.let_go()

    TOLD.clear()
    began = time.monotonic()
    told()
    print(f"\n{', '.join(f'{number:,} {what}' for what, number in TOLD.items())} in {time.monotonic() - began:.0f} s")
    assert TOLD["histories"] >= COUNT
    assert min(TOLD[what] for what in ("settled", "estimated", "void", "refused")) >= COUNT // 5


# --- really killed -------------------------------------------------------------------------------------

KILLS = max(6, COUNT // 100)


def test_a_daemon_that_is_really_killed_loses_nothing_it_acknowledged(template: Path, tmp_path: Path) -> None:
    """One process after the other on one file, each killed while it works; what each heard is in a journal."""
    path, journal = tmp_path / "ledger.sqlite3", tmp_path / "journal"
    shutil.copyfile(template, path)
    journal.touch()
    dice = random.Random(7)
    for number in range(KILLS):
        words = [sys.executable, "-m", "tests.histories_of_money", str(path), str(journal), str(number)]
        begun = journal.stat().st_size
        with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL) as process:
            while journal.stat().st_size < begun + 500:
                assert process.poll() is None, "it ended by itself"
                time.sleep(0.01)
            time.sleep(dice.random() / 5)
            process.kill()
        left = Ledger.open(path)
        assert left.audit() == []
        assert left.connection.execute("SELECT * FROM budget WHERE settled + reserved > cap").fetchall() == []
        rows = dict(left.connection.execute("SELECT id, state FROM request").fetchall())
        heard: dict[int, str] = {}
        for line in journal.read_text().rpartition("\n")[0].splitlines():
            id, state = line.split()
            heard[int(id)] = state
        assert len(heard) > 5 * (number + 1)
        assert {id: rows[id] for id, state in heard.items() if state != "open"} == {
            id: state for id, state in heard.items() if state != "open"
        }
        assert heard.keys() <= rows.keys()
        left.recover(FRIDAY)
        journal.write_text("".join(f"{id} {state if state != 'open' else 'estimated'}\n" for id, state in heard.items()
                                   if state != "open" or rows[id] == "open"))  # fmt: skip
        left.close()
    print(f"\n{KILLS} daemons killed, {len(heard):,} requests heard of")
