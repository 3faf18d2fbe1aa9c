"""A home's state as a whole: every part looked at, and what may be done about it done."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dayshift import locks, records
from dayshift.checkup import allowances, clocks, disks, ledgers, leftovers, owners, torn_files, watching
from dayshift.checkup.points import Point, Repair, Subject
from dayshift.home import Home
from dayshift.inputs.settings import Settings

PATIENCE = 0.5  #: seconds; a command that asks whether a daemon runs holds its lock for an instant


def examined(home: Home, settings: Settings, project: Path | None, now: datetime) -> Iterator[Point]:
    """Every point of the home's state. Nothing is changed, so that a daemon may run meanwhile."""
    known, broken = records.load_all(home)
    subject = Subject(home, settings, now, locks.is_locked(home.daemon_lock), known, tuple(broken))
    yield owners.daemon(subject)
    yield from ledgers.ledger(subject)
    yield from disks.disks(subject)
    yield from allowances.allowances(subject)
    yield from clocks.clock(subject)
    if home.own.is_dir():  # a home in which no day has run has no state yet
        yield from _state(subject, project)


def _state(subject: Subject, project: Path | None) -> Iterator[Point]:
    yield from ledgers.rehearsed(subject)
    yield from ledgers.others(subject)
    yield from ledgers.logs(subject)
    yield from owners.runs(subject)
    yield from torn_files.torn(subject)
    yield from torn_files.statuses(subject)
    yield from torn_files.histories(subject)
    yield from torn_files.set_aside_before(subject)
    yield from leftovers.leftovers(subject, project)
    yield from watching.watcher(subject)
    yield from disks.rights(subject)


@dataclass(frozen=True, slots=True)
class Fixed:
    """One repair, and what came of it."""

    what: str
    done: bool
    said: str = ""

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def fixed(home: Home, points: Iterable[Point], pretend: bool) -> Iterator[Fixed]:
    """Each repair these points offer, done or, to pretend, only named; one that fails keeps no other from its turn."""
    for repair in (each for point in points for each in point.repairs):
        yield Fixed(repair.what, False, "would be done") if pretend else _done(home, repair)


def _done(home: Home, repair: Repair) -> Fixed:
    try:
        with locks.lock(home.daemon_lock, PATIENCE) if repair.alone else nullcontext():
            return Fixed(repair.what, True, repair.do() or "")
    except locks.Locked:
        return Fixed(repair.what, False, "not while a daemon runs; `dayshift stop` it first")
    except Exception as error:  # whatever it was, the person hears of it, and the next repair is tried
        return Fixed(repair.what, False, f"{error}" or type(error).__name__)
