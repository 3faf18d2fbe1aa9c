"""Which tasks are accepted before which, and which rest on which."""

from dataclasses import replace

import pytest

from dayshift.model import Record
from dayshift.reviewing import lineage
from dayshift.states import Done, Failed, Running, State
from tests.house import NINE, SECOND, record, task


def known(rows: str, **facts: Record) -> dict[str, Record]:
    """Done tasks with work from `a, b<a, c<a+b`."""
    found = {}
    for row in rows.split(", "):
        name, _, roots = row.partition("<")
        made = record(Done(NINE), name, task=task(name, *filter(None, roots.split("+"))), base="b", commit="c")
        found[name] = facts.get(name, made)
    return found


def changed(rows: str, task_id: str, state: State | None = None, **facts: object) -> dict[str, Record]:
    found = known(rows)
    given = {**facts, "state": state} if state else facts
    return {**found, task_id: replace(found[task_id], **given)}  # type: ignore[arg-type]


CHAIN = "a, b<a, c<b"


def test_the_order_is_that_of_building_and_else_the_given_one() -> None:
    assert lineage.in_order(known(f"{CHAIN}, x"), ["x", "c", "b", "c", "a"]) == ["x", "a", "b", "c"]
    assert lineage.in_order(known("a<b, b<a"), ["a", "b"]) == ["a", "b"]  # nothing like it is ever taken in
    assert lineage.builds_on(known(CHAIN), "c", "a") and not lineage.builds_on(known(CHAIN), "a", "c")


@pytest.mark.parametrize(
    ("tasks", "missing"),
    [
        (known(CHAIN), ["a", "b"]),
        (changed(CHAIN, "b", review="accepted"), ["a"]),
        (changed(CHAIN, "a", commit="b"), ["b"]),  # it changed nothing
        (changed(CHAIN, "a", review="rejected"), ["a", "b"]),
        (changed(CHAIN, "a", day=NINE.date() - 86400 * SECOND), ["b"]),  # the id stands for work of another day
        (known("b<gone, c<b"), ["b"]),
    ],
)
def test_what_has_work_and_is_not_accepted_has_to_come_before(tasks: dict[str, Record], missing: list[str]) -> None:
    assert lineage.missing(tasks, ["c"]) == missing
    assert lineage.missing(tasks, ["c", *missing]) == []


@pytest.mark.parametrize(
    ("tasks", "ready"),
    [
        (known(f"{CHAIN}, x, y<x"), ["b", "c"]),
        (known("a, b<a, x, c<b+x"), ["b"]),  # x would have to be accepted first
        (changed(CHAIN, "b", Failed(NINE, "red")), []),
        (changed(CHAIN, "b", Running(NINE, 1)), []),
        (changed(CHAIN, "b", review="rejected"), []),
        (changed(CHAIN, "b", review="accepted"), ["c"]),
        (changed(CHAIN, "b", rehearsal=True), []),
        (changed(CHAIN, "c", runs=1, quarantined=1), ["b"]),
    ],
)
def test_what_is_done_and_builds_on_it_alone_can_come_after(tasks: dict[str, Record], ready: list[str]) -> None:
    assert lineage.ready(tasks, ["a"]) == ready


def test_what_was_accepted_on_top_is_known() -> None:
    tasks = changed(CHAIN, "c", review="accepted")
    assert (lineage.resting_on(tasks, ["a"]), lineage.resting_on(tasks, ["c"])) == (["c"], [])
    assert lineage.resting_on(known(CHAIN), ["a"]) == []
