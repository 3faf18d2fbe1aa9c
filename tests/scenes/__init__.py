"""Scenes: what the program does where it matters most, each small enough to be struck at every point and repeated."""

import sys
import traceback
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from tests.forked import forked
from tests.striking import Strike, arm


class Scene(Protocol):
    """Something the program does in a folder. `act` is done, struck, and done again as by the next start."""

    points: tuple[str, ...]  #: that it passes
    elsewhere: tuple[str, ...]  #: of these, the ones passed by a process that it starts, and goes on without
    slow: bool

    def __init__(self, folder: Path) -> None: ...

    def stage(self) -> None:
        """What there was before."""

    def beside(self) -> AbstractContextManager[None]:
        """What lives on, whatever strikes: a server, a person."""

    def act(self) -> None:
        """Do it, or go on with it."""

    def holds(self) -> None:
        """What is true whenever one looks."""

    def ends(self) -> None:
        """What is true when it was done again."""


class Alone:
    """A scene beside which nothing lives."""

    elsewhere: tuple[str, ...] = ()
    slow = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prepare()

    def prepare(self) -> None:
        """What every look at the scene needs."""

    def stage(self) -> None:
        """Nothing was there."""

    def beside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def holds(self) -> None:
        """Nothing in particular."""


def play(scene: type[Scene], folder: Path, strike: Strike | None) -> None:
    """Act; what is raised goes into a file and makes the exit code 1."""
    try:
        act = scene(folder)
        if strike:
            arm(strike)
        act.act()
    except Exception:
        (folder / "said").write_text(traceback.format_exc())
        sys.exit(1)


def played(scene: type[Scene], folder: Path, strike: Strike | None = None) -> int:
    """The exit code of a process that plays the scene."""
    return forked(play, scene, folder, strike)
