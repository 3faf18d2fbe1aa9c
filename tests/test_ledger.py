"""The Ledger: no cap is ever passed, and nothing booked is ever lost."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from dayshift.cost.booking import Admitted, Refused, Reservation, Spend, Waiting
from dayshift.cost.budgets import Subject, day_window, task_window, windows
from dayshift.cost.statement import Statement
from dayshift.inputs.settings import Budget, Caps, Phase
from dayshift.model import Tokens, Usage
from dayshift.money import from_usd
from metrics import Ledger

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
        return settle(ledger, id, 40) if how == "settle" else bool(getattr(ledger, how)(id, NOON))

    assert close(first)
    assert not close(second)
    assert ledger.spend(TODAY) == Spend(settled, 0, 100)
    assert ledger.spend(TASK) == Spend(settled, 0, None)
    assert ledger.audit() == []


def test_closing_what_never_was_changes_nothing(ledger: Ledger) -> None:
    assert not settle(ledger, 99, 5)
    assert not ledger.void(99, NOON)
    assert ledger.audit() == []


def test_an_overrun_is_booked_in_full_and_shown(ledger: Ledger) -> None:
    settle(ledger, admitted(ledger, 100, {TODAY: 100}), 130)
    (overrun,) = Statement(ledger.connection).overruns()
    assert (overrun.task_id, overrun.ceiling, overrun.cost) == ("task-001", 100, 130)
    assert ledger.spend(TODAY).settled == 130
    assert Statement(ledger.connection).overruns(since=DAY + timedelta(days=1)) == ()


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
    assert again.recover(NOON) == 1
    assert again.recover(NOON) == 0
    assert again.spend(TODAY) == Spend(70, 0, 100)
    assert [line.estimated for line in Statement(again.connection).by("day")] == [60]
    assert again.audit() == []
    again.close()


def test_the_file_is_durable_by_its_settings(ledger: Ledger) -> None:
    assert ledger.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger.connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


# --- reading ---------------------------------------------------------------------------------------


def test_read_only_sees_what_a_living_daemon_wrote_and_cannot_write(ledger: Ledger, path: Path) -> None:
    admitted(ledger, 60, {TODAY: 100})
    reader = Ledger.read_only(path)
    assert reader
    assert reader.spend(TODAY).reserved == 60
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.recover(NOON)
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


def test_headroom_is_that_of_the_tightest_cap_with_reservations_counted_as_spent(ledger: Ledger) -> None:
    windows = {TODAY: 100, TASK: 50, "total": None}
    settle(ledger, admitted(ledger, 20, windows), 5)
    admitted(ledger, 30, windows)
    assert ledger.headroom(windows, {}) == 15
    assert ledger.headroom(windows, {TASK: 4, "total": 99}) == 11
    assert ledger.headroom({**windows, TASK: 10}, {}) == 0
    assert ledger.headroom({"total": None}, {}) is None


def test_the_audit_names_a_budget_that_does_not_match_its_requests(ledger: Ledger) -> None:
    settle(ledger, admitted(ledger, 20, {TODAY: 100}), 5)
    ledger.connection.execute("UPDATE budget SET settled = settled - 1")
    (found,) = ledger.audit()
    assert found.startswith(f"{TODAY}: settled")


# --- once ------------------------------------------------------------------------------------------


def test_a_notice_is_kept_once_and_told_until_somebody_was_told(ledger: Ledger, path: Path) -> None:
    assert ledger.memoranda.notify("share:day:75%", "75 % is spent", NOON)
    assert not ledger.memoranda.notify("share:day:75%", "other words", NOON)
    assert ledger.memoranda.notify("milestone", "$5", NOON + timedelta(seconds=1))
    ledger.close()
    again = Ledger.open(path)
    assert again.memoranda.untold() == [("share:day:75%", "75 % is spent"), ("milestone", "$5")]
    again.memoranda.told("share:day:75%", NOON)
    assert again.memoranda.untold() == [("milestone", "$5")]
    assert again.memoranda.noticed("share:day:75%") and not again.memoranda.noticed("share:day:90%")
    assert not again.memoranda.notify("share:day:75%", "75 % is spent", NOON)
    again.close()


def test_what_is_remembered_stays_as_it_was_first_said(ledger: Ledger) -> None:
    assert ledger.memoranda.mark("phase-spent:sprint") is None
    assert ledger.memoranda.remember("phase-spent:sprint", "2026-11-20") == "2026-11-20"
    assert ledger.memoranda.remember("phase-spent:sprint", "2026-11-25") == "2026-11-20"


def test_two_writers_never_turn_a_day_back(ledger: Ledger, path: Path) -> None:
    other = Ledger.open(path)
    assert other.memoranda.current_day(DAY + timedelta(days=2)) == DAY + timedelta(days=2)
    assert ledger.memoranda.current_day(DAY + timedelta(days=1)) == DAY + timedelta(days=2)
    assert other.memoranda.current_day(DAY) == DAY + timedelta(days=2)
    other.close()


def test_a_clock_set_back_does_not_open_a_day_again(ledger: Ledger, path: Path) -> None:
    assert ledger.memoranda.current_day(DAY) == DAY
    ledger.close()
    again = Ledger.open(path)
    assert again.memoranda.current_day(DAY - timedelta(days=1)) == DAY
    assert again.memoranda.current_day(DAY + timedelta(days=1)) == DAY + timedelta(days=1)
    again.close()


# --- paced: what is held grows ---------------------------------------------------------------------


def test_a_hold_grows_in_every_window_it_was_booked_in_while_there_is_room(ledger: Ledger) -> None:
    caps = {TODAY: 100, TASK: 60}
    id = admitted(ledger, 20, caps)
    assert ledger.extend(id, 40, caps, {})
    assert (ledger.spend(TODAY).reserved, ledger.spend(TASK).reserved) == (60, 60)
    assert not ledger.extend(id, 1, caps, {})
    assert ledger.audit() == []
    assert ledger.settle_unknown(id, NOON, held=True)
    assert ledger.spend(TASK) == Spend(60, 0, 60)


def test_what_other_use_has_taken_is_no_room_to_grow_in(ledger: Ledger) -> None:
    id = admitted(ledger, 20, {TODAY: 100})
    assert not ledger.extend(id, 40, {TODAY: 100}, {TODAY: 41})
    assert ledger.extend(id, 40, {TODAY: 100}, {TODAY: 40})


def test_after_midnight_a_hold_still_grows_under_the_cap_of_the_day_it_was_booked_in(ledger: Ledger) -> None:
    tomorrow = day_window(DAY + timedelta(days=1))
    id = admitted(ledger, 90, {TODAY: 100})
    assert not ledger.extend(id, 20, {tomorrow: 10_000}, {})
    assert ledger.extend(id, 10, {tomorrow: 10_000}, {})
    assert ledger.spend(tomorrow) == Spend()


def test_nothing_grows_that_is_closed(ledger: Ledger) -> None:
    id = admitted(ledger, 20, {TODAY: 100})
    settle(ledger, id, 5)
    assert not ledger.extend(id, 10, {TODAY: 100}, {})
    assert not ledger.extend(99, 10, {TODAY: 100}, {})
    assert ledger.spend(TODAY) == Spend(5, 0, 100)


def test_a_paced_request_whose_end_is_unknown_is_charged_at_its_ceiling(ledger: Ledger, path: Path) -> None:
    closings: list[Callable[[int], int]] = [lambda id: ledger.settle_unknown(id, NOON), lambda id: ledger.recover(NOON)]
    for close in closings:
        outcome = ledger.reserve(replace(asked(20, {TODAY: None}), ceiling=70))
        assert isinstance(outcome, Admitted)
        assert close(outcome.id)
    assert ledger.spend(TODAY).settled == 140


# --- a price that is corrected ---------------------------------------------------------------------


def test_a_settled_request_is_priced_anew_in_every_window_and_an_unsettled_one_is_not(ledger: Ledger) -> None:
    windows = {TODAY: 100, TASK: None}
    settled, open_ = admitted(ledger, 50, windows), admitted(ledger, 30, windows)
    settle(ledger, settled, 20)
    assert ledger.reprice(settled, 45, "corrected")
    assert not ledger.reprice(open_, 45, "corrected")
    assert (ledger.spend(TODAY).settled, ledger.spend(TASK).settled) == (45, 45)
    assert ledger.audit() == []


# --- every budget refuses on its own ---------------------------------------------------------------

ALL = {
    "task": TASK, "daily_usd": TODAY, "weekly_usd": "week:2026-W47", "monthly_usd": "month:2026-11",
    "total_usd": "total",
}  # fmt: skip
PHASE = {"name": "sprint"}


def set_up(kind: str, dollars: Decimal) -> tuple[Budget, Decimal | None, Decimal | None, Phase | None]:
    """Settings in which this one budget alone has that cap; the task's cap, the day's and the phase in force."""
    where, _, name = kind.rpartition(".")
    if where == "phase":
        return Budget(), None, None, Phase(**{**PHASE, name: dollars})  # type: ignore[arg-type]
    if where:
        caps = {f"{where}s": {"/shop" if where == "project" else "anthropic": Caps(**{name: dollars})}}
        return Budget(**caps), None, None, None  # type: ignore[arg-type]
    if name in ("task", "daily_usd"):
        return Budget(), dollars if name == "task" else None, dollars if name == "daily_usd" else None, None
    return Budget(**{name: dollars}), None, None, None  # type: ignore[arg-type]


def budget_of(kind: str, dollars: Decimal, account: Literal["api", "plan"] = "api") -> dict[str, int | None]:
    """Every window of a request, and that one cap."""
    budget, task, day, phase = set_up(kind, dollars)
    task_cap, day_cap = (None if each is None else from_usd(each) for each in (task, day))
    subject = Subject(DAY, "task-001", "/shop", "anthropic", account, task_cap, day_cap)
    return windows(budget, subject, DAY, phase)


KINDS = {
    **ALL,
    **{f"{part}.{kind}": f"{part}:{'/shop' if part == 'project' else 'anthropic'}/{ALL[kind]}"
       for part in ("project", "provider") for kind in ("daily_usd", "weekly_usd", "monthly_usd", "total_usd")},
    "phase.total_usd": "phase:sprint", "phase.daily_usd": "phase:sprint/day:2026-11-20",
}  # fmt: skip


@pytest.mark.parametrize(("kind", "window"), KINDS.items())
def test_each_budget_refuses_on_its_own_and_names_itself(ledger: Ledger, kind: str, window: str) -> None:
    caps = budget_of(kind, Decimal("1.00"))
    assert {name: cap for name, cap in caps.items() if cap is not None} == {window: from_usd(1)}
    settle(ledger, admitted(ledger, from_usd(1), caps), from_usd("0.75"))
    outcome = ledger.reserve(asked(from_usd("0.26"), caps))
    assert isinstance(outcome, Refused) and outcome.window == window
    held = admitted(ledger, from_usd("0.20"), caps)
    outcome = ledger.reserve(asked(from_usd("0.10"), caps))
    assert isinstance(outcome, Waiting) and outcome.window == window
    ledger.void(held, NOON)
    admitted(ledger, from_usd("0.25"), caps)


@pytest.mark.parametrize(("kind", "window"), [item for item in KINDS.items() if not item[0].startswith("phase")])
def test_a_cap_that_is_set_later_knows_what_was_spent_before(ledger: Ledger, kind: str, window: str) -> None:
    before = budget_of("weekly_usd", Decimal(100))
    settle(ledger, admitted(ledger, from_usd(1), before), from_usd("0.75"))
    outcome = ledger.reserve(asked(from_usd("0.26"), budget_of(kind, Decimal("1.00"))))
    assert isinstance(outcome, Refused) and outcome.window == window


@pytest.mark.parametrize("kind", KINDS)
def test_a_plans_use_never_counts_in_a_budget_of_dollars(ledger: Ledger, kind: str) -> None:
    notional, dollars = budget_of(kind, Decimal(1), "plan"), budget_of(kind, Decimal(1))
    assert not set(notional) & set(dollars)
    settle(ledger, admitted(ledger, from_usd(1), notional), from_usd(1))
    assert isinstance(ledger.reserve(asked(1, notional)), Refused)
    admitted(ledger, from_usd(1), dollars)


def test_what_other_use_has_taken_counts_as_spent(ledger: Ledger) -> None:
    request = replace(asked(60, {TODAY: 100, TASK: None}), elsewhere={TODAY: 41, TASK: 10**15})
    outcome = ledger.reserve(request)
    assert isinstance(outcome, Refused) and outcome.window == TODAY
    assert isinstance(ledger.reserve(replace(request, elsewhere={TODAY: 40})), Admitted)


# --- many processes, any crash ---------------------------------------------------------------------

SPENDER = """
import json, random, sys
from datetime import UTC, date, datetime
from pathlib import Path
from dayshift.model import Tokens, Usage
from dayshift.cost.booking import Admitted, Reservation
from metrics import Ledger

dice, ledger, caps = random.Random(sys.argv[2]), Ledger.open(Path(sys.argv[1])), sys.argv[3]
day, now, task = date(2026, 11, 20), datetime(2026, 11, 20, 12, tzinfo=UTC), 0
while True:
    worst = dice.randint(1, 40)
    windows = json.loads(caps.replace("TASK", str(task)))
    outcome = ledger.reserve(Reservation(str(task), 1, day, "m", "p", worst, windows, now))
    if not isinstance(outcome, Admitted):
        task += 1
        continue
    end = dice.random()
    if end < 0.6:
        ledger.settle(outcome.id, Usage("m", Tokens()), dice.randint(0, worst), "r", now)
    elif end < 0.8:
        ledger.void(outcome.id, now)
    elif end < 0.9:
        ledger.settle_unknown(outcome.id, now)
"""


def all_windows() -> str:
    """Every window of a request, the smallest caps for its task and its day."""
    caps = Caps(daily_usd=Decimal("0.00000005"), total_usd=Decimal("0.00000009"))
    budget = Budget(
        weekly_usd=Decimal("0.00000006"), monthly_usd=Decimal("0.00000007"), total_usd=Decimal("0.00000008"),
        projects={"/shop": caps}, providers={"anthropic": caps},
    )  # fmt: skip
    phase = Phase(name="sprint", total_usd=Decimal("0.00000005"), daily_usd=Decimal("0.00000005"))
    return json.dumps(windows(budget, Subject(DAY, "TASK", "/shop", "anthropic", "api", 100, 50_000), DAY, phase))


def spender(path: Path, seed: int) -> subprocess.Popen[bytes]:
    root = Path(__file__).resolve().parent.parent
    return subprocess.Popen([sys.executable, "-c", SPENDER, str(path), str(seed), all_windows()], cwd=root)


def test_eight_processes_killed_at_any_moment_never_pass_a_cap(path: Path) -> None:
    """All fill the same small budgets, one after the other, so that they meet at a cap hundreds of times."""
    Ledger.open(path).close()
    observer = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)
    spenders = [spender(path, seed) for seed in range(8)]
    dice, kills, begun = random.Random(7), 0, time.monotonic()
    enough = "SELECT COUNT(*) > 40 FROM budget"
    try:
        while time.monotonic() < begun + 4 or kills < 8 or observer.execute(enough).fetchone() == (0,):
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
    assert ledger.recover(NOON) > 0
    assert ledger.audit() == []
    lines = Statement(ledger.connection).by("task")
    today, everything = ledger.spend(TODAY), ledger.spend("total")
    assert (today.reserved, today.settled) == (0, sum(line.cost for line in lines))
    assert (everything.reserved, everything.settled) == (0, today.settled)
    assert 0 < today.settled <= 50_000
    assert max(line.cost for line in lines) <= 100
    ledger.close()
