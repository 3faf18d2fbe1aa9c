"""Whether a request may leave: what it can cost at most, which budgets it counts in, and the wait until it fits."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from dayshift import messages
from dayshift.clock import Clock, day_of
from dayshift.events import Active, CapReached, Event
from dayshift.gateway import Refusal, UsageReader
from dayshift.model import Record, Usage
from dayshift.money import Pico, shown
from dayshift.prices import Prices, Rates, Unpriced
from metrics import Admitted, Ledger, Refused, Reservation, Waiting, day_window, task_window

log = logging.getLogger("dayshift.admission")

LOOK_AGAIN_SECONDS = 1.0  #: a held request is tried again at least this often, and whenever another one is settled
SHARE_FOR_OUTPUT = 4  #: one answer may claim a quarter of the headroom, so that a task gets several turns
FEWEST_OUTPUT_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps in force for one task's requests (pico-USD); None means no cap of that kind."""

    day: Pico
    task: Pico | None


class Admission:
    """The gateway's meter: admits, holds, refuses, settles. One per daemon, the ledger's only writer."""

    def __init__(
        self, ledger: Ledger, prices: Prices, clock: Clock, timezone: str, warn_percent: int,
        record: Callable[[str], Record], caps: Callable[[Record], Caps], put: Callable[[Event], None],
        warn: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._ledger, self._prices, self._clock, self._timezone = ledger, prices, clock, timezone
        self._record, self._caps, self._put, self._warn = record, caps, put, warn
        self._warn_percent = warn_percent
        self._settled = asyncio.Condition()

    @property
    def today(self) -> date:
        """The calendar day requests count in now; never earlier than one that was seen before."""
        return self._ledger.current_day(day_of(self._clock.now(), self._timezone))

    def windows(self, record: Record) -> dict[str, Pico | None]:
        """Every budget the task's requests count in, with its cap."""
        caps = self._caps(record)
        return {day_window(self.today): caps.day, task_window(record.day, record.id): caps.task}

    def max_output_tokens(self, record: Record, most: int) -> int:
        """How long one answer may be, so that its worst case leaves room for more of them."""
        headroom = self._ledger.headroom(self.windows(record))
        if headroom is None:
            return most
        affordable = headroom // (SHARE_FOR_OUTPUT * max(self._prices.rates(record.task.model).output, 1))
        return min(most, max(affordable, FEWEST_OUTPUT_TOKENS))

    async def admit(self, task_id: str, body: bytes, headers: Mapping[str, str]) -> Refusal | int:
        """A booking once the worst case fits every budget; held while it may yet fit, refused when it cannot."""
        try:
            rates, worst = self._priced(body)
        except ValueError as error:
            return Refusal(400, "invalid_request_error", str(error))
        except Unpriced as error:
            return self._refuse(task_id, "price", str(error))
        # Asked anew each time: while it was held the day may have changed, or a cap.
        while not isinstance(outcome := self._ledger.reserve(self._request(task_id, rates, worst, headers)), Admitted):
            if isinstance(outcome, Refused):
                return self._refuse(task_id, outcome.window, outcome.detail)
            await self._wait(task_id, outcome)
        return outcome.id

    def _priced(self, body: bytes) -> tuple[Rates, Pico]:
        """The prices of the request's model and the most it can cost."""
        facts = messages.quote_bounds(body)
        if facts.unbounded:
            raise ValueError(f"its cost has no bound: {', '.join(facts.unbounded)}; dayshift admits no such request")
        rates = self._prices.rates(facts.model)
        worst = self._prices.worst_case(
            facts.model, facts.max_input_tokens, facts.max_tokens, cache_ttl_1h=facts.cache_ttl_1h, caches=facts.caches,
            fast=facts.fast, web_searches=facts.web_searches, geo=facts.geo,
        )  # fmt: skip
        return rates, worst

    def _request(self, task_id: str, rates: Rates, worst: Pico, headers: Mapping[str, str]) -> Reservation:
        record = self._record(task_id)
        return Reservation(
            record.id, record.runs, self.today, rates.model, rates.source, worst,
            self.windows(record), self._clock.now(),
            session_id=headers.get("x-claude-code-session-id"), agent_id=headers.get("x-claude-code-agent-id"),
        )  # fmt: skip

    async def _wait(self, task_id: str, outcome: Waiting) -> None:
        self._put(Active(task_id, f"waiting for headroom in {called(outcome.window)}: {outcome.detail}"))
        async with self._settled:
            try:
                async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                    await self._settled.wait()
            except TimeoutError:
                return

    def _refuse(self, task_id: str, window: str, detail: str) -> Refusal:
        self._put(CapReached(task_id, called(window), detail))
        return Refusal(402, "billing_error", f"dayshift: {called(window)} does not allow this request: {detail}")

    def reader(self, content_type: str) -> UsageReader:
        """A reader for a streamed answer, or for one that comes as a whole."""
        return messages.UsageReader() if "event-stream" in content_type else WholeAnswer()

    async def settle(self, booking: int, usage: Usage | None, request_id: str) -> None:
        """Book what was used; at the worst case if that is unknown or cannot be priced."""
        try:
            if usage is None:
                self._ledger.settle_unknown(booking)
            else:
                self._ledger.settle(booking, usage, self._prices.cost(usage), request_id, self._clock.now())
        except Unpriced as error:
            log.warning("booked at the worst case: %s", error)
            self._ledger.settle_unknown(booking)
        await self._tell_waiting()
        self._warn_early()

    async def void(self, booking: int) -> None:
        """Give the reservation back."""
        self._ledger.void(booking)
        await self._tell_waiting()

    async def _tell_waiting(self) -> None:
        async with self._settled:
            self._settled.notify_all()

    def _warn_early(self) -> None:
        """Say once a day that most of its cap is spent."""
        window = day_window(self.today)
        spend = self._ledger.spend(window)
        if spend.crossed(self._warn_percent) and self._ledger.warn_once(window, f"{self._warn_percent}%"):
            self._warn(
                f"{shown(spend.settled)} of today's {shown(spend.cap)} is spent ({self._warn_percent} % reached)"
            )


def called(window: str) -> str:
    """A budget as a person calls it."""
    kind, _, which = window.partition(":")
    return {"task": "the task's own cap", "day": f"the cap of {which}", "price": "the price list"}.get(kind, window)


class WholeAnswer:
    """Reads the usage of an answer that is one JSON document."""

    def __init__(self) -> None:
        self._body = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Keep the bytes until the document is whole."""
        self._body += chunk

    @property
    def complete(self) -> bool:
        """Whether the document can be read."""
        return self.usage() is not None

    def usage(self) -> Usage | None:
        """What it says it used."""
        return messages.read_json(bytes(self._body))
