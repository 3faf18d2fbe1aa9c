"""The real sandbox: what an agent tries in it changes nothing outside, and what it needs works.

Everything is tried in a linked worktree and in a plain repository; when the tests run as root, as a normal user too.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dayshift.confinement import NOT_FOUND, NOT_RUN, UNFIT
from dayshift.sandboxing import toolchain
from tests.escapes import ALL, CONTROLLED, SECRETS
from tests.premises import CALLERS, LAYOUTS, SYSTEM_PATH, Premises, built, outcomes

MENDED = ("shop", "origin.git", "agent_workspaces", "dayshift")
COMBINATIONS = [(caller, layout) for caller in CALLERS for layout in LAYOUTS]
READS = {
    "status": ("git status --short", "?? new.txt"),
    "log": ("git log --oneline", "words"),
    "diff": ("git diff HEAD~1", "+def page():"),
    "show": ("git show HEAD --stat", "src/orders.py"),
    "blame": ("git blame src/orders.py", "A Person"),
    "grep": ("git grep -n page", "src/orders.py:4"),
    "branches": ("git branch --list --all", "feature"),
    "stashes": ("git stash list", ""),
    "remotes": ("git remote -v", "origin.git"),
    "ls-files": ("git ls-files", "README.md"),
    "python": ("{python} -c 'import ssl, sqlite3; print(6 * 7)'", "42"),
    "user": ("whoami >&2; id -u", "1000"),
    "own folder": ("echo kept > ../summary.md && cat ../summary.md", "kept"),
    "own tree": ("mkdir -p a/b && echo made > a/b/c && mv a/b/c d && cat d && rm d", "made"),
    "home": ("echo x > ~/file && cat $HOME/file", "x"),
    "scratch": ("mktemp", "/tmp/"),
    "a repository of its own": ("rm -rf /tmp/own && git init -q /tmp/own && git -C /tmp/own status", "No commits yet"),
    "no lock left": ("git status >/dev/null; find {git} -name '*.lock' | wc -l", "0"),
    "its own processes": ("sleep 9 & kill $! && {reach} its-own-memory && echo well", "well"),
    "a folder that is shown": ("test -S {house}/tools/inner.sock && echo seen", "seen"),
    "a server and its client": ("{python} -m http.server 8123 --bind 127.0.0.1 >/dev/null 2>&1 & "
        "for n in $(seq 100); do {reach} tcp 127.0.0.1 8123 2>/dev/null && break; sleep 0.05; done; "
        "kill $! && echo served", "served"),
    "pairs of sockets": ("{python} -c 'import asyncio; asyncio.run(asyncio.sleep(0)); print(1)'", "1"),
    "threads and pools": ("{python} -c 'from concurrent.futures import ProcessPoolExecutor as P; "
        "print(sum(P(2).map(abs, [-20, -22])))'", "42"),
    "a terminal": ("script -qec tty /dev/null", "/dev/pts/"),
    "its own addresses": ("{python} -c 'import socket; print(socket.if_nameindex())'", "lo"),
}  # fmt: skip
FILTERED = [
    "network: socket in a folder that is shown",
    "network: datagrams of a pair into a folder that is shown",
    "nowhere: gateway's own socket",
    "nowhere: kernel's events",
    "power: no filter",
    "power: keyring",
    "relay: its mappings",
    "relay: its descriptors",
    "relay: its root",
    "relay: traced",
]
NETWORKED = ["network: TCP", "network: UDP", "network: database's port"]
# For every wall: what makes it of the command line, with what it is replaced, and who then comes through.
WALLS = {
    "filters": (r"\0--(command-)?filter=[^\0]*", "", FILTERED),
    "the command's own filter": (r"\0--command-filter=[^\0]*", "", FILTERED[:1]),
    "sealed places": (r"\0--remount-ro\0[^\0]*", "", ["power: etc", "power: memory of the first process"]),
    "own network": ("--unshare-all", "--unshare-uts\0--unshare-ipc\0--unshare-pid", NETWORKED),
    "own memory": ("--unshare-all", "--unshare-uts\0--unshare-net\0--unshare-pid", ["host: System V shared memory"]),
    "own processes": ("--unshare-all", "--unshare-uts\0--unshare-net\0--unshare-ipc", ["host: signal"]),
    "no capabilities": (r"\0--cap-drop\0ALL", "", ["power: capabilities"]),
}
MISTAKE = re.compile(r"(Syntax|Type|Name|Attribute|Key|Index|Value|Import)Error")


@dataclass(frozen=True)
class Tried:
    """What came of everything, tried in one sandbox; and what there was before and after."""

    outcomes: Mapping[str, tuple[int, str]]
    before: Mapping[str, object]
    after: Mapping[str, object]


@pytest.fixture(scope="module", params=COMBINATIONS, ids=", ".join)
def house(request: pytest.FixtureRequest) -> Iterator[Premises]:
    with built(*request.param) as house:
        yield house


@pytest.fixture(scope="module")
def tried(house: Premises) -> Tried:
    before = house.everything()
    outcomes = house.each({**{name: script for name, (script, _) in READS.items()}, **ALL})
    return Tried(outcomes, before, house.everything())


@pytest.fixture(scope="module")
def unfenced() -> Iterator[tuple[Premises, Path]]:
    """Premises for what is tried without a sandbox, and a copy to mend them from."""
    with built(CALLERS[0]) as house, tempfile.TemporaryDirectory() as copy:
        for name in MENDED:
            shutil.copytree(house.folder / name, Path(copy, name), symlinks=True)
        yield house, Path(copy)


@pytest.fixture
def sacrifice(unfenced: tuple[Premises, Path]) -> Iterator[Premises]:
    house, copy = unfenced
    yield house
    for name in MENDED:
        shutil.rmtree(house.folder / name)
        shutil.copytree(copy / name, house.folder / name, symlinks=True)


# --- what must fail --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_an_attempt_fails(tried: Tried, name: str) -> None:
    code, said = tried.outcomes[name]
    assert code != 0, said
    assert code not in (NOT_RUN, NOT_FOUND) and not MISTAKE.search(said), f"it was not even tried: {said}"


def test_of_all_attempts_nothing_is_seen_outside(house: Premises, tried: Tried) -> None:
    assert tried.outcomes.keys() >= ALL.keys()
    assert tried.after == tried.before
    assert [path for path in house.place.folder.rglob("*") if path.lstat().st_mode & 0o6000] == []


@pytest.mark.parametrize("name", CONTROLLED)
def test_without_the_sandbox_the_same_would_work(sacrifice: Premises, name: str) -> None:
    if "{six}" in CONTROLLED[name] and not sacrifice.doors.six:
        pytest.skip("no IPv6 here")
    done = sacrifice.outside(CONTROLLED[name])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("pattern", "instead", "attempts"), WALLS.values(), ids=WALLS)
def test_without_one_of_the_walls_some_attempts_come_through(
    unfenced: tuple[Premises, Path], pattern: str, instead: str, attempts: list[str]
) -> None:
    """So each of them stands for something, and the attempts can tell."""
    house, _ = unfenced
    argv = house.sandbox().argv(house.script("{reach} each").split())
    opened = re.sub(pattern, instead, "\0".join(argv)).split("\0")
    assert opened != argv
    told = outcomes(house.run(opened, given=house.told({name: ALL[name] for name in attempts})).stdout)
    assert told.keys() == set(attempts)
    assert {name: said for name, (code, said) in told.items() if code != 0} == {}


def test_files_written_outside_the_workspace_are_seen_by_nobody(house: Premises) -> None:
    before = house.everything()
    house.inside("for each in / {house} /etc /run /tmp /var/tmp /dev/shm $HOME/../..; do echo x > $each/escaped; done")
    assert house.everything() == before
    assert not any(Path(each, "escaped").exists() for each in ("/", "/etc", "/run", "/tmp", "/var/tmp", "/dev/shm"))


def test_no_descriptor_that_was_left_open_reaches_the_agent(house: Premises) -> None:
    with (house.folder / "shop" / "README.md").open("a") as file:
        kept = (file.fileno(),)
        words = ["/bin/bash", "-c", f": >&{file.fileno()}"]
        assert house.run(words, keep=kept).returncode == 0
        assert house.run(house.sandbox().argv(words), keep=kept).returncode != 0
        assert house.inside("{reach} descriptors", keep=kept).returncode != 0


def test_who_ends_the_relay_reaches_nobody_on_its_port_nor_beside_it(house: Premises) -> None:
    done = house.inside("""
        {reach} tcp 127.0.0.1 8900 && echo there; {reach} end-the-relay && echo ended
        {reach} tcp 127.0.0.1 8900 || echo gone; {reach} listen 8900 && echo taken
        {reach} unix /run/dayshift/gateway.sock || echo refused""")
    assert done.stdout.split() == ["there", "ended", "gone", "taken", "refused"], done.stderr


def test_who_ends_everything_ends_only_itself(house: Premises) -> None:
    assert house.inside("kill -9 -1 && {reach} tcp 127.0.0.1 8900").returncode != 0
    os.kill(house.pid, 0)


def test_nothing_starts_when_what_must_be_read_only_is_not(house: Premises) -> None:
    argv = house.sandbox().argv(["touch", "started"])
    at = argv.index(str(house.place.git_dir))
    assert argv[at - 1] == "--ro-bind"
    opened = [*argv[: at - 1], "--bind", *argv[at:]]
    if house.place.git_dir == house.place.repo / ".git":
        again = opened.index("--ro-bind", opened.index(str(house.place.repo)))
        opened[again] = "--bind"
    done = house.run(opened)
    assert done.returncode == UNFIT
    assert done.stderr == f"dayshift: {house.place.git_dir} could be written in the sandbox; nothing was started\n"
    assert not (house.place.repo / "started").exists()


# --- what must work --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READS)
def test_reading_and_working_go_on_as_usual(tried: Tried, name: str) -> None:
    code, said = tried.outcomes[name]
    assert code == 0, said
    assert READS[name][1] in said


def test_a_repository_that_borrows_anothers_objects_can_be_read_and_neither_be_written(tmp_path: Path) -> None:
    with built(CALLERS[-1]) as house:
        lender, borrower = house.folder / "shop" / ".git", house.place.folder / "borrower"
        for words in (["clone", "-q", "--shared", "--no-checkout", house.folder / "shop", borrower],
                      ["-C", borrower, "reset", "-q", "--mixed", "HEAD"]):  # fmt: skip
            house.run(["git", "-c", "safe.directory=*", *map(str, words)])
        facts: dict[str, Any] = {"repo": borrower, "git_dir": borrower / ".git"}
        assert "words" in house.run(replace(house.sandbox(), **facts).argv(["git", "log", "--oneline"])).stdout
        script = f"echo x > {lender}/objects/escaped"
        assert house.run(replace(house.sandbox(), **facts).argv(["/bin/sh", "-c", script])).returncode != 0
        assert not (lender / "objects" / "escaped").exists()


def test_the_relay_leads_to_the_agents_own_socket_from_the_first_moment(house: Premises) -> None:
    for _ in range(5):
        done = house.inside("bash -c 'exec 3<>/dev/tcp/127.0.0.1/8900'")
        assert done.returncode == 0, done.stderr


def test_without_a_socket_there_is_no_relay(house: Premises) -> None:
    assert house.inside("{reach} tcp 127.0.0.1 8900 || {reach} relay maps", sockets=None).returncode != 0


def script_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_persons_tools_are_there_and_the_rest_of_their_home_is_not(house: Premises) -> None:
    person = house.folder / "person"
    real = person / ".pyenv" / "versions" / "3.99" / "bin" / "python3.99"
    script_file(real, "echo python in $PYENV_ROOT")
    script_file(person / ".pyenv" / "shims" / "python3.99", f"exec {real}")
    environment = person / "work" / ".venv"
    script_file(environment / "bin" / "app", f"{environment}/bin/python && echo app")
    (environment / "bin" / "python").symlink_to(real)
    (environment / "pyvenv.cfg").write_text(f"home = {real.parent}\n")
    tool = person / ".local" / "share" / "pipx" / "venvs" / "tool" / "bin" / "tool"
    script_file(tool, "echo tool")
    (person / ".local" / "bin").mkdir()
    (person / ".local" / "bin" / "tool").symlink_to(tool)
    (person / "work" / "notes").write_text("secret\n")
    path = f"{environment}/bin:{person}/.pyenv/shims:{person}/.local/bin:{SYSTEM_PATH}"
    tools = toolchain.detect(path, person)
    shown: dict[str, Any] = {"environment": {"PATH": path, **tools.environment}, "read_only": tools.folders}
    done = house.inside("app && python3.99 && tool", **shown)
    root = person / ".pyenv"
    assert done.stdout.splitlines() == [f"python in {root}", "app", f"python in {root}", "tool"], done.stderr
    for name in (*SECRETS, "work/notes"):
        assert house.inside(f"cat {person / name}", **shown).returncode != 0, name
    assert house.inside(f"echo x >> {real}", **shown).returncode != 0
