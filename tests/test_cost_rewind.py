"""`cost rewind`: after a clock that was ahead, requests count in the true day again, and nothing is reset."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dayshift.cost.booking import Admitted, Reservation
from dayshift.cost.budgets import day_window
from dayshift.home import Home
from metrics import Ledger
from tests.command_line import daemon, run

TODAY = datetime.now(UTC).date()
FAR = date(2099, 1, 1)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home where ten pico-dollars count in today, before the clock said 2099."""
    home = Home(tmp_path / "home")
    home.make_folders()
    home.config.mkdir()
    ledger = Ledger.open(home.ledger(rehearsal=False))
    now = datetime.now(UTC)
    asked = Reservation("x", 1, TODAY, "m", "p", 10, {day_window(TODAY): 100}, now)
    assert isinstance(ledger.reserve(asked), Admitted)
    assert ledger.memoranda.current_day(FAR) == FAR
    ledger.close()
    return home


def counting(home: Home) -> tuple[date, int]:
    """The day that requests would count in today, and what is reserved in today's budget."""
    ledger = Ledger.open(home.ledger(rehearsal=False))
    found = ledger.memoranda.current_day(TODAY), ledger.spend(day_window(TODAY)).reserved
    ledger.close()
    return found


def test_the_true_day_counts_again_with_what_it_held(home: Home) -> None:
    assert counting(home) == (FAR, 10)
    done = run(home, "cost", "rewind", str(TODAY))
    assert (done.returncode, done.stdout) == (
        0, f"requests counted in 2099-01-01 until now; from now on they count in {TODAY}\n"
    )  # fmt: skip
    assert counting(home) == (TODAY, 10)
    assert "nothing to do" in run(home, "cost", "rewind", str(TODAY)).stdout


@pytest.mark.parametrize("days", [-1, 1])
def test_only_the_day_of_the_clock_is_taken(home: Home, days: int) -> None:
    refused = run(home, "cost", "rewind", str(TODAY + timedelta(days=days)))
    assert refused.returncode == 2
    assert f"the clock says {TODAY}" in refused.stderr
    assert counting(home) == (FAR, 10)


def test_not_beside_a_daemon_that_counts_by_its_own_day(home: Home) -> None:
    with daemon(home):
        refused = run(home, "cost", "rewind", str(TODAY))
    assert refused.returncode == 2
    assert "`dayshift stop` it first" in refused.stderr
    assert counting(home) == (FAR, 10)


def test_without_a_ledger_there_is_nothing_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make_folders()
    assert "nothing to do" in run(home, "cost", "rewind", str(TODAY)).stdout
    assert not home.ledger(rehearsal=False).exists()
