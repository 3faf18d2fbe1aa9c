"""A day as a person drives it at a terminal: progress, Ctrl-C, answers, a daemon in the background, orders to it."""

import json
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pexpect
import pytest

from dayshift import locks
from dayshift.commands.lookup import daemon
from dayshift.home import OWN_LOGS
from dayshift.running import holders
from tests.person.conftest import Model, Person, wait_for

pytestmark = pytest.mark.acceptance

OK, TASK_FAILED, BAD_INPUT = 0, 1, 2
STOP_SECONDS = 15.0
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")

ONE_TASK = {"id": "one", "deliverables": ["one.txt"]}
BEGIN = {"text": "I begin.", "bash": "echo one > one.txt"}
GO_ON = {"text": "I go on.", "bash": "echo two >> one.txt"}
END = {"text": "Done."}


def read_to_the_end(terminal: "pexpect.spawn[str]") -> str:
    """What else is shown, as text without colours; the process has ended."""
    terminal.expect(pexpect.EOF)
    terminal.close()
    return CONTROL.sub("", terminal.before or "")


def at_work(person: Person, task_id: str = "one") -> None:
    """Wait until the task's agent has made its file, so that its model is being asked for the long turn."""
    made = person.home.workspace(task_id) / "repo" / "one.txt"
    wait_for(made.exists, f"{task_id} to be at work")


def in_background(person: Person, *words: str | Path) -> None:
    result = person.run("start", *words, "--detach")
    assert result.returncode == OK, result
    assert "the daemon runs (pid " in result.stdout


def stopped(person: Person, *words: str) -> str:
    result = person.run("stop", *words)
    assert result.returncode == OK, result
    assert daemon(person.home) is None
    return str(result.stdout)


# --- in the foreground -------------------------------------------------------------------------------


def test_a_rehearsal_shows_every_state_as_it_comes_and_ends_with_the_report(person: Person, pinned_cli: Path) -> None:
    with person.terminal("start", person.day(ONE_TASK), "--rehearse", "--once") as terminal:
        terminal.expect("rehearsal: the scripted model plays every agent")
        terminal.expect("STATE +TASK +NAME +NOW")
        terminal.expect(r"running\S* +one +Name of one")
        terminal.expect(r"done\S* +one +Name of one")
        shown = read_to_the_end(terminal)
    assert terminal.exitstatus == OK
    assert "Name of one" in shown
    assert f"report: {person.home.results}/2026-11-20-rehearsal-report.md" in shown


def test_one_ctrl_c_parks_everything_and_start_goes_on_with_the_same_sessions(person: Person, model: Model) -> None:
    model.play(BEGIN, {**GO_ON, "delay": 60}, END)
    with person.terminal("start", person.day(ONE_TASK, {"id": "two", "depends_on": ["one"]})) as terminal:
        at_work(person)
        wait_for(lambda: len(model.server.bill) >= 2, "the long turn to be asked for")
        began = time.monotonic()
        terminal.sendintr()
        terminal.expect("stopping: agents are parked and go on at the next start", timeout=3)
        shown = read_to_the_end(terminal)
    assert time.monotonic() - began < STOP_SECONDS
    assert terminal.exitstatus == OK
    assert "report: " in shown
    assert daemon(person.home) is None
    assert person.state("one") == "parked"
    session = person.status("one")["session_id"]
    assert (person.home.results / "2026-11-20-report.md").is_file()

    model.play(BEGIN, GO_ON, END)
    result = person.run("start", "--once")
    assert result.returncode == OK, result
    assert (person.state("one"), person.state("two")) == ("done", "done")
    assert person.status("one")["session_id"] == session
    assert person.status("two")["session_id"] != session
    assert (
        person.home.workspace("one") / "repo" / "one.txt"
    ).read_text() == "one\ntwo\n"  # the first turn was not repeated


@pytest.mark.long
def test_a_rehearsal_that_was_stopped_goes_on_as_well(person: Person, pinned_cli: Path) -> None:
    """What had ended before is told of at its end as well: the report and the exit code are those of the whole day."""
    fails = {"id": "fails", "deliverables": ["none.txt"], "max_attempts": 1, "rehearsal": [{**END}]}
    day = person.day({**ONE_TASK, "rehearsal": [BEGIN, {**GO_ON, "delay": 8}, END]}, fails)
    with person.terminal("start", day, "--rehearse") as terminal:
        terminal.expect(r"failed\S* +fails")
        at_work(person)
        terminal.sendintr()
        read_to_the_end(terminal)
    assert terminal.exitstatus == TASK_FAILED
    session = person.status("one")["session_id"]
    assert person.state("one") == "parked"
    result = person.run("start", "--rehearse", "--once")
    assert result.returncode == TASK_FAILED, result
    assert (person.state("one"), person.status("one")["session_id"]) == ("done", session)
    report = json.loads((person.home.results / "2026-11-20-rehearsal.json").read_text())
    assert {each["task_id"]: each["state"] for each in report["tasks"]} == {"fails": "failed", "one": "done"}


def test_a_second_ctrl_c_does_not_wait_and_the_next_start_takes_up_what_went_on(person: Person, model: Model) -> None:
    model.play({"bash": "echo one > one.txt; trap '' TERM INT; sleep 60 & wait; sleep 60", "text": "I hold on."}, END)
    run = person.home.run("one", 1)
    with person.terminal("start", person.day(ONE_TASK)) as terminal:
        at_work(person)
        holder = holders.of(run)
        assert holder is not None
        os.kill(holder, signal.SIGSTOP)  # so that it surely does not end the agent before the daemon does
        terminal.sendintr()
        terminal.expect("again to hurry")
        began = time.monotonic()
        terminal.sendintr()
        read_to_the_end(terminal)
        assert time.monotonic() - began < STOP_SECONDS / 3
    assert terminal.exitstatus == OK
    assert locks.is_locked(run / "lock")
    assert daemon(person.home) is None
    os.kill(holder, signal.SIGCONT)

    model.play(BEGIN, END)
    assert person.run("start", "--once").returncode == OK
    assert person.state("one") == "done"


@pytest.mark.long
def test_a_terminal_that_is_closed_parks_everything_unless_the_daemon_is_in_the_background(
    person: Person, model: Model
) -> None:
    model.play(BEGIN, {**GO_ON, "delay": 60}, END)
    terminal = person.terminal("start", person.day(ONE_TASK))
    at_work(person)
    vars(terminal)[
        "ptyproc"
    ].fileobj.close()  # nobody reads or writes there any more, and the kernel says so to the daemon
    wait_for(lambda: daemon(person.home) is None, "the daemon to end", STOP_SECONDS)
    assert terminal.pid is not None and os.waitpid(terminal.pid, 0)[1] == OK
    assert person.state("one") == "parked"
    assert not person.home.daemon_facts.exists()  # it ended in order
    assert (person.home.results / "2026-11-20-report.md").is_file()

    with person.terminal("start", "--detach") as terminal:
        terminal.expect("the daemon runs")
        read_to_the_end(terminal)
    facts = daemon(person.home)
    assert facts is not None
    os.kill(facts["pid"], signal.SIGHUP)
    time.sleep(1)
    assert daemon(person.home) == facts
    stopped(person)


@pytest.mark.long
def test_a_day_goes_on_when_nobody_reads_what_it_says(person: Person, pinned_cli: Path) -> None:
    """`start ... | head -1`."""
    day = person.day({**ONE_TASK, "rehearsal": [BEGIN, END]})
    command = shlex.join([*person.command("start", day, "--rehearse", "--once")])
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=False,
        cwd=person.folder, env=person.environment(), timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (
        OK,
        "rehearsal: the scripted model plays every agent; no money is spent\n",
    )
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr
    assert person.state("one") == "done"


@pytest.mark.long
def test_two_more_ctrl_c_are_no_traceback(person: Person, model: Model) -> None:
    model.play({"bash": "echo one > one.txt; trap '' TERM INT; sleep 60 & wait; sleep 60", "text": "I hold on."}, END)
    with person.terminal("start", person.day(ONE_TASK)) as terminal:
        at_work(person)
        for _ in range(8):
            terminal.sendintr()
            time.sleep(0.15)
        shown = read_to_the_end(terminal)
    assert "Traceback" not in shown and "KeyboardInterrupt" not in shown
    assert terminal.exitstatus == OK
    assert person.state("one") in ("running", "parked") and not person.home.daemon_facts.exists()


def test_a_ctrl_c_before_the_day_began_leaves_nothing_behind(person: Person, pinned_cli: Path) -> None:
    with person.terminal("start", person.day(ONE_TASK), "--rehearse") as terminal:
        terminal.expect("trying to break out")
        time.sleep(0.3)  # into the middle of it
        terminal.sendintr()
        shown = read_to_the_end(terminal)
    assert "Traceback" not in shown
    assert terminal.exitstatus == 130
    assert daemon(person.home) is None
    assert person.state("one") is None


@pytest.mark.long
def test_a_stop_before_the_day_began_ends_the_start_in_order(person: Person, pinned_cli: Path) -> None:
    with person.terminal("start", person.day(ONE_TASK), "--rehearse") as terminal:
        terminal.expect("trying to break out")
        assert "was ended before its day began" in stopped(person)
        shown = read_to_the_end(terminal)
    assert "Traceback" not in shown
    assert terminal.exitstatus == 130
    assert person.state("one") is None


# --- questions ---------------------------------------------------------------------------------------

ASK = {"ask": {"question": "How many orders per page?", "options": ["twenty", "fifty"]}}


def test_a_question_is_shown_by_the_watch_and_answered_in_a_terminal(person: Person, pinned_cli: Path) -> None:
    with person.terminal(
        "start", person.day({**ONE_TASK, "rehearsal": [ASK, BEGIN, END]}), "--rehearse", "--once"
    ) as day:
        day.expect("one asks: How many orders per page")
        with person.terminal("status", "--watch") as watch:
            watch.expect(r"waiting\S* +one .*asks: How many orders per page")
            watch.expect("1 question waits for you: dayshift questions")
            watch.sendintr()
            shown = read_to_the_end(watch)
        assert "Traceback" not in shown
        assert watch.exitstatus == OK

        answer_file = person.home.questions / "one-answer.md"
        answer_file.write_bytes(b"\0\1\2")
        day.expect("not accepted: .*binary")
        assert person.state("one") == "waiting"
        answer_file.unlink()

        with person.terminal("answer", "one") as answering:
            answering.expect("Answer:.*fifty")
            answering.send("\x1b[B\r")
            answering.expect("one: answered")
            read_to_the_end(answering)
        assert answering.exitstatus == OK
        shown = read_to_the_end(day)
    assert day.exitstatus == OK
    assert "fifty" in (person.home.results / "2026-11-20-rehearsal-report.md").read_text()


# --- in the background -------------------------------------------------------------------------------


@pytest.mark.long
def test_a_daemon_in_the_background_is_seen_takes_a_second_file_and_drains(person: Person, model: Model) -> None:
    model.play({**BEGIN, "delay": 1}, END)
    in_background(person, person.day(ONE_TASK))
    facts = daemon(person.home)
    assert facts is not None
    assert f"daemon: running, pid {facts['pid']}" in person.run("status").stdout

    second = person.day({"id": "two"}, name="second.yaml")
    result = person.run("start", second)
    assert result.returncode == OK, result
    assert f"handed over to the daemon that runs (pid {facts['pid']}): 1 task of 2026-11-20 taken in" in result.stdout
    wait_for(lambda: person.state("two"), "the second file's task")

    other_day = person.day({"id": "one"}, name="other.yaml", date="2026-11-21")
    result = person.run("start", other_day)
    assert result.returncode == BAD_INPUT
    assert "one of 2026-11-20" in result.stderr
    assert person.run("start", second, "--rehearse").returncode == BAD_INPUT

    assert "has ended" in stopped(person, "--drain")
    assert (person.state("one"), person.state("two")) == ("done", "done")


@pytest.mark.long
def test_of_two_starts_at_once_exactly_one_owns_the_home_and_gets_both_files(person: Person, model: Model) -> None:
    model.play({**BEGIN, "delay": 1}, END)
    days = [person.day({"id": each}, name=f"{each}.yaml") for each in ("one", "two")]
    log = person.folder / "starts.log"
    with log.open("wb") as output:
        starts = [
            subprocess.Popen(
                person.command("start", day), cwd=person.folder, env=person.environment(), stdout=output, stderr=output
            )
            for day in days
        ]
        wait_for(lambda: person.state("one") and person.state("two"), "both tasks to be taken in")
        wait_for(lambda: any(each.poll() is not None for each in starts), "the loser to end")
        (loser,) = [each for each in starts if each.poll() is not None]
        (owner,) = [each for each in starts if each is not loser]
        assert loser.returncode == OK, log.read_text()
        facts = daemon(person.home)
        assert facts is not None
        assert facts["pid"] == owner.pid
        assert f"handed over to the daemon that runs (pid {owner.pid})" in log.read_text()
        stopped(person)
        assert owner.wait(STOP_SECONDS) == OK


@pytest.mark.long
def test_orders_to_a_daemon_at_work(person: Person, model: Model) -> None:
    model.play(BEGIN, {**GO_ON, "delay": 8}, END)
    in_background(person, person.day(ONE_TASK))
    at_work(person)
    assert person.run("pause", "one").stdout == "one: pause\n"
    wait_for(lambda: person.state("one") == "parked", "one to be parked")
    assert person.run("resume", "one").stdout == "one: resume\n"
    wait_for(lambda: person.state("one") == "running", "one to go on")
    assert person.run("cancel", "one").stdout == "one: cancel\n"
    wait_for(lambda: person.state("one") == "cancelled", "one to be cancelled")
    refused = person.run("resume", "one")
    assert refused.returncode == BAD_INPUT
    assert "one" in refused.stderr

    model.play(BEGIN, GO_ON, END)
    assert person.run("retry", "one").stdout == "one: retry\n"
    wait_for(lambda: person.state("one") == "done", "one to be done")
    began = time.monotonic()
    stopped(person)
    assert time.monotonic() - began < STOP_SECONDS


def test_a_log_that_is_followed_ends_with_its_task(person: Person, model: Model) -> None:
    model.play({**BEGIN, "delay": 1}, END)
    in_background(person, person.day(ONE_TASK))
    wait_for(lambda: person.state("one"), "one to be known")
    with person.terminal("logs", "one", "--follow") as terminal:
        terminal.expect("echo one > one.txt")
        assert "Traceback" not in read_to_the_end(terminal)
    assert terminal.exitstatus == OK
    assert person.state("one") == "done"
    stopped(person)
    assert {log.stem for log in person.home.logs.glob("*.log")} == {"one", *OWN_LOGS}  # as no task may be called


@pytest.mark.long
def test_what_a_killed_daemon_left_torn_keeps_nobody_from_going_on(person: Person, model: Model) -> None:
    model.play(ASK, BEGIN, END)
    in_background(person, person.day(ONE_TASK))
    wait_for((person.home.questions / "one.md").exists, "the question")
    facts = daemon(person.home)
    assert facts is not None
    os.kill(facts["pid"], signal.SIGKILL)
    wait_for(lambda: not locks.is_locked(person.home.daemon_lock), "the daemon to be gone")
    person.home.daemon_facts.write_bytes(b'{"pid": 47')  # as a power cut leaves it
    assert person.run("status").stdout.startswith("daemon: not running")
    assert "taken up at the next start" in person.run("answer", "one", "fifty").stdout
    result = person.run("start", "--once")
    assert result.returncode == OK, result
    assert person.state("one") == "done"
