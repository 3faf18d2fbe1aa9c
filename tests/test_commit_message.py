"""A commit's message made of a task: git keeps every line, and none of it is more than text."""

import subprocess
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayshift.evidence import Check
from dayshift.model import Record
from dayshift.reviewing.commit_message import written
from dayshift.states import Done
from tests.house import NINE, record, task

ASKED = "Show 50 orders a page.\n\n# Not a comment\n---\nKeep the order of the list as it is."
CHECKS = (Check("validate", "pytest -q", 0, "3 passed"), Check("validate", "ruff\ncheck", 1),
          Check("deliverable", "src/orders.py", 0), Check("deliverable", "docs", 1))  # fmt: skip


def done(task_id: str = "a", name: str = "Paginate the orders list", asked: str = ASKED, *checks: Check) -> Record:
    return record(Done(NINE), task_id, task=replace(task(task_id), name=name, description=asked), checks=checks)


def test_it_says_what_was_asked_what_shows_that_it_is_done_and_which_task_it_was() -> None:
    assert written([done("page", "Paginate the orders list", ASKED, *CHECKS)]) == (
        "Paginate the orders list\n\nShow 50 orders a page.\n\n # Not a comment\n ---\n"
        "Keep the order of the list as it is.\n\n"
        "- `pytest -q` exited with 0\n- `ruff check` exited with 1\n- src/orders.py is there\n- docs is missing\n\n"
        "Task: page of 2026-11-20\n"
    )


def test_of_several_tasks_each_has_its_part() -> None:
    said = written([done("a", "First"), done("b", "Second", "words", CHECKS[0]), done("c", "")])
    assert said.startswith("First and 2 more\n\na: First\n\nShow 50")
    assert "\n\nb: Second\n\nwords\n\n- `pytest -q` exited with 0\n\nc:\n\n" in said
    assert said.endswith("\n\nTask: a of 2026-11-20\nTask: b of 2026-11-20\nTask: c of 2026-11-20\n")


@pytest.mark.parametrize(
    ("name", "subject"),
    [("x" * 200, "x" * 71 + "…"), ("#1: fix\n\nSigned-off-by: X <x@y>", "1: fix Signed-off-by: X <x@y>"),
     ("\x1b[2Jgo\u202e", "go\ufffd"), ("###", "a"), (" ", "a")],
)  # fmt: skip
def test_the_subject_is_one_short_line_that_is_no_comment(name: str, subject: str) -> None:
    assert written([done(name=name)]).split("\n")[:2] == [subject, ""]


def test_long_text_is_cut_and_long_lines_are_broken() -> None:
    said = written([done(asked="word " * 1000)])
    assert max(map(len, said.split("\n"))) <= 72 and len(said) < 1000 and "…\n\nTask:" in said


TEXT = st.text(st.sampled_from("ab #;-\n\r\t\x00\x1b\u2028é:@|`"), max_size=60)


@settings(max_examples=30)
@given(name=TEXT, asked=TEXT, command=TEXT)
def test_git_keeps_every_line_of_it_even_when_it_strips_comments(name: str, asked: str, command: str) -> None:
    said = written([done("a", name, asked, Check("validate", command, 0))])
    stripped = subprocess.run(["git", "stripspace", "--strip-comments"], input=said.encode(), capture_output=True,
                              check=True, cwd="/").stdout.decode()  # fmt: skip
    assert stripped == said
    parsed = subprocess.run(["git", "interpret-trailers", "--parse"], input=said.encode(), capture_output=True,
                            check=True, cwd="/").stdout.decode()  # fmt: skip
    assert parsed == "Task: a of 2026-11-20\n"
    assert not set(said) & set("\x00\x1b\r\u2028") and len(said.split("\n", 1)[0]) <= 72
