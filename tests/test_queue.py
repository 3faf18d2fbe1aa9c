"""How long the Orchestrator goes on: with --once, after a stop, a drain, an abandonment."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from dayshift.events import Event, RunEnded
from tests.house import (
    ASKED,
    LIMITED,
    OVERLOADED,
    SECOND,
    House,
    answers,
    ended_by_us,
    fails,
    finished,
    hands_in,
    passes,
    ran,
    says,
    stops,
    task,
)

# --- the queue --------------------------------------------------------------------------------------


class Work:
    """A house whose Orchestrator runs as it does in the daemon."""

    def __init__(self, once: bool) -> None:
        self.house = House()
        self.run = asyncio.create_task(self.house.orchestrator.run(once), name="orchestrator")

    async def goes_on(self, *events: Event) -> bool:
        """Whether the Orchestrator still runs after these and all that follows from each."""
        for event in events:
            self.house.clock.time += SECOND
            self.house.orchestrator.put(event)
            await self.rest()
        await self.rest()
        return not self.run.done()

    async def rest(self) -> None:
        for _ in range(60):
            await asyncio.sleep(0)


@pytest.fixture
async def once() -> AsyncIterator[Work]:
    work = Work(once=True)
    yield work
    work.run.cancel()


@pytest.fixture
async def daemon() -> AsyncIterator[Work]:
    work = Work(once=False)
    yield work
    work.run.cancel()


async def test_once_ends_exactly_when_the_last_task_ended(once: Work) -> None:
    assert await once.goes_on()
    assert await once.goes_on(hands_in(task("a"), task("b")))
    assert await once.goes_on(finished("a"), passes("a"))
    assert await once.goes_on(ran("b", **ASKED))
    assert await once.goes_on(answers("50", task_id="b"))
    assert await once.goes_on(finished("b", 2))
    assert not await once.goes_on(passes("b"))


@pytest.mark.parametrize(
    ("event", "ends"),
    [
        (ran(api_status=402), True),
        (ran(how="deadline"), True),
        (ran(**LIMITED), False),
        (ran(**OVERLOADED), False),
        (ran(**ASKED), False),
        (ran(how="lost"), False),
    ],
    ids=["cap", "deadline", "usage limit", "provider", "question", "lost"],
)
async def test_once_waits_for_whatever_could_still_go_on(once: Work, event: RunEnded, ends: bool) -> None:
    assert await once.goes_on(hands_in(task("a")), event) is not ends


async def test_once_does_not_end_over_a_paused_task(once: Work) -> None:
    assert await once.goes_on(hands_in(task("a")), says("pause"), ended_by_us())
    assert once.house.states == "a parked(paused)"


async def test_without_once_the_program_stays_for_the_next_day_file(daemon: Work) -> None:
    assert await daemon.goes_on(hands_in(task("a")), finished(), passes())
    assert not await daemon.goes_on(stops())


async def test_a_stop_waits_for_the_last_process_to_end(daemon: Work) -> None:
    assert await daemon.goes_on(hands_in(task("a"), task("b")), finished("b"), stops())
    assert daemon.house.states == "a running(parked), b verifying"
    assert not await daemon.goes_on(ended_by_us())


async def test_a_drain_waits_for_runs_and_verifications(daemon: Work) -> None:
    assert await daemon.goes_on(hands_in(task("a"), task("b")), stops(drain=True))
    assert await daemon.goes_on(finished("a"), finished("b"))
    assert await daemon.goes_on(passes("a"))
    assert not await daemon.goes_on(fails("b"))
    assert daemon.house.states == "a done, b queued"


async def test_abandoned_it_leaves_the_runs_to_their_holders(daemon: Work) -> None:
    assert await daemon.goes_on(hands_in(task("a")))
    daemon.house.orchestrator.abandon()
    assert not await daemon.goes_on()
    assert daemon.house.states == "a running"
