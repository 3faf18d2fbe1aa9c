"""`days`: one row for every day there was; ids that were used again, and cleaning, mix none of them."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dayshift import records
from dayshift.day_facts import AuditLine, DayFacts
from dayshift.home import Home
from dayshift.model import Record
from dayshift.money import from_usd
from dayshift.reporting import archive
from dayshift.states import Failed, Running
from dayshift.tidying import disposal
from metrics import Ledger
from tests.bygone import MONDAY, TUESDAY, WEDNESDAY, asked, made, morning, spend
from tests.command_line import run
from tests.house import NINE

THURSDAY = date(2026, 11, 19)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    ledger = Ledger.open(home.ledger(rehearsal=False))
    yield ledger
    ledger.close()


def kept(home: Home, *of_the_day: Record, rehearsal: bool = False) -> None:
    """The facts of that day as its report kept them."""
    archive.keep(home, DayFacts(
        date=of_the_day[0].day, project="/src/shop", rehearsal=rehearsal, cap=from_usd(10), spent=0, reserved=0,
        by_model=(), by_task=(), records=of_the_day, diffs={}, audit=AuditLine(True, (), 0), layers=(), guarantee="",
        dirty_tree=False, cap_reached=False, started_at=NINE, ended_at=NINE,
    ))  # fmt: skip


@pytest.fixture
def three_days(home: Home, ledger: Ledger) -> None:
    """One id on three days, cleaned in between; the last of it went on spending after midnight."""
    for day, amount, facts in (
        (MONDAY, "1", {"review": "accepted"}),
        (TUESDAY, "2", {"review": "rejected"}),
        (WEDNESDAY, "4", {"state": Failed(NINE, "red")}),
    ):
        record = made(day, **facts)
        records.save(home, record)
        kept(home, record)
        spend(ledger, day, amount, windows={f"day:{day}": from_usd(10)})
        if day != WEDNESDAY:
            disposal.discard(home, record)
    spend(ledger, WEDNESDAY, None, day=THURSDAY, admitted_at=morning(THURSDAY))
    (home.results / f"{MONDAY}-report.md").write_text("# Monday\n")
    home.feedback.mkdir(exist_ok=True)


def shown(home: Home, *words: str) -> list[dict[str, Any]]:
    result = asked(home, "days", "--json", *words)
    assert (result.returncode, result.stderr) == (0, "")
    found: list[dict[str, Any]] = json.loads(result.stdout)["days"]
    return found


@pytest.mark.usefixtures("three_days")
def test_one_id_on_three_days_with_cleaning_in_between_is_three_days(home: Home) -> None:
    names = ("date", "tasks", "done", "failed", "accepted", "rejected", "pending", "spent_usd", "cap_usd")
    assert [tuple(day[name] for name in names) for day in shown(home)] == [
        ("2026-11-16", 1, 1, 0, 1, 0, 0, "1.00", "10.00"),
        ("2026-11-17", 1, 1, 0, 0, 1, 0, "2.00", "10.00"),
        ("2026-11-18", 1, 0, 1, 0, 0, 0, "9.00", "10.00"),  # a part of it after midnight
    ]  # fmt: skip


@pytest.mark.usefixtures("three_days")
def test_a_person_reads_a_row_a_day_with_its_report(home: Home) -> None:
    lines = run(home, "days").stdout.splitlines()
    assert lines[0].split() == [
        "day", "tasks", "done", "failed", "halted", "cancelled", "open", "accepted", "rejected", "pending", "spent",
        "cap", "rating",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1:]] == ["2026-11-16", "2026-11-17", "2026-11-18"]
    assert lines[1].endswith("  results/2026-11-16-report.md")
    assert lines[3].split()[-3:] == ["$9.00", "$10.00", "-"]


@pytest.mark.usefixtures("three_days")
def test_neither_statistics_nor_the_cost_of_tasks_mix_the_days(home: Home) -> None:
    found = json.loads(asked(home, "stats", "--by", "day", "--json").stdout)["by"]["day"]
    assert [(each["key"], each["tasks"], each["cost_usd"]) for each in found] == [
        ("2026-11-16", 1, "1.00"), ("2026-11-17", 1, "2.00"), ("2026-11-18", 1, "9.00"),
    ]  # fmt: skip
    rows = json.loads(asked(home, "cost", "--by", "task", "--json").stdout)["rows"]
    assert [row["key"] for row in rows] == ["2026-11-16/a", "2026-11-17/a", "2026-11-18/a"]


@pytest.mark.usefixtures("three_days")
def test_the_report_of_each_day_tells_of_its_own_task(home: Home) -> None:
    found = [json.loads(asked(home, "report", str(day), "--json").stdout) for day in (MONDAY, TUESDAY, WEDNESDAY)]
    assert [[(each["state"], each["review"]) for each in report["tasks"]] for report in found] == [
        [("done", "accepted")], [("done", "rejected")], [("failed", "pending")],
    ]  # fmt: skip


@pytest.mark.usefixtures("three_days")
def test_the_facts_of_a_day_keep_their_own_verdict(home: Home) -> None:
    reviews = [archive.read(home, day, rehearsal=False) for day in (MONDAY, TUESDAY, WEDNESDAY)]
    assert [[each.review for each in facts.records] for facts in reviews if facts] == [
        ["accepted"], ["rejected"], ["pending"],
    ]  # fmt: skip


def test_a_task_that_went_on_counts_on_each_of_its_days_as_it_stood_then(home: Home, ledger: Ledger) -> None:
    first = made(MONDAY, state=Failed(NINE, "cap"))
    records.put_by(home, first)
    records.save(home, made(TUESDAY, created_at=first.created_at, runs=2))
    spend(ledger, MONDAY, "1")
    assert [(day["date"], day["failed"], day["done"]) for day in shown(home)] == [
        ("2026-11-16", 1, 0), ("2026-11-17", 0, 1),
    ]  # fmt: skip


def test_a_day_before_the_ledger_has_an_unknown_cost(home: Home, ledger: Ledger) -> None:
    records.save(home, made(MONDAY, state=Running(NINE, 1)))
    spend(ledger, TUESDAY, "1", "b")
    assert [(day["open"], day["spent_usd"]) for day in shown(home)] == [(1, None), (0, "1.00")]


def test_rehearsals_are_apart(home: Home, ledger: Ledger) -> None:
    real, pretended = made(TUESDAY), made(MONDAY, "p", rehearsal=True)
    records.save(home, real)
    kept(home, pretended, rehearsal=True)  # its record is gone: the next rehearsal took its place
    assert [day["date"] for day in shown(home)] == ["2026-11-17"]
    assert [(day["date"], day["tasks"], day["facts_kept"]) for day in shown(home, "--rehearsal")] == [
        ("2026-11-16", 1, True)
    ]


def test_a_new_home_has_no_days_and_says_so(home: Home) -> None:
    assert asked(home, "days").stdout == f"no day is known in {home.root}\n"
    assert asked(home, "days", "--rehearsal").stdout == f"no rehearsal is known in {home.root}\n"
    assert shown(home) == []
