"""What lies ahead: estimates that know nothing of their own day, tomorrow's facts, the carry-over when a day closes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ahead import ahead, carried
from dayshift import files, records
from dayshift.cost.booking import Admitted, Reservation
from dayshift.day_facts import DayFacts
from dayshift.evidence import Finding
from dayshift.inputs.settings import Budget, Settings
from dayshift.model import Day, Earlier, Record, Tokens, Usage
from dayshift.money import from_usd
from dayshift.records import day_to_json
from dayshift.states import Done, Failed, Parked, ParkReason, Queued
from evening import gather
from tests.house import HOUR, NINE, TODAY, record, task
from tests.test_treasury import MODEL, Office, spend
from treasury import Treasury

TOMORROW = date(2026, 11, 21)
FILE = "tasks/2026-11-21-carry-over.yaml"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.home.tasks.mkdir()
    office.budget = Budget(daily_usd=Decimal(10), monthly_usd=Decimal(100))
    return office


def alike(office: Office, *costs: str, day: date = date(2026, 11, 10), **facts: Any) -> None:
    """Tasks of earlier days that are done, in ledger and records."""
    ledger = office.read()
    for number, cost in enumerate(costs):
        on, task_id = day + timedelta(days=number), f"old{number}"
        outcome = ledger.reserve(Reservation(
            task_id, 1, on, MODEL, "x", from_usd(9), {"total": None}, NINE, project="/src/shop", complexity="medium",
        ))  # fmt: skip
        assert isinstance(outcome, Admitted)
        ledger.settle(outcome.id, Usage(MODEL, Tokens(1)), from_usd(cost), "r", NINE)
        ledger.memoranda.task_ended(on, task_id, "done")
        its_task = replace(task(task_id, **facts), model=MODEL)
        records.put_by(office.home, record(Done(NINE), task=its_task, day=on, runs=1, created_at=_nine(on)))
    ledger.close()


def _nine(day: date) -> datetime:
    return datetime.combine(day, NINE.timetz())


def facts_of(office: Office, *mine: Record, does: Callable[[Treasury], Any] | None = None) -> DayFacts:
    """What the evening gathers, of a day whose tasks these are."""
    known = {each.id: each for each in mine}
    for each in mine:
        records.save(office.home, each)

    async def evening(treasury: Treasury) -> DayFacts:
        if does:
            await does(treasury)
        facts = gather(office.home, TODAY, known, treasury, "UTC", False, False, NINE + HOUR)
        return carried(office.home, Settings(budget=office.budget), treasury, facts)

    found: DayFacts = office.lived(evening)
    return found


def its(state: Any, task_id: str = "t", **facts: Any) -> Record:
    given = {"runs": 1, "audited_runs": 1, "started_at": NINE, **facts}
    return record(state, task=replace(task(task_id, module="orders"), model=MODEL), **given)


def test_an_estimate_stands_on_earlier_days_alone(office: Office) -> None:
    alike(office, "1", "2", "3", "4", "5")
    facts = facts_of(office, its(Done(NINE)))
    assert {name: (each.likely, each.worst, each.basis) for name, each in facts.estimates.items()} == {
        "t": (from_usd(3), from_usd(5), "from 5 like tasks")
    }
    alike(office, *["9"] * 5, day=TODAY)
    assert facts_of(office, its(Done(NINE))).estimates["t"] == facts.estimates["t"]


def test_likes_of_the_same_module_come_first(office: Office) -> None:
    alike(office, *["1"] * 9)
    alike(office, *["2"] * 5, day=date(2026, 10, 1), module="orders")
    [found] = facts_of(office, its(Done(NINE))).estimates.values()
    assert (found.likely, found.basis) == (from_usd(2), "from 5 like tasks of its module")


def test_what_goes_on_was_likely_to_cost_what_was_left_of_it(office: Office) -> None:
    alike(office, "3", "3", "3", "3", "3")

    async def yesterday(treasury: Treasury) -> None:
        await spend(treasury, 1)

    office.records = {"t": replace(its(Queued(NINE)), day=date(2026, 11, 19))}
    office.lived(yesterday)
    moved = its(Done(NINE), earlier=(Earlier(date(2026, 11, 19), NINE, 1, 1),))
    [found] = facts_of(office, moved).estimates.values()
    assert (found.likely, found.worst) == (from_usd(2), from_usd(2))


def test_nothing_is_called_dear_of_what_had_cost_more_than_was_likely_before(office: Office) -> None:
    alike(office, "1", "1", "1", "1", "1")
    office.records = {"t": replace(its(Queued(NINE)), day=date(2026, 11, 19))}
    office.lived(lambda treasury: spend(treasury, 2))
    assert facts_of(office, its(Done(NINE), earlier=(Earlier(date(2026, 11, 19), NINE, 1, 1),))).estimates == {}


def test_tomorrow_says_what_was_left_and_the_file_has_it(office: Office) -> None:
    office.home.make_folders()
    day = day_to_json(Day(TODAY, "/src/shop", (), from_usd(8)))
    files.write_json(office.home.day_facts(rehearsal=False), {"day": day})
    facts = facts_of(office, its(Failed(NINE, "red")), its(Done(NINE), "u"), does=lambda treasury: spend(treasury, 2))
    assert facts.tomorrow is not None
    assert (facts.tomorrow.date, facts.tomorrow.carry_over) == (TOMORROW, FILE)
    assert facts.tomorrow.unfinished == (("t", "failed: red"),)
    assert facts.tomorrow.budget[0] == (
        "left for November: $100.00 − $2.00 = $98.00; 10 days → $9.80 a day; today cost $2.00"  # noqa: RUF001
    )
    text = (office.home.root / FILE).read_text()
    assert "max_cost_usd: 8.00\n" in text and "  # $2.00 so far, in 1 run; likely " in text
    assert text.count("- id: ") == 1


def test_a_day_that_leaves_nothing_has_no_file_and_says_so(office: Office) -> None:
    facts_of(office, its(Failed(NINE, "red")))
    facts = facts_of(office, its(Done(NINE)))
    assert facts.tomorrow and (facts.tomorrow.carry_over, facts.tomorrow.unfinished) == ("", ())
    assert not (office.home.root / FILE).exists()


def test_what_was_cleaned_is_given_up(office: Office) -> None:
    records.put_by(office.home, its(Failed(NINE, "red"), "u"))
    facts = facts_of(office, its(Failed(NINE, "red")))
    assert facts.tomorrow and [name for name, _ in facts.tomorrow.unfinished] == ["t"]
    assert "id: u" not in (office.home.root / FILE).read_text()


def test_a_file_that_cannot_be_written_costs_itself_alone(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    office.home.tasks.rmdir()
    office.home.tasks.write_text("no folder")
    facts = facts_of(office, its(Failed(NINE, "red")))
    assert facts.tomorrow and (facts.tomorrow.carry_over, len(facts.tomorrow.unfinished)) == ("", 1)
    assert "what 2026-11-20 left was not written as a day file" in caplog.text


def test_lessons_that_cannot_be_read_do_not_cost_the_report(office: Office) -> None:
    office.home.lessons.mkdir(parents=True)
    facts = facts_of(office, its(Done(NINE)))
    assert facts.tomorrow and facts.tomorrow.lessons == 0


def test_nothing_is_said_of_a_rehearsal(office: Office) -> None:
    async def look(treasury: Treasury) -> Any:
        mine = [its(Failed(NINE, "red"), rehearsal=True)]
        return ahead(office.home, treasury, mine, {}, "UTC")

    assert office.lived(look) == ({}, None)


@pytest.mark.parametrize(
    ("known", "facts", "remark"),
    [
        ({"u": its(Done(NINE), "u")}, {}, "starts from what u made"),
        ({"u": its(Done(NINE), "u", review="rejected")}, {}, "starts without what u made, which you rejected"),
        ({"u": its(Queued(NINE), "u")}, {}, ""),
        ({"u": its(Done(NINE), "u")}, {"base": "c0"}, ""),
    ],
    ids=["done", "rejected", "left too", "has begun"],
)
def test_the_file_says_where_a_task_starts(
    office: Office, known: dict[str, Record], facts: dict[str, Any], remark: str
) -> None:
    behind = its(Queued(NINE), **facts)
    behind = replace(behind, task=replace(behind.task, depends_on=("u",)))
    facts_of(office, behind, *known.values())
    said = [line for line in (office.home.root / FILE).read_text().splitlines() if line.startswith("  # starts")]
    assert said == ([f"  # {remark}"] if remark else [])


# --- both days stay right --------------------------------------------------------------------------


def moved(**facts: Any) -> Record:
    return its(Done(NINE), **{"earlier": (Earlier(date(2026, 11, 19), NINE, 2, 1),), "runs": 3, **facts})


def test_the_audit_of_a_day_counts_its_own_runs(office: Office) -> None:
    facts = facts_of(office, moved(audited_runs=2, findings=(Finding(1, "an old one", True),)))
    assert (facts.audit.clean, facts.audit.runs_checked, facts.audit.findings) == (True, 1, ())
    seen = Finding(3, "a new one", True)
    facts = facts_of(office, moved(audited_runs=1, findings=(seen,)))
    assert (facts.audit.clean, facts.audit.runs_checked, facts.audit.findings) == (False, 0, (("t", seen),))


def test_a_day_begins_when_it_took_its_tasks_over(office: Office) -> None:
    facts = facts_of(office, moved(started_at=NINE - 24 * HOUR))
    assert facts.started_at == NINE


def test_the_file_says_that_a_task_stopped_by_its_own_cap_stops_there_again(office: Office) -> None:
    office.home.make_folders()
    parked = its(Parked(NINE, ParkReason.cap, "the task's own cap: $0.50 at most is needed, $0.30 of $1.50 is left"))
    parked = replace(parked, task=replace(parked.task, max_cost=from_usd("1.50")))
    facts_of(office, parked, does=lambda treasury: spend(treasury, 1))
    said = "  # its cap of $1.50 holds over all days: raise it, or it stops there again\n"
    assert said in (office.home.root / FILE).read_text()


def test_a_cap_of_a_task_holds_over_all_its_days(office: Office) -> None:
    """Three of four dollars were spent on the first day: the second has one."""
    first = its(Parked(NINE, ParkReason.cap))
    first = replace(first, task=replace(first.task, max_cost=from_usd(4)))
    office.records = {"t": first}
    office.lived(lambda treasury: spend(treasury, 3))
    second = replace(first, day=TOMORROW, earlier=(Earlier(TODAY, NINE, 1, 1),))
    office.records = {"t": second}

    async def look(treasury: Treasury) -> Any:
        return treasury.admission.windows(second)["task:2026-11-21/t"], treasury.spend(second), treasury.before(second)

    cap, spent, before = office.lived(look)
    assert (cap, spent.cap, spent.settled, before) == (from_usd(1), from_usd(1), 0, from_usd(3))
