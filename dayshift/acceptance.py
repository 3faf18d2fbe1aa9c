"""A task's work on its way into the person's tree: all of it or nothing, once, and resumable.

It joins the review, which knows the work, git, the takeover and the landing, which bring it over, the receipt, which
says how far that came, the verdict, which says when it may, and the records, where it is marked. The receipt is
written before the first path changes and after the last, one process does it at a time for a repository, and whoever
calls again goes on from there: so a crash at any moment, or two who accept at once, make one effect.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from dayshift import files, git, landing, records, review, takeover, verdict
from dayshift.clock import rfc3339
from dayshift.events import Review
from dayshift.git import Repository
from dayshift.home import Home
from dayshift.landing import Change, Disturbed
from dayshift.model import Record
from dayshift.receipt import Receipt
from dayshift.review import inert

PATIENCE = 60.0  #: seconds to wait for another accept in the same repository
MOST_NAMED = 20


class Refused(Exception):
    """The work was not taken over, and the tree is as it was unless the lines say otherwise; they say what to do."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def accept(home: Home, record: Record, now: datetime, force: bool = False) -> list[str]:
    """Put the changes into the tree, uncommitted, all of them or none, and say so; Refused if that cannot be.

    Index, HEAD and git directory are not touched. The caller marks the record afterwards. Killed between two files,
    it leaves some paths as they were and some as they shall be: the next call finishes that. Where a path was edited
    in between, the changes are merged anew with the tree as it then is.
    """
    if why := verdict.hindrance(record, Review.accept, force):
        raise Refused(why)
    if verdict.changed_nothing(record):
        return [f"{record.id}: accepted; it changed no file"]
    project = git.find(Path(record.project))
    with _alone(project, record):
        receipt = Receipt(home.reviews / f"{record.id}.json", review.span(record)[1])
        if not receipt.landed:
            _bring_in(home, record, project, receipt, now)
    return _told(home, record, project.work_tree)


@contextmanager
def _alone(project: Repository, record: Record) -> Iterator[None]:
    name = hashlib.sha256(bytes(project.common_dir)).hexdigest()[:16]
    try:
        with files.lock(files.private_folder("dayshift-locks") / f"{name}-accept", patience=PATIENCE):
            yield
    except files.Locked:
        raise Refused(f"{record.id}: another accept in {project.work_tree} does not end; try again later") from None


def _bring_in(home: Home, record: Record, project: Repository, receipt: Receipt, now: datetime) -> None:
    tree = project.work_tree
    if not _finished(tree, record, receipt):
        _forget_stages(tree, record)
        with _stage(tree, record, receipt) as stage:
            found = _fitted(home, record, project, stage)
            receipt.begin(stage, found)
            _land(tree, stage, found, record)
    receipt.end(now)
    _forget_stages(tree, record)


def _finished(tree: Path, record: Record, receipt: Receipt) -> bool:
    """Whether a call was cut short that this one could finish."""
    if not receipt.begun:
        return False
    try:
        landing.land(tree, receipt.stage, receipt.changes)
    except Disturbed:
        receipt.forget()
        return False
    except OSError as error:
        raise _by_half(record, error) from error
    return True


@contextmanager
def _stage(tree: Path, record: Record, receipt: Receipt) -> Iterator[Path]:
    """A folder for prepared files on the tree's file system; it stays as long as an unfinished receipt needs it."""
    folder = Path(tempfile.mkdtemp(prefix=f"{takeover.STAGE}{record.id}-", dir=tree))
    try:
        files.write_atomically(folder / ".gitignore", "*\n")
        yield folder / "files"
    finally:
        if not receipt.begun:
            files.remove_tree(folder)


def _fitted(home: Home, record: Record, project: Repository, stage: Path) -> tuple[Change, ...]:
    """The changes as they fit into the tree, prepared; Refused if they do not."""
    kept = (home.own, home.workspaces, home.status, home.questions, home.logs)
    try:
        found = takeover.prepared(project, *review.span(record), stage, kept)
    except takeover.Clash as clash:
        raise Refused(*_clashing(record, project.work_tree, clash.hindered.items())) from clash
    if disturbed := landing.disturbed(project.work_tree, stage, found):
        raise Refused(
            f"{record.id} was not accepted: {', '.join(map(inert, disturbed))} changed at that moment; repeat it"
        )
    return found


def _land(tree: Path, stage: Path, found: Sequence[Change], record: Record) -> None:
    try:
        landing.land(tree, stage, found)
    except (Disturbed, OSError) as error:
        raise _by_half(record, error) from error


def _by_half(record: Record, error: Exception) -> Refused:
    trouble = str(error) if isinstance(error, OSError) else f"{inert(str(error))} changed at that moment"
    return Refused(f"{record.id} is in your tree by half: {trouble}; repeat the command, which goes on from there")


def _forget_stages(tree: Path, record: Record) -> None:
    ours = re.compile(re.escape(f"{takeover.STAGE}{record.id}-") + r"[a-z0-9_]{8}")
    for each in tree.iterdir():
        if ours.fullmatch(each.name) and not each.is_symlink():
            files.remove_tree(each)


def _told(home: Home, record: Record, tree: Path) -> list[str]:
    found = review.changes(record)
    measure = review.measured(found)
    count = "1 file" if measure.files == 1 else f"{measure.files} files"
    first = f"{record.id}: accepted; {count}, +{measure.insertions} -{measure.deletions}, not committed, in {tree}"
    return [first, *review.warnings(home, record, found)]


def _clashing(record: Record, tree: Path, hindered: Iterable[tuple[str, str]]) -> list[str]:
    lines = [f"    {inert(path)}: {inert(why)}" for path, why in sorted(hindered)]
    more = [f"    and {len(lines) - MOST_NAMED} more"] if len(lines) > MOST_NAMED else []
    needed = ", ".join(record.task.depends_on)
    more += [f"it builds on {needed}; if that is not in your tree yet, accept it first"] if needed else []
    return [
        f"{record.id} was not accepted, and nothing in {tree} was changed, for its changes do not fit there:",
        *lines[:MOST_NAMED], *more,
        f"make room for them and repeat, or take over what fits: `dayshift diff {record.id} | git apply --3way`",
    ]  # fmt: skip


def mark(home: Home, record: Record, now: datetime) -> None:
    """Make the verdict durable and show it, where no daemon does."""
    records.save(home, record)
    place = home.status / f"{record.id}.json"
    if shown := files.read_json(place):
        files.write_json(place, {**shown, "review": record.review, "updated_at": rfc3339(now)}, durable=False)
