"""What a day leaves, as a day file for the next one that `check` accepts and `start` runs.

Joins plan for the order of its tasks, settings for what a key means that is left out, yaml_text for how values are
written. A file that a person has touched is theirs: only one whose bytes are still ours is replaced or removed.
"""

import hashlib
import logging
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

from dayshift import files
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.inputs.settings import Settings
from dayshift.inputs.yaml_text import block, flow, listed, quoted, scalar
from dayshift.markdown import clean
from dayshift.model import Record, Task
from dayshift.money import Pico, from_usd, to_usd
from dayshift.outlook import plan

log = logging.getLogger("dayshift")

OURS = re.compile(rb"# Written by dayshift; once edited it is yours and stays as it is \(([0-9a-f]{64})\)\.\n")
LONGEST = 110  #: characters of a comment
BELOW = " " * 6  #: what is below a key of a task


@dataclass(frozen=True, slots=True)
class Left:
    """A task that was left, and what the person should know of it, a line each."""

    record: Record
    remarks: tuple[str, ...] = ()


def next_day(day: date) -> date:
    """The date of the file that carries over what that day left."""
    return day + timedelta(days=1)


def path(home: Home, day: date, number: int = 1) -> Path:
    """Where what that day left is written; every further project has a file of its own."""
    return home.tasks / f"{next_day(day)}-carry-over{f'-{number}' if number > 1 else ''}.yaml"


def present(home: Home, day: date) -> str:
    """The file of what that day left, as a path from the home; empty if there is none."""
    place = path(home, day)
    return str(place.relative_to(home.root)) if place.exists() else ""


# --- on disk ---------------------------------------------------------------------------------------


def write(home: Home, settings: Settings, day: date, max_cost: Pico | None, left: Sequence[Left]) -> None:
    """Replace what was written of that day's rest, by a file for each project; remove it where nothing is left."""
    projects = sorted({each.record.project for each in left})
    for number in count(1):
        place = path(home, day, number)
        if number <= len(projects):
            its = [each for each in left if each.record.project == projects[number - 1]]
            _replace(place, rendered(home, settings, day, max_cost, its))
        elif os.path.lexists(place):
            _replace(place, None)
        else:
            return


def _replace(place: Path, content: bytes | None) -> None:
    """Put that there, or nothing, unless a person has made what is there theirs."""
    if not os.path.lexists(place):
        if content is not None:
            place.parent.mkdir(exist_ok=True)
            files.publish_once(place, content)
    elif not _is_ours(place):
        log.info("%s was edited, and stays as it is", place.name)
    elif content is None:
        place.unlink()
    else:
        files.write_atomically(place, content)
    passing("rest.written")


def _is_ours(place: Path) -> bool:
    try:
        data = place.read_bytes() if place.is_file() and not place.is_symlink() else b""
    except OSError:
        return False
    found = OURS.match(data)
    return found is not None and found[1].decode() == _digest(data[found.end() :])


def _signed(data: bytes) -> bytes:
    return f"# Written by dayshift; once edited it is yours and stays as it is ({_digest(data)}).\n".encode() + data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- what it says ----------------------------------------------------------------------------------


def rendered(home: Home, settings: Settings, day: date, max_cost: Pico | None, left: Sequence[Left]) -> bytes:
    """The whole file for tasks of one project; ValueError if that is more than a day file may hold."""
    known = {each.record.id: each for each in sorted(left, key=lambda each: each.record.id)}
    tasks = plan.order([each.record.task for each in known.values()])
    head = "\n".join(_head(home, settings, day, max_cost, known[tasks[0].id].record.project, tasks))
    for narrow in (False, True):
        entries = (_entry(known[task.id], settings, known.keys(), narrow) for task in tasks)
        content = _signed("\n".join([head, *entries, ""]).encode("utf-8", "replace"))
        if len(content) <= files.SIZE_LIMIT:
            return content
    raise ValueError(f"what {day} left does not fit into one day file of {files.SIZE_LIMIT // 1024} KiB")


def _head(
    home: Home, settings: Settings, day: date, max_cost: Pico | None, project: str, tasks: Sequence[Task]
) -> Iterator[str]:  # fmt: skip
    yield f"# What {day} left. Each task goes on where it stopped: its session, its workspace, its open question."
    yield f"date: {next_day(day)}"
    if max_cost is not None:
        highest = max((_own_cap(task, settings) or 0 for task in tasks), default=0)
        line = f"max_cost_usd: {_amount(max_cost)}"
        yield line if highest <= max_cost else f"# {line}  # of {day}, but a task below may cost more"
    yield f"project: {scalar(_from_home(home, project))}"
    yield "tasks:"


def _from_home(home: Home, project: str) -> str:
    """The project as a path from the home, if that leads there."""
    relative = os.path.relpath(project, home.root)
    return relative if str((home.root / relative).resolve()) == project else project


def _entry(left: Left, settings: Settings, named: Collection[str], narrow: bool) -> str:
    """One task with its remarks; `narrow` if not even the indentation of its description has room."""
    task = left.record.task
    keys = [*_what(task, narrow), *_work(task, named), *_bounds(task, settings), *_days(left.record)]
    lines = [f"    {key}:{'' if value.startswith(chr(10)) else ' '}{value}" for key, value in keys]
    remarks = [f"  # {_comment(remark)}" for remark in left.remarks]
    return "\n".join([*remarks, f"  - {lines[0].lstrip()}", *lines[1:]])


def _comment(remark: str) -> str:
    text = " ".join(clean(remark).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd").split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


Keys = Iterator[tuple[str, str]]


def _what(task: Task, narrow: bool) -> Keys:
    yield "id", scalar(task.id)
    yield "name", scalar(task.name)
    yield "description", quoted(task.description) if narrow else block(task.description, BELOW)
    if task.module:
        yield "module", scalar(task.module)
    if task.kind:
        yield "kind", scalar(task.kind)
    yield "estimated_complexity", str(task.complexity)


def _work(task: Task, named: Collection[str]) -> Keys:
    """What it works with and on; of its dependencies those that are left too: the others it has, or never will."""
    needed = tuple(each for each in task.depends_on if each in named)
    for key, paths in (("context_files", task.context_files), ("deliverables", task.deliverables),
                       ("depends_on", needed)):  # fmt: skip
        if paths:
            yield key, listed(paths, BELOW)
    yield "priority", str(task.priority)


def _bounds(task: Task, settings: Settings) -> Keys:
    """What it may take; what the settings say is left to them."""
    agent = settings.agent
    yield "model", scalar(task.model)
    if (cap := _own_cap(task, settings)) is not None:
        yield "max_cost_usd", _amount(cap)
    if task.timeout_minutes != agent.timeout_minutes:
        yield "timeout_minutes", str(task.timeout_minutes)
    if task.validate:
        yield "validate", "".join(f"\n{BELOW}- {scalar(command)}" for command in task.validate)
    if task.max_attempts != agent.max_attempts:
        yield "max_attempts", str(task.max_attempts)
    if hosts := [each for each in task.network if each not in settings.network]:
        yield "network", listed(hosts, BELOW)


def _own_cap(task: Task, settings: Settings) -> Pico | None:
    usual = settings.budget.task_usd
    return None if usual is not None and task.max_cost == from_usd(usual) else task.max_cost


def _amount(pico: Pico) -> str:
    """Dollars as a number, or as text where reading a number would lose a digit."""
    text = to_usd(pico)
    return text if Decimal(repr(float(text))) == Decimal(text) else quoted(text)


def _days(record: Record) -> Keys:
    if record.task.carry_over:
        yield "carry_over", "true"
    yield "continues", str(record.day)
    if record.task.rehearsal is not None:
        yield "rehearsal", "".join(f"\n{BELOW}- {flow(turn)}" for turn in record.task.rehearsal) or "[]"
