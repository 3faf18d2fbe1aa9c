"""What becomes the command: nothing of its own stays behind but the relay, which carries everything both ways."""

import contextlib
import hashlib
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dayshift.confinement import NOT_FOUND, NOT_RUN, UNFIT
from dayshift.repository.workspace import Workspace
from dayshift.sandboxing import sandbox as sandboxes
from dayshift.sandboxing.sandbox import PROXY_NAME, SOCKET_NAME, Interpreter, Sandbox, Unfenced, interpreter
from tests.premises import SYSTEM_PATH, SYSTEM_PYTHON, Ended

BIG = 3_000_000
CALL = """
import hashlib, socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as line:
    line.sendall(b"x" * int(sys.argv[2]))
    line.shutdown(socket.SHUT_WR)
    print(b"".join(iter(lambda: line.recv(65536), b"")).decode())
"""


@pytest.fixture
def sandbox(place: Workspace, tmp_path: Path) -> Sandbox:
    (tmp_path / "sockets").mkdir()
    return Sandbox(
        place.folder, place.repo, place.project.common_dir, place.home, {"PATH": SYSTEM_PATH},
        sockets=tmp_path / "sockets",
    )  # fmt: skip


def ended(argv: list[str]) -> Ended:
    return subprocess.run(argv, capture_output=True, text=True, env={}, check=False, timeout=60)


@contextlib.contextmanager
def answering(path: Path) -> Iterator[None]:
    """Somebody on that socket who tells every caller, once they have said all, what it came to."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=(door.accept()[0],)).start()

        def answer(caller: socket.socket) -> None:
            with caller:
                heard = b"".join(iter(lambda: caller.recv(65536), b""))
                caller.sendall(f"{path.name} {len(heard)} {hashlib.sha256(heard).hexdigest()}".encode())

        serving = threading.Thread(target=serve)
        serving.start()
        yield
        door.shutdown(socket.SHUT_RDWR)
    serving.join()


def said(name: str, size: int) -> str:
    return f"{name} {size} {hashlib.sha256(b'x' * size).hexdigest()}"


def calling(port: int, size: int) -> list[str]:
    return [str(SYSTEM_PYTHON.program), "-I", "-c", CALL, str(port), str(size)]


# --- the relay -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, BIG])
def test_the_relay_carries_all_of_it_both_ways(sandbox: Sandbox, tmp_path: Path, size: int) -> None:
    with answering(tmp_path / "sockets" / SOCKET_NAME):
        assert ended(sandbox.argv(calling(8900, size))).stdout.strip() == said(SOCKET_NAME, size)


def test_each_relay_leads_to_its_own_socket(sandbox: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "sockets"
    with answering(folder / SOCKET_NAME), answering(folder / PROXY_NAME):
        open_one = replace(sandbox, network=True)
        assert ended(open_one.argv(calling(8900, 2))).stdout.strip() == said(SOCKET_NAME, 2)
        assert ended(open_one.argv(calling(8901, 3))).stdout.strip() == said(PROXY_NAME, 3)
        assert "Connection refused" in ended(sandbox.argv(calling(8901, 3))).stderr


def test_a_caller_is_not_kept_waiting_when_nobody_is_behind_the_relay(sandbox: Sandbox) -> None:
    assert ended(sandbox.argv(calling(8900, 1))).stdout.strip() == ""


def test_without_a_sandbox_the_relay_ends_with_the_command(place: Workspace, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as spare:
        port = spare.getsockname()[1]
    open_one = Unfenced(place.repo, place.home, {"PATH": SYSTEM_PATH}, tmp_path, port)
    with answering(tmp_path / SOCKET_NAME):
        assert ended(open_one.argv(calling(port, 5))).stdout.strip() == said(SOCKET_NAME, 5)
    with pytest.raises(OSError):
        while True:
            socket.create_connection(("127.0.0.1", port)).close()


# --- the command -----------------------------------------------------------------------------------


def test_the_command_gets_the_environment_that_was_meant_and_no_more(sandbox: Sandbox) -> None:
    given = replace(sandbox, environment={"PATH": SYSTEM_PATH, "EMPTY": "", "TWO": "a=b\nc"})
    lines = ended(given.argv(["env", "-0"])).stdout.split("\0")
    expected = {"PATH": SYSTEM_PATH, "EMPTY": "", "TWO": "a=b\nc", "HOME": str(sandbox.home), "PWD": str(sandbox.repo)}
    assert sorted(filter(None, lines)) == sorted(f"{name}={value}" for name, value in expected.items())


PYTHONS = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)  #: what Python itself ignores


def test_the_command_ignores_no_signal(sandbox: Sandbox) -> None:
    """None but those that the caller of these tests ignores, which are no business of ours."""

    def ignored(status: str) -> int:
        return int(next(line for line in status.splitlines() if line.startswith("SigIgn")).split()[1], 16)

    callers = ignored(Path("/proc/self/status").read_text()) & ~PYTHONS
    assert ignored(ended(sandbox.argv(["cat", "/proc/self/status"])).stdout) & ~callers == 0


def test_a_command_ends_as_it_would_by_itself(sandbox: Sandbox) -> None:
    ends = {"exit 0": 0, "exit 7": 7, "kill -9 $$": 128 + signal.SIGKILL}
    assert {script: ended(sandbox.argv(["sh", "-c", script])).returncode for script in ends} == ends


def test_a_command_that_cannot_be_started_is_told_as_a_shell_tells_it(sandbox: Sandbox) -> None:
    (sandbox.repo / "plain").write_text("no program\n")
    missing, plain = ended(sandbox.argv(["no-such-program"])), ended(sandbox.argv(["./plain"]))
    assert (missing.returncode, missing.stderr) == (NOT_FOUND, "dayshift: no-such-program: No such file or directory\n")
    assert (plain.returncode, plain.stderr) == (NOT_RUN, "dayshift: ./plain: Permission denied\n")


def test_nothing_starts_when_the_kernel_takes_no_filter(sandbox: Sandbox) -> None:
    argv = [
        word if not word.startswith("--filter=") else f"--filter={'00' * 8}" for word in sandbox.argv(["echo", "x"])
    ]
    done = ended(argv)
    assert (done.returncode, done.stdout) == (UNFIT, "")
    assert "the kernel refuses prctl 22; nothing was started" in done.stderr


def test_nothing_starts_when_a_relays_port_is_taken(sandbox: Sandbox) -> None:
    argv = sandbox.argv(["echo", "x"])
    relay = next(word for word in argv if word.startswith("--relay="))
    argv.insert(argv.index(relay), relay)
    done = ended(argv)
    assert (done.returncode, done.stdout) == (UNFIT, "")


# --- the interpreter -------------------------------------------------------------------------------


def test_the_interpreter_is_the_real_one_below_a_virtual_environment(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    ask = "from dayshift.sandboxing.sandbox import interpreter as i; print(i().program, i().prefix)"
    root = Path(sandboxes.__file__).parent.parent
    told = subprocess.run(
        [tmp_path / "venv/bin/python", "-c", ask], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert told.stdout.split() == [str(interpreter().program), str(interpreter().prefix)]
    assert interpreter().program.is_file() and not interpreter().program.is_symlink()


@pytest.mark.parametrize("python", [interpreter(), SYSTEM_PYTHON], ids=["this", "the system's"])
def test_a_sandbox_shows_its_interpreter_wherever_it_lies(sandbox: Sandbox, python: Interpreter) -> None:
    done = ended(replace(sandbox, interpreter=python).argv(["echo", "well"]))
    assert done.stdout == "well\n", done.stderr
    assert python.prefix not in python.shown


def test_a_module_planted_in_the_work_tree_is_not_imported_by_it(sandbox: Sandbox) -> None:
    for name in ("ctypes.py", "socket.py", "dayshift.py", "sitecustomize.py"):
        (sandbox.repo / name).write_text("open('owned', 'w')\n")
        (sandbox.home / name).write_text("open('owned', 'w')\n")
    planted = replace(sandbox, environment={"PATH": SYSTEM_PATH, "PYTHONPATH": f"{sandbox.repo}:{sandbox.home}"})
    assert ended(planted.argv(["echo", "well"])).stdout == "well\n"
    assert not (sandbox.repo / "owned").exists()
