"""A task's history as `logs --timeline` tells it: all its days, every state once, what it cost, what happened in it."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from dayshift import records
from dayshift.attempts import Blocked
from dayshift.commandline import Context, Failure, Parts
from dayshift.commands.logs import logs
from dayshift.conversation import Answer, Question
from dayshift.cost.booking import Admitted, Reservation
from dayshift.cost.statement import statement
from dayshift.files import write_json
from dayshift.home import Home
from dayshift.logbook import timeline
from dayshift.model import Earlier, Record, Tokens, Usage
from dayshift.money import PICO_PER_USD
from dayshift.reporting import task_history
from dayshift.states import Done, Parked, ParkReason, Queued, Running, State, Verifying, Waiting
from metrics import Ledger
from tests.command_line import add
from tests.house import HOUR, NINE, TODAY, record

MINUTE = timedelta(minutes=1)
NEXT = TODAY + timedelta(days=1)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


def said(home: Home, *words: str) -> str:
    """What `logs` says, to either stream."""
    parts = Parts(serve=lambda *_: 0, reprice=lambda *_: 0, rewind=lambda *_: None)
    ended = CliRunner().invoke(logs, words, obj=Context(home, parts), standalone_mode=False)
    if ended.exception:
        raise ended.exception
    return ended.output


def lived(home: Home, *states: State, day: date = TODAY, **facts: object) -> Record:
    for state in states:
        kept = record(state, "a", day=day, **facts)
        timeline.note(home, kept)
    return kept


def told(home: Home, kept: Record) -> list[tuple[str, float, date]]:
    found = task_history.stays(home, kept, None, NINE + 48 * HOUR)
    return [(each.state, each.seconds / 60, each.day) for each in found]


def pay(home: Home, day: date, at: timedelta, usd: int) -> None:
    ledger = Ledger.open(home.ledger(rehearsal=False))
    order = Reservation("a", 1, day, "sonnet", "test", usd * PICO_PER_USD, {"total": None}, NINE + at)
    admitted = ledger.reserve(order)
    assert isinstance(admitted, Admitted)
    ledger.settle(admitted.id, Usage("sonnet", Tokens()), usd * PICO_PER_USD, "r", NINE + at)
    ledger.close()


def test_a_task_that_went_on_is_told_over_all_its_days(home: Home) -> None:
    lived(home, Queued(NINE), Running(NINE + MINUTE, 1), Parked(NINE + HOUR, ParkReason.cap), runs=1)
    kept = lived(home, Queued(NINE + 24 * HOUR), Running(NINE + 24 * HOUR + MINUTE, 2), Done(NINE + 25 * HOUR),
                 day=NEXT, earlier=(Earlier(TODAY, NINE + 24 * HOUR, 1, 1),))  # fmt: skip
    assert told(home, kept) == [
        ("queued", 1, TODAY), ("running", 59, TODAY), ("parked", 23 * 60, TODAY),
        ("queued", 1, NEXT), ("running", 59, NEXT), ("done", 0, NEXT),
    ]  # fmt: skip


def test_each_stay_has_its_cost_and_together_they_are_all_of_it(home: Home) -> None:
    states = (Queued(NINE), Running(NINE + MINUTE, 1), Waiting(NINE + HOUR, 1), Running(NINE + 2 * HOUR, 2))
    kept = lived(home, *states, Done(NINE + 3 * HOUR))
    for at, usd in ((MINUTE, 1), (30 * MINUTE, 2), (2 * HOUR + MINUTE, 4)):
        pay(home, TODAY, at, usd)
    with statement(home.ledger(rehearsal=False)) as ledger:
        found = task_history.stays(home, kept, ledger, NINE + 4 * HOUR)
    assert [(each.cost or 0) // PICO_PER_USD for each in found] == [0, 3, 0, 4, 0]
    assert [(each.cost_so_far or 0) // PICO_PER_USD for each in found] == [0, 3, 3, 7, 7]


def test_without_a_ledger_the_cost_is_unknown_and_not_zero(home: Home) -> None:
    (stay,) = task_history.stays(home, lived(home, Queued(NINE)), None, NINE + HOUR)
    assert stay.cost is None and stay.cost_so_far is None
    assert task_history.to_json(record(Queued(NINE)), (stay,))["cost_usd"] is None


def test_a_history_that_is_lost_is_told_from_the_record(home: Home) -> None:
    assert told(home, record(Done(NINE + HOUR), started_at=NINE)) == [("running", 60, TODAY), ("done", 0, TODAY)]
    assert told(home, record(Queued(NINE))) == [("queued", 48 * 60, TODAY)]
    kept = replace(lived(home, Queued(NINE), Running(NINE + MINUTE, 1)), state=Verifying(NINE + HOUR))
    assert [state for state, _, _ in told(home, kept)] == ["queued", "running", "verifying"]


def test_the_runs_and_attempts_are_in_the_history(home: Home) -> None:
    kept = lived(home, Running(NINE, 3), attempt=2)
    (stay,) = task_history.stays(home, kept, None, NINE + HOUR)
    assert (stay.run, stay.attempt) == (3, 2)


@pytest.fixture
def eventful(home: Home) -> Home:
    """A task that was asked, answered and refused, and one of its lines tries to steer the terminal."""
    facts = {
        "questions": (Question("a", 1, "Which\x1b[31m page size?", NINE + 10 * MINUTE),),
        "answers": (Answer("a", 1, "50", "telegram", NINE + 70 * MINUTE),),
        "blocked": (Blocked(NINE + 5 * MINUTE, "Bash", "git push", "git-network", "no network"),), "runs": 2,
        "created_at": NINE,
    }  # fmt: skip
    add(home, "a", Done(NINE + 2 * HOUR), **facts)
    kept = records.load_all(home)[0]["a"]
    for state in (Queued(NINE), Running(NINE + MINUTE, 1), Waiting(NINE + 10 * MINUTE, 1),
                  Running(NINE + 70 * MINUTE, 2), Done(NINE + 2 * HOUR)):  # fmt: skip
        timeline.note(home, replace(kept, state=state, runs=getattr(state, "run", 2)))
    return home


def test_the_command_tells_what_happened_where_it_happened(eventful: Home) -> None:
    lines = said(eventful, "a", "--timeline").splitlines()
    assert "\x1b" not in "".join(lines)
    kinds = [line[21:].split()[0].strip(":") for line in lines if line.startswith("2026-11-20 ")]
    assert kinds == ["queued", "running", "refused", "waiting", "asked", "running", "answered", "done"]
    assert (
        lines[-1] == "queued 1m00s, running 59m00s, waiting 1h00m; 2 runs, attempt 1; unknown in all; 1 command refused"
    )


def test_the_command_tells_machines_the_same(eventful: Home) -> None:
    facts = json.loads(said(eventful, "a", "--timeline", "--json"))
    assert [each["state"] for each in facts["states"]] == ["queued", "running", "waiting", "running", "done"]
    assert [each["kind"] for each in facts["happenings"]] == ["refused", "asked", "answered"]
    assert (facts["cost_usd"], facts["runs"], facts["days"]) == (None, 2, ["2026-11-20"])
    assert facts["states"][-1]["until"] is None


@pytest.mark.parametrize("words", [["--timeline"], ["a", "--timeline", "--follow"], ["a", "--timeline", "-n", "3"]])
def test_a_timeline_is_of_one_task_as_a_whole(eventful: Home, words: list[str]) -> None:
    with pytest.raises(Failure, match="--timeline is of one TASK") as refused:
        said(eventful, *words)
    assert refused.value.code == 2


def test_a_record_that_cannot_be_read_is_named(eventful: Home) -> None:
    write_json(eventful.records / "a.json", {"state": "torn"})
    with pytest.raises(Failure, match="the record of a cannot be read; `dayshift doctor`") as refused:
        said(eventful, "a", "--timeline")
    assert refused.value.code == 3


# --- the daemon's log --------------------------------------------------------------------------------

LINES = (
    "2026-11-20T09:00:00.000Z INFO dayshift.events | the daemon began\n"
    "2026-11-20T09:00:01.000Z ERROR dayshift.crew [a run 1] | it broke\n"
    "    Traceback (most recent call last):\n    ValueError: \x1b[31mx\n"
)


def test_logs_without_a_task_is_the_daemons_log(home: Home) -> None:
    assert said(home) == "no daemon has run in this home yet\n"
    (home.logs / "daemon.log").write_text(LINES)
    assert said(home) == LINES.replace("\x1b", "\ufffd")
    assert said(home, "-n", "1") == LINES.replace("\x1b", "\ufffd").split("\n", 1)[1]
    first, second = map(json.loads, said(home, "--json").splitlines())
    assert first["message"] == "the daemon began" and (second["task"], second["run"]) == ("a", 1)
    assert "ValueError" in second["exception"]


def test_a_log_of_json_is_shown_for_eyes(home: Home) -> None:
    (home.logs / "daemon.log").write_text(LINES)
    as_json = said(home, "--json")
    shown = said(home)
    (home.logs / "daemon.log").write_text(as_json)
    assert said(home) == shown and said(home, "--json") == as_json


def test_following_the_daemons_log_ends_with_the_daemon(home: Home) -> None:
    (home.logs / "daemon.log").write_text(LINES)
    assert "it broke" in said(home, "--follow")
