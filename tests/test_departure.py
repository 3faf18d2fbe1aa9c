"""The daemon's end: what begins it, what hurries it, and that no step of it is waited for longer than it may take."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from departure import CLOSED, HURRIED_SECONDS, PARKED, SAID, WRITTEN, Departure
from tests.house import FakeClock, finished, running, stops, task

ROOT = Path(__file__).parent.parent
PROMISED = 15.0


class Told:
    """A departure, what it said and what it asked for."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.clock = FakeClock()
        self.departure = Departure(
            self.clock, self.said.append, lambda: self.asked.append("park"), lambda: self.asked.append("abandon")
        )

    async def hanging_step(self, by: float) -> asyncio.Task[object]:
        """A step under way that never comes to its end."""
        step: asyncio.Task[object] = asyncio.create_task(self.departure.step("what hangs", asyncio.sleep(60), by))
        await asyncio.sleep(0.3)
        return step


async def test_a_day_that_ends_by_itself_takes_its_time() -> None:
    told = Told()
    step = await told.hanging_step(CLOSED)
    told.clock.time += timedelta(hours=1)
    await asyncio.sleep(0.1)
    assert not step.done()
    step.cancel()
    assert await told.departure.step("a word", asyncio.sleep(0.01, "said"), SAID) == "said"


async def test_the_first_signal_parks_and_each_step_ends_at_its_hour() -> None:
    told = Told()
    told.departure.interrupted()
    assert told.asked == ["park"] and len(told.said) == 1
    step = await told.hanging_step(CLOSED)
    told.clock.time += timedelta(seconds=CLOSED - 0.1)
    await asyncio.sleep(0.1)
    assert not step.done()
    told.clock.time += timedelta(seconds=0.2)
    assert await asyncio.wait_for(step, 1) is None
    assert await told.departure.step("late, but quick", asyncio.sleep(0.01, "done"), CLOSED) == "done"


async def test_the_second_signal_gives_each_step_a_second_and_the_third_none() -> None:
    told = Told()
    for _ in range(2):
        told.departure.interrupted()
    assert told.asked == ["park", "abandon"] and len(told.said) == 1
    step = await told.hanging_step(SAID)
    assert not step.done()
    told.clock.time += timedelta(seconds=HURRIED_SECONDS + 0.1)
    assert await asyncio.wait_for(step, 1) is None
    step = await told.hanging_step(SAID)
    told.departure.interrupted()
    told.clock.time += timedelta(seconds=0.01)
    assert await asyncio.wait_for(step, 1) is None


async def test_a_fault_in_a_step_is_not_swallowed() -> None:
    async def fails() -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        await Told().departure.step("what fails", fails(), SAID)


def test_the_hours_of_the_end_come_one_after_the_other_and_before_what_is_promised() -> None:
    assert 0 < PARKED < CLOSED < WRITTEN < SAID < PROMISED - 2


# --- threads ---------------------------------------------------------------------------------------


def ends(script: str) -> float:
    """How many seconds it says that its end took; in a process of its own, since it ends every child there is."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 4 and "Traceback" not in done.stderr, done
    assert time.monotonic() - began < 10
    return float(done.stdout)


def test_threads_that_hang_are_not_waited_for() -> None:
    script = """
import sys, threading, time
from dayshift.host.stragglers import Threads, leave
threads, gate = Threads(2), threading.Event()
for _ in range(2):
    threads.submit(gate.wait, 60)
queued = threads.submit(print, "never")
began = time.monotonic()
threads.shutdown(wait=True)
assert queued.cancelled()
print(round(time.monotonic() - began, 1))
sys.exit(leave(4))
"""
    assert ends(script) < 3


def test_a_program_that_a_thread_waits_for_is_ended_with_whatever_follows_it() -> None:
    script = """
import subprocess, sys, time
from dayshift.host.stragglers import Threads, leave
threads = Threads(1)
def work():
    for _ in range(3):
        subprocess.run(["sleep", "60"])
threads.submit(work)
time.sleep(0.3)
began = time.monotonic()
threads.shutdown(wait=True)
print(round(time.monotonic() - began, 1))
sys.exit(leave(4))
"""
    assert ends(script) < 3


@pytest.mark.parametrize("hangs", [False, True])
def test_a_process_leaves_with_its_code_although_a_thread_hangs(hangs: bool) -> None:
    script = f"""
import sys, threading, time
from dayshift.host.stragglers import leave
if {hangs}:
    threading.Thread(target=time.sleep, args=(60,)).start()
print("said", end="")
sys.exit(leave(4))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=20
    )
    assert (done.returncode, done.stdout, done.stderr) == (4, "said", "")


# --- signals ---------------------------------------------------------------------------------------

LISTENS = """
import asyncio, sys
from dayshift.clock import SystemClock
from departure import Departure
async def main():
    over = asyncio.Event()
    departure = Departure(SystemClock(), print, over.set, lambda: None)
    with departure.listening():
        print("listening", flush=True)
        await over.wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_closed_terminal_ends_it_as_the_others_do(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", LISTENS], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, number)
        assert process.wait(10) == 0
        assert "stopping" in process.stdout.read()


def test_who_was_started_not_to_mind_a_closed_terminal_does_not() -> None:
    command = ["nohup", sys.executable, "-c", LISTENS]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0


# --- what the Orchestrator makes of it -------------------------------------------------------------


async def test_who_was_told_to_end_drains_no_more() -> None:
    """`stop`, then `stop --drain`: the check was called off already, and nobody may wait for it."""
    house = running(task("a", validate=("make test",))).happens(finished(), stops(), stops(drain=True))
    assert house.states == "a verifying" and "stop a" in house.calls()
    await asyncio.wait_for(house.orchestrator.run(once=False), 5)


async def test_who_drains_waits_for_a_check_until_told_to_end() -> None:
    house = running(task("a", validate=("make test",))).happens(finished(), stops(drain=True))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(house.orchestrator.run(once=False), 0.2)
    house.happens(stops())
    await asyncio.wait_for(house.orchestrator.run(once=False), 5)
