"""Told to end in the worst moment: all is parked, the report is there, nothing is left, and a start goes on with it."""

import contextlib
import json
import signal
import socket
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from dayshift import files, locks
from tests.bot_api import BotApi

from .house import Daemon, House, left_behind, until
from .test_attach import Terminal

pytestmark = pytest.mark.long

PROMISED = 15.0  #: seconds

STUBBORN = "test -e began || { touch began; trap '' TERM INT HUP; sleep 300 & wait; sleep 300; }; echo done > work.txt"
END = {"text": "Done."}
WORK = [{"bash": "echo done > work.txt"}, END]
TASKS = {
    "stubborn": [{"bash": STUBBORN}, END],
    "streaming": [{"bash": "echo done > work.txt"}, {"text": "Slowly.", "delay": 20}],
    "asking": [{"ask": {"question": "Which size?", "options": ["20", "50"]}}, *WORK],
    "checked": WORK,
    "set-up": WORK,
    "visited": [{"bash": "test -e began || { touch began; sleep 300; }"}, *WORK],
    "many": [{"bash": "test -e began || { touch began; for i in $(seq 50); do setsid sleep 300 & done; sleep 300; }"},
             *WORK],
    "late": WORK,
}  # fmt: skip
HANGS_ONCE = "test -e again || { touch again; trap '' TERM INT HUP; sleep 300 & wait; sleep 300; }"
#: Commands that prepare a worktree: one of them hangs the first time, whatever it is told.
SETUP = [f"case $PWD in */set-up/*) {HANGS_ONCE} ;; esac"]


def day(house: House, *names: str, name: str = "today") -> Path:
    """A day file of these tasks; the first check of one hangs, deaf to every signal."""
    checks = {"checked": {"validate": [HANGS_ONCE]}}
    return house.day(*({"id": each, "rehearsal": TASKS[each], **checks.get(each, {})} for each in names), name=name)


@contextlib.contextmanager
def silent_host() -> Iterator[str]:
    """A host that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def nobody_makes_worktrees(house: House) -> Iterator[None]:
    """Whoever prepares a worktree meanwhile waits, in a thread that cannot be called off."""
    name = sha256(bytes(house.project / ".git")).hexdigest()[:16]
    with locks.lock(locks.private_folder("dayshift-locks") / name, patience=30):
        yield


def activity(house: House, task: str) -> str:
    return str(house.status(task).get("activity", ""))


def amid_everything(house: House) -> tuple[Daemon, Terminal]:
    """A daemon with an agent in every kind of trouble, and a visit open."""
    daemon = house.start("start", day(house, *(each for each in TASKS if each != "late")), "--rehearse")
    for task in ("stubborn", "many"):
        until((house.workspace(task) / "repo" / "began").exists, 90, f"{task} is at work\n{daemon.said}")
    until(lambda: house.state("asking") == "waiting", 60, "it asks")
    until((house.workspace("checked") / "repo" / "again").exists, 60, "the check hangs")
    until((house.workspace("set-up") / "repo" / "again").exists, 60, "the setup hangs")
    until(lambda: house.status("streaming").get("requests", 0) >= 2, 60, "a long answer is under way")
    terminal = Terminal(house, "visited")
    terminal.waits("? for shortcuts")
    return daemon, terminal


def test_all_is_parked_within_fifteen_seconds_whatever_agents_are_at(house: House) -> None:
    house.environment |= {"DAYSHIFT_MAX_AGENTS": "8", "DAYSHIFT_WORKSPACE__SETUP": json.dumps(SETUP)}
    with silent_host() as url:
        house.environment |= {**BotApi().environment(), "TELEGRAM_BASE_URL": url}
        daemon, terminal = amid_everything(house)
        with nobody_makes_worktrees(house):
            assert house.run("start", day(house, "late", name="late"), "--rehearse").code == 0
            until(lambda: house.state("late") == "running", 30, "one is being prepared")
            time.sleep(0.5)
            began = time.monotonic()
            daemon.process.terminate()
            assert daemon.ends(PROMISED) == 0, daemon.said
            took = time.monotonic() - began
        print(f"SIGTERM to exit: {took:.1f} s with {len(TASKS)} tasks")
        terminal.child.close(force=True)
    assert took < PROMISED
    until(lambda: left_behind(house) == [], 1, f"nothing is left: {left_behind(house)}")
    states = {task: house.state(task) for task in TASKS}
    assert states == {**dict.fromkeys(TASKS, "parked"), "asking": "waiting", "checked": "verifying"}
    assert house.report()
    assert not house.home.daemon_facts.exists()  # the next one mourns nobody
    sessions = {task: house.status(task)["session_id"] for task in TASKS}

    for name in ("TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID", "TELEGRAM_BASE_URL"):
        del house.environment[name]
    house.home.questions.joinpath("asking-answer.md").write_text("1\n")
    went_on = house.run("start", "--rehearse", "--once")
    assert went_on.code == 0, went_on
    assert "goes on: " in went_on.err and "waits for your answer: asking" in went_on.err
    for task in TASKS:
        found = house.task(task)
        assert (found["state"], found["attempt"]) == ("done", 1), found
        assert house.status(task)["session_id"] == sessions[task] or sessions[task] is None
    assert left_behind(house) == []


def test_a_daemon_that_drains_is_told_otherwise(house: House) -> None:
    """`stop --drain` waits for the agents; `stop` then parks them, and once parked nothing drains any more."""
    daemon = house.start("start", day(house, "stubborn", "checked"), "--rehearse")
    until((house.workspace("stubborn") / "repo" / "began").exists, 60, "it is at work")
    until((house.workspace("checked") / "repo" / "again").exists, 60, "the check hangs")
    draining = house.start("stop", "--drain")
    time.sleep(2)
    assert daemon.process.poll() is None and house.state("stubborn") == "running"
    draining.process.send_signal(signal.SIGINT)  # who waits has gone; the daemon drains on
    assert draining.ends() == 130
    assert "goes on draining" in draining.output.with_suffix(".err").read_text()
    time.sleep(1)
    assert daemon.process.poll() is None
    stops = [house.start("stop", *words) for words in ([], ["--drain"], [])]
    assert daemon.ends(PROMISED) == 0, daemon.said
    assert [each.ends(5) for each in stops] == [0, 0, 0]
    assert (house.state("stubborn"), house.state("checked")) == ("parked", "verifying")
    assert left_behind(house) == []


def test_a_draining_daemon_that_gets_sigterm_parks(house: House) -> None:
    daemon = house.start("start", day(house, "stubborn"), "--rehearse")
    until((house.workspace("stubborn") / "repo" / "began").exists, 60, "it is at work")
    draining = house.start("stop", "--drain")
    time.sleep(1.5)
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.ends(PROMISED) == 0
    assert draining.ends(5) == 0
    assert house.state("stubborn") == "parked" and left_behind(house) == []


def test_stop_now_waits_for_nobody(house: House) -> None:
    again = house.start("start", day(house, "stubborn"), "--rehearse")
    until((house.workspace("stubborn") / "repo" / "began").exists, 60, "it is at work")
    began = time.monotonic()
    assert house.run("stop", "--now").code == 0
    assert again.ends(5) == 0 and time.monotonic() - began < 8
    until(lambda: house.processes() == [], 10, "its holder ends it all the same")


def test_who_stays_waits_for_a_day_and_ends_well(house: House) -> None:
    """As a service has it: nothing to go on with, a file handed over, told to end; nothing else runs in that home."""
    empty = house.run("start", "--rehearse")
    assert empty.code == 2 and "nothing to go on with" in empty.err
    daemon = house.start("start", "--rehearse", "--stay")
    until(lambda: files.read_json(house.home.daemon_facts), 60, daemon.said)
    second = house.run("start", "--rehearse", "--stay")
    assert second.code == 2 and "a daemon runs already" in second.err
    assert house.run("start", day(house, "late"), "--rehearse").code == 0
    until(lambda: house.state("late") == "done", 60, "it takes what is handed over")
    until(lambda: any(house.home.results.glob("*-report.md")) and "late" in house.report(), 10, "the report")
    assert daemon.process.poll() is None
    zombies = [each for each in house.processes() if each.status() == "zombie"]
    assert zombies == []
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.ends(PROMISED) == 0
    for path in house.home.records.glob("*.json"):
        path.unlink()
    again = house.start("start", "--rehearse", "--stay")
    until(lambda: files.read_json(house.home.daemon_facts), 60, again.said)
    time.sleep(2)
    again.process.send_signal(signal.SIGTERM)
    assert again.ends(PROMISED) == 0
    assert "late" in house.report()  # a daemon that had no task leaves the report of the one before alone


def test_two_starts_at_once_go_on_once(house: House) -> None:
    daemon = house.start("start", day(house, "stubborn"), "--rehearse")
    until((house.workspace("stubborn") / "repo" / "began").exists, 60, "it is at work")
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.ends(PROMISED) == 0
    starts = [house.start("start", "--rehearse", "--once") for _ in range(2)]
    codes = sorted(each.ends() for each in starts)
    assert codes == [0, 2]
    (loser,) = [each for each in starts if each.process.returncode == 2]
    said = loser.output.with_suffix(".err").read_text()
    assert "a daemon runs already" in said or "a start is under way already" in said
    assert (house.state("stubborn"), house.task("stubborn")["runs"]) == ("done", 2)


def test_what_ends_it_before_the_day_began_leaves_nothing(house: House) -> None:
    """In the middle of the proof, with sandboxes up."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        start = house.start("start", day(house, "late"), "--rehearse")
        until(lambda: "trying to break out" in start.output.with_suffix(".err").read_text(), 30, "the proof")  # noqa: B023
        time.sleep(0.4)
        start.process.send_signal(number)
        assert start.ends(10) == 130
        assert "Traceback" not in start.output.with_suffix(".err").read_text()
        assert left_behind(house) == [] and not house.home.daemon_facts.exists()
