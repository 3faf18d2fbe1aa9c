"""A courier: everything in order and once, whatever its channel does; told by a clock that the test owns."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from dayshift import alerts
from dayshift.alerts import Alert, Kind
from dayshift.conversation import Question
from dayshift.files import Unusable
from dayshift.model import Record
from dayshift.notifying.courier import (
    BURST_SECONDS,
    LONGEST_PAUSE,
    LOOK_SECONDS,
    MOST_TOGETHER,
    PROBE_EVERY,
    Courier,
    Later,
    Undeliverable,
)
from dayshift.notifying.outbox import Outbox, Outcome
from dayshift.states import Failed, Queued, Waiting
from tests.house import NINE, FakeClock, record

ALL = frozenset(Kind)
A_TICK = 0.001
Answer = Callable[[tuple[Alert, ...]], None]


class Phone:
    """A channel that notes what it delivered, and can be made to fail."""

    name = "phone"

    def __init__(self) -> None:
        self.kinds = ALL
        self.told: list[str] = []
        self.tries = 0
        self.answer: Answer = lambda _: None

    async def send(self, alerts: tuple[Alert, ...]) -> None:
        self.tries += 1
        self.answer(alerts)
        self.told.append(" ".join(alert.key for alert in alerts))


class Round:
    """One courier with all it needs, and rounds of it with time passing between."""

    def __init__(self, outbox: Outbox, quiet: tuple[time, time] | None = None, timezone: str = "UTC") -> None:
        self.outbox, self.phone, self.clock = outbox, Phone(), FakeClock()
        self.records: dict[str, Record] = {}
        self.said: list[str] = []
        self.courier = Courier(self.phone, outbox, self.records.get, self.clock, quiet, timezone, self.said.append)

    def tell(self, *alerts: Alert) -> None:
        for alert in alerts:
            self.outbox.add(alert)

    async def goes(self, seconds: float = 0.0) -> float | None:
        """After so many seconds, and after the burst that may begin then."""
        self.clock.time += timedelta(seconds=seconds)
        rest = await self.courier.deliver()
        if rest is not None and rest <= BURST_SECONDS + A_TICK:
            self.clock.time += timedelta(seconds=BURST_SECONDS + A_TICK)
            rest = await self.courier.deliver()
        return rest

    @property
    def waiting(self) -> list[str]:
        return [alert.key for _, alert in self.outbox.pending("phone")]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox.open(tmp_path / "outbox.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def round(outbox: Outbox) -> Round:
    return Round(outbox)


def news(key: str, kind: Kind = Kind.forbidden, **facts: object) -> Alert:
    return replace(Alert(key, kind, f"about {key}", NINE), **facts)  # type: ignore[arg-type]


def asks(round: Round, task_id: str = "a") -> Alert:
    """A question of a task that waits for its answer."""
    asked = Question(task_id, 1, "Which page size?", NINE)
    waiting = record(Waiting(NINE, 1), task_id, questions=(asked,))
    round.records[task_id] = waiting
    return next(alerts.of_change(None, waiting, "", NINE))


def fails(round: Round, task_id: str = "a") -> Alert:
    failed = record(Failed(NINE, "no"), task_id)
    round.records[task_id] = failed
    return next(alerts.of_change(None, failed, "", NINE))


def down(_: Sequence[Alert]) -> None:
    raise Later(None, "no network")


# --- once, in order ---------------------------------------------------------------------------------


async def test_what_is_added_is_told_in_order_and_once(round: Round) -> None:
    round.tell(news("a"), news("b"))
    assert await round.goes() is None
    assert await round.goes(100) is None
    assert round.phone.told == ["a", "b"]
    assert round.waiting == []


async def test_a_burst_becomes_one_message(round: Round) -> None:
    round.tell(*(news(f"k{number}") for number in range(5)))
    assert await round.courier.deliver() == pytest.approx(BURST_SECONDS)
    assert round.phone.tries == 0
    round.tell(news("k5"))
    await round.goes(BURST_SECONDS)
    assert round.phone.told == ["k0 k1 k2 k3 k4 k5"]


async def test_the_next_burst_waits_for_its_own_time(round: Round) -> None:
    round.tell(news("a"))
    await round.goes()
    round.tell(news("b"))
    assert await round.courier.deliver() == pytest.approx(BURST_SECONDS)


async def test_a_message_is_never_longer_than_can_be_read(round: Round) -> None:
    round.tell(*(news(f"k{number}") for number in range(2 * MOST_TOGETHER)))
    await round.goes()
    assert [len(each.split()) for each in round.phone.told] == [MOST_TOGETHER, MOST_TOGETHER]


async def test_a_question_waits_for_nothing_and_keeps_the_order(round: Round) -> None:
    round.tell(news("before"), asks(round), news("after"))
    await round.courier.deliver()
    assert round.phone.told[0] == "before"
    assert round.phone.told[1].startswith("question:a@")
    assert "after" not in round.phone.told  # it waits for its own burst


async def test_a_report_goes_alone(round: Round) -> None:
    round.tell(*(news(f"k{number}") for number in range(4)), news("day", Kind.report), news("z"))
    await round.goes()
    assert round.phone.told == ["k0 k1 k2 k3", "day", "z"]


# --- what is no longer true -------------------------------------------------------------------------


async def test_what_is_stale_is_dropped_unsent(round: Round) -> None:
    asked, failed = asks(round, "a"), fails(round, "b")
    round.tell(asked, failed, news("old", until=NINE + timedelta(minutes=1)), news("still"))
    round.records["a"] = record(Queued(NINE), "a")
    round.records["b"] = record(Queued(NINE), "b")
    await round.goes(60)
    assert round.phone.told == ["still"]
    assert set(round.outbox.outcomes("phone").values()) == {"stale", "sent"}


async def test_what_becomes_stale_while_another_is_sent_is_dropped_too(round: Round) -> None:
    asked = asks(round)
    round.tell(news("first", Kind.report), asked)

    def meanwhile_answered(_: Sequence[Alert]) -> None:
        round.records["a"] = record(Queued(NINE), "a")

    round.phone.answer = meanwhile_answered
    await round.goes()
    assert round.phone.told == ["first"]


async def test_kinds_that_the_channel_is_not_given_are_settled(round: Round) -> None:
    round.phone.kinds = frozenset({Kind.budget})
    round.tell(news("a"), news("b", Kind.budget))
    await round.goes()
    assert round.phone.told == ["b"]
    assert round.waiting == []
    assert round.outbox.outcomes("phone") == {"a": "unchosen", "b": "sent"}


# --- quiet hours ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timezone", "hours", "held"),
    [
        ("UTC", (time(22), time(7)), False),
        ("UTC", (time(8), time(10)), True),
        ("Asia/Tokyo", (time(17), time(7)), True),
    ],
)
async def test_quiet_hours_hold_what_does_not_press(
    outbox: Outbox, timezone: str, hours: tuple[time, time], held: bool
) -> None:
    round = Round(outbox, hours, timezone)
    round.tell(news("budget", Kind.budget), asks(round), news("cap", Kind.cap), news("report", Kind.report))
    rest = await round.goes()
    pressing = [key for key in round.phone.told if key in ("budget", "report")]
    assert (pressing == []) == held
    assert len(round.phone.told) == (2 if held else 4)
    assert rest == (LOOK_SECONDS if held else None)


async def test_when_quiet_hours_end_what_is_still_true_is_told_in_order(outbox: Outbox) -> None:
    round = Round(outbox, (time(8), time(10)))
    round.tell(news("a", Kind.budget), news("b", until=NINE + timedelta(minutes=5)), news("c", Kind.milestone))
    for _ in range(59):
        assert await round.goes(60) == LOOK_SECONDS
    assert await round.goes(60) is None
    assert round.phone.told == ["a", "c"]


# --- trouble ----------------------------------------------------------------------------------------


async def test_a_channel_that_says_when_is_left_alone_until_then(round: Round) -> None:
    def flooded(_: Sequence[Alert]) -> None:
        raise Later(37, "too many")

    round.tell(news("a"))
    round.phone.answer = flooded
    assert await round.goes() == pytest.approx(37)
    round.phone.answer = lambda _: None
    for _ in range(36):
        await round.goes(1)
    assert round.phone.tries == 1
    await round.goes(1)
    assert round.phone.told == ["a"]
    assert round.said == []  # a flood limit is no trouble


async def test_pauses_double_up_to_a_minute_and_begin_anew_after_a_success(round: Round) -> None:
    round.tell(news("a"))
    round.phone.answer = down
    pauses = [await round.goes()]
    for _ in range(7):
        pauses.append(await round.goes(pauses[-1] or 0))
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE])
    round.phone.answer = lambda _: None
    await round.goes(LONGEST_PAUSE)
    round.phone.answer = down
    round.tell(news("b"))
    assert await round.goes() == pytest.approx(1)


async def test_down_for_hours_then_what_is_still_true_in_order_and_once(round: Round) -> None:
    round.phone.answer = down
    seen = 0
    for minute in range(180):
        if minute % 60 == 5:
            asked, failed = asks(round, f"q{minute}"), fails(round, f"f{minute}")
            round.tell(asked, failed, news(f"n{minute}"), news(f"o{minute}", until=NINE + timedelta(hours=2)))
        await round.goes(60)
        seen = max(seen, round.phone.tries)
    round.records["q65"] = record(Queued(NINE), "q65")
    round.phone.answer = lambda _: None
    await round.goes(60)
    told = " ".join(round.phone.told).split()
    names = [key.split(":")[-2].split("@")[0] if ":" in key else key for key in told]
    assert names == ["q5", "f5", "n5", "f65", "n65", "q125", "f125", "n125"]
    assert len(round.said) == 2 and "no network" in round.said[0] and round.said[1] == "phone works again"
    assert seen <= 200  # a try a minute


async def test_one_bad_alert_does_not_block_the_others(round: Round) -> None:
    def refuses_b(told: Sequence[Alert]) -> None:
        if any(each.key == "b" for each in told):
            raise Undeliverable("too long")

    round.phone.answer = refuses_b
    round.tell(*(news(key) for key in "abcde"))
    await round.goes()
    assert sorted(" ".join(round.phone.told).split()) == list("acde")
    assert " ".join(round.phone.told).split() == list("acde")
    assert round.outbox.outcomes("phone")["b"] == "refused"
    assert len(round.said) == 1 and "too long" in round.said[0]


async def test_a_fault_of_the_channel_gives_up_the_culprit_alone(round: Round) -> None:
    def breaks_on_c(told: Sequence[Alert]) -> None:
        if any(each.key == "c" for each in told):
            raise ValueError("secret words")

    round.phone.answer = breaks_on_c
    round.tell(*(news(key) for key in "abcde"))
    for _ in range(20):
        await round.goes(LONGEST_PAUSE)
    assert " ".join(round.phone.told).split() == list("abde")
    assert round.outbox.outcomes("phone")["c"] == "refused"
    assert not any("secret words" in each for each in round.said)


async def test_a_bad_alert_that_looks_like_an_outage_does_not_block_the_others_for_ever(round: Round) -> None:
    def cannot_take_b(told: Sequence[Alert]) -> None:
        if any(each.key == "b" for each in told):
            raise Later(None, "HTTP 500")

    round.phone.answer = cannot_take_b
    round.tell(*(news(key, Kind.report) for key in "abcdefg"))
    for _ in range(4 * PROBE_EVERY):
        await round.goes(LONGEST_PAUSE)
    assert round.phone.told == list("acdefg")
    assert round.outbox.outcomes("phone")["b"] == "refused"


@pytest.mark.parametrize("tries", range(2 * PROBE_EVERY, 3 * PROBE_EVERY))
async def test_an_outage_is_not_taken_for_a_bad_alert(round: Round, tries: int) -> None:
    round.phone.answer = down
    round.tell(*(news(key, Kind.report) for key in "abc"))
    for _ in range(tries):
        await round.goes(LONGEST_PAUSE)
    round.phone.answer = lambda _: None
    await round.goes(LONGEST_PAUSE)
    assert round.phone.told == list("abc")


async def test_a_disk_that_takes_nothing_leads_to_no_second_message(
    round: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, full = round.outbox.settle, True

    def settle(channel: str, numbers: Sequence[int], outcome: Outcome, now: datetime) -> None:
        if full:
            raise Unusable("outbox.sqlite3: disk is full")
        real(channel, numbers, outcome, now)

    monkeypatch.setattr(round.outbox, "settle", settle)
    round.tell(news("a"))
    for _ in range(5):
        await round.goes(100)
    full = False
    round.tell(news("b"))
    await round.goes(100)
    assert round.phone.told == ["a", "b"]
    assert round.waiting == []
    assert len(round.said) == 2 and "disk is full" in round.said[0]


# --- awake and asleep -------------------------------------------------------------------------------


class RealClock(FakeClock):
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


async def test_it_sleeps_until_it_is_woken(outbox: Outbox) -> None:
    phone, looks = Phone(), 0
    courier = Courier(phone, outbox, lambda _: None, RealClock(), None, "UTC", lambda _: None)
    real = courier.deliver

    async def counted() -> float | None:
        nonlocal looks
        looks += 1
        return await real()

    courier.deliver = counted  # type: ignore[method-assign]
    running = asyncio.create_task(courier.run())
    await asyncio.sleep(0.1)
    assert looks == 1
    outbox.add(news("a", Kind.budget))
    courier.wake()
    await asyncio.sleep(BURST_SECONDS + 0.2)
    assert phone.told == ["a"]
    assert looks == 3
    outbox.add(news("b", Kind.budget))
    courier.close()
    await asyncio.wait_for(running, 1)  # and does not wait for a burst
    assert phone.told == ["a", "b"]


async def test_nothing_that_happens_ends_it(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dayshift.notifying.courier.LOOK_SECONDS", 0.01)
    said: list[str] = []
    faults = iter([RuntimeError("of the records")])

    def records(_: str) -> Record | None:
        for each in faults:
            raise each
        return None

    phone = Phone()
    courier = Courier(phone, outbox, records, RealClock(), None, "UTC", said.append)
    outbox.add(news("a", Kind.limit, task_id="a"))
    running = asyncio.create_task(courier.run())
    await asyncio.sleep(BURST_SECONDS + 0.2)
    assert phone.told == ["a"]
    assert len(said) == 2
    courier.close()
    await asyncio.wait_for(running, 1)
