"""The teller: what the person is told once about money, kept in the ledger before it is said."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from dayshift.clock import Clock
from dayshift.cost.budgets import PLAN, called, periods
from dayshift.cost.hold import Hold
from dayshift.model import Doubtful, Usage
from dayshift.money import Pico
from dayshift.notices import Notice, milestones, shares
from group_commit import GroupCommit
from metrics import Ledger

DENSE = 90  #: tokens per hundred bytes of a body from which on the bound on input is no longer comfortable


class Teller:
    """Keeps notices and says them; one that was kept when a daemon died is said by the next."""

    def __init__(
        self, writer: GroupCommit, books: Ledger, clock: Clock, warn_at: Sequence[Decimal], amounts: Sequence[Decimal]
    ) -> None:
        self._writer, self._books, self._clock = writer, books, clock
        self._warn_at, self._amounts = warn_at, amounts

    async def tell(self, notice: Notice) -> None:
        """Keep a notice for the person, unless one of its name was kept before."""
        if not self._books.memoranda.noticed(notice.name):
            now = self._clock.now()
            await self._writer.write(lambda ledger: ledger.memoranda.notify(notice.name, notice.text, now))

    async def say(self, tell: Callable[[Notice], None]) -> None:
        """Tell what was kept and not told yet."""
        for name, text in self._books.memoranda.untold():
            tell(Notice(name, text))
            now = self._clock.now()
            await self._writer.write(lambda ledger: ledger.memoranda.told(name, now))  # noqa: B023 - awaited here

    async def take_stock(self, windows: Mapping[str, Pico | None], elsewhere: Mapping[str, Pico], today: date) -> None:
        """Tell of every share and milestone that is reached in these budgets."""
        for window, cap in windows.items():
            spent = self._books.spend(window).settled + elsewhere.get(window, 0)
            if cap is not None:
                for notice in shares(window, _named(window), spent, cap, self._warn_at):
                    await self.tell(notice)
            if self._amounts and window.removeprefix(PLAN) == periods(today)["monthly_usd"]:
                month = f"{today:%B %Y}{' (notional, on a plan)' if window.startswith(PLAN) else ''}"
                for notice in milestones(month, window, spent, cap, self._amounts):
                    await self.tell(notice)

    async def doubt(self, hold: Hold, usage: Usage) -> None:
        """Tell when a prompt counts nearly as many tokens as bytes: the bound on input rests on there being fewer."""
        tokens = usage.tokens
        prompt = tokens.input + tokens.cache_read + tokens.cache_write
        if tokens.web_searches or prompt * 100 <= hold.body_bytes * DENSE:
            return
        text = (
            f"{usage.model} counted {prompt:,} tokens for a prompt of {hold.body_bytes:,} bytes; "
            "a cap can only be kept while there are fewer tokens than bytes: watch this model"
        )
        await self.tell(Notice(f"dense:{usage.model}", text))

    async def not_understood(self, usage: Doubtful) -> None:
        """Tell once of each part of a usage that nobody here can price."""
        text = (
            f"{usage.model} counted something this version cannot price: {usage.field}; requests that say so are "
            "charged at the most they can have cost: look for a newer dayshift"
        )
        await self.tell(Notice(f"unknown-usage:{usage.field}", text))


def _named(window: str) -> str:
    """A budget as it is called where nothing else says which task it is about."""
    kind, _, which = window.removeprefix(PLAN).partition(":")
    return f"the cap of the task {which.partition('/')[2]}" if kind == "task" else called(window)
