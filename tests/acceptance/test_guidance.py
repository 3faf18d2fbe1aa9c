"""Guidance: an agent at work hears what the person says, once; one that was about to end goes on with it."""

import json
from pathlib import Path
from typing import Any

import pytest

from .house import House, left_behind, until
from .model import Model

WAIT = "echo at work > work.txt; while [ ! -e go.txt ]; do sleep 0.05; done"
TURNS: list[dict[str, Any]] = [
    {"bash": WAIT},
    {"bash": "echo two >> work.txt"},
    {"text": "I think I am done.", "delay": 2},
    {"bash": "echo three >> work.txt"},
    {"text": "Done."},
]


def said(model: Model, text: str) -> list[int]:
    """How often each request of the conversation says that, in order."""
    return [json.dumps(seen.body["messages"]).count(text) for seen in model.server.requests if seen.body.get("tools")]


def test_what_the_person_says_is_heard_once_between_tool_calls_and_once_more_after_the_last(
    house: House, model: Model, cli: Path
) -> None:
    house.environment |= model.environment(cli)
    model.plays(house.workspace("page"), TURNS)
    task: dict[str, Any] = {"id": "page", "deliverables": ["work.txt"]}
    daemon = house.start("start", house.day(task), "--once")
    repo = house.workspace("page") / "repo"
    until((repo / "work.txt").exists, 60, "the agent is at work")
    assert house.run("say", "page", "use tabs").out == "page: it hears that at its next turn\n"
    (repo / "go.txt").touch()
    until(lambda: len(said(model, "")) == 3, 60, "the last turn")
    assert house.run("say", "page", "count", "to", "three").out == "page: it hears that at its next turn\n"
    assert daemon.ends() == 0, daemon.said

    assert said(model, "The person says [1]: use tabs") == [0, 0, 1, 1, 1]
    assert said(model, "The person says [2]: count to three") == [0, 0, 0, 1, 1]
    facts = house.task("page", rehearsal=False)
    assert (facts["state"], facts["runs"], facts["attempt"]) == ("done", 2, 1)
    assert [(each["text"], each["run"], each["heard"]) for each in facts["guidance"]] == [
        ("use tabs", 1, True),
        ("count to three", 2, True),
    ]
    assert (repo / "work.txt").read_text() == "at work\ntwo\nthree\n"
    assert house.log("page").count("The person says [1]: use tabs") == 1
    report = house.report(rehearsal=False)
    assert "by command: use tabs\n" in report and "no model heard it" not in report
    refused = house.run("say", "page", "too late")
    assert (refused.code, "hears nothing any more" in refused.err) == (2, True)
    assert left_behind(house) == []


@pytest.mark.long
def test_what_is_said_while_a_question_waits_and_no_daemon_runs_comes_with_the_answer(
    house: House, model: Model, cli: Path
) -> None:
    house.environment |= model.environment(cli)
    ask: dict[str, Any] = {"ask": {"question": "How many orders a page?", "options": ["20", "50"]}}
    model.plays(house.workspace("page"), [ask, {"bash": "echo 50 > size.txt"}, {"text": "Done."}])
    daemon = house.start("start", house.day({"id": "page", "deliverables": ["size.txt"]}))
    until((house.home.questions / "page.md").exists, 60, "the question")
    assert house.run("stop").code == 0
    assert daemon.ends() == 0
    assert house.run("say", "page", "use tabs").out == "no daemon runs; that is kept and said at the next start\n"
    assert house.run("say", "pag", "use tabs").code == 2
    until(lambda: house.run("answer", "page", "2").code == 0, 10, "the answer is taken")
    assert house.run("start", "--once").code == 0
    assert said(model, "The person says [1]: use tabs")[-2:] == [1, 1]
    assert "50" in model.results[0]
    assert house.task("page", rehearsal=False)["runs"] == 2
