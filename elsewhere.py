"""What the person's other use of the CLI has taken of each budget, read from its transcripts every few minutes."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from dayshift.clock import Clock
from dayshift.cost import harvest
from dayshift.cost.budgets import elsewhere
from dayshift.cost.other_use import OtherUse
from dayshift.cost.valuation import Valuation
from dayshift.files import Unusable
from dayshift.home import Home
from dayshift.inputs.settings import Settings
from dayshift.money import Pico

log = logging.getLogger("dayshift")

REFRESH_SECONDS = 300


class Elsewhere:
    """Asked for a day's budgets it says what was spent in them outside of dayshift; nothing unless that is to count."""

    def __init__(self, home: Home, settings: Settings, transcripts: Path, clock: Clock, counts: bool) -> None:
        self._home, self._settings, self._transcripts, self._clock = home, settings, transcripts, clock
        self._counts = counts
        self._read_at: float | None = None
        self._known: dict[date, Mapping[str, Pico]] = {}

    async def refresh(self) -> None:
        """Read what is new, unless that was done a short while ago; at first Unusable if the account is broken."""
        now = self._clock.monotonic()
        if not self._counts or (self._read_at is not None and now - self._read_at < REFRESH_SECONDS):
            return
        first, self._read_at = self._read_at is None, now
        try:
            await asyncio.to_thread(self._import)
            self._known.clear()
        except Unusable as error:
            if first:
                raise
            log.warning("other use is counted as it was: %s", error)

    def _import(self) -> None:
        account = OtherUse.open(self._home.other_use)
        try:
            roots = [self._transcripts] if self._transcripts.is_dir() else []
            harvest.gather(account, roots, self._valuation, besides=[self._home.workspaces])
        finally:
            account.close()

    def _valuation(self) -> Valuation:
        return Valuation(self._settings.prices, self._settings.timezone)

    def __call__(self, day: date) -> Mapping[str, Pico]:
        """Per budget, what other use has taken of it."""
        if not self._counts:
            return {}
        if day not in self._known:
            self._known[day] = self._taken(day)
        return self._known[day]

    def _taken(self, day: date) -> Mapping[str, Pico]:
        account = OtherUse.read_only(self._home.other_use)
        try:
            return elsewhere(account.spent, day)
        finally:
            account.close()
