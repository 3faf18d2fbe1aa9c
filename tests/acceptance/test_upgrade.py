"""The program is replaced in the middle of a day: the new daemon takes up what the elder's holder holds."""

import json

import pytest

from tests.elder import files as elder

from .house import ROOT, House, left_behind, until, untouched

ELDER = ROOT / "tests" / "elder" / "program.py"
TURNS = [{"bash": "touch started && sleep 12 && echo once >> work.txt"}, {"text": "Done."}]


@pytest.mark.long
def test_a_run_that_the_release_before_began_is_adopted_and_ends_as_any_other(house: House) -> None:
    before = house.fingerprint()
    day = house.day({"id": "worker", "deliverables": ["work.txt"], "rehearsal": TURNS})
    first = house.start("start", day, "--rehearse", entry=ELDER)
    until((house.workspace("worker") / "repo" / "started").exists, 60, f"it is at work\n{first.said}")
    first.kill()
    spool = house.home.run("worker", 1)
    held = json.loads((spool / "start.json").read_text())
    assert held["protocol"] == 1 and set(held) == {"protocol", "boot", "offset", "started"}
    record = house.record("worker")
    elder.written(house.home.own, project=str(house.project), session=record["session_id"], base=record["base"])

    second = house.run("start", "--rehearse", "--once")
    assert second.code == 0, second
    assert "goes on: worker" in second.err
    task = house.task("worker")
    assert (task["state"], task["runs"], task["attempt"], task["session_id"]) == ("done", 1, 1, record["session_id"])
    assert (house.workspace("worker") / "repo" / "work.txt").read_text() == "once\n"
    assert untouched(before, house.fingerprint()) and left_behind(house) == []
