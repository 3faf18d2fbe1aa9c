"""`stats`: how tasks fared, for eyes, for machines and for spreadsheets."""

import csv
import io
import json
from pathlib import Path

import pytest

from dayshift import records
from dayshift.home import Home
from dayshift.model import Complexity, Task
from dayshift.states import Failed
from metrics import Ledger
from tests.bygone import MONDAY, TUESDAY, WEDNESDAY, asked, made, spend
from tests.command_line import run
from tests.house import NINE


def work(task_id: str, module: str, complexity: Complexity) -> Task:
    return Task(task_id, f"Task {task_id}", "words", "sonnet", module, "fix", complexity)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    ledger = Ledger.open(home.ledger(rehearsal=False))
    for day, task, facts, amount in (
        (MONDAY, work("a", "orders", Complexity.low), {"review": "accepted"}, "1"),
        (MONDAY, work("b", "orders", Complexity.high), {"state": Failed(NINE, "red"), "attempt": 3}, "2"),
        (WEDNESDAY, work("a", "users", Complexity.low), {"review": "rejected", "active_seconds": 90.0}, "0.50"),
    ):
        records.put_by(home, made(day, task.id, task=task, **facts))
        spend(ledger, day, amount, task.id)
    ledger.close()
    return home


def test_without_a_word_there_are_four_tables_each_with_its_sum(home: Home) -> None:
    tables = run(home, "stats").stdout.split("\n\n")
    assert [table.split()[0] for table in tables] == ["module", "kind", "complexity", "model"]
    assert [line.split()[0] for line in tables[0].splitlines()] == ["module", "orders", "users", "total"]
    assert tables[2].splitlines()[1].split() == [
        "low", "2", "2", "of", "2,", "100", "%", "1", "of", "2,", "50", "%", "0", "1.0", "$1.50", "$1.50", "45", "s",
        "0", "0", "-",
    ]  # fmt: skip
    assert len(tables[3].splitlines()) == 2  # one model alone is its own sum


def test_machines_get_exact_numbers_of_one_table(home: Home) -> None:
    found = json.loads(asked(home, "stats", "--by", "module", "--json").stdout)
    assert list(found["by"]) == ["module"]
    names = ("key", "tasks", "attempts", "rejected", "seconds", "cost_per_accepted_usd")
    assert [tuple(each[name] for name in names) for each in found["by"]["module"]] == [
        ("orders", 2, 4, 0, 0.0, "3.00"), ("users", 1, 1, 1, 90.0, None),
    ]  # fmt: skip
    assert found["total"]["cost_usd"] == "3.50"


def test_a_spreadsheet_gets_every_table_under_one_heading(home: Home) -> None:
    rows = list(csv.DictReader(io.StringIO(asked(home, "stats", "--csv").stdout)))
    assert [(row["by"], row["key"], row["cost_usd"]) for row in rows] == [
        ("module", "orders", "3.00"), ("module", "users", "0.50"), ("kind", "fix", "3.50"),
        ("complexity", "low", "1.50"), ("complexity", "high", "2.00"), ("model", "claude-sonnet-5", "3.50"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "tasks"),
    [
        (["--since", str(TUESDAY)], 1),
        (["--until", str(TUESDAY)], 2),
        (["--module", "orders", "--complexity", "high"], 1),
        (["--model", "claude-sonnet-5", "--kind", "fix"], 3),
    ],
)
def test_only_the_tasks_asked_for_are_counted(home: Home, words: list[str], tasks: int) -> None:
    assert json.loads(asked(home, "stats", *words, "--json").stdout)["total"]["tasks"] == tasks


def test_where_a_plan_paid_the_costs_are_said_to_be_notional(home: Home) -> None:
    assert "paid by a plan" not in asked(home, "stats").stdout
    assert json.loads(asked(home, "stats", "--json").stdout)["notional"] is False
    ledger = Ledger.open(home.ledger(rehearsal=False))
    spend(ledger, TUESDAY, "1", account="plan")
    ledger.close()
    assert asked(home, "stats").stdout.splitlines()[-1].startswith("some of it was paid by a plan")
    assert json.loads(asked(home, "stats", "--json").stdout)["notional"] is True


def test_nothing_found_is_said_with_where_to_look(home: Home) -> None:
    result = asked(home, "stats", "--module", "nothing")
    assert (result.returncode, result.stdout) == (
        0, f"no such task is known in {home.root}; `dayshift days` lists the days\n",
    )  # fmt: skip
    empty = Home(home.root / "another")
    empty.make_folders()
    said = asked(empty, "stats").stdout
    assert said == f"no task is known in {empty.root}; `dayshift start FILE` runs a day of them\n"


def test_a_date_that_is_none_and_two_forms_at_once_are_refused(home: Home) -> None:
    assert asked(home, "stats", "--since", "yesterday").returncode == 2
    both = asked(home, "stats", "--json", "--csv")
    assert both.returncode == 2 and "choose one" in both.stderr


def test_the_persons_ratings_are_counted(home: Home) -> None:
    home.feedback.mkdir(exist_ok=True)
    (home.feedback / f"{MONDAY}.md").write_text("# Feedback\n\n## a\n\nRating: 4\n\n## b\n\nRating: 2\n")
    total = json.loads(asked(home, "stats", "--json").stdout)["total"]
    assert (total["rated"], total["rating"]) == (2, 3.0)
