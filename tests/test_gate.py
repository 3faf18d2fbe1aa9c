"""The gate before the provider: closed for all at the first refusal, opened again by one request alone."""

import asyncio
from datetime import timedelta

import pytest

from dayshift.clock import SystemClock
from dayshift.events import Active, Event, ProviderLimited
from dayshift.limits import HELD_AT_MOST, LONGEST_PAUSE, Kind, Limit
from dayshift.proxy.gate import Gate, Held, Passage
from tests.house import HOUR, NINE, NO_CREDIT, NO_KEY, SECOND, FakeClock

OVERLOADED = Limit(Kind.overloaded)
SLOW = Limit(Kind.rate_limited, after=7 * SECOND)
USED_UP = Limit(Kind.usage_limit, until=NINE + HOUR)


class House:
    """A gate, its clock, and what it told."""

    def __init__(self, jitter: float = 0.5) -> None:
        self.clock = FakeClock()
        self.told: list[Event] = []
        self.gate = Gate(self.clock, self.told.append, lambda: jitter)

    def passage(self) -> Passage:
        passage = self.gate.ask()
        assert isinstance(passage, Passage)
        return passage

    def refused(self, limit: Limit) -> None:
        """A request goes out and meets that limit."""
        self.gate.ended(self.passage(), limit)

    def held(self) -> float:
        """How long the gate stays closed."""
        held = self.gate.ask()
        assert isinstance(held, Held)
        assert held.seconds is not None
        return held.seconds

    def passes(self, seconds: float) -> None:
        self.clock.time += timedelta(seconds=seconds)


def test_an_open_gate_lets_all_through_and_nobody_is_a_probe() -> None:
    house = House()
    for passage in [house.passage() for _ in range(9)]:
        assert not passage.probe
        house.gate.ended(passage, None)
    assert house.told == []


@pytest.mark.parametrize("limit", [OVERLOADED, SLOW, Limit(Kind.unreachable)])
def test_after_a_refusal_everybody_is_held_and_then_one_goes_first(limit: Limit) -> None:
    house = House()
    house.refused(limit)
    house.passes(house.held() - 0.01)
    house.held()
    house.passes(0.02)
    probe = house.passage()
    assert probe.probe
    assert [house.gate.ask() for _ in range(9)] == [Held(None)] * 9
    house.gate.began(probe)
    assert [house.passage().probe for _ in range(9)] == [False] * 9
    assert house.told == []  # the fleet is not parked for it


def test_a_burst_that_went_out_together_counts_once() -> None:
    house = House()
    burst = [house.passage() for _ in range(20)]
    for passage in burst:
        house.gate.ended(passage, OVERLOADED)
    assert house.held() == 1.0


def test_of_a_burst_the_longest_pause_that_was_asked_for_counts() -> None:
    house = House(jitter=0)
    burst = [house.passage() for _ in range(3)]
    for passage, seconds in zip(burst, (7, 30, 9), strict=True):
        house.gate.ended(passage, Limit(Kind.rate_limited, after=seconds * SECOND))
    assert house.held() == 30


def test_a_pause_that_is_asked_for_is_never_shortened() -> None:
    for jitter in (0.0, 0.5, 1.0):
        house = House(jitter)
        house.refused(SLOW)
        assert 6.999 < house.held() < 7.701


def test_pauses_grow_with_every_probe_that_fails_and_end_at_a_minute() -> None:
    house, pauses = House(), []
    for _ in range(9):
        house.refused(OVERLOADED)
        pauses.append(house.held())
        house.passes(house.held())
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize("jitter", [0.0, 0.999])
def test_pauses_are_spread_and_stay_between_a_second_and_a_minute(jitter: float) -> None:
    house, pauses = House(jitter), []
    for _ in range(12):
        house.refused(OVERLOADED)
        pauses.append(house.held())
        house.passes(pauses[-1] + 0.001)
    assert min(pauses) >= 1 and round(max(pauses), 6) <= 60
    assert pauses[2] == pytest.approx(4 * (0.75 + jitter / 2))


def test_an_answer_that_breaks_off_is_no_reason_to_begin_with_short_pauses_again() -> None:
    house = House()
    for pause in (1, 2, 4):
        passage = house.passage()
        house.gate.began(passage)
        house.gate.ended(passage, OVERLOADED)
        assert house.held() == pause
        house.passes(pause)
    house.gate.ended(house.passage(), None)
    house.refused(OVERLOADED)
    assert house.held() == 1


def test_what_was_sent_before_the_gate_closed_neither_opens_it_nor_ends_the_row() -> None:
    house = House()
    early, late = house.passage(), house.passage()
    house.gate.ended(early, OVERLOADED)
    house.gate.began(late)
    house.gate.ended(late, None)
    assert house.held() == 1
    house.passes(1)
    house.refused(OVERLOADED)
    assert house.held() == 2


@pytest.mark.parametrize("back", ["unused", "ended"])
def test_a_probe_that_comes_to_nothing_lets_another_one_try(back: str) -> None:
    house = House()
    house.refused(OVERLOADED)
    house.passes(1)
    probe = house.passage()
    if back == "unused":
        house.gate.unused(probe)
        assert house.passage().probe
    else:
        house.gate.ended(probe, OVERLOADED)
        assert house.held() == 2


def test_leave_does_not_hold_once_the_gate_was_closed() -> None:
    house = House()
    waits, refused = house.passage(), house.passage()
    assert house.gate.stands(waits)
    house.gate.ended(refused, OVERLOADED)
    assert not house.gate.stands(waits)
    house.gate.unused(waits)  # which is no probe's leave
    assert house.held() == 1


# --- limits that park the fleet ---------------------------------------------------------------------


@pytest.mark.parametrize("limit", [USED_UP, NO_CREDIT, NO_KEY, Limit(Kind.overloaded, after=LONGEST_PAUSE)])
def test_the_fleet_is_told_once_of_a_burst_and_nobody_goes_out(limit: Limit) -> None:
    house = House(jitter=0)
    for passage in [house.passage() for _ in range(3)]:
        house.gate.ended(passage, limit)
    assert house.told == [ProviderLimited(limit)]
    assert house.gate.ask() == limit


def test_a_usage_limit_ends_by_the_calendar_with_one_request() -> None:
    house = House()
    house.refused(USED_UP)
    house.passes(3599)
    assert house.gate.ask() == USED_UP
    house.passes(1)
    assert house.passage().probe
    assert house.gate.ask() == Held(None)


@pytest.mark.parametrize("limit", [NO_CREDIT, NO_KEY])
def test_what_only_the_person_can_cure_does_not_end_by_itself(limit: Limit) -> None:
    house = House()
    house.refused(limit)
    house.passes(10**7)
    assert house.gate.ask() == limit
    house.gate.doubt()
    probe = house.passage()
    assert (probe.probe, house.gate.ask()) == (True, Held(None))
    house.gate.ended(probe, limit)
    assert house.gate.ask() == limit
    assert house.told == [ProviderLimited(limit)] * 2


def test_a_weightier_limit_takes_the_place_of_a_lighter_one() -> None:
    house = House()
    burst = [house.passage() for _ in range(5)]
    for passage, limit in zip(burst, (OVERLOADED, USED_UP, SLOW, NO_KEY, NO_CREDIT), strict=True):
        house.gate.ended(passage, limit)
    assert house.gate.ask() == NO_KEY
    assert house.told == [ProviderLimited(USED_UP), ProviderLimited(NO_KEY)]


def test_a_long_pause_is_held_out_once_little_is_left_of_it() -> None:
    house = House(jitter=0)
    house.refused(Limit(Kind.rate_limited, after=HOUR))
    house.passes(600)
    assert house.gate.ask() == Limit(Kind.rate_limited, after=HOUR - 600 * SECOND)
    house.passes(3000 - HELD_AT_MOST.total_seconds())
    assert house.held() == HELD_AT_MOST.total_seconds()


def test_a_gate_that_is_open_is_not_doubted_without_a_reason() -> None:
    house = House()
    house.gate.doubt()
    assert not house.passage().probe
    house.gate.doubt(Limit(Kind.unreachable))
    assert house.passage().probe


# --- waiting ------------------------------------------------------------------------------------------


async def test_those_who_wait_are_let_out_one_first_and_then_all() -> None:
    told: list[Event] = []
    gate = Gate(SystemClock(), told.append, lambda: 0.0)
    first = gate.ask()
    assert isinstance(first, Passage)
    gate.ended(first, Limit(Kind.overloaded, after=timedelta(seconds=0.1)))
    waiting = [asyncio.create_task(gate.enter(name)) for name in "abc"]
    async with asyncio.timeout(5):
        (out,), _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        probe = out.result()
        assert isinstance(probe, Passage) and probe.probe
        await asyncio.sleep(0.05)
        assert sum(task.done() for task in waiting) == 1
        gate.began(probe)
        passages = dict(zip("abc", [await task for task in waiting], strict=True))
    behind = [name for name, each in passages.items() if isinstance(each, Passage) and not each.probe]
    assert len(behind) == 2
    said = [event.text for event in told if isinstance(event, Active) and event.task_id == behind[0]]
    assert said[0] == "waiting for the provider: overloaded, next try in 1 s"
    assert "waiting for the provider: overloaded, another request is trying" in said
    assert said[-1] == "asking the provider"


async def test_the_time_a_task_is_held_is_counted_once_however_many_requests_wait() -> None:
    house = House()
    house.refused(OVERLOADED)
    waiting = [asyncio.create_task(house.gate.enter("a")) for _ in range(3)]
    await asyncio.sleep(0.05)
    house.passes(9)
    assert house.gate.time_held("a") == 0.0
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (house.gate.time_held("a"), house.gate.time_held("a"), house.gate.time_held("b")) == (9.0, 0.0, 0.0)


async def test_who_is_cancelled_while_waiting_leaves_nothing_behind() -> None:
    gate = Gate(SystemClock(), jitter=lambda: 0.0)
    first = gate.ask()
    assert isinstance(first, Passage)
    gate.ended(first, OVERLOADED)
    waiting = asyncio.create_task(gate.enter("a"))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    gate.doubt()
    assert isinstance(passage := gate.ask(), Passage) and passage.probe


async def test_a_request_is_held_no_longer_than_its_client_waits() -> None:
    house = House(jitter=0)
    house.refused(Limit(Kind.overloaded, after=HELD_AT_MOST))
    waiting = asyncio.create_task(house.gate.enter("a"))
    await asyncio.sleep(0.05)
    house.passes(HELD_AT_MOST.total_seconds())
    probe = house.passage()  # somebody else is quicker, and asks for as long again
    house.gate.ended(probe, Limit(Kind.overloaded, after=HELD_AT_MOST))
    async with asyncio.timeout(5):
        refused = await waiting
    assert isinstance(refused, Limit)
    assert not refused.parks  # the client may try again by itself
    assert not any(isinstance(event, ProviderLimited) for event in house.told)


async def test_who_comes_to_a_gate_that_parks_hears_it_at_once_and_so_does_the_fleet() -> None:
    house = House()
    house.refused(NO_KEY)
    assert await house.gate.enter("late") == NO_KEY
    assert house.told == [ProviderLimited(NO_KEY)] * 2
