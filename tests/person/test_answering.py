"""Questions answered at a terminal: options with the arrow keys, own words, one after the other, and left alone."""

import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest

from dayshift.conversation import Question
from dayshift.home import Home
from dayshift.mailbox.questions import Mailbox
from tests.command_line import NOON, QUESTION, ROOT, ask, environment, run

DOWN, ENTER, DONE = "\x1b[B", "\r", "\x1b\r"
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
OPEN = Question("task-3", 1, "Which colour\nshall it be?", NOON)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


def terminal(home: Home, *words: str) -> "pexpect.spawn[str]":
    variables = {**environment(home), "PROMPT_TOOLKIT_NO_CPR": "1"}  # nobody answers where the cursor is
    given = [str(ROOT / "orchestrator.py"), "--home", str(home.root), *words]
    return pexpect.spawn(sys.executable, given, env=variables, encoding="utf-8", timeout=30, dimensions=(40, 120))


def press(person: "pexpect.spawn[str]", *keys: str) -> None:
    """Type, no faster than a person can."""
    for key in keys:
        time.sleep(0.05)
        person.send(key)


def ends(person: "pexpect.spawn[str]") -> tuple[int | None, str]:
    """The exit code, and what else was shown."""
    person.expect(pexpect.EOF)
    person.close()
    shown = CONTROL.sub("", person.before or "")
    assert "Traceback" not in shown
    return person.exitstatus, shown


def answered(home: Home, task_id: str) -> str | None:
    file = Mailbox(home).answer_file(task_id)
    return file.read_text() if file.exists() else None


def test_an_option_is_chosen_with_an_arrow_key(home: Home) -> None:
    ask(home)
    with terminal(home, "answer", "task-2") as person:
        person.expect("How many orders")
        person.expect("50.*other: type it")
        press(person, DOWN, ENTER)
        person.expect("task-2: answered; no daemon runs")
        assert ends(person)[0] == 0
    assert answered(home, "task-2") == "2\n"
    assert Mailbox(home).door("task-2") == "command"


def test_own_words_are_typed_in_lines_and_nothing_at_all_is_no_answer(home: Home) -> None:
    ask(home)
    with terminal(home, "answer") as person:  # the only question: there is nothing to choose among
        person.expect("other: type it")
        press(person, DOWN, DOWN, ENTER)
        person.expect("Alt-Enter, or Esc and then Enter, ends the answer")
        press(person, DONE)
        person.expect("is empty")
        press(person, "25", ENTER, "or so", DONE)
        person.expect("task-2: answered")
        assert ends(person)[0] == 0
    assert answered(home, "task-2") == "25\nor so\n"


def test_of_several_questions_one_is_chosen(home: Home) -> None:
    ask(home)
    ask(home, OPEN)
    with terminal(home, "answer") as person:
        person.expect("task-3.*Which colour shall it be")
        press(person, DOWN, ENTER)
        person.expect("Your answer:")
        press(person, "light blue", DONE)
        person.expect("task-3: answered")
        assert ends(person)[0] == 0
    assert (answered(home, "task-2"), answered(home, "task-3")) == (None, "light blue\n")


def test_all_questions_are_gone_through_and_one_is_skipped(home: Home) -> None:
    ask(home)
    ask(home, OPEN)
    ask(home, replace(QUESTION, task_id="task-4"))
    with terminal(home, "questions", "-i") as person:
        person.expect("task-2.*skip it for now")
        press(person, ENTER)
        person.expect("task-2: answered")
        person.expect("task-3.*skip it for now")
        press(person, DOWN, ENTER)
        person.expect("task-4.*skip it for now")
        Mailbox(home).submit("task-4", "100", by="telegram")
        press(person, ENTER)
        assert ends(person)[0] == 0
    assert [answered(home, f"task-{number}") for number in (2, 3, 4)] == ["1\n", None, "100\n"]


@pytest.mark.parametrize("words", [["answer", "task-2"], ["questions", "-i"]])
def test_ctrl_c_leaves_the_question_open(home: Home, words: list[str]) -> None:
    ask(home)
    with terminal(home, *words) as person:
        person.expect("other: type it")
        press(person, DOWN, "\x03")
        code, shown = ends(person)
    assert (code, "interrupted" in shown) == (130, True)
    assert answered(home, "task-2") is None


def test_what_an_agent_writes_does_not_steer_the_terminal(home: Home) -> None:
    ask(home, replace(QUESTION, text="Which?\x1b]0;title\x07\x1b[2J", options=("\x1b[31mred\nnow\u202e", "2")))
    with terminal(home, "answer", "task-2") as person:
        person.expect("red now")
        assert not re.search("\x1b]0|\x1b\\[31m|\u202e|\x07", (person.before or "") + str(person.after))
        press(person, DOWN, ENTER)
        person.expect("answered")
        ends(person)
    assert answered(home, "task-2") == "2\n"


def test_without_a_terminal_nothing_is_asked(home: Home) -> None:
    ask(home)
    for words in (["answer"], ["questions", "-i"]):
        assert run(home, *words).returncode == 2


def test_with_nothing_open_nothing_is_asked(home: Home) -> None:
    with terminal(home, "answer") as person:
        code, shown = ends(person)
        assert (code, shown.strip()) == (2, "no agent asks anything")
    ask(home)
    Mailbox(home).submit("task-2", "1", by="file")
    with terminal(home, "questions", "-i") as person:
        assert ends(person) == (0, "no agent asks anything that is not answered yet\n")


def test_the_watch_rings_at_a_new_question_and_not_at_one_it_found(home: Home) -> None:
    ask(home)
    with terminal(home, "status", "--watch") as person:
        person.expect("1 question waits for you")
        with pytest.raises(pexpect.TIMEOUT):
            person.expect("\x07", timeout=1.5)
        ask(home, OPEN)
        person.expect("2 questions wait.*\x07")
        person.sendintr()
        ends(person)
