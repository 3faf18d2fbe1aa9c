"""The commands as a person runs them: what is refused, what stays light, and what shows the day's state."""

import json
import signal
import sys
from pathlib import Path

import pexpect
import pytest

from dayshift import files
from dayshift.commands import upfront
from dayshift.home import Home
from dayshift.states import Done, Running
from tests.command_line import NOON, ROOT, add, ask, daemon, environment, everything, run, started


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


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
    (["report", "tomorrow"], "tomorrow"),
    (["judge"], "policy.yaml"),
    (["judge", "--policy", "absent.yaml"], "absent.yaml"),
    (["clean"], "name the tasks, or say --all or which (see --help); may go now: task-3"),
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


@pytest.mark.parametrize(("words", "says"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_bad_input_is_named_exits_2_and_changes_nothing(busy: Home, words: list[str], says: str) -> None:
    before = everything(busy)
    result = run(busy, *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert everything(busy) == before


@pytest.mark.parametrize(("rehearsal", "owed"), [(False, True), (True, False)])
def test_a_killed_daemon_owes_a_report_of_a_day_but_not_of_a_rehearsal(home: Home, rehearsal: bool, owed: bool) -> None:
    known = {"task-3": add(home, "task-3", Done(NOON), rehearsal=rehearsal)}
    files.write_json(home.daemon_facts, {"pid": 1, "rehearsal": rehearsal})
    assert upfront.report_is_owed(home, known, rehearsal) is owed


# --- what stays light ------------------------------------------------------------------------------

HEAVY = {"pydantic", "aiohttp", "rich", "jinja2", "tree_sitter", "genai_prices", "psutil", "watchdog"}
READING = [
    ["status"],
    ["status", "--json"],
    ["questions"],
    ["logs", "task-1"],
    ["cost", "--csv"],  # the other forms show budgets and forecasts, which takes the settings
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
    owner = {"pid": 4711, "started_at": "2026-11-20T09:00:00Z", "rehearsal": True}
    assert facts == {"daemon": owner, "starting": None, "plan": [], "tasks": []}


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
    with started(home, "status", "--watch") as (process, output):
        assert output.readline() == "task-1: running  editing\n"
        add(home, "task-1", Done(NOON))
        assert output.readline() == "task-1: done\n"
        process.send_signal(signal.SIGINT)
        assert output.read() == ""
        assert process.wait(10) == 0


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
    with started(home, "logs", "task-1", "--follow") as (process, output):
        (home.logs / "task-1.log").write_text("begun\n")
        assert output.readline() == "begun\n"
        for text in ("half a ", "line and\nhalf a line"):
            with (home.logs / "task-1.log").open("a") as log:
                log.write(text)
        assert output.readline() == "half a line and\n"
        add(home, record.id, Done(NOON))
        assert output.read() == "half a line"
        assert process.wait(10) == 0


def test_following_ends_with_an_interrupt_as_if_all_was_said(home: Home) -> None:
    add(home, "task-1", Running(NOON, 1))
    (home.logs / "task-1.log").write_text("begun\n")
    with started(home, "logs", "task-1", "-f") as (process, output):
        assert output.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
