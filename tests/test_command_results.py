"""The commands that show what came of it: cost, report, and the guard's verdicts."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dayshift.cost.booking import Admitted, Reservation
from dayshift.cost.budgets import day_window, task_window
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.model import Tokens, Usage
from dayshift.money import from_usd
from metrics import Ledger
from tests.command_line import DAY, NOON, ROOT, daemon, environment, run


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


# --- cost ------------------------------------------------------------------------------------------


def book(ledger: Ledger, day: date, task: str, model: str) -> int:
    windows = {day_window(day): from_usd("50"), task_window(day, task): None}
    outcome = ledger.reserve(Reservation(task, 1, day, model, "shipped", from_usd("0.5"), windows, NOON, f"s-{task}"))
    assert isinstance(outcome, Admitted)
    return outcome.id


@pytest.fixture
def spent(home: Home) -> Home:
    """$1.00 the day before; then $0.25 settled, $0.50 charged at the worst case, $0.50 still reserved."""
    ledger = Ledger.open(home.ledger(rehearsal=False))
    usage = Usage("haiku", Tokens(1000, 200, 30, 4, 5))
    ledger.settle(book(ledger, date(2026, 11, 19), "task-0", "opus"), usage, from_usd("1"), "r", NOON)
    ledger.settle(book(ledger, DAY, "task-1", "haiku"), usage, from_usd("0.25"), "r", NOON)
    ledger.settle_unknown(book(ledger, DAY, "task-1", "opus"), NOON)
    book(ledger, DAY, "task-2", "opus")
    ledger.close()
    return home


def test_cost_shows_each_day_the_total_and_what_the_cap_leaves(spent: Home) -> None:
    rows = [line.split() for line in run(spent, "cost").stdout.splitlines()]
    assert rows[1:4] == [
        ["2026-11-19", "1", "$1.00", "$0.00", "$0.00", "1,000", "200", "30", "9"],
        ["2026-11-20", "3", "$0.75", "$0.50", "(1)", "$0.50", "1,000", "200", "30", "9"],
        ["total", "4", "$1.75", "$0.50", "(1)", "$0.50", "2,000", "400", "60", "18"],
    ]
    assert " ".join(rows[5]).startswith("budgets in force on ")  # more of them in test_cost.py


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--by", "task"], ["2026-11-19/task-0", "2026-11-20/task-1", "2026-11-20/task-2"]),
        (["--by", "model"], ["haiku", "opus"]),
        (["--by", "session", "--since", "2026-11-20"], ["s-task-1", "s-task-2"]),
        (["--since", "2026-12-01"], []),
    ],
)
def test_cost_tells_apart_what_is_asked_for(spent: Home, options: list[str], keys: list[str]) -> None:
    assert [row["key"] for row in json.loads(run(spent, "cost", "--json", *options).stdout)["rows"]] == keys


def test_cost_as_json_is_exact(spent: Home) -> None:
    facts = json.loads(run(spent, "cost", "--json", "--since", "2026-11-20").stdout)
    tokens = {"input": 1000, "output": 200, "cache_read": 30, "cache_write_5m": 4, "cache_write_1h": 5,
              "web_searches": 0}  # fmt: skip
    row = {"requests": 3, "cost_usd": "0.75", "estimated_usd": "0.50", "estimated_requests": 1,
           "reserved_usd": "0.50", "tokens": tokens}  # fmt: skip
    rows, total = [{"key": "2026-11-20", **row}], {"key": "total", **row}
    assert facts.items() >= {"by": "day", "rehearsal": False, "rows": rows, "total": total}.items()


def test_no_ledger_is_no_error_and_none_is_made(home: Home) -> None:
    result = run(home, "cost")
    assert (result.returncode, result.stdout.splitlines()[0]) == (0, "nothing was spent yet")
    facts = json.loads(run(home, "cost", "--rehearsal", "--json").stdout)
    assert (facts["rows"], facts["total"]["cost_usd"]) == ([], "0.00")
    assert list(home.own.glob("*.sqlite3*")) == []


# --- report ----------------------------------------------------------------------------------------


@pytest.fixture
def reported(home: Home) -> Home:
    for name in ("2026-11-19", "2026-11-20", "2026-11-21-rehearsal"):
        (home.results / f"{name}-report.md").write_text(f"# {name}\n")
        (home.results / f"{name}.json").write_text(f'{{"name": "{name}"}}\n')
    return home


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ([], "# 2026-11-20\n"),
        (["2026-11-19"], "# 2026-11-19\n"),
        (["--rehearsal"], "# 2026-11-21-rehearsal\n"),
        (["--json"], '{"name": "2026-11-20"}\n'),
        (["2026-11-21", "--rehearsal", "--json"], '{"name": "2026-11-21-rehearsal"}\n'),
    ],
)
def test_report_prints_the_one_asked_for(reported: Home, words: list[str], shown: str) -> None:
    assert run(reported, "report", *words).stdout == shown


def test_an_absent_report_names_those_there_are(reported: Home) -> None:
    result = run(reported, "report", "2026-11-21")
    assert result.returncode == 2
    assert "there are: 2026-11-19, 2026-11-20; rehearsals (--rehearsal): 2026-11-21" in result.stderr


@pytest.mark.parametrize("word", ["2026-9", "2026-13", "2026-W54", "20261120", "soon"])
def test_a_date_that_is_none_is_answered_with_how_to_write_one(reported: Home, word: str) -> None:
    ended = run(reported, "report", word)
    assert ended.returncode == 2
    cure = "write `yesterday`, one such as 2026-11-20, a week such as 2026-W47 or a month such as"
    assert f"'{word}' is no date; {cure}" in ended.stderr


def test_a_running_daemon_writes_the_report_anew(reported: Home) -> None:
    path = reported.results / "2026-11-18-report.md"

    def write(_: dict[str, Any]) -> tuple[list[str], bool]:
        path.write_text("# fresh\n")
        return [str(path)], True

    with daemon(reported, write) as asked:
        assert run(reported, "report").stdout == "# fresh\n"
        assert run(reported, "report", "2026-11-19").stdout == "# 2026-11-19\n"
        assert run(reported, "report", "--rehearsal").stdout == "# 2026-11-21-rehearsal\n"
    assert asked == [{"kind": "report"}]


def test_a_daemon_that_writes_none_leaves_the_last_report_and_no_request(reported: Home) -> None:
    with daemon(reported):
        result = run(reported, "report")
    assert result.stdout == "# 2026-11-20\n"
    assert "this is the last one" in result.stderr
    assert inbox.pending(reported) == []


# --- judge -----------------------------------------------------------------------------------------

POLICY = ROOT / "config" / "policy.yaml"


def test_judge_answers_every_line_in_order(home: Home) -> None:
    calls = [
        {"command": "git status"},
        {"command": "git commit -m x"},
        {"tool": "Write", "input": {"file_path": ".git/config"}},
        {"command": "psql -l", "tool": "Bash"},
        {"command": 'grep -rn "git commit" .'},
    ]
    result = run(home, "judge", "--policy", POLICY, stdin="\n\n".join(map(json.dumps, calls)))
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0
    assert [answer["verdict"] for answer in answers] == ["allow", "block", "block", "block", "allow"]
    assert [answer["command"] for answer in answers[1:3]] == ["git commit -m x", ".git/config"]
    assert all(bool(answer["rule"]) == bool(answer["reason"]) == (answer["verdict"] == "block") for answer in answers)
    assert {tuple(answer) for answer in answers} == {("command", "verdict", "rule", "reason")}


def test_judge_reads_the_homes_own_policy(home: Home) -> None:
    home.config.mkdir()
    own = POLICY.read_text() + "\ncommands:\n  - {id: no-curl, forbid: [curl], why: reasons, instead: Ask.}\n"
    (home.config / "policy.yaml").write_text("\n".join(line for line in own.splitlines() if line != "commands: []"))
    assert json.loads(run(home, "judge", stdin='{"command": "curl example.org"}').stdout)["rule"] == "no-curl"


@pytest.mark.parametrize(
    "line", ["git status", "[]", "{}", '{"command": 1}', '{"input": "x"}', "[" * 100_000, '{"a": "\xff"}']
)
def test_a_malformed_line_is_named_after_the_answers_before_it(home: Home, line: str) -> None:
    stdin = b'{"command": "ls"}\n' + line.encode("latin-1") + b"\n"
    result = run(home, "judge", "--policy", POLICY, stdin=stdin)
    assert result.returncode == 2
    assert "standard input, line 2" in result.stderr
    assert json.loads(result.stdout)["command"] == "ls"


def test_judge_can_be_talked_with_line_by_line(home: Home) -> None:
    words = [sys.executable, str(ROOT / "orchestrator.py"), "--home", str(home.root), "judge", "--policy", str(POLICY)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(home)
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for command, verdict in (("git push", "block"), ("git log", "allow")):
            process.stdin.write(json.dumps({"command": command}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["verdict"] == verdict
