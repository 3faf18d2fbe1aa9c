"""What no record speaks for: found wherever it is, removed only if it is this home's, and no work lost by that."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayshift import files, locks, records
from dayshift.home import Home
from dayshift.repository import git
from dayshift.repository.commits import head
from dayshift.repository.workspace import HALF_MADE, Workspace
from dayshift.states import Done, Parked, ParkReason
from dayshift.tidying import orphans
from dayshift.tidying.orphans import Kept, Orphan
from tests.command_line import NOON, QUESTION, add, ask, everything

LONG_AGO = time.time() - 2 * orphans.OLD_SCRATCH_SECONDS


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    home = Home(tmp_path / "home")
    home.make_folders()
    yield home
    shutil.rmtree(home.sockets_place, ignore_errors=True)


def worktree(home: Home, project: git.Repository, task_id: str, text: str = "made by an agent\n") -> Workspace:
    """A workspace whose work was kept."""
    place = Workspace(home.workspace(task_id), project)
    place.make(head(project))
    (place.repo / "new.txt").write_text(text)
    place.keep(head(project), "work")
    return place


def found(home: Home, *projects: git.Repository) -> tuple[Orphan, ...]:
    return orphans.found(home, [each.work_tree for each in projects])


def kinds(home: Home, *projects: git.Repository) -> list[str]:
    return [each.kind for each in found(home, *projects)]


def removed(home: Home, *projects: git.Repository) -> list[Path | None]:
    """Everything that may go, gone; where work went."""
    return [orphans.remove(home, each) for each in found(home, *projects) if each.removable]


def in_git(project: git.Repository) -> list[str]:
    return [str(path) for path in project.common_dir.rglob("*") if "task-" in path.name]


def test_what_a_record_speaks_for_is_no_orphan(home: Home, project: git.Repository) -> None:
    worktree(home, project, "task-1")
    home.run("task-1", 1).mkdir(parents=True)
    (home.logs / "task-1.jsonl").touch()
    ask(home, QUESTION)
    (home.records / "task-1.json").write_text("torn")  # it cannot be read, and speaks for its task all the same
    (home.workspaces / "My notes").mkdir()
    assert found(home, project) == ()


def test_a_workspace_without_a_record_is_removed_and_its_work_becomes_a_patch(
    home: Home, project: git.Repository
) -> None:
    place = worktree(home, project, "task-1")
    (place.repo / "later.txt").write_text("not kept yet\n")
    assert kinds(home, project) == ["workspace"]
    (saved,) = removed(home, project)
    assert saved == home.results / "salvage" / "task-1-orphan.patch"
    assert "+made by an agent" in saved.read_text() and "+not kept yet" in saved.read_text()
    assert found(home, project) == () and in_git(project) == [] and not place.folder.exists()


def test_a_workspace_that_git_no_longer_knows_is_put_aside(home: Home, project: git.Repository) -> None:
    place = worktree(home, project, "task-1")
    shutil.rmtree(project.common_dir / "worktrees")
    (saved, *_) = removed(home, project)
    assert saved == home.results / "salvage" / "task-1-workspace"
    assert (saved / "repo" / "new.txt").read_text() == "made by an agent\n"
    assert not (saved / "repo" / ".git").exists() and not place.folder.exists()


def test_a_workspace_whose_git_file_was_changed_is_put_aside(home: Home, project: git.Repository) -> None:
    place = worktree(home, project, "task-1")
    (place.repo / ".git").write_text("gitdir: /somewhere/else\n")
    assert removed(home, project) == [home.results / "salvage" / "task-1-workspace"]
    assert in_git(project) == []


def test_a_worktree_whose_workspace_is_gone_leaves_git_and_its_kept_work_is_saved(
    home: Home, project: git.Repository
) -> None:
    shutil.rmtree(worktree(home, project, "task-1").folder)
    assert kinds(home, project) == ["worktree"]
    (saved,) = removed(home, project)
    assert saved and "+made by an agent" in saved.read_text()
    assert in_git(project) == []


def test_nothing_of_another_home_is_found(home: Home, project: git.Repository, tmp_path: Path) -> None:
    other = Home(tmp_path / "home-2")
    other.make_folders()
    worktree(other, project, "task-1")
    before = everything(other), in_git(project)
    assert found(home, project) == ()
    shutil.rmtree(other.workspace("task-1"))
    assert found(home, project) == ()
    assert in_git(project) == before[1]


def test_a_private_ref_goes_only_if_a_task_of_this_home_had_its_very_commit(
    home: Home, project: git.Repository
) -> None:
    commits = {}
    for task_id in ("task-1", "task-2"):
        place = worktree(home, project, task_id, task_id)
        commits[task_id] = project.text("rev-parse", f"refs/dayshift/{task_id}")
        shutil.rmtree(place.folder)
    shutil.rmtree(project.common_dir / "worktrees")
    records.put_by(home, add(home, "task-1", Done(NOON), commit=commits["task-1"]))
    records.put_by(home, add(home, "task-2", Done(NOON), commit="another commit"))
    for task_id in commits:
        records.remove(home, task_id)
        (home.status / f"{task_id}.json").unlink()
    ours, somebodys = found(home, project)
    assert (ours.task_id, ours.removable) == ("task-1", True)
    assert (somebodys.task_id, somebodys.removable) == ("task-2", False)
    assert "another home" in somebodys.why
    with pytest.raises(Kept):
        orphans.remove(home, somebodys)
    orphans.remove(home, ours)
    assert project.text("for-each-ref", "refs/dayshift/").split()[-1] == "refs/dayshift/task-2"


def test_where_a_holder_lives_nothing_is_removed(home: Home) -> None:
    spool = home.run("task-1", 1)
    spool.mkdir(parents=True)
    home.workspace("task-1").mkdir()
    (home.sockets() / "task-1").mkdir()
    (seen,) = [each for each in found(home) if each.kind == "runs"]
    assert seen.removable
    with locks.lock(spool / "lock"):
        assert {each.kind: each.removable for each in found(home)} == {"runs": False, "workspace": False}
        with pytest.raises(Kept, match="an agent still works there"):
            orphans.remove(home, seen)  # it was found before the holder lived
    assert kinds(home) == ["runs", "sockets", "workspace"]
    removed(home)
    assert kinds(home) == []


def test_while_a_daemon_runs_nothing_is_removed(home: Home) -> None:
    home.run("task-1", 1).mkdir(parents=True)
    (orphan,) = found(home)
    with locks.lock(home.daemon_lock), pytest.raises(Kept, match="while a daemon runs"):
        orphans.remove(home, orphan)
    assert kinds(home) == ["runs"]


def test_an_orphan_that_has_got_a_record_meanwhile_stays(home: Home) -> None:
    home.workspace("task-1").mkdir()
    (orphan,) = found(home)
    add(home, "task-1", Parked(NOON, ParkReason.stop))
    assert orphans.remove(home, orphan) is None
    assert home.workspace("task-1").is_dir()


def test_files_of_unknown_tasks_go_and_a_question_goes_to_the_archive(home: Home) -> None:
    ask(home, QUESTION)
    records.remove(home, "task-2")
    (home.logs / "task-2.jsonl").write_text("{}\n")
    (home.logs / "task-2.log").write_text("2026-11-20T12:00:00Z run 1: began\n")
    (home.logs / "daemon.log").write_text("2026-11-20 12:00:00 INFO dayshift began\n")
    (home.questions / "thoughts.md").write_text("of the person\n")
    assert kinds(home) == ["log", "log", "question", "status"]
    removed(home)
    assert kinds(home) == []
    assert (home.questions / "archive" / "task-2.md").is_file()
    assert (home.logs / "daemon.log").is_file() and (home.questions / "thoughts.md").is_file()


def test_an_acceptance_that_was_cut_short_and_a_quarantine_are_only_shown(home: Home) -> None:
    home.quarantine("task-1", 2).mkdir(parents=True)
    files.write_json(home.receipt("task-2"), {"commit": "c", "stage": "/src/.stage"})
    files.write_json(home.receipt("task-3"), {"commit": "c", "landed_at": "2026-11-20T12:00:00Z"})
    home.keepsake("task-3").mkdir()
    shown = {(each.task_id, each.removable) for each in found(home)}
    assert shown == {("task-1", False), ("task-2", False), ("task-3", True)}


@pytest.mark.parametrize("name", [".answer.md.4711.0badcafe.tmp", ".x.json.1.00000000.tmp"])
def test_the_rest_of_a_write_that_was_cut_short_goes_when_it_is_old(home: Home, name: str) -> None:
    for folder in (home.questions, home.records, home.run("task-1", 1), home.quarantine("task-1", 1)):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
        (folder / ".mine.tmp").touch()
    add(home, "task-1", Parked(NOON, ParkReason.stop))
    assert kinds(home) == []
    for folder in (home.questions, home.records, home.run("task-1", 1), home.quarantine("task-1", 1)):
        for each in (name, ".mine.tmp"):
            os.utime(folder / each, (LONG_AGO, LONG_AGO))
    assert kinds(home) == ["torn file"] * 3
    removed(home)
    assert kinds(home) == [] and (home.quarantine("task-1", 1) / name).exists()


def test_a_worktree_that_was_half_made_goes_when_it_is_old(home: Home) -> None:
    add(home, "task-1", Parked(NOON, ParkReason.stop))
    half = home.workspace("task-1") / f"{HALF_MADE}abc"
    (half / "dayshift-task-1").mkdir(parents=True)
    assert kinds(home) == []
    os.utime(half, (LONG_AGO, LONG_AGO))
    assert kinds(home) == ["half-made worktree"]
    removed(home)
    assert not half.exists() and home.workspace("task-1").is_dir()


def test_folders_for_an_instants_work_go_when_they_are_old(home: Home, tmp_path: Path) -> None:
    for name in ("dayshift-index-0a1b2c3d", "dayshift-locks-0", "dayshift-index-mine"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (LONG_AGO, LONG_AGO))
    (tmp_path / "dayshift-diff-0a1b2c3d").mkdir()
    assert [each.place for each in found(home)] == [str(tmp_path / "dayshift-index-0a1b2c3d")]


def test_every_project_a_task_ever_worked_in_is_looked_at(home: Home, tmp_path: Path) -> None:
    for name in ("one", "two", "three", "four"):
        (tmp_path / name).mkdir()
    add(home, "task-1", Done(NOON), project=str(tmp_path / "one"))
    records.put_by(home, add(home, "task-2", Done(NOON), project=str(tmp_path / "two")))
    add(home, "task-2", Done(NOON), project="/nowhere")
    files.write_json(home.day_facts(rehearsal=False), {"day": {"project": str(tmp_path / "three")}, "dirty": False})
    (home.records / "task-3.json").write_text('{"project": 7}')
    looked_at = orphans.projects(home, tmp_path / "four", tmp_path / "one")
    assert sorted(each.name for each in looked_at) == ["four", "one", "three", "two"]
