"""feedback/<date>.md: prepared once, added to at its end, read whatever is there."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from dayshift import files, records
from dayshift.day_facts import SpendRow
from dayshift.home import Home
from dayshift.learning import feedback_files
from dayshift.model import Tokens
from dayshift.reporting import archive
from dayshift.states import Done
from tests import day_examples
from tests.command_line import DAY, NOON, add

NAME = "2026-11-20.md"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    add(home, "task-001", Done(NOON))
    return home


def written(home: Home, text: str | bytes, name: str = NAME) -> Path:
    path = home.feedback / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# --- preparing ---------------------------------------------------------------------------------------


def test_a_prepared_file_is_the_same_for_the_same_day_and_says_nothing_yet(home: Home) -> None:
    path = feedback_files.prepare(home, DAY)
    first = path.read_bytes()
    path.unlink()
    assert (feedback_files.prepare(home, DAY).read_bytes(), path) == (first, home.feedback / NAME)
    assert b"## task-001 \xc2\xb7 Name of task-001\n" in first
    found = feedback_files.read_day(home, DAY)
    assert found is not None and found.empty


@pytest.mark.parametrize(
    "text", ["Task 1: 4/5", "all of task-001 was fine\n", "Name of task-001:\r\n4\r\n", "<!-- task-001 -->"]
)
def test_a_file_that_names_every_task_is_left_as_it_is(home: Home, text: str) -> None:
    path = written(home, text)
    feedback_files.prepare(home, DAY)
    assert path.read_bytes() == text.encode()


@pytest.mark.parametrize(
    "text", ["", "4/5, no newline", "a line\n", "# Mine\r\n\r\ntabs\t\r\n", "```\nopen", "<!-- open"]
)
def test_tasks_that_came_since_are_added_below_all_that_is_there(home: Home, text: str) -> None:
    path = written(home, text)
    before = feedback_files.read_day(home, DAY)
    feedback_files.prepare(home, DAY)
    after = path.read_bytes()
    assert after.startswith(text.encode()) and after.count(b"## task-001 ") == 1
    assert after.count(b"\r\n") == (after.count(b"\n") if "\r\n" in text else 0)
    feedback_files.prepare(home, DAY)
    assert path.read_bytes() == after
    assert feedback_files.read_day(home, DAY) == before


def test_a_section_that_was_deleted_does_not_come_back(home: Home) -> None:
    add(home, "task-002", Done(NOON))
    path = feedback_files.prepare(home, DAY)
    text = path.read_text()
    begin, end = text.index("## task-002"), text.index("## The day")
    written(home, text[:begin] + text[end:])
    assert "## task-002" not in feedback_files.prepare(home, DAY).read_text()


def test_a_task_added_later_can_be_written_about(home: Home) -> None:
    path = feedback_files.prepare(home, DAY)
    add(home, "task-002", Done(NOON))
    text = feedback_files.prepare(home, DAY).read_text()
    assert text.index("## The day") < text.index("added later: task-002.") < text.index("## task-002")
    written(home, text.replace("Rating (1-5):", "Rating (1-5): 5"))
    assert feedback_files.ratings(home) == {(DAY, "task-001"): 5, (DAY, "task-002"): 5}
    assert path.name == NAME


def test_a_link_of_the_persons_own_is_written_through_and_stays_one(home: Home, tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("Mine.\n")
    (home.feedback / NAME).symlink_to(notes)
    feedback_files.prepare(home, DAY)
    assert (home.feedback / NAME).is_symlink() and notes.read_text().startswith("Mine.\n\n<!-- added later: task-001.")


@pytest.mark.parametrize("data", ["Täsk".encode("utf-16"), b"x" * (files.SIZE_LIMIT + 1)], ids=["wide", "too long"])
def test_what_no_section_can_be_added_to_is_left_as_it_is(home: Home, data: bytes) -> None:
    path = written(home, data)
    feedback_files.prepare(home, DAY)
    assert path.read_bytes() == data


# --- reading -----------------------------------------------------------------------------------------


def test_every_day_is_read_with_its_own_tasks_also_when_an_id_is_used_again(home: Home) -> None:
    first = add(home, "task-001", Done(NOON))
    records.put_by(home, first)
    later = DAY + timedelta(days=1)
    records.save(home, replace(first, day=later, created_at=NOON + timedelta(days=1)))
    written(home, "task-001: 2\n")
    written(home, "task-001: 5\n", f"{later}.md")
    written(home, "task-001: 1\n", "2026-11-19.md")
    written(home, "task-001: 1\n", "2026-19-33.md")
    written(home, "task-001: 1\n", "notes.md")
    assert [each.day for each in feedback_files.read_all(home)] == [date(2026, 11, 19), DAY, later]
    assert feedback_files.ratings(home) == {(DAY, "task-001"): 2, (later, "task-001"): 5}


@pytest.mark.parametrize(
    "data",
    [b"\xef\xbb\xbftask-001: 3\n", "task-001: 3".encode("utf-16"), b"task-001: 3\n\n\xff\xfe\x00 na\xefve\n"],
    ids=["marked", "wide", "torn"],
)
def test_any_encoding_is_read(home: Home, data: bytes) -> None:
    written(home, data)
    assert feedback_files.ratings(home) == {(DAY, "task-001"): 3}


def test_a_rule_of_an_older_editor_keeps_its_letters(home: Home) -> None:
    written(home, "Rule: Grüße prüfen.\n".encode("latin-1") + "Rule: Straße prüfen.\n".encode())
    (found,) = feedback_files.read_all(home)
    (task,) = found.tasks
    assert [each.text for each in task.rules] == ["Grüße prüfen.", "Straße prüfen."]


def test_of_a_file_that_is_too_long_the_beginning_is_read_and_this_is_said(home: Home) -> None:
    written(home, "task-001: 3\n\n" + "x" * files.SIZE_LIMIT)
    (found,) = feedback_files.read_all(home)
    assert found.tasks[0].rating == 3
    assert [(each.line, each.why) for each in found.not_understood] == [
        (3, "only the first 256 KiB of the file are read")
    ]


def broken(path: Path) -> None:
    path.symlink_to("nowhere")


def unreadable(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [broken, unreadable, Path.mkdir, os.mkfifo])
def test_what_cannot_be_read_is_said_and_harms_nothing(home: Home, make: Callable[[Path], None]) -> None:
    make(home.feedback / NAME)
    written(home, "task-001: 3\n", "2026-11-21.md")
    first, second = feedback_files.read_all(home)
    assert (first.not_understood[0].text, second.file) == (
        "feedback/2026-11-20.md cannot be read",
        "feedback/2026-11-21.md",
    )
    assert first.not_understood[0].why and feedback_files.ratings(home) == {}
    with pytest.raises(OSError):
        feedback_files.prepare(home, DAY)


def test_a_day_without_a_file_has_no_feedback(home: Home) -> None:
    assert (feedback_files.read_day(home, DAY), feedback_files.read_all(home)) == (None, ())


def test_the_evidence_shows_what_the_day_has_cost_as_far_as_it_is_known(home: Home) -> None:
    row = SpendRow("task-001", 3, Tokens(), 15 * 10**11, 0)
    archive.keep(home, replace(day_examples.empty(), by_task=(row,), date=DAY))
    text = feedback_files.prepare(home, DAY).read_text()
    assert "<!-- evidence: done · no validations · $1.50 · not reviewed -->" in text
