"""The Orchestrator by histories: what happens, the states it leads to, what the crew and the person are told."""

from dataclasses import replace

import pytest

from dayshift.attempts import Refused
from dayshift.deciding import decisions
from dayshift.deciding.counterparts import Commits
from dayshift.deciding.setbacks import GO_ON, MOST_MISHAPS
from dayshift.events import NetworkRefused, Taught, Tick
from dayshift.limits import Kind, Limit
from dayshift.model import Record
from dayshift.states import Failed, Parked, ParkReason
from tests.histories import HISTORIES
from tests.house import (
    ASKED,
    DEFERRED,
    HOUR,
    NO_CREDIT,
    OVERLOADED,
    RESET,
    SECOND,
    USED_UP,
    Facts,
    House,
    Step,
    answers,
    capped,
    denied,
    ended_by_us,
    fails,
    finished,
    found,
    hands_in,
    label,
    limited,
    passes,
    prepared,
    ran,
    running,
    says,
    task,
)

LAST_TRY: Facts = {"max_attempts": 1}


@pytest.mark.parametrize("steps", HISTORIES.values(), ids=HISTORIES)
def test_a_history(steps: list[Step]) -> None:
    House().plays(steps)


# --- what the session is told next ------------------------------------------------------------------


def test_a_first_run_is_told_nothing_but_its_task() -> None:
    assert running()["a"].say is None


def test_an_answer_to_a_question_in_a_file_is_told_in_words() -> None:
    house = running().happens(ran(**ASKED), answers("use 50"))
    assert "use 50" in (house["a"].say or "")
    assert house["a"].answers[0].text == "use 50"


def test_a_deferred_call_is_not_talked_over() -> None:
    assert running().happens(ran(**DEFERRED), answers("50"))["a"].say == ""


def test_a_deferred_call_is_not_talked_over_when_the_run_had_to_wait_or_was_paused_before_it_began() -> None:
    house = House(max_agents=1).happens(hands_in(task("a"), task("b")), ran(**DEFERRED), answers("50"))
    assert (house.states, house["a"].say) == ("a queued, b running", "")
    assert house.happens(says("pause"), says("resume"))["a"].say == ""


def test_a_run_that_was_to_take_a_deferred_answer_and_was_lost_is_resumed_with_a_word() -> None:
    house = running().happens(ran(**DEFERRED), answers("50"), ran(run=2, how="lost"))
    assert (house.states, house["a"].say) == ("a running", GO_ON)


def test_a_lost_run_is_told_again_what_it_was_told() -> None:
    house = running().happens(ran(**ASKED), answers("use 50"))
    told = house["a"].say
    assert told
    assert house.happens(ran(run=2, how="lost"))["a"].say == told
    assert house.happens(says("pause"), ended_by_us(run=3), says("resume"))["a"].say == told


def test_what_was_told_is_forgotten_once_a_run_came_to_its_own_end() -> None:
    house = running().happens(ran(**ASKED), answers("use 50"), finished(run=2))
    assert house["a"].say is None


def test_the_second_attempt_is_told_what_failed() -> None:
    house = running().happens(finished(), fails())
    for what in ("`make test` exited with 2", "1 failed", "`x.py` is missing"):
        assert what in (house["a"].say or "")
    assert house["a"].attempt == 2


def test_a_retry_is_told_what_failed_at_last() -> None:
    house = running(task("a", **LAST_TRY)).happens(finished(), fails())
    assert house["a"].state == Failed(house.clock.now(), "`make test` exited with 2; x.py is missing")
    assert "`make test` exited with 2" in (house.happens(says("retry"))["a"].say or "")


def test_the_second_attempt_is_told_the_error_the_first_ended_with() -> None:
    assert "out of tokens" in (running().happens(ran(error="out of tokens"))["a"].say or "")


# --- mishaps ----------------------------------------------------------------------------------------


def test_an_unreachable_provider_is_asked_again_later_each_time_and_fails_no_task() -> None:
    house, waits = running(), []
    for run in range(1, 10):
        house.happens(ran(run=run, **OVERLOADED))
        state = house["a"].state
        assert isinstance(state, Parked)
        assert state.until
        waits.append(state.until - house.clock.now())
        house.happens(waits[-1] - SECOND)
        assert house.states == "a parked(provider unavailable)"
        house.happens(SECOND)
        assert house.states == "a running"
    assert waits == [min(30 * SECOND * 2**turn, HOUR / 2) for turn in range(9)]
    assert (house["a"].attempt, house["a"].mishaps) == (1, 0)
    house.happens(ran(run=10, **ASKED))
    assert house["a"].outages == 0


@pytest.mark.parametrize(
    "error",
    [OVERLOADED, {"error": "API Error: Connection refused"}, {"error": "x", "api_status": 500}],
    ids=["overloaded", "no connection", "server error"],
)
def test_what_the_provider_does_costs_no_attempt(error: Facts) -> None:
    house = running(task("a", **LAST_TRY)).happens(ran(**error))
    assert house.states == "a parked(provider unavailable)"


def test_lost_runs_are_given_up_after_as_many_in_a_row() -> None:
    house = running()
    for run in range(1, MOST_MISHAPS + 2):
        assert house.states == "a running"
        house.happens(ran(run=run, how="lost", steps=1))
    assert house.states == "a failed"
    assert "given up after 7 runs in a row" in house["a"].state.reason


def test_a_retry_begins_a_new_row_of_mishaps() -> None:
    house = running().happens(*(ran(run=run, how="lost", steps=1) for run in range(1, MOST_MISHAPS + 2)))
    house.happens(says("retry"), ran(run=MOST_MISHAPS + 2, how="lost"))
    assert (house.states, house["a"].mishaps) == ("a running", 1)


def test_a_question_breaks_the_row_of_mishaps() -> None:
    house = running().happens(*(ran(run=run, how="lost", steps=1) for run in range(1, MOST_MISHAPS)))
    assert house["a"].mishaps == MOST_MISHAPS - 1
    assert house.happens(ran(run=MOST_MISHAPS, **ASKED))["a"].mishaps == 0


# --- the provider's limits --------------------------------------------------------------------------


def test_a_limit_of_the_fleet_is_told_once_with_its_cure() -> None:
    house = running(task("a"), task("b"))
    before = len(house.desk.said)
    house.happens(limited(NO_CREDIT), limited(NO_CREDIT), ran("a", api_status=402), ran("b", api_status=402))
    assert house.desk.said[before:] == [
        "the provider serves no agent now: credit exhausted: HTTP 402, top up the account's credit, "
        "then `dayshift resume`"
    ]
    assert house["a"].state.reason == (
        "credit exhausted: HTTP 402, top up the account's credit, then `dayshift resume`"
    )
    house.happens(says("resume", None), limited(NO_CREDIT))
    assert sum("the provider serves no agent" in said for said in house.desk.said) == 2


def test_another_moment_of_a_usage_limit_is_told_again() -> None:
    house = running().happens(limited(USED_UP), limited(USED_UP), limited(replace(USED_UP, until=RESET + HOUR)))
    assert sum("usage limit" in said for said in house.desk.said) == 2


def test_a_pause_too_long_to_be_held_out_parks_the_fleet_and_does_not_count() -> None:
    house = running().happens(limited(Limit(Kind.rate_limited, after=HOUR)), ran(api_status=429))
    state = house["a"].state
    assert isinstance(state, Parked) and state.why is ParkReason.provider
    assert (state.until, house["a"].outages, house["a"].attempt) == (house.clock.now() - SECOND + HOUR, 0, 1)


# --- evidence and time ------------------------------------------------------------------------------


def test_the_record_gathers_the_evidence_of_every_run() -> None:
    first, second = found("HEAD moved", False, 1), found("config changed", False, 2)
    house = running().happens(
        prepared(),
        ran(how="lost", findings=(first,), audited=True, session_cost=5),
        prepared(run=2),
        finished(run=2, commit="c2", findings=(second,), text="All done."),
        passes(),
    )
    kept = house["a"]
    assert (kept.base, kept.commit, kept.layers) == ("base", "c2", ("sandbox",))
    assert (kept.findings, kept.audited_runs, kept.runs) == ((first, second), 1, 2)
    assert (kept.claim, kept.cli_cost, kept.active_seconds) == ("All done.", 5, 120.0)
    assert kept.started_at and kept.ended_at and kept.started_at < kept.ended_at
    assert [check.exit_code for check in kept.checks] == [0]


def test_refused_connections_are_counted_over_all_runs_and_end_nothing() -> None:
    one, other = Refused("a.example.org", 443, "unlisted"), Refused("b.example.org", 443, "unlisted", times=4)
    house = running().happens(*(NetworkRefused("a", each) for each in (one, other, one, one)))
    assert house.states == "a running"
    house.happens(finished(), NetworkRefused("a", one), passes(), NetworkRefused("gone", one))
    assert house["a"].refused == (replace(one, times=4), other)
    assert house["a"].blocked == ()
    assert house.desk.saved[-1].refused == house["a"].refused


def test_what_an_earlier_run_prepared_is_not_taken_for_this_ones() -> None:
    house = running().happens(ran(how="lost"), prepared(run=1))
    assert (house["a"].base, house["a"].layers) == (None, ())
    assert house.happens(prepared(run=2))["a"].base == "base"


def test_every_run_of_a_task_is_one_session() -> None:
    house = running()
    session = house["a"].session_id
    assert house.happens(ran(how="lost"))["a"].session_id == session


def test_waiting_for_the_person_takes_nothing_from_the_time_a_task_has() -> None:
    house = running(task("a", timeout_minutes=10)).happens(ran(**ASKED), 5 * HOUR, answers("50"))
    assert decisions.seconds_left(house["a"]) == 540


def test_the_time_the_provider_kept_a_task_waiting_is_given_back() -> None:
    house = running(task("a", timeout_minutes=1)).happens(ran(how="deadline", held=45.0))
    assert (house.states, house["a"].attempt, decisions.seconds_left(house["a"])) == ("a running", 1, 45)
    assert house.happens(ran(run=2, how="deadline", held=2.0)).states == "a failed"


def test_a_run_that_took_too_much_is_told_to_take_less_and_the_person_what_it_was() -> None:
    house = running(task("a", max_attempts=2))
    house.happens(ran(how="memory", error="used 9 GB of memory, more than the 8 GB of limits.memory_gb"))
    assert (house.states, house["a"].attempt) == ("a running", 2)
    assert house["a"].say and "the run used 9 GB of memory" in house["a"].say
    assert "fewer processes side by side" in house["a"].say
    house.happens(ran(run=2, how="disk", error="took 11 GB of disk, more than the 10 GB of limits.workspace_gb"))
    reason = "it took 11 GB of disk, more than the 10 GB of limits.workspace_gb; raise that, or make the task smaller"
    assert (house.states, house["a"].state.reason) == ("a failed", reason)
    assert [each.split(",")[0] for each in house["a"].excesses] == [
        "run 1 used 9 GB of memory", "run 2 took 11 GB of disk",
    ]  # fmt: skip


def test_a_task_that_timed_out_has_its_whole_time_again_when_tried_again() -> None:
    house = running(task("a", timeout_minutes=1)).happens(ran(how="deadline"))
    assert house["a"].state.reason == "timed out after 1 minutes"
    assert decisions.seconds_left(house["a"]) <= 0
    house.happens(says("retry"))
    assert (house.states, decisions.seconds_left(house["a"])) == ("a running", 60)


def test_every_change_is_durable_before_the_crew_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    house, saved = House(), list[str]()

    def starting(record: Record, starts_from: Commits) -> None:
        saved.extend(label(each.state) for each in house.desk.saved)

    monkeypatch.setattr(house.crew, "start", starting)
    house.happens(hands_in(task("a")))
    assert saved == ["queued", "running"]


# --- what the person is told ------------------------------------------------------------------------


def test_a_question_is_asked_once_with_its_options_and_closed_when_answered() -> None:
    house = running().happens(ran(**DEFERRED))
    [asked] = house.desk.asked
    assert (asked.number, asked.text, asked.options) == (1, "Which page size?", ("20", "50"))
    assert house.desk.closed == []
    house.happens(answers("50"), answers("20"))
    assert (house.desk.asked, house.desk.closed) == ([asked], [asked])


def test_the_person_hears_of_every_change_with_its_reason() -> None:
    house = running().happens(capped(), ended_by_us())
    assert house.desk.said == [
        "a: running",
        "a: day is reached: $50.00 of $50.00 spent",
        "a: parked (cap: day: $50.00 of $50.00 spent)",
    ]


def test_a_tick_without_tasks_does_nothing() -> None:
    house = House().happens(Tick(), says("retry", None))
    assert (house.states, house.calls(), house.desk.saved) == ("", "", [])


def test_a_sign_of_life_is_shown_with_the_next_change() -> None:
    shown: list[str] = []
    house = running()
    house.desk.save = lambda record, activity: shown.append(activity)  # type: ignore[method-assign]
    house.orchestrator.activity["a"] = "editing list.py"
    house.happens(denied())
    assert shown == ["editing list.py"]


# --- lessons ----------------------------------------------------------------------------------------


def test_the_lessons_that_the_first_prompt_held_are_kept_whatever_comes_after() -> None:
    house = running().happens(Taught("a", ("l1", "l2")))
    assert (house.states, house["a"].lessons, house.desk.saved[-1]) == ("a running", ("l1", "l2"), house["a"])
    house.happens(prepared(), ran(**ASKED), answers("50"), finished(run=2), passes())
    assert (house.states, house["a"].lessons) == ("a done", ("l1", "l2"))


def test_what_a_task_was_told_in_the_middle_of_its_work_is_kept_apart() -> None:
    late = (Taught("a", ("l2",), late=True), Taught("a", ("l3", "l2"), late=True))
    house = running().happens(Taught("a", ("l1",)), *late)
    assert (house["a"].lessons, house["a"].late_lessons) == (("l1",), ("l2", "l3"))
    house.happens(Taught("a", ("l3",)))
    assert (house["a"].lessons, house["a"].late_lessons) == (("l3",), ()), "a new session begins anew"


def test_a_new_session_is_told_lessons_of_its_own_and_a_task_that_is_gone_none() -> None:
    house = running().happens(Taught("a", ("l1",)), Taught("a", ("l2",)), Taught("nobody", ("l1",)))
    assert (house["a"].lessons, list(house.orchestrator.records)) == (("l2",), ["a"])
