"""The facts of a day: kept as they are, read again whatever became of their tasks, and never in the way."""

import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayshift import files, records
from dayshift.day_facts import DayFacts
from dayshift.home import Home
from dayshift.model import Record
from dayshift.reporting import archive
from dayshift.reporting.report import render_markdown
from dayshift.states import Done, Failed, State
from tests import day_examples
from tests.day_examples import DAY, NINE, finished, record
from tests.test_records import EVERY_STATE, RECORDS

LATER = NINE + timedelta(hours=9)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.make_folders()
    return home


def a_day(*known: Record, rehearsal: bool = False) -> DayFacts:
    return replace(day_examples.empty(), records=known, rehearsal=rehearsal)


def there_and_back(home: Home, facts: DayFacts) -> DayFacts | None:
    archive.keep(home, facts)
    return archive.read(home, facts.date, facts.rehearsal)


def reviews(home: Home) -> list[str]:
    facts = archive.read(home, DAY, rehearsal=False)
    return [each.review for each in facts.records] if facts else []


# --- as it was -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", day_examples.DAYS)
def test_a_day_comes_back_as_it_was_and_so_does_its_report(home: Home, name: str) -> None:
    facts = day_examples.DAYS[name]()
    back = there_and_back(home, facts)
    assert back is not None
    assert render_markdown(back) == render_markdown(facts)
    assert back == facts


@settings(max_examples=25)
@given(RECORDS)
def test_every_record_is_kept_as_it_is_kept_elsewhere(kept: Record) -> None:
    assert archive.to_json(a_day(kept))["records"] == [records.to_json(kept)]


@pytest.mark.parametrize("state", EVERY_STATE, ids=lambda state: state.name)
def test_every_state_comes_back_as_it_was(home: Home, state: State) -> None:
    back = there_and_back(home, a_day(record("task-1", state)))
    assert back is not None
    assert back.records[0].state == state


def test_a_rehearsal_and_a_real_day_of_one_date_are_two(home: Home) -> None:
    archive.keep(home, a_day(finished("real", "x")))
    archive.keep(home, a_day(finished("tried", "x"), rehearsal=True))
    archive.keep(home, replace(a_day(), date=date(2026, 11, 18)))
    for rehearsal, name in ((False, "real"), (True, "tried")):
        facts = archive.read(home, DAY, rehearsal)
        assert facts is not None
        assert [each.id for each in facts.records] == [name]
    assert archive.days(home) == [date(2026, 11, 18), DAY]
    assert archive.days(home, rehearsal=True) == [DAY]


def test_forty_tasks_are_read_at_once(home: Home) -> None:
    facts = day_examples.forty()
    archive.keep(home, facts)
    for each in facts.records:
        records.save(home, each)
    assert min(seconds_to_read(home) for _ in range(4)) < 0.1


def seconds_to_read(home: Home) -> float:
    begin = time.process_time()
    archive.read(home, DAY, rehearsal=False)
    return time.process_time() - begin


# --- as it is now ----------------------------------------------------------------------------------


def test_what_the_person_said_since_is_told(home: Home) -> None:
    kept = finished("task-1", "x")
    archive.keep(home, a_day(kept))
    said: dict[str, Any] = {"review": "accepted", "review_reason": "fine", "reviewed_at": LATER, "branch": "paging"}
    records.save(home, replace(kept, **said))
    facts = archive.read(home, DAY, rehearsal=False)
    assert facts is not None
    assert facts.records == (replace(kept, **said),)


def test_all_else_is_told_as_it_was_on_that_day(home: Home) -> None:
    kept = record("task-1", Failed(NINE, "red"))
    archive.keep(home, a_day(kept))
    records.save(home, replace(kept, state=Done(LATER), claim="since", attempt=2, review="accepted"))
    facts = archive.read(home, DAY, rehearsal=False)
    assert facts is not None
    assert facts.records == (replace(kept, review="accepted"),)


def test_an_id_that_stands_for_other_work_now_takes_nothing_from_it(home: Home) -> None:
    kept = finished("task-1", "x")
    archive.keep(home, a_day(kept))
    records.put_by(home, replace(kept, review="accepted"))
    tomorrow = replace(kept, day=DAY + timedelta(days=1), created_at=LATER, review="rejected")
    records.save(home, tomorrow)
    assert reviews(home) == ["accepted"]
    records.put_by(home, tomorrow)
    records.save(home, replace(kept, created_at=LATER + timedelta(hours=1), review="rejected"))  # and on that day again
    assert reviews(home) == ["accepted"]


def test_a_task_that_went_on_on_another_day_is_told_as_it_was_on_this_one(home: Home) -> None:
    kept = record("task-1", Failed(NINE, "red"))
    archive.keep(home, a_day(kept))
    records.put_by(home, kept)
    task = replace(kept.task, continues=DAY)
    records.save(home, replace(kept, task=task, day=DAY + timedelta(days=1), state=Done(LATER), review="accepted"))
    facts = archive.read(home, DAY, rehearsal=False)
    assert facts is not None
    assert facts.records == (kept,)


def test_a_task_whose_record_was_cleaned_away_keeps_its_review(home: Home) -> None:
    kept = finished("task-1", "x")
    archive.keep(home, a_day(kept))
    records.put_by(home, replace(kept, review="rejected"))
    records.remove(home, "task-1")
    assert reviews(home) == ["rejected"]
    for path in home.history.rglob("*.json"):
        path.unlink()
    assert reviews(home) == ["pending"]


def test_a_rehearsed_task_takes_no_review_of_a_real_one(home: Home) -> None:
    kept = finished("task-1", "x")
    archive.keep(home, a_day(replace(kept, rehearsal=True), rehearsal=True))
    records.save(home, replace(kept, review="accepted"))
    facts = archive.read(home, DAY, rehearsal=True)
    assert facts is not None
    assert facts.records[0].review == "pending"


# --- what cannot be read ---------------------------------------------------------------------------


def kept_json(home: Home) -> dict[str, Any]:
    archive.keep(home, day_examples.everything())
    content: dict[str, Any] = files.read_facts(home.facts(DAY, False))
    return content


def test_what_a_later_version_has_more_is_passed_over(home: Home) -> None:
    content = kept_json(home)
    content |= {"weather": "fine"}
    content["tomorrow"]["moon"] = content["records"][0]["mood"] = content["by_task"][0]["hue"] = {"new": True}
    files.write_json(home.facts(DAY, False), content)
    assert archive.read(home, DAY, rehearsal=False) == day_examples.everything()


def test_what_an_earlier_version_did_not_have_yet_is_empty(home: Home) -> None:
    content = kept_json(home)
    for name in ("course", "stretches", "estimates", "overlaps", "tomorrow", "overruns", "steering"):
        del content[name]
    for each in content["records"]:
        del each["branch"], each["lessons"], each["task"]["kind"], each["task"]["continues"]
    files.write_json(home.facts(DAY, False), content)
    facts = archive.read(home, DAY, rehearsal=False)
    assert facts is not None
    assert (facts.course, facts.estimates, facts.tomorrow) == ((), {}, None)
    assert "# Report for 2026-11-20" in render_markdown(facts)


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b"[1]", b"1", b'"x"', b"null", b"{}", b'{"records": 1}', b'{"records": [1]}', b"\xff\xfe\x00",
])  # fmt: skip
def test_a_file_that_holds_no_facts_is_none(home: Home, content: bytes) -> None:
    home.facts(DAY, False).write_bytes(content)
    assert archive.read(home, DAY, rehearsal=False) is None


@settings(max_examples=25)
@given(cut=st.integers(0, 400_000))
def test_a_torn_file_is_none(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    home = Home(tmp_path_factory.getbasetemp() / "torn")
    home.make_folders()
    archive.keep(home, day_examples.waiting())
    path = home.facts(DAY, False)
    whole = path.read_bytes()
    path.write_bytes(whole[: cut % (len(whole) - 2)])
    assert archive.read(home, DAY, rehearsal=False) is None


JUNK = st.sampled_from([None, 1, -1.5, "x", [], [1], {}, {"state": 1}, True])


@given(st.sampled_from(["state", "task", "findings", "questions", "created_at", "day", "blocked", "checks"]), JUNK)
def test_a_record_that_is_none_costs_the_facts_and_no_more(name: str, junk: Any) -> None:
    content = archive.to_json(day_examples.waiting())
    content["records"][0][name] = junk
    try:
        archive.from_json(content)
    except ValueError as error:
        assert str(error).startswith("not the facts of a day")


def test_facts_that_lie_under_another_day_are_not_that_day_s(home: Home) -> None:
    archive.keep(home, day_examples.waiting())
    home.facts(DAY, False).rename(home.facts(date(2026, 11, 21), False))
    assert archive.read(home, date(2026, 11, 21), rehearsal=False) is None


def test_files_that_are_no_days_are_no_days(home: Home) -> None:
    for name in ("2026-13-45.json", "notes.json", ".2026-11-20.json.4711.tmp", "2026-11-20-old.json"):
        (home.facts(DAY, False).parent / name).write_text("{}")
    assert archive.days(home) == archive.days(home, rehearsal=True) == []
