"""Requests of the other commands to the daemon: a file each, durable before it is acknowledged, answered by a file."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dayshift import files
from dayshift.failpoints import passing
from dayshift.home import Home

REPLY_SUFFIX = ".reply"
REPLY_SECONDS = 60  #: no command waits longer for its answer


class Broken(Exception):
    """A file among the requests that is none; the message says which, why, where it is now and what to do."""


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
    files.write_sealed(home.inbox / f"{name}.json", content)
    passing("request.left")
    return name


def pending(home: Home) -> list[Request]:
    """The requests that wait and can be read, oldest first."""
    found = []
    for name in waiting(home):
        with suppress(Broken):
            if request := taken(home, name):
                found.append(request)
    return found


def waiting(home: Home) -> list[str]:
    """The names of the requests that wait, oldest first."""
    try:
        with os.scandir(home.inbox) as entries:
            names = [entry.name for entry in entries]
    except FileNotFoundError:
        return []
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json") and not name.startswith("."))


def taken(home: Home, name: str) -> Request | None:
    """That request; None if it was withdrawn. Broken if it is none, and then it has another name from now on."""
    path = home.inbox / f"{name}.json"
    try:
        if files.is_foreign(path):
            raise files.Refused("it belongs to another user")
        content = files.opened_json(path)
        if not isinstance(content, dict):
            raise files.Refused("it holds no object")
    except FileNotFoundError:
        if not os.path.lexists(path):
            return None
        raise Broken(f"the request {path} is a link to nothing; {_aside(path)}; give the command again") from None
    except (ValueError, files.Refused) as error:
        raise Broken(f"the request {path} cannot be read ({error}); {_aside(path)}; give the command again") from error
    return Request(name, content)


def _aside(path: Path) -> str:
    try:
        return f"it is kept as {files.set_aside(path).name}"
    except OSError as error:
        return f"it stays there ({error.strerror})"


def forget_stops(home: Home) -> None:
    """Take away each stop that still lies there: it was meant for the daemon before, which has had its end."""
    for path in (home.inbox / f"{name}.json" for name in waiting(home)):
        if files.read_facts(path).get("kind") == "stop":
            path.unlink(missing_ok=True)


def forget_replies(home: Home) -> None:
    """Take away answers to commands that stopped waiting."""
    for path in home.inbox.glob(f"*{REPLY_SUFFIX}"):
        with suppress(OSError):  # it was read this moment, or is a folder
            if time.time() - path.lstat().st_mtime > REPLY_SECONDS:
                path.unlink()


def done(home: Home, name: str, reply: list[str], ok: bool) -> None:
    """Answer a request and take it away."""
    files.write_json(home.inbox / f"{name}{REPLY_SUFFIX}", {"ok": ok, "lines": reply}, durable=False)
    passing("request.answered")
    (home.inbox / f"{name}.json").unlink(missing_ok=True)


def replies(home: Home, prefix: str) -> list[tuple[str, bool, list[str]]]:
    """The daemon's answers to the requests whose names begin so, with these names; they stay until forgotten."""
    found = []
    for path in sorted(home.inbox.glob(f"{prefix}*{REPLY_SUFFIX}")):
        if answer := _answer(path):
            found.append((path.stem, *answer))
    return found


def _answer(path: Path) -> tuple[bool, list[str]] | None:
    answer = files.read_facts(path)
    lines = answer.get("lines")
    return (bool(answer.get("ok")), list(map(str, lines))) if isinstance(lines, list) else None


def forget(home: Home, name: str) -> None:
    """Take the daemon's answer to that request away."""
    (home.inbox / f"{name}{REPLY_SUFFIX}").unlink(missing_ok=True)


def reply(home: Home, name: str, seconds: float) -> tuple[bool, list[str]] | None:
    """The daemon's answer within that time, taken away; None if there is none yet."""
    path = home.inbox / f"{name}{REPLY_SUFFIX}"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := _answer(path):
            path.unlink(missing_ok=True)
            return answer
        time.sleep(0.02)
    return None
