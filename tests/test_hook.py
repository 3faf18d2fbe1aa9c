"""The hook's answers: the guard's verdict, a question put off, the person's answer to it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from dayshift.attempts import Blocked, Verdict
from dayshift.events import Bypassed, Denied, Event
from dayshift.messages.tool_calls import ToolCalls
from dayshift.proxy.second_sight import SecondSight
from dayshift.running.hook import ONE_AT_A_TIME, Hook
from tests.house import NINE, FakeClock

ONE = {"questions": [{"question": "Which page size?", "options": [{"label": "20"}, {"label": "50"}]}]}
OTHER = {"questions": [{"question": "Which order?", "options": []}]}
FORBIDDEN = Verdict(False, "git-network", "no network; leave the commit to the person")


class Around:
    """A hook whose guard forbids `git push`, and everything it was told to pass on."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], str] = {}
        self.said = ""  # what the person says beside
        self.visited: set[str] = set()  # tasks the person is in
        self.log: list[tuple[str, str]] = []
        self.begun: list[tuple[str, str]] = []
        self.events: list[Event] = []
        self.sight = SecondSight(self.judge, lambda *entry: None, self.events.append, FakeClock())
        self.hook = Hook(
            self.judge, self.sight, self.answer, lambda *call: self.begun.append(call),
            lambda *entry: self.log.append(entry), self.events.append, FakeClock(), lambda *call: self.said,
            lambda task_id: task_id in self.visited,
        )  # fmt: skip

    def judge(self, task_id: str, tool: str, tool_input: Mapping[str, Any]) -> Verdict:
        if tool == "Broken":
            raise RuntimeError("the guard itself fails")
        return FORBIDDEN if tool_input.get("command") == "git push" else Verdict(True)

    def answer(self, task_id: str, tool_input: Mapping[str, Any]) -> str | None:
        return self.answers.get((task_id, str(tool_input)))

    async def decides(self, tool: str, tool_input: object, task_id: str = "a") -> tuple[str, str]:
        """The decision and its reason."""
        answer = await self.hook(task_id, {"tool_name": tool, "tool_input": tool_input})
        decision = answer["hookSpecificOutput"]
        assert decision["hookEventName"] == "PreToolUse"
        return decision["permissionDecision"], decision.get("permissionDecisionReason", "")


@pytest.fixture
def around() -> Around:
    return Around()


async def test_what_the_guard_allows_is_allowed_and_logged(around: Around) -> None:
    assert await around.decides("Bash", {"command": "git  status"}) == ("allow", "")
    assert around.log == [("a", "allowed Bash: git status")]
    assert around.events == []
    assert around.begun == [("a", "git  status")]


async def test_what_the_guard_forbids_is_denied_with_its_reason_logged_and_counted(around: Around) -> None:
    assert await around.decides("Bash", {"command": "git push"}) == ("deny", f"dayshift: {FORBIDDEN.reason}")
    assert around.log == [("a", f"BLOCKED Bash: git push [git-network] {FORBIDDEN.reason}")]
    assert around.events == [Denied("a", Blocked(NINE, "Bash", "git push", "git-network", FORBIDDEN.reason))]


@pytest.mark.parametrize("tool_input", [None, "git status", [], 5])
async def test_a_call_that_cannot_be_read_is_denied(around: Around, tool_input: object) -> None:
    assert await around.decides("Bash", tool_input) == ("deny", "dayshift: the tool call could not be read")


async def test_a_guard_that_fails_says_nothing_so_that_the_call_is_blocked(around: Around) -> None:
    with pytest.raises(RuntimeError):
        await around.decides("Broken", {})


def passes(around: Around, command: str) -> None:
    """The model calls Bash on the wire; the call's id is `toolu_1`."""
    block = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": command}}
    calls = ToolCalls()
    calls.message(json.dumps({"content": [block], "stop_reason": "tool_use"}).encode())
    watch = around.sight.watch("a", b'{"tools": [{"name": "Bash"}]}', {})
    watch.see(calls)
    watch.whole(calls)


@pytest.mark.parametrize(("call_id", "asked"), [("toolu_1", True), ("toolu_2", False), (None, False)])
async def test_second_sight_hears_of_the_very_call_that_is_refused(
    around: Around, call_id: str | None, asked: bool
) -> None:
    passes(around, "git push")
    await around.hook("a", {"tool_name": "Bash", "tool_input": {"command": "git push"}, "tool_use_id": call_id})
    around.sight.ended("a", finished=True)
    assert any(isinstance(event, Bypassed) for event in around.events) is not asked


async def test_a_new_run_forgets_the_calls_of_the_one_before(around: Around) -> None:
    passes(around, "git push")
    around.hook.begin("a")
    around.sight.ended("a", finished=True)
    assert around.events == []


async def test_a_question_is_put_off_however_often_it_is_asked(around: Around) -> None:
    for _ in range(2):
        assert await around.decides("AskUserQuestion", ONE) == ("defer", "")
    assert around.log[0] == ("a", "asks: Which page size?")


async def test_a_second_question_of_the_same_run_is_to_be_asked_later(around: Around) -> None:
    await around.decides("AskUserQuestion", ONE)
    assert await around.decides("AskUserQuestion", OTHER) == ("deny", ONE_AT_A_TIME)
    assert await around.decides("AskUserQuestion", OTHER, "b") == ("defer", "")


async def test_the_next_run_may_ask_the_next_question(around: Around) -> None:
    await around.decides("AskUserQuestion", ONE)
    around.hook.begin("a")
    around.hook.begin("never asked")
    assert await around.decides("AskUserQuestion", OTHER) == ("defer", "")


async def test_an_answered_question_gets_its_answer(around: Around) -> None:
    around.answers["a", str(ONE)] = "50"
    decision, told = await around.decides("AskUserQuestion", ONE)
    assert (decision, "the person's answer to your question: 50" in told) == ("deny", True)
    assert around.log == [("a", "is answered: 50")]
    assert await around.decides("AskUserQuestion", OTHER) == ("defer", "")


async def test_asking_is_never_held_against_an_agent(around: Around) -> None:
    for question in (ONE, OTHER, {}, {"questions": [7]}):
        await around.decides("AskUserQuestion", question)
    assert around.events == []


async def test_what_the_person_says_is_beside_leave_at_the_end_of_a_refusal_and_nowhere_in_a_question_put_off(
    around: Around,
) -> None:
    around.said = "The person says [1]: use tabs"
    answer = await around.hook("a", {"tool_name": "Bash", "tool_input": {"command": "git status"}})
    assert answer["hookSpecificOutput"]["permissionDecision"] == "allow"
    assert answer["hookSpecificOutput"]["additionalContext"] == around.said
    assert await around.decides("Bash", {"command": "git push"}) == (
        "deny",
        f"dayshift: {FORBIDDEN.reason}\n\n{around.said}",
    )
    around.answers["a", str(ONE)] = "50"
    assert (await around.decides("AskUserQuestion", ONE))[1].endswith(f"Go on with it.\n\n{around.said}")
    assert await around.decides("AskUserQuestion", OTHER) == ("defer", "")


async def test_whoever_is_in_the_session_is_asked_there_and_the_guard_stays_as_it_is(around: Around) -> None:
    around.visited.add("a")
    assert await around.decides("AskUserQuestion", ONE) == ("ask", "")
    assert await around.decides("AskUserQuestion", OTHER) == ("ask", "")
    assert await around.decides("Bash", {"command": "git push"}) == ("deny", f"dayshift: {FORBIDDEN.reason}")
    assert await around.decides("AskUserQuestion", ONE, "b") == ("defer", "")
