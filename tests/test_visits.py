"""Visits by histories: who makes way for the person, what the task is again afterwards, what its session is told."""

import pytest

from dayshift.deciding.visits import GO_ON, LEFT
from dayshift.events import AttachAsked, Opened, Tick
from dayshift.model import Record
from dayshift.states import Parked, ParkReason, Queued, Running, Visit, Waiting
from tests.house import (
    ASKED,
    DEFERRED,
    NINE,
    USED_UP,
    House,
    answers,
    bypassed,
    capped,
    denied,
    ended_by_us,
    fails,
    finished,
    found,
    hands_in,
    left_by_an_earlier_daemon,
    limited,
    passes,
    question,
    ran,
    record,
    running,
    says,
    stops,
    task,
)

NOTHING = Tick()
TOLD = f"{LEFT} {GO_ON}"


def attaches(task_id: str = "a", keep: bool = False) -> AttachAsked:
    return AttachAsked(task_id, "wish", "xterm", keep)


def visited(house: House | None = None, keep: bool = False) -> House:
    """A house in whose task `a` the person is now: one that ran, unless given."""
    house = house or running()
    house.happens(attaches(keep=keep))
    if house.states == "a running(parked)":
        house.happens(ended_by_us())
    house.happens(Opened("a"))
    assert house["a"].state.reason == "attached: you are in its session"
    house.calls()
    return house


def leaves(house: House) -> House:
    """The person leaves by themselves."""
    return house.happens(ran(run=house["a"].runs))


def replies(house: House) -> list[tuple[str, bool]]:
    return [(" ".join(lines), ok) for request, lines, ok in house.desk.replies if request == "wish"]


def back(record: Record) -> object:
    assert isinstance(record.state, Running) and record.state.visit
    return record.state.visit.back


# --- in ---------------------------------------------------------------------------------------------


def test_a_run_makes_way_and_the_next_run_is_the_persons() -> None:
    house = running().happens(attaches())
    assert (house.states, house.calls()) == ("a running(parked)", "start a1, stop a")
    assert replies(house) == []
    house.happens(ended_by_us())
    assert (house.states, house.calls(), house["a"].runs) == ("a running", "start a2", 2)
    house.happens(Opened("a"))
    assert replies(house) == [("a: attached", True)]


def test_what_queues_is_attached_at_once_whether_there_is_a_free_slot_or_not() -> None:
    house = House(max_agents=1).happens(hands_in(task("b", priority=1), task("a")), attaches())
    assert (house.states, house.calls()) == ("b running, a running", "start b1, start a1")


def test_what_is_checked_is_attached_when_the_checks_have_failed_and_refused_when_they_are_green() -> None:
    red = running().happens(finished(), attaches())
    assert red.states == "a verifying"
    assert isinstance(back(red.happens(fails())["a"]), Queued)
    green = running().happens(finished(), attaches(), passes())
    assert green.states == "a done"
    assert replies(green) == [("a could not be attached: a is done; look at it with `dayshift logs a`", False)]


@pytest.mark.parametrize(
    ("house", "said"),
    [
        (running().happens(finished(), passes()), "a is done"),
        (running().happens(says("cancel"), ended_by_us()), "`dayshift retry a` first"),
        (running().happens(says("cancel")), "a is being ended: by the person"),
        (visited(), "a is attached already"),
        (House().happens(hands_in(task("b"), task("a", "b"))), "it waits for b"),
        (House(), "there is no task a"),
    ],
    ids=["done", "cancelled", "being ended", "attached", "no base", "unknown"],
)
def test_who_cannot_be_let_in_is_told_why(house: House, said: str) -> None:
    before = house.states
    house.happens(attaches())
    assert house.states == before
    (words, ok) = replies(house)[-1]
    assert said in words and not ok


def test_nothing_is_opened_for_somebody_who_has_gone_and_the_agent_goes_on() -> None:
    house = running().happens(attaches())
    house.desk.somebody_waits = False
    house.happens(ended_by_us())
    assert (house.states, house.calls()) == ("a running", "start a1, stop a, start a2")
    assert house["a"].state == Running(house["a"].state.since, 2)
    assert replies(house) == [("a could not be attached: nobody waits for it any more", False)]


def test_a_session_that_cannot_be_opened_is_said_and_changes_nothing_else() -> None:
    house = running().happens(ran(**DEFERRED), answers("50"), says("pause"), ended_by_us(run=2), attaches())
    before = house["a"]
    house.happens(ran(run=house["a"].runs, how="unprepared", error="the disk is full"))
    assert replies(house) == [("a could not be attached: the disk is full", False)]
    assert house.states == "a parked(paused)"
    assert house["a"].say == before.say


# --- and out ----------------------------------------------------------------------------------------


def test_whoever_leaves_gives_the_task_back_and_it_goes_on_told_about_it() -> None:
    house = leaves(visited())
    assert (house.states, house.calls(), house["a"].say) == ("a running", "start a3", TOLD)
    assert house["a"].active_seconds > 0 and house["a"].commit == "c1"


def test_kept_it_is_paused_until_the_person_says_so() -> None:
    house = leaves(visited(keep=True))
    assert house.states == "a parked(paused)"
    assert house.happens(says("resume")).states == "a running"


def test_a_paused_task_is_paused_again() -> None:
    house = visited(running().happens(says("pause"), ended_by_us()))
    assert leaves(house).states == "a parked(paused)"


def test_a_question_stays_open_and_its_answer_is_told_in_words_for_the_call_may_be_gone() -> None:
    house = visited(running().happens(ran(**DEFERRED)))
    assert house.desk.closed == []
    assert leaves(house).states == "a waiting"
    assert house.desk.closed == []
    house.happens(answers("50"))
    assert house.states == "a running"
    assert "The person answered your question:\n\n50" in (house["a"].say or "")


def test_an_answer_that_no_run_has_taken_yet_is_told_in_words_too() -> None:
    house = House(max_agents=1).happens(hands_in(task("a"), task("b")), ran(**DEFERRED), answers("50"))
    assert (house.states, house["a"].say) == ("a queued, b running", "")
    house.happens(attaches(), Opened("a"), ran(run=2))
    assert house["a"].say == f"{TOLD}\n\nThey had answered your question before:\n\n50"


def test_what_it_was_to_be_told_it_is_told_after_two_visits_as_well() -> None:
    house = running().happens(finished(), attaches(), fails(), Opened("a"))
    failed = house["a"].say or ""
    assert "make test" in failed
    leaves(house).happens(attaches(), ended_by_us(run=3), Opened("a"))
    assert leaves(house)["a"].say == f"{TOLD}\n\n{failed}"


@pytest.mark.parametrize(
    ("order", "state"),
    [(says("cancel"), "a cancelled"), (says("pause"), "a parked(paused)"), (stops(), "a parked(stop)")],
    ids=["cancel", "pause", "stop"],
)
def test_an_order_ends_the_session(order: object, state: str) -> None:
    house = visited().happens(order)  # type: ignore[arg-type]
    assert house.calls() == "stop a"
    assert house.happens(ended_by_us(run=2)).states == state


def test_a_question_is_closed_when_its_task_is_cancelled_in_a_visit() -> None:
    house = visited(running().happens(ran(**ASKED))).happens(says("cancel"), ended_by_us(run=2))
    assert (house.states, len(house.desk.closed)) == ("a cancelled", 1)


def test_a_question_is_open_again_when_the_program_was_stopped_in_a_visit() -> None:
    house = visited(running().happens(ran(**ASKED))).happens(stops(), ended_by_us(run=2))
    assert house.states == "a waiting"


@pytest.mark.parametrize(("event", "why"), [(capped(), "cap"), (limited(USED_UP), "usage limit")], ids=["cap", "limit"])
def test_money_and_provider_end_no_session_but_the_task_is_parked_after_it(event: object, why: str) -> None:
    house = visited().happens(event)  # type: ignore[arg-type]
    assert (house.states, house.calls()) == ("a running", "")
    assert leaves(house).states == f"a parked({why})"


def test_forbidden_attempts_and_bypasses_and_findings_halt_as_ever() -> None:
    house = visited().happens(denied(), denied(), denied())
    assert (house.states, house.calls()) == ("a running(halted)", "stop a")
    assert house.happens(ended_by_us(run=2)).states == "a halted"
    assert visited().happens(bypassed(), ended_by_us(run=2))["a"].in_quarantine
    changed = visited().happens(ran(run=2, findings=(found("a ref was written", halts=True),)))
    assert (changed.states, changed["a"].in_quarantine) == ("a halted", True)


# --- a daemon that died meanwhile --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "afterwards"),
    [
        (Queued(NINE), "a running"),
        (Waiting(NINE, 1), "a waiting"),
        (Parked(NINE, ParkReason.paused), "a parked(paused)"),
    ],
    ids=["queued", "waiting", "paused"],
)
def test_the_next_daemon_takes_a_visit_up_or_what_was_before_it(before: object, afterwards: str) -> None:
    state = Running(NINE, 1, visit=Visit(before, "xterm"))  # type: ignore[arg-type]
    asked = (question(),)
    house = House()
    house.orchestrator.restore({"a": record(state, questions=asked)}, {})
    assert (house.states, house.calls()) == ("a running", "adopt a1")
    never_begun = House(launched=False)
    never_begun.orchestrator.restore({"a": record(state, questions=asked)}, {})
    assert never_begun.happens(NOTHING).states == afterwards


def test_a_task_that_made_way_goes_on_when_nobody_came() -> None:
    house = left_by_an_earlier_daemon(Parked(NINE, ParkReason.attached)).happens(NOTHING)
    assert house.states == "a running"
