"""The command `feedback`; at a terminal as a process, with an editor that is a small script."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pexpect
import pytest

from dayshift.home import Home
from dayshift.states import Done, Failed
from orchestrator import main
from tests.command_line import DAY, NOON, ROOT, add, environment, everything

FORM = "feedback/2026-11-20.md"
WRITTEN = """\
# Feedback for 2026-11-20

## task-001 · Name of task-001
- Rating (1-5): 4, quick
- What worked: the tests
- Rule for next time: run `make check` \x1b[31mfirst

## task-002
Rating: 7
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    home.config.mkdir()
    add(home, "task-001", Done(NOON))
    add(home, "task-002", Failed(NOON, "red"))
    return home


class Ended(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Ended]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """A dayshift command in this process, away from any terminal, as `main` runs it."""

    def run(home: Home, *words: str) -> Ended:
        code = main(["--home", str(home.root), *words])
        return Ended(code, *(text.decode() for text in capfdbinary.readouterr()))

    return run


def editor(home: Home, script: str) -> str:
    """A program with a space in its path that does this to the file it is given."""
    path = home.root.parent / "my editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"'{path}'"


def at_a_terminal(home: Home, *words: str, **variables: str) -> tuple[int, str]:
    """The exit code and all that the person saw."""
    terminal = pexpect.spawn(
        sys.executable, [str(ROOT / "orchestrator.py"), "--home", str(home.root), "feedback", *words],
        env={**environment(home), **variables}, encoding="utf-8", timeout=30, dimensions=(50, 300),
    )  # fmt: skip
    terminal.expect(pexpect.EOF)
    terminal.close()
    return int(terminal.exitstatus or 0), str(terminal.before).replace("\r\n", "\n")


# --- not at a terminal -------------------------------------------------------------------------------


def test_not_at_a_terminal_the_file_of_the_newest_day_is_prepared_and_named(home: Home, run: Run) -> None:
    path = home.root / FORM
    first = run(home, "feedback")
    assert (first.returncode, first.stdout, first.stderr) == (0, f"{path}\n", "")
    text = path.read_text()
    assert "<!-- evidence: failed · no validations · no cost known · not reviewed -->" in text
    path.write_text(text + "\nMine.\n")
    assert run(home, "feedback", str(DAY)).returncode == 0
    assert path.read_text() == text + "\nMine.\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["feedback", "2026-11-01"], "no task of 2026-11-01 is known in HOME; days with tasks: 2026-11-20"),
        (["feedback", "--show"], f"there is no feedback on 2026-11-20, for there is no HOME/{FORM}; "
         "`dayshift feedback 2026-11-20` prepares it"),
        (["feedback", "--json", "2026-11-01"], "there is no feedback on 2026-11-01, for there is no HOME/feedback/"
         "2026-11-01.md; `dayshift feedback 2026-11-01` prepares it"),
    ],
)  # fmt: skip
def test_where_there_is_nothing_that_is_said_and_nothing_is_made(
    home: Home, words: list[str], message: str, run: Run
) -> None:
    before = everything(home)
    result = run(home, *words)
    assert (result.returncode, result.stderr) == (2, message.replace("HOME", str(home.root)) + "\n")
    assert everything(home) == before


def test_without_any_day_and_with_a_wrong_date_the_cure_is_named(tmp_path: Path, run: Run) -> None:
    home = Home(tmp_path / "home")
    home.make_folders()
    nothing, wrong = run(home, "feedback"), run(home, "feedback", "soon")
    assert (nothing.returncode, "`dayshift start FILE` runs one" in nothing.stderr) == (2, True)
    cure = "'soon' is no date; write `yesterday`, or one such as 2026-11-20"
    assert (wrong.returncode, cure in wrong.stderr) == (2, True)
    spoken = run(home, "feedback", "yesterday")
    assert (spoken.returncode, "is known in" in spoken.stderr, "is no date" in spoken.stderr) == (2, True, False)


def test_what_was_understood_is_told_in_words_and_as_json(home: Home, run: Run) -> None:
    (home.root / FORM).write_text(WRITTEN)
    before = everything(home)
    assert run(home, "feedback", "--show").stdout.splitlines() == [
        f"{FORM}, as it was understood:",
        "  task-001: rated 4, 1 worked, 1 rule, 1 remark",
        "    line 6, rule: run `make check` first",
        "  not understood, so nothing comes of it:",
        "    line 9: Rating: 7 (a rating is one number from 1 to 5)",
        "1 lesson proposed; `dayshift lessons` shows what agents would be told",
    ]
    facts: dict[str, Any] = json.loads(run(home, "feedback", "--json").stdout)
    assert (facts["date"], facts["file"], facts["lessons_proposed"]) == ("2026-11-20", FORM, 1)
    assert (facts["tasks"][0]["task_id"], facts["tasks"][0]["rating"]) == ("task-001", 4)
    assert facts["tasks"][0]["worked"] == [{"text": "the tests", "line": 5, "why": ""}]
    assert facts["not_understood"] == [{"text": "Rating: 7", "line": 9, "why": "a rating is one number from 1 to 5"}]
    assert everything(home) == before


def test_feedback_of_a_day_without_tasks_is_read_as_well(home: Home, run: Run) -> None:
    (home.feedback / "2026-12-24.md").write_text("A day off. From now on every year.\n")
    assert run(home, "feedback", "--show").stdout.splitlines()[:3] == [
        "feedback/2026-12-24.md, as it was understood:",
        "  the day: 1 rule, 1 remark",
        "    line 1, rule for all: From now on every year.",
    ]


# --- at a terminal -----------------------------------------------------------------------------------


@pytest.mark.parametrize("saving", ['cat new > "$1"', 'cp new "$1.tmp"; mv "$1.tmp" "$1"'], ids=["in place", "renames"])
def test_what_the_editor_saved_is_told_whichever_way_it_saves(home: Home, saving: str) -> None:
    (home.root.parent / "new").write_text(WRITTEN)
    words = editor(home, f"grep -q 'Rule for next time' \"$1\" || exit 9; cd '{home.root.parent}'; {saving}")
    code, seen = at_a_terminal(home, EDITOR=words)
    assert (code, (home.root / FORM).read_text()) == (0, WRITTEN)
    assert "  task-001: rated 4, 1 worked, 1 rule, 1 remark\n" in seen
    assert "1 lesson proposed; `dayshift lessons`" in seen


def test_visual_goes_before_editor_and_a_file_left_as_it_was_is_told(home: Home) -> None:
    code, seen = at_a_terminal(home, VISUAL="true", EDITOR="false")
    assert (code, f"{FORM}: nothing is written in it yet" in seen) == (0, True)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"EDITOR": "false"}, "the editor 'false' ended with exit code 1; see {path}"),
        (
            {"EDITOR": "no-such-editor -w"},
            "{path} is prepared, but the editor 'no-such-editor -w' cannot be run; set EDITOR",
        ),
        ({"PATH": "/nowhere"}, "{path} is prepared, but there is no editor to open it with; set EDITOR"),
    ],
)
def test_an_editor_that_fails_is_told_with_the_file_and_the_cure(
    home: Home, variables: dict[str, str], message: str
) -> None:
    code, seen = at_a_terminal(home, **variables)
    assert (code, message.format(path=home.root / FORM) in seen) == (3, True), seen
    assert (home.root / FORM).exists()


def test_with_auto_apply_a_rule_is_in_force_at_once(home: Home) -> None:
    (home.config / "orchestrator.yaml").write_text("learning: {auto_apply: true}\n")
    (home.root.parent / "new").write_text("Rule: small patches\n")
    code, seen = at_a_terminal(home, EDITOR=f"cp '{home.root.parent}/new'")
    assert (code, "is in force now, as learning.auto_apply says: small patches" in seen) == (0, True)
    assert "small patches" in home.lessons.read_text() and "proposed" not in seen


def test_ctrl_c_is_the_editors_alone(home: Home) -> None:
    words = editor(home, "trap 'echo caught; echo \"task-001: 3\" > \"$0.x\"; cat \"$0.x\" > \"$1\"; exit 0' INT\n"
                   "echo ready; while :; do sleep 0.05; done")  # fmt: skip
    terminal = pexpect.spawn(
        sys.executable, [str(ROOT / "orchestrator.py"), "--home", str(home.root), "feedback"],
        env={**environment(home), "EDITOR": words}, encoding="utf-8", timeout=30,
    )  # fmt: skip
    terminal.expect("ready")
    terminal.sendintr()
    terminal.expect("task-001: rated 3")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_the_help_shows_examples_and_the_overview_names_the_command(home: Home, run: Run) -> None:
    assert "dayshift feedback --show" in run(home, "feedback", "--help").stdout
    assert "  feedback " in run(home, "--help").stdout
