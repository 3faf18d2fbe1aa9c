"""The turns of a rehearsal: written in a day file, placed, counted, improvised."""

import json
import subprocess
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from dayshift.model import Task
from dayshift.rehearsing.improvised_turns import improvise
from dayshift.rehearsing.script import CLOSING, FILLER, ApiError, Turn, answered, placed, turn_for
from dayshift.rehearsing.written_turns import parse_turns

HELLO = {"role": "user", "content": "hello"}


def task(**more: Any) -> Task:
    return Task(id="task-1", name="Paginate the orders list", description="Do it.", model="sonnet", **more)


def reply(text: str = "so") -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": text}]}


def test_parsing_reads_every_kind_of_turn() -> None:
    turns = parse_turns(
        [
            {"text": "one", "thinking": "hm", "bash": "ls", "delay": 1, "usage": {"input": 7}, "cut": True},
            {"tools": [{"name": "Glob", "input": {"pattern": "*"}}], "write": {"path": "a/b.txt", "content": ""}},
            {"text": "x", "error": {"status": 529, "type": "overloaded_error", "message": "busy", "retry_after": 3}},
        ]
    )
    first, second, third = turns
    assert (first.text, first.thinking, first.delay, first.usage, first.cut) == ("one", "hm", 1.0, {"input": 7}, True)
    assert [call.name for call in first.tools] == ["Bash"]
    assert first.tools[0].input["command"] == "ls"
    assert [call.name for call in second.tools] == ["Glob", "Write"]
    assert second.tools[1].input == {"file_path": "{repo}/a/b.txt", "content": ""}
    assert third.error == ApiError(529, "overloaded_error", "busy", {"retry-after": "3"})


def test_a_question_has_the_shape_of_the_cli_s_own_tool() -> None:
    (turn,) = parse_turns([{"ask": {"question": "Which?", "options": ["Red", "Blue"]}}])
    (call,) = turn.tools
    assert call.name == "AskUserQuestion"
    (question,) = call.input["questions"]
    assert question == {
        "question": "Which?",
        "header": "Question",
        "options": [{"label": "Red", "description": "Red"}, {"label": "Blue", "description": "Blue"}],
        "multiSelect": False,
    }


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ({"txt": "x"}, "unknown field 'txt'; the fields of a turn are ask, bash"),
        ("text", "a turn is a mapping, not 'text'"),
        ({}, "says nothing; give it one of ask, bash, text, tools, write"),
        ({"delay": 1}, "says nothing"),
        ({"text": ""}, "text: '' is not text"),
        ({"bash": 5}, "bash: 5 is not text"),
        ({"text": "x", "delay": -1}, "delay: -1 is not a number of seconds"),
        ({"text": "x", "cut": "yes"}, "cut: 'yes' is neither true nor false"),
        ({"text": "x", "usage": {"output": 1.5}}, "usage.output: 1.5 is not a whole number"),
        ({"text": "x", "usage": {"outputs": 1}}, "the fields of usage are cache_read, cache_write, input, output"),
        ({"text": "x", "error": {"status": 200}}, "error.status: 200 is not an HTTP error; give 400 to 599"),
        ({"text": "x", "error": {"status": 529.0}}, "error.status: 529.0 is not an HTTP error"),
        ({"text": "x", "error": {"status": 529, "headers": []}}, "error.headers: give a mapping"),
        ({"tools": {"name": "Bash"}}, "tools: give a list"),
        ({"tools": [{"name": "Bash"}]}, "tools.input: give the tool's input as a mapping"),
        ({"write": {"path": "a"}}, "write.content: give the file's text"),
        ({"ask": {"question": "Which?", "options": ["one"]}}, "ask.options: give two to four"),
        ({"ask": {"question": "Which?", "options": ["one", "one"]}}, "ask.options: two are the same"),
    ],
)
def test_a_wrong_turn_is_named_with_its_number_field_and_cure(turn: Any, said: str) -> None:
    with pytest.raises(ValueError, match="rehearsal turn 2: ") as caught:
        parse_turns([{"text": "fine"}, turn])
    assert said in str(caught.value)


def test_places_are_filled_in_wherever_a_string_stands_and_other_braces_stay() -> None:
    turns = parse_turns(
        [{"text": "in {repo}", "bash": "awk '{print $1}' {workspace}/x", "write": {"path": "p", "content": "{repo}"}}]
    )
    (turn,) = placed(turns, {"repo": "/r", "workspace": "/w"})
    assert turn.text == "in /r"
    assert turn.tools[0].input["command"] == "awk '{print $1}' /w/x"
    assert turn.tools[1].input == {"file_path": "/r/p", "content": "/r"}


@pytest.mark.parametrize(
    ("messages", "position"),
    [
        ([HELLO], 0),
        ([HELLO, reply(), HELLO], 1),
        ([HELLO, reply(), HELLO, reply(), HELLO], 2),
        ([HELLO, reply(), HELLO, reply(FILLER), HELLO], 1),
        ([HELLO, {"role": "assistant", "content": FILLER}, HELLO], 0),
        ([HELLO, reply(f"{FILLER} But I go on."), HELLO], 1),
        ([HELLO, {"role": "system", "content": "x"}], 0),
    ],
)
def test_the_position_is_the_number_of_answers_without_the_cli_s_filler(
    messages: Sequence[Mapping[str, Any]], position: int
) -> None:
    assert answered(messages) == position


def test_after_the_last_turn_the_script_only_takes_leave() -> None:
    turns = (Turn(text="one"), Turn(text="two"))
    assert [turn_for(turns, position) for position in range(4)] == [*turns, CLOSING, CLOSING]
    assert not CLOSING.tools


# --- improvising -----------------------------------------------------------------------------------


def play(turns: Sequence[Turn], repo: Path, workspace: Path) -> None:
    """Run the Bash calls of the turns as the CLI would."""
    workspace.mkdir(exist_ok=True)
    for turn in placed(turns, {"repo": str(repo), "workspace": str(workspace)}):
        for call in turn.tools:
            if call.name == "Bash" and not call.input["command"].startswith("git"):
                subprocess.run(["bash", "-c", call.input["command"]], cwd=repo, check=True, capture_output=True)


FILES = [
    *("src/a b.py", "-odd.sh", "it's.txt", "Makefile", "tests/test_x.py", "docs/x.md", "x.json", "x.yaml"),
    *("x.toml", "x.ts", "x.html", "x.csv", "x.sql", "pkg/x.go", "x.css"),
]


@pytest.mark.parametrize("path", FILES)
def test_improvised_deliverables_come_to_exist_and_to_differ(path: str, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    turns = improvise(task(deliverables=(path,)))
    play(turns, repo, tmp_path / "workspace")
    made = (repo / path).read_text()
    assert made.strip()
    play(turns, repo, tmp_path / "workspace")
    again = (repo / path).read_text()
    assert again != made
    assert again.startswith(made)


READERS: dict[str, Callable[[str], Any]] = {
    "x.json": json.loads,
    "x.py": lambda text: compile(text, "x", "exec"),
    "x.toml": tomllib.loads,
    "x.yaml": yaml.safe_load,
}


@pytest.mark.parametrize("path", READERS)
def test_improvised_files_can_be_read_before_and_after_the_added_line(path: str, tmp_path: Path) -> None:
    turns = improvise(task(deliverables=(path,)))
    for _ in range(2):
        play(turns, tmp_path, tmp_path / "workspace")
        READERS[path]((tmp_path / path).read_text())


def test_an_added_line_never_joins_an_unfinished_one(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("key: value")
    play(improvise(task(deliverables=("x.yaml",))), tmp_path, tmp_path / "workspace")
    assert (tmp_path / "x.yaml").read_text() == "key: value\n# Rehearsed for task-1.\n"


def test_deliverables_in_the_own_workspace_land_there_with_a_summary(tmp_path: Path) -> None:
    play(improvise(task(deliverables=("agent_workspaces/task-1/notes/out.md",))), tmp_path, tmp_path / "workspace")
    assert (tmp_path / "workspace/notes/out.md").is_file()
    assert "# Paginate the orders list" in (tmp_path / "workspace/summary.md").read_text()


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "agent_workspaces/other/x", "agent_workspaces/x"])
def test_nothing_outside_is_ever_touched(path: str) -> None:
    turns = improvise(task(deliverables=(path,), context_files=(path,)))
    commands = [
        call.input.get("command", "") for turn in turns for call in turn.tools if "summary.md" not in str(call.input)
    ]
    assert commands == ["git status --short", "ls"]


def test_an_improvisation_ends_only_with_its_last_turn() -> None:
    *working, last = improvise(task(deliverables=("a.py",), context_files=("/elsewhere",)))
    assert all(turn.tools for turn in working)
    assert not last.tools
