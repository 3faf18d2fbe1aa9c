"""Who holds what: the daemon its home, holders their runs; and what holds on although nobody follows it."""

import os
from collections.abc import Iterator
from pathlib import Path

from dayshift import files
from dayshift.checkup.points import Point, Repair, Subject
from dayshift.host import outset
from dayshift.running import holders
from dayshift.running.spool import Spool
from dayshift.states import Running

MOST_RUNS = 5_000  #: folders of runs that are looked into, the newest


def daemon(subject: Subject) -> Point:
    """Whether a daemon owns the home, and whether what it left of itself fits to that."""
    if not subject.is_served and (start := outset.under_way(subject.home)):
        who = f"pid {start['pid']}, since {start['started_at']}"
        return Point("daemon", True, f"not running yet; a start ({who}) proves the machine")
    path = subject.home.daemon_facts
    facts = files.read_json(path)
    if not isinstance(facts, dict):
        return _without_facts(subject, path)
    who = f"pid {facts.get('pid')}, since {facts.get('started_at')}"
    if subject.is_served:
        gone = not Path(f"/proc/{facts.get('pid')}").exists()
        return Point("daemon", True, f"running, {who}{' of another machine or container' if gone else ''}")
    found = f"not running; the last one ({who}) ended without a word"
    return Point("daemon", True, found, cure="`dayshift start` says so and goes on from there")


def _without_facts(subject: Subject, path: Path) -> Point:
    if subject.is_served:
        cure = "ask again in a moment; if it stays so, `dayshift stop` and start again"
        return Point("daemon", False, f"running, but {path.name} does not say which process", cure=cure)
    if not os.path.lexists(path):
        return Point("daemon", True, "not running")
    repair = Repair(f"set {path} aside", lambda: f"it is {files.set_aside(path).name} now")
    return Point("daemon", False, f"not running; {path} is torn", cure="`dayshift doctor --fix`", repairs=(repair,))


def runs(subject: Subject) -> Iterator[Point]:
    """The runs that live: each must be one that a record knows, and one alone of its task."""
    alive = list(_alive(subject))
    known = [(task_id, number) for task_id, number in alive if _is_known(subject, task_id, number)]
    strange = [each for each in alive if each not in known]
    cut = [record for record in subject.records.values()
           if isinstance(record.state, Running) and (record.id, record.runs) not in known]  # fmt: skip
    yield Point("runs", not strange, _told(subject, known, len(cut), strange), cure=_cure(strange),
                repairs=tuple(_end(subject, *each) for each in strange))  # fmt: skip


def _alive(subject: Subject) -> Iterator[tuple[str, int]]:
    folders = [path for path in (subject.home.own / "runs").glob("*/*") if path.name.isdecimal()]
    newest = sorted(folders, key=lambda path: int(path.name), reverse=True)[:MOST_RUNS]
    for path in newest:
        if Spool(path).alive:
            yield path.parent.name, int(path.name)


def _is_known(subject: Subject, task_id: str, number: int) -> bool:
    """Whether it is its task's present run; of a record that cannot be read nothing is said."""
    record = subject.records.get(task_id)
    return record.runs == number if record else f"{task_id}.json" in subject.broken


def _told(subject: Subject, known: list[tuple[str, int]], cut: int, strange: list[tuple[str, int]]) -> str:
    parts = [f"{len(known)} at work"]
    if known and not subject.is_served:
        parts.append("no daemon follows them: they cannot reach the model, and the next one takes them up")
    if cut:
        parts.append(f"{'1 was cut off, and goes' if cut == 1 else f'{cut} were cut off, and go'} on at the next start")
    for task_id, number in strange:
        pid = holders.of(subject.home.run(task_id, number))
        parts.append(f"run {number} of {task_id} lives (pid {pid or 'unknown'}), of which no record tells")
    return "; ".join(parts)


def _cure(strange: list[tuple[str, int]]) -> str:
    return "`dayshift stop` if a daemon runs, then `dayshift doctor --fix`" if strange else ""


def _end(subject: Subject, task_id: str, number: int) -> Repair:
    """The run, told to end through its own folder, and what is left of it by its mark: never a process by its name."""
    spool = Spool(subject.home.run(task_id, number))

    def end() -> None:
        spool.end(f"{subject.home.root}:{task_id}:{number}")
        if spool.alive:
            raise OSError("it did not end; look again in a minute")

    return Repair(f"end run {number} of {task_id}", end)
