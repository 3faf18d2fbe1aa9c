"""kill -9 at the worst moments: the next start goes on from there, and the money is counted all the same."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from .house import House, left_behind, until, untouched
from .model import Model

STUMBLING = Path(__file__).with_name("stumbling.py")
TASK = {"id": "worker", "deliverables": ["work.txt"], "max_cost_usd": 5}


@pytest.fixture
def real(house: House, model: Model, cli: Path) -> House:
    """A house whose days are real ones: records of rehearsals are not taken up by the next daemon."""
    house.environment |= model.environment(cli)
    return house


def sound(house: House, model: Model) -> None:
    """The ledger holds together, and covers at least what the provider would bill."""
    with house.ledger(rehearsal=False) as ledger:
        assert ledger.audit() == []
        assert ledger.spend("task:2026-11-20/worker").reserved == 0
    booked = dict(house.query("SELECT request_id, cost FROM request WHERE state = 'settled'", rehearsal=False))
    assert set(booked) <= {served.request_id for served in model.server.bill}
    lines = len(house.query("SELECT id FROM request WHERE state <> 'void'", rehearsal=False))
    assert lines >= len(model.server.bill)
    assert left_behind(house) == []


def pid_of_holder(house: House) -> int:
    def holds(words: list[str]) -> bool:
        return any(word.endswith("holder/__main__.py") for word in words)

    return next(each.pid for each in house.processes() if holds(each.cmdline()))


@pytest.mark.long
def test_a_run_outlives_its_daemon_and_is_adopted_twice(real: House, model: Model) -> None:
    """Killed while a command runs, then while a request is being answered."""
    model.plays(real.workspace("worker"), [
        {"bash": "touch started && sleep 5 && echo once >> work.txt"},
        {"bash": "echo twice >> work.txt", "delay": 3},
        {"text": "Done."},
    ])  # fmt: skip
    day = real.day(TASK)
    before = real.fingerprint()
    first = real.start("start", day)
    until((real.workspace("worker") / "repo" / "started").exists, 60, "the command began")
    first.kill()
    assert [path.name for path in real.locks_held()] == ["lock"]  # the run lives on in its holder

    second = real.start("start")
    until(lambda: len(model.server.bill) == 2, 60, f"the second request\n{second.said}")
    second.kill()

    third = real.start("start", day, "--once")
    assert third.ends() == 0, third.said
    task = real.task("worker", rehearsal=False)
    assert (task["state"], task["runs"], task["attempt"]) == ("done", 1, 1)
    assert (real.workspace("worker") / "repo" / "work.txt").read_text() == "once\ntwice\n"
    assert real.facts(rehearsal=False)["audit"]["runs_checked"] == 1
    states = [state for (state,) in real.query("SELECT state FROM request ORDER BY id", rehearsal=False)]
    assert states.count("estimated") == 1  # the answer nobody heard the end of is charged at its worst case
    assert untouched(before, real.fingerprint())
    sound(real, model)


@pytest.mark.long
def test_a_question_outlives_its_daemon(real: House, model: Model) -> None:
    model.plays(real.workspace("worker"), [
        {"ask": {"question": "Which size?", "options": ["20", "50"]}},
        {"bash": "echo asked > work.txt"},
        {"text": "Done."},
    ])  # fmt: skip
    first = real.start("start", real.day(TASK))
    first.waits("worker asks")
    first.kill()
    assert left_behind(real) == []
    assert (real.home.questions / "worker.md").read_text().count("Which size?") == 1

    (real.home.questions / "worker-answer.md").write_text("2\n")
    second = real.start("start", "--once")
    assert second.ends() == 0, second.said
    (asked,) = real.task("worker", rehearsal=False)["questions"]
    assert (asked["text"], asked["answer"]["text"], asked["answer"]["by"]) == ("Which size?", "50", "file")
    assert "50" in model.results[0]
    sound(real, model)


@pytest.mark.long
def test_a_check_that_was_cut_short_is_made_again(real: House, model: Model) -> None:
    model.plays(real.workspace("worker"), [{"bash": "echo done > work.txt"}, {"text": "Done."}])
    first = real.start("start", real.day({**TASK, "validate": ["touch checking; sleep 2; grep -q done work.txt"]}))
    until((real.workspace("worker") / "repo" / "checking").exists, 60, "the check began")
    first.kill()
    until(lambda: left_behind(real) == [], 10, "the check's processes end with the daemon")
    assert real.state("worker") == "verifying"

    second = real.start("start", "--once")
    assert second.ends() == 0, second.said
    task = real.task("worker", rehearsal=False)
    assert (task["state"], task["runs"], [check["exit_code"] for check in task["checks"]]) == ("done", 1, [0, 0])
    sound(real, model)


@pytest.mark.long
def test_no_agent_works_that_nobody_follows(real: House, model: Model) -> None:
    model.plays(real.workspace("worker"), [
        {"bash": "test -e started || { touch started; sleep 300; }"},
        {"bash": "echo resumed > work.txt"},
        {"text": "Done."},
    ])  # fmt: skip
    daemon = real.start("start", real.day(TASK), "--once", entry=STUMBLING)
    assert daemon.ends() == 0, daemon.said
    task = real.task("worker", rehearsal=False)
    assert (task["state"], task["runs"]) == ("done", 2)
    assert "stumbled, on purpose" in (real.home.logs / "daemon.log").read_text()
    sound(real, model)


def test_a_run_whose_holder_was_killed_is_resumed_in_its_session(real: House, model: Model) -> None:
    model.plays(real.workspace("worker"), [
        {"bash": "test -e started || { touch started; sleep 300; }"},  # heard twice if the kill was quick
        {"bash": "echo resumed > work.txt"},
        {"text": "Done."},
    ])  # fmt: skip
    daemon = real.start("start", real.day(TASK), "--once")
    until((real.workspace("worker") / "repo" / "started").exists, 60, "the command began")
    session = real.status("worker")["session_id"]
    os.kill(pid_of_holder(real), signal.SIGKILL)
    assert daemon.ends() == 0, daemon.said
    task = real.task("worker", rehearsal=False)
    assert (task["state"], task["runs"], task["attempt"], task["session_id"]) == ("done", 2, 1, session)
    assert {seen.headers["x-claude-code-session-id"] for seen in model.server.requests} == {session}
    launched = (real.home.run("worker", 2) / "launch.json").read_text()
    assert f'"--resume", "{session}"' in launched
    sound(real, model)


TURNS = [{"bash": "touch started && sleep 4 && echo rehearsed > work.txt"}, {"text": "Done."}]


def killed_rehearsal(house: House, day: Path, failed: Sequence[str] = ()) -> None:
    """The day is rehearsed, and its daemon killed while the worker runs a command and these tasks have failed."""
    first = house.start("start", day, "--rehearse")
    until((house.workspace("worker") / "repo" / "started").exists, 60, "the command began")
    until(lambda: all(house.state(each) == "failed" for each in failed), 4, "those that fail")
    first.kill()


@pytest.mark.long
def test_a_killed_rehearsal_goes_on_at_the_next_one_and_its_report_tells_of_the_whole_day(house: House) -> None:
    """What had ended stays as it was, and what depends on it goes on; only what the file says anew begins anew."""
    before = {"id": "before", "rehearsal": [{"bash": "echo ready > before.txt"}, {"text": "Done."}]}
    worker = {**TASK, "depends_on": ["before"], "rehearsal": TURNS}
    missing = {"id": "missing", "deliverables": ["missing.txt"], "max_attempts": 1, "rehearsal": [{"text": "Done."}]}
    killed_rehearsal(house, house.day(before, missing, worker), failed=["missing"])
    began = house.status("before")["started_at"]

    found = {**missing, "rehearsal": [{"bash": "touch missing.txt"}, {"text": "Done."}]}
    after = {"id": "after", "depends_on": ["before", "worker"], "rehearsal": [{"text": "Done."}]}
    ended = house.run("start", house.day(before, found, worker, after), "--rehearse", "--once")
    assert ended.code == 0, ended
    assert "the rehearsal of 2026-11-20 goes on; ended already: before (" in ended.err
    told = {task["task_id"]: (task["state"], task["runs"]) for task in house.facts()["tasks"]}
    assert told == dict.fromkeys(("before", "missing", "worker", "after"), ("done", 1))
    assert house.status("before")["started_at"] == began
    assert left_behind(house) == []


@pytest.mark.long
def test_a_real_day_throws_a_killed_rehearsal_away(real: House, model: Model) -> None:
    """The run that was still on is ended, and none of its work is mistaken for the real task's; whatever day it was
    of, its id is free."""
    killed_rehearsal(real, real.day({**TASK, "rehearsal": TURNS}, date="2026-11-19"))
    day = real.day(TASK)
    model.plays(real.workspace("worker"), [{"bash": "test ! -e started && echo real > work.txt"}, {"text": "Done."}])
    ended = real.run("start", day, "--once")
    assert ended.code == 0, ended
    assert (real.task("worker", rehearsal=False)["state"], real.task("worker", rehearsal=False)["runs"]) == ("done", 1)
    assert (real.workspace("worker") / "repo" / "work.txt").read_text() == "real\n"
    sound(real, model)
