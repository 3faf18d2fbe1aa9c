"""The loop that hears people: an update is on disk before the next one is asked for; no failure ends it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from dayshift.clock import Clock
from dayshift.failpoints import passing
from dayshift.telegram.speech import kept
from dayshift.telegram.store import Store
from dayshift.telegram.wire import Contested, Flooded, Unauthorised, Unreachable, Wire

SECONDS = 50  #: Telegram holds a request no longer
LATE = 15  #: seconds that an answer may be late before nobody waits for it any more
LONGEST_PAUSE = 60.0
UNAUTHORISED_PAUSE = 600.0
RENEWED_AFTER = 3  #: failures in a row, after which connections are made anew, and the person is told
#: Two that poll take the bot from each other in turn: it is over when it was ours alone for so many seconds.
OURS_AGAIN = 300.0
AT_ONCE = 1.0  #: seconds; an answer within them that brings nothing new was not waited for


class Poll:
    """Asks for updates for ever; what the people who are let in did is kept, all else is passed over."""

    def __init__(
        self,
        wire: Wire,
        store: Store,
        admits: Callable[[dict[str, Any]], bool],
        received: Callable[[], None],
        say: Callable[[str], None],
        clock: Clock,
        *,
        seconds: int = SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._wire, self._store, self._admits, self._received = wire, store, admits, received
        self._say, self._clock, self._seconds, self._sleep = say, clock, seconds, sleep
        self._good: float | None = None
        self._failures = 0  #: in a row
        self._told: dict[type[Exception], float] = {}  #: what the person was told is wrong, and when it was wrong last

    @property
    def age(self) -> float | None:
        """Seconds since Telegram answered last; None if it never did. It may take a poll's time."""
        return None if self._good is None else self._clock.monotonic() - self._good

    async def run(self) -> None:
        """Never ends but by cancellation."""
        while True:
            pause = await self._turn()
            if pause:
                await self._sleep(pause)

    async def _turn(self) -> float:
        """One request and what follows from it; how long to wait before the next."""
        try:
            return await self._heard()
        except Flooded as error:
            return max(AT_ONCE, error.seconds)
        except Contested:
            self._tell(Contested, "Telegram: another program polls this bot, so that each misses what the other hears; "
                       "end it, or give this home a bot of its own (TELEGRAM_BOT_TOKEN)")  # fmt: skip
            return LONGEST_PAUSE
        except Unauthorised:
            self._tell(Unauthorised, "Telegram does not know this bot: put the token that @BotFather gave you into "
                       "TELEGRAM_BOT_TOKEN and start again")  # fmt: skip
            return UNAUTHORISED_PAUSE
        except (Unreachable, TimeoutError) as error:
            self._failures += 1
            if self._failures >= RENEWED_AFTER:
                self._tell(Unreachable, f"Telegram cannot be reached ({str(error) or 'no answer in time'})")
        except Exception as error:  # whatever it is, the person must stay within reach
            self._failures += 1
            self._tell(type(error), f"what is said over Telegram cannot be taken in ({type(error).__name__}: {error})")
        return min(LONGEST_PAUSE, 2.0 ** min(self._failures - 1, 10))

    async def _heard(self) -> float:
        began, offset = self._clock.monotonic(), self._store.offset
        async with asyncio.timeout(self._seconds + LATE):
            if self._failures and self._failures % RENEWED_AFTER == 0:
                await self._wire.renew()
            updates = await self._wire.updates(offset, self._seconds)
        if updates:
            self._keep(updates)
        self._works()
        moved = self._store.offset != offset
        return 0.0 if moved or self._clock.monotonic() - began >= AT_ONCE else AT_ONCE

    def _keep(self, updates: list[dict[str, Any]]) -> None:
        admitted = [kept(update) for update in updates if self._admits(update)]
        new = self._store.take(admitted, max(update["update_id"] for update in updates))
        passing("updates.kept")
        if new:
            self._received()

    def _works(self) -> None:
        self._good, self._failures = self._clock.monotonic(), 0
        over = [what for what, since in self._told.items()
                if what is not Contested or self._good - since >= OURS_AGAIN]  # fmt: skip
        for what in over:
            del self._told[what]
        if over and not self._told:
            self._say("Telegram: everything said there is heard again")

    def _tell(self, what: type[Exception], words: str) -> None:
        """Once, until it works again."""
        if what not in self._told:
            self._say(f"{words}; it is tried again until it works")
        self._told[what] = self._clock.monotonic()
