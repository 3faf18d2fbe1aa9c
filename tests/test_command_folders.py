"""The commands that lay out a home and clear it: init, clean."""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from dayshift import records
from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository import git
from dayshift.repository.workspace import Workspace
from dayshift.states import Done, Failed, Parked, ParkReason, Running, State
from dayshift.tidying.clearance import told
from tests.command_line import NOON, ROOT, add, daemon, everything, run


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


# --- init ------------------------------------------------------------------------------------------


def test_init_lays_out_a_home_inside_a_repository(home: Home, project: git.Repository) -> None:
    folder = project.work_tree / "agents"
    result = run(home, "init", folder)
    made = Home(folder)
    assert result.returncode == 0
    assert str(project.work_tree) in result.stdout
    assert "dayshift doctor" in result.stdout
    for source in (ROOT / "config").iterdir():
        assert (made.config / source.name).read_bytes() == source.read_bytes()
    day = yaml.safe_load((made.tasks / "first-day.yaml").read_text())
    assert [task["id"] for task in day["tasks"]] == ["task-001"]
    for written in (made.inbox, made.workspaces, made.status, made.questions, made.logs, made.results, made.feedback):
        (written / "file").touch()
    untracked = [line[3:] for line in project.run("status", "--porcelain", "-uall").decode().splitlines()]
    config = [f"agents/config/{path.name}" for path in made.config.iterdir()]
    assert sorted(untracked) == sorted(["agents/.gitignore", "agents/tasks/first-day.yaml", *config])


def test_init_overwrites_nothing_and_says_what_it_kept(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "policy.yaml").write_text("mine")
    (folder / ".gitignore").write_text("/results/\n")
    result = run(home, "init", folder)
    assert result.returncode == 0
    assert "kept  config/policy.yaml (it was there)" in result.stdout
    assert (folder / "config" / "policy.yaml").read_text() == "mine"
    assert (folder / ".gitignore").read_text() == "/results/\n"
    assert f"Add to {folder}/.gitignore: /.dayshift/ /agent_workspaces/" in result.stdout
    assert "in no git repository: set `project:`" in result.stdout
    before = everything(Home(folder))
    assert run(home, "init", folder).returncode == 0
    assert everything(Home(folder)) == before


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_init_refuses_a_file(home: Home, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    result = run(home, "init", f"{tmp_path}/file{below}")
    assert result.returncode == 2
    assert "file" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_example_day_of_a_new_home_passes_check(home: Home, project: git.Repository) -> None:
    folder = project.work_tree / "agents"
    run(home, "init", folder)
    result = run(Home(folder), "check", folder / "tasks" / "first-day.yaml")
    assert result.returncode == 0, result.stderr
    assert "task-001" in result.stdout


# --- clean -----------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> git.Repository:
    folder = tmp_path / "project"
    folder.mkdir()
    who = ["-c", "user.name=A Person", "-c", "user.email=person@localhost"]
    for words in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True, env={"PATH": os.defpath, "HOME": str(tmp_path)})
    return git.find(folder)


def worked(home: Home, project: git.Repository, task_id: str, state: State, **facts: Any) -> Record:
    """A task with a worktree in which one file was written, its work kept, its logs there."""
    place = Workspace(home.workspace(task_id), project)
    base = project.text("rev-parse", "HEAD")
    place.make(base)
    (place.repo / "new.txt").write_text("made by an agent\n")
    commit = place.keep(base, "work")
    (home.logs / f"{task_id}.log").write_text("did it\n")
    home.run(task_id, 1).mkdir(parents=True)
    return add(home, task_id, state, project=str(project.work_tree), base=base, commit=commit, **facts)


def traces(home: Home, project: git.Repository, task_id: str) -> list[str]:
    """Whatever still carries the task's id, in the home and in the repository's git directory, but for what is kept."""
    found = [path for place in (home.root, project.common_dir) for path in place.rglob(f"*{task_id}*")]
    return [str(path) for path in found if not {home.results, home.history} & {*path.parents}]


def test_clean_takes_everything_of_a_reviewed_task_and_says_how_much(home: Home, project: git.Repository) -> None:
    worked(home, project, "task-1", Done(NOON), review="accepted")
    dry = run(home, "clean", "task-1", "--dry-run")
    assert str(home.workspace("task-1")) in dry.stdout
    assert home.workspace("task-1").is_dir()
    result = run(home, "clean", "task-1")
    assert result.returncode == 0
    assert "removed task-1:" in result.stdout
    assert traces(home, project, "task-1") == []
    assert project.text("worktree", "list").count("\n") == 0


def test_an_unreviewed_task_is_cleaned_only_by_force_and_its_work_is_saved(home: Home, project: git.Repository) -> None:
    worked(home, project, "task-1", Failed(NOON, "tests failed"))
    refused = run(home, "clean", "task-1")
    assert refused.returncode == 2
    assert "not reviewed yet" in refused.stderr
    assert home.workspace("task-1").is_dir()
    facts = json.loads(run(home, "clean", "task-1", "--force", "--json").stdout)
    saved = home.results / "salvage" / "task-1-2026-11-20.patch"
    assert facts["removed"][0]["salvaged"] == str(saved)
    assert facts["removed"][0]["freed_bytes"] > 0
    assert "+made by an agent" in saved.read_text()
    assert traces(home, project, "task-1") == []


def test_an_earlier_salvaged_patch_is_never_replaced(home: Home, project: git.Repository) -> None:
    saved = home.results / "salvage"
    saved.mkdir()
    (saved / "task-1-2026-11-20.patch").write_text("of the morning")
    worked(home, project, "task-1", Failed(NOON, "tests failed"))
    assert run(home, "clean", "task-1", "--force").returncode == 0
    assert (saved / "task-1-2026-11-20.patch").read_text() == "of the morning"
    assert "+made by an agent" in (saved / "task-1-2026-11-20-2.patch").read_text()


def test_a_link_in_the_patchs_place_is_not_followed_and_nothing_is_removed(home: Home, project: git.Repository) -> None:
    worked(home, project, "task-1", Failed(NOON, "tests failed"))
    patch = home.workspace("task-1") / "changes.patch"
    patch.unlink()
    patch.symlink_to("/etc/passwd")
    result = run(home, "clean", "task-1", "--force")
    assert result.returncode == 3
    assert "was not removed" in result.stderr
    assert home.workspace("task-1").is_dir()
    assert "task-1" in records.load_all(home)[0]


def test_clean_all_takes_what_may_go_and_says_what_stays(home: Home, project: git.Repository) -> None:
    worked(home, project, "task-1", Done(NOON), review="rejected")
    worked(home, project, "task-2", Done(NOON))
    worked(home, project, "task-3", Parked(NOON, ParkReason.cap, "day"))
    worked(home, project, "task-4", Done(NOON), rehearsal=True)
    facts = json.loads(run(home, "clean", "--all", "--json").stdout)
    assert [each["task_id"] for each in facts["removed"]] == ["task-1", "task-4"]
    assert [each["task_id"] for each in facts["kept"]] == ["task-2", "task-3"]
    assert sorted(records.load_all(home)[0]) == ["task-2", "task-3"]


def test_what_an_unfinished_task_starts_from_stays(home: Home) -> None:
    add(home, "task-1", Done(NOON), review="accepted")
    add(home, "task-2", Parked(NOON, ParkReason.stop), depends_on=("task-1",))
    result = run(home, "clean", "task-1", "--force")
    assert result.returncode == 2
    assert "task-1 is what task-2 will start from" in result.stderr


def test_one_task_that_must_stay_keeps_all_that_were_named(home: Home) -> None:
    add(home, "task-1", Done(NOON), review="accepted")
    add(home, "task-2", Running(NOON, 1))
    assert run(home, "clean", "task-1", "task-2").returncode == 2
    assert sorted(records.load_all(home)[0]) == ["task-1", "task-2"]


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        (["--older-than", "7d"], ["old-done", "old-failed"]),
        (["--older-than", "3w", "--force"], []),
        (["--state", "failed"], ["failed", "old-failed"]),
        (["--state", "failed", "--older-than", "1w"], ["old-failed"]),
        (["--review", "accepted", "--state", "done", "--all"], ["done"]),
    ],
)
def test_what_is_chosen_by_age_state_and_review_goes(home: Home, words: list[str], gone: list[str]) -> None:
    now = datetime.now(UTC)
    for age, prefix in ((timedelta(hours=1), ""), (timedelta(days=8), "old-")):
        add(home, f"{prefix}done", Done(now - age), review="rejected" if prefix else "accepted", ended_at=now - age)
        add(home, f"{prefix}failed", Failed(now - age, "x"), review="rejected", ended_at=now - age)
    add(home, "running", Running(now - timedelta(days=9), 1))
    facts = json.loads(run(home, "clean", *words, "--json").stdout)
    assert [each["task_id"] for each in facts["removed"]] == gone
    assert len(records.load_all(home)[0]) == 5 - len(gone)


def test_what_is_chosen_and_must_stay_is_said_and_nothing_else(home: Home) -> None:
    add(home, "task-1", Failed(NOON, "x"))
    add(home, "task-2", Done(NOON))
    add(home, "task-3", Running(NOON, 1))
    said = run(home, "clean", "--older-than", "1d", "--state", "failed").stdout
    assert said == (
        "kept: task-1 was not reviewed yet; --force saves its changes as a patch and removes it\nfreed 0 B\n"
    )


@pytest.mark.parametrize("words", [["--older-than", "soon"], ["--state", "running"], ["task-1", "--older-than", "1d"]])
def test_a_choice_that_makes_no_sense_is_refused(home: Home, words: list[str]) -> None:
    add(home, "task-1", Done(NOON), review="accepted")
    result = run(home, "clean", *words)
    assert result.returncode == 2
    assert "soon" not in words or "'soon' is no age; write hours, days or weeks, e.g. 12h, 7d, 4w" in result.stderr
    assert "task-1" in records.load_all(home)[0]


def test_what_no_task_left_is_mentioned_and_removed_when_asked(home: Home, project: git.Repository) -> None:
    worked(home, project, "task-1", Done(NOON), review="accepted")
    worked(home, project, "task-2", Done(NOON))
    records.remove(home, "task-2")
    (home.logs / "task-2.log").write_text("2026-11-20T12:00:00Z run 1: began\n")
    said = run(home, "clean", "--all").stdout.splitlines()
    assert said[-1] == "4 left behind by no known task; `dayshift clean --orphans` removes it"
    assert "would remove workspace" in run(home, "clean", "--orphans", "--dry-run").stdout
    assert home.workspace("task-2").is_dir()
    add(home, "task-3", Done(NOON), project=str(project.work_tree))  # from here the project is known
    facts = json.loads(run(home, "clean", "--orphans", "--json").stdout)
    assert facts["removed"] == [] and [each["removed"] for each in facts["orphans"]] == [True] * 4
    saved = home.results / "salvage" / "task-2-orphan.patch"
    assert [each["salvaged"] for each in facts["orphans"] if each["kind"] == "workspace"] == [str(saved)]
    assert traces(home, project, "task-2") == []
    assert run(home, "clean", "--orphans").stdout == "nothing is left behind by unknown tasks\n"


def test_a_daemon_that_runs_is_asked_to_clean(home: Home) -> None:
    for number in range(12):
        add(home, f"task-{number:02}", Done(NOON), review="pending")

    def reply(content: dict[str, Any]) -> tuple[list[str], bool]:
        for task_id in content["tasks"]:
            records.remove(home, task_id)
        return [told(task_id, home.results / f"{task_id}.patch") for task_id in content["tasks"]], True

    with daemon(home, reply) as asked:
        facts = json.loads(run(home, "clean", "--all", "--force", "--json").stdout)
    assert [(each["kind"], each["force"], len(each["tasks"])) for each in asked] == [
        ("clean", True, 10), ("clean", True, 2),
    ]  # fmt: skip
    assert facts["removed"][11]["salvaged"] == str(home.results / "task-11.patch")


def test_what_the_daemon_would_not_clean_is_said(home: Home) -> None:
    add(home, "task-1", Done(NOON), review="accepted")
    with daemon(home, lambda content: (["task-1 is running"], False)):
        result = run(home, "clean", "task-1")
    assert (result.returncode, result.stderr) == (2, "task-1 is running\n")


def test_a_task_whose_repository_is_gone_can_be_cleaned(home: Home) -> None:
    add(home, "task-1", Done(NOON), review="accepted", project="/nowhere")
    home.workspace("task-1").mkdir()
    assert run(home, "clean", "task-1").returncode == 0
    assert not home.workspace("task-1").exists()
