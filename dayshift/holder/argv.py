"""The FIFO in which stand-ins tell how they were called, and the file that keeps what they told."""

import contextlib
import fcntl
import os
import time

from dayshift.failpoints import passing
from dayshift.holder import RETRY_SECONDS
from dayshift.holder.streams import appended, written

BLOCK = 1 << 16
AHEAD = 1 << 20  #: bytes that can be told before a holder that is busy has read any; then who tells more waits for it
MOST = 16 << 20  #: bytes kept of one run; a run of honest tools tells a thousandth of that
DROPPED = b"\ndropped\n"  #: stands once where the rest was too much


class Argv:
    """Keeps what is told, in order; whoever tells it can neither read it again nor change it."""

    def __init__(self, spool: str) -> None:
        path = os.path.join(spool, "argv.fifo")
        os.mkfifo(path, 0o600)
        # Open for both ways: there is always a reader, so that telling never waits for one, and never an end.
        self.source = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # where pipes are scarce, a smaller one does
            fcntl.fcntl(self.source, fcntl.F_SETPIPE_SZ, AHEAD)
        os.chmod(path, 0o200)
        self.sink = appended(os.path.join(spool, "argv"))
        self.room = MOST
        self.rest = b""  #: what the disk did not take yet

    def take(self) -> None:
        """Keep what has been told; more than there is room for is dropped, and that is said. While a full disk takes
        nothing, whoever tells waits."""
        if not self.flush():
            return
        try:
            data = os.read(self.source, BLOCK)
        except BlockingIOError:
            return
        if self.room > 0:
            self.rest = data if len(data) <= self.room else DROPPED
            self.flush()
        self.room -= len(data)

    def flush(self) -> bool:
        """Whether the disk has taken all that was told."""
        self.rest = written(self.sink, self.rest)
        return not self.rest

    def finish(self) -> None:
        """Keep the last of it; nobody is left who could add to it."""
        room = None
        while room != self.room or self.rest:
            if self.rest:
                time.sleep(RETRY_SECONDS)
            room = self.room
            self.take()
        with contextlib.suppress(OSError):  # it is there; that it survives a power cut nobody can promise then
            os.fsync(self.sink)
        passing("argv.synced")
