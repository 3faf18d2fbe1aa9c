"""A day of the real CLI whose daemon is killed ten times: while agents run, ask, are parked and checked, at the report.

`make long` kills fifty daemons so: ten under each of five seeds. DAYSHIFT_SEED tries another five.
"""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayshift.claude import claude_calls

from .conftest import BuildHouse
from .house import Daemon, House, left_behind, until
from .oracle import Oracle
from .wire import bash, call, turn

SEED = int(os.environ.get("DAYSHIFT_SEED", "7"))
PARTS = ("left", "right")
WORK = "echo {n} >> work.txt; sleep 0.5"
ASKED = {"question": "How many to a page?", "header": "Page", "multiSelect": False,
         "options": [{"label": "20", "description": "few"}, {"label": "50", "description": "many"}]}  # fmt: skip
SCRIPT = [
    turn(bash(WORK.format(n=1))),
    turn(bash(WORK.format(n=2))),
    turn(call("AskUserQuestion", questions=[ASKED])),
    turn(bash(WORK.format(n=3))),
    turn(bash("echo whole > whole.txt")),
    turn("Done."),
]
TASKS = [
    {"id": part, "description": f"part:{part}", "deliverables": ["whole.txt"],
     "validate": ["sleep 1", "test -e whole.txt"]}
    for part in PARTS
]  # fmt: skip
RUN, QUESTION, PARKING, CHECK, REPORT = "run", "question", "parking", "check", "report"
MOMENTS = (RUN, RUN, PARKING, QUESTION, QUESTION, RUN, PARKING, CHECK, CHECK, REPORT)


@pytest.fixture
def oracle() -> Iterator[Oracle]:
    with Oracle(dict.fromkeys(PARTS, SCRIPT)).serving() as serving:
        yield serving


class Storm:
    """One house whose daemons are killed; what is drawn comes from one seed."""

    def __init__(self, house: House, oracle: Oracle, seed: int) -> None:
        self.house, self.oracle, self.draw = house, oracle, random.Random(seed)
        self.day: Path | None = house.day(*TASKS)

    def strikes(self, moment: str) -> None:
        """One life of a daemon, killed at that moment or, when the day is past it, a little later."""
        daemon = self.begins()
        until(lambda: self.comes(moment) or daemon.process.poll() is not None, 90, f"{moment}\n{daemon.said}")
        if moment in (PARKING, REPORT):
            daemon.process.send_signal(signal.SIGTERM)
        time.sleep(self.draw.uniform(0, 0.8))
        daemon.kill()
        if moment == QUESTION and self.draw.random() < 0.5:
            self.answers()

    def begins(self) -> Daemon:
        """A daemon that goes on; the first is given the day, and so is one before which nothing of it was kept."""
        kept = any(self.house.home.records.glob("*.json"))
        return self.house.start("start", *([] if kept else [self.house.home.tasks / "today.yaml"]))

    def comes(self, moment: str) -> bool:
        states = {self.house.state(part) for part in PARTS}
        wanted = {RUN: "running", PARKING: "running", QUESTION: "waiting", CHECK: "verifying", REPORT: "done"}[moment]
        if moment == QUESTION:
            return all(self.asked(part) for part in PARTS)
        if moment != QUESTION:  # else nothing would go on that was not answered at the last kill
            self.answers()
        return wanted in states or states == {"done"}

    def asked(self, part: str) -> bool:
        return (self.house.home.questions / f"{part}.md").exists() or bool(list(self.archive.glob(f"{part}*")))

    @property
    def archive(self) -> Path:
        return self.house.home.questions / "archive"

    def answers(self) -> None:
        """The person answers what is asked and was not answered, in a file."""
        for part in PARTS:
            question, answer = (self.house.home.questions / f"{part}{end}.md" for end in ("", "-answer"))
            if question.exists() and not answer.exists():
                answer.write_text("2\n")

    def answered_all_the_while(self, daemon: Daemon) -> bool:
        """Whether it has ended; until then the person answers."""
        self.answers()
        return daemon.process.poll() is not None

    def passes(self) -> None:
        """The day is brought to its end and its report, by one more daemon if it takes one."""
        done = all(self.house.state(part) == "done" for part in PARTS)
        if not done or self.house.home.daemon_facts.exists():  # the latter is left by one that was killed
            daemon = self.house.start("start", "--once")
            until(lambda: self.answered_all_the_while(daemon), 120, daemon.said)
            assert daemon.process.poll() == 0, daemon.said


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", range(SEED, SEED + 5))
def test_a_day_outlives_ten_daemons(build: BuildHouse, cli: Path, oracle: Oracle, seed: int) -> None:
    house = build()
    house.environment |= oracle.environment(cli)
    before = house.git("for-each-ref", "refs/heads") + house.git("status", "--porcelain")
    storm = Storm(house, oracle, seed)
    for moment in MOMENTS:
        storm.strikes(moment)
    storm.passes()
    assert [house.state(part) for part in PARTS] == ["done", "done"]

    assert left_behind(house) == []
    assert house.git("for-each-ref", "refs/heads") + house.git("status", "--porcelain") == before
    assert house.run("report", "2026-11-20").code == 0
    for part in PARTS:
        record = house.record(part)
        assert (record["attempt"], record["mishaps"], len(record["questions"])) == (1, 0, 1), record
        assert [answer["text"] for answer in record["answers"]] == ["50"]
        answered, late = times_heard(oracle, part)  # a kill just behind words that were told late tells them again
        assert (answered, late) == (1, 0) or (answered == 0 and late > 0), oracle.of(part)[-1].body["messages"][4:]
        assert (house.workspace(part) / "repo" / "whole.txt").read_text() == "whole\n"
    billed_whole(house, oracle)


def times_heard(oracle: Oracle, part: str) -> tuple[int, int]:
    """How often the model was told the answer: as its question's result; where a kill ate that, as guidance."""
    said = [json.dumps(entry.body["messages"]) for entry in oracle.of(part)]
    ways = claude_calls.ANSWERED, "The answer got lost on its way"
    return max((said_once.count(ways[0]), said_once.count(ways[1])) for said_once in said)


def billed_whole(house: House, oracle: Oracle) -> None:
    """Every request the provider answered has one line in the ledger, of its very price if it was heard to its end."""
    with house.ledger(rehearsal=False) as ledger:
        assert ledger.audit() == []
    billed = {entry.request_id: entry.cost for entry in oracle.bill}
    lines = house.query("SELECT request_id, state, cost FROM request WHERE state <> 'void'", rehearsal=False)
    settled = {request_id: cost for request_id, state, cost in lines if state == "settled"}
    assert len(settled) == sum(state == "settled" for _, state, _ in lines)
    assert settled.items() <= billed.items()
    unheard = [cost for _, state, cost in lines if state == "estimated"]
    assert len(unheard) >= len(billed) - len(settled)
    assert {state for _, state, _ in lines} <= {"settled", "estimated"}
    assert sum(unheard) >= sum(billed[each] for each in billed.keys() - settled.keys())
