"""What a person is told once about a budget: shares of a cap, milestones of a month, a bar to see it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from dayshift.money import Pico, from_usd, shown, to_usd

WIDTH = 20  #: of a bar, in characters


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell; one of each name is ever told."""

    name: str
    text: str


def shares(window: str, called: str, spent: Pico, cap: Pico, warn_at: Sequence[Decimal]) -> Iterator[Notice]:
    """One notice for each share of the cap that is spent. A cap that was changed has shares of its own."""
    for share in warn_at:
        if Decimal(spent) >= cap * share:
            percent = f"{share * 100:f}".rstrip("0").rstrip(".") if share * 100 % 1 else f"{int(share * 100)}"
            text = f"{percent} % of {called} is spent: {shown(spent)} of {shown(cap)}  {bar(spent, cap)}"
            yield Notice(f"share:{window}:{percent}%:{to_usd(cap)}", text)


def milestones(month: str, window: str, spent: Pico, cap: Pico | None, amounts: Sequence[Decimal]) -> Iterator[Notice]:
    """One notice for each amount that the month's spending has reached."""
    whole = cap if cap is not None else from_usd(max(amounts, default=Decimal(0)))
    of = f" of {shown(cap)}" if cap is not None else ""
    for amount in amounts:
        if spent >= from_usd(amount):
            text = f"{shown(from_usd(amount))} of {month} reached: {shown(spent)}{of} spent  {bar(spent, whole)}"
            yield Notice(f"milestone:{window}:{to_usd(from_usd(amount))}", text)


def bar(part: Pico, whole: Pico, width: int = WIDTH) -> str:
    """`[#####---------------] 25 %`; full from 100 % on, and never full before."""
    if whole <= 0:
        return f"[{'#' * width}] 100 %"
    filled = min(width, part * width // whole)
    return f"[{'#' * filled}{'-' * (width - filled)}] {part * 100 // whole} %"
