"""A start that proves the machine: seen by the other commands, alone, ended in order, and followed by its daemon."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dayshift import locks
from dayshift.checkup import owners
from dayshift.checkup.points import Subject
from dayshift.home import Home
from dayshift.host import outset
from dayshift.inputs.settings import Settings
from dayshift.repository import git
from dayshift.states import Parked, ParkReason
from tests import command_line
from tests.command_line import NOON, add, ask, daemon, run

PROVES = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from dayshift.host import outset
from dayshift.commands.upfront import hear_every_end_as_ctrl_c
from dayshift.home import Home

hear_every_end_as_ctrl_c()
with outset.begun(Home(Path(sys.argv[1])), True, datetime.now(UTC)):
    print("proving", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


@pytest.fixture
def proving(home: Home) -> Iterator["subprocess.Popen[str]"]:
    """A process that is at a start's proof."""
    words = [sys.executable, "-c", PROVES, str(home.root)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "proving\n"
        yield process
        process.kill()


def test_one_start_is_under_way_at_a_time_and_says_who_it_is(home: Home) -> None:
    assert outset.under_way(home) is None
    with outset.begun(home, True, NOON):
        found = outset.under_way(home)
        assert found is not None
        assert (found["pid"], found["started_at"], found["rehearsal"]) == (os.getpid(), "2026-11-20T12:00:00Z", True)
        with pytest.raises(locks.Locked), outset.begun(home, False, NOON):
            pass
        assert not outset.over(home, 0.1)
    assert outset.under_way(home) is None and outset.over(home)


@pytest.mark.parametrize("there", [True, False])
def test_a_proof_that_fails_leaves_the_home_as_it_was(tmp_path: Path, there: bool) -> None:
    home = Home(tmp_path / "some" / "home")
    if there:
        home.make_folders()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OSError), outset.begun(home, True, NOON):
        raise OSError("the sandbox does not hold")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_start_is_ended_as_by_ctrl_c(home: Home, proving: "subprocess.Popen[str]") -> None:
    result = run(home, "stop")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"the start that is under way (pid {proving.pid}) was ended before its day began\n"
    assert proving.wait(10) == -signal.SIGINT
    assert run(home, "stop").stdout.startswith("no daemon runs in ")


def test_doctor_knows_of_a_start_that_proves(home: Home, proving: "subprocess.Popen[str]") -> None:
    point = owners.daemon(Subject(home, Settings(), NOON, is_served=False, records={}, broken=()))
    assert point.ok and point.found.startswith(f"not running yet; a start (pid {proving.pid}, since ")


def test_a_start_that_was_killed_is_under_way_no_more(home: Home, proving: "subprocess.Popen[str]") -> None:
    proving.kill()
    proving.wait()
    assert outset.under_way(home) is None
    assert run(home, "status").stdout.startswith("daemon: not running\n")


@pytest.mark.parametrize("facts", [{"born": 1}, {"boot": "another"}, {"pid": None}, {"pid": "1"}], ids=str)
def test_nobody_is_ended_who_is_not_proven_to_be_that_start(
    home: Home, proving: "subprocess.Popen[str]", facts: dict[str, object]
) -> None:
    found = outset.under_way(home)
    assert found is not None
    assert not outset.end({**found, **facts})
    assert proving.poll() is None and outset.end(found)


def test_status_says_that_a_start_is_under_way_and_since_when(home: Home) -> None:
    with outset.begun(home, True, NOON):
        said = run(home, "status").stdout
        facts = json.loads(run(home, "status", "--json").stdout)
    assert said.startswith(f"daemon: being started, pid {os.getpid()}, since 2026-11-20T12:00:00Z; a rehearsal\n")
    assert facts["daemon"] is None
    assert facts["starting"] == {"pid": os.getpid(), "started_at": "2026-11-20T12:00:00Z", "rehearsal": True}
    with outset.begun(home, True, NOON), daemon(home):  # as in the instant in which the one becomes the other
        assert run(home, "status").stdout.startswith("daemon: running, pid 4711")
        assert json.loads(run(home, "status", "--json").stdout)["starting"] is None


def test_what_is_left_for_a_daemon_that_is_being_started_is_done_as_soon_as_it_runs(home: Home) -> None:
    add(home, "task-1", Parked(NOON, ParkReason.paused))
    ask(home)
    with outset.begun(home, False, NOON):
        assert run(home, "resume", "task-1").stdout == (
            "the daemon is only being started; the order to resume is kept and obeyed as soon as it runs\n"
        )
        assert run(home, "say", "task-1", "use tabs").stdout.endswith("; that is kept and said as soon as it runs\n")
        assert run(home, "answer", "task-2", "50").stdout == (
            "task-2: answered; the daemon is only being started, so it is taken up as soon as it runs\n"
        )


def day(home: Home, project: git.Repository) -> Path:
    path = home.root / "day.yaml"
    path.write_text(
        f"date: 2026-11-20\nproject: {project.work_tree}\ntasks:\n  - {{id: one, name: One, description: words}}\n"
    )
    return path


def test_a_second_start_says_at_once_what_keeps_it(home: Home, project: git.Repository) -> None:
    with outset.begun(home, True, NOON):
        without = run(home, "start")
        real = run(home, "start", day(home, project))
    who = f"a start is under way already (pid {os.getpid()})"
    assert (without.returncode, without.stderr) == (2, f"{who}; see `dayshift status`\n")
    assert (real.returncode, real.stderr) == (2, f"{who}, and it plays a rehearsal; `dayshift stop` it first\n")


def test_a_second_start_hands_its_file_to_the_daemon_of_the_first(home: Home, project: git.Repository) -> None:
    words = ["--home", str(home.root), "start", str(day(home, project)), "--rehearse"]
    with ExitStack() as until_owned:
        until_owned.enter_context(outset.begun(home, True, NOON))
        with subprocess.Popen(
            [sys.executable, str(command_line.ROOT / "orchestrator.py"), *words], cwd=home.root.parent,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=command_line.environment(home),
        ) as second:  # fmt: skip
            assert second.stdout is not None and second.stderr is not None
            assert "another start is under way" in second.stderr.readline()
            with daemon(home, lambda request: (["1 task taken in"], True), rehearsal=True) as asked:
                until_owned.close()
                assert second.stdout.read() == "handed over to the daemon that runs (pid 4711): 1 task taken in\n"
                assert second.wait(10) == 0
    assert [each["kind"] for each in asked] == ["day"]
