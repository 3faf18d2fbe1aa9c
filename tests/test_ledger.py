"""The Ledger: no cap is ever passed, and nothing booked is ever lost."""

import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from dayshift.model import Tokens, Usage
from dayshift.money import from_usd
from metrics import (
    Admitted,
    Ledger,
    Refused,
    Reservation,
    Spend,
    Unusable,
    Waiting,
    day_window,
    task_window,
)

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY, TASK = day_window(DAY), task_window(DAY, "task-001")
USAGE = Usage("claude-sonnet-5-5", Tokens(10, 20, 30, 40, 50, 1), raw={"input_tokens": 10})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "own" / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(path)
    yield ledger
    ledger.close()


def asked(worst: int, windows: Mapping[str, int | None], task: str = "task-001", day: date = DAY) -> Reservation:
    return Reservation(task, 1, day, "claude-sonnet-5-5", "shipped 2026-11-20", worst, windows, NOON, "s-1")


def admitted(ledger: Ledger, worst: int, windows: Mapping[str, int | None]) -> int:
    outcome = ledger.reserve(asked(worst, windows))
    assert isinstance(outcome, Admitted), outcome
    return outcome.id


def settle(ledger: Ledger, id: int, cost: int) -> bool:
    return ledger.settle(id, USAGE, cost, f"req_{id}", NOON + timedelta(seconds=3))


# --- admission -------------------------------------------------------------------------------------


def test_a_request_that_fills_the_cap_exactly_is_admitted_and_one_more_pico_waits(ledger: Ledger) -> None:
    admitted(ledger, 100, {TODAY: 100})
    assert ledger.spend(TODAY) == Spend(settled=0, reserved=100, cap=100)
    assert isinstance(ledger.reserve(asked(1, {TODAY: 100})), Waiting)


def test_what_cannot_fit_even_when_all_is_settled_is_refused(ledger: Ledger) -> None:
    settle(ledger, admitted(ledger, 50, {TODAY: 100}), 30)
    outcome = ledger.reserve(asked(71, {TODAY: 100}))
    assert isinstance(outcome, Refused)
    assert outcome.window == TODAY


def test_a_waiting_request_is_admitted_once_the_one_in_flight_cost_less_than_it_might(ledger: Ledger) -> None:
    first = admitted(ledger, 80, {TODAY: 100})
    assert isinstance(ledger.reserve(asked(50, {TODAY: 100})), Waiting)
    settle(ledger, first, 50)
    assert isinstance(ledger.reserve(asked(50, {TODAY: 100})), Admitted)


def test_the_tightest_window_decides_and_refusal_goes_before_waiting(ledger: Ledger) -> None:
    admitted(ledger, 90, {TODAY: 100, TASK: None})
    outcome = ledger.reserve(asked(20, {TODAY: 100, TASK: 10}))
    assert isinstance(outcome, Refused)
    assert outcome.window == TASK


@pytest.mark.parametrize("first, second", [(TODAY, TASK), (TASK, TODAY)])
def test_what_is_not_admitted_reserves_nothing_anywhere(ledger: Ledger, first: str, second: str) -> None:
    assert isinstance(ledger.reserve(asked(20, {first: 100, second: 10})), Refused)
    assert (ledger.spend(first).reserved, ledger.spend(second).reserved) == (0, 0)
    assert ledger.audit() == []


def test_a_window_without_a_cap_is_counted_all_the_same(ledger: Ledger) -> None:
    settle(ledger, admitted(ledger, 10**15, {TODAY: None}), 7)
    assert ledger.spend(TODAY) == Spend(settled=7, reserved=0, cap=None)


def test_a_sum_no_file_could_hold_is_refused_even_without_a_cap(ledger: Ledger) -> None:
    assert isinstance(ledger.reserve(asked(2**64, {TODAY: None})), Refused)


def test_a_raised_cap_counts_from_the_next_request_on(ledger: Ledger) -> None:
    settle(ledger, admitted(ledger, 100, {TODAY: 100}), 100)
    assert isinstance(ledger.reserve(asked(10, {TODAY: 100})), Refused)
    admitted(ledger, 10, {TODAY: 110})
    assert ledger.spend(TODAY).cap == 110


def test_the_refusal_says_what_is_needed_and_what_is_left(ledger: Ledger) -> None:
    outcome = ledger.reserve(asked(from_usd("0.41"), {TODAY: from_usd("0.30")}))
    assert isinstance(outcome, Refused)
    assert outcome.detail == "$0.41 at most is needed, $0.30 of $0.30 is left: $0.11 too little"


# --- closing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("first, settled", [("settle", 40), ("settle_unknown", 100), ("void", 0)])
@pytest.mark.parametrize("second", ["settle", "settle_unknown", "void"])
def test_a_request_is_closed_once_and_the_first_word_counts(
    ledger: Ledger, first: str, settled: int, second: str
) -> None:
    id = admitted(ledger, 100, {TODAY: 100, TASK: None})

    def close(how: str) -> bool:
        return settle(ledger, id, 40) if how == "settle" else bool(getattr(ledger, how)(id))

    assert close(first)
    assert not close(second)
    assert ledger.spend(TODAY) == Spend(settled, 0, 100)
    assert ledger.spend(TASK) == Spend(settled, 0, None)
    assert ledger.audit() == []


def test_closing_what_never_was_changes_nothing(ledger: Ledger) -> None:
    assert not settle(ledger, 99, 5)
    assert not ledger.void(99)
    assert ledger.audit() == []


def test_an_overrun_is_booked_in_full_and_shown(ledger: Ledger) -> None:
    settle(ledger, admitted(ledger, 100, {TODAY: 100}), 130)
    (overrun,) = ledger.overruns()
    assert (overrun.task_id, overrun.worst_case, overrun.cost) == ("task-001", 100, 130)
    assert ledger.spend(TODAY).settled == 130
    assert ledger.overruns(since=DAY + timedelta(days=1)) == ()


def test_every_row_keeps_its_price_provenance_and_the_usage_as_it_was_sent(ledger: Ledger, path: Path) -> None:
    settle(ledger, admitted(ledger, 100, {TODAY: 100}), 40)
    reader = sqlite3.connect(path)
    row = reader.execute("SELECT price, usage, request_id, admitted_at, settled_at FROM request").fetchone()
    reader.close()
    expected = ("shipped 2026-11-20", '{"input_tokens": 10}', "req_1", "2026-11-20T12:00:00Z", "2026-11-20T12:00:03Z")
    assert row == expected


# --- starting again --------------------------------------------------------------------------------


def test_recover_charges_what_was_left_open_at_its_worst_case(ledger: Ledger, path: Path) -> None:
    settle(ledger, admitted(ledger, 50, {TODAY: 100}), 10)
    admitted(ledger, 60, {TODAY: 100})
    ledger.close()
    again = Ledger.open(path)
    assert again.recover() == 1
    assert again.recover() == 0
    assert again.spend(TODAY) == Spend(70, 0, 100)
    assert [line.estimated for line in again.by("day")] == [60]
    assert again.audit() == []
    again.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_broken_file_is_named_with_its_cure(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(content)
    with pytest.raises(Unusable, match=r"ledger\.sqlite3.*newest backup"):
        Ledger.open(path)
    with pytest.raises(Unusable, match="newest backup"):
        Ledger.read_only(path)


def test_a_file_of_a_newer_program_is_left_alone(ledger: Ledger, path: Path) -> None:
    ledger._db.execute("PRAGMA user_version = 99")
    with pytest.raises(Unusable, match="newer dayshift"):
        Ledger.open(path)


def test_the_file_is_durable_by_its_settings(ledger: Ledger) -> None:
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


# --- reading ---------------------------------------------------------------------------------------


def test_read_only_sees_what_a_living_daemon_wrote_and_cannot_write(ledger: Ledger, path: Path) -> None:
    admitted(ledger, 60, {TODAY: 100})
    reader = Ledger.read_only(path)
    assert reader
    assert reader.spend(TODAY).reserved == 60
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.recover()
    reader.close()


def test_read_only_works_with_the_daemon_down_and_says_none_before_there_is_a_ledger(path: Path) -> None:
    assert Ledger.read_only(path) is None
    path.parent.mkdir()
    path.touch()
    assert Ledger.read_only(path) is None
    ledger = Ledger.open(path)
    settle(ledger, admitted(ledger, 60, {TODAY: 100}), 5)
    ledger.close()
    reader = Ledger.read_only(path)
    assert reader
    assert reader.spend(TODAY) == Spend(5, 0, 100)
    reader.close()


def test_cost_tables_by_day_task_model_and_session(ledger: Ledger) -> None:
    yesterday = DAY - timedelta(days=1)
    for day, task, cost in ((yesterday, "task-001", 1), (DAY, "task-001", 2), (DAY, "task-002", 4)):
        windows = {day_window(day): 100, task_window(day, task): None}
        outcome = ledger.reserve(asked(10, windows, task, day))
        assert isinstance(outcome, Admitted)
        settle(ledger, outcome.id, cost)
    voided = admitted(ledger, 10, {TODAY: 100, TASK: None})
    ledger.void(voided)
    admitted(ledger, 10, {TODAY: 100, TASK: None})

    assert [(line.key, line.cost, line.reserved, line.requests) for line in ledger.by("day")] == [
        ("2026-11-19", 1, 0, 1),
        ("2026-11-20", 6, 10, 3),
    ]
    assert [(line.key, line.cost) for line in ledger.by("task")] == [
        ("2026-11-19/task-001", 1),
        ("2026-11-20/task-001", 2),
        ("2026-11-20/task-002", 4),
    ]
    assert [(line.key, line.cost) for line in ledger.by("model", since=DAY)] == [("claude-sonnet-5-5", 6)]
    assert [(line.key, line.cost) for line in ledger.by("session")] == [("s-1", 7)]
    assert ledger.by("model")[0].tokens == Tokens(30, 60, 90, 120, 150, 3)
    assert ledger.task_tokens(DAY, "task-002") == USAGE.tokens
    assert ledger.task_tokens(DAY, "task-999") == Tokens()


def test_headroom_is_that_of_the_tightest_cap_with_reservations_counted_as_spent(ledger: Ledger) -> None:
    windows = {TODAY: 100, TASK: 50, "total": None}
    settle(ledger, admitted(ledger, 20, windows), 5)
    admitted(ledger, 30, windows)
    assert ledger.headroom(windows) == 15
    assert ledger.headroom({**windows, TASK: 10}) == 0
    assert ledger.headroom({"total": None}) is None


@pytest.mark.parametrize("settled, crossed", [(74, False), (75, True), (76, True)])
def test_a_share_is_crossed_when_it_is_reached(settled: int, crossed: bool) -> None:
    assert Spend(settled, 25, 100).crossed(75) is crossed
    assert not Spend(settled, 25, None).crossed(75)


def test_the_audit_names_a_budget_that_does_not_match_its_requests(ledger: Ledger) -> None:
    settle(ledger, admitted(ledger, 20, {TODAY: 100}), 5)
    ledger._db.execute("UPDATE budget SET settled = settled - 1")
    (found,) = ledger.audit()
    assert found.startswith(f"{TODAY}: settled")


# --- once ------------------------------------------------------------------------------------------


def test_a_warning_is_given_once_per_window_even_across_a_restart(ledger: Ledger, path: Path) -> None:
    assert ledger.warn_once(TODAY, "75")
    assert not ledger.warn_once(TODAY, "75")
    assert ledger.warn_once(TODAY, "90")
    ledger.close()
    again = Ledger.open(path)
    assert not again.warn_once(TODAY, "75")
    assert again.warn_once(day_window(DAY + timedelta(days=1)), "75")
    again.close()


def test_a_clock_set_back_does_not_open_a_day_again(ledger: Ledger, path: Path) -> None:
    assert ledger.current_day(DAY) == DAY
    ledger.close()
    again = Ledger.open(path)
    assert again.current_day(DAY - timedelta(days=1)) == DAY
    assert again.current_day(DAY + timedelta(days=1)) == DAY + timedelta(days=1)
    again.close()


def test_one_backup_a_day_that_is_a_whole_ledger_and_only_seven_stay(ledger: Ledger, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    settle(ledger, admitted(ledger, 20, {TODAY: 100}), 5)
    copies = [ledger.backup(folder, DAY + timedelta(days=n)) for n in range(9)]
    assert sorted(folder.iterdir()) == copies[2:]
    settle(ledger, admitted(ledger, 20, {TODAY: 100}), 5)
    assert ledger.backup(folder, DAY + timedelta(days=8)) == copies[8]
    copy = Ledger.open(copies[8])
    assert copy.spend(TODAY).settled == 5
    assert copy.audit() == []
    copy.close()


# --- any order, any crash --------------------------------------------------------------------------


class AnyOrder(RuleBasedStateMachine):
    """Requests of several tasks in any order, with restarts between, against a plain model of the sums."""

    CAPS = {TODAY: 100, task_window(DAY, "a"): 60, task_window(DAY, "b"): 45}

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.sqlite3"
        self.ledger = Ledger.open(self.path)
        self.settled = dict.fromkeys(self.CAPS, 0)
        self.open: dict[int, tuple[str, int]] = {}

    def reserved(self, window: str) -> int:
        return sum(worst for task, worst in self.open.values() if window in (TODAY, task_window(DAY, task)))

    @rule(task=st.sampled_from("ab"), worst=st.integers(1, 70))
    def reserve(self, task: str, worst: int) -> None:
        windows = {window: self.CAPS[window] for window in (TODAY, task_window(DAY, task))}
        fits = all(self.settled[w] + self.reserved(w) + worst <= cap for w, cap in windows.items())
        could = all(self.settled[w] + worst <= cap for w, cap in windows.items())
        outcome = self.ledger.reserve(asked(worst, windows, task))
        assert type(outcome) is (Admitted if fits else Waiting if could else Refused)
        if isinstance(outcome, Admitted):
            self.open[outcome.id] = (task, worst)

    @rule(which=st.integers(0, 9), how=st.sampled_from(["settle", "unknown", "void"]), share=st.integers(0, 100))
    def close(self, which: int, how: str, share: int) -> None:
        if not self.open:
            return
        id = sorted(self.open)[which % len(self.open)]
        task, worst = self.open.pop(id)
        cost = {"settle": worst * share // 100, "unknown": worst, "void": 0}[how]
        if how == "settle":
            assert settle(self.ledger, id, cost)
        else:
            assert self.ledger.settle_unknown(id) if how == "unknown" else self.ledger.void(id)
        for window in (TODAY, task_window(DAY, task)):
            self.settled[window] += cost

    @rule()
    def restart(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(self.path)
        assert self.ledger.recover() == len(self.open)
        for task, worst in self.open.values():
            for window in (TODAY, task_window(DAY, task)):
                self.settled[window] += worst
        self.open = {}

    @invariant()
    def the_sums_are_right_and_under_every_cap(self) -> None:
        for window, cap in self.CAPS.items():
            spend = self.ledger.spend(window)
            assert (spend.settled, spend.reserved) == (self.settled[window], self.reserved(window))
            assert spend.settled + spend.reserved <= cap
        assert self.ledger.audit() == []

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()


def test_any_order_of_events_keeps_every_cap() -> None:
    bounds = settings(max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(AnyOrder, settings=bounds)


SPENDER = """
import random, sys
from datetime import UTC, date, datetime
from pathlib import Path
from dayshift.model import Tokens, Usage
from metrics import Admitted, Ledger, Reservation

dice, ledger = random.Random(sys.argv[2]), Ledger.open(Path(sys.argv[1]))
day, now, task = date(2026, 11, 20), datetime(2026, 11, 20, 12, tzinfo=UTC), 0
while True:
    worst = dice.randint(1, 40)
    windows = {"day:2026-11-20": 50_000, f"task:2026-11-20/{task}": 100}
    outcome = ledger.reserve(Reservation(str(task), 1, day, "m", "p", worst, windows, now))
    if not isinstance(outcome, Admitted):
        task += 1
        continue
    end = dice.random()
    if end < 0.6:
        ledger.settle(outcome.id, Usage("m", Tokens()), dice.randint(0, worst), "r", now)
    elif end < 0.8:
        ledger.void(outcome.id)
    elif end < 0.9:
        ledger.settle_unknown(outcome.id)
"""


def spender(path: Path, seed: int) -> subprocess.Popen[bytes]:
    root = Path(__file__).resolve().parent.parent
    return subprocess.Popen([sys.executable, "-c", SPENDER, str(path), str(seed)], cwd=root)


def test_eight_processes_killed_at_any_moment_never_pass_a_cap(path: Path) -> None:
    """All fill the same small budgets, one after the other, so that they meet at a cap hundreds of times."""
    Ledger.open(path).close()
    observer = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)
    spenders = [spender(path, seed) for seed in range(8)]
    dice, kills, until = random.Random(7), 0, time.monotonic() + 4
    try:
        while time.monotonic() < until:
            time.sleep(0.002)
            assert observer.execute("SELECT * FROM budget WHERE settled + reserved > cap").fetchall() == []
            if dice.random() < 0.02 and kills < 16:
                victim, kills = dice.randrange(8), kills + 1
                spenders[victim].kill()
                assert spenders[victim].wait() == -signal.SIGKILL
                spenders[victim] = spender(path, 8 + kills)
    finally:
        for process in spenders:
            process.kill()
        codes = {process.wait() for process in spenders}
        budgets = observer.execute("SELECT COUNT(*) FROM budget").fetchone()[0]
        observer.close()
    assert codes == {-signal.SIGKILL}, "a spender ended by itself"
    assert kills >= 8
    assert budgets > 20

    ledger = Ledger.open(path)
    assert ledger.audit() == []
    assert ledger.recover() > 0
    assert ledger.audit() == []
    today = ledger.spend(TODAY)
    assert (today.reserved, today.settled) == (0, sum(line.cost for line in ledger.by("task")))
    assert 0 < today.settled <= 50_000
    assert max(line.cost for line in ledger.by("task")) <= 100
    ledger.close()
