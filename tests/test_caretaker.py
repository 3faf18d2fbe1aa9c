"""The caretaker: what it clears away is gone from disk, from git and from memory, and nothing brings it back."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from caretaker import Caretaker
from dayshift import records
from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository import git
from dayshift.repository.commits import head
from dayshift.repository.workspace import Workspace
from dayshift.states import Done, State
from dayshift.tidying import clearance, retention
from tests.house import NINE, TODAY, House, hands_in, queued, record, says, task


@dataclass
class Kept:
    """A home whose tasks an Orchestrator knows, and what it was answered."""

    home: Home
    project: git.Repository
    house: House = field(default_factory=House)
    forgotten: list[str] = field(default_factory=list)
    replies: list[tuple[list[str], bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home.make_folders()
        self.caretaker = Caretaker(self.home, self.house.orchestrator, self.forgotten.append, self.reply)

    def reply(self, request: str | None, lines: object, ok: bool) -> None:
        assert request == "request" and isinstance(lines, list)
        self.replies.append((lines, ok))

    def has(self, task_id: str, state: State, **facts: str) -> Record:
        """A task with a worktree and something made in it, known to the Orchestrator."""
        place = Workspace(self.home.workspace(task_id), self.project)
        place.make(base := head(self.project))
        (place.repo / "new.txt").write_text("made\n")
        made = record(state, task_id, base=base, commit=place.keep(base, "work"), **facts)
        made = replace(made, project=str(self.project.work_tree))
        records.save(self.home, made)
        self.house.orchestrator.restore({task_id: made}, {})
        return made

    async def clean(self, *ids: str, force: bool = False) -> tuple[list[str], bool]:
        self.caretaker.take({"kind": "clean", "tasks": ids, "force": force}, "request")
        await self.caretaker.close()
        return self.replies.pop()

    @property
    def known(self) -> list[str]:
        return [*self.house.orchestrator.records]


@pytest.fixture
def kept(tmp_path: Path, project: git.Repository) -> Kept:
    return Kept(Home(tmp_path / "home"), project)


async def test_a_task_that_was_cleared_away_is_gone_everywhere(kept: Kept) -> None:
    kept.has("a", Done(NINE), review="accepted")
    kept.has("b", Done(NINE))
    assert await kept.clean("a") == (["removed a"], True)
    lines, ok = await kept.clean("b", force=True)
    saved = clearance.saved_in(lines[0])
    assert ok and saved and "+made" in saved.read_text()
    assert (kept.known, kept.forgotten) == ([], ["a", "b"])
    assert not [*kept.home.workspaces.iterdir(), *kept.home.records.glob("*.json")]
    assert not [*kept.project.common_dir.glob("worktrees/*")] and not kept.project.text("for-each-ref", "refs/dayshift")
    kept.house.happens(says("retry", "a"), says("cancel", "b"))
    assert not [*kept.home.records.glob("*.json")] and kept.known == []


async def test_what_must_stay_stays_and_what_is_known_elsewhere_too(kept: Kept) -> None:
    kept.has("a", Done(NINE))
    kept.has("b", queued())
    lines, ok = await kept.clean("a", "b", "c")
    assert not ok
    assert "not reviewed yet" in lines[0] and "b is" in lines[1] and "looks after no task c" in lines[2]
    assert sorted(kept.known) == ["a", "b"] and kept.home.workspace("a").is_dir()


async def test_a_task_that_changes_while_its_work_is_saved_stays(kept: Kept) -> None:
    before = kept.has("a", Done(NINE))
    kept.caretaker.take({"kind": "clean", "tasks": ["a"], "force": True}, "request")
    await asyncio.sleep(0)  # it is being saved now
    kept.house.orchestrator.records["a"] = record(Done(NINE), "a", claim="another", commit=before.commit)
    await kept.caretaker.close()
    lines, ok = kept.replies.pop()
    assert not ok and "has changed meanwhile" in lines[0]
    assert kept.known == ["a"] and kept.home.workspace("a").is_dir()


async def test_while_a_task_is_cleared_away_no_other_takes_its_id(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.has("a", Done(NINE), review="accepted")
    clear = clearance.clear

    def slowly(home: Home, record: Record) -> None:
        kept.house.orchestrator.handle(hands_in(task("a"), request="day"))
        clear(home, record)

    monkeypatch.setattr(clearance, "clear", slowly)
    await kept.clean("a")
    assert kept.house.desk.replies == [("day", ("a is being cleaned; repeat this",), False)]
    kept.house.happens(hands_in(task("a"), request="day"))
    assert kept.known == ["a"]


async def test_a_task_that_could_not_be_cleared_away_is_known_again(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept.has("a", Done(NINE), review="accepted")

    def refused(home: Home, record: Record) -> None:
        raise OSError("read-only file system")

    monkeypatch.setattr("dayshift.tidying.disposal.discard", refused)
    lines, ok = await kept.clean("a")
    assert not ok and "read-only" in lines[0]
    assert kept.house["a"] is before
    kept.house.happens(hands_in(task("a"), request="day"))
    assert "being cleaned" not in str(kept.house.desk.replies[-1])


async def test_once_a_day_the_home_is_tidied(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "LOG_BYTES", 10)
    monkeypatch.setattr(retention, "KEPT_BYTES", 6)
    kept.has("a", Done(NINE))
    kept.has("b", queued())
    for task_id in ("a", "b"):
        (kept.home.logs / f"{task_id}.log").write_text("many words\nlast\n")
    for log in ("... 11 bytes of earlier lines were dropped here\nlast\n", "as long as one likes\n"):
        kept.caretaker.look(TODAY)
        await kept.caretaker.close()
        assert (kept.home.logs / "a.log").read_text() == log
        (kept.home.logs / "a.log").write_text("as long as one likes\n")  # and later on that day
    assert (kept.home.logs / "b.log").read_text() == "many words\nlast\n"  # a run may be about to write there
    assert sorted(kept.known) == ["a", "b"]
