"""The gate before the provider: one for the whole fleet, closed at its first refusal, reopened by one request alone.

It is asked before money is reserved and told how every answer began and ended. It joins the limits and the events.
"""

import asyncio
import logging
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from dayshift import limits
from dayshift.clock import Clock
from dayshift.events import Active, Event, ProviderLimited
from dayshift.limits import HELD_AT_MOST, WEIGHT, Kind, Limit, PlanWindow

log = logging.getLogger("dayshift.gate")

LOOK_AGAIN_SECONDS = 1.0  #: a held request looks at the gate at least so often
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  #: seconds, where the provider asks for none


@dataclass(frozen=True, slots=True)
class Passage:
    """Leave for one request to go out; `probe` if all others wait for how it goes."""

    closings: int  #: how often the gate had been closed by then
    probe: bool


@dataclass(frozen=True, slots=True)
class Held:
    """Not yet; `seconds` until the next try, None while another request is trying."""

    seconds: float | None


class Gate:
    """Open until the provider refuses; then closed for all, and opened again by a probe that is served."""

    def __init__(
        self, clock: Clock, put: Callable[[Event], None] = lambda event: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self._clock, self._put, self._jitter = clock, put, jitter
        self._limit: Limit | None = None
        self._reopens = 0.0  #: by the monotonic clock
        self._closings = 0
        self._failures = 0  #: closings since an answer came to a good end
        self._probing = False
        self._changed = asyncio.Event()
        self._waiting: Counter[str] = Counter()
        self._since: dict[str, float] = {}
        self._held: defaultdict[str, float] = defaultdict(float)

    @property
    def limit(self) -> Limit | None:
        """What keeps it closed."""
        return self._limit

    async def enter(self, task_id: str) -> Passage | Limit:
        """Leave to go out, held until there is; or why there is none: the fleet is parked, or the wait was too long."""
        answer = self.ask()
        if isinstance(answer, Held):
            with self._holding(task_id):
                return await self._until_due(task_id, answer)
        if isinstance(answer, Limit):
            self._put(ProviderLimited(answer))
        return answer

    async def _until_due(self, task_id: str, answer: "Passage | Held | Limit") -> Passage | Limit:
        patience = self._clock.monotonic() + HELD_AT_MOST.total_seconds()
        while isinstance(answer, Held):
            limit = self._limit
            assert limit is not None  # an open gate holds nobody
            if self._clock.monotonic() >= patience:
                return Limit(Kind.overloaded, detail="held until the client would have given up")
            self._put(Active(task_id, _told(limit, answer)))
            await self._wait(answer.seconds)
            answer = self.ask()
        self._put(ProviderLimited(answer) if isinstance(answer, Limit) else Active(task_id, "asking the provider"))
        return answer

    @contextmanager
    def _holding(self, task_id: str) -> Iterator[None]:
        """Count the time in which requests of the task are held; several at once count once."""
        self._waiting[task_id] += 1
        if self._waiting[task_id] == 1:
            self._since[task_id] = self._clock.monotonic()
        try:
            yield
        finally:
            self._waiting[task_id] -= 1
            if self._waiting[task_id] == 0:
                self._held[task_id] += self._clock.monotonic() - self._since.pop(task_id)

    def time_held(self, task_id: str) -> float:
        """For how many seconds the task's requests were held since this was last asked."""
        return self._held.pop(task_id, 0.0)

    def ask(self) -> Passage | Held | Limit:
        """Whether a request may go out now; a passage that is not used must be given back."""
        if self._limit is None:
            return Passage(self._closings, probe=False)
        left = self._left(self._limit)
        if left > 0:
            limit = _from_now(self._limit, left)
            return limit if limit.parks else Held(left)
        if self._probing:
            return Held(None)
        self._probing = True
        return Passage(self._closings, probe=True)

    def _left(self, limit: Limit) -> float:
        """Seconds until a probe may go out. Moments count by the calendar, which goes on while a machine sleeps."""
        if limit.until is not None:
            return (limit.until - self._clock.now()).total_seconds()
        return self._reopens - self._clock.monotonic()

    async def _wait(self, seconds: float | None) -> None:
        wait = LOOK_AGAIN_SECONDS if seconds is None else min(seconds, LOOK_AGAIN_SECONDS)
        try:
            async with asyncio.timeout(wait):
                await self._changed.wait()
        except TimeoutError:
            return

    # --- what it is told -----------------------------------------------------------------------------

    def stands(self, passage: Passage) -> bool:
        """Whether the leave still holds: not if the gate was closed since."""
        return passage.closings == self._closings

    def unused(self, passage: Passage) -> None:
        """The request did not go out, or its end says nothing: another one may try."""
        if self._is_probe(passage):
            self._probing = False
            self._tell()

    def began(self, passage: Passage) -> None:
        """The provider serves: a probe's answer opens the gate."""
        if self._is_probe(passage):
            log.info("the provider serves again")
            self._limit, self._probing = None, False
            self._tell()

    def ended(self, passage: Passage, limit: Limit | None) -> None:
        """The answer's end: None if it was a good one."""
        if limit is not None:
            return self._close(passage, limit)
        self.began(passage)
        if self.stands(passage):
            self._failures = 0
        return None

    def doubt(self, limit: Limit | None = None) -> None:
        """Let one request try now, and all others wait for how it goes; with a limit also if the gate is open."""
        self._limit = self._limit or limit
        if self._limit is not None:
            self._limit = Limit(self._limit.kind, detail=self._limit.detail)
            self._reopens = self._clock.monotonic()
            self._tell()

    def _is_probe(self, passage: Passage) -> bool:
        return passage.probe and self._probing and self.stands(passage)

    def _close(self, passage: Passage, limit: Limit) -> None:
        known, stale = self._limit, not self._is_probe(passage)
        if known is not None and stale and WEIGHT[limit.kind] <= WEIGHT[known.kind]:
            return self._prolong(known, limit)  # it went out before the gate was closed: no new fault
        self._closings, self._failures, self._probing = self._closings + 1, self._failures + 1, False
        self._limit, self._reopens = limit, self._clock.monotonic() + self._pause(limit)
        log.warning("the provider: %s (%s)", limit.kind, limit.words)
        if limit.parks:
            self._put(ProviderLimited(limit))
        return self._tell()

    def _prolong(self, known: Limit, limit: Limit) -> None:
        """A later answer of the same burst may ask for a longer pause."""
        if limit.kind is known.kind and limit.after is not None and not limit.parks:
            self._reopens = max(self._reopens, self._clock.monotonic() + limit.after.total_seconds())

    def _pause(self, limit: Limit) -> float:
        """Seconds, spread a little, since other programs may wait for the same provider."""
        if limit.lasts:
            return float("inf")
        if limit.after is not None:
            return limit.after.total_seconds() * (1 + self._jitter() / 10)
        doubled = FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10)
        return min(max(doubled * (0.75 + self._jitter() / 2), FIRST_PAUSE), LONGEST_PAUSE)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _from_now(limit: Limit, left: float) -> Limit:
    """The limit, with what is left of the pause it asked for."""
    return limit if limit.after is None else replace(limit, after=timedelta(seconds=left))


def _told(limit: Limit, held: Held) -> str:
    when = "another request is trying" if held.seconds is None else f"next try in {max(1, round(held.seconds))} s"
    return f"waiting for the provider: {limit.kind}, {when}"


class Course:
    """The course of one answer, as the gate hears of it: that it began, and once how it ended."""

    def __init__(
        self, gate: Gate, passage: Passage, clock: Clock, read_plan: Callable[[tuple[PlanWindow, ...]], None]
    ) -> None:
        self._gate, self._passage, self._clock, self._read_plan = gate, passage, clock, read_plan
        self._over = False

    def headers(self, headers: Mapping[str, str]) -> None:
        """The answer's headers came."""
        if windows := limits.utilization(headers):
            self._read_plan(windows)

    def began(self) -> None:
        """Its first bytes came, and they are no error."""
        self._gate.began(self._passage)

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> Limit | None:
        """It is an error; the limit it tells of."""
        limit = limits.classify(status, headers, body, self._clock.now())
        self.ended(limit)
        return limit

    def broken_off(self, error: str) -> None:
        """It tells of an error of that type after it began."""
        if limit := limits.broken_off(error):
            self.ended(limit)

    def ended(self, limit: Limit | None) -> None:
        """It came to its end, or told of a limit."""
        if not self._over:
            self._over = True
            self._gate.ended(self._passage, limit)

    def lost(self) -> None:
        """Nothing more will be heard of it, which says nothing if it was told before."""
        if not self._over:
            self._over = True
            self._gate.unused(self._passage)
