"""The channel of `notify.command`: a program of the person's, which gets each alert as JSON on its standard input.

Joins courier, whose Channel it is.
"""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from dayshift.alerts import Alert, Kind
from dayshift.clock import rfc3339
from dayshift.failpoints import passing
from dayshift.markdown import clean
from dayshift.notifying.courier import Later, Undeliverable

SECONDS = 10.0  #: that one call may take, with all that it started and that can still speak
MOST_TRIES = 3
WORDS_KEPT = 4096  #: bytes at the end of what it says on standard error
#: All that it sees of the environment: what it needs to work and to reach the desktop, and no credential.
GIVEN = ("PATH", "HOME", "LANG", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


class Program:
    """Runs the program once for each alert: without a shell, in the home, in a process group that ends with it."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = "command-" + sha256("\0".join(command).encode()).hexdigest()[:6]
        self.kinds = frozenset(Kind)
        self._command, self._folder = tuple(command), folder
        self._environment = {name: environment[name] for name in GIVEN if name in environment}
        self._failures: dict[str, list[str]] = {}
        self._told: set[str] = set()

    async def send(self, alerts: tuple[Alert, ...]) -> None:
        """One call after the other; a failed one is repeated twice, and what was told before it is not told again."""
        for alert in alerts:
            if alert.key not in self._told:
                await self._tell(alert)
        self._told.difference_update(alert.key for alert in alerts)

    async def _tell(self, alert: Alert) -> None:
        failures = self._failures.setdefault(alert.key, [])
        if len(failures) < MOST_TRIES:
            why = await self._call(json.dumps(as_json(alert), ensure_ascii=False).encode("utf-8", "replace") + b"\n")
            failures += [why] if why else []
            if why and len(failures) < MOST_TRIES:
                raise Later(None, why)
        del self._failures[alert.key]
        if len(failures) == MOST_TRIES:
            raise Undeliverable(failures[-1])
        self._told.add(alert.key)

    async def _call(self, message: bytes) -> str:
        """Why it failed; nothing if it did not."""
        name = self._command[0]
        passing("program.starting")
        try:
            transport, call = await asyncio.get_running_loop().subprocess_exec(
                _Call, *self._command, cwd=self._folder, env=self._environment, process_group=0,
                stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            return f"{name} cannot be started ({getattr(error, 'strerror', None) or error})"
        try:
            passing("program.started")
            call.tell(message)
            with suppress(TimeoutError):
                async with asyncio.timeout(SECONDS):
                    await call.over.wait()
        finally:
            code = transport.get_returncode()
            with suppress(ProcessLookupError):
                os.killpg(transport.get_pid(), signal.SIGKILL)  # and whatever it started
            await call.ended.wait()
            transport.close()
        if code is None:
            return f"{name} took longer than {SECONDS:.0f} s and was ended"
        return f"{name} ended with {code}{_last_line(call.words)}" if code else ""


class _Call(asyncio.SubprocessProtocol):
    """One call under way: over when the program has ended and nobody can write to its standard error any more."""

    def __init__(self) -> None:
        self.ended, self.over = asyncio.Event(), asyncio.Event()
        self.words = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def tell(self, message: bytes) -> None:
        """Give it all there is to read; it need not read it."""
        pipe = self._transport.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport)
        pipe.write(message)
        pipe.close()

    def pipe_data_received(self, descriptor: int, data: bytes) -> None:
        self.words += data
        del self.words[:-WORDS_KEPT]

    def process_exited(self) -> None:
        self.ended.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set()


def as_json(alert: Alert) -> dict[str, Any]:
    """An alert as the program gets it: every name is always there."""
    return {
        "kind": alert.kind.value, "key": alert.key, "title": alert.title, "text": alert.text,
        "task_id": alert.task_id, "question": alert.question, "options": list(alert.options),
        "at": rfc3339(alert.at), "files": list(alert.files),
    }  # fmt: skip


def missing(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Why the program cannot be run, or nothing."""
    found = shutil.which(folder / command[0] if "/" in command[0] else command[0], path=environment.get("PATH", ""))
    return "" if found else f"{command[0]} is no program that can be run here"


def _last_line(words: bytearray) -> str:
    lines = clean(words.decode("utf-8", "replace")).strip().splitlines()
    return f": {lines[-1][:200]}" if lines else ""
