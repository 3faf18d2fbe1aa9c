"""feedback/<date>.md: prepared for the person, written by them, read by everyone; nothing of theirs is ever changed.

Joins records and the archive for the tasks of a day and their evidence, the form, mentions for tasks it already has,
and feedback for what is written.
"""

import os
import stat
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path

from dayshift import files, records
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.learning import feedback, feedback_form
from dayshift.learning.feedback import Feedback, Remark
from dayshift.learning.feedback_form import Entry
from dayshift.learning.mentions import Mentions
from dayshift.model import Record, Task
from dayshift.reporting import archive

NAMES = "????-??-??.md"
TOO_LONG = f"only the first {files.SIZE_LIMIT // 1024} KiB of the file are read"


def path_of(home: Home, day: date) -> Path:
    """Where the person writes about that day."""
    return home.feedback / f"{day}.md"


def days(home: Home) -> list[date]:
    """Every day there is a file for, oldest first."""
    found = []
    for path in home.feedback.glob(NAMES):
        try:
            found.append(date.fromisoformat(path.stem))
        except ValueError:
            continue
    return sorted(found)


# --- reading ---------------------------------------------------------------------------------------


def read_all(home: Home) -> tuple[Feedback, ...]:
    """All feedback there is, oldest first."""
    written = days(home)
    tasks = _tasks(home) if written else {}
    return tuple(_read(home, day, tasks.get(day, ())) for day in written)


def read_day(home: Home, day: date) -> Feedback | None:
    """What is written about that day; None if there is no file."""
    if not os.path.lexists(path_of(home, day)):
        return None
    return _read(home, day, [record.task for record in records_of(home, day)])


def ratings(home: Home) -> dict[tuple[date, str], int]:
    """How the person rated which task of which day."""
    said = ((each.day, task) for each in read_all(home) for task in each.tasks)
    return {(day, task.task_id): task.rating for day, task in said if task.rating is not None}


def _tasks(home: Home) -> Mapping[date, Sequence[Task]]:
    found: dict[date, dict[str, Task]] = defaultdict(dict)
    for record in records.of_all_days(home):
        found[record.day][record.id] = record.task
    return {day: tuple(tasks.values()) for day, tasks in found.items()}


def _read(home: Home, day: date, tasks: Sequence[Task]) -> Feedback:
    path = path_of(home, day)
    name = f"{path.parent.name}/{path.name}"
    try:
        data = _bytes(path)
    except OSError as error:
        unread = Remark(f"{name} cannot be read", 0, error.strerror or type(error).__name__)
        return Feedback(day, name, (), (), (), (unread,))
    found = feedback.parse(_text(data[: files.SIZE_LIMIT]), day, name, tasks)
    if len(data) <= files.SIZE_LIMIT:
        return found
    cut = Remark(f"{name} goes on", data[: files.SIZE_LIMIT].count(b"\n") + 1, TOO_LONG)
    return Feedback(day, name, found.tasks, found.rules, found.remarks, (*found.not_understood, cut))


def _bytes(path: Path) -> bytes:
    """The beginning of the file, a byte more than is read; it is the person's own, so a link is followed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no regular file")
        return file.read(files.SIZE_LIMIT + 1)


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    return "\n".join(map(_line, data.removeprefix(b"\xef\xbb\xbf").split(b"\n")))


def _line(data: bytes) -> str:
    """The line; what is no UTF-8 is mostly of an older editor, and its words may be told to agents."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


# --- preparing -------------------------------------------------------------------------------------


def records_of(home: Home, day: date) -> list[Record]:
    """The real tasks of that day as they are now, by id; of an id used twice, the later task."""
    return [entry.record for entry in _entries(home, day)]


def _entries(home: Home, day: date) -> list[Entry]:
    facts = archive.read(home, day, rehearsal=False)
    known = [each for each in records.of_all_days(home) if each.day == day]
    every = sorted([*(facts.records if facts else ()), *known], key=lambda each: (each.id, each.created_at))
    costs = {row.key: row.cost for row in facts.by_task} if facts else {}
    latest = [list(same)[-1] for _, same in groupby(every, key=lambda each: each.id)]
    return [Entry(each, costs.get(each.id), each.id in costs) for each in latest]


def prepare(home: Home, day: date) -> Path:
    """Make the day's file, or add what tasks came since at its end: not a byte that is there is changed."""
    entries = _entries(home, day)
    path = path_of(home, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not files.publish_once(path, feedback_form.form(day, entries)):
        _add(path, entries)
    passing("feedback.prepared")
    return path


def _add(path: Path, entries: Sequence[Entry]) -> None:
    """Sections for the tasks that the file does not name, in its own line ends."""
    data = _bytes(path)
    if len(data) > files.SIZE_LIMIT or b"\0" in data:  # not a text that a section can be added to
        return
    text = _text(data)
    named = Mentions([entry.record.task for entry in entries]).all_of(text)
    missing = [entry for entry in entries if entry.record.id not in named]
    if not missing:
        return
    addition = f"\n{feedback_form.addition(missing)}"
    added = addition if not text or text.endswith(("\n", "\r")) else f"\n{addition}"
    with path.open("ab") as file:
        file.write((added.replace("\n", "\r\n") if "\r\n" in text else added).encode())
        file.flush()
        passing("feedback.added")
        os.fsync(file.fileno())
