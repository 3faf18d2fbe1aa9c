"""The program's own files: each must be what it was written as. What is torn is set aside, never thrown away."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dayshift import files, records
from dayshift.checkup.points import Point, Repair, Subject
from dayshift.cost.statement import statement
from dayshift.home import Home
from dayshift.mailbox.status import TaskSpend, status_facts

MOST = 500  #: files of one kind that are read, the newest
MOST_NAMED = 5
Reads = Callable[[Any], object]


def torn(subject: Subject) -> Iterator[Point]:
    """Every JSON file of ours, read as the program would read it."""
    found, read, left = [], 0, 0
    for paths, reads, is_moved in _kinds(subject.home):
        newest = _newest(paths)
        read, left = read + len(newest), left + len(paths) - len(newest)
        found += [(path, why, is_moved) for path in newest if (why := _wrong(path, reads))]
    sampled = f", the newest {MOST} of each kind" if left else ""
    if not found:
        yield Point("files", True, f"{read} read{sampled}, none torn")
        return
    names = ", ".join(f"{path.relative_to(subject.home.root)} ({why})" for path, why, _ in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    repairs = tuple(_set_aside(path) for path, _, is_moved in found if is_moved)
    is_one = len(found) == 1
    yield Point("files", False, f"{len(found)} of {read} {'is' if is_one else 'are'} torn: {names}{more}",
                cure=f"`dayshift doctor --fix` sets {'it' if is_one else 'them'} aside; nothing is deleted",
                repairs=repairs)  # fmt: skip


def _kinds(home: Home) -> Iterator[tuple[list[Path], Reads, bool]]:
    """The files of each kind, how one is read, and whether a torn one may be moved: a run's own files are its proof."""
    yield list(home.records.glob("*.json")), records.from_json, True
    yield list(home.history.glob("*/*.json")), records.from_json, True
    yield [path for path in home.days_at_hand if path.exists()], lambda data: records.day_from_json(data["day"]), True
    yield list((home.own / "days").glob("*.json")), _object, True
    yield list(home.reviews.glob("*.json")), _object, False
    yield list(home.inbox.glob("*.json")), _object, True
    yield [path for path in (home.plan_windows, home.lesson_decisions) if path.exists()], _any, True
    yield list((home.own / "runs").glob("*/*/*.json")), _object, False


def _object(data: Any) -> object:
    if not isinstance(data, dict):
        raise ValueError("it holds no object")
    return data


def _any(data: Any) -> object:
    return data


def _newest(paths: list[Path]) -> list[Path]:
    def age(path: Path) -> float:
        try:
            return path.lstat().st_mtime
        except OSError:
            return 0.0

    return sorted(paths, key=age, reverse=True)[:MOST]


def _wrong(path: Path, reads: Reads) -> str:
    """Why the file is not what it must be; empty if it is, or if it has gone meanwhile."""
    try:
        reads(files.opened_json(path))
    except FileNotFoundError:
        return ""
    except (OSError, files.Refused, ValueError, KeyError, TypeError) as error:
        return str(error).splitlines()[0][:120] or type(error).__name__
    return ""


def _set_aside(path: Path) -> Repair:
    return Repair(f"set {path} aside", lambda: f"it is {files.set_aside(path).name} now")


def set_aside_before(subject: Subject) -> Iterator[Point]:
    """What was set aside once, by whoever found it torn: it is the person's to look at."""
    found = sorted((*subject.home.own.glob("**/*.broken*"), *subject.home.questions.glob("*.broken*")))
    if found:
        names = ", ".join(str(path.relative_to(subject.home.root)) for path in found[:MOST_NAMED])
        count, them = ("1 file", "it") if len(found) == 1 else (f"{len(found)} files", "them")
        yield Point("set aside", True, f"{count}: {names}", cure=f"look at {them}, then delete {them} by hand")


def histories(subject: Subject) -> Iterator[Point]:
    """The lines of the histories: one that was cut off costs itself alone."""
    lines = [line for path in _newest(list((subject.home.own / "timeline").glob("*.jsonl")))
             for line in _bytes(path).split(b"\n") if line]  # fmt: skip
    if cut := sum(1 for line in lines if not _is_json(line)):
        was, they = ("was", "it") if cut == 1 else ("were", "they")
        found = f"{cut} of {len(lines)} lines {was} cut off; what {they} said is not in timelines"
        yield Point("histories", True, found)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


# --- status files: copies, which a record makes anew ---------------------------------------------------


def statuses(subject: Subject) -> Iterator[Point]:
    """Every record's status: there, whole, and of the record's state."""
    stale = [record_id for record_id, record in subject.records.items()
             if _state(subject.home.status / f"{record_id}.json") != record.state.name]  # fmt: skip
    if stale and not subject.is_served:  # a daemon shows each change itself, an instant after it kept it
        repairs = tuple(_renewed(subject, each) for each in stale)
        count, them = ("1 is", "it") if len(stale) == 1 else (f"{len(stale)} are", "them")
        yield Point("status files", False, f"{count} torn or old: {', '.join(stale[:MOST_NAMED])}",
                    cure=f"`dayshift doctor --fix`, or the next start, writes {them} anew",
                    repairs=repairs)  # fmt: skip
        return
    is_one = len(subject.records) == 1
    sound = "1 says what its record says" if is_one else f"{len(subject.records)} say what the records say"
    yield Point("status files", True, sound)


def _state(path: Path) -> str | None:
    facts = files.read_json(path)
    return facts.get("state") if isinstance(facts, dict) else None


def _renewed(subject: Subject, task_id: str) -> Repair:
    def write() -> None:
        record, home = subject.records[task_id], subject.home
        with statement(home.ledger(record.rehearsal)) as ledger:
            line = ledger.task(record.day, task_id) if ledger else None
        cap = record.task.max_cost
        spend = TaskSpend.nothing(cap) if line is None else TaskSpend(
            line.cost, line.reserved, cap, line.tokens, line.requests, line.unknown)  # fmt: skip
        files.write_json(home.status / f"{task_id}.json", status_facts(record, spend, "", subject.now))

    return Repair(f"write agent_status/{task_id}.json anew from its record", write)
