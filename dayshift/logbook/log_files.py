"""A growing file of lines, set aside when it is full: its last lines, and what is added. Standard library only."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO

LOOK_AGAIN_SECONDS = 0.2


def numbered(path: Path, number: int) -> Path:
    """The file that was set aside so many times ago."""
    return path.with_name(f"{path.name}.{number}")


def set_aside(path: Path, keep: int) -> None:
    """`x.log` becomes `x.log.1`, and so on; the oldest goes. OSError if the disk does not do it."""
    for number in range(keep, 0, -1):
        with suppress(FileNotFoundError):
            (path if number == 1 else numbered(path, number - 1)).replace(numbered(path, number))
    if not keep:
        path.unlink(missing_ok=True)


def older(path: Path) -> list[Path]:
    """The files that were set aside, oldest first."""
    endings = ((each.name.removeprefix(f"{path.name}."), each) for each in path.parent.glob(f"{path.name}.*"))
    found = sorted((int(ending), each) for ending, each in endings if ending.isdecimal())
    return [each for _, each in reversed(found)]


def lines(path: Path, most: int | None, over: Callable[[], bool] | None = None) -> Iterator[bytes]:
    """The last lines of all that is there, as bytes with their ends; with `over`, those that are added until it says
    so. What has no line's end yet comes last."""
    while not path.exists() and not older(path):
        if over is None or over():
            return
        time.sleep(LOOK_AGAIN_SECONDS)
    rest = b""
    with _opened(path) as file:
        told = chain(chain.from_iterable(map(_lines_of, older(path))), file)
        for line in told if most is None else deque(told, most):
            rest += line
            if rest.endswith(b"\n"):
                yield rest
                rest = b""
        if over is None:
            yield from filter(None, [rest])
            return
        place = file.tell()
    yield from _added(path, place, rest, over)


def _lines_of(path: Path) -> Iterator[bytes]:
    with suppress(FileNotFoundError), path.open("rb") as file:  # it may be set aside once more meanwhile
        yield from file


def _opened(path: Path) -> BinaryIO:
    """The file that grows; while there is none, an empty one."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        return open(os.devnull, "rb")  # noqa: PTH123 - whoever asks closes it


def _added(path: Path, place: int, rest: bytes, over: Callable[[], bool]) -> Iterator[bytes]:
    """Whole lines as they come, the first one begun by `rest`; when the file is set aside, those of the next."""
    file = _opened(path)
    file.seek(place)
    try:
        while True:
            ended = over()  # asked before reading, so that what the end wrote is still read
            *whole, rest = (rest + file.read()).split(b"\n")
            yield from (line + b"\n" for line in whole)
            if path.exists() and not _is_this(path, file):
                yield from filter(None, [rest + file.read()])
                was_set_aside = _is_this(numbered(path, 1), file)
                file.close()
                file, rest = _opened(path), b""
                if not was_set_aside:  # it was cut: what is in it was told before
                    file.seek(0, os.SEEK_END)
            elif ended:
                break
            else:
                time.sleep(LOOK_AGAIN_SECONDS)
        yield from filter(None, [rest])
    finally:
        file.close()


def _is_this(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
