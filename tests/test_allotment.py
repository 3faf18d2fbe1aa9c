"""What all workspaces together take: counted beside everything else, told once, and no more work than needed."""

import asyncio
from pathlib import Path

import pytest

from dayshift.home import Home
from dayshift.host import allotment
from dayshift.host.allotment import LEAST_PAUSE, Allotment
from dayshift.model import Record
from dayshift.states import Done, Parked, ParkReason
from tests.house import NINE, SECOND, record

MB = 1 << 20


class Yard:
    """A home with workspaces, and what is said of them."""

    def __init__(self, folder: Path, bound: int) -> None:
        self.home, self.time = Home(folder), 0.0
        self.home.make_folders()
        self.known: dict[str, Record] = {}
        self.said: list[tuple[str, bool]] = []
        self.allotment = Allotment(
            self.home, bound, lambda: self.known, lambda *words: self.said.append(words), lambda: self.time
        )

    def has(self, task_id: str, size: int, ended: bool = False) -> None:
        """That task's workspace takes so much."""
        state = Done(NINE) if ended else Parked(NINE, ParkReason.paused)
        self.known[task_id] = record(state, task_id)
        self.home.workspace(task_id).mkdir(exist_ok=True)
        (self.home.workspace(task_id) / "data").write_bytes(b"x" * size)

    async def looks(self) -> str:
        """Why nothing is started, once everything has been counted."""
        self.time += LEAST_PAUSE
        self.allotment.look()
        if self.allotment._counting:
            await self.allotment._counting
        self.allotment.look()
        return self.allotment.why


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path, 3 * MB)


async def test_too_much_is_told_once_and_so_is_room(yard: Yard) -> None:
    yard.has("a", MB)
    yard.has("b", MB)
    assert await yard.looks() == ""
    yard.has("b", 5 * MB // 2)
    why = await yard.looks()
    assert "all together take 0.0 GB, and limits.all_workspaces_gb is 0.00292969; free some" in why
    assert await yard.looks() == why
    yard.has("b", 2 * MB - 40_000)  # below the bound, but only just
    assert await yard.looks() != ""
    yard.has("b", MB)
    assert await yard.looks() == ""
    assert yard.said == [(why, True), ("the workspaces take less than they may again", False)]


async def test_what_was_cleaned_counts_no_more_at_once(yard: Yard) -> None:
    yard.has("a", 4 * MB, ended=True)
    assert await yard.looks()
    yard.allotment.forget("a")
    yard.allotment.look()
    assert yard.allotment.why == ""


async def test_without_a_bound_nothing_is_counted(tmp_path: Path) -> None:
    yard = Yard(tmp_path, 0)
    yard.has("a", MB)
    assert await yard.looks() == "" and yard.allotment._counting is None


async def test_the_workspace_of_an_ended_task_is_counted_once(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    size = Allotment._size

    def noted(self: Allotment, folder: Path) -> int | None:
        counted.append(folder.name)
        return size(self, folder)

    monkeypatch.setattr(Allotment, "_size", noted)
    yard.has("a", MB, ended=True)
    yard.has("b", MB)
    for _ in range(3):
        await yard.looks()
    assert sorted(counted) == ["a", "b", "b", "b"]
    yard.known["a"] = record(Done(NINE + SECOND), "a")  # it was tried again meanwhile
    await yard.looks()
    assert counted.count("a") == 2


async def test_a_count_under_way_ends_with_the_daemon(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless:
        def __init__(self, folder: str) -> None: ...

        def steps(self):  # type: ignore[no-untyped-def]
            while True:
                yield 0

    monkeypatch.setattr(allotment, "Walk", Endless)
    yard.has("a", 1)
    yard.allotment.look()
    await asyncio.sleep(0.01)
    await asyncio.wait_for(yard.allotment.close(), 5)


async def test_counting_takes_a_small_share_of_the_time(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(self: Allotment, folder: Path) -> int:
        yard.time += 10
        return 1

    monkeypatch.setattr(Allotment, "_size", slowly)
    yard.has("a", 1)
    await yard.looks()
    for pause, due in ((499.0, False), (2.0, True)):
        yard.time += pause
        before = yard.allotment._counting
        yard.allotment.look()
        assert (yard.allotment._counting is not before) == due
    await yard.allotment.close()
