"""The texts of an agent's work tree: read without following a link, none too large, none too many."""

import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LARGEST = 64 << 10  #: bytes of a text that is read
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(slots=True)
class Tree:
    """A work tree as the guard reads it; called with a path it gives the text of that file, or None."""

    root: Path
    left: int = 40  #: files that may still be read

    def __call__(self, path: str) -> str | None:
        steps = self._steps(path)
        if not steps or self.left <= 0:
            return None
        self.left -= 1
        try:
            with _opened(self.root, steps) as descriptor:
                return _text(descriptor)
        except (OSError, ValueError):  # absent, a link, no text, a name no file can have
            return None

    def _steps(self, path: str) -> list[str]:
        inside = posixpath.normpath(path)
        if inside.startswith("/"):
            inside = inside.removeprefix(f"{self.root}/")
        steps = inside.split("/")
        return [] if inside.startswith("/") or steps[0] in ("..", ".") else steps


@contextmanager
def _opened(root: Path, steps: list[str]) -> Iterator[int]:
    """The file at the end of these steps, each opened inside the one before; a link on the way is an error."""
    descriptor = os.open(root, _FOLDER)
    try:
        for place, step in enumerate(steps, 1):
            inner = os.open(step, _FILE if place == len(steps) else _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _text(descriptor: int) -> str | None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return None
    data = os.read(descriptor, LARGEST + 1)
    if len(data) > LARGEST or b"\0" in data:
        return None
    return data.decode("utf-8-sig")
