"""Three days of one home: feedback becomes a lesson, the lesson reaches the next prompts, and its effect is counted."""

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import BuildHouse
from .house import House, left_behind
from .oracle import Oracle
from .wire import bash, turn

SONNET = "claude-sonnet-5-5"
RULE = "Leave git alone: the supervisor keeps your changes as they lie in the tree."
CARELESS = [turn(bash("echo 'PAGE = 50' >> src/orders.py && git commit -am done")), turn("Done.")]
CAREFUL = [turn(bash("echo 'PAGE = 50' >> src/orders.py")), turn("Done.")]
TASKS = ("page", "sort", "find")
FEEDBACK = f"""# The 20th

page: 3/5, it works, but it tried to commit.

## sort
Rating: 2
Rule for next time: {RULE}

## find
Rating: 2
"""


def day(house: House, date: str, part: str, *ids: str) -> Path:
    """A day file whose tasks all play that part."""
    tasks = [{"id": id, "module": "orders", "model": SONNET, "description": f"part:{part}"} for id in ids]
    return house.day(*tasks, date=date, name=date)


def instructions(oracle: Oracle, part: str, task: str) -> list[str]:
    """The instructions of that task, as often as they were different."""
    texts = (block["text"] for entry in oracle.of(part) for message in entry.body["messages"][:1]
             for block in message["content"] if isinstance(block, dict) and block.get("type") == "text")  # fmt: skip
    return list(dict.fromkeys(text for text in texts if text.startswith(f"# Task {task}:")))


def lesson(house: House) -> dict[str, Any]:
    """The one lesson that is in force."""
    found = json.loads(house.run("lessons", "--json").out)["lessons"]
    (only,) = [each for each in found if each["status"] == "in force"]
    return dict(only)


@pytest.mark.long
def test_feedback_changes_the_next_day_and_can_be_taken_back(build: BuildHouse, cli: Path) -> None:
    house = build()
    with Oracle({"careless": CARELESS, "careful": CAREFUL}).serving() as oracle:
        house.environment |= oracle.environment(cli) | {"DAYSHIFT_AGENT__TOOLS": "[Bash]"}
        assert house.run("start", day(house, "2026-11-20", "careless", *TASKS), "--once").code == 0
        before = instructions(oracle, "careless", "page")
        assert len(before) == 1 and "Lessons from earlier days" not in before[0]
        for task in TASKS:
            assert house.run("reject", task, "--reason", "it tried to commit").code == 0

        (house.home.feedback / "2026-11-20.md").write_text(FEEDBACK)
        understood = json.loads(house.run("feedback", "2026-11-20", "--json").out)
        assert understood["not_understood"] == []
        proposed = house.run("lessons")
        assert f"+- {RULE}" in proposed.out and "feedback/2026-11-20.md" in proposed.out
        assert house.run("lessons", "accept", "--all").code == 0
        assert lesson(house)["scope"] == "module orders"

        assert house.run("start", day(house, "2026-11-21", "careful", *TASKS), "--once").code == 0
        for task in TASKS:
            (taught,) = instructions(oracle, "careful", task)
            assert taught.count(f"- {RULE}") == 1
        for task in TASKS[:1]:
            assert house.run("accept", task).code == 0
        for task in TASKS[1:]:
            assert house.run("reject", task, "--reason", "the same as page").code == 0
        (house.home.feedback / "2026-11-21.md").write_text("page: 5/5\nsort: 5/5\nfind: 4/5\n")
        effect = lesson(house)["effect"]
        assert (effect["verdict"], effect["before"], effect["after"]) == ("helpful", 3, 3)
        measured = {name: (each["before"], each["after"]) for name, each in effect["measures"].items()}
        assert measured["rating"] == ({"tasks": 3, "mean": 7 / 3}, {"tasks": 3, "mean": 14 / 3})
        assert measured["blocked commands"] == ({"tasks": 3, "mean": 1.0}, {"tasks": 3, "mean": 0.0})

        assert house.run("lessons", "undo", lesson(house)["id"]).code == 0
        assert house.run("start", day(house, "2026-11-22", "careless", "page"), "--once").code == 0
        assert instructions(oracle, "careless", "page") == before, "to the byte"
        days = json.loads(house.run("days", "--json").out)["days"]
        assert [(each["date"], each["tasks"], each["accepted"], each["rejected"]) for each in days] == [
            ("2026-11-20", 3, 0, 3), ("2026-11-21", 3, 1, 2), ("2026-11-22", 1, 0, 0),
        ]  # fmt: skip
        first, third = (house.run("report", date).out for date in ("2026-11-20", "2026-11-22"))
        assert first.count("· done") == 3 and "it tried to commit" in first and "it tried to commit" not in third
    assert left_behind(house) == []
