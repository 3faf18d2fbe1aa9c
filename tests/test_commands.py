"""The commands as a person runs them: processes on real homes, their words and their exit codes."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from dayshift import files, git, inbox, records
from dayshift.commands.stop import gone
from dayshift.home import Home
from dayshift.model import (
    Done,
    Failed,
    Parked,
    ParkReason,
    Question,
    Record,
    Running,
    State,
    Task,
    Tokens,
    Usage,
    Waiting,
)
from dayshift.money import from_usd
from dayshift.questions import Mailbox
from dayshift.status import TaskSpend, status_facts
from dayshift.workspace import Workspace
from metrics import Admitted, Ledger, Reservation, day_window, task_window

ROOT = Path(__file__).parent.parent
DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPEND = TaskSpend(from_usd("1.25"), 0, from_usd("5"), Tokens(10, 20, 30), 3, 0)
QUESTION = Question("task-2", 1, "How many orders\nper page?", NOON, ("20", "50"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


def environment(home: Home) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": str(home.root.parent), "TERM": "xterm"}


def run(home: Home, *words: str | Path, stdin: str | bytes = b"", options: tuple[str, ...] = ()) -> Any:
    """The finished process; its output is text."""
    result = subprocess.run(
        [sys.executable, *options, ROOT / "orchestrator.py", "--home", home.root, *words],
        input=stdin.encode() if isinstance(stdin, str) else stdin, capture_output=True, env=environment(home),
        cwd=home.root.parent, timeout=60, check=False,
    )  # fmt: skip
    return subprocess.CompletedProcess(result.args, result.returncode, result.stdout.decode(), result.stderr.decode())


def started(home: Home, *words: str) -> "subprocess.Popen[str]":
    """The process, its output to be read while it runs."""
    return subprocess.Popen(
        [sys.executable, ROOT / "orchestrator.py", "--home", home.root, *words],
        stdout=subprocess.PIPE, text=True, env=environment(home), cwd=home.root.parent,
    )  # fmt: skip


def add(home: Home, task_id: str, state: State, **facts: Any) -> Record:
    """A task with its record and its status, as the daemon leaves them."""
    depends_on = facts.pop("depends_on", ())
    ended_at = None if state.name in ("running", "waiting", "parked") else NOON
    task = Task(task_id, f"Name of {task_id}", "words", "sonnet", depends_on=depends_on)
    given = {"created_at": NOON, "started_at": NOON, "ended_at": ended_at, "runs": 1, "project": "/nowhere", **facts}
    record = Record(task, DAY, state=state, **given)
    records.save(home, record)
    files.write_json(home.status / f"{task_id}.json", status_facts(record, SPEND, "editing", NOON))
    return record


def ask(home: Home, question: Question = QUESTION) -> None:
    add(home, question.task_id, Waiting(NOON, question.number), questions=(question,))
    Mailbox(home).publish(question)


def answer_text(home: Home) -> str:
    return Mailbox(home).answer_file("task-2").read_text()


Reply = Callable[[dict[str, Any]], tuple[list[str], bool]]


@contextmanager
def daemon(home: Home, reply: Reply | None = None, rehearsal: bool = False) -> Iterator[list[dict[str, Any]]]:
    """The daemon's side of the inbox: holds the lock, answers, and ends at a stop. Yields what it was asked."""
    asked: list[dict[str, Any]] = []
    over = threading.Event()

    def serve() -> None:
        with files.lock(home.daemon_lock):
            files.write_json(
                home.daemon_facts, {"pid": 4711, "started_at": "2026-11-20T09:00:00Z", "rehearsal": rehearsal}
            )
            ready.set()
            while not over.wait(0.01):
                for request in inbox.pending(home) if reply else ():
                    asked.append(request.content)
                    lines, ok = reply(request.content) if reply else ([], False)
                    inbox.done(home, request.name, lines, ok)
                    if request.content["kind"] == "stop":
                        over.set()

    ready = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(5)
    try:
        yield asked
    finally:
        over.set()
        thread.join()


def obeys(content: dict[str, Any]) -> tuple[list[str], bool]:
    return [f"{content.get('task')}: {content.get('order', content['kind'])}"], True


# --- what is refused -------------------------------------------------------------------------------

BAD = [
    (["nonsense"], "No such command"),
    (["status", "--nonsense"], "No such option"),
    (["status", "--watch", "--json"], "choose one"),
    (["answer"], "Missing argument"),
    (["answer", "task-9", "x"], "there is no task task-9"),
    (["answer", "task-1", "x"], "task-1 is running and asks nothing; waiting: task-2"),
    (["answer", "task-2", "  "], "is empty"),
    (["answer", "task-2", "3"], "the options go from 1 to 2"),
    (["answer", "task-2"], "is empty"),
    (["logs", "task-9"], "known: task-1, task-2, task-3"),
    (["logs", "../daemon"], "there is no task ../daemon"),
    (["logs", "task-1", "--lines", "-1"], "--lines"),
    (["pause", "task-9"], "there is no task task-9"),
    (["retry"], "Missing argument"),
    (["retry", "task-3", "task-9"], "there is no task task-9"),
    (["stop", "--drain", "--now"], "choose one"),
    (["cost", "--by", "weather"], "weather"),
    (["cost", "--since", "yesterday"], "yesterday"),
    (["report"], "there is no report yet"),
    (["report", "2026-11-19"], "there is no report of 2026-11-19"),
    (["report", "today"], "today"),
    (["judge"], "policy.yaml"),
    (["judge", "--policy", "absent.yaml"], "absent.yaml"),
    (["clean"], "name the tasks, or say --all; may go now: task-3"),
    (["clean", "task-3", "--all"], "name the tasks, or say --all"),
    (["clean", "task-9"], "there is no task task-9"),
    (["clean", "task-1", "--force"], "task-1 is running"),
    (["clean", "task-2", "--force"], "task-2 is waiting"),
    (["init"], "Missing argument"),
]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One running, one waiting, one done and accepted."""
    home = Home(tmp_path_factory.mktemp("busy") / "home")
    home.make_folders()
    add(home, "task-1", Running(NOON, 1))
    ask(home)
    add(home, "task-3", Done(NOON), review="accepted")
    return home


def everything(home: Home) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in home.root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("words", "says"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_bad_input_is_named_exits_2_and_changes_nothing(busy: Home, words: list[str], says: str) -> None:
    before = everything(busy)
    result = run(busy, *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert everything(busy) == before


# --- what stays light ------------------------------------------------------------------------------

HEAVY = {"pydantic", "aiohttp", "rich", "jinja2", "tree_sitter", "genai_prices", "psutil", "watchdog"}
READING = [
    ["status"],
    ["status", "--json"],
    ["questions"],
    ["logs", "task-1"],
    ["cost"],
    ["report", "2026-11-20"],
    ["answer", "task-1", "x"],
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_reading_commands_import_nothing_heavy(busy: Home, words: list[str]) -> None:
    """The untimed way to hold their third of a second."""
    result = run(busy, *words, options=("-X", "importtime"))
    imported = {line.split("|")[-1].strip() for line in result.stderr.splitlines() if line.startswith("import time:")}
    assert "dayshift.commands.lookup" in imported  # each of them asks it something, so the command was there
    assert {name.split(".")[0] for name in imported} & HEAVY == set()


@pytest.mark.parametrize("name", ["status", "questions", "answer", "logs", "pause", "resume", "cancel", "retry", "stop",
                                  "cost", "report", "judge", "clean", "init"])  # fmt: skip
def test_every_command_explains_itself_with_examples(home: Home, name: str) -> None:
    result = run(home, name, "--help")
    assert result.returncode == 0
    assert f"dayshift {name}" in result.stdout.split("Examples:")[1]


# --- status ----------------------------------------------------------------------------------------


def test_status_shows_tasks_and_daemon_without_a_daemon(busy: Home) -> None:
    lines = run(busy, "status").stdout.splitlines()
    assert lines[0] == "daemon: not running"
    assert [line.split()[:2] for line in lines[2:5]] == [
        ["running", "task-1"],
        ["waiting", "task-2"],
        ["done", "task-3"],
    ]
    assert lines[5] == "1 question waits for you: dayshift questions"
    assert "\x1b" not in "".join(lines)


def test_status_names_the_running_daemon(home: Home) -> None:
    with daemon(home, rehearsal=True):
        assert "pid 4711, since 2026-11-20T09:00:00Z; a rehearsal" in run(home, "status").stdout
        facts = json.loads(run(home, "status", "--json").stdout)
    assert facts == {"daemon": {"pid": 4711, "started_at": "2026-11-20T09:00:00Z", "rehearsal": True}, "tasks": []}


def test_status_json_holds_the_status_files_whole(busy: Home) -> None:
    facts = json.loads(run(busy, "status", "--json").stdout)
    assert facts["daemon"] is None
    assert facts["tasks"] == [files.read_json(path) for path in sorted(busy.status.glob("*.json"))]


def test_status_of_an_empty_home_says_how_to_begin(home: Home) -> None:
    result = run(home, "status")
    assert result.returncode == 0
    assert "begin with: dayshift start" in result.stdout


def test_status_watch_on_a_pipe_prints_each_change_once_and_ends_with_an_interrupt(home: Home) -> None:
    add(home, "task-1", Running(NOON, 1))
    process = started(home, "status", "--watch")
    assert process.stdout is not None
    assert process.stdout.readline() == "task-1: running  editing\n"
    add(home, "task-1", Done(NOON))
    assert process.stdout.readline() == "task-1: done\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10)[0] == ""
    assert process.returncode == 0


def test_status_watch_on_a_terminal_rings_at_a_new_question(home: Home) -> None:
    add(home, "task-1", Running(NOON, 1))
    words = [str(ROOT / "orchestrator.py"), "--home", str(home.root), "status", "--watch"]
    with pexpect.spawn(sys.executable, words, env=environment(home), timeout=20, dimensions=(24, 100)) as terminal:
        terminal.expect("editing")
        assert b"\x07" not in terminal.before
        ask(home)
        terminal.expect("How many orders")
        terminal.expect("\x07")
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 0


# --- questions and answers -------------------------------------------------------------------------


def test_questions_shows_text_options_file_and_command(busy: Home) -> None:
    shown = run(busy, "questions").stdout
    for words in (
        "task-2 (Name of task-2)",
        "per page?",
        "2. 50",
        "agent_questions/task-2-answer.md",
        "dayshift answer task-2",
    ):
        assert words in shown
    (asked,) = json.loads(run(busy, "questions", "--json").stdout)["questions"]
    assert (asked["task_id"], asked["number"], asked["options"]) == ("task-2", 1, ["20", "50"])


def test_no_question_is_said_in_words_and_as_an_empty_list(home: Home) -> None:
    assert run(home, "questions").stdout == "no agent asks anything\n"
    assert json.loads(run(home, "questions", "--json").stdout) == {"questions": []}


@pytest.mark.parametrize(
    ("words", "stdin", "written"),
    [(["25 or so"], b"", "25 or so\n"), (["2"], b"", "2\n"), ([], "fünf\nper page\n\n".encode(), "fünf\nper page\n")],
)
def test_an_answer_becomes_the_answer_file(home: Home, words: list[str], stdin: bytes, written: str) -> None:
    ask(home)
    result = run(home, "answer", "task-2", *words, stdin=stdin)
    assert (result.returncode, result.stderr) == (0, "")
    assert "taken up at the next start" in result.stdout
    assert answer_text(home) == written
    assert Mailbox(home).door("task-2") == "command"


def test_with_a_daemon_nothing_is_said_about_the_next_start(home: Home) -> None:
    ask(home)
    with daemon(home):
        assert run(home, "answer", "task-2", "2").stdout == "task-2: answered\n"


def test_the_first_answer_counts(home: Home) -> None:
    ask(home)
    run(home, "answer", "task-2", "first")
    result = run(home, "answer", "task-2", "second")
    assert result.returncode == 2
    assert "answered already, in agent_questions/task-2-answer.md" in result.stderr
    assert answer_text(home) == "first\n"


def test_an_answer_file_that_is_none_is_named_so_that_it_can_be_mended(home: Home) -> None:
    ask(home)
    Mailbox(home).answer_file("task-2").write_bytes(b"\0\0\n")
    result = run(home, "answer", "task-2", "2")
    assert result.returncode == 2
    assert "is there already, but" in result.stderr
    assert "binary" in result.stderr


def test_no_answer_is_given_to_a_question_that_is_not_put_yet(home: Home) -> None:
    """Publishing sets an earlier answer file aside, so one written before that would be lost."""
    ask(home)
    ask(home, replace(QUESTION, number=2))
    Mailbox(home).publish(QUESTION)  # the file still shows the question before
    result = run(home, "answer", "task-2", "2")
    assert result.returncode == 2
    assert "question 2 of task-2 is not put yet" in result.stderr
    assert not Mailbox(home).answer_file("task-2").exists()


@pytest.mark.parametrize("stdin", [b"a\xff", b"a\0", b"a" * files.SIZE_LIMIT], ids=["no UTF-8", "binary", "too big"])
def test_what_the_daemon_would_not_take_is_not_written(home: Home, stdin: bytes) -> None:
    ask(home)
    result = run(home, "answer", "task-2", stdin=stdin)
    assert result.returncode == 2
    assert "task-2" in result.stderr
    assert not Mailbox(home).answer_file("task-2").exists()


def test_on_a_terminal_the_question_is_shown_before_the_answer_is_asked_for(home: Home) -> None:
    ask(home)
    words = [str(ROOT / "orchestrator.py"), "--home", str(home.root), "answer", "task-2"]
    with pexpect.spawn(sys.executable, words, env=environment(home), timeout=20) as terminal:
        terminal.expect("How many orders.*2. 50.*Answer: ")
        terminal.sendline("2")
        terminal.expect("task-2: answered")
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 0
    assert answer_text(home) == "2\n"


# --- logs ------------------------------------------------------------------------------------------


def test_logs_shows_the_end_of_the_log_without_what_could_steer_a_terminal(busy: Home) -> None:
    (busy.logs / "task-1.log").write_text("one\ntwo \x1b[31mred\nthree\n")
    assert run(busy, "logs", "task-1").stdout == "one\ntwo red\nthree\n"
    assert run(busy, "logs", "task-1", "--lines", "1").stdout == "three\n"
    assert run(busy, "logs", "task-1", "--lines", "0").stdout == ""


def test_raw_logs_are_the_stream_byte_for_byte(busy: Home) -> None:
    (busy.logs / "task-1.jsonl").write_text('{"type": "system"}\n{"type": "half')
    for option in ("--raw", "--json"):
        assert run(busy, "logs", "task-1", option).stdout == '{"type": "system"}\n{"type": "half'


def test_a_task_without_a_log_is_no_error(busy: Home) -> None:
    result = run(busy, "logs", "task-2")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "task-2 has no log yet\n")


def test_followed_logs_wait_for_the_file_and_end_with_the_task(home: Home) -> None:
    record = add(home, "task-1", Running(NOON, 1))
    process = started(home, "logs", "task-1", "--follow")
    assert process.stdout is not None
    (home.logs / "task-1.log").write_text("begun\n")
    assert process.stdout.readline() == "begun\n"
    with (home.logs / "task-1.log").open("a") as log:
        log.write("going on\nhalf a line")
    assert process.stdout.readline() == "going on\n"
    add(home, record.id, Done(NOON))
    assert process.communicate(timeout=10)[0] == "half a line"
    assert process.returncode == 0


def test_following_ends_with_an_interrupt_as_if_all_was_said(home: Home) -> None:
    add(home, "task-1", Running(NOON, 1))
    (home.logs / "task-1.log").write_text("begun\n")
    process = started(home, "logs", "task-1", "-f")
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0


# --- orders ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["pause", "resume", "cancel", "retry"])
def test_without_a_daemon_an_order_is_kept_for_the_next_one(home: Home, order: str) -> None:
    add(home, "task-1", Parked(NOON, ParkReason.stop))
    result = run(home, order, "task-1")
    assert result.returncode == 0
    assert "obeyed at the next start" in result.stdout
    assert [request.content for request in inbox.pending(home)] == [{"kind": "order", "order": order, "task": "task-1"}]


def test_an_order_to_all_names_no_task(home: Home) -> None:
    add(home, "task-1", Running(NOON, 1))
    with daemon(home, obeys) as asked:
        assert run(home, "pause").stdout == "None: pause\n"
    assert asked == [{"kind": "order", "order": "pause", "task": None}]


def test_an_order_to_all_of_nothing_is_refused(home: Home) -> None:
    result = run(home, "cancel")
    assert result.returncode == 2
    assert "there is no task to cancel" in result.stderr
    assert inbox.pending(home) == []


def test_the_daemons_refusal_is_exit_code_2_and_what_it_did_is_said_as_well(home: Home) -> None:
    def reply(content: dict[str, Any]) -> tuple[list[str], bool]:
        known = content["task"] == "task-1"
        return ["task-1: retry" if known else "there is no task task-9"], known

    with daemon(home, reply) as asked:
        result = run(home, "retry", "task-1", "task-9", "task-1")
    assert (result.returncode, result.stdout, result.stderr) == (2, "task-1: retry\n", "there is no task task-9\n")
    assert [content["task"] for content in asked] == ["task-1", "task-9"]


def test_a_daemon_that_does_not_answer_is_said_and_the_order_stays(home: Home) -> None:
    with daemon(home):
        result = run(home, "pause", "task-1")
    assert result.returncode == 3
    assert "has not answered within 5 s" in result.stderr
    assert len(inbox.pending(home)) == 1


# --- stop ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "asked_for"),
    [
        ([], [{"kind": "stop", "drain": False}]),
        (["--drain"], [{"kind": "stop", "drain": True}]),
    ],
)
def test_stop_returns_when_the_daemon_is_gone(home: Home, option: list[str], asked_for: list[dict[str, Any]]) -> None:
    with daemon(home, obeys) as asked:
        result = run(home, "stop", *option)
        assert not files.is_locked(home.daemon_lock)
    assert result.returncode == 0
    assert "pid 4711) has ended" in result.stdout
    assert asked == asked_for


def test_no_request_to_stop_is_left_for_the_next_daemon(home: Home) -> None:
    with daemon(home, obeys):  # it ends at the first request and never sees the second
        assert run(home, "stop", "--now").returncode == 0
    assert list(home.inbox.iterdir()) == []


def test_stop_without_a_daemon_is_no_error(home: Home) -> None:
    result = run(home, "stop")
    assert result.returncode == 0
    assert "no daemon runs" in result.stdout
    assert inbox.pending(home) == []


def test_waiting_for_a_daemon_that_stays_comes_to_an_end(home: Home) -> None:
    with daemon(home):
        assert not gone(home, 4711, 0.2)
        assert gone(home, 4712, 0.2)  # that one has gone; another has taken its place
    assert gone(home, 4711, 0.2)


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
    ledger.settle_unknown(book(ledger, DAY, "task-1", "opus"))
    book(ledger, DAY, "task-2", "opus")
    ledger.close()
    return home


def test_cost_shows_each_day_the_total_and_what_the_cap_leaves(spent: Home) -> None:
    rows = [line.split() for line in run(spent, "cost").stdout.splitlines()]
    assert rows[1:4] == [
        ["2026-11-19", "1", "$1.00", "$0.00", "$0.00", "1,000", "200", "30", "9"],
        ["2026-11-20", "3", "$0.75", "$0.50", "$0.50", "1,000", "200", "30", "9"],
        ["total", "4", "$1.75", "$0.50", "$0.50", "2,000", "400", "60", "18"],
    ]
    assert " ".join(rows[4]) == "2026-11-20: $48.75 of the day's $50.00 is left"


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
    tokens = {"input": 1000, "output": 200, "cache_read": 30, "cache_write": 9}
    row = {"requests": 3, "cost_usd": "0.75", "estimated_usd": "0.50", "reserved_usd": "0.50", "tokens": tokens}
    day = {"date": "2026-11-20", "spent_usd": "0.75", "reserved_usd": "0.50", "cap_usd": "50.00", "left_usd": "48.75"}
    rows, total = [{"key": "2026-11-20", **row}], {"key": "total", **row}
    assert facts == {"by": "day", "rehearsal": False, "rows": rows, "total": total, "day": day}


def test_no_ledger_is_no_error_and_none_is_made(home: Home) -> None:
    result = run(home, "cost")
    assert (result.returncode, result.stdout) == (0, "nothing was spent yet\n")
    facts = json.loads(run(home, "cost", "--rehearsal", "--json").stdout)
    assert (facts["rows"], facts["total"]["cost_usd"], facts["day"]) == ([], "0.00", None)
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
    own = POLICY.read_text() + "\ncommands:\n  - {id: no-curl, match: [curl], why: reasons, instead: Ask.}\n"
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


# --- clean -----------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> git.Repository:
    folder = tmp_path / "project"
    folder.mkdir()
    who = ["-c", "user.name=A Person", "-c", "user.email=person@localhost"]
    for words in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True, env={"PATH": os.defpath, "HOME": str(tmp_path)})
    return git.find(folder)


def worked(home: Home, project: git.Repository, task_id: str, state: State, **facts: Any) -> Record:
    """A task with a worktree in which one file was written, its work kept, its logs there."""
    place = Workspace(home.workspace(task_id), project)
    base = project.text("rev-parse", "HEAD")
    place.make(base)
    (place.repo / "new.txt").write_text("made by an agent\n")
    commit = place.keep(base, "work")
    (home.logs / f"{task_id}.log").write_text("did it\n")
    home.run(task_id, 1).mkdir(parents=True)
    return add(home, task_id, state, project=str(project.work_tree), base=base, commit=commit, **facts)


def traces(home: Home, project: git.Repository, task_id: str) -> list[str]:
    """Whatever still carries the task's id, in the home and in the repository's git directory."""
    kept = [path for place in (home.root, project.common_dir) for path in place.rglob(f"*{task_id}*")]
    return [str(path) for path in kept if home.results not in path.parents]


def test_clean_takes_everything_of_a_reviewed_task_and_says_how_much(home: Home, project: git.Repository) -> None:
    worked(home, project, "task-1", Done(NOON), review="accepted")
    dry = run(home, "clean", "task-1", "--dry-run")
    assert str(home.workspace("task-1")) in dry.stdout
    assert home.workspace("task-1").is_dir()
    result = run(home, "clean", "task-1")
    assert result.returncode == 0
    assert "removed task-1:" in result.stdout
    assert traces(home, project, "task-1") == []
    assert project.text("worktree", "list").count("\n") == 0


def test_an_unreviewed_task_is_cleaned_only_by_force_and_its_work_is_saved(home: Home, project: git.Repository) -> None:
    worked(home, project, "task-1", Failed(NOON, "tests failed"))
    refused = run(home, "clean", "task-1")
    assert refused.returncode == 2
    assert "not reviewed yet" in refused.stderr
    assert home.workspace("task-1").is_dir()
    facts = json.loads(run(home, "clean", "task-1", "--force", "--json").stdout)
    saved = home.results / "salvage" / "task-1-2026-11-20.patch"
    assert facts["removed"][0]["salvaged"] == str(saved)
    assert facts["removed"][0]["freed_bytes"] > 0
    assert "+made by an agent" in saved.read_text()
    assert traces(home, project, "task-1") == []


def test_an_earlier_salvaged_patch_is_never_replaced(home: Home, project: git.Repository) -> None:
    saved = home.results / "salvage"
    saved.mkdir()
    (saved / "task-1-2026-11-20.patch").write_text("of the morning")
    worked(home, project, "task-1", Failed(NOON, "tests failed"))
    assert run(home, "clean", "task-1", "--force").returncode == 0
    assert (saved / "task-1-2026-11-20.patch").read_text() == "of the morning"
    assert "+made by an agent" in (saved / "task-1-2026-11-20-2.patch").read_text()


def test_a_link_in_the_patchs_place_is_not_followed_and_nothing_is_removed(home: Home, project: git.Repository) -> None:
    worked(home, project, "task-1", Failed(NOON, "tests failed"))
    patch = home.workspace("task-1") / "changes.patch"
    patch.unlink()
    patch.symlink_to("/etc/passwd")
    result = run(home, "clean", "task-1", "--force")
    assert result.returncode == 3
    assert "was not removed" in result.stderr
    assert home.workspace("task-1").is_dir()
    assert "task-1" in records.load_all(home)[0]


def test_clean_all_takes_what_may_go_and_says_what_stays(home: Home, project: git.Repository) -> None:
    worked(home, project, "task-1", Done(NOON), review="rejected")
    worked(home, project, "task-2", Done(NOON))
    worked(home, project, "task-3", Parked(NOON, ParkReason.cap, "day"))
    worked(home, project, "task-4", Done(NOON), rehearsal=True)
    facts = json.loads(run(home, "clean", "--all", "--json").stdout)
    assert [each["task_id"] for each in facts["removed"]] == ["task-1", "task-4"]
    assert [each["task_id"] for each in facts["kept"]] == ["task-2", "task-3"]
    assert sorted(records.load_all(home)[0]) == ["task-2", "task-3"]


def test_what_an_unfinished_task_starts_from_stays(home: Home) -> None:
    add(home, "task-1", Done(NOON), review="accepted")
    add(home, "task-2", Parked(NOON, ParkReason.stop), depends_on=("task-1",))
    result = run(home, "clean", "task-1", "--force")
    assert result.returncode == 2
    assert "task-1 is what task-2 will start from" in result.stderr


def test_one_task_that_must_stay_keeps_all_that_were_named(home: Home) -> None:
    add(home, "task-1", Done(NOON), review="accepted")
    add(home, "task-2", Running(NOON, 1))
    assert run(home, "clean", "task-1", "task-2").returncode == 2
    assert sorted(records.load_all(home)[0]) == ["task-1", "task-2"]


def test_a_task_whose_repository_is_gone_can_be_cleaned(home: Home) -> None:
    add(home, "task-1", Done(NOON), review="accepted", project="/nowhere")
    home.workspace("task-1").mkdir()
    assert run(home, "clean", "task-1").returncode == 0
    assert not home.workspace("task-1").exists()


# --- init ------------------------------------------------------------------------------------------


def test_init_lays_out_a_home_inside_a_repository(home: Home, project: git.Repository) -> None:
    folder = project.work_tree / "agents"
    result = run(home, "init", folder)
    made = Home(folder)
    assert result.returncode == 0
    assert str(project.work_tree) in result.stdout
    assert "dayshift doctor" in result.stdout
    for source in (ROOT / "config").iterdir():
        assert (made.config / source.name).read_bytes() == source.read_bytes()
    day = yaml.safe_load((made.tasks / "first-day.yaml").read_text())
    assert [task["id"] for task in day["tasks"]] == ["task-001"]
    for written in (made.inbox, made.workspaces, made.status, made.questions, made.logs, made.results, made.feedback):
        (written / "file").touch()
    untracked = [line[3:] for line in project.run("status", "--porcelain", "-uall").decode().splitlines()]
    config = [f"agents/config/{path.name}" for path in made.config.iterdir()]
    assert sorted(untracked) == sorted(["agents/.gitignore", "agents/tasks/first-day.yaml", *config])


def test_init_overwrites_nothing_and_says_what_it_kept(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "policy.yaml").write_text("mine")
    (folder / ".gitignore").write_text("/results/\n")
    result = run(home, "init", folder)
    assert result.returncode == 0
    assert "kept  config/policy.yaml (it was there)" in result.stdout
    assert (folder / "config" / "policy.yaml").read_text() == "mine"
    assert (folder / ".gitignore").read_text() == "/results/\n"
    assert f"Add to {folder}/.gitignore: /.dayshift/ /agent_workspaces/" in result.stdout
    assert "in no git repository: set `project:`" in result.stdout
    before = everything(Home(folder))
    assert run(home, "init", folder).returncode == 0
    assert everything(Home(folder)) == before


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_init_refuses_a_file(home: Home, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    result = run(home, "init", f"{tmp_path}/file{below}")
    assert result.returncode == 2
    assert "file" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_example_day_of_a_new_home_passes_check(home: Home, project: git.Repository) -> None:
    folder = project.work_tree / "agents"
    run(home, "init", folder)
    result = run(Home(folder), "check", folder / "tasks" / "first-day.yaml")
    assert result.returncode == 0, result.stderr
    assert "task-001" in result.stdout
