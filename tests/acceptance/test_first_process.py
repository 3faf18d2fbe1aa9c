"""The daemon as process 1 of a container: it takes in the dead, hears signals, and nothing outlives it."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from .house import ROOT, Daemon, House, left_behind, until

pytestmark = pytest.mark.long

CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"]
#: A child that dies at once below a parent that has gone: whoever is process 1 has to take it in.
ORPHANS = "for i in 1 2 3 4 5 6 7 8; do (sh -c 'exit 3' &) ; done; "
TURNS = [{"bash": f"{ORPHANS} test -e began || {{ touch began; sleep 300; }}"}, {"text": "Done."}]


@pytest.fixture
def contained(house: House) -> Callable[..., Daemon]:
    """Begins the day in a PID namespace of its own, as the first process there."""
    probe = subprocess.run([*CONTAINER, "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"no container can be made here: {probe.stderr.strip()}")
    house.environment |= {"DAYSHIFT_SANDBOX": "none"}  # a sandbox inside of a container is not to be had everywhere

    def start(*words: str | Path) -> Daemon:
        output = house.folder / f"{len(house.daemons)}.out"
        with output.open("wb") as out:
            process = subprocess.Popen(
                [*CONTAINER, sys.executable, str(ROOT / "orchestrator.py"), "--home",
                 str(house.home.root), *map(str, words)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=house._environment(), cwd=house.folder,
                start_new_session=True,
            )  # fmt: skip
        house.daemons.append(Daemon(process, output))
        return house.daemons[-1]

    return start


def inside(daemon: Daemon) -> list[psutil.Process]:
    """What is in the container, its first process before all others."""
    found = psutil.Process(daemon.process.pid).children(recursive=True)
    return sorted(found, key=lambda each: _number(each)[-1:])


def _number(process: psutil.Process) -> list[int]:
    """Its pids, from namespace to namespace."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return [int(word) for word in line.split()[1:]]
    return []


def called(daemon: Daemon, program: str) -> psutil.Process:
    """The last of that name in there; the daemon is the child of the first process, which has the same words."""
    found = []
    for each in inside(daemon):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [each] if program in " ".join(each.cmdline()) else []
    return found[-1]


def zombies(daemon: Daemon) -> list[psutil.Process]:
    found = []
    for each in inside(daemon):
        with contextlib.suppress(psutil.NoSuchProcess):
            if each.status() == psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


def begun(house: House, daemon: Daemon) -> None:
    until((house.workspace("worker") / "repo" / "began").exists, 60, f"it is at work\n{daemon.said}")


def day(house: House) -> Path:
    return house.day({"id": "worker", "rehearsal": TURNS})


def test_process_one_takes_in_the_dead_passes_a_signal_on_and_ends_with_the_daemon(
    house: House, contained: Callable[..., Daemon]
) -> None:
    daemon = contained("start", day(house), "--rehearse")
    begun(house, daemon)
    first = inside(daemon)[0]
    assert _number(first)[-1] == 1
    child, holder = called(daemon, "orchestrator.py"), called(daemon, "holder/__main__.py")
    until(lambda: zombies(daemon) == [], 5, f"the dead are taken in: {zombies(daemon)}")

    holder.kill()  # it leaves its agent to process 1
    until(lambda: house.status("worker").get("runs") == 2, 30, f"the run is begun anew\n{daemon.said}")
    until(lambda: zombies(daemon) == [], 5, f"and so are these: {zombies(daemon)}")
    first.send_signal(signal.SIGTERM)
    assert daemon.ends(15) == 0, daemon.said
    assert "stopping: agents are parked" in daemon.said
    assert not child.is_running()
    assert house.state("worker") in ("parked", "done")
    assert left_behind(house) == []


def test_the_container_ends_as_its_daemon_was_ended(house: House, contained: Callable[..., Daemon]) -> None:
    daemon = contained("start", day(house), "--rehearse")
    begun(house, daemon)
    called(daemon, "orchestrator.py").kill()
    assert daemon.ends(10) == 128 + signal.SIGKILL
    until(lambda: house.processes() == [], 10, "the kernel ends all that was in it")

    again = contained("start", "--rehearse", "--once")  # whoever starts it anew goes on with what was there
    assert again.ends() == 0, again.said
    assert (house.state("worker"), house.task("worker")["attempt"]) == ("done", 1)


def test_a_second_signal_hurries_in_a_container_too(house: House, contained: Callable[..., Daemon]) -> None:
    stubborn = [{"bash": "trap '' TERM INT HUP; touch began; sleep 300 & wait; sleep 300"}, {"text": "Done."}]
    daemon = contained("start", house.day({"id": "worker", "rehearsal": stubborn}), "--rehearse")
    begun(house, daemon)
    first = inside(daemon)[0]
    for _ in range(2):
        first.send_signal(signal.SIGINT)
        until(lambda: "stopping: agents are parked" in daemon.said, 10, "it hears")
    assert daemon.ends(15) == 0, daemon.said
    assert daemon.said.count("stopping:") == 1
    assert left_behind(house) == []
