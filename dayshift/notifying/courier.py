"""One channel's courier: takes what the outbox holds to the person, in order and once, however often the channel fails.

Joins outbox, which it empties.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import time
from typing import Protocol
from zoneinfo import ZoneInfo

from dayshift.alerts import PRESSING, Alert, Kind, bundles, quiet, still_true
from dayshift.clock import Clock
from dayshift.failpoints import passing
from dayshift.files import Unusable
from dayshift.model import Record
from dayshift.notifying.outbox import Outbox, Outcome

log = logging.getLogger("dayshift.courier")

BURST_SECONDS = 0.3  #: what comes within this time may go out as one message; a question waits for nothing
LOOK_SECONDS = 60.0  #: the longest rest while something waits: quiet hours end, clocks are set, laptops sleep
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  #: between tries of a channel that does not say when it works again
LONGEST_OBEYED = 3600.0  #: and of one that says so
MOST_TOGETHER = 12  #: alerts in one message
MOST_FAULTS = 3  #: times an alert may bring the channel to a fault before it is given up
PROBE_EVERY = 30  #: failed tries; then the alert behind is tried, which tells a bad alert from a channel that is down


class Later(Exception):
    """The channel cannot send now; `seconds` is when it may be tried again, if it said so."""

    def __init__(self, seconds: float | None, why: str) -> None:
        super().__init__(why)
        self.seconds = seconds


class Undeliverable(Exception):
    """The channel will never take this very message; the text says why, without a secret."""


class Channel(Protocol):
    """A way to the person."""

    name: str  #: the same for as long as it leads to the same place; without a secret
    kinds: frozenset[Kind]

    async def send(self, alerts: tuple[Alert, ...]) -> None:
        """Deliver one message that tells all of these; Later or Undeliverable if it cannot be."""


class Courier:
    """Serves one channel for as long as the daemon lives. What goes wrong is said once, and once when it is over."""

    def __init__(
        self,
        channel: Channel,
        outbox: Outbox,
        records: Callable[[str], Record | None],
        clock: Clock,
        quiet_hours: tuple[time, time] | None,
        timezone: str,
        say: Callable[[str], None],
    ) -> None:
        self._channel, self._outbox, self._records, self._clock = channel, outbox, records, clock
        self._quiet_hours, self._timezone, self._say = quiet_hours, ZoneInfo(timezone), say
        self._woken = asyncio.Event()
        self._not_before = 0.0
        self._pause = FIRST_PAUSE
        self._burst_until: float | None = None
        self._done: dict[int, Outcome] = {}  #: what is over, although the disk does not take it yet
        self._faults: Counter[int] = Counter()
        self._failures = 0  #: tries in a row
        self._suspects: set[int] = set()
        self._trouble = ""
        self._refused = False
        self._closing = False
        outbox.begin(channel.name, clock.now())

    async def run(self) -> None:
        """Deliver until told to close, then once more."""
        while True:
            last = self._closing
            self._woken.clear()
            rest = await self._look()
            if last:
                return
            try:
                async with asyncio.timeout(rest):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _look(self) -> float | None:
        try:
            return await self.deliver()
        except Unusable as error:  # the disk is full, or another process has the file
            self._troubled(str(error))
        except Exception as error:  # whatever it is: the next look may do better
            log.exception("a fault at %s", self._channel.name)
            self._troubled(f"a fault in the program ({type(error).__name__})")
        return LOOK_SECONDS

    def wake(self) -> None:
        """Something was added, or may have changed."""
        self._woken.set()

    def close(self) -> None:
        """Let `run` end once it has delivered what can be delivered at once; the next daemon delivers the rest."""
        self._closing = True
        self._woken.set()

    async def deliver(self) -> float | None:
        """Send all that may be sent now; the seconds until another look is due, None if nothing waits."""
        while (rest := self._not_before - self._clock.monotonic()) <= 0:
            waiting = self._waiting()
            due = [(number, alert) for number, alert in waiting if not self._held(alert)]
            if not due:
                self._burst_until = None
                return LOOK_SECONDS if waiting else None
            if (more := self._burst_goes_on(alert for _, alert in due)) > 0:
                return more
            numbers = {alert.key: number for number, alert in due}
            first = self._bundle([alert for _, alert in due], numbers)
            await self._send(first, [numbers[alert.key] for alert in first])
        return min(rest, LOOK_SECONDS)

    # --- what and when -------------------------------------------------------------------------------

    def _waiting(self) -> list[tuple[int, Alert]]:
        """What is still to be told; the rest is settled on the way."""
        self._settle((), "sent")
        now = self._clock.now()
        over: dict[Outcome, list[int]] = {"unchosen": [], "stale": []}
        waiting = []
        for number, alert in self._outbox.pending(self._channel.name):
            if number in self._done:
                continue
            if alert.kind not in self._channel.kinds:
                over["unchosen"].append(number)
            elif not still_true(alert, self._records(alert.task_id) if alert.task_id else None, now):
                over["stale"].append(number)
            else:
                waiting.append((number, alert))
        for outcome, numbers in over.items():
            self._settle(numbers, outcome)
        return waiting

    def _held(self, alert: Alert) -> bool:
        local = self._clock.now().astimezone(self._timezone)
        return alert.kind not in PRESSING and quiet(local, self._quiet_hours)

    def _burst_goes_on(self, due: Iterable[Alert]) -> float:
        """Seconds to wait for what may yet come of this burst; a question ends it."""
        if self._closing or any(alert.kind is Kind.question for alert in due):
            return 0.0
        now = self._clock.monotonic()
        if self._burst_until is None:
            self._burst_until = now + BURST_SECONDS
        return self._burst_until - now

    def _bundle(self, due: list[Alert], numbers: dict[str, int]) -> tuple[Alert, ...]:
        """The next message. What was in one that failed by a fault goes alone: only the culprit is given up."""
        first = bundles(due)[0][:MOST_TOGETHER]
        if any(self._faults[numbers[alert.key]] for alert in first):
            first = first[:1]
        behind = due[len(first) :]
        if behind and self._failures % PROBE_EVERY == PROBE_EVERY - 1:
            self._suspects = {numbers[alert.key] for alert in first}
            return bundles(behind)[0][:1]
        return first

    # --- sending -------------------------------------------------------------------------------------

    async def _send(self, alerts: tuple[Alert, ...], numbers: list[int]) -> None:
        try:
            passing("alert.sending")
            await self._channel.send(alerts)
            passing("alert.sent")
        except Later as later:
            if self._suspects.issuperset(numbers) and not self._failures:  # what was behind it has just gone through
                self._blame(alerts, numbers, str(later))
            else:
                self._suspects = set()
                self._back_off(later)
        except Undeliverable as reason:
            self._refuse(alerts, numbers, str(reason))
        except Exception as error:  # a fault in the channel must end neither the courier nor the daemon
            log.exception("a fault in %s", self._channel.name)
            self._blame(alerts, numbers, f"a fault in the program ({type(error).__name__})")
        else:
            self._settle(numbers, "sent")
            self._works()

    def _blame(self, alerts: tuple[Alert, ...], numbers: list[int], why: str) -> None:
        """It is the alerts, and not the channel; after some tries the first of them is given up."""
        self._faults.update(numbers)
        if self._faults[numbers[0]] >= MOST_FAULTS:
            self._refuse(alerts[:1], numbers[:1], why)
        else:
            self._back_off(Later(None, why))

    def _back_off(self, later: Later) -> None:
        if later.seconds:
            pause = min(later.seconds, LONGEST_OBEYED)
        else:
            pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
            self._failures += 1
            if self._failures % PROBE_EVERY == PROBE_EVERY - 1:
                pause = 0.0  # the one behind is tried in the same breath: once the channel works, the first comes first
        if later.seconds and pause <= LONGEST_PAUSE:  # a flood limit in a burst, which is no trouble
            log.info("%s wants to be left alone for %.0f s: %s", self._channel.name, pause, later)
        else:
            self._troubled(str(later))
        self._not_before = self._clock.monotonic() + pause

    def _refuse(self, alerts: tuple[Alert, ...], numbers: list[int], why: str) -> None:
        """Give it up; several at once are tried one by one before."""
        if len(alerts) > 1:
            self._faults.update(numbers)
            return
        log.warning("%s refuses %s: %s", self._channel.name, alerts[0].key, why)
        if not self._refused:
            self._refused = True
            self._say(f"{self._channel.name} refused a message: {why}; more of the kind is in the log alone")
        self._settle(numbers, "refused")

    def _settle(self, numbers: Iterable[int], outcome: Outcome) -> None:
        """Book it; if the disk does not take it, it is remembered and booked later, and not sent again."""
        self._done.update(dict.fromkeys(numbers, outcome))
        for each in set(self._done.values()):
            these = [number for number, how in self._done.items() if how == each]
            try:
                self._outbox.settle(self._channel.name, these, each, self._clock.now())
                passing("alert.settled")
            except Unusable as error:
                return self._troubled(str(error))
            for number in these:
                del self._done[number]
        return None

    def _troubled(self, why: str) -> None:
        log.info("%s: %s", self._channel.name, why)
        if not self._trouble:
            self._trouble = why
            self._say(f"{self._channel.name} cannot tell you anything now ({why}); it is tried again until it works")

    def _works(self) -> None:
        self._pause, self._failures = FIRST_PAUSE, 0
        if self._trouble and not self._done:
            self._trouble = ""
            self._say(f"{self._channel.name} works again")
