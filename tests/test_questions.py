"""The mailbox: what is asked, what counts as an answer, what is kept."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dayshift import files
from dayshift.conversation import Question
from dayshift.home import Home
from dayshift.mailbox import questions
from dayshift.mailbox.questions import Mailbox, Rejected, chosen
from dayshift.mailbox.unfinished import SETTLE_SECONDS
from tests.house import NINE, question
from tests.test_files import NASTY

OPTIONS = ("20", "as many as fit", "ask me again")
CHOICE = question(options=OPTIONS)
FREE = question()


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    home = Home(tmp_path)
    home.make_folders()
    return Mailbox(home)


def lying_about(mailbox: Mailbox) -> dict[str, str]:
    """Every file of the mailbox that is not hidden, with its text."""
    root = mailbox.home.questions
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("[!.]*") if path.is_file()}


def answer_to(mailbox: Mailbox, asked: Question) -> str | None:
    answer = mailbox.read_answer(asked, "file", NINE)
    return answer.text if answer else None


# --- asked ------------------------------------------------------------------------------------------


def test_a_question_lies_there_for_programs_and_for_the_person(mailbox: Mailbox) -> None:
    mailbox.publish(question(2, options=("twenty: per page", "50", "- none")))
    _, front, text = mailbox.question_file("a").read_text().split("---\n", 2)
    assert yaml.safe_load(front) == {
        "task": "a", "question": 2, "asked_at": "2026-11-20T09:00:00Z", "options": ["twenty: per page", "50", "- none"],
    }  # fmt: skip
    assert text == (
        "\nWhich page size?\n\n1. twenty: per page\n2. 50\n3. - none\n\n"
        "Answer in `a-answer.md` beside this file, in words or by an option's number.\n"
    )


def test_a_question_without_options_asks_for_words(mailbox: Mailbox) -> None:
    mailbox.publish(FREE)
    assert mailbox.question_file("a").read_text().endswith("\n\nAnswer in `a-answer.md` beside this file.\n")


def test_a_question_that_looks_like_front_matter_does_not_become_it(mailbox: Mailbox) -> None:
    mailbox.publish(Question("a", 1, "---\nquestion: 7\n---\nhalf \ud83d", NINE))
    assert mailbox.lies_open(question(1))
    assert not mailbox.lies_open(question(7))


def test_an_answer_from_before_the_question_is_set_aside_not_taken_and_not_lost(mailbox: Mailbox) -> None:
    mailbox.answer_file("a").write_text("an answer to the one before\n")
    mailbox.publish(question(2))
    assert answer_to(mailbox, question(2)) is None
    assert lying_about(mailbox)["archive/a-before-2-answer.md"] == "an answer to the one before\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda path: None,
        lambda path: path.write_text(path.read_text() + "\nmy notes\n"),
        lambda path: path.write_text(path.read_text().replace("Which", "What")),
    ],
    ids=["as published", "with notes", "edited"],
)
def test_a_question_lies_open_though_the_person_wrote_in_its_file(
    mailbox: Mailbox, change: Callable[[Path], None]
) -> None:
    mailbox.publish(question(2))
    change(mailbox.question_file("a"))
    assert mailbox.lies_open(question(2))
    assert not mailbox.lies_open(question(1))


@pytest.mark.parametrize("make", [make for make, _ in NASTY.values()], ids=NASTY)
def test_what_is_no_file_is_no_open_question(mailbox: Mailbox, make: Callable[[Path], object]) -> None:
    assert not mailbox.lies_open(FREE)
    make(mailbox.question_file("a"))
    assert not mailbox.lies_open(FREE)


# --- answered ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("use 50\n", "use 50"),
        ("\ufeffuse 50\r\n", "use 50"),
        ("\n\n  two\nlines  \n\n", "two\nlines"),
        ("2\n", "2"),
        ("ümlaut ✓\n", "ümlaut ✓"),
    ],
)
def test_words_are_the_answer(mailbox: Mailbox, text: str, answer: str) -> None:
    mailbox.answer_file("a").write_text(text, encoding="utf-8", newline="")
    assert answer_to(mailbox, FREE) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [("1", "20"), ("2\n", "as many as fit"), (" 3 ", "ask me again"), ("20", "20"), ("30 of them", "30 of them")],
)
def test_an_option_is_chosen_by_number_or_by_name(text: str, answer: str) -> None:
    assert chosen(CHOICE, text) == answer


def test_an_option_whose_name_is_another_ones_number_is_chosen_by_name() -> None:
    assert chosen(question(options=("2", "4")), "2") == "2"


@pytest.mark.parametrize("text", ["0", "4", "007", "50", "9" * 5000, "٣"])
def test_a_number_that_stands_for_no_option_is_rejected(text: str) -> None:
    with pytest.raises(Rejected, match="the options go from 1 to 3") as rejection:
        chosen(CHOICE, text)
    assert len(str(rejection.value)) < 120


@pytest.mark.parametrize("text", ["", "\n", " \t\r\n\n"])
def test_an_empty_answer_is_rejected_with_where_to_write(text: str) -> None:
    with pytest.raises(Rejected, match=r"the answer to a is empty; write it into agent_questions/a-answer\.md"):
        chosen(FREE, text)


@pytest.mark.parametrize(("make", "why"), NASTY.values(), ids=NASTY)
def test_an_answer_file_that_is_no_text_is_rejected_with_the_cure(
    mailbox: Mailbox, make: Callable[[Path], object], why: str
) -> None:
    make(mailbox.answer_file("a"))
    with pytest.raises(Rejected) as rejection:
        answer_to(mailbox, FREE)
    assert f"a-answer.md {why}" in str(rejection.value)
    assert str(rejection.value).endswith("write plain text into agent_questions/a-answer.md")


def test_no_file_is_no_answer_yet(mailbox: Mailbox) -> None:
    assert answer_to(mailbox, FREE) is None


@pytest.mark.parametrize("text", ["", "use 5", "use 50\nand so"])
def test_a_file_that_may_still_be_written_is_waited_for(mailbox: Mailbox, text: str) -> None:
    path = mailbox.answer_file("a")
    path.write_text(text)
    assert answer_to(mailbox, FREE) is None
    os.utime(path, (0, time.time() - SETTLE_SECONDS))
    if text:
        assert answer_to(mailbox, FREE) == text
    else:
        with pytest.raises(Rejected, match="empty"):
            answer_to(mailbox, FREE)


def test_a_file_with_its_last_newline_is_whole_at_once(mailbox: Mailbox) -> None:
    mailbox.answer_file("a").write_text("use 50\n")
    assert answer_to(mailbox, FREE) == "use 50"


def test_the_first_of_several_doors_wins_and_is_named(mailbox: Mailbox) -> None:
    mailbox.publish(FREE)
    assert mailbox.submit("a", "50", by="command")
    assert not mailbox.submit("a", "100", by="telegram")
    assert (answer_to(mailbox, FREE), mailbox.door("a")) == ("50", "command")


def test_an_answer_written_by_hand_came_by_file(mailbox: Mailbox) -> None:
    mailbox.answer_file("a").write_text("50\n")
    assert not mailbox.submit("a", "100", by="command")
    assert (answer_to(mailbox, FREE), mailbox.door("a")) == ("50", "file")


# --- kept -------------------------------------------------------------------------------------------


def test_question_and_answer_are_archived_under_the_questions_number(mailbox: Mailbox) -> None:
    mailbox.publish(FREE)
    mailbox.submit("a", "50", by="command")
    mailbox.archive(FREE)
    kept = lying_about(mailbox)
    assert sorted(kept) == ["archive/a-1-answer.md", "archive/a-1.md"]
    assert kept["archive/a-1-answer.md"] == "50\n"
    assert mailbox.door("a") == "file"


def test_an_answer_is_archived_beside_its_own_question_when_an_id_is_used_again(mailbox: Mailbox) -> None:
    mailbox.publish(FREE)
    mailbox.archive(FREE)  # cancelled: nobody answered
    mailbox.publish(FREE)
    mailbox.submit("a", "50", by="command")
    mailbox.archive(FREE)
    kept = lying_about(mailbox)
    assert sorted(kept) == ["archive/a-1-answer.2.md", "archive/a-1.2.md", "archive/a-1.md"]


def test_an_archiving_cut_short_between_the_two_files_goes_on_with_the_answer(mailbox: Mailbox) -> None:
    mailbox.publish(FREE)
    mailbox.submit("a", "50", by="command")
    (mailbox.home.questions / "archive").mkdir(exist_ok=True)
    mailbox.question_file("a").rename(mailbox.home.questions / "archive" / "a-1.md")  # here it died
    mailbox.archive(FREE)
    assert sorted(lying_about(mailbox)) == ["archive/a-1-answer.md", "archive/a-1.md"]


def test_what_is_archived_is_never_overwritten(mailbox: Mailbox) -> None:
    for text in ("monday", "tuesday", "wednesday"):
        mailbox.publish(FREE)
        mailbox.submit("a", text, by="command")
        mailbox.archive(FREE)
    kept = {name: text for name, text in lying_about(mailbox).items() if "answer" in name}
    assert kept == {
        "archive/a-1-answer.md": "monday\n",
        "archive/a-1-answer.2.md": "tuesday\n",
        "archive/a-1-answer.3.md": "wednesday\n",
    }


@pytest.mark.parametrize("make", [make for make, _ in NASTY.values()], ids=NASTY)
def test_whatever_lies_in_an_answers_place_is_set_aside_unread(
    mailbox: Mailbox, make: Callable[[Path], object]
) -> None:
    make(mailbox.answer_file("a"))
    mailbox.publish(FREE)
    assert not os.path.lexists(mailbox.answer_file("a"))
    assert os.path.lexists(mailbox.home.questions / "archive" / "a-before-1-answer.md")


def test_archiving_without_files_and_folder_does_no_harm(mailbox: Mailbox) -> None:
    shutil.rmtree(mailbox.home.questions / "archive")
    mailbox.archive(FREE)
    assert lying_about(mailbox) == {}


# --- what an agent leaves ---------------------------------------------------------------------------


@pytest.fixture
def io(tmp_path: Path) -> Path:
    folder = tmp_path / "io"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("text", "asked"), [("Which one?\n", "Which one?"), ("", None), (" \n\t\n", None), ("ü ✓", "ü ✓")]
)
def test_an_agents_question_is_its_words(io: Path, text: str, asked: str | None) -> None:
    (io / "question.md").write_text(text, encoding="utf-8")
    assert questions.read_from_agent(io) == asked


def test_an_agent_that_left_nothing_asks_nothing(io: Path) -> None:
    assert questions.read_from_agent(io) is None
    assert questions.read_from_agent(io / "absent") is None


@pytest.mark.parametrize(("make", "why"), NASTY.values(), ids=NASTY)
def test_a_question_that_cannot_be_read_reaches_the_person_as_that(
    io: Path, make: Callable[[Path], object], why: str
) -> None:
    make(io / "question.md")
    asked = questions.read_from_agent(io)
    assert asked and asked.startswith("(The agent left a question that cannot be read: question.md ")
    assert why.replace("256", "16") in asked


@pytest.mark.parametrize("make", [Path.touch, *(make for make, _ in NASTY.values())], ids=["file", *NASTY])
def test_whatever_an_agent_made_of_its_question_is_taken_away(io: Path, make: Callable[[Path], object]) -> None:
    make(io / "question.md")
    questions.clear_from_agent(io)
    assert list(io.iterdir()) == []
    questions.clear_from_agent(io)


def test_a_full_folder_in_the_questions_place_is_taken_away(io: Path) -> None:
    (io / "question.md" / "deep").mkdir(parents=True)
    questions.clear_from_agent(io)
    assert list(io.iterdir()) == []


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_text("the person's own")], ids=["folder", "file"])
def test_a_folder_an_agent_linked_elsewhere_is_neither_read_nor_cleared(
    io: Path, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    (tmp_path / "docs").mkdir()
    make(tmp_path / "docs" / "question.md")
    io.rmdir()
    io.symlink_to(tmp_path / "docs")
    assert "io is a link" in (questions.read_from_agent(io) or "")
    questions.clear_from_agent(io)
    assert (tmp_path / "docs" / "question.md").exists()
    assert not io.is_symlink()
    assert list(io.iterdir()) == []


def test_an_agents_question_is_limited(io: Path) -> None:
    (io / "question.md").write_text("x" * 16 * 1024)
    assert questions.read_from_agent(io) == "x" * 16 * 1024
    (io / "question.md").write_text("x" * (16 * 1024 + 1))
    assert "larger than 16 KiB" in (questions.read_from_agent(io) or "")
    assert files.SIZE_LIMIT > 16 * 1024
