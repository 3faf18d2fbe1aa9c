"""A task's work as the person reviews it: the patch, its measure, and what needs a look before it is taken over.

It joins git, which keeps the work, steering, which knows what works on after a task, the takeover, which lists what
differs, and the verdict, which knows whether there is any work.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dayshift.evidence import DiffStat, Steering
from dayshift.home import Home
from dayshift.markdown import clean
from dayshift.model import Record
from dayshift.repository import git, steering
from dayshift.reviewing import takeover, verdict

PLAIN = ("--no-color", "--no-relative", "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short")
#: Characters that take no room: a reader passes over words made of them, and an agent that is told them does not.
UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u206f\u3164\uffa0\ufff0-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
KIND = {"A": "added", "D": "removed", "M": "changed", "T": "turned into another kind"}


@dataclass(frozen=True, slots=True)
class Changed:
    """One path a task changed; the counts are None for what is not text."""

    path: str
    status: str
    insertions: int | None
    deletions: int | None


def patch(record: Record) -> bytes:
    """The task's changes against where it started, fit for `git apply`, binary files included; empty if none."""
    if verdict.changed_nothing(record):
        return b""
    words = ("--binary", "--full-index", "--find-renames", *PLAIN, *span(record))
    return git.find(Path(record.project)).run("diff", *words)


def changes(record: Record) -> tuple[Changed, ...]:
    """Every path the task changed; a rename is a removal and an addition."""
    if verdict.changed_nothing(record):
        return ()
    project = git.find(Path(record.project))
    said = project.run("diff", "--numstat", "-z", "--no-renames", *PLAIN, *span(record))
    counts = dict(_counted(line) for line in said.split(b"\0") if line)
    found = takeover.touched(project, *span(record))
    return tuple(
        Changed(path, KIND.get(each.letter, each.letter), *counts.get(path, (None, None)))
        for path, each in sorted(found.items())
    )


def span(record: Record) -> tuple[str, str]:
    """Where the work started, and the commit it is kept as."""
    assert record.base is not None and record.commit is not None
    return record.base, record.commit


def _counted(line: bytes) -> tuple[str, tuple[int | None, int | None]]:
    added, removed, path = line.split(b"\t", 2)
    return os.fsdecode(path), (int(added) if added.isdigit() else None, int(removed) if removed.isdigit() else None)


def stat(record: Record) -> DiffStat:
    """How much the task changed."""
    return measured(changes(record))


def measured(found: Sequence[Changed]) -> DiffStat:
    """How much that is."""
    return DiffStat(
        len(found), sum(each.insertions or 0 for each in found), sum(each.deletions or 0 for each in found),
        tuple(each.path for each in found),
    )  # fmt: skip


def steers(record: Record, found: Sequence[Changed]) -> tuple[Steering, ...]:
    """Of what the task changed, what steers agents or runs by itself."""
    if not found:
        return ()
    return steering.changed(git.find(Path(record.project)), *span(record), [each.path for each in found])


def warnings(home: Home, record: Record, found: Sequence[Changed]) -> list[str]:
    """What the person should read before an agent, a tool or dayshift does, in words."""
    tree = Path(record.project)
    own = [each.path for each in found if (tree / each.path).is_relative_to(home.config)]
    return [
        *(f"read {inert(each.path)} first: {each.why} ({each.kind}, +{each.insertions} -{each.deletions})"
          for each in steers(record, found)),
        *(f"read {inert(path)} first: it is part of dayshift's own configuration" for path in own),
    ]  # fmt: skip


def inert(line: str) -> str:
    """One line of an untrusted writer, in which nothing steers a terminal, ends the line or goes unseen."""
    ended = line.removesuffix("\r").replace("\x1b", "^[") + ("^M" if line.endswith("\r") else "")
    return UNSEEN.sub("\ufffd", clean(ended).replace("\n", "\ufffd"))
