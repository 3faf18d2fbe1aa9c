"""Records: what is saved comes back the same, and what cannot be read is named."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayshift import records
from dayshift.attempts import Blocked, Bypass, Refused
from dayshift.conversation import Answer, Question
from dayshift.evidence import Check, Finding
from dayshift.home import Home
from dayshift.model import Complexity, Day, Record, Task
from dayshift.states import (
    Cancelled,
    Done,
    Ending,
    Failed,
    Halted,
    Parked,
    ParkReason,
    Queued,
    Running,
    State,
    Verifying,
    Visit,
    Waiting,
)
from tests.house import NINE, record

TEXT = st.text(max_size=20)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
COUNT = st.integers(0, 10**6)
MONEY = st.none() | st.integers(0, 10**18)
SECONDS = st.floats(0, 1e6)
DAY = st.dates(date(2000, 1, 1), date(2100, 1, 1))
MOMENT = st.builds(datetime.combine, DAY, st.times(), st.just(UTC))
IDS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
JSON = st.dictionaries(TEXT, TEXT | COUNT | st.none() | st.booleans() | st.lists(TEXT, max_size=2), max_size=3)
PARKED, ENDING = st.sampled_from(ParkReason), st.none() | st.sampled_from(Ending)

TASKS = st.builds(
    Task, IDS, TEXT, TEXT, TEXT, TEXT, TEXT, st.sampled_from(Complexity), TEXTS, TEXTS, TEXTS, COUNT, MONEY, COUNT,
    TEXTS, COUNT, st.booleans(), st.none() | st.lists(JSON, max_size=2).map(tuple), TEXTS, st.none() | DAY,
)  # fmt: skip
STATES: st.SearchStrategy[State] = st.one_of(
    st.builds(Queued, MOMENT, st.none() | MOMENT),
    st.builds(
        Running,
        MOMENT,
        COUNT,
        st.none() | st.sampled_from(Ending),
        TEXT,
        st.none() | st.sampled_from(ParkReason),
        st.none() | MOMENT,
    ),
    st.builds(Waiting, MOMENT, COUNT),
    st.builds(Parked, MOMENT, PARKED, TEXT, st.none() | MOMENT),
    st.builds(Verifying, MOMENT),
    st.builds(Done, MOMENT),
    st.builds(Failed, MOMENT, TEXT),
    st.builds(Halted, MOMENT, TEXT),
    st.builds(Cancelled, MOMENT, TEXT),
)


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=2).map(tuple)


RECORDS = st.builds(
    Record, TASKS, DAY, TEXT, STATES, MOMENT,
    rehearsal=st.booleans(), attempt=COUNT, runs=COUNT, audited_runs=COUNT,
    session_id=st.none() | TEXT, base=st.none() | TEXT, commit=st.none() | TEXT,
    started_at=st.none() | MOMENT, ended_at=st.none() | MOMENT, active_seconds=SECONDS,
    questions=some(st.builds(Question, IDS, COUNT, TEXT, MOMENT, TEXTS, st.none() | JSON)),
    answers=some(st.builds(Answer, IDS, COUNT, TEXT, TEXT, MOMENT)),
    blocked=some(st.builds(Blocked, MOMENT, TEXT, TEXT, TEXT, TEXT)),
    bypasses=some(st.builds(Bypass, MOMENT, TEXT, TEXT, TEXT, TEXT)),
    refused=some(st.builds(Refused, TEXT, COUNT, TEXT, TEXT, COUNT)),
    checks=some(st.builds(Check, TEXT, TEXT, COUNT, TEXT, SECONDS)),
    findings=some(st.builds(Finding, COUNT, TEXT, st.booleans())),
    layers=TEXTS, claim=TEXT, cli_cost=MONEY, review=TEXT, review_reason=TEXT,
    reviewed_at=st.none() | MOMENT, say=st.none() | TEXT, mishaps=COUNT, forgiven=COUNT,
    steps=COUNT, outages=COUNT, failure=TEXT,
    forgiven_seconds=SECONDS,
)  # fmt: skip

EVERY_STATE = [
    Queued(NINE, NINE),
    Running(NINE, 3, Ending.parked, "by the person", ParkReason.paused),
    Running(NINE, 3, Ending.parked, "the plan", ParkReason.usage_limit, NINE),
    Running(NINE, 3, visit=Visit(Queued(NINE), "xterm")),
    Running(NINE, 3, visit=Visit(Queued(NINE, NINE), "xterm")),
    Running(NINE, 3, visit=Visit(Waiting(NINE, 2), "xterm")),
    Running(NINE, 3, visit=Visit(Waiting(NINE, 2, visited=True), "xterm")),
    Running(NINE, 3, visit=Visit(Parked(NINE, ParkReason.cap), "xterm")),
    Running(NINE, 3, Ending.cancelled, visit=Visit(Parked(NINE, ParkReason.usage_limit, "resets", NINE), "xterm")),
    Parked(NINE, ParkReason.credit, "top up"),
    Parked(NINE, ParkReason.authentication, "set a key"),
    Parked(NINE, ParkReason.stuck, "twice"),
    Waiting(NINE, 2),
    Parked(NINE, ParkReason.usage_limit, "resets soon", NINE),
    Verifying(NINE),
    Done(NINE),
    Failed(NINE, "red"),
    Halted(NINE, "3 forbidden attempts"),
    Cancelled(NINE),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.make_folders()
    return home


def there_and_back(home: Home, kept: Record) -> Record:
    records.save(home, kept)
    loaded, broken = records.load_all(home)
    records.remove(home, kept.id)
    assert broken == []
    return loaded[kept.id]


@pytest.mark.parametrize("state", EVERY_STATE, ids=lambda state: state.name)
def test_every_state_comes_back_as_it_was(home: Home, state: State) -> None:
    back = there_and_back(home, record(state))
    assert (back, type(back.state)) == (record(state), type(state))


@settings(max_examples=100, deadline=None)
@given(RECORDS)
def test_every_record_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, kept: Record) -> None:
    home = Home(tmp_path_factory.getbasetemp() / "records")
    home.make_folders()
    assert there_and_back(home, kept) == kept


@settings(max_examples=30, deadline=None)
@given(st.builds(Day, DAY, TEXT, st.lists(TASKS, max_size=3).map(tuple), MONEY, TEXT))
def test_a_day_handed_over_is_the_day_that_arrives(day: Day) -> None:
    assert records.day_from_json(records.day_to_json(day)) == day


def test_an_agent_that_says_half_a_character_does_not_make_its_record_unreadable(home: Home) -> None:
    assert there_and_back(home, record(Queued(NINE), claim="half \ud83d")).claim == "half ?"


def test_the_file_names_the_state_and_holds_one_task(home: Home) -> None:
    records.save(home, record(Waiting(NINE, 2), "task-1"))
    data = json.loads((home.records / "task-1.json").read_bytes())
    assert data["state"] == {"name": "waiting", "since": "2026-11-20T09:00:00Z", "question": 2, "visited": False}


def test_a_record_from_an_older_release_that_lacks_facts_is_read(home: Home) -> None:
    data = records.to_json(record(Done(NINE)))
    del data["forgiven_seconds"], data["layers"]
    assert records.from_json(data) == record(Done(NINE))


GOOD = records.to_json(record(Done(NINE)))
BROKEN = {
    "empty": "",
    "torn": '{"task": {"id": ',
    "no JSON": "state: done",
    "a list": "[]",
    "a word": '"done"',
    "nothing in it": "{}",
    "a state that is none": '{"state": {"name": "dozing"}}',
    "a state in a word": '{"state": "done"}',
    "a state named by a list": '{"state": {"name": []}}',
    "a state without its facts": '{"state": {"name": "failed"}}',
    "a state and no task": '{"state": {"name": "done", "since": "2026-11-20T09:00:00Z"}}',
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_record_is_named_and_left_as_it_is(home: Home, content: str) -> None:
    records.save(home, record(Done(NINE), "good"))
    (home.records / "bad.json").write_text(content)
    loaded, broken = records.load_all(home)
    assert (list(loaded), broken) == (["good"], ["bad.json"])
    assert (home.records / "bad.json").read_text() == content


def test_a_folder_among_the_records_is_named_too(home: Home) -> None:
    (home.records / "odd.json").mkdir()
    assert records.load_all(home) == ({}, ["odd.json"])


@pytest.mark.parametrize("lacking", ["task", "day", "project", "state", "created_at"])
def test_a_record_without_what_it_needs_is_refused(lacking: str) -> None:
    with pytest.raises(ValueError, match="not a task record"):
        records.from_json({name: value for name, value in GOOD.items() if name != lacking})


def test_removing_a_task_forgets_it_and_only_it(home: Home) -> None:
    for name in ("a", "b"):
        records.save(home, record(Done(NINE), name))
    records.remove(home, "a")
    records.remove(home, "never was")
    assert list(records.load_all(home)[0]) == ["b"]
