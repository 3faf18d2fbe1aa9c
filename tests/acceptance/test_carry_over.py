"""What a day leaves is started on the next as it was written: the same session goes on, and each day has its cost."""

import json
from datetime import date
from pathlib import Path

from dayshift.cost.statement import Statement

from .house import House, left_behind
from .model import Model
from .oracle import during
from .test_caps import PRICES

USED = {"input": 10_000, "output": 1_000, "cache_read": 0, "cache_write": 0}
RULE = "Write two lines, never one."
COST = 10_000 * 3_000_000 + 1_000 * 15_000_000  #: of each request, in pico-USD


def spent(house: House) -> dict[str, int]:
    """What each task cost on each day file."""
    with house.ledger(rehearsal=False) as ledger:
        assert ledger.audit() == []
        return {line.key: line.cost for line in Statement(ledger.connection).by("task")}


def test_what_a_day_leaves_goes_on_the_next_day_in_its_session(house: House, model: Model, cli: Path) -> None:
    house.environment |= model.environment(cli) | {"DAYSHIFT_PRICES": PRICES}
    model.plays(house.workspace("study"), [
        {"bash": "pwd | grep -q long && sleep 60; echo one > work.txt", "usage": USED},
        {"text": "Done.", "usage": USED},
        {"bash": "echo two >> work.txt", "usage": USED}, {"text": "Done now.", "usage": USED},
    ])  # fmt: skip
    study = {"id": "study", "validate": ["grep -q two work.txt"], "max_attempts": 1, "deliverables": ["work.txt"]}
    daemon = house.start("start", house.day(study, {"id": "long", "description": "First\n\n  two\n"}))
    during(daemon, lambda: house.state("study") == "failed" and spent(house)["2026-11-20/long"] == COST, "it failed")
    assert house.run("reject", "study", "--reason", "The second line is missing.").code == 0
    assert house.run("stop").code == 0
    daemon.ends()
    assert spent(house) == {"2026-11-20/long": COST, "2026-11-20/study": 2 * COST}
    sessions = {each: house.record(each)["session_id"] for each in ("study", "long")}

    file = house.home.tasks / "2026-11-21-carry-over.yaml"
    (house.home.feedback / "2026-11-20.md").write_text(f"study: 2/5\nRule (all): {RULE}\n")
    assert house.run("lessons", "accept", "--all").code == 0
    written = file.read_bytes()
    assert b"\n  # you rejected what it made, and it is told so: The second line is missing.\n" in written
    kept = json.loads(house.home.facts(date(2026, 11, 20), rehearsal=False).read_text())
    assert kept["tomorrow"]["carry_over"] == "tasks/2026-11-21-carry-over.yaml"
    second = house.run("start", file, "--once")
    assert second.code == 0, second
    for each, session in sessions.items():
        done = house.record(each)
        assert (done["state"]["name"], done["day"], done["session_id"]) == ("done", "2026-11-21", session)
    assert "The second line is missing." in model.heard
    taught = {each: (len(house.record(each)["lessons"]), len(house.record(each)["late_lessons"])) for each in sessions}
    assert f"- {RULE}" in model.heard and taught == {"study": (0, 1), "long": (0, 1)}
    assert (house.workspace("study") / "repo" / "work.txt").read_text() == "one\ntwo\n"
    costs = spent(house)
    assert (costs["2026-11-20/study"], costs["2026-11-21/study"]) == (2 * COST, 2 * COST)
    assert costs["2026-11-20/long"] == COST and costs["2026-11-21/long"] > 0
    assert file.read_bytes() == written and not (house.home.tasks / "2026-11-22-carry-over.yaml").exists()
    assert sorted(path.name[:5] for path in (house.home.history / "2026-11-20").iterdir()) == ["long-", "study"]
    assert left_behind(house) == []
