"""What each task is doing: its status file in every state, and the table that shows it."""

import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dayshift.attempts import Blocked
from dayshift.conversation import Question
from dayshift.files import write_json
from dayshift.home import Home
from dayshift.mailbox.status import TaskSpend, read_all, read_plan, status_facts
from dayshift.mailbox.status_table import COLUMNS, as_lines, plan_line, table_rows
from dayshift.model import Record, Task, Tokens
from dayshift.money import from_usd
from dayshift.states import (
    Cancelled,
    Done,
    Ending,
    Failed,
    Halted,
    Parked,
    ParkReason,
    Queued,
    Running,
    State,
    Verifying,
    Waiting,
)

NOW = datetime(2026, 11, 20, 10, 4, 7, tzinfo=UTC)
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
SPEND = TaskSpend(from_usd("1.2345"), from_usd("0.10"), from_usd("5"), Tokens(10, 20, 30, 40, 50), 7, 1)


def record(state: State, **facts: Any) -> Record:
    """A task that started at nine, in that state."""
    task = facts.pop("task", Task("task-1", "Paginate the list", "words", "sonnet"))
    given = {"created_at": NINE - timedelta(minutes=1), "started_at": NINE, "runs": 2, "session_id": "s-1", **facts}
    return Record(task, date(2026, 11, 20), "/src/shop", state, **given)


def status(state: State, activity: str = "editing list.py", spend: TaskSpend = SPEND, **facts: Any) -> dict[str, Any]:
    return status_facts(record(state, **facts), spend, activity, NOW)


def test_the_facts_of_a_running_task_are_whole() -> None:
    blocked = Blocked(NINE, "Bash", "git push", "git-network", "no network")
    assert status(Running(NINE, 2), blocked=(blocked,)) == {
        "task_id": "task-1",
        "name": "Paginate the list",
        "state": "running",
        "reason": "",
        "attempt": 1,
        "runs": 2,
        "session_id": "s-1",
        "model": "sonnet",
        "activity": "editing list.py",
        "question": None,
        "cost_usd": "1.2345",
        "reserved_usd": "0.10",
        "cap_usd": "5.00",
        "requests": 7,
        "estimated_requests": 1,
        "tokens": {"input": 10, "output": 20, "cache_read": 30, "cache_write": 90},
        "blocked_commands": 1,
        "evasions": 0,
        "bypasses": 0,
        "quarantined": False,
        "created_at": "2026-11-20T08:59:00Z",
        "started_at": "2026-11-20T09:00:00Z",
        "updated_at": "2026-11-20T10:04:07Z",
        "ended_at": None,
        "review": "pending",
        "rehearsal": False,
    }


STATES: list[tuple[State, str, str, bool]] = [
    (Queued(NINE), "queued", "", False),
    (Queued(NINE, NINE), "queued", "the provider serves again at 20 Nov 09:00 UTC", False),
    (Running(NINE, 1), "running", "", True),
    (Running(NINE, 1, Ending.silent, "60 minutes are over"), "running", "ending: 60 minutes are over", True),
    (Waiting(NINE, 1), "waiting", "question 1", False),
    (Parked(NINE, ParkReason.cap, "the day's cap"), "parked", "cap: the day's cap", False),
    (Parked(NINE, ParkReason.credit, "top up"), "parked", "credit exhausted: top up", False),
    (Verifying(NINE), "verifying", "", True),
    (Done(NINE), "done", "", False),
    (Failed(NINE, "validation failed"), "failed", "validation failed", False),
    (Halted(NINE, "3 blocked attempts"), "halted", "3 blocked attempts", False),
    (Cancelled(NINE), "cancelled", "by the person", False),
]


@pytest.mark.parametrize(("state", "name", "reason", "active"), STATES)
def test_each_state_says_its_name_and_reason_and_only_a_living_one_is_active(
    state: State, name: str, reason: str, active: bool
) -> None:
    facts = status(state)
    assert (facts["state"], facts["reason"]) == (name, reason)
    assert facts["activity"] == ("editing list.py" if active else "")
    assert (facts["question"] is not None) == (name == "waiting")


def test_a_waiting_task_carries_its_open_question() -> None:
    questions = (Question("task-1", 1, "Old?", NINE), Question("task-1", 2, "Keep\nit?", NINE, ("yes", "no")))
    assert status(Waiting(NINE, 2), questions=questions)["question"] == {
        "number": 2, "text": "Keep\nit?", "options": ["yes", "no"], "file": "agent_questions/task-1.md",
    }  # fmt: skip


def test_an_unknown_cost_and_an_absent_cap_are_null() -> None:
    facts = status(Running(NINE, 1), spend=TaskSpend(None, 0, None, Tokens(), 1, 0))
    assert (facts["cost_usd"], facts["cap_usd"], facts["reserved_usd"]) == (None, None, "0.00")


def test_what_an_agent_wrote_can_neither_break_the_file_nor_steer_a_terminal(tmp_path: Path) -> None:
    bad = "\x1b[2J\ud800\u202e\x00 two\nlines"
    question = Question("task-1", 1, bad, NINE, (bad,))
    for facts in (status(Running(NINE, 1), bad), status(Waiting(NINE, 1), questions=(question,)), status(
            Failed(NINE, bad))):  # fmt: skip
        write_json(tmp_path / "task-1.json", facts)
        assert json.loads((tmp_path / "task-1.json").read_bytes()) == facts
        (row,) = table_rows([facts], NOW)
        assert row[3].endswith("two lines")
        assert all(character.isprintable() or character == "\ufffd" for cell in row for character in cell)


# --- reading ---------------------------------------------------------------------------------------


def test_statuses_are_read_by_id_and_a_broken_file_says_so(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make_folders()
    good = status(Done(NINE), ended_at=NOW)
    write_json(home.status / "task-1.json", good)
    broken = {
        "b-torn.json": '{"task_id": "b"', "c-list.json": "[]", "d-empty.json": "", "e-null.json": "null",
        "f-binary.json": "\x00\xff", "g-short.json": '{"task_id": "g", "state": "running"}',
        "h-cost.json": json.dumps({**good, "cost_usd": "much"}), "i-time.json": json.dumps({**good, "started_at": "9"}),
        "j-type.json": json.dumps({**good, "state": 3}), "k-question.json": json.dumps({**good, "question": "why"}),
    }  # fmt: skip
    for name, content in broken.items():
        (home.status / name).write_text(content, encoding="latin-1")
    (home.status / ".task-1.json.99.tmp").write_text("{")
    statuses = read_all(home)
    assert statuses[-1] == good
    assert [(each["task_id"], each["state"]) for each in statuses[:-1]] == [
        (name.removesuffix(".json"), "unreadable") for name in broken
    ]
    lines = as_lines(statuses, NOW, 300)
    assert len(lines) == len(broken) + 2
    assert "agent_status/b-torn.json is broken" in lines[1]
    assert "unknown" in lines[1]
    assert lines[1].endswith("?")


@pytest.mark.parametrize(
    "kept", ["", "[]", "{}", "null", '{"windows": 7}', '{"windows": [7, {}, {"window": 1}]}', "{torn"]
)
def test_a_plan_that_cannot_be_read_has_no_windows(tmp_path: Path, kept: str) -> None:
    home = Home(tmp_path)
    home.make_folders()
    assert read_plan(home) == []
    home.plan_windows.write_text(kept)
    assert read_plan(home) == []


def test_a_plan_is_told_in_percent_and_never_in_money() -> None:
    windows: list[dict[str, Any]] = [
        {"window": "five_hour", "used_percent": "100.0", "status": "rejected", "resets_at": "2026-11-20T14:00:00Z"},
        {"window": "seven_day", "used_percent": "41.5", "status": "allowed", "resets_at": None},
        {"window": "\x1b[2J", "used_percent": None},
    ]
    line = plan_line(windows)
    assert line.startswith(
        "plan: five_hour 100.0 % used (rejected until 2026-11-20T14:00:00Z), seven_day 41.5 % used, "
    )
    assert "\x1b" not in line and line.endswith("unknown")


def test_a_home_without_statuses_has_an_empty_list(tmp_path: Path) -> None:
    assert read_all(Home(tmp_path)) == []
    assert as_lines([], NOW, 80) == ["  ".join(COLUMNS)]


# --- the table -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "facts", "cells"),
    [
        (Running(NINE, 1), {}, ("running", "editing list.py", "1h04m", "$1.23 of $5.00", "0")),
        (Queued(NINE), {"started_at": None}, ("queued", "", "-", "$1.23 of $5.00", "0")),
        (Done(NINE), {"ended_at": NINE + timedelta(seconds=247)}, ("done", "", "4m07s", "$1.23 of $5.00", "0")),
        (Done(NINE), {"ended_at": NINE + timedelta(seconds=42)}, ("done", "", "42s", "$1.23 of $5.00", "0")),
        (Waiting(NINE, 1), {"questions": (Question("task-1", 1, "Keep\nit?", NINE),)},
         ("waiting", "asks: Keep it?", "1h04m", "$1.23 of $5.00", "0")),
        (Failed(NINE, "tests"), {}, ("failed", "tests", "1h04m", "$1.23 of $5.00", "0")),
    ],
)  # fmt: skip
def test_a_row_says_what_it_does_now(state: State, facts: dict[str, Any], cells: tuple[str, ...]) -> None:
    (row,) = table_rows([status(state, **facts)], NOW)
    assert row[1:3] == ("task-1", "Paginate the list")
    assert (row[0], *row[3:]) == cells


def test_a_row_shows_an_unknown_cost_as_unknown() -> None:
    capped = status(Done(NINE), spend=TaskSpend(None, 0, from_usd("5"), Tokens(), 1, 0))
    free = status(Done(NINE), spend=TaskSpend(0, 0, None, Tokens(), 0, 0))
    assert [row[5] for row in table_rows([capped, free], NOW)] == ["unknown of $5.00", "$0.00"]


def cells(line: str) -> int:
    """Cells of a terminal: the names below use characters that take two."""
    return sum(2 if character > "\u1100" and character != "…" else 1 for character in line)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_no_line_is_wider_than_asked_and_the_columns_stand_in_line(width: int) -> None:
    wide = Task("task-2", "注文一覧のページ分割を実装する" * 3, "words", "sonnet")
    statuses = [status(Running(NINE, 1), "reading " * 20), status(Failed(NINE, "x" * 90), task=wide)]
    lines = as_lines(statuses, NOW, width)
    assert len(lines) == 3
    assert all(cells(line) <= width for line in lines)
    if width >= 80:
        starts = {cells(line.split(mark)[0]) for line, mark in zip(lines, ("TIME", "1h04m", "1h04m"), strict=True)}
        assert len(starts) == 1
        assert all("$1.23 of $5.00" in line for line in lines[1:])


def test_a_task_that_waits_for_headroom_says_so_in_words() -> None:
    waits = "waiting for headroom in the cap of 2026-11-20: $0.30 at most is needed, $0.40 of $0.50 is held by requests"
    facts = status(Running(NINE, 1), waits)
    assert facts["activity"] == waits
    assert waits in as_lines([facts], NOW, 200)[1]
    assert "waiting for headroom" in as_lines([facts], NOW, 100)[1]


def test_the_table_is_coloured_only_if_asked_and_says_the_same() -> None:
    statuses = [status(state) for state, *_ in STATES]
    pale, coloured = as_lines(statuses, NOW, 120), as_lines(statuses, NOW, 120, colour=True)
    assert not any("\x1b" in line for line in pale)
    assert sum("\x1b[" in line for line in coloured) == 9  # queued and cancelled have no colour
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in coloured] == pale


def test_reading_statuses_needs_no_slow_import() -> None:
    source = "import sys, dayshift.mailbox.status; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True,
                            cwd=Path(__file__).parent.parent).stdout.split()  # fmt: skip
    assert not {"rich", "pydantic", "jinja2", "aiohttp", "yaml", "dayshift.model", "dayshift.home"} & set(loaded)
