"""`check` tells what a day will probably cost and what may come in its way; caps that are too small end it."""

import json
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from dayshift import records
from dayshift.cost.booking import Admitted, Reservation
from dayshift.cost.budgets import Subject, windows
from dayshift.home import Home
from dayshift.inputs.settings import Budget
from dayshift.model import Earlier, Tokens, Usage
from dayshift.money import from_usd
from dayshift.states import Parked, ParkReason
from metrics import Ledger
from tests.command_line import NOON, run
from tests.conftest import WHO
from tests.house import record as recorded

MODEL = "claude-sonnet-5-5"
USED = Usage(MODEL, Tokens(1))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    home.config.mkdir()
    home.tasks.mkdir()
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *words], cwd=home.root, env={"PATH": "/usr/bin:/bin", **WHO}, check=True)
    return home


def day(home: Home, *tasks: str, cap: str = "20", model: str = "sonnet") -> Path:
    path = home.tasks / "day.yaml"
    written = "".join(
        f"  - {{id: t{n}, name: T, description: D, model: {model}{each}}}\n" for n, each in enumerate(tasks)
    )
    path.write_text(f"date: 2026-11-20\nmax_cost_usd: {cap}\ntasks:\n{written}")
    return path


def past(home: Home, *costs: str, on: date | None = None, complexity: str = "medium", of: str = "old") -> None:
    """Tasks that ended, each on a day of its own in October, or all on that day."""
    ledger = Ledger.open(home.ledger(rehearsal=False))
    for number, amount in enumerate(costs):
        file_day = on if on and of != "old" else date(2025, 10, number + 1)
        counted = on or file_day
        subject = Subject(file_day, of, str(home.root), "anthropic", "api", None, 0)
        caps = dict.fromkeys(windows(Budget(), subject, counted, None))
        outcome = ledger.reserve(Reservation(
            of, 1, counted, MODEL, "shipped", from_usd(99), caps, NOON, file_day=file_day, complexity=complexity,
        ))  # fmt: skip
        assert isinstance(outcome, Admitted)
        ledger.settle(outcome.id, USED, from_usd(amount), "r", NOON)
        ledger.memoranda.task_ended(file_day, of, "done")
    ledger.close()


def facts(home: Home, path: Path) -> Any:
    result = run(home, "check", "--json", path)
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_the_forecast_is_of_like_tasks_and_says_on_how_many_it_stands(home: Home) -> None:
    past(home, "1", "2", "3", "4", "8")
    found = facts(home, day(home, "", ", max_cost_usd: 2.50", ", estimated_complexity: high"))
    keys = ("likely_usd", "worst_decile_usd", "basis", "tasks")
    assert [tuple(each[key] for key in keys) for each in found["tasks"][:2]] == [
        ("3.00", "8.00", "alike", 5), ("2.50", "2.50", "alike", 5),
    ]  # fmt: skip
    assert found["tasks"][2]["basis"] == "assumed"
    text = run(home, "check", day(home, "", "")).stdout
    assert "likely $3.00, worst decile $8.00, from 5 like tasks" in text
    assert "cap of the day $20.00, likely $6.00, worst decile $16.00" in text
    assert "warning" not in text


def test_a_day_that_will_not_fit_its_cap_is_a_warning_that_counts_the_tasks(home: Home) -> None:
    past(home, "1", "2", "3", "4", "8")
    found = facts(home, day(home, "", "", "", cap="7"))
    assert found["warnings"] == ["likely costs $9.00 (worst decile $24.00), cap $7.00: the last task may be parked"]
    found = facts(home, day(home, "", "", "", cap="9"))
    assert found["warnings"] == [
        "likely costs $9.00 (worst decile $24.00), cap $9.00: in bad cases the last 2 tasks may be parked"
    ]
    assert facts(home, day(home, "", "", cap="16"))["warnings"] == []


def test_what_goes_on_is_held_against_what_its_cap_leaves(home: Home) -> None:
    past(home, "1", "1", "1", "1", "1")
    record = replace(recorded(Parked(NOON, ParkReason.cap), "t0"), day=date(2026, 11, 18))
    records.save(home, replace(record, earlier=(Earlier(date(2026, 11, 17), NOON, 1, 1),)))
    for number, amount in ((17, "0.50"), (18, "0.70"), (20, "0.01")):
        past(home, amount, on=date(2026, 11, number), of="t0")
    path = day(home, ", max_cost_usd: 2, continues: 2026-11-18", "")
    assert [each["likely_usd"] for each in facts(home, path)["tasks"]] == ["0.80", "1.00"]
    said = run(home, "check", path).stdout
    assert "cap $2.00, $1.20 spent before; likely $0.80" in said
    assert "warning: t0 goes on under its cap, which holds over all its days: $0.80 of $2.00 is left; raise it" in said
    assert "spent before" not in run(home, "check", day(home, ", max_cost_usd: 2")).stdout


def test_budgets_that_leave_less_than_the_day_are_named(home: Home) -> None:
    (home.config / "orchestrator.yaml").write_text("budget: {monthly_usd: 10, weekly_usd: 30}\n")
    today = datetime.now(UTC).date()
    past(home, "4", on=today)
    assert facts(home, day(home, "", cap="8"))["warnings"] == [
        f"the cap of {today} leaves $4.00 of $8.00, less than the day's $8.00",
        f"the cap of {today:%Y-%m} leaves $6.00 of $10.00, less than the day's $8.00",
    ]


def test_caps_below_one_request_are_errors_with_line_and_cure(home: Home) -> None:
    result = run(home, "check", day(home, ", max_cost_usd: 0.02", "", cap="0.03"))
    assert (result.returncode, result.stdout) == (2, "")
    first, second = result.stderr.splitlines()
    assert "day.yaml:2: max_cost_usd: $0.0300 is less than one request of its cheapest task may cost" in first
    assert "day.yaml:4: tasks[0].max_cost_usd: $0.0200 is less than one request of sonnet may cost" in second
    least = second.rpartition("the smallest useful cap is $")[2]
    assert run(home, "check", day(home, f", max_cost_usd: {least}")).returncode == 0
    assert run(home, "start", day(home, ", max_cost_usd: 0.02"), "--rehearse").returncode == 2


def test_caps_of_the_settings_below_one_request_are_errors_too(home: Home) -> None:
    (home.config / "orchestrator.yaml").write_text("budget:\n  task_usd: 5\n  monthly_usd: 0.01\n")
    result = run(home, "check", day(home, ""))
    assert result.returncode == 2
    assert (
        "orchestrator.yaml:3: budget.monthly_usd: $0.0100 is less than one request of sonnet may cost" in result.stderr
    )


def test_the_hosts_of_each_task_are_shown_and_those_that_need_thought_named(home: Home) -> None:
    (home.config / "orchestrator.yaml").write_text("network: [packages.example.org]\n")
    path = day(home, ", network: [*.cdn.example.org, github.com, 'db.example.org:5432']", "")
    text = run(home, "check", path).stdout
    assert "     reaches packages.example.org, *.cdn.example.org, github.com, db.example.org:5432\n  2. t1: " in text
    found = facts(home, path)
    assert [task["network"] for task in found["tasks"]][1] == ["packages.example.org"]
    assert found["warnings"] == [
        "`github.com` serves git: an agent can reach it, without any credential of yours",
        "`db.example.org:5432` serves a database: an agent can reach it, without any credential of yours",
    ]


def test_without_a_sandbox_the_hosts_are_said_to_hold_nobody(home: Home) -> None:
    (home.config / "orchestrator.yaml").write_text("sandbox: none\n")
    assert facts(home, day(home, ""))["warnings"] == []
    assert facts(home, day(home, ", network: [github.com]"))["warnings"] == [
        "`sandbox: none`: nothing holds an agent to its `network`; it reaches what you reach"
    ]
