"""Tasks of a day file taken in: which go on with an earlier day's, which may not, and what becomes of them."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dayshift import records
from dayshift.conversation import Guidance
from dayshift.deciding import intake
from dayshift.evidence import Finding
from dayshift.home import Home
from dayshift.model import Day, Earlier, Record
from dayshift.states import (
    Cancelled,
    Done,
    Failed,
    Halted,
    Parked,
    ParkReason,
    Queued,
    Running,
    State,
    Verifying,
    Waiting,
)
from tests.house import (
    ASKED,
    HOUR,
    NINE,
    TODAY,
    House,
    Step,
    answers,
    capped,
    ended_by_us,
    fails,
    finished,
    hands_in,
    label,
    passes,
    prepared,
    question,
    ran,
    record,
    stops,
    task,
)

TOMORROW = date(2026, 11, 21)
LATER = NINE + 20 * HOUR


def goes_on(*depends_on: str, task_id: str = "a", **facts: Any) -> Any:
    return task(task_id, *depends_on, continues=TODAY, **facts)


def takes_in(known: Record, **facts: Any) -> Record:
    """What becomes of the known task when tomorrow's file goes on with it."""
    day = Day(TOMORROW, "/src/shop", (goes_on(**facts),))
    return intake.admitted(known, day.tasks[0], day, False, {known.id: known}, LATER)


# --- whether ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "facts", "problem"),
    [
        (record(Done(NINE)), {}, "a of 2026-11-20 is done, so there is nothing to go on with"),
        (record(Failed(NINE, "red"), review="accepted"), {}, "a of 2026-11-20 was accepted"),
        (record(Running(NINE, 1)), {}, "a of 2026-11-20 is running and goes on by itself; take it out of this file"),
        (record(Verifying(NINE)), {}, "a of 2026-11-20 is verifying"),
        (record(Queued(NINE)), {"project": "/src/other"}, "works on /src/shop, not on /src/other"),
        (record(Queued(NINE), day=date(2026, 11, 19)), {}, "a of 2026-11-19 is what is known, not of 2026-11-20"),
        (record(Queued(NINE), day=TOMORROW), {"project": "/src/other"}, "what a day costs is kept by its ids"),
    ],
)
def test_what_cannot_be_gone_on_with_is_refused_with_the_cure(
    known: Record, facts: dict[str, Any], problem: str
) -> None:
    house = House()
    house.orchestrator.records = {"a": known}
    house.orchestrator.handle(hands_in(goes_on(), on=TOMORROW, request="start", **facts))
    [(_, [line], ok)] = house.desk.replies
    assert (problem in line, ok) == (True, False)
    assert (house["a"], house.desk.kept) == (known, [])


def test_without_continues_unfinished_work_of_another_day_is_refused_and_the_key_is_named() -> None:
    day = Day(TOMORROW, "/src/shop", (task("a"),))
    [line] = intake.collisions({"a": record(Parked(NINE, ParkReason.cap))}, day, False)
    assert line.startswith("a of 2026-11-20 is still parked; go on with it (`continues: 2026-11-20`)")


def test_a_task_that_is_not_known_any_more_begins_anew_from_the_file() -> None:
    house = House().happens(hands_in(goes_on(), on=TOMORROW))
    assert (house["a"].day, house["a"].earlier, house.calls()) == (TOMORROW, (), "start a1")


def test_a_rehearsal_never_goes_on_with_another_day() -> None:
    day = Day(TOMORROW, "/src/shop", (goes_on(),))
    waiting = record(Waiting(NINE, 1), rehearsal=True)
    [line] = intake.collisions({"a": waiting}, day, True)
    assert line.startswith("a of 2026-11-20 is still waiting")
    old = record(Failed(NINE, "red"), rehearsal=True)
    assert intake.admitted(old, day.tasks[0], day, True, {}, LATER).created_at == LATER


@pytest.mark.parametrize("rehearsal", [True, False])
def test_what_has_ended_stays_so_when_its_day_is_handed_in_again_but_a_rehearsal_does_anew_what_was_changed(
    rehearsal: bool,
) -> None:
    day = Day(TODAY, "/src/shop", (task("a"),))
    known = record(Failed(NINE, "red"), rehearsal=rehearsal, task=day.tasks[0])
    assert intake.admitted(known, day.tasks[0], day, rehearsal, {"a": known}, LATER) == known
    changed = replace(day.tasks[0], description="Other words.")
    after = intake.admitted(known, changed, day, rehearsal, {"a": known}, LATER)
    assert (after.task, after.state) == (changed, Queued(LATER) if rehearsal else known.state)


# --- what becomes of it ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (Queued(NINE), "queued"),
        (Queued(NINE, NINE + HOUR), "queued"),
        (Waiting(NINE, 1), "waiting"),
        (Parked(NINE, ParkReason.cap), "queued"),
        (Parked(NINE, ParkReason.stop), "queued"),
        (Parked(NINE, ParkReason.paused), "queued"),
        (Parked(NINE, ParkReason.stuck), "queued"),
        (Parked(NINE, ParkReason.credit), "queued"),
        (Parked(NINE, ParkReason.usage_limit, until=LATER), "parked(usage limit)"),
        (Failed(NINE, "red"), "queued"),
        (Halted(NINE, "3 attempts"), "queued"),
        (Cancelled(NINE), "queued"),
    ],
    ids=lambda value: value if isinstance(value, str) else label(value),
)
def test_the_same_task_moves_to_the_new_day(state: State, expected: str) -> None:
    facts: Any = {"runs": 3, "audited_runs": 2, "session_id": "s", "base": "c0", "commit": "c1", "attempt": 2}
    known = record(state, questions=(question(),), ended_at=NINE if state.name == "failed" else None, **facts)
    moved = takes_in(known, priority=1)
    assert (label(moved.state), moved.state.since) == (expected, LATER)
    assert (moved.day, moved.created_at, moved.task.priority) == (TOMORROW, known.created_at, 1)
    assert (moved.session_id, moved.base, moved.commit, moved.runs, moved.ended_at) == ("s", "c0", "c1", 3, None)
    assert moved.earlier == (Earlier(TODAY, LATER, 3, 2),)
    assert (moved.runs_today, moved.audited_today) == (0, 0)


def test_a_task_goes_on_over_several_days() -> None:
    known = record(Failed(NINE, "red"), runs=2, audited_runs=2, findings=(Finding(1, "old", True),), steps=1)
    moved = takes_in(known)
    again = intake.admitted(
        moved,
        task("a", continues=TOMORROW),
        Day(date(2026, 11, 22), "/src/shop", (task("a"),)),
        False,
        {},
        LATER + HOUR,
    )
    assert [each.day for each in again.earlier] == [TODAY, TOMORROW]
    assert (known.findings_today, again.findings_today) == (known.findings, ())


def test_what_a_person_said_when_rejecting_is_told_first() -> None:
    known = record(Failed(NINE, "red"), runs=1, session_id="s", say="Tests failed.", review="rejected",
                   review_reason="Use the pager.", reviewed_at=NINE)  # fmt: skip
    moved = takes_in(known)
    assert moved.say == "The person rejected what you made:\n\nUse the pager.\n\nTests failed."
    assert (moved.review, moved.review_reason, moved.reviewed_at) == ("pending", "", None)


def test_what_was_halted_in_quarantine_begins_afresh_and_still_hears_why_it_was_rejected() -> None:
    known = record(Halted(NINE, "the audit"), runs=2, quarantined=2, session_id="s", base="c0", commit="c1",
                   review="rejected", review_reason="It touched refs.")  # fmt: skip
    moved = takes_in(known)
    assert (moved.session_id, moved.base, moved.commit) == (None, None, None)
    assert moved.say == "The person rejected what you made:\n\nIt touched refs."


def test_a_description_that_was_changed_reaches_the_session_as_guidance() -> None:
    known = record(Waiting(NINE, 1), questions=(question(),), runs=1, session_id="s")
    assert takes_in(known).guidance == ()
    day = Day(TOMORROW, "/src/shop", (goes_on(),))
    changed = replace(day.tasks[0], description="Other words.\n")
    moved = intake.admitted(known, changed, day, False, {"a": known}, LATER)
    assert moved.guidance == (
        Guidance("continues:2026-11-20", intake.CHANGED.format("Other words."), LATER, "day file"),
    )
    fresh = intake.admitted(record(Queued(NINE)), changed, day, False, {}, LATER)
    assert fresh.guidance == ()  # it reads the new description anyway


@pytest.mark.parametrize(
    ("needed", "base", "kept"),
    [
        (record(Done(NINE), "b", commit="c9"), None, ("b",)),
        (record(Done(NINE), "b", commit="c9", review="accepted"), None, ("b",)),
        (record(Done(NINE), "b", commit="c9", review="rejected"), None, ()),
        (record(Done(NINE), "b", commit="c9"), "c0", ()),
        (record(Cancelled(NINE), "b"), None, ()),
        (record(Done(NINE), "b", commit="c9", day=TOMORROW), None, ()),
    ],
    ids=["done", "accepted", "rejected", "has begun", "cancelled", "another day's"],
)
def test_what_it_depended_on_and_is_done_is_still_where_it_starts(
    needed: Record, base: str | None, kept: tuple[str, ...]
) -> None:
    known = record(Queued(NINE), base=base, task=task("a", "b"))
    day = Day(TOMORROW, "/src/shop", (goes_on(),))
    moved = intake.admitted(known, day.tasks[0], day, False, {"a": known, "b": needed}, LATER)
    assert moved.task.depends_on == kept
    again = intake.admitted(moved, day.tasks[0], day, False, {"a": moved, "b": needed}, LATER)
    assert again.task.depends_on == kept  # handed in twice, it is the same


# --- histories -------------------------------------------------------------------------------------

OVERNIGHT = 20 * HOUR

HISTORIES: dict[str, list[Step]] = {
    "a failed task tries again in its session": [
        (hands_in(task("a", max_attempts=1)), "a running", "start a1"),
        (finished("a"), "a verifying", "verify a"),
        (fails("a"), "a failed", ""),
        (hands_in(goes_on(), on=TOMORROW), "a running", "start a2"),
        (finished("a", 2), "a verifying", "verify a"),
        (passes("a"), "a done", ""),
    ],
    "a waiting task keeps its question, and the answer of the next day reaches it": [
        (hands_in(task("a")), "a running", "start a1"),
        (ran("a", **ASKED), "a waiting", ""),
        (OVERNIGHT, "a waiting", ""),
        (hands_in(goes_on(), on=TOMORROW), "a waiting", ""),
        (answers("50"), "a running", "start a2"),
    ],
    "what the cap parked goes on with what waits behind it": [
        (hands_in(task("a"), task("b", "a")), "a running, b queued", "start a1"),
        (capped("a"), "a running(parked), b queued", ""),
        (ended_by_us("a"), "a parked(cap), b parked(cap)", ""),
        (
            hands_in(goes_on(), goes_on("a", task_id="b"), on=TOMORROW),
            "a running, b queued",
            "start a2",
        ),
        (finished("a", 2, commit="c2"), "a verifying, b queued", "verify a"),
        (passes("a"), "a done, b running", "start b1 from a=c2"),
    ],
    "what had not begun starts from what it depended on the day before": [
        (hands_in(task("a"), task("b", "a")), "a running, b queued", "start a1"),
        (finished("a", commit="c1"), "a verifying, b queued", "verify a"),
        (lambda house: setattr(house.orchestrator, "_max_agents", 0), "a verifying, b queued", ""),
        (passes("a"), "a done, b queued", ""),
        (hands_in(goes_on(task_id="b"), on=TOMORROW), "a done, b queued", ""),
        (lambda house: setattr(house.orchestrator, "_max_agents", 2), "a done, b running", "start b1 from a=c1"),
    ],
    "what failed since its dependency failed waits for it again": [
        (hands_in(task("a", max_attempts=1), task("b", "a")), "a running, b queued", "start a1"),
        (ran("a", how="deadline"), "a failed, b failed", ""),
        (hands_in(goes_on(), goes_on("a", task_id="b"), on=TOMORROW), "a running, b queued", "start a2"),
    ],
    "handed in twice it is taken over once": [
        (hands_in(task("a")), "a running", "start a1"),
        (ran("a", **ASKED), "a waiting", ""),
        (hands_in(goes_on(), on=TOMORROW), "a waiting", ""),
        (hands_in(goes_on(), on=TOMORROW), "a waiting", ""),
    ],
}  # fmt: skip


@pytest.mark.parametrize("steps", HISTORIES.values(), ids=HISTORIES)
def test_histories_of_tasks_that_go_on(steps: list[Step]) -> None:
    house = House()
    house.plays(steps)
    assert [each.day for each in house.desk.kept] == [TODAY] * len({each.id for each in house.desk.kept})
    assert house.desk.replies == [] or all(ok for _, _, ok in house.desk.replies)


def test_the_old_day_is_put_by_before_the_new_one_is_saved_and_nothing_is_discarded() -> None:
    order: list[str] = []
    house = House().happens(hands_in(task("a")), prepared(), stops(), ended_by_us())
    old = house["a"]
    house = House()
    house.orchestrator.restore({"a": old}, {})
    house.desk.put_by = lambda record: order.append(f"put by {record.day:%d}")  # type: ignore[method-assign]
    house.desk.save = lambda record, activity: order.append(f"save {record.day:%d}")  # type: ignore[method-assign]
    house.orchestrator.handle(hands_in(goes_on(), on=TOMORROW))
    assert order == ["put by 20", "save 21"]
    assert "discard" not in house.calls()


@pytest.mark.parametrize("killed_between", [True, False])
def test_killed_between_the_two_nothing_is_lost_and_nothing_is_there_twice(
    tmp_path: Path, killed_between: bool
) -> None:
    home = Home(tmp_path)
    home.make_folders()
    old = record(Failed(NINE, "red"), runs=2)
    records.save(home, old)
    records.put_by(home, old)
    if not killed_between:
        records.save(home, takes_in(old))
    found = [(each.day, each.state.name) for each in records.of_all_days(home)]
    assert found == ([(TODAY, "failed")] if killed_between else [(TODAY, "failed"), (TOMORROW, "queued")])
    known, _ = records.load_all(home)
    assert known["a"] == (old if killed_between else takes_in(old))
