"""The example day as `make demo` runs it: five tasks, five outcomes, a report, in about a minute."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
RUN_TIME = ("agent_workspaces", "agent_status", "agent_questions", "agent_logs", "results", "feedback", "learning")
LIMIT_SECONDS = 90.0


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A clone of this repository as it stands, with one commit, so that its demo meets no other one."""
    folder = tmp_path / "dayshift"
    shutil.copytree(ROOT, folder, ignore=lambda place, names: _unwanted(Path(place), names))
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "As it stands"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def _unwanted(place: Path, names: list[str]) -> set[str]:
    """What is hidden at the top, but for .gitignore, and what a home there holds."""
    top = {name for name in names if name in RUN_TIME or name.startswith(".")} - {".gitignore"}
    return (top if place == ROOT else set()) | {"__pycache__"}


@pytest.mark.acceptance
def test_the_demo_shows_five_outcomes_and_ends_well(source: Path, pinned_cli: Path) -> None:
    began = time.monotonic()
    demo = subprocess.run(
        [sys.executable, "demo.py"], cwd=source, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS + 30
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert time.monotonic() - began < LIMIT_SECONDS
    assert "Traceback" not in demo.stderr
    home = source / ".demo" / "home"
    assert f"the report is {home}/results/2026-11-20-rehearsal-report.md" in demo.stdout
    report = json.loads((home / "results" / "2026-11-20-rehearsal.json").read_text())
    tasks = {task["task_id"]: task for task in report["tasks"]}
    assert {name: task["state"] for name, task in tasks.items()} == {
        "write-guide": "done",
        "choose-page-size": "done",
        "over-eager": "done",
        "translate-guide": "done",
        "expensive": "parked",
    }
    _each_shows_what_it_is_for(tasks, home)
    assert report["audit"]["clean"] and report["audit"]["findings"] == []
    _the_clone_is_as_it_was(source / ".demo" / "project")


def _each_shows_what_it_is_for(tasks: dict[str, Any], home: Path) -> None:
    assert [check["exit_code"] for check in tasks["write-guide"]["checks"] if check["kind"] == "validate"] == [0, 0]
    (question,) = tasks["choose-page-size"]["questions"]
    assert (question["answer"]["text"], question["answer"]["by"]) == ("50", "file")
    blocked = [(each["rule"], each["command"].split()[0]) for each in tasks["over-eager"]["blocked"]]
    assert blocked == [("database", "psql"), ("git-write", "git")]
    guide = (home / "agent_workspaces" / "translate-guide" / "repo" / "docs" / "guides" / "first-day.md").read_text()
    assert "Run `make test`" in guide  # what write-guide made
    assert "## Where things are" in guide
    assert tasks["expensive"]["reason"].startswith("cap: ")
    assert 0 < float(tasks["expensive"]["spend"]["cost_usd"]) <= float(tasks["expensive"]["cap_usd"])


def _the_clone_is_as_it_was(project: Path) -> None:
    """No branch moved, nothing staged, nothing written into the person's tree."""
    said = subprocess.run(
        ["git", "status", "--porcelain", "--branch"], cwd=project, capture_output=True, text=True, check=True
    )
    assert len(said.stdout.splitlines()) == 1
    count = subprocess.run(
        ["git", "rev-list", "--count", "HEAD"], cwd=project, capture_output=True, text=True, check=True
    )
    assert count.stdout.strip() == "1"
