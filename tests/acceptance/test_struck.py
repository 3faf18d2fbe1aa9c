"""A whole day struck at every point that it passes, one daemon's life after the other: the day is done all the same."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from dayshift.tidying import orphans
from tests.scenes.all import DAY as ONLY_OF_A_DAY
from tests.striking import EXIT, FAULT

from .house import Daemon, House, left_behind, untouched
from .model import Model

STRUCK = Path(__file__).with_name("struck.py")
TASK = {"deliverables": ["work.txt"], "max_cost_usd": 5, "max_attempts": 5, "validate": ["grep -q asked work.txt"]}
TASKS: tuple[dict[str, Any], ...] = ({"id": "first", **TASK}, {"id": "second", "depends_on": ["first"], **TASK})
SECONDS = 400


@pytest.fixture
def real(house: House, model: Model, cli: Path) -> House:
    house.environment |= model.environment(cli)
    ask = {"ask": {"question": "Which size?", "options": ["20", "50"]}}
    # Where no daemon lives no tool call is let through: this agent tries again.
    model.plays(
        house.workspace("worker"), [ask, ask, ask, *[{"bash": "echo asked >> work.txt"}] * 8, {"text": "Done."}]
    )
    return house


def answered(house: House, daemon: Daemon) -> int:
    """The person answers as soon as they are asked; the exit code of the last life."""
    deadline = time.monotonic() + SECONDS
    while daemon.process.poll() is None:
        assert time.monotonic() < deadline, daemon.said
        for task in TASKS:
            asked, answer = (house.home.questions / f"{task['id']}{ending}.md" for ending in ("", "-answer"))
            if asked.exists() and not answer.exists():
                answer.write_text("2\n")
        time.sleep(0.05)
    return daemon.ends()


@pytest.mark.long
@pytest.mark.timeout(420)
@pytest.mark.parametrize("how", [EXIT, FAULT])
def test_a_day_struck_at_every_point_is_done_all_the_same(real: House, model: Model, how: str) -> None:
    marks = real.folder / "marks"
    marks.mkdir()
    real.environment |= {"STRUCK_HOW": how, "STRUCK_MARKS": str(marks)}
    before = real.fingerprint()
    daemon = real.start("start", real.day(*TASKS), "--once", entry=STRUCK)
    assert answered(real, daemon) == 0, daemon.said
    struck = {path.name for path in marks.iterdir()}
    assert struck >= ONLY_OF_A_DAY, daemon.said
    assert len(struck) >= 40, sorted(struck)
    for task in (real.task(each["id"], rehearsal=False) for each in TASKS):
        assert task["state"] == "done", daemon.said
        answers = {each["answer"] and (each["answer"]["text"], each["answer"]["by"]) for each in task["questions"]}
        assert answers <= {("50", "file")}
        assert set((real.workspace(task["task_id"]) / "repo" / "work.txt").read_text().split()) == {"asked"}
    assert [path.name for path in real.home.questions.iterdir()] == ["archive"]  # somebody was asked
    sound(real, model)
    assert untouched(before, real.fingerprint())


def sound(house: House, model: Model) -> None:
    """The ledger holds together and covers what the provider billed; nothing was left behind."""
    with house.ledger(rehearsal=False) as ledger:
        assert ledger.audit() == []
        assert all(ledger.spend(f"task:2026-11-20/{each['id']}").reserved == 0 for each in TASKS)
    booked = [each for (each,) in house.query("SELECT request_id FROM request WHERE state = 'settled'", False)]
    billed = {served.request_id for served in model.server.bill}
    assert len(booked) == len(set(booked)) and set(booked) <= billed
    assert len(house.query("SELECT id FROM request WHERE state <> 'void'", False)) >= len(billed)
    assert left_behind(house) == []
    for path in house.home.root.rglob("*.tmp"):
        os.utime(path, (0, 0))  # nobody can be writing it any more
    for orphan in orphans.found(house.home, [house.project]):  # what kill -9 left of a write, as `doctor --fix` does
        orphans.remove(house.home, orphan)
    assert [str(path) for path in house.home.root.rglob("*.tmp")] == []
