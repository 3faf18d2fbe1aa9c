"""The desk: what the person finds, and what of theirs reaches the Orchestrator."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayshift import records
from dayshift.conversation import Question
from dayshift.events import Answered, Event
from dayshift.home import Home
from dayshift.limits import PlanWindow
from dayshift.mailbox import inbox
from dayshift.mailbox.status import TaskSpend, read_plan
from dayshift.model import Day, Record, Tokens
from dayshift.money import from_usd
from dayshift.repository import git
from dayshift.states import Done, Running, Waiting
from desk import Desk, keep_plan
from tests.house import NINE, SECOND, TODAY, FakeClock, question, record, task
from tests.test_files import NASTY


class Office:
    """A desk in a home of its own, with what it said and what it handed in."""

    def __init__(self, folder: Path) -> None:
        self.home, self.clock = Home(folder), FakeClock()
        self.home.make_folders()
        self.said: list[str] = []
        self.events: list[Event] = []
        self.spent, self.reserved = "0", "0"
        self.desk = self.anew()

    def anew(self) -> Desk:
        """The desk of the next daemon."""
        return Desk(self.home, self.clock, self.spend, self.said.append)

    def spend(self, record: Record) -> TaskSpend:
        return TaskSpend(from_usd(self.spent), from_usd(self.reserved), record.task.max_cost, Tokens(), 0, 0)

    def status(self, task_id: str = "a") -> dict[str, Any]:
        status: dict[str, Any] = json.loads((self.home.status / f"{task_id}.json").read_bytes())
        return status

    def looks(self, *known: Record) -> list[Answered]:
        """What the desk hands in when it looks for answers."""
        self.events.clear()
        self.desk.look_for_answers(known, self.events.append)
        return [event for event in self.events if isinstance(event, Answered)]

    def file(self, name: str) -> Path:
        return self.home.questions / name


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "home")


def waiting(asked: Question) -> Record:
    return record(Waiting(NINE, asked.number), asked.task_id, questions=(asked,))


# --- records and status -----------------------------------------------------------------------------


def test_a_record_is_durable_and_its_status_shown(office: Office) -> None:
    kept = record(Running(NINE, 1))
    office.desk.save(kept, "editing list.py")
    assert records.load_all(office.home) == ({"a": kept}, [])
    assert (office.status()["state"], office.status()["activity"]) == ("running", "editing list.py")


def test_a_status_is_written_anew_only_when_something_but_the_time_changed(office: Office) -> None:
    running = record(Running(NINE, 1))
    office.desk.save(running, "reading")
    written = (office.home.status / "a.json").stat().st_ino
    office.clock.time += SECOND
    office.desk.refresh([running], {"a": "reading"})
    assert (office.home.status / "a.json").stat().st_ino == written
    office.spent = "0.25"
    office.desk.refresh([running], {"a": "writing"})
    assert (office.status()["cost_usd"], office.status()["activity"]) == ("0.25", "writing")
    assert office.status()["updated_at"] == "2026-11-20T09:00:01Z"


def test_the_status_of_an_ended_task_stays_and_is_shown_once_by_the_next_daemon(office: Office) -> None:
    done = record(Done(NINE))
    office.desk.save(done, "")
    office.spent = "9"
    office.desk.refresh([done], {})
    assert office.status()["cost_usd"] == "0.00"
    office.anew().refresh([done], {})
    assert office.status()["cost_usd"] == "9.00"


def test_the_status_of_an_ended_task_shows_the_answer_that_is_booked_only_later(office: Office) -> None:
    done = record(Done(NINE))
    office.reserved = "0.40"
    office.desk.save(done, "")
    office.desk.refresh([done], {})
    assert (office.status()["cost_usd"], office.status()["reserved_usd"]) == ("0.00", "0.40")
    office.spent, office.reserved = "0.03", "0"
    office.desk.refresh([done], {})
    assert (office.status()["cost_usd"], office.status()["reserved_usd"]) == ("0.03", "0.00")


# --- questions --------------------------------------------------------------------------------------


def test_a_question_is_put_into_its_file_and_said_with_its_options_and_how_to_answer(office: Office) -> None:
    office.desk.ask(question(options=("20", "50")))
    assert "Which page size?" in office.file("a.md").read_text()
    assert office.said == ["a asks: Which page size?\n    1. 20\n    2. 50\n    answer with: dayshift answer a"]


def test_an_answer_given_while_no_daemon_ran_is_taken_by_the_next_one(office: Office) -> None:
    asked = question(2)
    office.desk.ask(asked)
    office.file("a-answer.md").write_text("50\n")
    office.desk = office.anew()
    office.desk.ask(asked)
    [answered] = office.looks(waiting(asked))
    assert (answered.answer.text, answered.answer.number) == ("50", 2)


def test_notes_the_person_made_in_the_question_do_not_cost_them_their_answer(office: Office) -> None:
    asked = question()
    office.desk.ask(asked)
    with office.file("a.md").open("a") as file:
        file.write("I wonder.\n")
    office.file("a-answer.md").write_text("50\n")
    office.anew().ask(asked)
    assert office.file("a.md").read_text().endswith("I wonder.\n")
    assert len(office.looks(waiting(asked))) == 1


def test_the_next_question_is_not_answered_by_what_was_said_to_the_last_one(office: Office) -> None:
    first, second = question(1), replace(question(2), text="Which order?")
    office.desk.ask(first)
    office.file("a-answer.md").write_text("50\n")
    office.desk.ask(second)
    assert "Which order?" in office.file("a.md").read_text()
    assert office.looks(waiting(second)) == []


@pytest.mark.parametrize("make", [make for make, _ in NASTY.values()], ids=NASTY)
def test_whatever_lies_in_a_questions_place_gives_way(office: Office, make: Callable[[Path], object]) -> None:
    make(office.file("a.md"))
    office.desk.ask(question())
    assert "Which page size?" in office.file("a.md").read_text()


def test_a_closed_question_lies_there_no_more(office: Office) -> None:
    office.desk.ask(question())
    office.desk.close_question(question(), waiting(question()))
    assert [path.name for path in office.home.questions.iterdir()] == ["archive"]


# --- answers ----------------------------------------------------------------------------------------


def test_an_answer_is_handed_in_with_its_door_until_it_is_taken(office: Office) -> None:
    asked = question(options=("20", "50"))
    office.desk.ask(asked)
    assert office.looks(waiting(asked)) == []
    office.file("a-answer.md").write_text("2\n")
    for _ in range(2):
        [answered] = office.looks(waiting(asked))
        assert (answered.answer.text, answered.answer.by) == ("50", "file")
        assert office.looks(waiting(asked)) == []  # it is on its way
        office.clock.time += 5 * SECOND


def test_only_who_waits_is_answered(office: Office) -> None:
    office.file("a-answer.md").write_text("50\n")
    assert office.looks(record(Running(NINE, 1), questions=(question(),)), record(Done(NINE), "b")) == []


def test_an_answer_that_is_none_is_complained_of_once_and_can_be_mended(office: Office) -> None:
    asked = question(options=("20", "50"))
    office.desk.ask(asked)
    office.said.clear()
    path = office.file("a-answer.md")
    path.write_text("3\n")
    assert office.looks(waiting(asked)) + office.looks(waiting(asked)) == []
    path.write_text("4\n")
    assert office.looks(waiting(asked)) == []
    assert office.said == [
        "not accepted: the answer to a is 3, but the options go from 1 to 2",
        "not accepted: the answer to a is 4, but the options go from 1 to 2",
    ]
    path.write_text("1\n")
    assert [each.answer.text for each in office.looks(waiting(asked))] == ["20"]


@pytest.mark.parametrize(("make", "why"), NASTY.values(), ids=NASTY)
def test_no_file_in_an_answers_place_does_more_than_be_complained_of(
    office: Office, make: Callable[[Path], object], why: str
) -> None:
    make(office.file("a-answer.md"))
    assert office.looks(waiting(question()), waiting(question(task_id="b"))) == []
    assert len(office.said) == 1
    assert f"not accepted: a-answer.md {why}" in office.said[0]


def test_one_bad_answer_does_not_keep_another_tasks_good_one_waiting(office: Office) -> None:
    office.file("a-answer.md").mkdir()
    office.file("b-answer.md").write_text("50\n")
    [answered] = office.looks(waiting(question()), waiting(question(task_id="b")))
    assert answered.answer.task_id == "b"


# --- replies and the day ----------------------------------------------------------------------------


def test_a_reply_reaches_the_command_that_waits_and_the_screen(office: Office) -> None:
    name = inbox.submit(office.home, {"kind": "order"})
    office.desk.reply(name, ["a: pause", "b is done; there is nothing to pause"], ok=True)
    assert inbox.reply(office.home, name, 1) == (True, ["a: pause", "b is done; there is nothing to pause"])
    assert office.said == ["a: pause", "b is done; there is nothing to pause"]


def test_what_nobody_waits_for_is_only_said(office: Office) -> None:
    office.desk.reply(None, ["2 tasks taken in"], ok=True)
    assert (office.said, list(office.home.inbox.iterdir())) == (["2 tasks taken in"], [])


@pytest.mark.parametrize("dirty", [False, True])
def test_the_day_is_remembered_with_whether_the_persons_tree_was_dirty(
    office: Office, project: git.Repository, dirty: bool
) -> None:
    if dirty:
        (project.work_tree / "README.md").write_text("open")
    day = Day(TODAY, str(project.work_tree / "src"), (task("a"),), from_usd("50"), "tasks/today.yaml")
    assert records.kept_day(office.home, rehearsal=False) == (None, False)
    office.desk.keep_day(day)
    assert records.kept_day(office.home, rehearsal=False) == (replace(day, tasks=()), dirty)
    assert records.kept_day(office.home, rehearsal=True) == (None, False)


def test_of_the_plan_the_latest_word_on_each_window_is_kept(office: Office) -> None:
    keep_plan(office.home, [PlanWindow("five_hour", 10, "allowed", None), PlanWindow("overage", 1, "", None)], NINE)
    keep_plan(office.home, [PlanWindow("five_hour", 995, "allowed_warning", NINE)], NINE + SECOND)
    assert [(each["window"], each["used_percent"], each["read_at"]) for each in read_plan(office.home)] == [
        ("five_hour", "99.5", "2026-11-20T09:00:01Z"), ("overage", "0.1", "2026-11-20T09:00:00Z")
    ]  # fmt: skip
