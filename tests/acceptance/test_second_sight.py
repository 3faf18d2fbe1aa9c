"""The gateway sees the model's tool calls itself: who goes round the hook is halted, who does not is left alone."""

from pathlib import Path
from typing import Any

import pytest

from .conftest import BuildHouse
from .house import House, left_behind, untouched

pytestmark = pytest.mark.long

BYPASSED = Path(__file__).with_name("bypassed.py")
CALL = {"name": "Bash", "input": {"command": "git commit --allow-empty -m parallel", "description": "x"}}
TYPED = {"name": "Bash", "input": {"command": "git commit -m typed", "timeout": "soon"}}
MISSPELT = {"name": "Bash", "input": {"cmd": "git push"}}
SHELL = {"name": "Shell", "input": {"command": "git push"}}
AGENT = {"description": "d", "prompt": "look", "subagent_type": "general-purpose", "run_in_background": False}


# An agent's own loop: it asks the model through the gateway, and runs what it is told without asking anybody.
LOOP = """\
import json, subprocess, sys, urllib.request
said = [{"role": "user", "content": "go"}] + [{"role": r, "content": "on"} for r in ("assistant", "user") * 4]
for _ in range(2 if "tell" in sys.argv else 1):
    asked = {"model": "claude-sonnet-4-5", "max_tokens": 500, "messages": said,
             "tools": [{"name": "Bash", "input_schema": {"type": "object"}}]}
    request = urllib.request.Request("http://127.0.0.1:8900/v1/messages", json.dumps(asked).encode(),
                                     {"content-type": "application/json"})
    answer = json.load(urllib.request.urlopen(request))
    for call in [block for block in answer["content"] if block["type"] == "tool_use"]:
        done = subprocess.run(["sh", "-c", call["input"]["command"]], capture_output=True, text=True)
        print(done.returncode, done.stderr)
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": done.stderr}
        said += [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": [result]}]
"""


def loops(task_id: str, *words: str) -> dict[str, Any]:
    """A task whose agent writes that loop and runs it; its fifth turn is meant for the loop alone."""
    turns = [
        {"write": {"path": "loop.py", "content": LOOP}},
        {"bash": " ".join(("python3 loop.py", *words))},
        {"bash": "echo the CLI goes on"},
        {"text": "Done."},
        {"bash": "git commit --allow-empty -m by-hand"},
        {"text": "And done."},
    ]
    return {"id": task_id, "deliverables": ["loop.py"], "rehearsal": turns}


HONEST = {
    "id": "honest",
    "deliverables": ["made.md"],
    "rehearsal": [
        {"tools": [CALL, {"name": "Bash", "input": {"command": "false"}}, TYPED, MISSPELT, SHELL]},
        {"write": {"path": "{repo}/.git/HEAD", "content": "ref: x\\n"}},
        {"tools": [{"name": "Agent", "input": AGENT}]},
        {"bash": "git commit -m cut", "cut": True},
        {"write": {"path": "made.md", "content": "Made.\n"}},
        {"text": "Done."},
    ],
}
ASKS = {
    "id": "asks",
    "rehearsal": [
        {
            "bash": "git add --all",
            "tools": [{"name": "Bash", "input": {"command": "git push"}}],
            "ask": {"question": "Shall I go on?", "options": ["yes", "no"]},
        },
        {"text": "Done."},
    ],
}


@pytest.fixture(scope="module")
def seen(build: BuildHouse) -> House:
    """A day with the guard as it is: two agents with loops of their own, and two honest ones."""
    house = build()
    house.environment["DAYSHIFT_GUARD__HALT_AFTER"] = "9"
    before = house.fingerprint()
    day = house.day(loops("tells", "tell"), loops("is-silent"), HONEST, ASKS)
    daemon = house.start("start", day, "--rehearse", "--once")
    daemon.waits("asks asks")
    house.home.questions.joinpath("asks-answer.md").write_text("yes\n")
    assert daemon.ends() == 1, daemon.said
    assert untouched(before, house.fingerprint())
    assert left_behind(house) == []
    return house


def test_a_loop_by_hand_is_found_out_by_the_result_it_hands_back(seen: House) -> None:
    task = seen.task("tells")
    (bypass,) = task["bypasses"]
    assert bypass["command"] == "git commit --allow-empty -m by-hand"
    assert bypass["how"] == "was run without leave of the hook"
    assert (task["state"], task["reason"]) == ("halted", f"the guard was bypassed: {bypass['command']}")


def test_a_loop_by_hand_that_keeps_the_result_to_itself_is_found_out_at_the_runs_end(seen: House) -> None:
    task = seen.task("is-silent")
    assert [each["how"] for each in task["bypasses"]] == ["was never put to the hook"]
    assert task["state"] == "halted"


@pytest.mark.parametrize("task_id", ["honest", "asks"])
def test_honest_agents_are_not_blamed(seen: House, task_id: str) -> None:
    """Refused, invalid, unknown, denied by settings, delegated, cut off, put off by a question: nothing of it ran."""
    task = seen.task(task_id)
    assert (task["state"], task["bypasses"]) == ("done", [])
    assert seen.status(task_id)["bypasses"] == 0


def test_the_honest_day_held_what_it_was_to_hold(seen: House) -> None:
    stream = seen.stream("honest")
    for words in ("hook error: dayshift: [git-write]", "No such tool available: Shell", "agentId", "Exit code 1"):
        assert words in stream
    refused = [(item["tool"], item["rule"]) for item in seen.task("honest")["blocked"]]
    assert refused == [("Bash", "git-write"), ("Bash", "git-write"), ("Bash", "unreadable"), ("Write", "git-files"),
                       ("Bash", "git-write")]  # fmt: skip
    assert len(seen.task("asks")["blocked"]) == 2


@pytest.fixture(scope="module")
def bypassed(build: BuildHouse) -> House:
    """A day in which the hook is no guard at all."""
    house = build()
    before = house.fingerprint()
    turns = [{"bash": "git commit --allow-empty -m escaped"}, {"write": {"path": "late.md", "content": "x"}},
             {"text": "Done."}]  # fmt: skip
    ended = house.run("start", house.day({"id": "sly", "rehearsal": turns}), "--rehearse", "--once", entry=BYPASSED)
    assert ended.code == 1, ended
    assert untouched(before, house.fingerprint())
    assert "sly: the guard was bypassed: git commit --allow-empty -m escaped" in ended.out
    return house


def test_a_hook_that_does_not_guard_halts_the_agent(bypassed: House) -> None:
    task = bypassed.task("sly")
    assert task["state"] == "halted"
    assert "Read-only file system" in bypassed.stream("sly")
    assert "THE GUARD WAS BYPASSED: Bash: git commit --allow-empty -m escaped [git-write]" in bypassed.log("sly")


def test_the_report_begins_with_it(bypassed: House) -> None:
    first = next(line for line in bypassed.report().splitlines()[1:] if line.strip())
    assert first.startswith("**The guard was bypassed**: sly: `git commit --allow-empty -m escaped`")
