"""The CLI's own transcripts: found, and read from where they were left. Joins bill, which knows what a line means."""

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dayshift.cost.bill import Bill, Billed

MARKER = b'"usage":'  #: in every line that may bill; inside a text its quotes would be escaped
PERSON, HEAD = b'"type":"user"', 300  #: with no object opened before it, within so many bytes: not the model's line
BLOCK = 1 << 17  #: bytes; so few stay in the processor's cache from one look to the next
LONGEST_LINE = 32 << 20  #: a longer line is passed over, and said
PRINT = 256  #: bytes before the offset by which a file is known again


class Mark(NamedTuple):
    """How far a file was read, and how to know that it is still the same."""

    device: int
    inode: int
    size: int
    changed: int  #: mtime in nanoseconds
    offset: int  #: where the first line begins that was not whole
    check: int  #: CRC-32 of the bytes just before


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look into a file brought."""

    mark: Mark
    messages: tuple[Billed, ...]
    problem: str = ""


def found(
    root: Path, besides: Sequence[Path] = (), closed: Callable[[OSError], None] = lambda _: None
) -> Iterator[tuple[str, os.stat_result]]:
    """Every transcript below the folder, links left alone, in the order of names; none of `besides`.

    `closed` hears of each folder that cannot be listed.
    """
    kept_out = {str(each) for each in besides}
    waiting = [str(root)]
    while waiting:
        folders = []
        try:
            with os.scandir(waiting.pop()) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            closed(error)
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.name.endswith(".jsonl") and entry.is_file(follow_symlinks=False):
                yield entry.path, entry.stat(follow_symlinks=False)
        waiting += [folder for folder in reversed(folders) if folder not in kept_out]


def read(path: str, known: Mark | None) -> Reading:
    """The messages of the lines that became whole since `known`; all of them if it is another file by now. OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        facts = os.fstat(descriptor)
        offset = known.offset if known and _is_still(descriptor, known, facts.st_size) else 0
        bill = Bill(Path(path), facts.st_mtime_ns)
        end, long = _take(descriptor, offset, bill)
        mark = Mark(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, end, _check(descriptor, end))
        return Reading(mark, bill.messages(), _problem(bill.broken, long))
    finally:
        os.close(descriptor)


def _is_still(descriptor: int, known: Mark, size: int) -> bool:
    return known.offset <= size and _check(descriptor, known.offset) == known.check


def _check(descriptor: int, offset: int) -> int:
    before = min(offset, PRINT)
    return zlib.crc32(os.pread(descriptor, before, offset - before))


def _take(descriptor: int, offset: int, bill: Bill) -> tuple[int, int]:
    """Read from the offset to the end; where the last line begins that was not whole, and how many were too long."""
    data, filled, long = bytearray(BLOCK), 0, 0
    while count := os.preadv(descriptor, [memoryview(data)[filled:]], offset + filled):
        end = data.rfind(b"\n", filled, filled + count) + 1
        _add_lines(data, end, bill)
        filled += count - end
        data[:filled] = data[end : end + filled]
        offset += end
        if filled >= LONGEST_LINE:
            offset, filled, long = _next_line(descriptor, offset + filled), 0, long + 1
        elif filled == len(data):
            data.extend(bytes(len(data)))
    rest = data[:filled]
    if rest.endswith(b"}") and MARKER in rest:
        bill.add(rest, torn=True)  # whole, perhaps, but for its line's end: it will be looked at again
    return offset, long


def _add_lines(data: bytearray, end: int, bill: Bill) -> None:
    """Every line before `end` that may bill. Seeking is far cheaper than parsing, from the back most of all."""
    find, seek, start = data.find, data.rfind, 0
    while start < end:
        stop = find(b"\n", start)
        person = find(PERSON, start, min(start + HEAD, stop))
        if (person < 0 or find(b"{", start + 1, person) >= 0) and seek(MARKER, start, stop) >= 0:
            bill.add(data[start:stop])
        start = stop + 1


def _next_line(descriptor: int, offset: int) -> int:
    """Where the next line begins, or the file's end."""
    while block := os.pread(descriptor, BLOCK, offset):
        if (end := block.find(b"\n")) >= 0:
            return offset + end + 1
        offset += len(block)
    return offset


def _problem(broken: int, long: int) -> str:
    """What could not be read, in words."""
    words = (f"{broken} broken" if broken else "", f"{long} of more than {LONGEST_LINE >> 20} MiB" if long else "")
    return f"lines passed over: {', '.join(filter(None, words))}" if any(words) else ""
