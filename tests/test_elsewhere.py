"""Other use in the budgets: what the CLI's transcripts say counts in each period, read anew every few minutes."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dayshift.cost.budgets import PLAN
from dayshift.files import Unusable
from dayshift.home import Home
from dayshift.inputs.settings import Settings
from dayshift.money import from_usd
from elsewhere import REFRESH_SECONDS, Elsewhere
from tests.test_transcripts import line, written

DAY = date(2026, 11, 20)  # a Friday
COST = from_usd("0.00505")  # of one such line


class Clock:
    """A clock that is set by hand."""

    seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 20, 12, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


def spent(folder: Path, name: str, at: str) -> None:
    shop = folder / "projects" / "shop"
    shop.mkdir(parents=True, exist_ok=True)
    written(shop, line(id=f"msg_{name}", at=at), name=f"{name}.jsonl")


async def test_each_period_knows_what_fell_into_it(home: Home, tmp_path: Path) -> None:
    for name, at in (("a", "2026-11-20T09"), ("b", "2026-11-16T09"), ("c", "2026-11-02T09"), ("d", "2025-01-01T09")):
        spent(tmp_path, name, f"{at}:00:00.000Z")
    elsewhere = Elsewhere(home, Settings(), tmp_path / "projects", Clock(), counts=True)
    await elsewhere.refresh()
    taken = {"day:2026-11-20": COST, "week:2026-W47": 2 * COST, "month:2026-11": 3 * COST, "total": 4 * COST}
    assert elsewhere(DAY) == taken | {PLAN + window: amount for window, amount in taken.items()}
    assert elsewhere(date(2026, 11, 21))["day:2026-11-21"] == 0


async def test_it_is_read_anew_after_a_while_and_not_before(home: Home, tmp_path: Path) -> None:
    clock = Clock()
    elsewhere = Elsewhere(home, Settings(), tmp_path / "projects", clock, counts=True)
    await elsewhere.refresh()  # there is no folder yet
    spent(tmp_path, "a", "2026-11-20T09:00:00.000Z")
    await elsewhere.refresh()
    assert elsewhere(DAY)["total"] == 0
    clock.seconds += REFRESH_SECONDS
    await elsewhere.refresh()
    assert elsewhere(DAY)["total"] == COST


async def test_unless_it_shall_count_nothing_is_read(home: Home, tmp_path: Path) -> None:
    spent(tmp_path, "a", "2026-11-20T09:00:00.000Z")
    elsewhere = Elsewhere(home, Settings(), tmp_path / "projects", Clock(), counts=False)
    await elsewhere.refresh()
    assert elsewhere(DAY) == {}
    assert not home.other_use.exists()


async def test_a_broken_account_stops_the_start_and_later_counts_as_it_was(home: Home, tmp_path: Path) -> None:
    spent(tmp_path, "a", "2026-11-20T09:00:00.000Z")
    clock = Clock()
    elsewhere = Elsewhere(home, Settings(), tmp_path / "projects", clock, counts=True)
    await elsewhere.refresh()
    assert elsewhere(DAY)["total"] == COST
    home.other_use.write_bytes(b"no database" * 1000)
    clock.seconds += REFRESH_SECONDS
    await elsewhere.refresh()
    assert elsewhere(DAY)["total"] == COST
    with pytest.raises(Unusable, match="cost import"):
        await Elsewhere(home, Settings(), tmp_path / "projects", clock, counts=True).refresh()
