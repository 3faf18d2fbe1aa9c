"""Whole lines of a growing file, read in blocks from an offset on, no more at a time than one look may take."""

import os
from io import FileIO
from pathlib import Path

BLOCK = 1 << 18
LOOK = 4 << 20  #: bytes that one look takes in at most; what comes faster is read by the next ones
LONGEST_LINE = 16 << 20  #: a longer line is passed over


class Stream:
    """Hands out each whole line once. What it could not hand out is told once, in `troubles`."""

    def __init__(self, path: Path, offset: int | None, look: int = LOOK) -> None:
        """From that offset on, no more than `look` bytes at a time; without an offset from where the file ends now."""
        self._look = look
        self.path, self._offset = path, _size(path) if offset is None else offset
        self._parts: list[bytes] = []  # of the line that is not whole yet
        self._held = 0  # bytes of it
        self._passing_over = False
        self._unsaid: list[bytes] = []  # read, when the next block could not be
        self.more = False  #: whether the last look left something for the next
        self.troubles: list[str] = []

    def lines(self, final: bool = False) -> list[bytes]:
        """The lines that became whole since the last call, or, if there is `more`, some of them; with `final` in the
        end also what stands without a newline."""
        whole, self._unsaid = self._unsaid, []
        try:
            with self.path.open("rb", buffering=0) as file:
                self._keep_within(os.fstat(file.fileno()).st_size)
                self._take_in(file, whole)
        except FileNotFoundError:
            self.more = False
        except OSError:  # the machine has no descriptor to spare, or the disk fails: later it may do
            self._unsaid, self.more = whole, False
            if final:
                raise
            return []
        if final and not self.more:
            self._end_line(whole)
        return [line for line in whole if line.strip()]

    def told(self) -> list[str]:
        """What could not be handed out since the last call, in words."""
        troubles, self.troubles = self.troubles, []
        return troubles

    def _take_in(self, file: FileIO, whole: list[bytes]) -> None:
        file.seek(self._offset)
        left = self._look
        while left > 0 and (chunk := file.read(min(BLOCK, left))):
            self._offset += len(chunk)
            left -= len(chunk)
            *ready, rest = chunk.split(b"\n")
            for part in ready:
                self._hold(part)
                self._end_line(whole)
            self._hold(rest)
        self.more = left <= 0

    def _keep_within(self, size: int) -> None:
        """Somebody cut the file short: what stands there now was read, or was before this run; the rest is gone."""
        if size < self._offset:
            self.troubles.append(f"{self.path.name} became shorter: what was not read yet is lost")
            self._offset, self._passing_over = size, False
            self._drop()

    def _hold(self, part: bytes) -> None:
        if not part or self._passing_over:
            return
        self._parts.append(part)
        self._held += len(part)
        if self._held > LONGEST_LINE:
            begin = self._offset - self._held
            self.troubles.append(
                f"a line of {self.path.name} is longer than {LONGEST_LINE >> 20} MiB and is passed over; "
                f"it begins about byte {max(0, begin)}"
            )
            self._passing_over = True
            self._drop()

    def _end_line(self, whole: list[bytes]) -> None:
        if self._parts:
            whole.append(b"".join(self._parts))
        self._passing_over = False
        self._drop()

    def _drop(self) -> None:
        self._parts, self._held = [], 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
