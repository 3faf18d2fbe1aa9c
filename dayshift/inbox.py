"""Requests of the other commands to the daemon: a file each, durable before it is acknowledged, answered by a file."""

import os
import time
from dataclasses import dataclass
from typing import Any

from dayshift import files
from dayshift.home import Home

REPLY_SUFFIX = ".reply"
REPLY_SECONDS = 60  #: no command waits longer for its answer


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its name and what it asks for (`kind` and more)."""

    name: str
    content: dict[str, Any]


def submit(home: Home, content: dict[str, Any], name: str | None = None) -> str:
    """Leave a request; it is on disk when this returns, and done by the daemon that runs or by the next one.

    Left once more under the same name it is the same request.
    """
    home.inbox.mkdir(parents=True, exist_ok=True)
    name = name or f"{time.time_ns()}-{os.getpid()}"
    files.write_json(home.inbox / f"{name}.json", content)
    return name


def pending(home: Home) -> list[Request]:
    """The requests that wait, oldest first; a broken one is set aside."""
    found = []
    for path in sorted(home.inbox.glob("*.json")):
        content = files.read_json(path)
        if isinstance(content, dict):
            found.append(Request(path.stem, content))
        else:
            path.rename(path.with_suffix(".broken"))
    return found


def forget_replies(home: Home) -> None:
    """Take away answers to commands that stopped waiting."""
    for path in home.inbox.glob(f"*{REPLY_SUFFIX}"):
        if time.time() - path.stat().st_mtime > REPLY_SECONDS:
            path.unlink(missing_ok=True)


def done(home: Home, name: str, reply: list[str], ok: bool) -> None:
    """Answer a request and take it away."""
    files.write_json(home.inbox / f"{name}{REPLY_SUFFIX}", {"ok": ok, "lines": reply}, durable=False)
    (home.inbox / f"{name}.json").unlink(missing_ok=True)


def replies(home: Home, prefix: str) -> list[tuple[str, bool, list[str]]]:
    """The daemon's answers to the requests whose names begin so, with these names; they stay until forgotten."""
    found = []
    for path in sorted(home.inbox.glob(f"{prefix}*{REPLY_SUFFIX}")):
        if isinstance(answer := files.read_json(path), dict):
            found.append((path.stem, bool(answer["ok"]), list(answer["lines"])))
    return found


def forget(home: Home, name: str) -> None:
    """Take the daemon's answer to that request away."""
    (home.inbox / f"{name}{REPLY_SUFFIX}").unlink(missing_ok=True)


def reply(home: Home, name: str, seconds: float) -> tuple[bool, list[str]] | None:
    """The daemon's answer within that time, taken away; None if there is none yet."""
    path = home.inbox / f"{name}{REPLY_SUFFIX}"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = files.read_json(path)
        if answer is not None:
            path.unlink(missing_ok=True)
            return bool(answer["ok"]), list(answer["lines"])
        time.sleep(0.02)
    return None
