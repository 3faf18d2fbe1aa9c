"""What an answer counted and nobody can price is charged at the most it can have cost, and said once."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from admission import Admission
from almanac import Almanac
from dayshift.cost.budgets import Subject
from dayshift.cost.prices import load_prices
from dayshift.inputs.settings import Budget
from dayshift.model import Record, Task
from dayshift.money import Pico, from_usd
from dayshift.states import Queued
from group_commit import GroupCommit
from metrics import Ledger
from teller import Teller

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODEL = "claude-sonnet-5-5"
BODY = json.dumps({"model": MODEL, "max_tokens": 1000, "messages": [{"role": "user", "content": "hi"}]}).encode()


class Noon:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return 0.0


class Till:
    """An Admission on a ledger of its own, as a daemon has it."""

    def __init__(self, path: Path) -> None:
        self.said: list[str] = []
        self.books = Ledger.open(path)
        self.writer = GroupCommit(Ledger.open(path))
        almanac = Almanac(self.writer, self.books, Noon(), "UTC", ())
        self.teller = Teller(self.writer, self.books, Noon(), (), ())
        self.admission = Admission(
            self.writer, self.books, almanac, self.teller, lambda day: load_prices({}, day), Noon(),
            Budget(daily_usd=Decimal(50)), self.record, self.subject, lambda event: None,
        )  # fmt: skip

    def record(self, task_id: str) -> Record:
        return Record(Task(task_id, "Name", "words", MODEL), DAY, "/nowhere", Queued(NOON), NOON, runs=1)

    def subject(self, record: Record) -> Subject:
        return Subject(record.day, record.id, record.project, "anthropic", "api", None, from_usd(50))

    async def answered(self, whole: bool = False, **usage: Any) -> Pico:
        """What one request was charged whose answer counted that beside its tokens."""
        booking = await self.admission.admit("task-1", BODY, {})
        assert isinstance(booking, int)
        counted = {"input_tokens": 10, "output_tokens": 20, **usage}
        reader = self.admission.reader("application/json" if whole else "text/event-stream")
        for chunk in answer(counted) if whole else stream(counted):
            reader.feed(chunk)
        assert reader.complete
        await self.admission.settle(booking, reader.usage(), "req")
        await self.teller.say(lambda notice: self.said.append(notice.text))
        row = self.books.connection.execute("SELECT cost FROM request WHERE id = ?", (booking,)).fetchone()
        return int(row[0])

    def close(self) -> None:
        self.writer.close()
        assert self.books.audit() == []
        self.books.close()


def answer(usage: dict[str, Any]) -> list[bytes]:
    return [json.dumps({"type": "message", "model": MODEL, "usage": usage}).encode()]


def stream(usage: dict[str, Any]) -> list[bytes]:
    start = {"type": "message_start", "message": {"model": MODEL, "usage": {"input_tokens": 10, "output_tokens": 1}}}
    events = (start, {"type": "message_delta", "usage": usage}, {"type": "message_stop"})
    return [f"data: {json.dumps(event)}\n\n".encode() for event in events]


@pytest.fixture
async def till(tmp_path: Path) -> AsyncIterator[Till]:
    till = Till(tmp_path / "ledger.sqlite3")
    yield till
    till.close()


KNOWN: Pico = 10 * 2_000_000 + 20 * 10_000_000


@pytest.mark.parametrize("whole", [False, True])
async def test_a_field_nobody_knows_is_charged_at_the_most_and_named(till: Till, whole: bool) -> None:
    known = await till.answered(whole)
    assert (known, till.said) == (KNOWN, [])
    charged = await till.answered(whole, of_tomorrow={"seconds": 3})
    (ceiling,) = till.books.connection.execute("SELECT ceiling FROM request WHERE id = 2").fetchone()
    assert charged == ceiling > 10 * KNOWN
    (text,) = till.said
    assert "of_tomorrow.seconds" in text
    assert MODEL in text


async def test_each_field_is_named_once_also_after_a_restart(till: Till, tmp_path: Path) -> None:
    for _ in range(3):
        await till.answered(of_tomorrow=1)
    await till.answered(speed="ludicrous")
    assert [name for name in ("of_tomorrow", "speed=ludicrous") for text in till.said if name in text] == [
        "of_tomorrow", "speed=ludicrous",
    ]  # fmt: skip
    later = Till(tmp_path / "ledger.sqlite3")
    await later.answered(of_tomorrow=1)
    assert later.said == []
    later.close()


@pytest.mark.parametrize(
    "usage",
    [
        {"service_tier": "batch"},
        {"service_tier": "standard", "fallback_credit": {"outcome": "applied"}},
        {"output_tokens_details": {"thinking_tokens": 20}},
        {"inference_geo": "global"},
    ],
)
async def test_what_can_only_lower_the_bill_is_charged_in_full(till: Till, usage: dict[str, Any]) -> None:
    assert await till.answered(**usage) == KNOWN
    assert till.said == []


async def test_a_region_nobody_knows_costs_the_premium(till: Till) -> None:
    assert await till.answered(inference_geo="mars") == KNOWN * 11 // 10
