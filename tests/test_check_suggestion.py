"""`check` suggests a model and a cap for a task by its likes, with their numbers, or says nothing."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dayshift import records
from dayshift.cost.booking import Admitted, Reservation
from dayshift.home import Home
from dayshift.model import Tokens, Usage
from dayshift.money import from_usd
from dayshift.states import Done, Failed, State
from metrics import Ledger
from tests.command_line import run
from tests.house import NINE, record, task
from tests.test_check_forecast import day, home

__all__ = ["home"]
HAIKU, SONNET = "claude-haiku-4-5", "claude-sonnet-5-5"


def past(home: Home, model: str, *costs: str, state: State, first: date) -> None:
    """Tasks that ended so, each on a day of its own."""
    ledger = Ledger.open(home.ledger(rehearsal=False))
    for number, cost in enumerate(costs):
        on = first + timedelta(days=number)
        at = datetime.combine(on, NINE.timetz())
        asked = Reservation("old", 1, on, model, "x", from_usd(9), {"total": None}, at, complexity="medium")
        outcome = ledger.reserve(asked)
        assert isinstance(outcome, Admitted)
        ledger.settle(outcome.id, Usage(model, Tokens(1)), from_usd(cost), "r", at)
        its = replace(task("old", module="orders"), model=model)
        records.put_by(home, record(state, task=its, day=on, created_at=at, runs=1))
    ledger.close()


@pytest.fixture
def practised(home: Home) -> Home:
    past(home, HAIKU, *["0.10"] * 6, state=Failed(NINE, "red"), first=date(2026, 9, 1))
    past(home, SONNET, *["0.30"] * 8, state=Done(NINE), first=date(2026, 10, 1))
    return home


def suggested(home: Home, path: Path) -> Any:
    result = run(home, "check", "--json", path)
    assert (result.returncode, result.stderr) == (0, "")
    [found] = json.loads(result.stdout)["tasks"]
    return found["suggestion"]


def test_a_suggestion_stands_below_its_task_and_among_the_facts(practised: Home) -> None:
    path = day(practised, ", max_cost_usd: 2, module: orders", model=HAIKU)
    why = (
        f"medium tasks of the module orders with {HAIKU}: 0 of 6 done, 1.0 attempts each, $0.10 in the median; with "
        f"{SONNET}: 8 of 8 done, 1.0 attempts each, $0.30 in the median"
    )
    assert suggested(practised, path) == {"model": SONNET, "cap_usd": None, "why": why, "tasks": 14}
    assert f"\n     suggestion: model {SONNET}: {why}\n" in run(practised, "check", path).stdout


def test_the_suggested_cap_can_be_used_as_it_is(practised: Home) -> None:
    found = suggested(practised, day(practised, ""))
    assert from_usd(found["cap_usd"]) > from_usd("0.45") and found["model"] is None
    assert suggested(practised, day(practised, f", max_cost_usd: {found['cap_usd']}")) is None


def test_without_a_history_nothing_is_suggested(home: Home) -> None:
    assert suggested(home, day(home, "")) is None
