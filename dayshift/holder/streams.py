"""What goes into a run and comes out of it: the prompt from memory, the output added to files."""

import io
import os

DROPPED = b"\n(the rest was too much to keep)\n"  #: stands at the end of what was cut off


def in_memory(path: str) -> io.BufferedRandom:
    """The file's content as an anonymous file of its own, at its beginning."""
    memory = os.fdopen(os.memfd_create("prompt"), "r+b")
    with open(path, "rb") as file:
        memory.write(file.read())
    memory.seek(0)
    return memory


def appended(path: str) -> int:
    """A descriptor that adds to the end of the file."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


class Sink:
    """A file that is added to, up to a size."""

    def __init__(self, path: str, room: int) -> None:
        self.file, self.room = appended(path), room
        self.full = False  #: whether something was dropped
        self.rest = b""  #: what the disk did not take yet

    def add(self, data: bytes) -> None:
        """Keep what there is room for, and drop the rest."""
        if self.full:
            return
        self.full = len(data) > self.room
        self.rest += data[: self.room] + DROPPED if self.full else data
        self.room -= len(data)
        self.flush()

    def flush(self) -> bool:
        """Whether the disk has taken all of it. While it has not, nothing more is to be added: who writes waits."""
        self.rest = written(self.file, self.rest)
        return not self.rest


def written(sink: int, data: bytes) -> bytes:
    """Write it; what a full disk did not take."""
    try:
        while data:
            data = data[os.write(sink, data) :]
    except OSError:
        pass
    return data
