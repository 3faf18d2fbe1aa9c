"""The command `cost`: both accounts, every budget in force, the forecast, CSV and JSON, and the prices."""

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dayshift.cost.booking import Admitted, Reservation
from dayshift.cost.budgets import Subject, windows
from dayshift.cost.statement import KINDS, Account
from dayshift.home import Home
from dayshift.inputs.settings import Budget
from dayshift.model import Tokens, Usage
from dayshift.money import from_usd
from dayshift.states import Done, Running
from metrics import Ledger
from tests.command_line import NOON, ROOT, add, environment, run

TODAY = date(2126, 11, 20)  # later than any clock, so that it is today wherever this runs
SHOP = "/home/me/shop"
SETTINGS = """
budget:
  daily_usd: 5
  weekly_usd: 50
  monthly_usd: 100
  projects: {shop: {monthly_usd: 40}}
  providers: {anthropic: {daily_usd: 4}}
  phases: [{name: sprint, first_day: 2126-11-18, days: 10, total_usd: 30}, {name: ongoing, daily_usd: 0.50}]
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    home.config.mkdir()
    (home.config / "orchestrator.yaml").write_text(SETTINGS)
    return home


def book(
    ledger: Ledger, task: str, worst: str, *, day: date = TODAY, model: str = "claude-sonnet-5-5",
    account: Account = "api", project: str = SHOP, session: str = "s-1", complexity: str = "low",
) -> int:  # fmt: skip
    subject = Subject(day, task, project, "anthropic", account, None, from_usd(5))
    caps = windows(Budget(), subject, day, None)
    outcome = ledger.reserve(Reservation(
        task, 1, day, model, "shipped", from_usd(worst), dict.fromkeys(caps), NOON, session, file_day=day,
        project=project, account=account, complexity=complexity,
    ))  # fmt: skip
    assert isinstance(outcome, Admitted)
    return outcome.id


USED = Usage("claude-sonnet-5-5", Tokens(1000, 200, 30, 4, 5))


def settle(ledger: Ledger, booking: int, cost: str) -> None:
    assert ledger.settle(booking, USED, from_usd(cost), "r", NOON)


@pytest.fixture
def spent(home: Home) -> Home:
    """Three days before: $2. Today: $1 settled, $0.50 at the worst case, $0.25 in flight; and $3 on a plan."""
    ledger = Ledger.open(home.ledger(rehearsal=False))
    ledger.memoranda.current_day(TODAY)
    settle(ledger, book(ledger, "old", "3", day=date(2126, 11, 17)), "2")
    settle(ledger, book(ledger, "task-1", "1.5"), "1")
    ledger.settle_unknown(book(ledger, "task-1", "0.5", model="claude-opus-5-5", session="s-2"), NOON)
    book(ledger, "task-2", "0.25", project="/home/me/other")
    settle(ledger, book(ledger, "task-3", "4", account="plan"), "3")
    ledger.close()
    return home


def facts(home: Home, *words: str) -> Any:
    result = run(home, "cost", "--json", *words)
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("day", ["2126-11-17", "2126-11-20"]),
        ("week", ["2126-W46", "2126-W47"]),
        ("month", ["2126-11"]),
        ("task", ["2126-11-17/old", "2126-11-20/task-1", "2126-11-20/task-2"]),
        ("model", ["claude-opus-5-5", "claude-sonnet-5-5"]),
        ("project", ["/home/me/other", "/home/me/shop"]),
        ("provider", ["anthropic"]),
        ("session", ["s-1", "s-2"]),
    ],
)
def test_the_table_is_kept_by_what_is_asked_for_and_always_adds_up(spent: Home, kind: str, keys: list[str]) -> None:
    found = facts(spent, "--by", kind)
    assert [row["key"] for row in found["rows"]] == keys
    assert (
        sum(Decimal(row["cost_usd"]) for row in found["rows"]) == Decimal(found["total"]["cost_usd"]) == Decimal("3.5")
    )
    assert found["total"]["estimated_usd"] == "0.50"
    assert (found["total"]["estimated_requests"], found["total"]["reserved_usd"]) == (1, "0.25")


def test_every_kind_of_table_is_tested_above() -> None:
    assert list(KINDS) == ["day", "week", "month", "task", "model", "project", "provider", "session"]


def test_what_a_plan_would_have_cost_is_a_table_of_its_own(spent: Home) -> None:
    found = facts(spent)
    assert [row["cost_usd"] for row in found["notional"]["rows"]] == ["3.00"]
    assert found["total"]["cost_usd"] == "3.50"
    text = run(spent, "cost").stdout
    dollars, plan = text.split("paid by a plan")
    assert "$3.50" in dollars.split("total")[1]
    assert "and no bill" in plan.splitlines()[0]
    assert "$6.50" not in text


def test_since_leaves_earlier_days_out(spent: Home) -> None:
    assert [row["key"] for row in facts(spent, "--since", "2126-11-18")["rows"]] == ["2126-11-20"]
    assert "nothing was spent since then" in run(spent, "cost", "--since", "2127-01-01").stdout


def test_every_budget_with_a_cap_says_what_is_left(spent: Home) -> None:
    budgets = {each["window"]: (each["cap_usd"], each["left_usd"]) for each in facts(spent)["budgets"]}
    assert (
        budgets.items()
        >= {
            "day:2126-11-20": ("5.00", "3.25"),
            "week:2126-W47": ("50.00", "48.25"),
            "month:2126-11": ("100.00", "96.25"),
            "project:/home/me/shop/month:2126-11": ("40.00", "36.50"),
            "provider:anthropic/day:2126-11-20": ("4.00", "2.25"),
            "phase:sprint": ("30.00", "30.00"),
            "plan/day:2126-11-20": ("5.00", "2.00"),
        }.items()
    )
    assert not any(name.startswith("task:") for name in budgets)
    lines = {" ".join(line.split()) for line in run(spent, "cost").stdout.splitlines()}
    assert "the cap of 2126-11-20 $3.25 $5.00 $1.50 $0.25 [######--------------] 30 %" in lines


def test_the_cap_of_the_day_file_that_runs_goes_before_a_higher_one(spent: Home) -> None:
    def keep(day: str, rehearsal: bool) -> None:
        kept = {"day": {"date": day, "max_cost": from_usd(2)}, "dirty": False}
        spent.day_facts(rehearsal).write_text(json.dumps(kept))

    keep("2126-11-20", rehearsal=True)
    assert facts(spent)["budgets"][0]["cap_usd"] == "5.00"
    keep("2126-11-20", rehearsal=False)
    assert facts(spent)["budgets"][0]["cap_usd"] == "2.00"
    keep("2126-11-19", rehearsal=False)
    assert facts(spent)["budgets"][0]["cap_usd"] == "5.00"


def test_other_use_is_taken_off_what_is_left_where_it_counts(spent: Home, tmp_path: Path) -> None:
    message = {"id": "msg_1", "model": "claude-sonnet-5-5", "role": "assistant", "type": "message",
               "usage": {"input_tokens": 0, "output_tokens": 50_000}}  # fmt: skip
    line = {"type": "assistant", "timestamp": "2126-11-20T10:00:00.000Z", "sessionId": "s", "cwd": "/x",
            "isSidechain": False, "message": message}  # fmt: skip
    (tmp_path / "transcripts").mkdir()
    (tmp_path / "transcripts" / "s.jsonl").write_text(json.dumps(line) + "\n")
    assert run(spent, "cost", "import", "--from", tmp_path / "transcripts").returncode == 0
    assert facts(spent)["budgets"][0]["elsewhere_usd"] == "0.00"
    (spent.config / "orchestrator.yaml").write_text("budget: {daily_usd: 5, include_other_use: true}\n")
    day = facts(spent)["budgets"][0]
    assert (day["window"], day["elsewhere_usd"], day["left_usd"]) == ("day:2126-11-20", "0.50", "2.75")
    assert "other use" in run(spent, "cost").stdout
    assert facts(spent, "--rehearsal")["budgets"][0]["elsewhere_usd"] == "0.00"


def test_one_task_is_looked_up_by_an_index(spent: Home) -> None:
    """The status asks for it every second, in a ledger of years."""
    ledger = Ledger.open(spent.ledger(rehearsal=False))
    sql = "EXPLAIN QUERY PLAN SELECT SUM(cost) FROM request WHERE state <> 'void' AND file_day = 'x' AND task = 'y'"
    assert "INDEX request_task" in ledger.connection.execute(sql).fetchone()[3]
    ledger.close()


def test_csv_is_the_table_alone_with_exact_amounts(spent: Home) -> None:
    result = run(spent, "cost", "--by", "model", "--csv")
    assert result.returncode == 0
    rows = list(csv.DictReader(io.StringIO(result.stdout, newline="")))
    assert [(row["account"], row["key"], row["cost_usd"], row["cache_write_1h"]) for row in rows] == [
        ("api", "claude-opus-5-5", "0.50", "0"),
        ("api", "claude-sonnet-5-5", "3.00", "10"),
        ("plan", "claude-sonnet-5-5", "3.00", "5"),
    ]


def test_what_an_agent_called_its_session_steers_no_terminal_and_no_spreadsheet(home: Home) -> None:
    ledger = Ledger.open(home.ledger(rehearsal=False))
    book(ledger, "task-1", "1", session="=1+\x1b[31mred\n")
    ledger.close()
    for words in (["--by", "session"], ["--by", "session", "--csv"]):
        assert "\x1b" not in run(home, "cost", *words).stdout
    (row,) = csv.DictReader(io.StringIO(run(home, "cost", "--by", "session", "--csv").stdout, newline=""))
    assert row["key"].startswith("'=1+")


def test_an_answer_dearer_than_its_worst_case_is_told_apart(spent: Home) -> None:
    assert facts(spent)["overruns"] == []
    ledger = Ledger.open(spent.ledger(rehearsal=False))
    settle(ledger, book(ledger, "task-9", "0.10"), "0.30")
    ledger.close()
    (overrun,) = facts(spent)["overruns"]
    assert (overrun["task_id"], overrun["worst_case_usd"], overrun["cost_usd"]) == ("task-9", "0.10", "0.30")
    assert "answers dearer than their worst case: 1" in run(spent, "cost").stdout


def test_open_tasks_have_a_forecast_from_like_tasks_less_what_they_spent(home: Home) -> None:
    ledger = Ledger.open(home.ledger(rehearsal=False))
    for number, amount in enumerate(("1", "2", "3", "4", "9")):
        day = date(2026, 11, number + 1)
        settle(ledger, book(ledger, "like", "9", day=day, complexity="medium"), amount)
        ledger.memoranda.task_ended(day, "like", "done")
    record = add(home, "task-1", Running(NOON, 1))
    add(home, "task-2", Done(NOON))
    settle(ledger, book(ledger, "task-1", "1", day=record.day, complexity="medium"), "0.75")
    ledger.close()
    (task,) = facts(home)["open_tasks"]
    assert task == {
        "task_id": "task-1", "likely_usd": "2.25", "worst_decile_usd": "8.25", "basis": "alike", "tasks": 5
    }  # fmt: skip
    assert "from 5 like tasks" in run(home, "cost").stdout


def test_without_a_ledger_the_budgets_are_shown_and_none_is_made(home: Home) -> None:
    result = run(home, "cost")
    assert result.returncode == 0
    assert result.stdout.startswith("nothing was spent yet\n\nbudgets in force on ")
    found = facts(home, "--rehearsal")
    assert (found["rows"], found["total"]["cost_usd"], found["overruns"]) == ([], "0.00", [])
    assert run(home, "cost", "--csv").stdout.count("\n") == 1
    assert list(home.own.glob("*.sqlite3*")) == []


@pytest.mark.parametrize("words", [["--json", "--csv"], ["--other", "--csv"], ["--by", "weather"], ["prices", "x"]])
def test_forms_that_do_not_go_together_are_refused(home: Home, words: list[str]) -> None:
    result = run(home, "cost", *words)
    assert (result.returncode, result.stdout) == (2, "")


def test_wrong_settings_are_named(home: Home) -> None:
    (home.config / "orchestrator.yaml").write_text("budget: {daily_usd: -1}\n")
    result = run(home, "cost")
    assert (result.returncode, result.stdout) == (2, "")
    assert "orchestrator.yaml:1: budget.daily_usd: must be greater than 0, not -1" in result.stderr


# --- prices ----------------------------------------------------------------------------------------


def rows_of(home: Home, *words: str) -> dict[str, Any]:
    return {row["model"]: row for row in json.loads(run(home, "cost", "prices", "--json", *words).stdout)["prices"]}


def test_the_price_rows_in_force_say_every_figure_and_whose_they_are(home: Home) -> None:
    (home.config / "orchestrator.yaml").write_text("prices: {claude-own-1: {input: 3, output: 15}}\n")
    rows = rows_of(home)
    own, shipped = rows["claude-own-1"], rows["claude-sonnet-5-5"]
    assert (own["own"], own["input_usd"], own["cache_write_5m_usd"], own["source"]) == (
        True, "3.00", "3.75", "config/orchestrator.yaml",
    )  # fmt: skip
    assert (shipped["own"], shipped["output_usd"]) == (False, "10.00")
    assert "claude-own-1 *" in run(home, "cost", "prices").stdout


def test_a_price_of_another_day_says_since_when_it_holds(home: Home) -> None:
    before, after = (rows_of(home, "--on", day)["claude-opus-4-6"] for day in ("2026-03-12", "2026-03-13"))
    assert (before["long_above"], before["since"]) == (200000, None)
    assert (after["long_above"], after["since"]) == (None, "2026-03-13")


# --- when something is in the way --------------------------------------------------------------------


def into(output: int, home: Home, *words: str) -> Any:
    """The finished command, whose output went there."""
    return subprocess.run(
        [sys.executable, str(ROOT / "orchestrator.py"), "--home", str(home.root), *words],
        stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, env=environment(home), timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("words", [["cost", "prices"], ["cost", "--csv"], ["cost", "--help"]])
def test_a_reader_that_goes_away_early_is_no_error(spent: Home, words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = into(writer, spent, *words)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_full_disk_is_no_fault_of_the_program(spent: Home) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = into(full.fileno(), spent, "cost")
    assert (ended.returncode, ended.stderr) == (3, b"the output: No space left on device\n")


def test_a_ledger_with_a_broken_page_is_refused_with_the_cure(spent: Home) -> None:
    path = spent.ledger(rehearsal=False)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\x5a" * (len(content) - 4096))
    for words in (["cost"], ["cost", "reprice"], ["cost", "rewind", f"{datetime.now(UTC):%Y-%m-%d}"]):
        ended = run(spent, *words)
        assert (ended.returncode, "Traceback" in ended.stderr) == (3, False), words
        assert "to begin with an empty ledger" in ended.stderr, words
    points = {each["name"]: each for each in json.loads(run(spent, "doctor", "--json").stdout)}
    assert not points["ledger"]["ok"]
    assert "to begin with an empty ledger" in points["ledger"]["found"]
