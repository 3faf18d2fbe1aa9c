"""Processes forked from one that has loaded the whole program already: they begin in milliseconds, not in a second."""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

from dayshift.commandline import COMMANDS

ROOT = Path(__file__).parent.parent
SECONDS = 60
COMMAND_MODULES = sorted({f"dayshift.commands.{module}" for module, _ in COMMANDS.values()})
LOADED = ["tests.scenes.all", "orchestrator", *COMMAND_MODULES]


def sources_live() -> bool:
    """Whether none of the processes that every forked one comes of was ended: all tests of this process share them."""
    sources = (forkserver._forkserver._forkserver_pid, resource_tracker._resource_tracker._pid)  # type: ignore[attr-defined]
    ended = (os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) for pid in sources if pid is not None)
    return not any(ended)


def forked(target: Callable[..., object], *given: Any) -> int:
    """The exit code of a process that calls that; what `given` holds is pickled."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    process = context.Process(target=target, args=given)
    process.start()
    process.join(SECONDS)
    code = process.exitcode
    process.kill()
    process.join()
    process.close()
    assert code is not None, f"it did not end within {SECONDS} s"
    return code


def command(
    words: Sequence[str], stdin: bytes, environment: Mapping[str, str], folder: Path
) -> tuple[int, bytes, bytes]:
    """Exit code, output and errors of `python orchestrator.py WORDS` in that folder, and that environment."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "0").write_bytes(stdin)
        code = forked(_main, list(words), dict(environment), folder, place)
        return code, (place / "1").read_bytes(), (place / "2").read_bytes()


def _main(words: list[str], environment: dict[str, str], folder: Path, place: Path) -> None:
    """What an interpreter does before it comes to orchestrator.py, and that."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY | os.O_CREAT), (2, os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(place / str(number), flags | os.O_CLOEXEC), number)
    streams = [os.fdopen(number, mode, encoding="utf-8", errors="surrogateescape") for number, mode in enumerate("rww")]
    sys.stdin, sys.stdout, sys.stderr = streams
    sys.argv = [str(ROOT / "orchestrator.py"), *words]
    import orchestrator

    sys.exit(orchestrator.main())
