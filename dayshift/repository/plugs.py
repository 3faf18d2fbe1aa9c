"""Files in an agent's tree that git would wait for without end: a FIFO, say, where it reads patterns or attributes."""

import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dayshift import files

READ_BY_GIT = frozenset({".gitignore", ".gitattributes"})  #: in every folder of a tree


def pulled(tree: Path) -> list[Path]:
    """Take them away, which hold nothing that anybody could keep; where they were."""
    found = list(_found(tree))
    for each in found:
        with suppress(FileNotFoundError):
            each.unlink()
    return found


def _found(tree: Path) -> Iterator[Path]:
    for folder, _, names in files.walk(tree):
        for name in READ_BY_GIT.intersection(names):
            with suppress(OSError):
                mode = (folder / name).lstat().st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):  # git follows no link here
                    yield folder / name
