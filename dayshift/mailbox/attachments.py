"""A person's files, put into an agent's io/ folder, where the agent may have laid anything in the way."""

import errno
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dayshift.failpoints import passing
from dayshift.files import Refused

LONGEST = 80  #: characters of a name
LONGEST_ENDING = 16
NUMBERED = 100  #: a name that is taken so often gets a random number
TRIES = 5  #: how often an agent may take the folder away under the supervisor's hand
#: Names that are read for what they are called: the agent's question, and what steers the CLI.
MEANING = frozenset({"question.md", "claude.md", "claude.local.md", "agents.md"})

_STRANGE = re.compile(r"[^A-Za-z0-9._-]+")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def keep(io: Path, name: str, content: bytes) -> str:
    """Put the file into the agent's folder, on disk when this returns; the name it got, which nothing had before."""
    for _ in range(TRIES):
        with _opened(io) as folder:
            try:
                return _kept(folder, safe(name), content)
            except FileNotFoundError:  # the folder was taken away after it was opened
                continue
    raise Refused(f"{io} is taken away again and again; nothing was put into it")


def safe(name: str) -> str:
    """A plain name for what a stranger called so: one folder's, no longer than 80 characters, with the same ending."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFKD", name))[-1]
    stem, ending = (_plain(part) for part in _parted(last.strip(".")))
    whole = f"{stem or 'file'}.{ending}" if ending else stem or "file"
    return _clipped(f"sent-{whole}" if whole.lower() in MEANING else whole)


def _plain(part: str) -> str:
    return _STRANGE.sub("-", part.encode("ascii", "ignore").decode()).strip(".-")


def _parted(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    return (stem, f".{ending}") if dot and len(ending) < LONGEST_ENDING else (name, "")


def _clipped(name: str, mark: str = "") -> str:
    stem, ending = _parted(name)
    return f"{stem[: LONGEST - len(mark) - len(ending)]}{mark}{ending}"


def _names(name: str) -> Iterator[str]:
    yield name
    for number in range(2, NUMBERED):
        yield _clipped(name, f"-{number}")
    while True:
        yield _clipped(name, f"-{os.urandom(4).hex()}")


@contextmanager
def _opened(io: Path) -> Iterator[int]:
    """A descriptor of the folder itself; what lies in its place is taken away, and what that leads to stays."""
    above = os.open(io.parent, _FOLDER)
    try:
        folder = _folder_in(above, io.name)
    finally:
        os.close(above)
    try:
        yield folder
    finally:
        os.close(folder)


def _folder_in(above: int, name: str) -> int:
    for _ in range(TRIES):
        try:
            return os.open(name, _FOLDER, dir_fd=above)
        except FileNotFoundError:
            _make(above, name)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            _take_away(above, name)
    raise Refused(f"{name} is replaced again and again; nothing was put into it")


def _make(above: int, name: str) -> None:
    with suppress(FileExistsError):  # somebody was quicker: it is looked at again
        os.mkdir(name, dir_fd=above)


def _take_away(above: int, name: str) -> None:
    with suppress(FileNotFoundError, IsADirectoryError):  # likewise
        os.unlink(name, dir_fd=above)


def _kept(folder: int, wanted: str, content: bytes) -> str:
    for name in _names(wanted):
        try:
            descriptor = os.open(name, _NEW, 0o644, dir_fd=folder)
        except FileExistsError:
            continue
        _write(folder, name, descriptor, content)
        passing("attachment.written")
        os.fsync(folder)
        passing("attachment.kept")
        return name
    raise AssertionError("there is always another name")


def _write(folder: int, name: str, descriptor: int, content: bytes) -> None:
    """Fill the file, or leave none."""
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(content)
            file.flush()
            passing("attachment.begun")
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(name, dir_fd=folder)
        raise
