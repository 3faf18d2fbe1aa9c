"""What the reading commands show: the same facts as the command line, fit for a phone."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dayshift import files
from dayshift.conversation import Question
from dayshift.cost.booking import Admitted, Reservation
from dayshift.cost.standing import Standing
from dayshift.home import Home
from dayshift.mailbox.status import TaskSpend, status_facts
from dayshift.model import Record, Tokens, Usage
from dayshift.money import PICO_PER_USD
from dayshift.repository import git
from dayshift.repository.commits import head
from dayshift.repository.workspace import Workspace
from dayshift.states import Done, Queued, Running, Waiting
from dayshift.telegram.markup import html, plain
from dayshift.telegram.readings import Readings
from metrics import Ledger
from tests.bot_markup import parsed
from tests.house import NINE, FakeClock, record

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CENT = PICO_PER_USD // 100


@pytest.fixture
def made(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.make_folders()
    return made


def readings(home: Home) -> Readings:
    return Readings(home, home.ledger(False), tuple, lambda: TODAY, FakeClock())


def show(home: Home, known: Record, settled: int, activity: str = "") -> None:
    spend = TaskSpend(settled, 0, 5 * PICO_PER_USD, Tokens(), 1, 0)
    files.write_json(home.status / f"{known.id}.json", status_facts(known, spend, activity, NINE))


def test_status_is_two_lines_a_task(made: Home) -> None:
    show(made, record(Running(NINE, 1), "a", started_at=NINE), 120 * CENT, "runs <pytest> -q")
    asked = Question("b", 1, "Which page size?", NINE)
    show(made, record(Waiting(NINE, 1), "b", questions=(asked,)), 7 * CENT)
    files.write_json(made.plan_windows, {"windows": [{"window": "five_hour", "used_percent": 41.0}]})
    text = readings(made).status()
    assert parsed(html(text)) == plain(text)
    assert plain(text) == (
        "a: running  Task a\nruns <pytest> -q\n0s, $1.20 of $5.00\n\n"
        "b: waiting  Task b\nasks: Which page size?\n-, $0.0700 of $5.00\n\n"
        "plan: five_hour 41.0 % used"
    )


def test_cost_is_todays_by_task_then_every_budget(made: Home) -> None:
    ledger = Ledger.open(made.ledger(False))
    for task, day, cost in (("a", TODAY, 50), ("a", TODAY, 25), ("b", TODAY, 5), ("a", date(2026, 11, 19), 900)):
        outcome = ledger.reserve(
            Reservation(task, 1, day, "sonnet", "shipped", 1000 * CENT, {f"day:{day}": 9000 * CENT}, NOON, "s")
        )
        assert isinstance(outcome, Admitted)
        ledger.settle(outcome.id, Usage("sonnet", Tokens(1), raw={}), cost * CENT, "r", NOON)
    ledger.close()
    standing = Standing("day:2026-11-20", 80 * CENT, 0, 0, 2000 * CENT)
    text = plain(readings(made).cost(TODAY, [standing]))
    assert text.splitlines()[:4] == ["Cost of 2026-11-20", "a $0.75", "b $0.0500", "total $0.80"]
    assert text.splitlines()[-2:] == [f"{standing.called}: $19.20 left of $20.00", "[------------] 4 %"]


def test_a_question_is_shown_with_the_cost_so_far(made: Home) -> None:
    asked = Question("b", 1, "Which page size?", NINE, ("10", "50"))
    known = record(Waiting(NINE, 1), "b", questions=(asked,))
    show(made, known, 7 * CENT)
    alert = readings(made).question(known)
    assert alert is not None and alert.options == ("10", "50")
    assert alert.text.splitlines() == ["Which page size?", "So far: $0.0700"]
    assert readings(made).question(record(Queued(NINE), "c")) is None


def test_the_diff_is_what_the_task_changed(made: Home, place: Workspace, project: git.Repository) -> None:
    known = replace(record(Done(NINE), "task-1", base=head(project)), project=str(project.work_tree))
    text, patch = readings(made).diff(known)
    assert (plain(text), patch) == ("task-1 has changed nothing that was kept.", b"")
    (place.repo / "src" / "orders.py").write_text("ORDERS = ['<b>']\n")
    base = head(project)
    known = replace(known, base=base, commit=place.keep(base, "work"))
    text, patch = readings(made).diff(known)
    assert "+ORDERS = ['<b>']" in plain(text) and parsed(html(text)) == plain(text)
    assert b"+ORDERS = ['<b>']" in patch


def test_a_report_is_one_of_the_results_alone(made: Home) -> None:
    (made.results / "report.md").write_text("# x\n")
    (made.own / "report.md").write_text("# x\n")
    (made.results / "link.md").symlink_to(made.own / "report.md")
    assert readings(made).report(made.results / "report.md") == b"# x\n"
    for other in (made.own / "report.md", made.results / "gone.md", made.results / "link.md",
                  made.results / ".." / ".dayshift" / "report.md"):  # fmt: skip
        assert readings(made).report(other) is None
