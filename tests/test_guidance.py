"""Guidance: what the person says to a task is taken once, told at the next turn, and told again until it was heard."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayshift import records
from dayshift.claude.claude_calls import AGENT_HEADER
from dayshift.conversation import Guidance
from dayshift.deciding.setbacks import GO_ON
from dayshift.events import Event, Guided, Heard
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.running import guidance
from dayshift.running.guidance import AT_ONCE, LONGEST, Delivery
from dayshift.states import Done, Parked, ParkReason, Running
from tests.command_line import ROOT, add, daemon, run
from tests.house import (
    ASKED,
    DEFERRED,
    HOUR,
    NINE,
    Facts,
    House,
    answers,
    ended_by_us,
    fails,
    finished,
    found,
    hands_in,
    passes,
    ran,
    record,
    running,
    says,
    task,
)
from tests.test_decisions import HAPPENINGS, NAMES

BASH = {"tool_name": "Bash", "tool_input": {"command": "ls"}}


def told(text: str = "use tabs", key: str = "r1", task_id: str = "a") -> Guided:
    return Guided(task_id, Guidance(key, text, NINE), key)


def hears(*numbers: int, task_id: str = "a") -> Heard:
    return Heard(task_id, frozenset(numbers or [1]))


def heard(house: House) -> list[bool]:
    return [each.heard for each in house["a"].guidance]


# --- taken once ---------------------------------------------------------------------------------------


def test_guidance_is_durable_before_it_is_acknowledged() -> None:
    house = running()
    house.desk.saved.clear()
    house.happens(told())
    assert [each.guidance[0].text for each in house.desk.saved] == ["use tabs"]
    assert house.desk.replies[-1] == ("r1", ("a: it hears that at its next turn",), True)


def test_the_same_request_twice_is_one_guidance_and_acknowledged_twice() -> None:
    house = running().happens(told(), told(), told(key="r2"))
    assert [each.id for each in house["a"].guidance] == ["r1", "r2"]
    assert [(request, ok) for request, _, ok in house.desk.replies[-3:]] == [("r1", True), ("r1", True), ("r2", True)]


def test_guidance_for_a_task_that_is_unknown_or_has_ended_is_refused_with_the_cure() -> None:
    house = running(task("a", max_attempts=1)).happens(told(task_id="z"), finished(), passes(), told())
    assert house.desk.replies[-2:] == [
        ("r1", ("there is no task z; `status` lists them",), False),
        ("r1", ("a is done and hears nothing any more; write a new task",), False),
    ]
    house = running().happens(says("cancel"), ended_by_us(), told())
    assert "`dayshift retry a` first" in house.desk.replies[-1][1][0]
    assert house["a"].guidance == ()


@pytest.mark.parametrize(
    ("happenings", "when"),
    [
        ([], "at its next turn"),
        ([says("pause")], "when it goes on"),
        ([finished()], "after its checks"),
        ([ran(**ASKED)], "when its question is answered"),
        ([says("pause"), ended_by_us()], "when it goes on"),
    ],
)
def test_the_person_is_told_when_it_will_be_heard(happenings: list[Event], when: str) -> None:
    assert running().happens(*happenings, told()).desk.replies[-1][1] == (f"a: it hears that {when}",)


def test_records_of_before_have_no_guidance_and_new_ones_keep_it(tmp_path: Path) -> None:
    known = replace(record(Running(NINE, 1)), guidance=(Guidance("r1", "use tabs", NINE, "telegram", 1, True),))
    data = records.to_json(known)
    assert records.from_json(data) == known
    del data["guidance"]
    assert records.from_json(data).guidance == ()


@pytest.mark.parametrize(
    ("text", "why"), [(" \n", "no words"), ("x" * (LONGEST + 1), f"{LONGEST} are the most"), ("use tabs", "")]
)
def test_what_cannot_be_said_is_refused_with_its_cure(text: str, why: str) -> None:
    assert why in guidance.unfit(text)
    assert bool(guidance.unfit(text)) == bool(why)


# --- what becomes of the task -------------------------------------------------------------------------


def test_a_run_that_ends_without_having_heard_is_followed_by_another_one() -> None:
    house = running().happens(told(), finished())
    assert (house.states, house["a"].runs, house["a"].attempt) == ("a running", 2, 1)
    house.happens(finished(run=2))
    assert (house.states, heard(house)) == ("a verifying", [True])  # its prompt said it, so it was heard
    assert house.happens(passes()).states == "a done"


def test_a_run_that_has_heard_goes_to_its_checks() -> None:
    assert running().happens(told(), hears(), finished()).states == "a verifying"


def test_what_is_said_during_the_checks_is_heard_before_the_task_is_done() -> None:
    house = running().happens(finished(), told(), passes())
    assert (house.states, house["a"].attempt) == ("a running", 1)
    assert house.happens(finished(run=2), passes()).states == "a done"


def test_checks_that_fail_are_told_with_the_guidance() -> None:
    house = running().happens(finished(), told(), fails())
    assert (house.states, house["a"].attempt) == ("a running", 2)
    assert "exited with 2" in (house["a"].say or "")
    assert house["a"].guidance[0].run == 2


@pytest.mark.parametrize("ending", [{"how": "lost"}, {"error": "API Error: overloaded"}, {"error": "out of tokens"}])
def test_a_run_that_did_not_come_to_its_end_leaves_it_to_the_next(ending: Facts) -> None:
    house = running().happens(told(), ran(steps=1, **ending), HOUR)
    assert heard(house) == [False]
    assert guidance.prompt(house["a"]).startswith("The person says [1]: use tabs\n\n")


def test_a_pause_is_not_talked_over_by_guidance() -> None:
    house = running().happens(told(), says("pause"), finished())
    assert isinstance(house["a"].state, Parked)
    assert (house["a"].state.why, house["a"].say) == (ParkReason.paused, None)
    house.happens(says("resume"))
    assert (house.states, house["a"].guidance[0].run) == ("a running", 2)


def test_a_halt_or_a_cancel_needs_no_further_run() -> None:
    assert running().happens(told(), says("cancel"), ended_by_us()).states == "a cancelled"


def test_a_deferred_answer_is_not_talked_over() -> None:
    house = running().happens(ran(**DEFERRED), told(), answers("50"))
    assert (house["a"].say, guidance.prompt(house["a"]), house["a"].guidance[0].run) == ("", "", 0)


def test_an_answer_in_words_goes_with_the_guidance() -> None:
    house = running().happens(ran(**ASKED), told(), answers("50"))
    assert GO_ON in (house["a"].say or "")
    assert "use tabs" in guidance.prompt(house["a"])


def test_a_new_session_after_a_quarantine_is_told_anew() -> None:
    house = running().happens(told(), hears(), ran(findings=(found("a hook was planted", halts=True),)), says("retry"))
    assert (house["a"].session_id != "session-1", heard(house)) == (True, [False])


GUIDANCE = st.builds(told, st.just("use tabs"), st.sampled_from(["r1", "r2", "r3"]), NAMES)
HEARD = st.builds(lambda task_id, number: hears(number, task_id=task_id), NAMES, st.integers(1, 3))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(HAPPENINGS, GUIDANCE, HEARD), max_size=40))
def test_whatever_happens_guidance_is_kept_and_no_task_is_done_that_has_not_heard_it(happenings: list[Any]) -> None:
    house = House().happens(hands_in(task("a"), task("b", "a"), task("c")))
    known: dict[str, list[str]] = {}
    for each in happenings:
        house.happens(each)
        for task_id, now in house.orchestrator.records.items():
            ids = [one.id for one in now.guidance]
            assert ids[: len(known.get(task_id, []))] == known.get(task_id, [])
            assert len(set(ids)) == len(ids)
            assert not (isinstance(now.state, Done) and now.unheard)
            known[task_id] = ids


# --- how it is delivered ------------------------------------------------------------------------------


class Wire:
    """A delivery with one task at work, what it wrote down, and the requests of its agent."""

    def __init__(self, *texts: str) -> None:
        said = tuple(Guidance(f"r{number}", text, NINE) for number, text in enumerate(texts))
        self.record = replace(record(Running(NINE, 1)), runs=1, guidance=said)
        self.log: list[str] = []
        self.events: list[Event] = []
        self.delivery = Delivery(lambda _: self.record, lambda _, text: self.log.append(text), self.events.append)
        self.body = b'{"tools": [{"name": "Bash", "input_schema": {}}]}'

    def calls(self, **more: Any) -> str:
        """What the agent is told beside its next tool call."""
        said = self.delivery.beside("a", {**BASH, **more})
        self.body += said.encode()
        return said

    def asks(self, body: bytes | None = None, **headers: str) -> None:
        """A request of the agent, served."""
        self.delivery.passing("a", self.body if body is None else body, headers)()

    def begins(self, run: int) -> None:
        """A run begins that is told everything in its prompt."""
        said = tuple(replace(each, run=run) for each in self.record.guidance)
        self.record = replace(self.record, runs=run, guidance=said)
        self.delivery.begin(self.record)
        self.body += guidance.prompt(self.record).encode()

    @property
    def heard(self) -> list[int]:
        return [number for event in self.events if isinstance(event, Heard) for number in sorted(event.numbers)]


def test_it_is_told_with_one_tool_call_and_never_again_once_heard() -> None:
    wire = Wire("use tabs", "be quick")
    assert wire.calls() == "The person says [1]: use tabs\n\nThe person says [2]: be quick"
    assert (wire.calls(), wire.heard) == ("", [])  # a second call of the same turn
    wire.asks()
    wire.asks()
    assert (wire.calls(), wire.heard) == ("", [1, 2])
    assert wire.log == ["The person says [1]: use tabs", "The person says [2]: be quick"]


def test_what_did_not_reach_the_model_is_told_again() -> None:
    wire = Wire("use tabs")
    wire.delivery.beside("a", BASH)
    wire.asks()  # without it
    assert wire.calls() == "The person says [1]: use tabs"
    wire.asks()
    assert wire.heard == [1]


def test_a_request_that_was_not_served_has_told_nothing() -> None:
    wire = Wire("use tabs")
    wire.calls()
    wire.delivery.passing("a", wire.body, {})
    assert wire.heard == []
    assert wire.calls() == ""  # the CLI asks again with the same words
    wire.asks()
    assert wire.heard == [1]


def test_subagents_and_asides_neither_hear_nor_count() -> None:
    wire = Wire("use tabs")
    assert wire.calls(agent_id="a1") == ""
    wire.calls()
    wire.asks(body=b'{"messages": []}')
    wire.asks(body=b'{"tools": [{"input_schema": {}}]}', **{AGENT_HEADER: "a1"})
    assert (wire.calls(), wire.heard) == ("", [])


def test_words_that_stood_there_before_it_was_told_do_not_count() -> None:
    wire = Wire("use tabs")
    wire.asks(body=wire.body + b"The person says [1]: in a file of the project")
    assert wire.heard == []


def test_words_of_the_agent_that_begin_alike_do_not_count() -> None:
    """It wrote the mark before anything was said; what was said then was lost on the way."""
    wire = Wire('use "tabs"\nand four of them')
    wire.body += b"The person says [1]: nothing of importance"
    wire.delivery.beside("a", BASH)
    wire.asks()
    assert wire.heard == []
    wire.calls()
    wire.asks(body=wire.body + rb"The person says [1]: use \"tabs\"\nand four of them")
    assert wire.heard == [1]


def test_what_the_prompt_says_is_not_told_with_a_tool_call() -> None:
    wire = Wire("use tabs")
    wire.begins(1)
    assert (wire.calls(), wire.log) == ("", ["The person says [1]: use tabs"])
    wire.asks()
    assert wire.heard == [1]


def test_the_next_daemon_knows_what_the_prompt_said() -> None:
    wire = Wire("use tabs")
    wire.record = replace(wire.record, guidance=(replace(wire.record.guidance[0], run=1),))
    assert wire.calls() == ""
    wire.asks(body=wire.body + b"The person says [1]: use tabs")
    assert wire.heard == [1]


def test_what_no_prompt_said_is_told_with_a_tool_call() -> None:
    wire = Wire("use tabs")
    wire.delivery.begin(wire.record)  # a run without a prompt: none of it was left to one
    assert (guidance.prompt(wire.record), wire.log) == ("", [])
    assert wire.calls() == "The person says [1]: use tabs"


def test_much_guidance_is_told_over_several_calls() -> None:
    wire = Wire("a" * LONGEST, "b" * LONGEST, "c" * LONGEST)
    first = wire.calls()
    assert len(first) <= AT_ONCE + 100
    assert ("a" * LONGEST in first, "b" * LONGEST in first, "c" in first) == (True, True, False)
    assert "c" * LONGEST in wire.calls()


def test_a_new_run_is_told_again_what_was_not_heard() -> None:
    wire = Wire("use tabs")
    wire.calls()
    wire.begins(2)
    wire.asks()
    assert wire.heard == [1]


def test_the_instructions_name_the_mark_and_are_not_taken_for_it() -> None:
    instructions = (ROOT / "config" / "agent_instructions.md").read_text()
    assert guidance.mark(1).replace("1", "n") in instructions
    assert not any(guidance.mark(number) in instructions for number in range(10))


# --- the command --------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


def test_say_hands_the_words_to_the_daemon_and_prints_its_word(home: Home) -> None:
    with daemon(home, lambda content: ([f"{content['task']}: it hears that"], content["text"] != "no")) as asked:
        given = run(home, "say", "task-1", "use", "tabs")
        assert (given.returncode, given.stdout) == (0, "task-1: it hears that\n")
        given = run(home, "say", "task-1", "no")
        assert (given.returncode, given.stderr) == (2, "task-1: it hears that\n")
    assert asked[0] == {"kind": "say", "task": "task-1", "text": "use tabs", "by": "command"}


def test_without_a_daemon_say_keeps_the_words_for_the_next_one_unless_nobody_will_hear_them(home: Home) -> None:
    add(home, "task-1", Parked(NINE, ParkReason.stop))
    add(home, "task-2", Done(NINE))
    given = run(home, "say", "task-1", "use tabs")
    assert (given.returncode, given.stdout) == (0, "no daemon runs; that is kept and said at the next start\n")
    assert [request.content["text"] for request in inbox.pending(home)] == ["use tabs"]
    for words, why in (
        (["task-2", "x"], "task-2 is done and hears nothing"),
        (["task-9", "x"], "there is no task task-9"),
        (["task-1", " "], "there are no words in it"),
        (["task-1"], "Missing argument"),
    ):
        refused = run(home, "say", *words)
        assert (refused.returncode, why in refused.stderr) == (2, True)
    assert len(inbox.pending(home)) == 1
