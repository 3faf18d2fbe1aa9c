"""How much is kept of what would grow for ever, and the tidying that holds it there. Nothing of the person's goes.

It joins the spool, which tells whether a run still lives. What is kept until the person cleans (records, workspaces) or
for good (reports, history, answers, the ledger) is none of its business.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

from dayshift import files
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.model import Record
from dayshift.running.spool import Spool

LOG_BYTES = 64 << 20  #: a task's log or stream that is larger is cut between two runs, and after the last
KEPT_BYTES = 32 << 20  #: of which that much is left: the end of it
RUNS_KEPT = 20  #: of each task, the last; an older one's prompt, errors and records go
OLD = timedelta(days=30)  #: openings of days, and requests that were set aside as unreadable


def tidy(home: Home, known: Iterable[Record], today: date) -> None:
    """What is due of all that, but for logs; a second time there is nothing to do."""
    for record in known:
        for run in _old_runs(home, record):
            files.remove_tree(run)
    for place in (home.own / "openings").glob("????-??-??-*.json"):
        if place.name < str(today - OLD):
            place.unlink(missing_ok=True)
    for place in home.inbox.glob("*.broken"):
        if time.time() - place.lstat().st_mtime > OLD.total_seconds():
            place.unlink(missing_ok=True)


def _old_runs(home: Home, record: Record) -> Iterator[Path]:
    """The folders of its earlier runs, but for those in which a holder lives."""
    for run in home.runs(record.id).glob("*"):
        if run.name.isdecimal() and int(run.name) <= record.runs - RUNS_KEPT and not Spool(run).alive:
            yield run


def is_long(home: Home, task_id: str) -> bool:
    """Whether the task's log or stream is larger than is kept."""
    return any(path.is_file() and path.stat().st_size > LOG_BYTES for path in _logs(home, task_id))


def _logs(home: Home, task_id: str) -> tuple[Path, Path]:
    return home.logs / f"{task_id}.log", home.logs / f"{task_id}.jsonl"


def cut_logs(home: Home, task_id: str) -> None:
    """Bring a task's log and stream back to the bound. No run of it may be under way: it is read by its offset."""
    log, stream = _logs(home, task_id)
    _cut(log, lambda dropped: f"... {dropped} bytes of earlier lines were dropped here")
    _cut(stream, lambda dropped: json.dumps({"type": "dayshift", "dropped_bytes": dropped}))


def _cut(path: Path, marked: Callable[[int], str]) -> None:
    """Keep the end of the file, in whole lines; a first one says how much is missing."""
    if not path.is_file() or path.stat().st_size <= LOG_BYTES:
        return
    with path.open("rb") as file:
        file.seek(-KEPT_BYTES, os.SEEK_END)
        file.readline()
        facts = os.fstat(file.fileno())
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
        try:
            with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, facts.st_mode & 0o777)) as kept:
                kept.write(f"{marked(file.tell())}\n".encode())
                shutil.copyfileobj(file, kept)
                kept.flush()
                os.fsync(kept.fileno())
            passing("log.shortening")
            temporary.replace(path)
            passing("log.shortened")
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
