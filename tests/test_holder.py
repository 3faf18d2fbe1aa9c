"""One run owned by its holder: records, stop, deadline, and what is left when the holder itself is killed."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dayshift import files, holder
from dayshift.holder import processes
from dayshift.holder.bounds import Bounds
from dayshift.repository.workspace import Workspace
from dayshift.running.patience import put_down
from dayshift.running.spool import HOLDER, MARK, Ended, LaunchFailed, Spool
from dayshift.sandboxing.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
PLENTY = Bounds(memory=8 << 30, processes=512, disk=8 << 30)
Command = Callable[[str], list[str]]


def bare(script: str) -> list[str]:
    """The script without a sandbox."""
    return ["/bin/sh", "-c", script]


@pytest.fixture
def boxed(place: Workspace) -> Command:
    """The script in the sandbox an agent gets."""
    sandbox = Sandbox(place.folder, place.repo, place.project.common_dir, place.home, {"PATH": "/usr/bin:/bin"})
    return lambda script: sandbox.argv(["/bin/sh", "-c", script], status=True)


@pytest.fixture(params=["bare", "boxed"])
def command(request: pytest.FixtureRequest, boxed: Command) -> Command:
    return boxed if request.param == "boxed" else bare


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "runs" / "task-1" / "1")
    yield spool
    spool.folder.mkdir(parents=True, exist_ok=True)
    spool.stop()
    spool.reap(str(spool.folder))


@pytest.fixture
def nap() -> str:
    """A sleep that can be told from any other by its words."""
    return f"sleep {random.randrange(10**5, 10**6)}.{random.randrange(10**6)}"


def begin(spool: Spool, argv: list[str], seconds: float = 60, prompt: str = "") -> Spool:
    spool.launch(argv, {MARK: str(spool.folder)}, prompt, spool.folder / "out", seconds, PLENTY, spool.folder)
    return spool


def until(true: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def end_of(spool: Spool) -> Ended:
    until(lambda: spool.ended() is not None)
    ended = spool.ended()
    assert ended is not None
    return ended


def output(spool: Spool) -> str:
    file = spool.folder / "out"
    return file.read_text() if file.exists() else ""


def living(words: str) -> list[int]:
    """Every process on this machine whose command line holds these words."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if words in each.read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                found.append(int(each.parent.name))
        except OSError:
            continue
    return found


def holder_of(spool: Spool) -> int:
    return min(living(f"holder/__main__.py {spool.folder}"))  # what it forks bears its name until it becomes bubblewrap


def again(spool: Spool) -> int:
    """The status of another holder for the same run."""
    return subprocess.run([sys.executable, "-I", "-S", HOLDER, spool.folder], check=False).returncode


# --- records ---------------------------------------------------------------------------------------


def test_a_run_reads_its_prompt_appends_its_output_and_leaves_two_records(spool: Spool, command: Command) -> None:
    spool.folder.mkdir(parents=True)
    (spool.folder / "out").write_text("earlier\n")
    begin(spool, command("cat; echo words >&2; exit 7"), prompt="Go.\n")
    assert end_of(spool) == Ended(7, "exited", launched=True)
    start = json.loads((spool.folder / "start.json").read_bytes())
    assert (start["protocol"], start["boot"], spool.offset) == (holder.PROTOCOL, processes.boot_id(), len("earlier\n"))
    assert output(spool) == "earlier\nGo.\n"
    assert spool.stderr_tail() == "words"


def test_the_lock_is_the_runs_life(spool: Spool, command: Command) -> None:
    begin(spool, command("read line; echo on; sleep 0.3"), prompt="x\n")
    until(lambda: output(spool))
    assert (spool.alive, spool.started, spool.ended()) == (True, True, None)
    end_of(spool)
    until(lambda: not spool.alive)


def test_a_second_holder_is_refused_while_the_run_lives_and_after(spool: Spool) -> None:
    begin(spool, bare("echo ran; sleep 0.3"))
    assert again(spool) == holder.BUSY
    end_of(spool)
    until(lambda: not spool.alive)
    assert again(spool) == holder.USED
    with pytest.raises(LaunchFailed, match="used before"):
        begin(spool, bare("echo ran"))
    assert output(spool) == "ran\n"


def test_a_holder_that_cannot_read_its_order_is_a_failed_launch(spool: Spool) -> None:
    (spool.folder / "launch.json").mkdir(parents=True)
    with pytest.raises((LaunchFailed, OSError)):
        begin(spool, bare("true"))
    assert not spool.started


def test_a_sandbox_that_does_not_start_is_told_from_an_agent_that_failed(spool: Spool, boxed: Command) -> None:
    argv = boxed("echo ran")
    argv[1:1] = ["--bind", "/nonexistent/folder", "/mnt"]
    begin(spool, argv)
    ended = end_of(spool)
    assert (ended.code, ended.launched) == (1, False)
    assert "/nonexistent/folder" in spool.stderr_tail()
    assert output(spool) == ""


# --- the end ---------------------------------------------------------------------------------------


def test_stop_lets_the_run_say_its_last_words(spool: Spool, command: Command) -> None:
    begin(spool, command("trap 'echo bye; exit 5' TERM; echo on; while :; do sleep 0.02; done"))
    until(lambda: output(spool))
    began = time.monotonic()
    spool.stop()
    assert end_of(spool) == Ended(5, "stopped")
    assert time.monotonic() - began < holder.GRACE_SECONDS
    assert output(spool) == "on\nbye\n"


def test_who_ignores_the_stop_is_killed_with_everything_it_started(spool: Spool, boxed: Command, nap: str) -> None:
    begin(spool, boxed(f"trap '' TERM; setsid {nap} & {nap} & echo on; while :; do sleep 0.02; done"))
    until(lambda: output(spool))
    began = time.monotonic()
    spool.stop()
    ended = end_of(spool)
    assert (ended.how, ended.code) == ("stopped", 128 + signal.SIGKILL)
    assert holder.GRACE_SECONDS < time.monotonic() - began < holder.GRACE_SECONDS + 2
    assert living(nap) == []


def test_a_run_out_of_time_is_ended(spool: Spool, command: Command) -> None:
    begin(spool, command("exec sleep 60"), seconds=0.3)
    assert end_of(spool).how == "deadline"


def test_nothing_outlives_the_main_process(spool: Spool, boxed: Command, nap: str) -> None:
    begin(spool, boxed(f"setsid {nap} & (setsid sh -c '{nap} & {nap}' &) ; sleep 0.1; exit 3"))
    assert end_of(spool).code == 3
    assert living(nap) == []


def test_a_run_outlives_whoever_started_it(spool: Spool, boxed: Command) -> None:
    order = "import json, sys; from pathlib import Path; from dayshift.running.spool import Spool"
    bounds = "from dayshift.holder.bounds import Bounds; folder = Path(sys.argv[1])"
    launch = f"Spool(folder).launch(json.load(sys.stdin), {{}}, 'x', folder / 'out', 60, {PLENTY}, folder)"
    script = f"{order}; {bounds}; {launch}; print('on', flush=True)"
    starter = subprocess.Popen(
        [sys.executable, "-c", f"{script}; import time; time.sleep(60)", spool.folder],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert starter.stdin and starter.stdout
    with starter.stdin, starter.stdout:
        starter.stdin.write(json.dumps(boxed("sleep 0.5; echo finished")).encode())
        starter.stdin.close()
        assert starter.stdout.readline() == b"on\n"
        os.killpg(starter.pid, signal.SIGKILL)
        starter.wait()
    assert spool.alive
    assert end_of(spool) == Ended(0, "exited")
    assert output(spool) == "finished\n"


# --- a holder that is killed -----------------------------------------------------------------------


def test_a_killed_holder_takes_the_sandbox_with_it(spool: Spool, boxed: Command, nap: str) -> None:
    begin(spool, boxed(f"setsid {nap} & echo on; {nap}"))
    until(lambda: output(spool))
    os.kill(holder_of(spool), signal.SIGKILL)
    until(lambda: not spool.alive)
    assert spool.ended() == Ended(None, "lost")
    until(lambda: not living(nap))


def test_a_run_of_an_earlier_boot_went_with_the_machine(spool: Spool, boxed: Command, nap: str) -> None:
    begin(spool, boxed(f"echo on; {nap}"))
    until(lambda: output(spool))
    os.kill(holder_of(spool), signal.SIGKILL)
    until(lambda: not spool.alive)
    start = files.read_facts(spool.folder / "start.json")
    files.write_json(spool.folder / "start.json", {**start, "boot": "the one before"})
    assert spool.ended() == Ended(None, "restarted")


def test_without_a_sandbox_the_leftovers_are_found_by_their_mark(spool: Spool, nap: str) -> None:
    begin(spool, bare(f"setsid {nap} & echo on; {nap}"))
    until(lambda: output(spool))
    os.kill(holder_of(spool), signal.SIGKILL)
    until(lambda: not spool.alive)  # no child of the holder kept the lock
    assert spool.ended() == Ended(None, "lost")
    assert living(nap)
    assert spool.reap(str(spool.folder)) >= 2
    until(lambda: not living(nap))


@pytest.mark.parametrize("delay", [0, 0.002, 0.005, 0.01, 0.02, 0.04])
def test_whenever_the_holder_dies_nothing_is_left_after_the_reaping(
    spool: Spool, boxed: Command, nap: str, delay: float
) -> None:
    begin(spool, boxed(f"setsid {nap} & {nap}"))
    time.sleep(delay)
    os.kill(holder_of(spool), signal.SIGKILL)
    until(lambda: not spool.alive)
    spool.reap(str(spool.folder))
    until(lambda: not living(nap), 2)
    time.sleep(0.05)
    assert living(nap) == []


@pytest.mark.parametrize(
    ("wrong", "spared"),
    [({}, False), ({"started": 1}, True), ({"boot": "another boot"}, True), ({"pid": None}, True)],
    ids=["itself", "pid used again", "rebooted", "never known"],
)
def test_reaping_spares_a_stranger_with_a_recorded_pid(spool: Spool, wrong: dict[str, object], spared: bool) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        spool.folder.mkdir(parents=True)
        began, boot = processes.start_time(stranger.pid), processes.boot_id()
        facts = {"pid": stranger.pid, "started": began, "boot": boot, **wrong}
        files.write_json(spool.folder / "namespace.json", facts)
        assert spool.reap("a mark nobody carries") == (0 if spared else 1)
        assert (stranger.poll() is None) == spared
    finally:
        stranger.kill()
        stranger.wait()


def test_reaping_takes_only_processes_with_the_very_mark(spool: Spool) -> None:
    ours, other = (subprocess.Popen(["sleep", "60"], env={MARK: f"{spool.folder}{ending}"}) for ending in (":1", ":11"))
    try:
        assert spool.reap(f"{spool.folder}:1") == 1
        assert (ours.poll() is None, other.poll() is None) == (False, True)
    finally:
        for each in (ours, other):
            each.kill()
            each.wait()


# --- forestalling ----------------------------------------------------------------------------------


def test_a_forestalled_run_never_begins(spool: Spool) -> None:
    assert spool.forestall()
    with pytest.raises(LaunchFailed, match="used before"):
        begin(spool, bare("echo ran"))
    ended = spool.ended()
    assert ended is not None
    assert ended.how == "never begun"
    assert not (spool.folder / "out").exists()


def test_a_run_that_is_on_or_over_is_not_forestalled(spool: Spool) -> None:
    begin(spool, bare("sleep 0.2; echo ran"))
    assert not spool.forestall()
    assert end_of(spool) == Ended(0, "exited")
    until(lambda: not spool.alive)
    assert not spool.forestall()
    assert output(spool) == "ran\n"


def test_of_launch_and_forestall_exactly_one_wins(tmp_path: Path) -> None:
    outcomes = set()

    def launched(spool: Spool) -> None:
        with contextlib.suppress(LaunchFailed):  # forestall was quicker
            begin(spool, bare("echo ran"))

    for delay in [*(number * 0.004 for number in range(9)), None]:
        spool = Spool(tmp_path / str(delay))
        spool.folder.mkdir()
        launch = threading.Thread(target=launched, args=(spool,))
        launch.start()
        if delay is None:
            until(lambda: spool.started)  # noqa: B023
        else:
            time.sleep(delay)
        prevented = spool.forestall()
        launch.join()
        end_of(spool)
        ran = output(spool) == "ran\n"
        assert ran != prevented
        outcomes.add(ran)
    assert outcomes == {True, False}


# --- what does not end by itself -------------------------------------------------------------------


def test_a_holder_that_is_stopped_is_put_down_with_all_of_its_run(spool: Spool, boxed: Command, nap: str) -> None:
    begin(spool, boxed(f"setsid {nap} & echo on; {nap}"), seconds=0.5)
    until(lambda: output(spool))
    os.kill(holder_of(spool), signal.SIGSTOP)
    spool.stop()
    assert put_down(spool.folder)
    assert end_of(spool) == Ended(None, "lost")
    spool.reap(str(spool.folder))
    until(lambda: not living(nap))
    assert not put_down(spool.folder)


def test_a_process_that_only_bears_the_name_of_a_holder_is_spared(spool: Spool) -> None:
    begin(spool, bare("sleep 60"))
    holder = holder_of(spool)
    lock, other = spool.folder / "lock", spool.folder / "other"
    try:
        lock.rename(other)  # what it holds is another file now
        lock.touch()
        assert not put_down(spool.folder)
        assert Path(f"/proc/{holder}").exists()
    finally:
        other.rename(lock)


def test_two_hundred_that_left_their_session_end_with_the_run(spool: Spool, boxed: Command, nap: str) -> None:
    begin(spool, boxed(f"for each in $(seq 200); do setsid {nap} & done; echo on; wait"))
    until(lambda: output(spool) and len(living(nap)) >= 200)
    spool.stop()
    assert end_of(spool).how == "stopped"
    assert living(nap) == []


@pytest.mark.long
@pytest.mark.parametrize("who", ["the command", "bubblewrap"])
def test_who_was_stopped_within_a_run_is_ended_with_it(spool: Spool, boxed: Command, nap: str, who: str) -> None:
    begin(spool, boxed(f"echo on; {'kill -STOP $$; ' if who == 'the command' else ''}{nap}"))
    until(lambda: output(spool))
    if who == "bubblewrap":
        [outer] = processes.children(holder_of(spool))
        os.kill(outer, signal.SIGSTOP)
    spool.stop()
    assert end_of(spool).how == "stopped"
    assert living(nap) == []


@pytest.mark.long
def test_whoever_outside_holds_the_output_of_a_run_does_not_hold_up_its_end(spool: Spool) -> None:
    begin(spool, bare("echo on; sleep 60"))
    until(lambda: output(spool))
    [shell] = processes.children(holder_of(spool))
    kept = os.open(f"/proc/{shell}/fd/1", os.O_WRONLY)  # as if it had been handed on
    try:
        spool.stop()
        assert end_of(spool).how == "stopped"
    finally:
        os.close(kept)
