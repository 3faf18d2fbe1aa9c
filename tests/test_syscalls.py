"""The filters say what they should for both processors, and this machine's kernel does what they say."""

import errno
import json
import platform
import re
import shutil
import signal
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dayshift.repository.workspace import Workspace
from dayshift.sandboxing import syscalls
from dayshift.sandboxing.sandbox import Sandbox
from dayshift.sandboxing.syscalls import ABSENT, FORBIDDEN, MACHINES, Machine, filters
from tests.premises import REACH, SYSTEM_PYTHON

X86_64, AARCH64 = MACHINES["x86_64"], MACHINES["aarch64"]
HEADERS = {"x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
           "aarch64": Path("/usr/include/asm-generic/unistd.h")}  # fmt: skip
NEWER_THAN_HEADERS = {"open_tree_attr", "fchmodat2"}
ALLOW, KILL = "allow", "kill"
HIGH = 1 << 32
HERE = MACHINES[platform.machine()].numbers if platform.machine() in MACHINES else {}
TOOLS = {
    "git": "git status --short; git log -1 --oneline && echo well",
    "python3": "python3 -c 'import subprocess, multiprocessing.pool as p; p.ThreadPool(2).map(abs, [1]);"
    ' subprocess.run(["echo", "well"])\'',
    "node": 'node -e \'require("net").createServer(s => s.end()).listen(0, "127.0.0.1", function () {'
    ' require("net").connect(this.address().port, "127.0.0.1").on("close", () => { this.close();'
    ' require("child_process").exec("echo well", (_, out) => console.log(out)) }).resume() })\'',
    "npm": "npm --version && echo well",
    "gcc": "echo 'int main(void) { return 0; }' > /tmp/a.c && gcc /tmp/a.c -o /tmp/a && /tmp/a && echo well",
    "make": "printf 'all:\\n\\t@echo well\\n' > /tmp/Makefile && make -j2 -sf /tmp/Makefile",
    "java": "java -XshowSettings:none -version && echo well",
    "sqlite3": "sqlite3 /tmp/own.db 'create table t(a)' && echo well",
    "perl": "perl -e 'fork ? wait : exit; print \"well\\n\"'",
}


def verdict(program: bytes, audit: int, number: int, arguments: Sequence[int] = ()) -> str | int:
    """What the kernel would make of the call: allow, kill, or the error it fails with."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, audit, 0, *padded)
    steps = list(struct.iter_unpack("<HBBI", program))
    at, loaded = 0, 0
    for _ in range(len(steps)):
        code, so, otherwise, value = steps[at]
        at += 1
        match code:
            case 0x20:
                assert value % 4 == 0
                (loaded,) = struct.unpack_from("<I", data, value)
            case 0x54:
                loaded &= value
            case 0x05:
                at += value
            case 0x15 | 0x35 | 0x45:
                true = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[code]
                at += so if true else otherwise
            case 0x06:
                return meaning(value)
            case _:
                raise AssertionError(f"no such instruction: {code:#x}")
    raise AssertionError("it comes to no end")


def meaning(value: int) -> str | int:
    if value & 0xFFFF0000 == 0x00050000:
        return value & 0xFFFF
    return {0x7FFF0000: ALLOW, 0x80000000: KILL}[value]


def of(machine: Machine, name: str | int, *arguments: int, relay: bool = False) -> str | int:
    """The strictest word of what is laid on the agent, or on the relay, about the call."""
    number = name if isinstance(name, int) else machine.numbers[name]
    everywhere, besides = filters(machine)
    said = [
        verdict(each, machine.audit, number, arguments) for each in ([everywhere] if relay else [everywhere, besides])
    ]
    return next((word for word in said if word != ALLOW), ALLOW)


WORDS: Mapping[str, tuple[tuple[object, ...], str | int]] = {
    "unix socket": (("socket", 1, 1, 0), errno.EPERM),
    "unix socket, upper half set": (("socket", HIGH + 1, 1, 0), errno.EPERM),
    "unix socket that closes": (("socket", 1, 0o2000001, 0), errno.EPERM),
    "TCP": (("socket", 2, 1, 6), ALLOW),
    "UDP over IPv6": (("socket", 10, 2, 17), ALLOW),
    "own addresses": (("socket", 16, 3, 0), ALLOW),
    "kernel's events": (("socket", 16, 3, 15), errno.EPERM),
    **{f"family {family}": (("socket", family, 1, 0), errno.EPERM)
       for family in (0, 3, 9, 15, 17, 21, 29, 30, 31, 38, 39, 40, 43, 44, 45, 255)},
    "family below nothing": (("socket", 0xFFFFFFFF, 1, 0), errno.EPERM),
    "pair": (("socketpair", 1, 1, 0), ALLOW),
    "pair that closes": (("socketpair", 1, 0o2004001, 0), ALLOW),
    "pair in order": (("socketpair", 1, 5, 0), ALLOW),
    "pair of datagrams": (("socketpair", 1, 2, 0), errno.EPERM),
    "pair of datagrams that closes": (("socketpair", 1, 0o2000002, 0), errno.EPERM),
    "raw pair": (("socketpair", 1, 3, 0), errno.EPERM),
    "pair of another family": (("socketpair", 30, 1, 0), errno.EPERM),
    "thread": (("clone", 0x3D0F00), ALLOW),
    "fork": (("clone", 0x1200011), ALLOW),
    **{f"namespace {bit:#x}": (("clone", bit | 17), errno.EPERM) for bit in
       (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)},
    "terminal's size": (("ioctl", 0, 0x5413), ALLOW),
    "typing in": (("ioctl", 0, 0x5412), errno.EPERM),
    "typing in, upper half set": (("ioctl", 0, HIGH * 7 + 0x5412), errno.EPERM),
    "pasting in": (("ioctl", 0, 0x541C), errno.EPERM),
    "a lease, which others would wait for": (("fcntl", 3, 0x400, 0), errno.EPERM),
    "a lock": (("fcntl", 3, 0x6, 0), ALLOW),
    "hiding from the holder": (("prctl", 4, 0), errno.EPERM),
    "showing oneself": (("prctl", 4, 1), ALLOW),
    "a name of its own": (("prctl", 15, 0), ALLOW),
    "which personality": (("personality", 0xFFFFFFFF), ALLOW),
    "addresses that are not random": (("personality", 0x40000), ALLOW),
    "memory that can be run": (("personality", 0x400000), errno.EPERM),
    "page at zero": (("personality", 0x100000), errno.EPERM),
    "file opened": (("openat", 0, 0, 0, 0o6777), ALLOW),
    "file made": (("openat", 0, 0, 0o101, 0o644), ALLOW),
    "set-uid file made": (("openat", 0, 0, 0o101, 0o4755), errno.EPERM),
    "set-gid file made": (("openat", 0, 0, 0o101, 0o2755), errno.EPERM),
    "nameless set-uid file": (("openat", 0, 0, 0o20200002, 0o4755), errno.EPERM),
    "mode": (("fchmod", 0, 0o1777), ALLOW),
    "set-uid": (("fchmod", 0, 0o104755), errno.EPERM),
    "set-gid": (("fchmodat", 0, 0, 0o2755), errno.EPERM),
    "set-uid, newer": (("fchmodat2", 0, 0, 0o4755), errno.EPERM),
    "set-uid node": (("mknodat", 0, 0, 0o104755), errno.EPERM),
    "pipe": (("mknodat", 0, 0, 0o010644), ALLOW),
    **{name: ((name,), errno.ENOSYS) for name in ABSENT.split()},
}  # fmt: skip


# --- the programs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", [X86_64, AARCH64], ids=["x86_64", "aarch64"])
@pytest.mark.parametrize(("call", "said"), WORDS.values(), ids=WORDS)
def test_the_filter_says_of_a_call(machine: Machine, call: tuple[object, ...], said: str | int) -> None:
    assert of(machine, *call) == said  # type: ignore[arg-type]


@pytest.mark.parametrize("machine", [X86_64, AARCH64], ids=["x86_64", "aarch64"])
def test_what_nobody_inside_may_do_is_refused_whatever_its_arguments(machine: Machine) -> None:
    for name in " ".join(FORBIDDEN.values()).split():
        if name in machine.numbers:
            assert {of(machine, name, *([value] * 6)) for value in (0, 1, 2**64 - 1)} == {errno.EPERM}, name


@pytest.mark.parametrize("machine", [X86_64, AARCH64], ids=["x86_64", "aarch64"])
def test_every_other_call_is_allowed(machine: Machine) -> None:
    named = set(machine.numbers.values())
    assert {of(machine, number) for number in range(1024) if number not in named} == {ALLOW}


@pytest.mark.parametrize("machine", [X86_64, AARCH64], ids=["x86_64", "aarch64"])
def test_the_relay_keeps_unix_sockets_and_nothing_else(machine: Machine) -> None:
    assert of(machine, "socket", 1, 1, 0, relay=True) == ALLOW
    differ = [call for call, _ in WORDS.values() if of(machine, *call) != of(machine, *call, relay=True)]  # type: ignore[arg-type]
    assert {call[:2] for call in differ} == {("socket", 1), ("socket", HIGH + 1), ("prctl", 4)}


@pytest.mark.parametrize("machine", [X86_64, AARCH64], ids=["x86_64", "aarch64"])
def test_a_call_in_another_machines_convention_ends_the_process(machine: Machine) -> None:
    for program in filters(machine):
        for audit in {0x40000003, 0x40000028, X86_64.audit, AARCH64.audit} - {machine.audit}:
            assert verdict(program, audit, 39) == KILL


@pytest.mark.parametrize(("call", "said"), {
    "open": (("open", 0, 0, 0o6777), ALLOW), "make": (("open", 0, 0o100, 0o644), ALLOW),
    "make set-uid": (("open", 0, 0o100, 0o4644), errno.EPERM), "create": (("creat", 0, 0o4644), errno.EPERM),
    "chmod": (("chmod", 0, 0o4644), errno.EPERM), "mknod": (("mknod", 0, 0o104644), errno.EPERM),
}.values())  # fmt: skip
def test_of_the_older_calls_for_files_the_same_is_said(call: tuple[object, ...], said: str | int) -> None:
    assert of(X86_64, *call) == said  # type: ignore[arg-type]


def test_calls_of_the_x32_convention_do_not_exist() -> None:
    assert {of(X86_64, 0x40000000 + number) for number in (0, 41, 101, 512, 520)} == {errno.ENOSYS}
    assert of(X86_64, 0xFFFFFFFF) == errno.ENOSYS


@pytest.mark.parametrize("name", HEADERS)
def test_the_numbers_are_the_kernels(name: str) -> None:
    if not HEADERS[name].exists():
        pytest.skip("the kernel's headers are not installed")
    told = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[name].read_text())
    numbers = {call: int(number) for call, number in told}
    ours = {call: number for call, number in MACHINES[name].numbers.items() if call not in NEWER_THAN_HEADERS}
    assert ours == {call: numbers.get(call) for call in ours}
    missing = set(" ".join([*FORBIDDEN.values(), ABSENT]).split()) - MACHINES[name].numbers.keys()
    assert missing & numbers.keys() == set()


def test_of_an_unknown_processor_it_is_said_that_nothing_can_be_refused() -> None:
    with pytest.raises(syscalls.UnknownMachine, match="riscv64"):
        syscalls.known("riscv64")


# --- this machine's kernel -------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """A sandbox in which calls are made, with the filters or without."""

    sandbox: Sandbox

    def ends(self, *words: str, given: str = "", filtered: bool = True) -> "subprocess.CompletedProcess[str]":
        argv = self.sandbox.argv([str(SYSTEM_PYTHON.program), "-I", "-S", str(REACH), *words])
        if not filtered:
            argv = [word for word in argv if not word.startswith(("--filter=", "--command-filter="))]
        return subprocess.run(argv, input=given, capture_output=True, text=True, env={}, check=False, timeout=60)

    def failures(self, calls: Mapping[str, Sequence[int]], filtered: bool = True) -> dict[str, int]:
        """The error every call fails with."""
        told = self.ends("calls", given=json.dumps(calls), filtered=filtered)
        assert told.returncode == 0, told.stderr
        return dict(json.loads(line) for line in told.stdout.splitlines())


@pytest.fixture
def trial(place: Workspace) -> Trial:
    if platform.machine() not in MACHINES:
        pytest.skip("a processor without a filter")
    return Trial(Sandbox(
        place.folder, place.repo, place.project.common_dir, place.home, {"PATH": "/usr/bin:/bin"},
        read_only_at={REACH: REACH},
    ))  # fmt: skip


def test_the_kernel_refuses_every_call_that_the_tables_name(trial: Trial) -> None:
    forbidden = [name for name in " ".join(FORBIDDEN.values()).split() if name in HERE]
    calls = {name: [HERE[name], *[2**64 - 1] * 6] for name in [*forbidden, *ABSENT.split()]}
    expected = {**dict.fromkeys(forbidden, errno.EPERM), **dict.fromkeys(ABSENT.split(), errno.ENOSYS)}
    assert trial.failures(calls) == expected
    without = trial.failures(calls, filtered=False)
    would_do = {"ptrace", "process_vm_readv", "pidfd_getfd", "kcmp", "unshare", "keyctl", "add_key", "clone3"}
    assert {name for name in would_do if without[name] == expected[name]} == set()


def test_the_kernel_says_of_arguments_what_the_filter_says(trial: Trial) -> None:
    calls = {name: [HERE[str(call[0])], *call[1:]] for name, (call, said) in WORDS.items() if said == errno.EPERM}
    assert trial.failures(calls) == dict.fromkeys(calls, errno.EPERM)  # type: ignore[arg-type]


def test_threads_children_and_their_programs_have_no_more_than_the_first_process(trial: Trial) -> None:
    number = str(HERE["socket"])
    assert json.loads(trial.ends("heirs", number).stdout) == dict.fromkeys(("thread", "child", "program"), errno.EPERM)
    assert set(json.loads(trial.ends("heirs", number, filtered=False).stdout).values()) == {0}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="it is the old convention of this processor only")
def test_a_call_as_a_32_bit_program_makes_it_ends_the_process(trial: Trial) -> None:
    if trial.ends("old-convention", filtered=False).returncode != 0:
        pytest.skip("this kernel runs no 32-bit programs")
    assert trial.ends("old-convention").returncode == 128 + signal.SIGSYS
    assert trial.failures({"x32": [0x40000000 + 39]}) == {"x32": errno.ENOSYS}


def test_what_programs_build_upon_still_works(trial: Trial) -> None:
    """The languages and tools that are here, each with threads, children or sockets of its own."""
    tried = {tool: script for tool, script in TOOLS.items() if shutil.which(tool, path="/usr/bin:/bin")}
    assert tried
    for tool, script in tried.items():
        argv = trial.sandbox.argv(["/bin/sh", "-ec", script])
        done = subprocess.run(argv, capture_output=True, text=True, env={}, check=False, timeout=120)
        assert (done.returncode, done.stdout.split()[-1:]) == (0, ["well"]), f"{tool}: {done.stdout}{done.stderr}"
