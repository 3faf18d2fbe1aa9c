"""The commands that tell the daemon and its agents something: answers, orders, stop."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayshift import files, locks
from dayshift.commands.stop import gone
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.mailbox.questions import Mailbox
from dayshift.states import Parked, ParkReason, Running
from tests.command_line import NOON, QUESTION, add, answer_text, ask, daemon, obeys, run


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


# --- questions and answers -------------------------------------------------------------------------


def test_questions_shows_text_options_file_and_command(home: Home) -> None:
    ask(home)
    shown = run(home, "questions").stdout
    for words in (
        "task-2 (Name of task-2)",
        "per page?",
        "2. 50",
        "agent_questions/task-2-answer.md",
        "dayshift answer task-2",
    ):
        assert words in shown
    (asked,) = json.loads(run(home, "questions", "--json").stdout)["questions"]
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
        assert not locks.is_locked(home.daemon_lock)
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
