"""The person's browser: it is handed a page, and what it says stays out of the terminal. Standard library only."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PATIENCE = 3.0  #: seconds; a browser that still runs by then has taken the page
OPENERS = ("xdg-open", "wslview", "gio open", "open")


class Unopened(Exception):
    """The page is in no browser; the message says why."""


def show(page: Path, environment: Mapping[str, str]) -> None:
    """The page is in the browser, or on its way there, when this returns; never later than in a few seconds."""
    tried = []
    for command in _commands(page.absolute().as_uri(), environment):
        if _took(command, environment):
            return
        tried.append(command[0])
    raise Unopened(f"{' and '.join(tried)} did not open it" if tried else "no browser was found; name one in BROWSER")


def _commands(address: str, environment: Mapping[str, str]) -> Iterator[Sequence[str]]:
    """What may be run, in turn: what BROWSER names, else what the desktop has."""
    named = [each for each in environment.get("BROWSER", "").split(os.pathsep) if each.strip()]
    if not named:
        _look_for_a_screen(environment)
    for each in named or OPENERS:
        words = [word.replace("%s", address) for word in _words(each)]
        if words and (program := shutil.which(words[0], path=environment.get("PATH"))):
            yield [program, *words[1:], *([] if "%s" in each else [address])]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []  # a quotation mark too few


def _look_for_a_screen(environment: Mapping[str, str]) -> None:
    if environment.get("SSH_CONNECTION"):
        raise Unopened("this is a session over SSH; open it on your own machine, or name a browser in BROWSER")
    if sys.platform != "darwin" and not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        raise Unopened("there is no screen here; name a browser in BROWSER")


def _took(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether it ran well, or still runs: then it goes on without us."""
    quiet = subprocess.DEVNULL
    try:
        browser = subprocess.Popen(
            command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True, env=dict(environment)
        )
    except OSError:
        return False
    try:
        return browser.wait(PATIENCE) == 0
    except subprocess.TimeoutExpired:
        return True
