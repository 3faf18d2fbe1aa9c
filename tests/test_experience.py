"""Experience: every task of every day once, with its own cost, whatever ids were used again."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from dayshift import records
from dayshift.attempts import Blocked
from dayshift.cost.statement import Statement
from dayshift.evidence import Check
from dayshift.home import Home
from dayshift.model import Complexity, Task
from dayshift.money import from_usd
from dayshift.outcomes import Outcome
from dayshift.outlook import experience
from dayshift.states import Done, Failed, Queued
from dayshift.tidying import disposal
from metrics import Ledger
from tests.bygone import MONDAY, TUESDAY, WEDNESDAY, made, morning, spend
from tests.house import HOUR, NINE, question


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.make_folders()
    return home


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    ledger = Ledger.open(home.ledger(rehearsal=False))
    yield ledger
    ledger.close()


def gathered(home: Home, ledger: Ledger | None, ratings: Mapping[tuple[date, str], int] | None = None) -> list[Outcome]:
    return list(experience.gather(home, Statement(ledger.connection) if ledger else None, ratings or {}))


def test_an_outcome_says_what_became_of_the_task(home: Home, ledger: Ledger) -> None:
    task = Task("a", "Pages", "words", "sonnet", module="orders", kind="fix", complexity=Complexity.high)
    at = morning(MONDAY)
    records.save(home, made(
        MONDAY, task=task, attempt=2, active_seconds=61.5, questions=(question(), question(2)), review="accepted",
        blocked=(Blocked(at, "Bash", "git push", "git", "no"),), lessons=("l-1",), ended_at=at,
        checks=(Check("deliverable", "a.py", 0), Check("validate", "pytest", 1), Check("validate", "ruff", 0)),
    ))  # fmt: skip
    spend(ledger, MONDAY, "0.25", task_model="claude-opus-5")
    spend(ledger, MONDAY, "0.50", model="claude-haiku-5")
    assert gathered(home, ledger, {(MONDAY, "a"): 4}) == [Outcome(
        MONDAY, "a", "Pages", "/src/shop", "orders", "fix", "high", "claude-opus-5", "done", "accepted", 2,
        from_usd("0.75"), 61.5, 2, 1, 2, 1, 4, ("l-1",), at,
    )]  # fmt: skip


def test_an_id_on_three_days_with_cleaning_in_between_is_three_tasks(home: Home, ledger: Ledger) -> None:
    for day, amount in ((MONDAY, "1"), (TUESDAY, "2"), (WEDNESDAY, "4")):
        kept = made(day, blocked=(Blocked(morning(day), "Bash", "x", "y", "z"),))
        records.save(home, kept)
        spend(ledger, day, amount)
        if day != WEDNESDAY:
            disposal.discard(home, kept)
    assert [(each.day, each.cost, each.blocked) for each in gathered(home, ledger, {(TUESDAY, "a"): 2})] == [
        (MONDAY, from_usd(1), 1), (TUESDAY, from_usd(2), 1), (WEDNESDAY, from_usd(4), 1),
    ]  # fmt: skip
    assert [each.rating for each in gathered(home, ledger, {(TUESDAY, "a"): 2})] == [None, 2, None]


def test_a_removal_cut_short_after_the_record_was_put_by_counts_once(home: Home, ledger: Ledger) -> None:
    kept = made(MONDAY)
    records.save(home, kept)
    spend(ledger, MONDAY, "1")
    records.put_by(home, kept)  # here it died; `clean` is called again
    assert len(gathered(home, ledger)) == 1
    disposal.discard(home, kept)
    assert [each.cost for each in gathered(home, ledger)] == [from_usd(1)]


def test_the_same_id_twice_on_one_day_shares_no_cost(home: Home, ledger: Ledger) -> None:
    early, late = made(MONDAY), made(MONDAY, hour=11)
    records.put_by(home, early)
    records.save(home, late)
    spend(ledger, MONDAY, "1")
    spend(ledger, MONDAY, "2", admitted_at=morning(MONDAY, 12), model="claude-opus-5")
    assert [(each.cost, each.model, each.rating) for each in gathered(home, ledger, {(MONDAY, "a"): 4})] == [
        (from_usd(1), "claude-sonnet-5", None), (from_usd(2), "claude-opus-5", 4),
    ]  # fmt: skip


def test_a_task_that_went_on_counts_once_on_its_last_day_with_the_cost_of_all(home: Home, ledger: Ledger) -> None:
    first = made(MONDAY, state=Failed(NINE, "cap"), questions=(question(),), attempt=1)
    records.put_by(home, first)
    records.save(home, replace(first, day=TUESDAY, state=Done(NINE), attempt=2, runs=2))
    spend(ledger, MONDAY, "1")
    spend(ledger, TUESDAY, "2")
    (found,) = gathered(home, ledger, {(MONDAY, "a"): 3})
    assert (found.day, found.state, found.cost) == (TUESDAY, "done", from_usd(3))
    assert (found.attempts, found.questions, found.rating) == (2, 1, 3)


def test_a_part_of_unknown_end_is_charged_at_its_worst_case(home: Home, ledger: Ledger) -> None:
    records.save(home, made(MONDAY))
    spend(ledger, MONDAY, "1")
    spend(ledger, MONDAY, None)
    assert [each.cost for each in gathered(home, ledger)] == [from_usd(6)]


def test_what_no_ledger_can_know_is_unknown_and_what_made_no_request_cost_nothing(home: Home, ledger: Ledger) -> None:
    records.save(home, made(MONDAY, "before-the-ledger"))
    records.save(home, made(MONDAY, "never-ran", runs=0, state=Queued(NINE)))
    records.save(home, made(WEDNESDAY, "no-request"))
    records.save(home, made(WEDNESDAY, "worked-unseen", steps=3))
    spend(ledger, TUESDAY, "1", "other")
    assert {each.task_id: each.cost for each in gathered(home, ledger)} == {
        "before-the-ledger": None, "never-ran": 0, "no-request": 0, "worked-unseen": None,
    }  # fmt: skip
    assert {each.task_id: each.cost for each in gathered(home, None)} == {
        "before-the-ledger": None, "never-ran": 0, "no-request": None, "worked-unseen": None,
    }  # fmt: skip


def test_rehearsals_and_what_cannot_be_read_are_left_out(home: Home, ledger: Ledger) -> None:
    records.save(home, made(MONDAY, "pretended", rehearsal=True))
    (home.records / "broken.json").write_text("{")
    (home.history / str(MONDAY)).mkdir(parents=True)
    (home.history / str(MONDAY) / "broken.json").write_text("[]")
    assert gathered(home, ledger) == []


def test_a_thousand_tasks_are_quick(home: Home, ledger: Ledger) -> None:
    checks = tuple(Check("validate", "pytest", 0, "x" * 300) for _ in range(3))
    spend(ledger, MONDAY - timedelta(days=99), "1")
    text = json.dumps(records.to_json(made(MONDAY, "t-0", checks=checks, claim="x" * 1000)))
    for number in range(1000):
        day, task_id = MONDAY - timedelta(days=number // 10), f"t-{number % 10}"
        folder = home.history / str(day)
        folder.mkdir(parents=True, exist_ok=True)  # all of it not durably, which takes longer
        (folder / f"{task_id}.json").write_text(text.replace(str(MONDAY), str(day)).replace("t-0", task_id))
    began = time.process_time()
    assert len(gathered(home, ledger)) == 1000
    assert time.process_time() - began < 1.5  # measured: 0.3 s


def test_the_outcomes_come_by_day_and_id(home: Home, ledger: Ledger) -> None:
    for day, task_id in ((TUESDAY, "b"), (TUESDAY, "a"), (MONDAY, "c")):
        records.put_by(home, made(day, task_id, hour=9 + (task_id == "a"), ended_at=morning(day) + HOUR))
    assert [(each.day, each.task_id) for each in gathered(home, ledger)] == [
        (MONDAY, "c"), (TUESDAY, "a"), (TUESDAY, "b"),
    ]  # fmt: skip
