"""A real small disk fills up while agents work; and a disk that fails for two seconds in the middle of a day."""

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.failing_disk import day, troubles
from tests.acceptance.house import ROOT
from tests.faults import Plan

pytestmark = pytest.mark.long
VARIANTS = {"full": ("6", "0", "0"), "below the floor": ("24", "7000000", "0.01")}  #: megabytes, left free, the floor


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What was told of each day; they go on side by side."""
    begun = {}
    for name, words in VARIANTS.items():
        folder = tmp_path_factory.mktemp("disk") / "house"
        argv = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-m", "tests.acceptance.small_disk"]
        begun[name] = subprocess.Popen([*argv, folder, *words], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    told = {name: process.communicate(timeout=300)[0] for name, process in begun.items()}
    assert all(process.returncode == 0 for process in begun.values())
    return {name: json.loads(text) for name, text in told.items()}


def test_on_a_full_disk_the_daemon_says_so_starts_nothing_and_keeps_what_it_has(days: dict[str, Any]) -> None:
    full = days["full"]["full"]
    assert full["alive"] and full["runs of c"] == 0 and full["records"] == []
    assert full["said"].count("no room on") == 1 and "dayshift clean --all" in full["said"]


def test_below_the_floor_what_is_at_work_goes_on_and_the_next_waits_and_says_why(days: dict[str, Any]) -> None:
    full = days["below the floor"]["full"]
    assert full["states"] == {"a": "done", "b": "done", "c": "queued"} and full["runs of c"] == 0
    assert "limits.free_gb is 0.01" in full["status of c"]["reason"] and "1 task waits" in full["said"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_once_there_is_room_every_task_is_done_at_its_first_attempt(days: dict[str, Any], variant: str) -> None:
    told = days[variant]
    assert (told["code"], told["broken"], told["left behind"]) == (0, [], []), told["said"]
    assert told["states"] == told["kept"] == dict.fromkeys("abc", "done")
    assert told["attempts"] == dict.fromkeys("abc", 1)
    assert "Traceback" not in told["said"] + told["errors"] and told["log"] < 20_000
    assert "it goes on" in told["said"]


@pytest.mark.parametrize(("kind", "error", "first"), [("write", errno.ENOSPC, 187), ("open", errno.EMFILE, 140)])
def test_two_seconds_without_a_disk_cost_a_day_nothing(tmp_path: Path, kind: str, error: int, first: int) -> None:
    home = tmp_path / "house" / "home"
    plan = Plan(home, kind, error, first, seconds=2.0, spared=home / "agent_workspaces")
    house, ended = day(tmp_path / "house", plan)
    try:
        assert plan.failed and ended.code == 0
        assert troubles(house, ended) == []
    finally:
        house.tear_down()
