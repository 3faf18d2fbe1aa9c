"""Admission: reserved before it leaves, held while it may fit, refused when it cannot, settled as it was."""

import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from admission import FEWEST_OUTPUT_TOKENS, LOOK_AGAIN_SECONDS, Admission, Caps, WholeAnswer
from dayshift.events import Active, CapReached, Event
from dayshift.gateway import Gateway, Refusal, Upstream
from dayshift.messages import SLACK, UsageReader
from dayshift.model import Record, Task, Tokens, Usage
from dayshift.money import Pico, from_usd
from dayshift.prices import Prices, load_prices
from dayshift.states import Queued
from metrics import Ledger, Spend, day_window, task_window

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODEL = "claude-sonnet-5-5"
TODAY, TASK = day_window(DAY), task_window(DAY, "task-1")
THE_DAYS, THE_TASKS = "the cap of 2026-11-20", "the task's own cap"
BODY = json.dumps({"model": MODEL, "max_tokens": 1000, "messages": [{"role": "user", "content": "hi"}]}).encode()

# $2 and $10 per million tokens; a tenth more, for the workspace may be bound to one country.
WORST: Pico = ((len(BODY) + SLACK) * 2_000_000 + 1000 * 10_000_000) * 11 // 10


class Noon:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0


class Desk:
    """An Admission with everything it was made of, and what it said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = Ledger.open(path)
        self.prices: Prices = load_prices({}, DAY)
        self.clock = Noon()
        self.caps = Caps(day=from_usd(50), task=from_usd(5))
        self.told: list[Event] = []
        self.warned: list[str] = []
        self.records: dict[str, Record] = {}
        self.admission = self.begun()

    def begun(self) -> Admission:
        return Admission(
            self.ledger, self.prices, self.clock, "Europe/Berlin", 75, self.record, lambda record: self.caps,
            self.told.append, self.warned.append,
        )  # fmt: skip

    def record(self, task_id: str) -> Record:
        task = Task(task_id, "Name", "words", MODEL)
        return self.records.setdefault(task_id, Record(task, DAY, "/nowhere", Queued(NOON), NOON, runs=2))

    async def admit(self, task_id: str = "task-1", headers: Mapping[str, str] | None = None) -> int:
        outcome = await asyncio.wait_for(self.admission.admit(task_id, BODY, headers or {}), 5)
        assert isinstance(outcome, int), outcome
        return outcome

    async def refused(self, body: bytes = BODY) -> Refusal:
        outcome = await asyncio.wait_for(self.admission.admit("task-1", body, {}), 5)
        assert isinstance(outcome, Refusal)
        assert self.ledger.spend(TODAY).reserved == 0
        return outcome

    async def spend(self, dollars: float) -> None:
        """One request that cost so much; a dollar is 500 000 tokens of input."""
        await self.admission.settle(await self.admit(), used(round(dollars * 500_000)), "req")

    @property
    def capped(self) -> list[tuple[str, str]]:
        return [(each.task_id, each.window) for each in self.told if isinstance(each, CapReached)]


def used(tokens: int, model: str = MODEL) -> Usage:
    return Usage(model, Tokens(input=tokens), geo="global", raw={"input_tokens": tokens})


def body(**changes: Any) -> bytes:
    return json.dumps({**json.loads(BODY), **changes}).encode()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "ledger.sqlite3")
    yield desk
    assert desk.ledger.audit() == []
    desk.ledger.close()


# --- admitted --------------------------------------------------------------------------------------


async def test_the_worst_case_is_reserved_in_every_budget(desk: Desk) -> None:
    await desk.admit()
    assert desk.ledger.spend(TODAY) == Spend(0, WORST, from_usd(50))
    assert desk.ledger.spend(TASK) == Spend(0, WORST, from_usd(5))


async def test_it_is_on_disk_before_upstream_sees_a_byte(desk: Desk) -> None:
    seen: list[Spend] = []

    async def upstream(request: web.BaseRequest) -> web.Response:
        other = Ledger.read_only(desk.path)
        assert other is not None
        seen.append(other.spend(TODAY))
        other.close()
        return web.json_response({"model": MODEL, "usage": {"input_tokens": 10, "output_tokens": 20}})

    runner = web.ServerRunner(web.Server(upstream), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    vendor = Upstream(f"http://127.0.0.1:{runner.addresses[0][1]}", {"x-api-key": "real"})

    async def hook(task_id: str, call: Mapping[str, Any]) -> dict[str, Any]:
        raise AssertionError("nobody asks the guard here")

    gateway = Gateway(desk.admission, hook, "/hook", lambda task: vendor)
    await gateway.start()
    with tempfile.TemporaryDirectory() as folder:
        await gateway.open("task-1", Path(folder) / "sockets" / "s")
        connector = aiohttp.UnixConnector(f"{folder}/sockets/s")
        async with (
            aiohttp.ClientSession(connector=connector) as agent,
            agent.post("http://gateway/v1/messages", data=BODY) as response,
        ):
            assert response.status == 200
        await gateway.close()
    await runner.cleanup()
    assert seen == [Spend(0, WORST, from_usd(50))]
    assert desk.ledger.spend(TODAY) == Spend(10 * 2_000_000 + 20 * 10_000_000, 0, from_usd(50))


async def test_a_booking_knows_its_session_run_and_model(desk: Desk) -> None:
    booking = await desk.admit(headers={"x-claude-code-session-id": "s-1", "x-claude-code-agent-id": "a-1"})
    await desk.admission.settle(booking, used(10), "req")
    assert [line.key for line in desk.ledger.by("session")] == ["s-1"]
    assert [line.key for line in desk.ledger.by("model")] == [MODEL]


async def test_a_task_carried_over_counts_in_the_new_day_and_in_its_old_budget(desk: Desk) -> None:
    desk.clock.moment = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)  # past midnight in Berlin
    await desk.admit()
    assert set(desk.admission.windows(desk.record("task-1"))) == {"day:2026-11-21", TASK}
    assert desk.ledger.spend(TODAY).reserved == 0


async def test_a_clock_set_back_does_not_open_a_spent_day_again(desk: Desk) -> None:
    desk.clock.moment += timedelta(days=1)
    assert desk.admission.today == date(2026, 11, 21)
    desk.clock.moment -= timedelta(days=3)
    assert desk.admission.today == date(2026, 11, 21)


# --- held ------------------------------------------------------------------------------------------


async def test_a_request_is_held_until_there_is_headroom_and_then_goes_on_at_once(desk: Desk) -> None:
    desk.caps = Caps(day=WORST + 100_000_000, task=None)
    first = await desk.admit()
    second = asyncio.create_task(desk.admit("task-2"))
    await asyncio.sleep(0.05)
    assert not second.done()
    assert [type(each) for each in desk.told] == [Active]
    assert desk.told[0].text.startswith(f"waiting for headroom in {THE_DAYS}")  # type: ignore[union-attr]
    await desk.admission.settle(first, used(10), "req")
    await asyncio.wait_for(second, LOOK_AGAIN_SECONDS / 2)
    assert desk.capped == []


async def test_a_held_request_counts_in_the_day_in_which_it_leaves(desk: Desk) -> None:
    desk.caps = Caps(day=WORST, task=None)
    first = await desk.admit()
    second = asyncio.create_task(desk.admit())
    await asyncio.sleep(0.05)
    desk.clock.moment += timedelta(days=1)
    await asyncio.wait_for(second, LOOK_AGAIN_SECONDS * 2)
    assert desk.ledger.spend(day_window(DAY + timedelta(days=1))).reserved == WORST
    await desk.admission.void(first)


async def test_a_held_request_goes_on_when_the_cap_is_raised(desk: Desk) -> None:
    desk.caps = Caps(day=WORST, task=None)
    await desk.admit()
    second = asyncio.create_task(desk.admit())
    await asyncio.sleep(0.05)
    desk.caps = Caps(day=2 * WORST, task=None)
    await asyncio.wait_for(second, LOOK_AGAIN_SECONDS * 2)


async def test_a_held_request_goes_on_when_another_is_voided(desk: Desk) -> None:
    desk.caps = Caps(day=WORST, task=None)
    first = await desk.admit()
    second = asyncio.create_task(desk.admit())
    await asyncio.sleep(0.05)
    await desk.admission.void(first)
    await asyncio.wait_for(second, LOOK_AGAIN_SECONDS / 2)


async def test_a_held_request_is_refused_once_it_can_never_fit(desk: Desk) -> None:
    desk.caps = Caps(day=WORST, task=None)
    first = await desk.admit()
    second = asyncio.create_task(desk.admission.admit("task-2", BODY, {}))
    await asyncio.sleep(0.05)
    await desk.admission.settle(first, used(10), "req")
    refusal = await asyncio.wait_for(second, LOOK_AGAIN_SECONDS / 2)
    assert isinstance(refusal, Refusal)
    assert desk.capped == [("task-2", THE_DAYS)]


async def test_who_gives_up_waiting_leaves_nothing_reserved(desk: Desk) -> None:
    desk.caps = Caps(day=WORST, task=None)
    first = await desk.admit()
    second = asyncio.create_task(desk.admit("task-2"))
    await asyncio.sleep(0.05)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await desk.admission.void(first)
    assert desk.ledger.spend(TODAY).reserved == 0


async def test_twenty_at_once_never_hold_more_than_the_cap_and_all_come_through(desk: Desk) -> None:
    desk.caps = Caps(day=4 * WORST, task=None)
    most = 0

    async def one(number: int) -> None:
        nonlocal most
        booking = await desk.admit(f"task-{number}")
        spend = desk.ledger.spend(TODAY)
        most = max(most, spend.settled + spend.reserved)
        await asyncio.sleep(0.005)
        await desk.admission.settle(booking, used(10), "req")

    await asyncio.gather(*(one(number) for number in range(20)))
    assert 2 * WORST < most <= 4 * WORST
    assert desk.ledger.spend(TODAY).settled == 20 * 10 * 2_000_000


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caps", "window"), [(Caps(WORST - 1, None), THE_DAYS), (Caps(from_usd(50), WORST - 1), THE_TASKS)]
)
async def test_what_can_never_fit_is_refused_with_the_budgets_name(desk: Desk, caps: Caps, window: str) -> None:
    desk.caps = caps
    refusal = await desk.refused()
    assert (refusal.status, refusal.kind) == (402, "billing_error")
    assert window in refusal.message
    assert desk.capped == [("task-1", window)]


async def test_a_request_that_fits_exactly_is_admitted(desk: Desk) -> None:
    desk.caps = Caps(day=WORST, task=WORST)
    await desk.admit()


async def test_a_model_nobody_priced_is_refused_with_the_lines_that_price_it(desk: Desk) -> None:
    refusal = await desk.refused(body(model="claude-unheard-of-9"))
    assert refusal.status == 402
    assert "claude-unheard-of-9" in refusal.message
    assert "config/orchestrator.yaml" in refusal.message
    assert "input:" in refusal.message
    assert desk.capped == [("task-1", "the price list")]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"no json", "not JSON"),
        (body(max_tokens=None), "max_tokens"),
        (body(model=None), "names no model"),
        (body(mcp_servers=[{"url": "x"}]), "no bound: mcp_servers"),
        (body(tools=[{"type": "web_search_20250305", "name": "web_search"}]), "no bound"),
    ],
)
async def test_what_is_no_request_or_has_no_bound_is_the_agents_mistake_and_no_cap(
    desk: Desk, sent: bytes, said: str
) -> None:
    refusal = await desk.refused(sent)
    assert (refusal.status, refusal.kind) == (400, "invalid_request_error")
    assert said in refusal.message
    assert desk.capped == []


# --- settled ---------------------------------------------------------------------------------------


async def test_an_end_that_is_not_known_is_charged_at_its_worst(desk: Desk) -> None:
    await desk.admission.settle(await desk.admit(), None, "")
    assert desk.ledger.spend(TODAY) == Spend(WORST, 0, from_usd(50))
    (line,) = desk.ledger.by("day")
    assert line.estimated == WORST


async def test_an_answer_by_a_model_nobody_priced_is_charged_at_its_worst(desk: Desk) -> None:
    await desk.admission.settle(await desk.admit(), used(10, "claude-unheard-of-9"), "req")
    assert desk.ledger.spend(TODAY) == Spend(WORST, 0, from_usd(50))


async def test_what_was_refused_upstream_is_given_back(desk: Desk) -> None:
    await desk.admission.void(await desk.admit())
    assert desk.ledger.spend(TODAY) == Spend(0, 0, from_usd(50))


async def test_a_booking_settled_twice_counts_once(desk: Desk) -> None:
    booking = await desk.admit()
    for _ in range(2):
        await desk.admission.settle(booking, used(10), "req")
    await desk.admission.settle(booking, None, "")
    assert desk.ledger.spend(TODAY).settled == 10 * 2_000_000


# --- words to the person and to the agent ----------------------------------------------------------


async def test_the_person_is_warned_once_a_day_when_the_share_is_reached(desk: Desk) -> None:
    desk.caps = Caps(day=from_usd(10), task=None)
    await desk.spend(7.49)
    assert desk.warned == []
    await desk.spend(0.02)
    assert desk.warned == ["$7.51 of today's $10.00 is spent (75 % reached)"]
    await desk.spend(1)
    desk.admission = desk.begun()  # a restarted daemon
    await desk.spend(1)
    assert len(desk.warned) == 1
    desk.clock.moment += timedelta(days=1)
    await desk.spend(8)
    assert len(desk.warned) == 2


@pytest.mark.parametrize(
    ("caps", "most", "tokens"),
    [
        (Caps(None, None), 32_000, 32_000),  # type: ignore[arg-type]
        (Caps(from_usd(50), None), 32_000, 32_000),
        (Caps(from_usd("0.40"), None), 32_000, 10_000),
        (Caps(from_usd(50), from_usd("0.40")), 32_000, 10_000),
        (Caps(from_usd("0.40"), None), 8_000, 8_000),
        (Caps(from_usd("0.01"), None), 32_000, FEWEST_OUTPUT_TOKENS),
        (Caps(0, None), 32_000, FEWEST_OUTPUT_TOKENS),
    ],
)
async def test_an_answer_may_take_a_quarter_of_the_headroom(desk: Desk, caps: Caps, most: int, tokens: int) -> None:
    desk.caps = caps
    assert desk.admission.max_output_tokens(desk.record("task-1"), most) == tokens


async def test_money_in_flight_is_no_headroom(desk: Desk) -> None:
    desk.caps = Caps(WORST + from_usd("0.40"), None)
    await desk.admit()
    assert desk.admission.max_output_tokens(desk.record("task-2"), 32_000) == 10_000


async def test_the_model_of_the_task_decides(desk: Desk) -> None:
    desk.caps = Caps(from_usd("0.40"), None)
    record = desk.record("task-1")
    dearer = replace(record, task=replace(record.task, model="claude-opus-5-5"))
    assert desk.admission.max_output_tokens(dearer, 32_000) == 5_000


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [("text/event-stream; charset=utf-8", UsageReader), ("application/json", WholeAnswer), ("", WholeAnswer)],
)
def test_the_reader_fits_the_answer(desk: Desk, content_type: str, kind: type) -> None:
    assert type(desk.admission.reader(content_type)) is kind


def test_a_whole_answer_is_read_when_it_is_whole() -> None:
    reader = WholeAnswer()
    reader.feed(b'{"model": "m", "usage": {"input_tok')
    assert not reader.complete
    reader.feed(b'ens": 5}}')
    assert reader.complete
    usage = reader.usage()
    assert usage is not None
    assert usage.tokens == Tokens(input=5)
