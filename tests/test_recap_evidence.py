"""The recap's evidence: what became of a period's tasks, beside the period before; the same facts, the same bytes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dayshift import records
from dayshift.attempts import Blocked
from dayshift.cost.statement import statement
from dayshift.home import Home
from dayshift.model import Complexity, Task
from dayshift.money import from_usd
from dayshift.recaps import recap
from dayshift.recaps.recap_facts import Recap
from dayshift.reporting import diagrams
from dayshift.states import Cancelled, Failed, Running
from metrics import Ledger
from tests.bygone import MONDAY, TUESDAY, WEDNESDAY, made, morning, spend
from tests.house import NINE

LAST_WEEK = date(2026, 11, 12)
LESSONS = """\
# Lessons

- Run the tests | before you end
  - id: tests-1
  - scope: module orders
  - status: in force
  - since: 2026-11-17T09:00:00Z
- Of an earlier week
  - status: in force
  - since: 2026-11-03T09:00:00Z
- Nobody was told
  - status: proposed
  - since: 2026-11-17T09:00:00Z
"""
SUNDAY, NEXT_MONDAY = date(2026, 11, 22), date(2026, 11, 23)


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


def paid(home: Home, ledger: Ledger, day: date, amount: str, task_id: str = "a", **facts: Any) -> None:
    """A task of that day that cost so much, under the caps of ten dollars a day and twenty a week."""
    caps = {f"day:{day}": from_usd(10), "week:{}-W{:02}".format(*day.isocalendar()): from_usd(20)}
    records.put_by(home, made(day, task_id, ended_at=morning(day, 10), active_seconds=120.0, **facts))
    spend(ledger, day, amount, task_id, windows=caps)


def work(task_id: str, **facts: Any) -> Task:
    return Task(task_id, f"Task {task_id}", "words", "sonnet", **facts)


@pytest.fixture
def week(home: Home, ledger: Ledger) -> None:
    """A week of four tasks, and one of the week before and after."""
    git = Blocked(NINE, "Bash", "git push", "git", "no")
    paid(home, ledger, LAST_WEEK, "2", review="accepted")
    paid(home, ledger, MONDAY, "1", task=work("a", module="orders", kind="fix"), review="accepted")
    paid(home, ledger, MONDAY, "3", "b", task=work("b", module="orders"), state=Failed(NINE, "red"), blocked=(git,))
    paid(home, ledger, WEDNESDAY, "0.50", "c", review="rejected")
    paid(home, ledger, SUNDAY, "1.50", "d", task=work("d", complexity=Complexity.high))
    paid(home, ledger, NEXT_MONDAY, "5", "e")


def gathered(home: Home, period: str, today: date | None = None) -> Recap:
    with statement(home.ledger(rehearsal=False)) as books:
        return recap.gather(home, books, period, today)


def section(text: str, title: str) -> list[str]:
    """The lines under that heading."""
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0].strip().splitlines()


@pytest.mark.usefixtures("week")
def test_a_week_says_what_became_of_its_tasks_and_of_no_others(home: Home) -> None:
    text = recap.render(gathered(home, "2026-W47"))
    assert text.startswith(
        "# Week 2026-W47, 16 to 22 November 2026\n\n"
        "Spent: **$6.00** of $20.00 `[######--------------] 30 %` in 4 requests.\n\n"
        "**4 tasks**: done 3 of 4, 75 % (of those that ended); 1 failed; "
        "accepted 1 of 2, 50 % (of those you reviewed); 1 not reviewed yet; "
        "$6.00 for each accepted, the others' cost counted in.\n"
    )
    assert section(text, "Day by day")[:6] == [
        "| day | tasks | done | accepted | pending | blocked | rating | spent | cap |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        "| `2026-11-16` | 2 | 1 of 2, 50 % | 1 of 1, 100 % | 0 | 1 | - | $4.00 | $10.00 |",
        "| `2026-11-18` | 1 | 1 of 1, 100 % | 0 of 1, 0 % | 0 | 0 | - | $0.50 | $10.00 |",
        "| `2026-11-22` | 1 | 1 of 1, 100 % | - | 1 | 0 | - | $1.50 | $10.00 |",
        "",
    ]
    fared = section(text, "How tasks fared")
    assert [line.split("|")[1].strip() for line in fared if line.startswith("|")] == [
        "model", "---", "`claude-sonnet-5`", "complexity", "---", "`medium`", "`high`", "module", "---", "`-`",
        "`orders`", "kind", "---", "`-`", "`fix`",
    ]  # fmt: skip
    dearest = [line for line in section(text, "Tasks") if "/" in line]
    assert [line.split(" | ")[:2] for line in dearest] == [
        ["| `2026-11-16/b`", "failed"],
        ["| `2026-11-22/d`", "done"],
        ["| `2026-11-16/a`", "done, accepted"],
        ["| `2026-11-18/c`", "done, rejected"],
    ]


@pytest.mark.usefixtures("week")
def test_every_figure_stands_beside_that_of_the_week_before(home: Home) -> None:
    beside = section(recap.render(gathered(home, "2026-W47")), "Beside the week before")
    assert beside[0] == "| | 2026-W47 | 2026-W46 |"
    assert "| spent | $6.00 | $2.00 |" in beside
    assert "| done | 3 of 4, 75 % | 1 of 1, 100 % |" in beside
    assert "| per accepted | $6.00 | $2.00 |" in beside


@pytest.mark.usefixtures("week")
def test_the_pictures_can_be_read_again(home: Home) -> None:
    fences = recap.render(gathered(home, "2026-W47")).split("```mermaid\n")[1:]
    spent, fates = (diagrams.read(fence.partition("\n```")[0]) for fence in fences)
    assert isinstance(spent, diagrams.Plot) and isinstance(fates, diagrams.Plot)
    assert spent.names == ("Mon 16", "Wed 18", "Sun 22")
    assert [(each.kind, each.values) for each in spent.series] == [
        ("bar", (4.0, 0.5, 1.5)),
        ("line", (10.0, 10.0, 10.0)),
    ]
    assert [each.values for each in fates.series] == [(2.0, 1.0, 1.0), (1.0, 1.0, 1.0)]


@pytest.mark.usefixtures("week")
def test_the_same_facts_give_the_same_bytes_however_often_they_are_written(home: Home) -> None:
    path = recap.write(home, gathered(home, "2026-W47", NEXT_MONDAY))
    first = path.read_bytes(), (home.results / "2026-W47.json").read_bytes()
    assert recap.write(home, gathered(home, "2026-W47", NEXT_MONDAY)) == path
    assert (path.read_bytes(), (home.results / "2026-W47.json").read_bytes()) == first
    assert path.name == "2026-W47-recap.md"


@pytest.mark.usefixtures("week")
def test_machines_read_the_counts_and_the_period_before(home: Home) -> None:
    found = recap.as_json(gathered(home, "2026-W47", WEDNESDAY))
    assert (found["week"], found["first"], found["last"], found["under_way"]) == (
        "2026-W47", "2026-11-16", "2026-11-22", True,
    )  # fmt: skip
    total = found["tasks"]["total"]
    assert (total["tasks"], total["done"], total["failed"], total["accepted"]) == (4, 3, 1, 1)
    assert [each["key"] for each in found["tasks"]["by"]["complexity"]] == ["medium", "high"]
    assert found["before"]["week"] == "2026-W46"
    assert (found["before"]["spent"]["cost_usd"], found["before"]["tasks"]["accepted"]) == ("2.00", 1)


def test_a_week_over_the_end_of_a_year_has_the_days_of_both(home: Home, ledger: Ledger) -> None:
    for day in (date(2026, 12, 27), date(2026, 12, 28), date(2027, 1, 3), date(2027, 1, 4)):
        paid(home, ledger, day, "1")
    found = gathered(home, "2026-W53")
    assert [str(day) for day in found.days] == ["2026-12-28", "2027-01-03"]
    assert (found.total("api").cost, found.tally.tasks, found.before.tally.tasks) == (from_usd(2), 2, 1)
    assert found.cap == from_usd(20)
    assert [str(each.day) for each in gathered(home, "2027-01").outcomes] == ["2027-01-03", "2027-01-04"]


@pytest.mark.parametrize(("today", "says"), [(SUNDAY, True), (NEXT_MONDAY, False), (LAST_WEEK, False)])
@pytest.mark.usefixtures("week")
def test_a_period_under_way_says_so_and_how_far_it_is(home: Home, today: date, says: bool) -> None:
    text = recap.render(gathered(home, "2026-W47", today))
    assert (f"**Not over yet**: this is how it stood on {today}." in text) is says


@pytest.mark.usefixtures("week")
def test_asked_without_a_day_it_goes_by_the_last_one_the_ledger_counted_in(home: Home, ledger: Ledger) -> None:
    assert not gathered(home, "2026-W47").under_way
    ledger.memoranda.current_day(WEDNESDAY)
    assert gathered(home, "2026-W47").under_way
    ledger.memoranda.current_day(NEXT_MONDAY)
    assert not gathered(home, "2026-W47").under_way


def test_a_period_without_anything_says_so_with_or_without_a_ledger(home: Home) -> None:
    assert gathered(home, "2026-W30").empty
    Ledger.open(home.ledger(rehearsal=False)).close()
    found = gathered(home, "2026-07")
    assert recap.render(found) == (
        "# July 2026\n\nSpent: **$0.00** in 0 requests.\n\nNo task and no spending is known of it.\n"
    )
    assert recap.as_json(found)["tasks"]["total"]["tasks"] == 0


def test_tasks_that_cost_nothing_and_days_that_had_only_spending_are_there(home: Home, ledger: Ledger) -> None:
    records.put_by(home, made(MONDAY, state=Cancelled(NINE), runs=0))
    records.put_by(home, made(TUESDAY, "b", state=Running(NINE, 1)))
    spend(ledger, TUESDAY, "1", "b", day=WEDNESDAY)
    found = gathered(home, "2026-W47")
    assert found.days == (MONDAY, TUESDAY, WEDNESDAY)
    text = recap.render(found)
    assert "**2 tasks**: done 0 of 1, 0 % (of those that ended); 1 cancelled; 1 not at the end." in text
    assert "line [" not in text  # the days' caps are not known


def test_a_task_that_went_on_counts_in_the_period_of_its_last_day(home: Home, ledger: Ledger) -> None:
    first = made(SUNDAY, state=Failed(NINE, "cap"))
    records.put_by(home, first)
    records.save(home, replace(first, day=NEXT_MONDAY, runs=2))
    spend(ledger, SUNDAY, "1")
    spend(ledger, NEXT_MONDAY, "2")
    assert gathered(home, "2026-W47").tally.tasks == 0
    assert gathered(home, "2026-W48").tally.cost == from_usd(3)


def test_names_of_the_persons_and_of_agents_are_inert(home: Home, ledger: Ledger) -> None:
    hostile = "x|y\n# Title\n```\n<b>`"
    paid(home, ledger, MONDAY, "1", task=work("a", module=hostile, kind=hostile))
    text = recap.render(gathered(home, "2026-W47"))
    assert "\n# Title" not in text and "\n```\n<b>" not in text
    assert all(line.count(" | ") == 11 for line in text.splitlines() if line.startswith("| ") and "Title" in line)


def test_a_lesson_that_is_in_force_since_then_is_named(home: Home) -> None:
    home.lessons.parent.mkdir(exist_ok=True)
    home.lessons.write_text(LESSONS)
    learnt = gathered(home, "2026-W47").lessons
    assert [(str(each.day), each.id, each.scope) for each in learnt] == [("2026-11-17", "tests-1", "module orders")]
    assert "- 2026-11-17, for module orders: Run the tests" in recap.render(gathered(home, "2026-W47"))


def test_the_persons_template_goes_first_and_a_broken_one_costs_no_recap(home: Home) -> None:
    home.templates.mkdir(parents=True)
    own = home.templates / "recap.md.j2"
    own.write_text("{{ recap.period }}: {{ tally.tasks }} tasks\n")
    assert recap.render(gathered(home, "2026-W47"), home.templates) == "2026-W47: 0 tasks\n"
    own.write_text("{{ no_such_thing }}")
    text = recap.render(gathered(home, "2026-W47"), home.templates)
    assert text.startswith("# Week 2026-W47") and "recap.md.j2" in text and "line 1" in text


def test_a_task_that_went_on_is_on_each_of_its_days_as_their_reports_have_it_and_once_in_all(
    home: Home, ledger: Ledger
) -> None:
    began = morning(MONDAY, 9)
    paid(home, ledger, MONDAY, "1", state=Failed(NINE, "red"), review="rejected", created_at=began)
    paid(home, ledger, TUESDAY, "2", review="accepted", created_at=began)
    paid(home, ledger, TUESDAY, "4", "b")
    with statement(home.ledger(rehearsal=False)) as books:
        found = recap.gather(home, books, "2026-W47")
    facts = recap.as_json(found)["tasks"]
    rows = [(each["key"], each["tasks"], each["rejected"], each["cost_usd"]) for each in facts["by"]["day"]]
    assert rows == [("2026-11-16", 1, 1, "1.00"), ("2026-11-17", 2, 0, "6.00")]
    assert (facts["total"]["tasks"], facts["total"]["rejected"], facts["total"]["cost_usd"]) == (2, 0, "7.00")
    text = recap.render(found)
    assert "\n| `2026-11-16` | 1 | 0 of 1, 0 % |" in text
    assert "counts on each of its days" in text
    assert "| `2026-11-16/a` | failed, rejected |" in text
