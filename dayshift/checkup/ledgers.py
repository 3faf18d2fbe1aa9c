"""The SQLite files: sound page by page, and every budget the sum of its requests. A ledger is never changed here."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dayshift import files
from dayshift.checkup.points import Point, Repair, Subject
from dayshift.clock import day_of
from dayshift.cost import ledger_file, sqlite_file
from dayshift.cost.statement import Statement
from dayshift.home import Home

MOST_LOG = 16 << 20  #: bytes of a write-ahead log from which on it is worth putting into its file


@dataclass(frozen=True, slots=True)
class _Books:
    """What a sound file says of the money: where its sums are wrong, whether anything is held, which day it is in."""

    wrong: list[str]
    held: bool
    day: str | None


def _read(path: Path) -> _Books | None:
    """The ledger in that file, None if there is none yet; Unusable says what is wrong with the file."""
    connection = ledger_file.opened_for_reading(path)
    if connection is None:
        return None
    with closing(connection):
        ledger_file.verify_whole(path, connection)
        told = Statement(connection)
        held = any(window.reserved for window in told.windows())
        return _Books(ledger_file.imbalances(connection), held, told.mark("day"))


def ledger(subject: Subject) -> Iterator[Point]:
    """The money: every page, every budget, the newest backup, requests that nobody settles."""
    path = subject.home.ledger(rehearsal=False)
    try:
        books = _read(path)
    except files.Unusable as error:
        yield Point("ledger", False, str(error))  # with its cure, by the person's own hand: it is their money
        return
    if books is None:
        yield Point("ledger", True, "none yet; the first day begins one")
        return
    yield _balance(path, books)
    if books.held and not subject.is_served:
        found = "requests were under way when the last daemon ended"
        yield Point("reservations", True, found, cure="the next start charges them at the most they can have cost")
    if books.day and books.day > str(day_of(subject.now, subject.settings.timezone)):
        yield Point("ledger's day", False, f"requests count in {books.day} already, which the clock has not reached",
                    cure="set the clock right, or `dayshift cost rewind DATE` with the true date")  # fmt: skip


def _balance(path: Path, books: _Books) -> Point:
    if books.wrong:
        return Point("ledger", False, f"{path}: {books.wrong[0]}{ledger_file.cure(path)}")
    copy, why = _newest_backup(path)
    if why:
        cure = "move it away; the next start makes another"
        return Point("ledger", False, f"sound, but its newest backup {copy} is not: {why}", cure=cure)
    return Point("ledger", True, _sound(copy))


def _newest_backup(path: Path) -> tuple[Path | None, str]:
    """It, and what is wrong with it."""
    copies = ledger_file.backups(path)
    return (copies[-1], sqlite_file.fault(copies[-1])) if copies else (None, "")


def _sound(copy: Path | None) -> str:
    return f"sound; newest backup {copy.name}" if copy else "sound; no backup yet"


def rehearsed(subject: Subject) -> Iterator[Point]:
    """The pretended money, by the same measure; nothing of it is the person's, so what is broken is set aside."""
    path, name = subject.home.ledger(rehearsal=True), "rehearsal's ledger"
    if path.exists():
        why, is_broken = _trouble(path)
        copy, fault = _newest_backup(path)
        broken = ([path] if is_broken else []) + ([copy] if copy and fault else [])
        found = why or (f"sound, but its newest backup {copy} is not: {fault}" if fault else _sound(copy))
        cure = "`dayshift doctor --fix` sets it aside; pretended money is lost" if broken else ""
        repairs = tuple(_aside(each) for each in broken)
        yield Point(name, not (why or fault), found, cure=cure, repairs=repairs)


def _trouble(path: Path) -> tuple[str, bool]:
    """Why a ledger is of no use, and whether that is the file's own fault: then it could be mended by hand too."""
    try:
        books = _read(path)
        return (f"{path}: {books.wrong[0]}", True) if books and books.wrong else ("", False)
    except files.Unusable as error:  # a cure stands below what is wrong with the file, not below what else is
        why, _, by_hand = str(error).partition("\n")
        return why, bool(by_hand)


def _others(home: Home) -> dict[Path, str]:
    """The other SQLite files, and what is lost with each."""
    return {
        home.outbox(rehearsal=False): "what was still to be told over your channels",
        home.telegram: "which Telegram message asks what",
        home.other_use: "what `dayshift cost import` brings back",
        home.outbox(rehearsal=True): "pretended alerts",
    }


def others(subject: Subject) -> Iterator[Point]:
    """The files beside the ledger."""
    there = {path: lost for path, lost in _others(subject.home).items() if path.exists()}
    wrong = {path: why for path in there if (why := sqlite_file.fault(path))}
    for path, why in wrong.items():
        yield Point(path.name, False, f"{path}: {why}", repairs=(_aside(path),),
                    cure=f"`dayshift doctor --fix` sets it aside; {there[path]} is lost")  # fmt: skip
    if there and not wrong:
        yield Point("other databases", True, "1 is sound" if len(there) == 1 else f"{len(there)} are sound")


def _aside(path: Path) -> Repair:
    return Repair(f"set {path} aside", lambda: _set_aside(path))


def _set_aside(path: Path) -> str:
    """The file and its logs, which belong to no other."""
    moved = [files.set_aside(each).name for each in sorted(path.parent.glob(f"{path.name}*")) if _is_part(path, each)]
    return f"it is {', '.join(moved)} now"


def _is_part(path: Path, each: Path) -> bool:
    return each.name.removeprefix(path.name) in ("", "-wal", "-shm", "-journal")


def logs(subject: Subject) -> Iterator[Point]:
    """Write-ahead logs that have grown: they are put into their files when nobody has them open."""
    ledgers = (subject.home.ledger(rehearsal=False), subject.home.ledger(rehearsal=True))
    for path in (*ledgers, *_others(subject.home)):
        log = path.with_name(f"{path.name}-wal")
        size = log.stat().st_size if log.exists() else 0
        if size > MOST_LOG and path.exists():
            repair = Repair(f"put {log} into {path.name}", lambda path=path: sqlite_file.checkpoint(path))  # type: ignore[misc]
            yield Point(log.name, True, f"{size >> 20} MiB", repairs=(repair,),
                        cure="it is harmless; a daemon's end, or `dayshift doctor --fix`, empties it")  # fmt: skip
