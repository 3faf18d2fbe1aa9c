"""The statement: every request once in each table, exact; what is unknown or dearer than it could be is apart."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dayshift.cost.booking import Admitted, Reservation
from dayshift.cost.budgets import day_window, task_window
from dayshift.cost.statement import KINDS, PastTask, Statement, Window, statement
from dayshift.model import Tokens, Usage
from metrics import Ledger

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY, TASK = day_window(DAY), task_window(DAY, "task-001")
USAGE = Usage("sonnet", Tokens(10, 20, 30, 40, 50, 1), raw={"input_tokens": 10})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "own" / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(path)
    yield ledger
    ledger.close()


def reserve(ledger: Ledger, task: str = "task-001", day: date = DAY, **facts: Any) -> int:
    windows = {day_window(day): 1000, task_window(day, task): None}
    request = Reservation(task, 1, day, "sonnet", "shipped", 100, windows, NOON, "s-1", complexity="low")
    outcome = ledger.reserve(replace(request, **facts))
    assert isinstance(outcome, Admitted), outcome
    return outcome.id


def settle(ledger: Ledger, cost: int, task: str = "task-001", day: date = DAY, **facts: Any) -> int:
    id = reserve(ledger, task, day, **facts)
    ledger.settle(id, USAGE, cost, f"req_{id}", NOON)
    return id


@pytest.fixture
def books(ledger: Ledger) -> Statement:
    """Three days of two projects and two accounts; one request voided, one of unknown end, one still open."""
    settle(ledger, 1, day=date(2026, 10, 31), project="/p/shop")
    settle(ledger, 2, day=date(2026, 11, 1), project="/p/shop")
    settle(ledger, 4, "task-002", project="/p/blog", account="plan", session_id=None)
    settle(ledger, 8, file_day=date(2026, 11, 1), provider="bedrock")
    ledger.settle_unknown(reserve(ledger), NOON)
    ledger.void(reserve(ledger), NOON)
    reserve(ledger)
    return Statement(ledger.connection)


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("day", [("2026-10-31", 1), ("2026-11-01", 2), ("2026-11-20", 112)]),
        ("week", [("2026-W44", 3), ("2026-W47", 112)]),
        ("month", [("2026-10", 1), ("2026-11", 114)]),
        ("task", [("2026-10-31/task-001", 1), ("2026-11-01/task-001", 10), ("2026-11-20/task-001", 100),
                  ("2026-11-20/task-002", 4)]),
        ("model", [("sonnet", 115)]),
        ("project", [("/p/blog", 4), ("/p/shop", 3), ("unknown", 108)]),
        ("provider", [("anthropic", 107), ("bedrock", 8)]),
        ("session", [("s-1", 111), ("unknown", 4)]),
    ],
)  # fmt: skip
def test_every_table_has_every_request_once(books: Statement, kind: str, lines: list[tuple[str, int]]) -> None:
    found = books.by(kind)
    assert [(line.key, line.cost) for line in found] == lines
    assert sum(line.requests for line in found) == 6
    assert (sum(line.reserved for line in found), sum(line.estimated for line in found)) == (100, 100)
    assert sum(line.unknown for line in found) == 1
    assert sum(line.tokens.input for line in found) == 40


def test_no_kind_is_forgotten() -> None:
    assert set(KINDS) == {"day", "week", "month", "task", "model", "project", "provider", "session"}


def test_a_table_may_be_of_some_days_one_day_file_or_one_account(books: Statement) -> None:
    def spent(**of: Any) -> int:
        return sum(line.cost for line in books.by("day", **of))

    assert (spent(since=date(2026, 11, 1)), spent(until=date(2026, 11, 1)), spent(since=DAY, until=DAY)) == (
        114,
        3,
        112,
    )
    assert spent(file_day=date(2026, 11, 1)) == 10
    assert (spent(account="plan"), spent(account="api")) == (4, 111)


def test_a_tasks_line_is_its_own(books: Statement) -> None:
    line = books.task(DAY, "task-001")
    assert line and (line.requests, line.cost, line.estimated, line.unknown, line.reserved) == (2, 100, 100, 1, 100)
    assert books.task(DAY, "task-999") is None


def test_an_overrun_is_a_response_dearer_than_its_request_could_be(ledger: Ledger) -> None:
    books = Statement(ledger.connection)
    settle(ledger, 150, ceiling=150)  # paced: more than was held is no overrun
    id = settle(ledger, 151, "task-002", ceiling=150)
    (found,) = books.overruns()
    assert (found.request, found.task_id, found.ceiling, found.cost) == (id, "task-002", 150, 151)
    assert books.overruns(since=DAY + timedelta(days=1)) == ()


def test_past_tasks_are_those_that_came_to_an_end_with_all_they_cost(ledger: Ledger) -> None:
    for task, outcome in (("done", "done"), ("bad", "failed"), ("gone", "cancelled"), ("open", None)):
        settle(ledger, 3, task)
        settle(ledger, 4, task, day=DAY + timedelta(days=1), file_day=DAY)
        if outcome:
            ledger.memoranda.task_ended(DAY, task, outcome)
    assert Statement(ledger.connection).past_tasks() == (PastTask("sonnet", "low", "", 7),) * 2


def test_a_task_that_went_on_counts_once_with_the_cost_of_all_its_days_as_its_last_day_says(ledger: Ledger) -> None:
    first, second, third = (DAY + timedelta(days=number) for number in range(3))
    for day, began in ((first, None), (second, first), (third, first)):
        settle(ledger, 3, "long", day=day, file_day=day, began=began, task_model=f"of {day:%d}")
        settle(ledger, 5, "other", day=day, file_day=day)  # of another task each day
    ledger.memoranda.task_ended(first, "long", "failed")
    ledger.memoranda.task_ended(first, "other", "done")
    books = Statement(ledger.connection)
    assert [each.cost for each in books.past_tasks()] == [5]  # it goes on: nobody knows yet what it costs in all
    assert [each.cost for each in books.past_tasks(before=second)] == [3, 5]
    ledger.memoranda.task_ended(third, "long", "done")
    ledger.memoranda.task_ended(third, "other", "done")
    assert books.past_tasks() == (
        PastTask("sonnet", "low", "", 5), PastTask(f"of {third:%d}", "low", "", 9), PastTask("sonnet", "low", "", 5),
    )  # fmt: skip


def test_what_is_settled_can_be_priced_anew_from_what_was_kept(ledger: Ledger) -> None:
    first = settle(ledger, 5)
    reserve(ledger)
    (kept,) = Statement(ledger.connection).settled(DAY)
    assert (kept.id, kept.model, kept.cost) == (first, "sonnet", 5)
    assert list(Statement(ledger.connection).settled(DAY + timedelta(days=1))) == []


def test_a_living_daemons_ledger_is_read_and_cannot_be_written(ledger: Ledger, path: Path) -> None:
    reserve(ledger)
    with statement(path) as books:
        assert books
        assert books.windows() == (Window(TODAY, 1000, 0, 100), Window(TASK, None, 0, 100))
        assert [line.key for line in books.by("day")] == [str(DAY)]
        settle(ledger, 7)
        assert books.windows()[0].settled == 7  # a later look says more


def test_before_there_is_a_ledger_there_is_no_statement_and_none_is_made(path: Path) -> None:
    with statement(path) as books:
        assert books is None
    path.parent.mkdir()
    path.touch()
    with statement(path) as books:
        assert books is None
    assert path.read_bytes() == b""
