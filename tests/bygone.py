"""Days that are over, for the tests of what is read of them: their records and their spending."""

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from dayshift import commandline
from dayshift.cost.booking import Admitted, Reservation
from dayshift.home import Home
from dayshift.model import Record, Tokens, Usage
from dayshift.money import from_usd
from dayshift.states import Done
from metrics import Ledger
from tests.house import NINE, record

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 11, day) for day in (16, 17, 18))


def morning(day: date, hour: int = 9) -> datetime:
    return NINE.replace(month=day.month, day=day.day, hour=hour)


def made(day: date, task_id: str = "a", state: Any = None, hour: int = 9, **facts: Any) -> Record:
    """A task of that day, made that morning."""
    at = morning(day, hour)
    return record(state or Done(at), task_id, **{"day": day, "created_at": at, "runs": 1, **facts})


def spend(ledger: Ledger, file_day: date, amount: str | None, task: str = "a", **facts: Any) -> None:
    """One request of the task; None: its end is not known, and it is charged at 5 dollars."""
    at = facts.get("admitted_at", morning(file_day))
    request = Reservation(
        task, 1, file_day, "claude-sonnet-5", "x", from_usd(5), {"total": None}, at, file_day=file_day
    )
    outcome = ledger.reserve(replace(request, **facts))
    assert isinstance(outcome, Admitted)
    if amount is None:
        ledger.settle_unknown(outcome.id, at)
    else:
        ledger.settle(outcome.id, Usage("x", Tokens(1, 2)), from_usd(amount), "r", at)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and how it ended."""

    returncode: int
    stdout: str
    stderr: str


def asked(home: Home, *words: str) -> Said:
    """The command called in this process, for it only reads: there are many, and a process takes its time."""
    unused: Callable[..., Any] = print
    parts = commandline.Parts(unused, unused, unused)
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = commandline.run(["--home", str(home.root), *words], parts)
    return Said(code, out.getvalue(), err.getvalue())
