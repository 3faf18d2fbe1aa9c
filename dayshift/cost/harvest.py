"""Transcripts brought into the account of other use, by two processes where that is quicker. Joins those two parts."""

import fcntl
import gc
import marshal
import os
import selectors
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dayshift.cost import transcripts
from dayshift.cost.bill import Billed
from dayshift.cost.other_use import OtherUse
from dayshift.cost.transcripts import Mark
from dayshift.failpoints import passing

if TYPE_CHECKING:
    from dayshift.cost.valuation import Valuation  # costs 0.1 s, in which the second process reads already

BATCH = 4 << 20  #: bytes of transcripts read between two bookings
MOST_FILES = 500  #: of one batch
ALONE = 16 << 20  #: so little is read sooner by one process
NUMBER = 4  #: bytes of a ticket, and of a length

#: One batch as read: messages, marks, and (file, problem) of what could not be read. Plain tuples, to be marshalled.
Load = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[str, str]]]
Batch = Sequence[tuple[str, Mark | None]]


@dataclass(slots=True)
class Harvest:
    """What one import brought."""

    files: int = 0  #: transcripts found
    read: int = 0  #: of them, those with something new
    size: int = 0  #: bytes to be read
    done: int = 0  #: of them, those read so far
    new: int = 0  #: requests that were not known before
    problems: list[tuple[str, str]] = field(default_factory=list)


def transcripts_of(environment: Mapping[str, str]) -> Path:
    """Where the CLI keeps the transcripts of the person whose environment this is."""
    home = environment.get("CLAUDE_CONFIG_DIR") or Path(environment.get("HOME") or "/nonexistent") / ".claude"
    return Path(home).expanduser() / "projects"


def gather(
    account: OtherUse, roots: Sequence[Path], valuation: "Callable[[], Valuation]", *, besides: Sequence[Path] = (),
    processes: int = 1, told: Callable[[Harvest], None] = lambda _: None,
) -> Harvest:  # fmt: skip
    """Take in what is new below the folders; ended at any moment and run again, it comes to the same.

    `told` hears of it after each part. A second process is forked, so only a program of one thread may ask for two;
    it reads while `valuation` is being made.
    """
    harvest = Harvest()
    batches = _batches(_unread(account, roots, besides, harvest))
    harvest.size = sum(size for size, _ in batches)
    with _reading(batches, shared=processes > 1 and harvest.size > ALONE) as loads:
        prices = valuation()
        account.rest_on(prices)
        for number, (messages, marks, problems) in loads:
            harvest.new += account.take_in(map(Billed._make, messages), map(Mark._make, marks), prices)
            harvest.read += len(marks)
            harvest.done += batches[number][0]
            harvest.problems += problems
            told(harvest)
    account.complete(prices)
    return harvest


def _unread(
    account: OtherUse, roots: Sequence[Path], besides: Sequence[Path], harvest: Harvest
) -> Iterator[tuple[int, str, Mark | None]]:
    """Size, path and mark of every transcript that is not as it was when it was read."""
    marks = account.marks()
    seen = set()

    def closed(error: OSError) -> None:
        harvest.problems.append((str(error.filename), f"the folder cannot be listed: {error.strerror}"))

    for root in roots:
        for path, facts in transcripts.found(root, besides, closed):
            key = facts.st_dev, facts.st_ino
            if key in seen:
                continue  # below two of the folders, or two names of one file
            seen.add(key)
            harvest.files += 1
            mark = marks.get(key)
            if mark is None or (mark.size, mark.changed) != (facts.st_size, facts.st_mtime_ns):
                yield max(0, facts.st_size - (mark.offset if mark else 0)), path, mark


def _batches(files: Iterable[tuple[int, str, Mark | None]]) -> list[tuple[int, Batch]]:
    """The files in parts of about the same size, each with that size."""
    batches: list[tuple[int, Batch]] = []
    size, batch = 0, []
    for each, path, mark in files:
        size += each
        batch.append((path, mark))
        if size >= BATCH or len(batch) >= MOST_FILES:
            batches.append((size, batch))
            size, batch = 0, []
    return [*batches, (size, batch)] if batch else batches


def _read(batch: Batch) -> Load:
    messages: list[tuple[Any, ...]] = []
    marks: list[tuple[Any, ...]] = []
    problems: list[tuple[str, str]] = []
    for path, known in batch:
        try:
            reading = transcripts.read(path, known)
        except OSError as error:
            problems.append((path, error.strerror or str(error)))
            continue
        messages += map(tuple, reading.messages)
        marks.append(tuple(reading.mark))
        if reading.problem:
            problems.append((path, reading.problem))
    return messages, marks, problems


@contextmanager
def _reading(batches: Sequence[tuple[int, Batch]], shared: bool) -> Iterator[Iterator[tuple[int, Load]]]:
    """Each batch once, as it was read here, or by a second process that begins at once."""
    if not shared:
        yield ((number, _read(batch)) for number, (_, batch) in enumerate(batches))
        return
    tickets, results, child = _second(batches)
    try:
        yield _from_both(batches, tickets, results)
    finally:
        os.close(tickets)
        os.close(results)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _from_both(batches: Sequence[tuple[int, Batch]], tickets: int, results: int) -> Iterator[tuple[int, Load]]:
    """Whoever is free reads the next batch; what the other process cannot deliver is read here."""
    missing = set(range(len(batches)))
    with selectors.DefaultSelector() as arrivals:
        arrivals.register(results, selectors.EVENT_READ)
        for number in _drawn(tickets):
            yield number, _read(batches[number][1])
            missing.discard(number)
            while arrivals.select(0) and (delivered := _received(results)):
                yield delivered
                missing.discard(delivered[0])
    while delivered := _received(results):
        yield delivered
        missing.discard(delivered[0])
    for number in sorted(missing):
        yield number, _read(batches[number][1])


def _second(batches: Sequence[tuple[int, Batch]]) -> tuple[int, int, int]:
    """Where tickets are drawn, each the number of a batch; where the second process delivers; its pid."""
    tickets, issue = os.pipe()
    results, deliver = os.pipe()
    os.set_blocking(issue, False)  # those that find no room any more are read at the end
    os.write(issue, b"".join(number.to_bytes(NUMBER, "little") for number in range(len(batches))))
    os.close(issue)
    with suppress(OSError):
        fcntl.fcntl(results, fcntl.F_SETPIPE_SZ, 1 << 20)
    passing("reader.forking")
    child = os.fork()
    if child == 0:
        _serve(batches, tickets, deliver)
    os.close(deliver)
    return tickets, results, child


def _serve(batches: Sequence[tuple[int, Batch]], tickets: int, deliver: int) -> NoReturn:
    """What the second process does, to its end; a fault of it is no loss."""
    try:
        gc.disable()
        for number in _drawn(tickets):
            load = marshal.dumps((number, _read(batches[number][1])))
            message = memoryview(len(load).to_bytes(NUMBER, "little") + load)
            while message:
                message = message[os.write(deliver, message) :]
    finally:
        os._exit(0)


def _drawn(tickets: int) -> Iterator[int]:
    while ticket := os.read(tickets, NUMBER):  # a pipe gives each to one reader
        yield int.from_bytes(ticket, "little")


def _received(results: int) -> tuple[int, Load] | None:
    """The next delivery, waited for; None if there is none any more."""
    length = _exactly(results, NUMBER)
    load = _exactly(results, int.from_bytes(length, "little")) if length else b""
    return marshal.loads(load) if load else None


def _exactly(results: int, count: int) -> bytes:
    """So many bytes, or none if the other side ended before."""
    parts = []
    while count and (part := os.read(results, count)):
        parts.append(part)
        count -= len(part)
    return b"" if count else b"".join(parts)
