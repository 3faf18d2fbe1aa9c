"""The evening: the facts of a day hold all its tasks, also those that were cleaned, and none of another day."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dayshift import records
from dayshift.day_facts import DayFacts
from dayshift.evidence import DiffStat
from dayshift.model import Record
from dayshift.states import Done, Failed
from dayshift.tidying import disposal
from evening import Changes, changes, gather
from tests.house import NINE, TODAY
from tests.test_treasury import Office

DAY = timedelta(days=1)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def gathered(office: Office, *known: Record, seen: Changes | None = None) -> DayFacts:
    """What a daemon that knows these tasks says of today."""

    async def live() -> DayFacts:
        treasury = office.opened()
        try:
            by_id = {each.id: each for each in known}
            return gather(office.home, TODAY, by_id, treasury, "UTC", rehearsal=False, dirty=False, now=NINE, seen=seen)
        finally:
            await treasury.close([])
            treasury.let_go()

    return asyncio.run(live())


def told(facts: DayFacts) -> list[tuple[str, str]]:
    return [(each.id, each.state.name) for each in facts.records]


def test_what_git_said_of_the_same_work_is_not_asked_again(office: Office) -> None:
    one, other = office.record("a", Done(NINE)), office.record("b", Done(NINE))
    known = replace(changes((one, other)), diffs={"a": DiffStat(7)})
    assert gathered(office, one, other, seen=known).diffs == {"a": DiffStat(7)}
    assert gathered(office, one, replace(other, review="rejected"), seen=known).diffs == {}


def test_a_task_that_was_cleaned_is_told_of_by_the_next_daemon_of_that_day(office: Office) -> None:
    cleaned, there = office.record("a", Done(NINE)), office.record("b", Failed(NINE, "red"))
    for each in (cleaned, there):
        records.save(office.home, each)
    disposal.discard(office.home, cleaned)
    assert told(gathered(office, there)) == [("a", "done"), ("b", "failed")]


def test_an_id_that_stands_for_other_work_now_is_told_of_as_that(office: Office) -> None:
    before, now = office.record("a", Failed(NINE, "red")), office.record("a", Done(NINE))
    records.put_by(office.home, before)
    assert told(gathered(office, now)) == [("a", "done")]


def test_a_task_that_went_on_to_the_next_day_stays_in_this_one_as_it_was(office: Office) -> None:
    before = office.record("a", Failed(NINE, "cap"))
    records.put_by(office.home, before)
    assert told(gathered(office, replace(before, day=TODAY + DAY, state=Done(NINE + DAY)))) == [("a", "failed")]
