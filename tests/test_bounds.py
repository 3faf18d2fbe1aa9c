"""What a run may take of the machine: real processes in the real sandbox, some of which take too much of it.

When the tests run as root, everything is tried once more as a normal user.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayshift.holder import measures
from dayshift.holder.bounds import GB, Bounds, Watch
from dayshift.holder.run import MOST_ERRORS
from dayshift.holder.streams import DROPPED
from dayshift.holder.survey import Survey
from dayshift.holder.walk import DEEPEST, Walk
from dayshift.running.spool import Ended
from tests.enclosure import MB, PLENTY, Enclosure, built
from tests.premises import CALLERS
from tests.test_holder import end_of, until

TIGHT = Bounds(memory=256 * MB, processes=60, disk=64 * MB)
HOG = "/usr/bin/python3 -c 'import time; held = bytearray({size} << 20); time.sleep(60)'"


@pytest.fixture(scope="module", params=CALLERS)
def enclosure(request: pytest.FixtureRequest) -> Iterator[Enclosure]:
    with built(request.param) as enclosure:
        yield enclosure


@pytest.fixture
def house(enclosure: Enclosure) -> Iterator[Enclosure]:
    yield enclosure
    enclosure.clear()


# --- what is too much ------------------------------------------------------------------------------

SEGMENTS = """import ctypes, time
libc = ctypes.CDLL(None)
libc.shmat.restype, libc.shmdt.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
for _ in range(8):
    segment = libc.shmget(0, ctypes.c_size_t(50 << 20), 0o1600)
    place = libc.shmat(segment, None, 0)
    ctypes.memset(ctypes.c_void_p(place), 1, 50 << 20)
    libc.shmdt(place)
time.sleep(60)"""
MAPPED = """import mmap, os, time
for name in 'ab':
    file = os.open(name, os.O_RDWR | os.O_CREAT)
    os.write(file, os.urandom(50 << 20))
    os.remove(name)
    held = [*globals().get('held', []), mmap.mmap(file, 4096)]
os.closerange(3, 100)
time.sleep(60)"""
PYTHON = '/usr/bin/python3 -c "{}"'
FILL = "for each in $(seq 8); do head -c 50M /dev/zero > {place}/$each; done; sleep 60"
TOO_MUCH = {
    "memory of one process": (HOG.format(size=400), "memory"),
    "memory of several": (" & ".join([HOG.format(size=120)] * 3), "memory"),
    "files in /tmp": (FILL.format(place="/tmp"), "memory"),
    "files in shared memory": (FILL.format(place="/dev/shm"), "memory"),
    "memory that is nowhere": (
        '/usr/bin/python3 -c \'import os, time; file = os.memfd_create("x")\n'
        'for _ in range(8): file = os.dup(os.memfd_create("x")); os.write(file, bytes(50 << 20))\ntime.sleep(60)\'',
        "memory",
    ),
    "shared memory of no process": (PYTHON.format(SEGMENTS), "memory"),
    "processes": ("for each in $(seq 100); do sleep 60 & sleep 0.01; done; wait", "processes"),
    "processes that left their parent": ("for each in $(seq 100); do (setsid sleep 60 &); done; sleep 60", "processes"),
}
TOO_MUCH_DISK = {
    "large files": "for each in 1 2; do head -c 50M /dev/urandom > $each; done; sleep 60",
    "many small files": "mkdir many; i=0; while :; do i=$((i + 1)); echo x > many/$i; done",
    "removed files": 'for each in 3 4; do eval "exec $each> $each"; rm $each; done; '
    "for each in 3 4; do head -c 50M /dev/urandom >& $each; done; sleep 60",
    "folders below any path": PYTHON.format(
        "import os, time\nfor _ in range(30): os.mkdir('d' * 200); os.chdir('d' * 200)\n"
        "for name in 'ab': open(name, 'wb').write(os.urandom(50 << 20))\ntime.sleep(60)"
    ),
    "a closed folder": "mkdir -p closed/in; cd closed/in; chmod 0 ..; "
    "for each in 1 2; do head -c 50M /dev/urandom > $each; done; sleep 60",
    "output": "head -c 80M /dev/urandom; sleep 60",
    "output at once": "head -c 65M /dev/urandom",
    "files in HOME": "for each in 1 2; do head -c 50M /dev/urandom > ~/$each; done; sleep 60",
}


def test_a_run_that_takes_too_much_is_ended_and_says_of_what(house: Enclosure) -> None:
    ended = house.ran_side_by_side({name: script for name, (script, _) in TOO_MUCH.items()}, TIGHT)
    assert {name: each.how for name, each in ended.items()} == {name: kind for name, (_, kind) in TOO_MUCH.items()}
    for each in ended.values():
        assert each.launched and "more than the" in each.why
        assert {"memory": "limits.memory_gb", "processes": "limits.processes"}[each.how] in each.why


@pytest.mark.parametrize("script", TOO_MUCH_DISK.values(), ids=TOO_MUCH_DISK)
def test_a_run_that_fills_the_disk_is_ended(house: Enclosure, script: str) -> None:
    ended = house.ran(script, TIGHT._replace(disk=4 * MB) if "many" in script else TIGHT)
    assert (ended.how, "limits.workspace_gb" in ended.why) == ("disk", True)


def test_removed_files_that_are_only_mapped_count_where_the_kernel_tells_of_them(house: Enclosure) -> None:
    if house.caller or os.geteuid() != 0:
        pytest.skip("the kernel tells root alone")
    assert house.ran(PYTHON.format(MAPPED), TIGHT).how == "disk"


def test_of_errors_the_first_are_kept(house: Enclosure) -> None:
    spool = house.begun("echo first >&2; head -c 40M /dev/zero >&2; echo last >&2; echo said", PLENTY)
    assert end_of(spool) == Ended(0, "exited")
    kept = (spool.folder / "stderr").read_bytes()
    assert kept.startswith(b"first") and kept.endswith(DROPPED)
    assert len(kept) == MOST_ERRORS + len(DROPPED)
    assert (spool.folder / "out").read_text() == "said\n"


WITHIN = {
    "memory": HOG.format(size=100).replace("60", "0.5"),
    "memory that processes share": "/usr/bin/python3 -c '\nimport os, time\nheld = bytearray(150 << 20)\n"
    "for _ in range(5): os.fork() or (time.sleep(0.7), os._exit(0))\ntime.sleep(0.9)'",
    "a file mapped into memory": "/usr/bin/python3 -c '\nimport mmap, time\n"
    "with open(\"large\", \"wb\") as file: file.write(bytes(40 << 20))\n"
    "file = open(\"large\", \"rb\")\n"
    "held = [mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) for _ in range(9)]\n"
    "sum(each[place] for each in held for place in range(0, 40 << 20, 4096)); time.sleep(0.5)'",
    "processes": "for each in $(seq 40); do sleep 0.5 & done; wait",
    "sparse files": "for each in 1 2 3; do truncate -s 100M $each; done; sleep 0.5",
    "names of one file": "head -c 30M /dev/urandom > one; for each in 2 3 4 5; do ln one $each; done; sleep 0.5",
    "what lies elsewhere": "ln -s /usr elsewhere; ln -s / root; sleep 0.5",
}  # fmt: skip


def test_a_run_that_stays_below_is_left_alone(house: Enclosure) -> None:
    assert house.ran_side_by_side(WITHIN, TIGHT._replace(disk=128 * MB)) == dict.fromkeys(WITHIN, Ended(0, "exited"))


def test_a_workspace_that_is_too_large_already_may_be_tidied_and_not_grow(house: Enclosure) -> None:
    assert house.ran("for each in 1 2; do head -c 50M /dev/urandom > $each; done; sleep 60", TIGHT).how == "disk"
    assert house.ran("sleep 0.5; rm 1 2; sleep 0.5; ls", TIGHT) == Ended(0, "exited")


def test_without_a_sandbox_the_same_holds_for_all_that_the_run_started(house: Enclosure) -> None:
    assert house.ran(f"(setsid {HOG.format(size=400)} &) ; sleep 60", TIGHT, boxed=False).how == "memory"


# --- what the kernel holds each process to ---------------------------------------------------------


def test_no_file_grows_beyond_what_the_workspace_may_take(house: Enclosure) -> None:
    done = house.inside("head -c 200M /dev/zero > large; stat -c %s large; ulimit -f unlimited", bounds=TIGHT)
    assert done.stdout.split() == [str(TIGHT.disk)]
    assert done.returncode != 0, "a limit was raised from inside"


def test_the_private_tmp_has_a_size(house: Enclosure) -> None:
    fill = "head -c 40M /dev/zero > $each/large; stat -c %s $each/large"
    done = house.inside(f"for each in /tmp /var/tmp /dev/shm; do {fill}; done", scratch_bytes=32 * MB)
    assert done.stdout.split() == [str(32 * MB)] * 3
    assert "No space left on device" in done.stderr


def test_agents_go_first_when_memory_runs_out_and_no_process_dumps_its_memory(house: Enclosure) -> None:
    spool = house.begun("cat /proc/self/oom_score_adj; ulimit -c; echo 0 > /proc/self/oom_score_adj || echo no", PLENTY)
    assert end_of(spool).code == 0
    assert (spool.folder / "out").read_text().split() == ["1000", "0", "no"]


def test_threads_are_counted_by_the_kernel(house: Enclosure) -> None:
    if not house.caller and os.getuid() == 0:
        pytest.skip("the kernel holds root to no number of processes")
    script = (
        "/usr/bin/python3 -c '\nimport threading, time\n"
        "for _ in range(400): threading.Thread(target=time.sleep, args=(5,), daemon=True).start()'"
    )
    bounds = TIGHT._replace(processes=20)
    assert "can't start new thread" in house.inside(script, bounds=bounds).stderr


# --- how it is measured ----------------------------------------------------------------------------


def test_what_processes_share_is_counted_once_only_when_it_matters() -> None:
    script = "import os, sys, time; held = bytearray(64 << 20); os.fork(); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.readline()
        listed = [f"/proc/{process.pid}", *measures.processes(process.pid)]
        assert len(listed) == 2
        assert measures.memory(listed) > 120 * MB > measures.memory(listed, shared_once=True) > 64 * MB
        subprocess.run(["kill", *(each.rpartition("/")[2] for each in listed)], check=True)


def test_disk_is_what_blocks_are_used(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_bytes(os.urandom(3 * MB))
    (tmp_path / "link").hardlink_to(tmp_path / "deep" / "er" / "file")
    (tmp_path / "out").symlink_to("/usr")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(GB)
    *_, total = Walk(str(tmp_path)).steps()
    assert 3 * MB <= total < 4 * MB


def test_a_folder_that_is_gone_takes_nothing(tmp_path: Path) -> None:
    walk = Walk(str(tmp_path / "nowhere"))
    assert (list(walk.steps()), walk.closed) == ([0], False)


@pytest.mark.parametrize(("depth", "closed"), [(DEEPEST - 1, False), (DEEPEST, True)])
def test_a_folder_too_deep_to_look_at_is_known_to_be_there(tmp_path: Path, depth: int, closed: bool) -> None:
    tmp_path.joinpath(*["d"] * depth).mkdir(parents=True)
    walk = Walk(str(tmp_path))
    assert (len([*walk.steps()]) > depth, walk.closed) == (True, closed)


def test_a_closed_folder_takes_what_its_disk_gained_since(tmp_path: Path) -> None:
    depths = ["d"] * DEEPEST
    hidden = tmp_path.joinpath(*depths)
    hidden.mkdir(parents=True)
    survey = Survey(str(tmp_path), 64 * MB)
    assert survey.excess(0) is None
    (hidden / "large").write_bytes(os.urandom(90 * MB))
    until(lambda: (taken := survey.excess(0)) and not taken.seen)


def test_no_descriptor_is_left_of_a_walk_that_was_given_up(tmp_path: Path) -> None:
    tmp_path.joinpath(*["d"] * 20).mkdir(parents=True)
    held = Path("/proc/self/fd")
    before = len([*held.iterdir()])
    steps = Walk(str(tmp_path)).steps()
    for _ in range(10):
        next(steps)
    assert len([*held.iterdir()]) > before
    del steps
    assert len([*held.iterdir()]) == before


def test_a_watch_asked_again_too_soon_looks_at_nothing(tmp_path: Path) -> None:
    watch = Watch(PLENTY._replace(processes=0), str(tmp_path))
    with subprocess.Popen(["sleep", "60"]) as process:
        assert [watch.look(os.getpid()) is None for _ in range(2)] == [False, True]
        process.kill()


def test_a_look_that_a_busy_machine_lets_wait_is_followed_by_the_next_as_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(root: int) -> list[str]:
        time.sleep(0.4)
        return []

    monkeypatch.setattr(measures, "processes", slowly)
    watch = Watch(PLENTY, str(tmp_path))
    assert watch.look(os.getpid()) is None
    assert watch.look_at - time.monotonic() < 5  # of 0.4 s of work it would be 20
