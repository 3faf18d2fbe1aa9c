"""Admission: reserved before it leaves, held while it may fit, refused when it cannot, settled as it was."""

import asyncio
import json
import sqlite3
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from admission import LOOK_AGAIN_SECONDS, Admission
from almanac import Almanac
from dayshift.cost.booking import Spend
from dayshift.cost.budgets import Subject, day_window, task_window
from dayshift.cost.hold import FEWEST_OUTPUT_TOKENS, PACE, first_prompt
from dayshift.cost.prices import Prices, load_prices
from dayshift.cost.statement import Statement
from dayshift.events import Active, CapReached, Event
from dayshift.inputs.settings import Budget
from dayshift.messages.request_bounds import IMAGE, SLACK
from dayshift.messages.usage import understood
from dayshift.messages.usage_readers import UsageReader, WholeAnswer
from dayshift.model import Record, Task, Tokens, Usage
from dayshift.money import Pico, from_usd
from dayshift.proxy.exchange import Upstream
from dayshift.proxy.gateway import Gateway
from dayshift.proxy.meter import Refusal
from dayshift.states import Queued
from group_commit import GroupCommit
from metrics import Ledger
from teller import Teller

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODEL = "claude-sonnet-5-5"
TODAY, TASK = day_window(DAY), task_window(DAY, "task-1")
THE_DAYS, THE_TASKS = "the cap of 2026-11-20", "the task's own cap"
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
BODY = json.dumps({"model": MODEL, "max_tokens": 1000, "messages": [{"role": "user", "content": "hi"}]}).encode()

# $2 and $10 per million tokens; a tenth more, for the workspace may be bound to one country.
WORST: Pico = ((len(BODY) + SLACK) * 2_000_000 + 1000 * 10_000_000) * 11 // 10


@lru_cache
def priced(rates: str) -> Prices:
    return load_prices(json.loads(rates), DAY)


class Noon:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps that may change while a daemon runs."""

    day: Pico | None
    task: Pico | None


class Desk:
    """An Admission with everything it was made of, and what it said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.budget = Budget(warn_at=Decimal("0.75"))  # type: ignore[arg-type]
        self.clock = Noon()
        self.caps = Caps(day=from_usd(50), task=from_usd(5))
        self.told: list[Event] = []
        self.said: list[str] = []
        self.records: dict[str, Record] = {}
        self.elsewhere: dict[str, Pico] = {}
        self.searches = False
        self.rates: dict[str, Any] = {}
        self.account: Any = "api"
        self.closed = True
        self.begin()

    def begin(self, **settings: Any) -> None:
        """A daemon starts, perhaps with other settings; what the last one left open is charged."""
        if not self.closed:
            self.close()
        self.budget = Budget(**{**self.budget.model_dump(exclude_unset=True), **settings})
        self.closed = False
        self.ledger = Ledger.open(self.path)
        self.ledger.recover(self.clock.now())
        self.books = Ledger.open(self.path)
        self.writer = GroupCommit(self.ledger)
        self.almanac = Almanac(self.writer, self.books, self.clock, "Europe/Berlin", self.budget.phases)
        self.teller = Teller(
            self.writer, self.books, self.clock, self.budget.warn_at, self.budget.milestones_usd
        )  # fmt: skip
        self.admission = Admission(
            self.writer, self.books, self.almanac, self.teller, self.prices, self.clock, self.budget, self.record,
            self.subject, self.told.append, lambda day: self.elsewhere, self.searches,
        )  # fmt: skip

    def close(self) -> None:
        self.closed = True
        self.writer.close()
        self.books.close()

    def prices(self, day: date) -> Prices:
        return priced(json.dumps(self.rates.get(str(day), {})))

    def subject(self, record: Record) -> Subject:
        return Subject(
            record.day, record.id, record.project, "anthropic", self.account, self.caps.task, self.caps.day
        )  # fmt: skip

    async def tell(self) -> list[str]:
        """What the person is told now."""
        said: list[str] = []
        await self.teller.say(lambda notice: said.append(notice.text))
        return [text for text in said if "watch this model" not in text]

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """The ledger's thread waits for the block's end."""
        go_on = threading.Event()
        waiting = asyncio.ensure_future(self.writer.write(lambda ledger: go_on.wait(10)))
        try:
            yield
        finally:
            go_on.set()
            del waiting

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
        assert self.books.spend(TODAY).reserved == 0
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
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "ledger.sqlite3")
    yield desk
    await desk.writer.write(lambda ledger: None)
    assert desk.books.audit() == []
    desk.close()


# --- admitted --------------------------------------------------------------------------------------


async def test_the_worst_case_is_reserved_in_every_budget(desk: Desk) -> None:
    await desk.admit()
    assert desk.books.spend(TODAY) == Spend(0, WORST, from_usd(50))
    assert desk.books.spend(TASK) == Spend(0, WORST, from_usd(5))


async def test_it_is_on_disk_before_upstream_sees_a_byte(desk: Desk) -> None:
    seen: list[Spend] = []

    async def upstream(request: web.BaseRequest) -> web.Response:
        other = Ledger.open(desk.path)
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
    assert desk.books.spend(TODAY) == Spend(10 * 2_000_000 + 20 * 10_000_000, 0, from_usd(50))


async def test_a_booking_knows_its_session_run_and_model(desk: Desk) -> None:
    booking = await desk.admit(headers={"x-claude-code-session-id": "s-1", "x-claude-code-agent-id": "a-1"})
    await desk.admission.settle(booking, used(10), "req")
    assert [line.key for line in Statement(desk.books.connection).by("session")] == ["s-1"]
    assert [line.key for line in Statement(desk.books.connection).by("model")] == [MODEL]


async def test_a_task_carried_over_counts_in_the_new_day_and_in_its_old_budget(desk: Desk) -> None:
    desk.clock.moment = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)  # past midnight in Berlin
    await desk.admit()
    windows = set(desk.admission.windows(desk.record("task-1")))
    assert {"day:2026-11-21", TASK} <= windows and TODAY not in windows
    assert desk.books.spend(TODAY).reserved == 0


async def test_a_clock_set_back_does_not_open_a_spent_day_again(desk: Desk) -> None:
    desk.clock.moment += timedelta(days=1)
    await desk.admission.void(await desk.admit())
    desk.clock.moment -= timedelta(days=3)
    await desk.admit()
    assert desk.books.spend("day:2026-11-21").reserved == WORST
    assert desk.books.spend("day:2026-11-18") == Spend()


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
    assert desk.books.spend(day_window(DAY + timedelta(days=1))).reserved == WORST
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
    assert desk.books.spend(TODAY).reserved == 0


async def test_twenty_at_once_never_hold_more_than_the_cap_and_all_come_through(desk: Desk) -> None:
    desk.caps = Caps(day=4 * WORST, task=None)
    most = 0

    async def one(number: int) -> None:
        nonlocal most
        booking = await desk.admit(f"task-{number}")
        spend = desk.books.spend(TODAY)
        most = max(most, spend.settled + spend.reserved)
        await asyncio.sleep(0.005)
        await desk.admission.settle(booking, used(10), "req")

    await asyncio.gather(*(one(number) for number in range(20)))
    assert 2 * WORST < most <= 4 * WORST
    assert desk.books.spend(TODAY).settled == 20 * 10 * 2_000_000


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
        (body(tools=[SEARCH]), "only with WebSearch among agent.tools"),
    ],
)
async def test_what_is_no_request_or_has_no_bound_is_the_agents_mistake_and_no_cap(
    desk: Desk, sent: bytes, said: str
) -> None:
    refusal = await desk.refused(sent)
    assert (refusal.status, refusal.kind) == (400, "invalid_request_error")
    assert said in refusal.message
    assert desk.capped == []


async def test_a_search_is_admitted_where_agents_may_search(desk: Desk) -> None:
    desk.searches = True
    desk.begin()
    assert isinstance(await desk.admission.admit("task-1", body(tools=[{**SEARCH, "max_uses": 1}]), {}), int)


async def test_a_count_of_tokens_may_not_have_the_provider_fetch(desk: Desk) -> None:
    assert desk.admission.counting(BODY) is None
    image = [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://x/?secret"}}]}]
    for sent, said in ((body(messages=image), "image by url"), (body(tools=[SEARCH]), "web search"), (b"{", "JSON")):
        refusal = desk.admission.counting(sent)
        assert refusal is not None and refusal.status == 400 and said in refusal.message


# --- settled ---------------------------------------------------------------------------------------


async def test_an_end_that_is_not_known_is_charged_at_its_worst(desk: Desk) -> None:
    await desk.admission.settle(await desk.admit(), None, "")
    assert desk.books.spend(TODAY) == Spend(WORST, 0, from_usd(50))
    (line,) = Statement(desk.books.connection).by("day")
    assert line.estimated == WORST


async def test_an_answer_by_a_model_nobody_priced_is_charged_at_its_worst(desk: Desk) -> None:
    await desk.admission.settle(await desk.admit(), used(10, "claude-unheard-of-9"), "req")
    assert desk.books.spend(TODAY) == Spend(WORST, 0, from_usd(50))


async def test_what_was_refused_upstream_is_given_back(desk: Desk) -> None:
    await desk.admission.void(await desk.admit())
    assert desk.books.spend(TODAY) == Spend(0, 0, from_usd(50))


async def test_a_booking_settled_twice_counts_once(desk: Desk) -> None:
    booking = await desk.admit()
    for _ in range(2):
        await desk.admission.settle(booking, used(10), "req")
    await desk.admission.settle(booking, None, "")
    assert desk.books.spend(TODAY).settled == 10 * 2_000_000


# --- words to the person and to the agent ----------------------------------------------------------


async def test_the_person_is_warned_once_a_day_when_the_share_is_reached(desk: Desk) -> None:
    desk.caps = Caps(day=from_usd(10), task=None)
    await desk.spend(7.49)
    assert await desk.tell() == []
    await desk.spend(0.02)
    assert await desk.tell() == [
        "75 % of the cap of 2026-11-20 is spent: $7.51 of $10.00  [###############-----] 75 %"
    ]  # fmt: skip
    await desk.spend(1)
    desk.begin()  # a restarted daemon
    await desk.spend(1)
    assert await desk.tell() == []
    desk.clock.moment += timedelta(days=1)
    await desk.spend(8)
    assert len(await desk.tell()) == 1


async def test_who_died_between_keeping_a_notice_and_telling_it_tells_it_after(desk: Desk) -> None:
    desk.caps = Caps(day=from_usd(10), task=None)
    await desk.spend(8)
    desk.begin()
    assert len(await desk.tell()) == 1
    desk.begin()
    assert await desk.tell() == []


async def test_a_raised_cap_warns_anew_and_the_old_one_not_a_second_time(desk: Desk) -> None:
    desk.caps = Caps(day=from_usd(10), task=None)
    await desk.spend(8)
    desk.caps = Caps(day=from_usd(20), task=None)
    await desk.spend(1)
    assert len(await desk.tell()) == 1
    await desk.spend(7)
    assert [each[:40] for each in await desk.tell()] == ["75 % of the cap of 2026-11-20 is spent: "]
    desk.caps = Caps(day=from_usd(10), task=None)
    desk.begin()
    with pytest.raises(AssertionError):  # refused: more than the cap is spent
        await desk.spend(1)
    assert await desk.tell() == []


async def test_each_milestone_of_the_month_is_told_once_and_two_may_be_passed_at_once(desk: Desk) -> None:
    desk.begin(milestones_usd=[5, 10, 15], warn_at=[1])
    desk.caps = Caps(day=from_usd(100), task=None)
    await desk.spend(4.99)
    assert await desk.tell() == []
    await desk.spend(5.5)
    assert await desk.tell() == [
        "$5.00 of November 2026 reached: $10.49 spent  [#############-------] 69 %",
        "$10.00 of November 2026 reached: $10.49 spent  [#############-------] 69 %",
    ]  # fmt: skip
    desk.begin()
    await desk.spend(1)
    assert await desk.tell() == []
    await desk.spend(5)
    assert [each[:6] for each in await desk.tell()] == ["$15.00"]
    desk.clock.moment = datetime(2026, 12, 1, 12, tzinfo=UTC)
    await desk.spend(6)
    assert [each[:22] for each in await desk.tell()] == ["$5.00 of December 2026"]


@pytest.mark.parametrize(
    ("caps", "most", "tokens"),
    [
        (Caps(None, None), 32_000, 32_000),
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
    reader.feed(b'{"model": "m", "usage": {"output_tokens": 7, "input_tok')
    assert not reader.complete
    reader.feed(b'ens": 5}}')
    assert reader.complete
    usage = reader.usage()
    assert isinstance(usage, Usage)
    assert usage.tokens == Tokens(input=5, output=7)


# --- gone before it was admitted -----------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2])
async def test_who_hangs_up_while_its_reservation_is_written_leaves_nothing_reserved(desk: Desk, times: int) -> None:
    await desk.almanac.turn()
    with desk.held_up():
        await asyncio.sleep(0.05)
        asking = asyncio.create_task(desk.admit())
        for _ in range(5):
            await asyncio.sleep(0)
        for _ in range(times):  # by the agent, and by the end of the program
            asking.cancel()
            await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await asking
    for _ in range(3):
        await desk.writer.write(lambda ledger: None)
        await asyncio.sleep(0.01)
    assert desk.books.connection.execute("SELECT state FROM request").fetchall() == [("void",)]
    assert desk.books.spend(TODAY) == Spend(0, 0, from_usd(50))


async def test_a_request_closed_while_another_was_refused_its_place_lets_it_go_on_at_once(desk: Desk) -> None:
    desk.caps = Caps(day=WORST, task=None)
    first = await desk.admit()
    with desk.held_up():
        await asyncio.sleep(0.05)
        second = asyncio.create_task(desk.admit("task-2"))
        await asyncio.sleep(0.01)
        void = asyncio.create_task(desk.admission.void(first))
        await asyncio.sleep(0.01)
    await void
    await asyncio.wait_for(second, LOOK_AGAIN_SECONDS / 2)


# --- paced ---------------------------------------------------------------------------------------------

LONG = json.dumps({"model": MODEL, "max_tokens": 10_000, "messages": [{"role": "user", "content": "hi"}]}).encode()
WHOLE = (len(LONG) + SLACK) * 2_000_000
PROMPT = (first_prompt(len(LONG)) + SLACK) * 2_000_000


def held(answer: int, prompt: int = PROMPT) -> Pico:
    return (prompt + answer * 10_000_000) * 11 // 10


@pytest.fixture
def paced(desk: Desk) -> Desk:
    desk.begin(mode="paced")
    return desk


async def asked(desk: Desk, task: str = "task-1", session: str = "") -> int:
    headers = {"x-claude-code-session-id": session} if session else {}
    outcome = await asyncio.wait_for(desk.admission.admit(task, LONG, headers), 5)
    assert isinstance(outcome, int), outcome
    return outcome


async def test_a_paced_hold_grows_with_what_is_seen_up_to_its_ceiling(paced: Desk) -> None:
    booking = await asked(paced)
    assert paced.books.spend(TODAY).reserved == held(PACE)
    assert await paced.admission.keep_up(booking, PACE)
    assert paced.books.spend(TODAY).reserved == held(PACE)
    assert await paced.admission.keep_up(booking, PACE + 1)
    assert paced.books.spend(TODAY).reserved == held(2 * PACE)
    assert await paced.admission.keep_up(booking, 10**6)
    assert paced.books.spend(TODAY).reserved == held(10_000)
    await paced.admission.settle(booking, used(100), "req")
    assert paced.books.spend(TODAY) == Spend(200_000_000, 0, from_usd(50))


async def test_a_paced_answer_no_cap_has_room_for_is_cut_and_charged_at_what_was_held(paced: Desk) -> None:
    paced.caps = Caps(day=from_usd(50), task=held(2 * PACE))
    booking = await asked(paced)
    assert await paced.admission.keep_up(booking, 2 * PACE)
    assert not await paced.admission.keep_up(booking, 2 * PACE + 1)
    await paced.admission.cut(booking)
    assert paced.books.spend(TASK) == Spend(held(2 * PACE), 0, held(2 * PACE))
    assert paced.books.spend(TODAY).settled == held(2 * PACE)


async def test_the_try_after_a_cut_holds_as_much_from_the_start(paced: Desk) -> None:
    paced.caps = Caps(day=held(2 * PACE) + held(PACE), task=None)
    booking = await asked(paced)
    assert not await paced.admission.keep_up(booking, 10**6)
    await paced.admission.cut(booking)
    outcome = await paced.admission.admit("task-1", LONG, {})
    assert isinstance(outcome, Refusal)


async def test_a_paced_prompt_counts_as_measured_in_its_conversation(paced: Desk) -> None:
    booking = await asked(paced, session="s-1")
    await paced.admission.settle(booking, Usage(MODEL, Tokens(input=50), geo="global"), "req")
    before = paced.books.spend(TODAY).settled
    await asked(paced, session="s-1")
    assert paced.books.spend(TODAY).reserved == held(PACE, (50 + SLACK) * 2_000_000)
    await asked(paced, session="s-2")
    assert paced.books.spend(TODAY).reserved == held(PACE, (50 + SLACK) * 2_000_000) + held(PACE)
    assert paced.books.spend(TODAY).settled == before


async def test_after_midnight_a_paced_hold_grows_at_the_prices_and_under_the_caps_of_its_day(paced: Desk) -> None:
    paced.caps = Caps(day=held(2 * PACE), task=None)
    paced.rates = {"2026-11-21": {MODEL: {"input": 20, "output": 100}}}
    booking = await asked(paced)
    paced.clock.moment += timedelta(days=1)
    await paced.almanac.turn()
    assert await paced.admission.keep_up(booking, 2 * PACE)
    assert paced.books.spend(TODAY).reserved == held(2 * PACE)
    assert not await paced.admission.keep_up(booking, 2 * PACE + 1)
    assert paced.books.spend(day_window(DAY + timedelta(days=1))).reserved == 0


async def test_a_paced_request_is_charged_at_its_ceiling_when_its_end_is_unknown(paced: Desk) -> None:
    await paced.admission.settle(await asked(paced), None, "")
    assert paced.books.spend(TODAY) == Spend(held(10_000, WHOLE), 0, from_usd(50))


async def test_a_strict_answer_is_never_cut(desk: Desk) -> None:
    desk.caps = Caps(day=held(10_000, WHOLE), task=None)
    booking = await asked(desk)
    assert desk.books.spend(TODAY).reserved == held(10_000, WHOLE)
    assert await desk.admission.keep_up(booking, 10**9)
    assert desk.books.spend(TODAY).reserved == held(10_000, WHOLE)


async def test_a_paced_prompt_with_an_image_is_held_at_half_its_bound_at_least(paced: Desk) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 100_000}}
    sent = body(messages=[{"role": "user", "content": [image]}])
    assert isinstance(await paced.admission.admit("task-1", sent, {}), int)
    bound = len(sent) - 100_000 + IMAGE + SLACK
    assert paced.books.spend(TODAY).reserved == held(1000, first_prompt(bound) * 2_000_000)


# --- phases --------------------------------------------------------------------------------------------

SPRINT = {"name": "sprint", "days": 10, "total_usd": 3}
ONGOING = {"name": "ongoing", "daily_usd": "0.50"}


def phase_windows(desk: Desk) -> set[str]:
    return {window for window in desk.admission.windows(desk.record("task-1")) if window.startswith("phase:")}


async def test_a_phase_ends_by_its_date_and_a_restart_does_not_begin_it_anew(desk: Desk) -> None:
    desk.begin(phases=[SPRINT, ONGOING])
    await desk.admit()
    assert phase_windows(desk) == {"phase:sprint", "phase:sprint/day:2026-11-20"}
    desk.clock.moment += timedelta(days=9)
    desk.begin()
    await desk.almanac.turn()
    assert desk.almanac.phase and desk.almanac.phase.name == "sprint"
    desk.clock.moment += timedelta(days=1)
    await desk.admit()
    assert phase_windows(desk) == {"phase:ongoing", "phase:ongoing/day:2026-11-30"}


async def test_a_phase_whose_money_is_spent_gives_way_to_the_next_at_once_and_for_good(desk: Desk) -> None:
    desk.begin(phases=[SPRINT, ONGOING], warn_at=[1])
    desk.caps = Caps(None, None)
    await desk.spend(2.99)
    booking = await desk.admit()
    assert desk.books.spend("phase:ongoing").reserved == WORST
    assert desk.books.spend("phase:sprint").settled == from_usd("2.99")
    assert await desk.tell() == [
        "the money of the phase sprint is spent; from now on ongoing is in force, $0.50 a day"
    ]  # fmt: skip
    await desk.admission.void(booking)
    desk.begin()
    desk.clock.moment -= timedelta(days=2)
    await desk.admit()
    assert desk.almanac.phase and desk.almanac.phase.name == "ongoing"
    assert await desk.tell() == []


async def test_all_that_ask_when_a_phase_runs_out_go_on_in_the_next(desk: Desk) -> None:
    desk.begin(phases=[SPRINT, ONGOING])
    desk.caps = Caps(None, None)
    await desk.spend(2.99)
    await asyncio.gather(*(desk.admit(f"task-{number}") for number in range(5)))
    assert desk.books.spend("phase:ongoing").reserved == 5 * WORST
    assert desk.capped == []


async def test_a_request_that_is_too_large_does_not_end_a_phase_that_has_hardly_begun(desk: Desk) -> None:
    desk.begin(phases=[{**SPRINT, "total_usd": "0.01"}, ONGOING])
    desk.caps = Caps(None, None)
    await desk.refused()
    assert desk.capped == [("task-1", "the cap of the phase sprint")]
    desk.begin(phases=[{**SPRINT, "total_usd": "0.04"}, ONGOING])
    await desk.spend(0.01)
    outcome = await desk.admission.admit("task-1", body(max_tokens=3000), {})
    assert isinstance(outcome, Refusal)
    assert desk.almanac.phase and desk.almanac.phase.name == "sprint"


async def test_the_daily_cap_of_a_phase_refuses_without_ending_it(desk: Desk) -> None:
    desk.begin(phases=[{**SPRINT, "daily_usd": "0.01"}, ONGOING])
    desk.caps = Caps(None, None)
    await desk.refused()
    assert desk.capped == [("task-1", "the cap of 2026-11-20 for the phase sprint")]
    assert desk.almanac.phase and desk.almanac.phase.name == "sprint"


# --- other use, and plans ------------------------------------------------------------------------------


async def test_what_was_spent_elsewhere_leaves_less_room_and_a_shorter_answer(desk: Desk) -> None:
    desk.caps = Caps(day=from_usd(50), task=None)
    desk.elsewhere = {TODAY: from_usd(50) - WORST + 1}
    assert THE_DAYS in (await desk.refused()).message
    desk.elsewhere = {TODAY: from_usd("49.60")}
    assert desk.admission.max_output_tokens(desk.record("task-1"), 32_000) == 10_000


async def test_a_plans_requests_count_in_windows_of_their_own(desk: Desk) -> None:
    desk.account = "plan"
    desk.caps = Caps(day=WORST, task=None)
    await desk.admit()
    assert desk.books.spend(f"plan/{TODAY}").reserved == WORST
    assert desk.books.spend(TODAY) == Spend()
    desk.account = "api"
    await desk.admit()
    assert desk.books.spend(TODAY).reserved == WORST


# --- the edges of time ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "day", "week", "month"),
    [
        ("2026-11-20T22:59:59", "2026-11-20", "2026-W47", "2026-11"),
        ("2026-11-20T23:00:00", "2026-11-21", "2026-W47", "2026-11"),
        ("2026-11-22T23:00:00", "2026-11-23", "2026-W48", "2026-11"),
        ("2026-11-30T22:59:59", "2026-11-30", "2026-W49", "2026-11"),
        ("2026-11-30T23:00:00", "2026-12-01", "2026-W49", "2026-12"),
        ("2026-12-31T22:59:59", "2026-12-31", "2026-W53", "2026-12"),
        ("2026-12-31T23:00:00", "2027-01-01", "2026-W53", "2027-01"),
        ("2027-01-03T23:00:00", "2027-01-04", "2027-W01", "2027-01"),
        ("2027-03-27T23:00:00", "2027-03-28", "2027-W12", "2027-03"),  # a day of 23 hours
        ("2027-03-28T21:59:59", "2027-03-28", "2027-W12", "2027-03"),
        ("2027-03-28T22:00:00", "2027-03-29", "2027-W13", "2027-03"),
        ("2027-10-30T22:00:00", "2027-10-31", "2027-W43", "2027-10"),  # a day of 25 hours
        ("2027-10-31T22:59:59", "2027-10-31", "2027-W43", "2027-10"),
        ("2027-10-31T23:00:00", "2027-11-01", "2027-W44", "2027-11"),
    ],
)
async def test_a_request_counts_in_the_day_week_and_month_of_the_configured_timezone(
    desk: Desk, moment: str, day: str, week: str, month: str
) -> None:
    desk.clock.moment = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    await desk.admit()
    periods = ("day:", "week:", "month:", "total")
    found = [row[0] for row in desk.books.connection.execute("SELECT window FROM budget WHERE reserved > 0")]
    expected = [f"day:{day}", f"month:{month}", "total", f"week:{week}"]
    assert sorted(window for window in found if window.startswith(periods)) == expected


async def test_a_day_and_its_budgets_are_told_by_one_look_at_the_clock(desk: Desk) -> None:
    """Midnight may pass at any moment; the row and its windows are of the same day all the same."""

    class Running(Noon):
        def now(self) -> datetime:
            self.moment += timedelta(milliseconds=70)
            return self.moment

    for begin in range(40):
        desk.clock = Running()
        desk.clock.moment = datetime(2026, 11, 20 + begin % 9, 22, 59, 59, tzinfo=UTC) + timedelta(
            milliseconds=20 * begin
        )
        desk.begin()
        await desk.admission.void(await desk.admit())
    rows = desk.books.connection.execute("SELECT day, windows FROM request").fetchall()
    assert len(rows) == 40
    for day, windows in rows:
        assert [each for each in json.loads(windows) if each.startswith("day:")] == [f"day:{day}"]
    assert [day for day, _ in rows] == sorted(day for day, _ in rows)


async def test_an_answer_is_charged_at_the_prices_of_the_day_its_request_was_admitted(desk: Desk) -> None:
    desk.rates = {"2026-11-21": {MODEL: {"input": 20, "output": 100}}}
    booking = await desk.admit()
    desk.clock.moment += timedelta(days=1)
    later = await desk.admit()
    await desk.admission.settle(booking, used(10), "req")
    await desk.admission.settle(later, used(10), "req")
    assert desk.books.spend(TODAY).settled == 10 * 2_000_000
    assert desk.books.spend("day:2026-11-21").settled == 10 * 20_000_000


# --- what comes from outside ---------------------------------------------------------------------------


async def test_a_booking_is_closed_also_if_another_process_held_the_ledger_for_long(desk: Desk) -> None:
    booking = await desk.admit()
    desk.ledger.connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(desk.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    settling = asyncio.ensure_future(desk.admission.settle(booking, used(10), "req"))
    await asyncio.sleep(0.2)
    other.execute("COMMIT")
    other.close()
    await asyncio.wait_for(settling, 10)
    assert desk.books.spend(TODAY).reserved == 0


async def test_a_ledger_that_cannot_be_written_lets_nothing_leave_and_says_so(desk: Desk) -> None:
    (pages,) = desk.ledger.connection.execute("PRAGMA page_count").fetchone()
    desk.ledger.connection.execute(f"PRAGMA max_page_count = {pages}")
    outcomes = [await desk.admission.admit("task-1", BODY, {"x-claude-code-session-id": "s" * 9000}) for _ in range(9)]
    refusal = outcomes[-1]
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.kind) == (503, "api_error")
    assert "full" in refusal.message
    assert desk.books.spend(TODAY).reserved == WORST * sum(isinstance(each, int) for each in outcomes)


@pytest.mark.parametrize("model", ["\ud800", "a\nb", "\x1b[2J", "claude-" * 100, "/claude-x" * 100_000 + "\nx"])
async def test_a_model_whose_name_is_no_name_is_the_agents_mistake_and_shown_to_nobody(desk: Desk, model: str) -> None:
    refusal = await desk.refused(body(model=model))
    assert (refusal.status, desk.told) == (400, [])
    assert refusal.message.isprintable() and len(refusal.message) < 500


@pytest.mark.parametrize(("asked", "times"), [({"speed": "fast"}, 20), ({"inference_geo": "us"}, 11)])
async def test_an_answer_that_does_not_say_how_it_was_made_is_charged_as_it_was_asked_for(
    desk: Desk, asked: dict[str, str], times: int
) -> None:
    model = "claude-opus-5-5"
    booking = await desk.admission.admit("task-1", body(model=model, **asked), {})
    assert isinstance(booking, int)
    usage = understood(model, {"input_tokens": 10, "output_tokens": 20})
    await desk.admission.settle(booking, usage, "req")
    assert desk.books.spend(TODAY).settled == (10 * 4_000_000 + 20 * 20_000_000) * times // 10
