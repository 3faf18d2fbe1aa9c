"""What the person corrects in the ledger: requests booked at a wrong price, a day that went on too far."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from dayshift.money import Pico

if TYPE_CHECKING:  # loaded when there is something to correct: reading commands must not wait for it
    from metrics import Ledger


def reprice(path: Path, costs: Sequence[tuple[int, Pico, str]]) -> int:
    """Book other costs for settled requests, all of them or, after a crash, none; how many were booked."""
    with _opened(path) as ledger, ledger.together():
        return sum(ledger.reprice(*each) for each in costs)


def rewind(path: Path, today: date) -> date | None:
    """Let requests count in that day again; the later day they counted in, None if there was none."""
    with _opened(path) as ledger:
        return ledger.memoranda.rewind(today)


@contextmanager
def _opened(path: Path) -> "Iterator[Ledger]":
    """The ledger, which was found whole, for the block."""
    from metrics import Ledger

    ledger = Ledger.open(path)
    try:
        ledger.verify()
        yield ledger
    finally:
        ledger.close()
