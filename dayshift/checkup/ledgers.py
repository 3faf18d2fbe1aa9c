"""The SQLite files: sound page by page, and every budget the sum of its requests. A ledger is never changed here."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from dayshift import files, ledger_file, sqlite_file
from dayshift.checkup.points import Point, Repair, Subject
from dayshift.clock import day_of
from dayshift.home import Home
from dayshift.statement import Statement

MOST_LOG = 16 << 20  #: bytes of a write-ahead log from which on it is worth putting into its file


def ledger(subject: Subject) -> Iterator[Point]:
    """The money: every page, every budget, the newest backup, requests that nobody settles."""
    path = subject.home.ledger(rehearsal=False)
    try:
        connection = ledger_file.opened_for_reading(path)
        if connection is None:
            yield Point("ledger", True, "none yet; the first day begins one")
            return
        with closing(connection):
            ledger_file.verify_whole(path, connection)
            wrong = ledger_file.imbalances(connection)
            held = [window.name for window in Statement(connection).windows() if window.reserved]
            seen = Statement(connection).mark("day")
    except files.Unusable as error:
        yield Point("ledger", False, str(error))  # with its cure, by the person's own hand: it is their money
        return
    yield _balance(path, wrong)
    if held and not subject.is_served:
        found = "requests were under way when the last daemon ended"
        yield Point("reservations", True, found, cure="the next start charges them at the most they can have cost")
    if seen and seen > str(day_of(subject.now, subject.settings.timezone)):
        yield Point("ledger's day", False, f"requests count in {seen} already, which the clock has not reached",
                    cure="set the clock right, or `dayshift cost rewind DATE` with the true date")  # fmt: skip


def _balance(path: Path, wrong: list[str]) -> Point:
    copies = ledger_file.backups(path)
    if wrong:
        return Point("ledger", False, f"{path}: {wrong[0]}{ledger_file.cure(path)}")
    if not copies:
        return Point("ledger", True, "sound; no backup yet")
    if why := sqlite_file.fault(copies[-1]):
        cure = "move it away; the next start makes another"
        return Point("ledger", False, f"sound, but its newest backup {copies[-1]} is not: {why}", cure=cure)
    return Point("ledger", True, f"sound; newest backup {copies[-1].name}")


def _others(home: Home) -> dict[Path, str]:
    """The other SQLite files, and what is lost with each."""
    return {
        home.outbox(rehearsal=False): "what was still to be told over your channels",
        home.telegram: "which Telegram message asks what",
        home.other_use: "what `dayshift cost import` brings back",
        home.ledger(rehearsal=True): "pretended money",
        home.outbox(rehearsal=True): "pretended alerts",
    }


def others(subject: Subject) -> Iterator[Point]:
    """The files beside the ledger."""
    there = {path: lost for path, lost in _others(subject.home).items() if path.exists()}
    wrong = {path: why for path in there if (why := sqlite_file.fault(path))}
    for path, why in wrong.items():
        repair = Repair(f"set {path} aside", lambda path=path: _set_aside(path))  # type: ignore[misc]
        yield Point(path.name, False, f"{path}: {why}", repairs=(repair,),
                    cure=f"`dayshift doctor --fix` sets it aside; {there[path]} is lost")  # fmt: skip
    if there and not wrong:
        yield Point("other databases", True, f"{len(there)} are sound")


def _set_aside(path: Path) -> str:
    """The file and its logs, which belong to no other."""
    moved = [files.set_aside(each).name for each in sorted(path.parent.glob(f"{path.name}*")) if _is_part(path, each)]
    return f"it is {', '.join(moved)} now"


def _is_part(path: Path, each: Path) -> bool:
    return each.name.removeprefix(path.name) in ("", "-wal", "-shm", "-journal")


def logs(subject: Subject) -> Iterator[Point]:
    """Write-ahead logs that have grown: they are put into their files when nobody has them open."""
    for path in (subject.home.ledger(rehearsal=False), *_others(subject.home)):
        log = path.with_name(f"{path.name}-wal")
        size = log.stat().st_size if log.exists() else 0
        if size > MOST_LOG and path.exists():
            repair = Repair(f"put {log} into {path.name}", lambda path=path: sqlite_file.checkpoint(path))  # type: ignore[misc]
            yield Point(log.name, True, f"{size >> 20} MiB", repairs=(repair,),
                        cure="it is harmless; a daemon's end, or `dayshift doctor --fix`, empties it")  # fmt: skip
