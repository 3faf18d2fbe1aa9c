"""Second sight by histories: what passed on the wire, what the hook said, what came back, and who is blamed."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dayshift.attempts import Verdict
from dayshift.claude.claude_calls import AGENT_HEADER
from dayshift.events import Bypassed, Event
from dayshift.messages.tool_calls import ToolCall, ToolCalls
from dayshift.proxy.second_sight import SecondSight, Watch
from tests.house import NINE, FakeClock

COMMIT, PUSH, STATUS = "git commit -m x", "git push", "git status"
OFFERED = [{"name": "Bash", "input_schema": {}}, {"name": "Read", "input_schema": {}}]


class Wire:
    """One task's run as second sight meets it. The judge forbids what begins with `git` and does not say status."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.log: list[str] = []
        self.lenient = False
        self.sight = SecondSight(self.judge, lambda _, text: self.log.append(text), self.events.append, FakeClock())

    def judge(self, task_id: str, tool: str, tool_input: Mapping[str, Any]) -> Verdict:
        command = str(tool_input.get("command", ""))
        forbidden = command.startswith("git") and command != STATUS and not self.lenient
        return Verdict(False, "git-write", "no") if forbidden else Verdict(True)

    def requests(self, *results: Mapping[str, Any], task_id: str = "a", **headers: str) -> Watch:
        messages = [{"role": "user", "content": list(results)}]
        body = {"tools": OFFERED, "messages": messages}
        return self.sight.watch(task_id, json.dumps(body).encode(), headers)

    def answers(self, *commands: str, watch: Watch | None = None, whole: bool = True, stop: str = "tool_use") -> None:
        """The model calls Bash with each of these; the first call's id is `1`."""
        calls = spoken(*commands, stop=stop)
        watch = watch or self.requests()
        watch.see(calls)
        if whole:
            watch.whole(calls)

    @property
    def blamed(self) -> list[tuple[str, str]]:
        return [(each.bypass.command, each.bypass.how) for each in self.events if isinstance(each, Bypassed)]


def spoken(*commands: str, stop: str = "tool_use", tool: str = "Bash") -> ToolCalls:
    calls = ToolCalls()
    content = [
        {"type": "tool_use", "id": f"{number}", "name": tool, "input": {"command": each}}
        for number, each in enumerate(commands, 1)
    ]
    calls.message(json.dumps({"content": content, "stop_reason": stop}).encode())
    return calls


def result(call_id: str, content: object = "", error: bool | None = None) -> Mapping[str, Any]:
    told = {"type": "tool_result", "tool_use_id": call_id, "content": content}
    return told if error is None else {**told, "is_error": error}


REFUSAL = "PreToolUse:Bash hook error: dayshift: no"
NO_LEAVE, IN_SPITE = "was run without leave of the hook", "was run although the hook had refused it"
NEVER_ASKED = "was never put to the hook"
UNKNOWN = "<tool_use_error>Error: No such tool available: Bash</tool_use_error>"
INTERRUPTED = "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a …"
Step = Callable[[Wire], Any]


def says(*commands: str, **how: Any) -> Step:
    return lambda wire: wire.answers(*commands, **how)


def hook(call_id: str, refused: bool) -> Step:
    return lambda wire: wire.sight.asked("a", call_id, refused)


def comes_back(*results: Mapping[str, Any]) -> Step:
    return lambda wire: wire.requests(*results)


def ends(finished: bool = True) -> Step:
    return lambda wire: wire.sight.ended("a", finished)


def begins() -> Step:
    return lambda wire: wire.sight.begin("a")


def changes_its_mind() -> Step:
    """What a command would run is not what it was, and the judge now allows it."""
    return lambda wire: setattr(wire, "lenient", True)


def of_a_subagent(*commands: str) -> Step:
    return lambda wire: wire.answers(*commands, watch=wire.requests(**{AGENT_HEADER: "a1b2"}))


BLAMED: dict[str, tuple[list[Step], list[tuple[str, str]]]] = {
    "run, and the hook never asked": ([says(COMMIT), comes_back(result("1", "done"))], [(COMMIT, NO_LEAVE)]),
    "run and refused by the kernel": ([says(COMMIT), comes_back(result("1", "Exit code 128", True))],
                                      [(COMMIT, NO_LEAVE)]),
    "told once": ([says(COMMIT), comes_back(result("1")), comes_back(result("1")), ends()], [(COMMIT, NO_LEAVE)]),
    "the one of three": ([says(STATUS, COMMIT, PUSH), hook("3", True),
                          comes_back(result("1"), result("2"), result("3", REFUSAL, True))], [(COMMIT, NO_LEAVE)]),
    "a hook that allows what is forbidden": ([says(COMMIT), hook("1", False), comes_back(result("1"))],
                                             [(COMMIT, NO_LEAVE)]),
    "run in spite of the refusal": ([says(COMMIT), hook("1", True), comes_back(result("1", "done", False))],
                                    [(COMMIT, IN_SPITE)]),
    "a refusal without a word of error": ([says(COMMIT), hook("1", True), comes_back(result("1", "done"))],
                                          [(COMMIT, IN_SPITE)]),
    "the end, and never asked": ([says(COMMIT, PUSH), hook("2", True), ends()], [(COMMIT, NEVER_ASKED)]),
    "an answer that was cut, and run": ([says(COMMIT, whole=False), comes_back(result("1"))], [(COMMIT, NO_LEAVE)]),
    "a subagent's, run": ([of_a_subagent(COMMIT), comes_back(result("1"))], [(COMMIT, NO_LEAVE)]),
    "output that quotes the CLI's words": (
        [says(COMMIT), comes_back(result("1", "Exit code 1\n" + UNKNOWN, True))], [(COMMIT, NO_LEAVE)]),
    "the person's no without an error": ([says(COMMIT), comes_back(result("1", INTERRUPTED))], [(COMMIT, NO_LEAVE)]),
    "the CLI's words without an error": ([says(COMMIT), comes_back(result("1", UNKNOWN))], [(COMMIT, NO_LEAVE)]),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "blamed"), BLAMED.values(), ids=BLAMED)
def test_the_hook_was_bypassed(steps: list[Step], blamed: list[tuple[str, str]]) -> None:
    wire = Wire()
    for step in steps:
        step(wire)
    assert wire.blamed == blamed


HONEST: dict[str, list[Step]] = {
    "allowed": [says(STATUS), hook("1", False), comes_back(result("1")), ends()],
    "refused": [says(COMMIT), hook("1", True), comes_back(result("1", REFUSAL, True)), ends()],
    "refused before it was seen whole": [hook("1", True), says(COMMIT), comes_back(result("1", REFUSAL, True)), ends()],
    "refused in blocks": [says(COMMIT), hook("1", True),
                          comes_back(result("1", [{"type": "text", "text": REFUSAL}], True)), ends()],
    "interrupted by the person before the hook was asked": [says(COMMIT), comes_back(result("1", INTERRUPTED, True)),
                                                            ends()],
    "refused, and the run ends": [says(COMMIT), hook("1", True), ends()],
    "refused, its result never told": [says(COMMIT), hook("1", True), comes_back(), comes_back(), ends()],
    "no such tool": [says(COMMIT), comes_back(result("1", UNKNOWN, True)), ends()],
    "no such tool, in blocks": [says(COMMIT), comes_back(result("1", [{"type": "text", "text": UNKNOWN}], True))],
    "cut": [says(COMMIT, whole=False), ends()],
    "cut off by the limit of its answer": [says(COMMIT, stop="max_tokens"), ends()],
    "a subagent still at work": [of_a_subagent(COMMIT), ends()],
    "stopped, parked, killed or deferred": [says(COMMIT), ends(finished=False)],
    "an earlier run's": [says(COMMIT), ends(finished=False), begins(), comes_back(result("1")), ends()],
    "an earlier run's, cut off late": [begins(), says(COMMIT), begins(), comes_back(result("1")), ends()],
    "an earlier daemon's": [comes_back(result("1")), ends()],
    "what it would run has changed": [says(COMMIT), changes_its_mind(), hook("1", False), comes_back(result("1"))],
    "somebody else's result": [says(STATUS), comes_back(result("7")), ends()],
}  # fmt: skip


@pytest.mark.parametrize("steps", HONEST.values(), ids=HONEST)
def test_an_honest_agent_is_not_blamed(steps: list[Step]) -> None:
    wire = Wire()
    for step in steps:
        step(wire)
    assert wire.blamed == []


def test_a_tool_that_was_not_offered_is_none() -> None:
    wire = Wire()
    wire.requests().see(spoken(COMMIT, tool="Shell"))
    wire.requests(result("1"))
    assert wire.blamed == []


def test_tasks_are_told_apart() -> None:
    wire = Wire()
    wire.answers(COMMIT)
    wire.requests(result("1"), task_id="b")
    wire.sight.begin("b")
    assert wire.blamed == []
    wire.requests(result("1"))
    assert wire.blamed == [(COMMIT, NO_LEAVE)]


def test_a_bypass_is_logged_and_told_with_time_tool_and_rule() -> None:
    wire = Wire()
    wire.answers(COMMIT)
    wire.requests(result("1"))
    (event,) = wire.events
    assert isinstance(event, Bypassed) and event.task_id == "a"
    assert (event.bypass.at, event.bypass.tool, event.bypass.rule) == (NINE, "Bash", "git-write")
    assert wire.log == [f"THE GUARD WAS BYPASSED: Bash: {COMMIT} [git-write] {NO_LEAVE}"]


RUBBISH = [b"", b"{", b"[]", b'{"messages": 3}', b'{"messages": [3, {"content": "x"}, {"content": [1, {}]}]}',
           b"[" * 100_000, b'{"tools": "x"}', b"\xff"]  # fmt: skip


@pytest.mark.parametrize("body", RUBBISH)
def test_a_request_that_cannot_be_read_hurts_nobody(body: bytes) -> None:
    wire = Wire()
    wire.answers(COMMIT)
    watch = wire.sight.watch("a", body, {})
    watch.see(spoken(PUSH))
    assert wire.blamed == []


def test_a_judge_that_fails_does_not_break_the_answer() -> None:
    def fails(*call: object) -> Verdict:
        raise RuntimeError("the guard itself fails")

    sight = SecondSight(fails, lambda *entry: None, lambda event: None, FakeClock())
    sight.watch("a", b"{}", {}).see(spoken(COMMIT))


# --- calls on the wire ----------------------------------------------------------------------------------


def streamed(*events: Mapping[str, Any]) -> list[ToolCall]:
    calls = ToolCalls()
    for event in events:
        calls.event(json.dumps(event).encode())
    return calls.taken()


def start(index: int = 0, **block: Any) -> Mapping[str, Any]:
    whole = {"type": "tool_use", "id": "1", "name": "Bash", "input": {}, **block}
    return {"type": "content_block_start", "index": index, "content_block": whole}


def part(text: str, index: int = 0) -> Mapping[str, Any]:
    delta = {"type": "input_json_delta", "partial_json": text}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def stop(index: int = 0) -> Mapping[str, Any]:
    return {"type": "content_block_stop", "index": index}


def test_a_call_is_whole_when_its_block_ends() -> None:
    assert streamed(start(), part(""), part('{"command": '), part('"ls"}')) == []
    assert streamed(start(), part(""), part('{"command": '), part('"ls"}'), stop()) == [
        ToolCall("1", "Bash", {"command": "ls"})
    ]


def test_calls_are_told_apart_by_their_index() -> None:
    events = (start(), start(1, id="2"), part('{"a": 1}', 1), part('{"b": 2}'), stop(1), stop())
    assert [(call.id, call.input) for call in streamed(*events)] == [("2", {"a": 1}), ("1", {"b": 2})]


def test_an_input_may_come_with_the_start() -> None:
    assert streamed(start(input={"command": "ls"}), stop())[0].input == {"command": "ls"}


@pytest.mark.parametrize(
    "events",
    [
        [start(id=3), stop()],
        [start(name=None), stop()],
        [start(), part('{"command": "l'), stop()],
        [start(), part("[1]"), stop()],
        [start(), part("{" * 100_000), stop()],
        [start(), *[part("x" * 100_000)] * 11, stop()],
        [part("{}"), stop()],
        [{"type": "content_block_start", "index": "x", "content_block": {"type": "tool_use"}}],
        [{"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "id": "1"}}, stop()],
        [{"says": '"tool_use"'}, ["tool_use"]],
    ],
)
def test_what_is_no_call_is_passed_over(events: list[Any]) -> None:
    assert streamed(*events) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"content": "x"}', b'{"content": [1, {"type": "text"}]}'])
def test_a_document_without_calls_has_none(body: bytes) -> None:
    calls = ToolCalls()
    calls.message(body)
    assert calls.taken() == []


def test_the_word_of_a_stopping_model_is_kept() -> None:
    calls = ToolCalls()
    calls.event(json.dumps({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}).encode())
    assert calls.stop_reason == "tool_use"
