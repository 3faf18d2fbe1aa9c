"""Answers that a resumed CLI asks its hook for: seen to be heard, or told another way; each once."""

import itertools
import json
from typing import Any

import pytest

from dayshift.claude import claude_calls
from dayshift.events import Event, Reached
from dayshift.model import Record
from dayshift.running import deferral
from dayshift.running.guidance import Delivery
from dayshift.states import Running
from tests.house import ASKED, DEFERRED, House, answers, ran, running

CALL = {"type": "tool_use", "id": "toolu_1", "name": "AskUserQuestion", "input": {"questions": []}}
TOLD = {"type": "tool_result", "tool_use_id": "toolu_1", "content": 'Your questions have been answered: "a"="b"'}
LOST = {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True,
        "content": "<tool_use_error>PreToolUse hook error: read ECONNRESET</tool_use_error>"}  # fmt: skip
REASON = claude_calls.answer("b")["hookSpecificOutput"]["permissionDecisionReason"]
REFUSED = {**LOST, "content": f"<tool_use_error>PreToolUse:AskUserQuestion hook error: {REASON}</tool_use_error>"}


def body(*blocks: dict[str, Any]) -> bytes:
    """A request of an agent that has tools."""
    messages: list[Any] = [{"role": "user", "content": "Do it."}]
    for kind, some in itertools.groupby(blocks, lambda block: block["type"]):
        messages.append({"role": "assistant" if kind == "tool_use" else "user", "content": list(some)})
    return json.dumps({"tools": [{"name": "Bash", "input_schema": {}}], "messages": messages}).encode()


@pytest.mark.parametrize(
    ("blocks", "heard"),
    [
        ((CALL, TOLD), True),
        ((CALL, REFUSED), True),  # how the CLI passes on the hook's answer (seen with 2.1.329)
        ((CALL, {**CALL, "id": "toolu_2"}, REFUSED, {**LOST, "tool_use_id": "toolu_2"}), True),  # two in one turn
        ((CALL, LOST), False),
        ((CALL,), False),
        ((), False),
        ((CALL, {**LOST, "is_error": False}), False),  # a wrapped error that does not say it is one
        ((CALL, LOST, {**CALL, "id": "toolu_2"}, {**TOLD, "tool_use_id": "toolu_2"}), True),  # asked once more
        ((CALL, TOLD, {**CALL, "id": "toolu_2"}, {**LOST, "tool_use_id": "toolu_2"}), False),
    ],
)
def test_a_conversation_shows_whether_its_last_question_was_answered(blocks: Any, heard: bool) -> None:
    assert deferral.arrived(body(*blocks)) is heard


def answered() -> House:
    """A task that asked through the CLI's own tool, was answered, and is at work again."""
    house = running()
    house.happens(ran(**DEFERRED), answers("50"))
    assert isinstance(house["a"].state, Running)
    assert house["a"].unheard_answer is not None
    return house


def asks(record: Record, request: bytes, **headers: str) -> list[Event]:
    """What a request of the task's agent makes known once it is served."""
    said: list[Event] = []
    Delivery(lambda _: record, lambda *_: None, said.append).passing("a", request, headers)()
    return said


def test_an_answer_that_came_through_is_heard_once() -> None:
    house = answered()
    (reached,) = asks(house["a"], body(CALL, TOLD))
    assert reached == Reached("a", 1, arrived=True)
    house.happens(reached, reached)
    assert (house["a"].unheard_answer, house["a"].guidance) == (None, ())
    assert asks(house["a"], body(CALL, TOLD)) == []


def test_an_answer_that_a_kill_ate_is_told_as_guidance_once() -> None:
    house = answered()
    (reached,) = asks(house["a"], body(CALL, LOST))
    house.happens(reached, reached)
    (told,) = house["a"].guidance
    assert told.text == "You asked: Which page size?\nThe answer got lost on its way to you. It is: 50"
    assert house["a"].unheard  # so a run that ends without having heard it goes on


def test_a_request_of_a_subagent_or_beside_the_conversation_says_nothing_of_it() -> None:
    house = answered()
    assert asks(house["a"], body(CALL, LOST), **{"x-claude-code-agent-id": "sub"}) == []
    assert asks(house["a"], b'{"messages": []}') == []


def test_an_answer_in_the_prompt_needs_no_watching() -> None:
    house = running()
    house.happens(ran(**ASKED, finished=True), answers("50"))
    assert house["a"].unheard_answer is None
    assert isinstance(house["a"].state, Running)
