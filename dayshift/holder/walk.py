"""A walk through a folder for what it takes on disk, by descriptors: no path is too long, and no link is followed."""

import errno
import os
from collections.abc import Iterator

BLOCK = 512  #: the unit of st_blocks; no file takes less
STRIDE = 256  #: entries looked at between two steps
MOST_LINKED = 500_000  #: files with several names that are remembered; those beyond count once a name
DEEPEST = 200  #: folders within folders: each on the way down is held open
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}  #: what was a folder or a file there is none any more


class Walk:
    """Goes through the folder once; what it cannot look at is not counted, but known to be there."""

    def __init__(self, folder: str) -> None:
        self.total = 0  #: bytes found so far; a file of many names is one
        self.closed = False  #: whether there was something that cannot be looked at: no permission, or too deep
        self._folder, self._seen = folder, set[tuple[int, int]]()
        self._way: list[tuple[int, list[str]]] = []  # descriptors from the top down, and the folders still to see there

    def steps(self) -> Iterator[int]:
        """A little of the way with each step, and the bytes found so far."""
        try:
            yield from self._enter(self._folder, None)
            while self._way:
                parent, names = self._way[-1]
                if names:
                    yield from self._enter(names.pop(), parent)
                else:
                    os.close(self._way.pop()[0])
        finally:
            while self._way:
                os.close(self._way.pop()[0])

    def _enter(self, name: str, parent: int | None) -> Iterator[int]:
        """Count what is in the folder, and remember the folders in it; the first may be a link, since we chose it."""
        try:
            if len(self._way) >= DEEPEST:
                raise OSError(errno.ENAMETOOLONG, name)
            names: list[str] = []
            folder = os.open(name, FOLDER if parent is None else FOLDER | os.O_NOFOLLOW, dir_fd=parent)
            self._way.append((folder, names))
            with os.scandir(folder) as entries:
                for count, entry in enumerate(entries):
                    self._take(entry, names)
                    if count % STRIDE == STRIDE - 1:
                        yield self.total
        except OSError as error:
            self._missed(error)
        yield self.total

    def _take(self, entry: "os.DirEntry[str]", names: list[str]) -> None:
        try:
            facts = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                names.append(entry.name)
            elif facts.st_nlink > 1 and self._knows(facts):
                return
        except OSError as error:
            self._missed(error)
        else:
            self.total += max(facts.st_blocks, 1) * BLOCK

    def _knows(self, file: os.stat_result) -> bool:
        """Whether the file was met under another name; it is remembered if there is room."""
        known = (file.st_dev, file.st_ino) in self._seen
        if len(self._seen) < MOST_LINKED:
            self._seen.add((file.st_dev, file.st_ino))
        return known

    def _missed(self, error: OSError) -> None:
        self.closed |= error.errno not in GONE
