"""Whether a task is done: its deliverables are there and differ, its validation commands pass in the sandbox.

It joins the holder's folder, for the watch that also bounds a run.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from dayshift.evidence import Check
from dayshift.failpoints import passing
from dayshift.holder import measures
from dayshift.holder.bounds import LOOK_SECONDS, Excess, Watch
from dayshift.holder.processes import first_to_go
from dayshift.model import Task
from dayshift.repository.workspace import Workspace

COMMAND_SECONDS = 900  #: a validation command that runs longer has failed
LAST_WORDS_SECONDS = 2.0  #: after a command has ended; whoever holds its output longer is not waited for
TAIL = 4000
TIMED_OUT = 124  #: as timeout(1) reports it
KILLED = 137  #: as a shell reports it

Wrap = Callable[[list[str]], list[str]]
WORKSPACES = "agent_workspaces/"


def deliverables(task: Task, workspace: Workspace, base: str, changed: Sequence[str]) -> list[Check]:
    """One check per deliverable: exit code 0 if it exists and differs from where the task started."""
    return [_deliverable(path, workspace, base, changed) for path in task.deliverables]


def _deliverable(path: str, workspace: Workspace, base: str, changed: Sequence[str]) -> Check:
    if path.startswith(WORKSPACES):
        present = _within(workspace.folder.parent, path.removeprefix(WORKSPACES))
        return Check("deliverable", path, 0 if present else 1, "" if present else "missing")
    if not _within(workspace.repo, path):
        return Check("deliverable", path, 1, "missing")
    touched = any(each == path or each.startswith(path.rstrip("/") + "/") for each in changed)
    if touched or not _known(workspace, base, path):
        return Check("deliverable", path, 0)
    return Check("deliverable", path, 1, "unchanged")


def _within(folder: Path, path: str) -> bool:
    """Whether the path names something below the folder; a link that leads out of it counts as missing."""
    try:
        return (folder / path).resolve(strict=True).is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # absent, a link in a circle, a folder the agent closed
        return False


def _known(workspace: Workspace, base: str, path: str) -> bool:
    return bool(workspace.project.text("ls-tree", "--name-only", base, "--", path.rstrip("/")))


async def validations(task: Task, wrap: Wrap, watch: Callable[[], Watch]) -> list[Check]:
    """One check per validation command, run in order by a shell inside the sandbox that `wrap` puts round it."""
    return [await run_command(command, wrap, watch, "validate") for command in task.validate]


async def run_command(command: str, wrap: Wrap, watch: Callable[[], Watch], kind: str) -> Check:
    """The command's exit code, the tail of what it printed, how long it took, and why it was ended if it was."""
    began = time.monotonic()
    watching = await asyncio.to_thread(watch)
    tail = bytearray()
    async with _pipe() as (output, into):
        passing("check.starting")
        process = await asyncio.create_subprocess_exec(
            *wrap(["/bin/sh", "-c", command]), stdin=asyncio.subprocess.DEVNULL, stdout=into, stderr=into,
            env={}, start_new_session=True,
        )  # fmt: skip
        into.close()
        first_to_go(process.pid)
        try:
            code, stopped = await _end(asyncio.create_task(_own_end(process, output, tail)), process.pid, watching)
        finally:
            _kill(process)
            await process.wait()
    tail += f"\n{stopped}".encode()
    text = bytes(tail[-TAIL:]).decode(errors="replace").strip()
    return Check(kind, command, code, text, round(time.monotonic() - began, 1), stopped)


@contextlib.asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, BinaryIO]]:
    """What is read here of what is written there; nothing stays open, even where a process keeps its end."""
    reading, writing = os.pipe()
    output = asyncio.StreamReader()
    with os.fdopen(writing, "wb", buffering=0) as into:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(reading, "rb", buffering=0)
        )
        try:
            yield output, into
        finally:
            transport.close()


async def _end(end: asyncio.Task[int], pid: int, watch: Watch) -> tuple[int, str]:
    """The exit code, once the command has ended, taken too long or taken too much; and in words which of the last."""
    excess = asyncio.create_task(_excess(pid, watch))
    try:
        done, _ = await asyncio.wait({end, excess}, timeout=COMMAND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (end, excess):
            task.cancel()
    if end in done:
        return end.result(), ""
    return (KILLED, excess.result().words) if done else (TIMED_OUT, f"ran longer than {COMMAND_SECONDS} s")


async def _own_end(process: asyncio.subprocess.Process, output: asyncio.StreamReader, tail: bytearray) -> int:
    reading = asyncio.create_task(_read(output, tail))
    try:
        code = await process.wait()
        await asyncio.wait({reading}, timeout=LAST_WORDS_SECONDS)
    finally:
        reading.cancel()
    return code


async def _read(output: asyncio.StreamReader, tail: bytearray) -> None:
    while chunk := await output.read(65536):
        tail += chunk
        del tail[:-TAIL]


async def _excess(pid: int, watch: Watch) -> Excess:
    """What the command takes too much of, as soon as it does."""
    while True:
        if found := await asyncio.to_thread(lambda: watch.look(measures.root(pid))):
            return found
        await asyncio.sleep(LOOK_SECONDS)


def _kill(process: asyncio.subprocess.Process) -> None:
    """End bubblewrap, and with it the namespace it made; without a sandbox, whatever stayed in the command's group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def told(checks: Sequence[Check]) -> str:
    """What failed, as the agent is told it for its next attempt."""
    lines = ["The work was checked and is not finished yet. Fix what follows, then finish again."]
    for check in failed(checks):
        if check.kind == "deliverable":
            lines.append(f"- The deliverable `{check.subject}` is {check.tail}.")
        else:
            lines.append(f"- {_outcome(check)}:\n\n```\n{check.tail}\n```")
    return "\n".join(lines)


def failed(checks: Sequence[Check]) -> list[Check]:
    """The checks that are not green."""
    return [check for check in checks if check.exit_code != 0]


def summary(checks: Sequence[Check]) -> str:
    """What failed, in one line."""
    return "; ".join(
        f"{check.subject} is {check.tail}" if check.kind == "deliverable" else _outcome(check)
        for check in failed(checks)
    )


def _outcome(check: Check) -> str:
    how = f"was ended: it {check.stopped}" if check.stopped else f"exited with {check.exit_code}"
    return f"`{check.subject}` {how}"
