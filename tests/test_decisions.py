"""The pure decisions that histories do not reach, and what holds whatever happens in whatever order."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayshift.conversation import Ask
from dayshift.deciding import decisions, fleet, run_end, schedule
from dayshift.deciding.run_end import LATER
from dayshift.events import AttachAsked, Event, Opened, Order, Ordered, StopAsked, Tick
from dayshift.limits import MARGIN, SOONEST, Kind, Limit
from dayshift.model import Record
from dayshift.states import Done, Ending, Failed, Halted, Parked, ParkReason, Queued, Running, State, Verifying, Waiting
from tests.house import (
    HOUR,
    NINE,
    NO_CREDIT,
    NO_KEY,
    RESET,
    SECOND,
    USED_UP,
    House,
    answers,
    bypassed,
    capped,
    denied,
    fails,
    found,
    hands_in,
    label,
    limited,
    passes,
    prepared,
    queued,
    ran,
    record,
    says,
    silent,
    task,
)

NOW = NINE + HOUR


def known(**states: State) -> dict[str, Record]:
    """Tasks by name, each in its state."""
    return {name: record(state, name) for name, state in states.items()}


# --- what may start ---------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [-1, 0, 1, 2, 3, 9])
def test_never_more_start_than_there_are_slots(slots: int) -> None:
    three = known(a=queued(), b=queued(), c=queued())
    assert len(schedule.startable(three, slots, NOW)) == min(max(slots, 0), 3)


@pytest.mark.parametrize(
    ("state", "starts"),
    [
        (Queued(NINE), True),
        (Queued(NINE, not_before=NOW), True),
        (Queued(NINE, not_before=NOW + SECOND), False),
        (Running(NINE, 1), False),
        (Waiting(NINE, 1), False),
        (Parked(NINE, ParkReason.paused), False),
        (Verifying(NINE), False),
        (Done(NINE), False),
    ],
    ids=str,
)
def test_only_what_is_queued_and_due_starts(state: State, starts: bool) -> None:
    assert bool(schedule.startable(known(a=state), 1, NOW)) == starts


def test_of_equal_priority_the_first_in_the_file_starts_first() -> None:
    ready = schedule.startable(known(z=queued(), a=queued(), m=queued()), 2, NOW)
    assert [each.id for each in ready] == ["z", "a"]


def test_a_dependency_that_is_unknown_is_not_done_and_leaves_its_task_to_the_person() -> None:
    alone = record(queued(), task=task("a", "ghost"))
    assert schedule.unmet(alone, {"a": alone}) == ["ghost"]
    parked = schedule.hopeless(alone, {"a": alone}, NOW)
    assert parked and parked.state == Parked(NOW, ParkReason.stuck, "ghost, which it depends on, is unknown")
    assert schedule.awake(parked, {"a": parked}, NOW, NOW) is None


@pytest.mark.parametrize(
    ("dependency", "becomes"),
    [
        (queued(), None),
        (Running(NINE, 1), None),
        (Waiting(NINE, 1), None),
        (Parked(NINE, ParkReason.paused), None),
        (Parked(NINE, ParkReason.usage_limit), None),
        (Parked(NINE, ParkReason.cap), "parked(cap)"),
        (Parked(NINE, ParkReason.credit), "parked(credit exhausted)"),
        (Parked(NINE, ParkReason.authentication), "parked(authentication lost)"),
        (Parked(NINE, ParkReason.stuck), "parked(stuck)"),
        (Done(NINE), None),
        (Failed(NINE, "red"), "failed"),
        (Halted(NINE, "3 attempts"), "failed"),
    ],
    ids=lambda value: label(value) if not isinstance(value, str | None) else None,
)
def test_what_a_dependency_becomes_decides_whether_to_hope(dependency: State, becomes: str | None) -> None:
    waits = record(queued(), task=task("b", "a"))
    after = schedule.hopeless(waits, {**known(a=dependency), "b": waits}, NOW)
    assert (label(after.state) if after else None) == becomes
    if after and becomes == "failed":
        assert after.state.reason == f"a, which it depends on, was {dependency.name}"


# --- how errors are told apart ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exit", "becomes"),
    [
        *(({"api_status": status, "error": "x"}, "parked(provider unavailable)") for status in sorted(LATER)),
        ({"api_status": 402, "error": "no headroom"}, "parked(cap)"),
        ({"api_status": 402, "error": "x", "reset_at": NOW}, "parked(cap)"),
        ({"api_status": 429, "error": "x", "reset_at": NOW}, "parked(usage limit)"),
        ({"error": "x", "reset_at": NOW}, "parked(usage limit)"),
        ({"error": "API Error: Connection error."}, "parked(provider unavailable)"),
        ({"api_status": 400, "error": "API Error: 400 bad request"}, "queued"),
        ({"api_status": 401, "error": "API Error: 401 no such key"}, "queued"),
        ({"error": "segmentation fault", "code": 139}, "queued"),
        ({"finished": True}, "verifying"),
        ({"finished": True, "reset_at": NOW}, "verifying"),
        ({"asked": Ask("?"), "api_status": 529, "error": "x"}, "waiting"),
    ],
)
def test_what_a_run_becomes_by_how_it_ended(exit: dict[str, Any], becomes: str) -> None:
    after = run_end.after_run(record(Running(NINE, 1)), ran(**exit), NOW)
    assert label(after.state) == becomes
    if becomes == "parked(usage limit)":
        assert isinstance(after.state, Parked)
        assert after.state.until == NOW + SOONEST + MARGIN


@pytest.mark.parametrize("ending", list(Ending))
def test_what_the_audit_found_outweighs_every_other_ending(ending: Ending) -> None:
    after = run_end.after_run(
        record(Running(NINE, 1, ending, "words")),
        ran(findings=(found("refs changed", True), found("HEAD moved", False), found("config changed", True))),
        NOW,
    )
    assert after.state == Halted(NOW, "the audit found: refs changed; config changed")


HEAVIER = {Ending.silent: {Ending.parked, Ending.halted, Ending.cancelled},
           Ending.parked: {Ending.halted, Ending.cancelled}}  # fmt: skip


@pytest.mark.parametrize("second", list(Ending))
@pytest.mark.parametrize("first", list(Ending))
def test_a_weightier_ending_overrules_a_lighter_one(first: Ending, second: Ending) -> None:
    after = decisions.ending(decisions.ending(record(Running(NINE, 1)), first, "first"), second, "second").state
    assert isinstance(after, Running)
    told = second if second in HEAVIER.get(first, ()) else first
    assert (after.ending, after.detail) == (told, "first" if told is first else "second")


def test_what_does_not_run_is_not_ended() -> None:
    assert decisions.ending(record(Waiting(NINE, 1)), Ending.halted, "words") == record(Waiting(NINE, 1))


@pytest.mark.parametrize(("blocked", "forgiven", "halts"), [(2, 0, False), (3, 0, True), (5, 3, False), (6, 3, True)])
def test_forgiven_attempts_do_not_count_towards_a_halt(blocked: int, forgiven: int, halts: bool) -> None:
    tried = record(Running(NINE, 1), blocked=(denied().blocked,) * blocked, forgiven=forgiven)
    assert decisions.halt_due(tried, 3) is halts


@pytest.mark.parametrize("why", list(ParkReason))
def test_a_day_is_over_when_only_the_person_can_go_on(why: ParkReason) -> None:
    rests = {ParkReason.cap, ParkReason.stop, ParkReason.credit, ParkReason.authentication, ParkReason.stuck}
    assert schedule.over([record(Parked(NINE, why, until=NOW))]) is (why in rests)


def test_the_fleet_goes_on_one_after_the_other_and_nobody_earlier_than_it_was_to() -> None:
    fleet_of = known(
        a=Queued(NINE), b=Queued(NINE, RESET + HOUR), c=Parked(NINE, ParkReason.provider, "x", NOW), d=Verifying(NINE)
    )
    changed = fleet.limited(fleet_of, Limit(Kind.usage_limit, until=RESET), NOW)
    moments = {
        each.id: each.state.not_before if isinstance(each.state, Queued) else getattr(each.state, "until", None)
        for each in changed
    }
    assert moments == {"a": RESET, "c": RESET + 2 * fleet.STAGGER}  # b has its later moment already, d ends by itself


# --- whatever happens -------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c"])
RUNS = st.integers(1, 4)
HAPPENINGS: st.SearchStrategy[Event | timedelta] = st.one_of(
    st.builds(
        ran, NAMES, RUNS, st.sampled_from(["c1", "c2"]),
        finished=st.booleans(), asked=st.sampled_from([None, Ask("?"), Ask("?", ("x",), {"questions": []})]),
        how=st.sampled_from(["exited", "stopped", "lost", "deadline", "unprepared", "memory", "disk"]),
        error=st.sampled_from(["", "API Error: x", "crash"]), api_status=st.sampled_from([None, 400, 402, 429, 529]),
        reset_at=st.sampled_from([None, NINE, NINE + HOUR]), steps=st.integers(0, 1),
        findings=st.sampled_from([(), (found("HEAD moved", False),), (found("refs changed", True),)]),
    ),
    st.builds(passes, NAMES), st.builds(fails, NAMES), st.builds(denied, NAMES), st.builds(bypassed, NAMES),
    st.builds(capped, NAMES),
    st.builds(limited, st.sampled_from([USED_UP, NO_CREDIT, NO_KEY, Limit(Kind.overloaded, after=HOUR)])),
    st.builds(silent, NAMES, RUNS), st.builds(prepared, NAMES, RUNS),
    st.builds(answers, st.just("50"), st.integers(1, 3), NAMES),
    st.builds(says, st.sampled_from(list(Order)), st.one_of(NAMES, st.none())),
    st.builds(AttachAsked, NAMES, st.just("wish"), st.just("xterm"), st.booleans()), st.builds(Opened, NAMES),
    st.sampled_from([SECOND, HOUR]),
    st.just(hands_in(task("a"), task("b", "a"), task("c"))),
    st.builds(StopAsked, st.booleans()),
)  # fmt: skip


def moves_on(house: House, event: Event | timedelta) -> None:
    """The event, with what must hold of every task before and after it."""
    before = dict(house.orchestrator.records)
    house.happens(event)
    for task_id, was in before.items():
        now = house[task_id]
        assert now.runs >= was.runs
        assert len(now.blocked) >= len(was.blocked)
        assert now.questions[: len(was.questions)] == was.questions
        assert now.answers[: len(was.answers)] == was.answers
        if was.ended and now.state != was.state:
            assert isinstance(event, Ordered) and event.order is Order.retry
    assert sum(isinstance(each.state, Running | Verifying) for each in house.orchestrator.records.values()) <= 2


@settings(max_examples=150, deadline=None)
@given(st.lists(HAPPENINGS, max_size=40))
def test_whatever_happens_every_run_is_started_once_and_nothing_is_lost(events: list[Event | timedelta]) -> None:
    house = House().happens(hands_in(task("a"), task("b", "a"), task("c")))
    for event in events:
        moves_on(house, event)
    started = Counter(call.split()[1] for call in house.crew.calls if call.startswith("start"))
    ran_so_far = {f"{each.id}{run}" for each in house.orchestrator.records.values() for run in range(1, each.runs + 1)}
    assert started == Counter(ran_so_far)
    assert {each.id: each for each in house.desk.saved} == house.orchestrator.records


@settings(max_examples=60, deadline=None)
@given(st.lists(HAPPENINGS, max_size=30))
def test_a_new_daemon_takes_up_whatever_the_old_one_left_and_comes_to_rest(events: list[Event | timedelta]) -> None:
    old = House().happens(hands_in(task("a"), task("b", "a"), task("c")), *events)
    new = House()
    new.clock.time = old.clock.time
    new.orchestrator.restore(dict(old.orchestrator.records), {})
    new.happens(Tick())
    for task_id, was in old.orchestrator.records.items():
        assert new[task_id].ended == was.ended or was.task.depends_on
        assert label(new[task_id].state) != "parked(stop)"
    assert [each.task_id for each in new.desk.asked] == [
        task_id for task_id, was in old.orchestrator.records.items() if isinstance(was.state, Waiting)
    ]


@pytest.mark.parametrize("state", [Running(NINE, 1), Verifying(NINE), Waiting(NINE, 1)])
def test_a_bypassed_guard_puts_the_workspace_in_quarantine(state: State) -> None:
    after = decisions.bypassed(record(state, runs=1), bypassed().bypass, NINE)
    assert (after.in_quarantine, after.bypasses) == (True, (bypassed().bypass,))


def test_a_bypass_that_is_seen_after_the_end_is_only_noted() -> None:
    after = decisions.bypassed(record(Done(NINE), runs=1), bypassed().bypass, NINE)
    assert (after.in_quarantine, after.state, len(after.bypasses)) == (False, Done(NINE), 1)
