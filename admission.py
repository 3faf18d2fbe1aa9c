"""Whether a request may leave: what it can cost at most, which budgets it counts in, and the wait until it fits."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial

from almanac import Almanac
from dayshift.clock import Clock
from dayshift.cost import hold
from dayshift.cost.booking import Admitted, Refused, Reservation, Waiting
from dayshift.cost.budgets import Subject, called, windows
from dayshift.cost.hold import Hold
from dayshift.cost.prices import Prices, Unpriced
from dayshift.events import Active, CapReached, Event
from dayshift.failpoints import passing
from dayshift.inputs.settings import Budget
from dayshift.messages import request_bounds, usage_readers
from dayshift.model import Doubtful, Record, Usage
from dayshift.money import Pico
from dayshift.proxy.meter import Refusal, UsageReader
from group_commit import GroupCommit
from metrics import Ledger
from teller import Teller

log = logging.getLogger("dayshift.admission")

SEARCHES = "the provider would search the web: an agent may only with WebSearch among agent.tools"
LOOK_AGAIN_SECONDS = 1.0  #: a held request is tried again at least this often, and whenever another one is settled


class Admission:
    """The gateway's meter: admits, holds, refuses, settles. One per daemon."""

    def __init__(
        self, writer: GroupCommit, books: Ledger, almanac: Almanac, teller: Teller, prices: Callable[[date], Prices],
        clock: Clock, budget: Budget, record: Callable[[str], Record], subject: Callable[[Record], Subject],
        put: Callable[[Event], None], elsewhere: Callable[[date], Mapping[str, Pico]] = lambda day: {},
        searches: bool = False,
    ) -> None:  # fmt: skip
        self._writer, self._books, self._almanac, self._teller = writer, books, almanac, teller
        self._prices, self._clock, self._budget, self._elsewhere = prices, clock, budget, elsewhere
        self._record, self._subject, self._put, self._searches = record, subject, put, searches
        self._settled = asyncio.Condition()
        self._closed = 0  #: how many requests were closed
        self._returns: set[asyncio.Task[None]] = set()  #: reservations being given back that nobody waited for
        self._flights: dict[int, tuple[str, Hold]] = {}  #: booking → task and hold
        self._cut: set[str] = set()  #: tasks an answer of which was cut, until one is settled

    def windows(self, record: Record) -> dict[str, Pico | None]:
        """Every budget the task's requests count in now, with its cap."""
        return self._windows(record, self._almanac.today)

    def _windows(self, record: Record, day: date) -> dict[str, Pico | None]:
        """Those of one day, told once: midnight may pass between two looks at the clock."""
        return windows(self._budget, self._subject(record), day, self._almanac.phase_of(day))

    def max_output_tokens(self, record: Record, most: int) -> int:
        """How long one answer may be, so that its worst case leaves room for more of them."""
        today = self._almanac.today
        headroom = self._books.headroom(self._windows(record, today), self._elsewhere(today))
        if headroom is None:
            return most
        return hold.longest_answer(headroom, self._prices(today).rates(record.task.model).output, most)

    # --- before it leaves ------------------------------------------------------------------------------

    async def admit(self, task_id: str, body: bytes, headers: Mapping[str, str]) -> Refusal | int:
        """A booking once the worst case fits every budget; held while it may yet fit, refused when it cannot."""
        try:
            facts = request_bounds.quote_bounds(body)
            if facts.unbounded:
                what = ", ".join(facts.unbounded)
                raise ValueError(f"its cost has no bound: {what}; dayshift admits no such request")
            if facts.web_searches and not self._searches:
                raise ValueError(SEARCHES)
            return await self._admitted(task_id, facts, len(body), headers)
        except ValueError as error:
            return Refusal(400, "invalid_request_error", str(error))
        except Unpriced as error:
            return self._refuse(task_id, "price", str(error))
        except sqlite3.Error as error:
            self._put(Active(task_id, f"the ledger cannot be written: {error}"))
            return Refusal(503, "api_error", f"dayshift: the ledger cannot be written, so nothing leaves: {error}")

    def counting(self, body: bytes) -> Refusal | None:
        """A count is free, but what is not in its body the provider would fetch: that leaves the machine too."""
        try:
            what = ", ".join(request_bounds.brings_in(body))
        except ValueError as error:
            what = str(error)
        said = f"dayshift lets no count of tokens reach out: {what}"
        return Refusal(400, "invalid_request_error", said) if what else None

    async def _admitted(
        self, task_id: str, facts: request_bounds.RequestFacts, size: int, headers: Mapping[str, str]
    ) -> Refusal | int:
        """Asked anew each time: while it was held the day may have changed, or a cap, or the phase."""
        waited = False
        while True:
            held = self._hold(task_id, facts, size, headers, await self._almanac.turn())
            request, closed = self._request(task_id, held, headers), self._closed
            outcome = await self._reserved(request)
            if isinstance(outcome, Admitted):
                self._flights[outcome.id] = task_id, held
                if waited:
                    self._put(Active(task_id, "asking the model"))
                return outcome.id
            if isinstance(outcome, Refused) and not await self._turned(outcome, request):
                return self._refuse(task_id, outcome.window, outcome.detail)
            if isinstance(outcome, Waiting):
                waited = True
                await self._wait(task_id, outcome, closed)

    def _hold(
        self, task_id: str, facts: request_bounds.RequestFacts, size: int, headers: Mapping[str, str], today: date
    ) -> Hold:
        if self._budget.mode == "strict":
            return hold.strict(facts, size, today)
        session, agent = _conversation(headers)
        model = self._prices(today).rates(facts.model).model
        last = self._books.last_prompt(session, agent, model) if session else None
        return hold.paced(facts, size, today, last, whole=task_id in self._cut)

    def _request(self, task_id: str, held: Hold, headers: Mapping[str, str]) -> Reservation:
        record, prices = self._record(task_id), self._prices(held.day)
        subject, rates = self._subject(record), prices.rates(held.facts.model)
        session, agent = _conversation(headers)
        return Reservation(
            record.id, record.runs, held.day, rates.model, rates.source, held.cost(prices),
            self._windows(record, held.day), self._clock.now(), session_id=session, agent_id=agent,
            file_day=record.day, began=record.earlier[0].day if record.earlier else None, project=record.project,
            provider=subject.provider, account=subject.account,
            complexity=record.task.complexity, task_model=prices.resolve(record.task.model),
            body_bytes=held.body_bytes, ceiling=held.ceiling(prices), elsewhere=self._elsewhere(held.day),
        )  # fmt: skip

    async def _reserved(self, request: Reservation) -> Admitted | Waiting | Refused:
        """The ledger's word; if nobody waits for it any more, what was reserved is given back."""
        booking = asyncio.ensure_future(self._writer.write(lambda ledger: ledger.reserve(request)))
        try:
            return await asyncio.shield(booking)
        except asyncio.CancelledError:
            await self._unasked(asyncio.create_task(self._give_back(booking)))
            raise

    async def _give_back(self, booking: asyncio.Future[Admitted | Waiting | Refused]) -> None:
        if isinstance(outcome := await booking, Admitted):
            passing("money.unasked")
            await self.void(outcome.id)

    async def _unasked(self, task: asyncio.Task[None]) -> None:
        """Wait for it; it comes to its end also if who waits is cancelled once more."""
        self._returns.add(task)
        task.add_done_callback(self._returns.discard)
        await asyncio.shield(task)

    async def _turned(self, outcome: Refused, request: Reservation) -> bool:
        """Whether another day or phase is in force by now, for whose budgets the request must be asked anew."""
        if outcome.window not in self.windows(self._record(request.task_id)):
            return True
        notice = await self._almanac.spend_up(outcome.window, request.worst_case)
        if notice:
            await self._teller.tell(notice)
        return notice is not None

    async def _wait(self, task_id: str, outcome: Waiting, closed: int) -> None:
        """Until a request is closed; it may have been since only `closed` were, while the ledger was asked."""
        self._put(Active(task_id, f"waiting for headroom in {called(outcome.window)}: {outcome.detail}"))
        async with self._settled:
            try:
                async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                    await self._settled.wait_for(lambda: self._closed != closed)
            except TimeoutError:
                return

    def _refuse(self, task_id: str, window: str, detail: str) -> Refusal:
        self._put(CapReached(task_id, called(window), detail))
        return Refusal(402, "billing_error", f"dayshift: {called(window)} does not allow this request: {detail}")

    # --- while it is answered ----------------------------------------------------------------------------

    def reader(self, content_type: str) -> UsageReader:
        """A reader for a streamed answer, or for one that comes as a whole."""
        return usage_readers.UsageReader() if "event-stream" in content_type else usage_readers.WholeAnswer()

    async def keep_up(self, booking: int, visible: int) -> bool:
        """Whether the answer may go on: a paced hold grows with what was seen of it, while every cap has room."""
        while booking in self._flights:
            task_id, held = self._flights[booking]
            if not held.outgrown(visible):
                break
            if not await self._extended(booking, task_id, held):
                return False
            self._flights[booking] = task_id, held.grown()
        return True

    async def _extended(self, booking: int, task_id: str, held: Hold) -> bool:
        prices = self._prices(held.day)
        more = held.grown().cost(prices) - held.cost(prices)
        caps, taken = self._windows(self._record(task_id), held.day), self._elsewhere(held.day)
        return await self._writer.write(lambda ledger: ledger.extend(booking, more, caps, taken))

    # --- after it ----------------------------------------------------------------------------------------

    async def settle(self, booking: int, usage: Usage | Doubtful | None, request_id: str) -> None:
        """Book what was used; the most it can have cost if that is unknown or cannot be priced."""
        now, (task_id, held) = self._clock.now(), self._flights.pop(booking, ("", None))
        if held and isinstance(usage, Usage):
            usage = request_bounds.as_asked(usage, held.facts)
        cost = self._cost(usage, held.day if held else self._almanac.today)
        if not isinstance(usage, Usage) or cost is None:
            await self._writer.write(lambda ledger: ledger.settle_unknown(booking, now), lasting=True)
        else:
            settle = partial(Ledger.settle, id=booking, usage=usage, cost=cost, request_id=request_id, now=now)
            await self._writer.write(settle, lasting=True)
        await self._tell_waiting()
        self._cut.discard(task_id)
        if held:
            record, today = self._record(task_id), self._almanac.today
            await self._teller.take_stock(self.windows(record), self._elsewhere(today), today)
            if isinstance(usage, Usage):
                await self._teller.doubt(held, usage)
        if isinstance(usage, Doubtful):
            await self._teller.not_understood(usage)

    def _cost(self, usage: Usage | Doubtful | None, day: date) -> Pico | None:
        try:
            return self._prices(day).cost(usage) if isinstance(usage, Usage) else None
        except Unpriced as error:
            log.warning("booked at the most it can have cost: %s", error)
            return None

    async def cut(self, booking: int) -> None:
        """Book an answer that was cut because its hold could not grow: what was held. The agent's next try must fit
        with its whole answer, or the same words would be cut and paid for again."""
        now, (task_id, held) = self._clock.now(), self._flights.pop(booking, ("", None))
        if held:
            self._cut.add(task_id)
        await self._writer.write(lambda ledger: ledger.settle_unknown(booking, now, held=True), lasting=True)
        await self._tell_waiting()

    async def void(self, booking: int) -> None:
        """Give the reservation back."""
        now = self._clock.now()
        self._flights.pop(booking, None)
        await self._writer.write(lambda ledger: ledger.void(booking, now), lasting=True)
        await self._tell_waiting()

    async def _tell_waiting(self) -> None:
        self._closed += 1
        async with self._settled:
            self._settled.notify_all()


def _conversation(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The session and the subagent a request belongs to, as the CLI says."""
    return headers.get("x-claude-code-session-id"), headers.get("x-claude-code-agent-id")
