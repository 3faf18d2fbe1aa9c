"""Whole lines of a growing file, read in blocks from an offset on."""

from pathlib import Path

BLOCK = 1 << 20
LONGEST_LINE = 16 << 20  #: a longer line is passed over


class Stream:
    """Hands out each whole line once; an over-long one is passed over."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path, self._offset, self._rest = path, offset, b""

    def lines(self, final: bool = False) -> list[bytes]:
        """The lines that became whole since the last call; with `final` also what stands without a newline."""
        whole: list[bytes] = []
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                while chunk := file.read(BLOCK):
                    self._offset += len(chunk)
                    *ready, self._rest = (self._rest + chunk).split(b"\n")
                    whole += ready
                    if len(self._rest) > LONGEST_LINE:
                        self._rest = b""
        except FileNotFoundError:
            return []
        if final and self._rest:
            whole.append(self._rest)
            self._rest = b""
        return [line for line in whole if line.strip()]
