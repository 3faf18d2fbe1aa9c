"""What each task of a storm does, step by step, and what its conversation tells of that: pure, so that the model which
plays it keeps nothing, and goes on wherever a killed agent's session goes on."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.acceptance.wire import Turn, bash, call, turn

STEP = re.compile(r"step:([a-z0-9-]+\.[0-9]+)")
#: How an answer comes to the agent: as the outcome of its call, or as the words it goes on with.
TOLD = (
    re.compile(r"the person's answer to your question: (.*)\nGo on with it"),
    re.compile(r"The person answered your question:\n\n(.*)\n\nGo on where"),
)
LATE = re.compile(
    r"You asked: [^\n]*step:([a-z0-9-]+\.[0-9]+)[^\n]*\nThe answer got lost on its way to you\. It is: (.*)"
)
LAST_LINE = "whole"

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `kind` is run, stray, ask or leave."""

    name: str
    kind: str
    options: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """What it asks the person."""
        return f"Which one for step:{self.name}?"


@dataclass(frozen=True, slots=True)
class Part:
    """A task's steps, and where its workspace lies."""

    task: str
    steps: tuple[Step, ...]
    workspace: str

    def next(self, messages: Messages) -> Turn:
        """What the model says next in that conversation."""
        done, written = _done(messages), _written(messages)
        step = next((each for each in self.steps if each.name not in done), None)
        if step is None:
            return turn("All of it is done.")
        if step.kind == "leave" and step.name in written:
            return turn(f"I wait for the answer to step:{step.name}.")
        return turn(f"I go on with {step.name}.", self._call(step))

    @property
    def work(self) -> str:
        """The file it makes, which is no other task's: a report that compares them all is another test."""
        return f"{self.task}.txt"

    def _call(self, step: Step) -> Mapping[str, Any]:
        line = LAST_LINE if step == self.steps[-1] else step.name
        match step.kind:
            case "stray":  # it leaves its session, its parent and its group, and holds none of its streams
                return bash(f"setsid -f sleep 86400 >/dev/null 2>&1; echo {line} >> {self.work} # step:{step.name}")
            case "ask":
                options = [{"label": each, "description": "one of them"} for each in step.options]
                asked = {"question": step.question, "header": "Which", "multiSelect": False, "options": options}
                return call("AskUserQuestion", questions=[asked])
            case "leave":
                return call("Write", file_path=f"{self.workspace}/io/question.md", content=step.question)
        return bash(f"sleep 0.{step.name[-1]}; echo {line} >> {self.work} # step:{step.name}")

    def answers(self, messages: Messages) -> Iterator[tuple[str, str]]:
        """Every answer the agent was told, with the step that asked."""
        asked = ""
        for block in _blocks(messages):
            if block["type"] == "tool_use" and (found := STEP.search(str(block["input"]))):
                asked = found[1]
            yield from LATE.findall(_words(block))
            for pattern in TOLD:
                for answer in pattern.findall(_words(block)):
                    named = STEP.search(answer)  # an answer may be told once more later
                    yield named[1] if named else asked, answer


def _done(messages: Messages) -> set[str]:
    """The steps that came to an end: a command that ran, a question that was answered."""
    return _written(messages, but="leave") | {step for step, _ in Part("", (), "").answers(messages)}


def _written(messages: Messages, but: str = "") -> set[str]:
    """The steps whose call went well; `but` leaves those out that only ask."""
    calls, found = dict[str, Mapping[str, Any]](), set[str]()
    for block in _blocks(messages):
        if block["type"] == "tool_use":
            calls[block["id"]] = block
        elif block["type"] == "tool_result" and not block["is_error"] and block["tool_use_id"] in calls:
            made = calls[block["tool_use_id"]]
            if (not but or made["name"] != "Write") and (step := STEP.search(str(made["input"]))):
                found.add(step[1])
    return found


def _blocks(messages: Messages) -> Iterator[Mapping[str, Any]]:
    for message in messages:
        yield from message["content"]


def _words(block: Mapping[str, Any]) -> str:
    return str(block.get("content") or "") if block["type"] == "tool_result" else str(block.get("text") or "")


def part(task: str, chance: random.Random, workspace: str, steps: int) -> Part:
    """A part by chance: commands, some of which leave a process behind; one question in every second task."""
    kinds = ["run"] * steps
    if chance.random() < 0.3:
        kinds[chance.randrange(steps - 1)] = "stray"
    if chance.random() < 0.5:
        kinds[chance.randrange(steps - 1)] = chance.choice(("ask", "leave"))
    options = ("left", "right") if chance.random() < 0.5 else ("up", "down", "stay")
    found = (Step(f"{task}.{n}", kind, options if kind == "ask" else ()) for n, kind in enumerate(kinds))
    return Part(task, tuple(found), workspace)
