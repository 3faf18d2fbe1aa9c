"""Changes on their way into the person's tree or out of it: all of them or none, and resumable.

It joins the takeover and the landing, which prepare and bring them about, the receipt, which says how far that came,
git, which knows the tree, and the footing, which knows its folders. The receipt is written before the first path
changes and after the last, and one process does it at a time for a repository: so a crash at any moment makes one
effect, once somebody calls again.
"""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dayshift import files, locks
from dayshift.repository.git import Repository
from dayshift.reviewing import footing, landing, takeover
from dayshift.reviewing.landing import Change, Disturbed
from dayshift.reviewing.receipt import Receipt

PATIENCE = 60.0  #: seconds to wait for another acceptance in the same repository


class Refused(Exception):
    """Nothing was done to the tree unless the lines say otherwise; they say why, and what to do."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Moved(Exception):
    """Paths changed at the very moment they were looked at; the message names them. Nothing was changed."""


class ByHalf(Exception):
    """Some paths are as they were, some as they shall be; the message says what stopped it. Calling again goes on."""


@contextmanager
def alone(project: Repository, task_id: str) -> Iterator[None]:
    """One at a time brings something into that repository's tree, or onto a branch of it; Refused if none ends."""
    name = hashlib.sha256(bytes(project.common_dir)).hexdigest()[:16]
    try:
        with locks.lock(locks.private_folder("dayshift-locks") / f"{name}-accept", patience=PATIENCE):
            yield
    except locks.Locked:
        raise Refused(f"{task_id}: another accept in {project.work_tree} does not end; try again later") from None


@dataclass(frozen=True, slots=True)
class Passage:
    """The way of one task's changes into that tree, or out of it again."""

    task_id: str
    tree: Path
    receipt: Receipt
    out: bool
    folders: Mapping[str, int]  #: that shall be there afterwards, with the rights of those that are not there now

    def go(self, fitted: Callable[[Path], Sequence[Change]], now: datetime) -> None:
        """Finish what was cut short; else bring about what is fitted into the stage given, as a whole."""
        if not self._finished():
            self._forget_stages()
            with self._stage() as stage:
                found = fitted(stage)
                self._must_be_as_seen(stage, found)
                self.receipt.begin(stage, found, self.out, self._missing())
                self._land(stage, found)
        footing.restore(self.tree, {**self._missing(), **self._begun_without()})
        self.receipt.end(now, self.out)
        self._forget_stages()

    def _finished(self) -> bool:
        """Whether a call was cut short that this one could finish."""
        if not self.receipt.begun(self.out):
            return False
        try:
            landing.land(self.tree, self.receipt.stage, self.receipt.changes)
        except Disturbed:
            self.receipt.disturb(self.out)
            return False
        except OSError as error:
            raise ByHalf(str(error)) from error
        return True

    def _missing(self) -> dict[str, int]:
        there = footing.folders(self.tree, self.folders)
        return {path: rights for path, rights in self.folders.items() if path not in there}

    def _begun_without(self) -> dict[str, int]:
        return {path: rights for path, rights in self.receipt.folders.items() if path in self.folders}

    @contextmanager
    def _stage(self) -> Iterator[Path]:
        """A folder for prepared files on the tree's file system; it stays while an unfinished receipt needs it."""
        folder = Path(tempfile.mkdtemp(prefix=f"{takeover.STAGE}{self.task_id}-", dir=self.tree))
        try:
            files.write_atomically(folder / ".gitignore", "*\n")
            yield folder / "files"
        finally:
            if not self.receipt.begun(self.out):
                files.remove_tree(folder)

    def _must_be_as_seen(self, stage: Path, found: Sequence[Change]) -> None:
        if disturbed := landing.disturbed(self.tree, stage, found):
            raise Moved(", ".join(disturbed))

    def _land(self, stage: Path, found: Sequence[Change]) -> None:
        try:
            landing.land(self.tree, stage, found)
        except Disturbed as error:
            raise ByHalf(f"{error} changed at that moment") from error
        except OSError as error:
            raise ByHalf(str(error)) from error

    def _forget_stages(self) -> None:
        ours = re.compile(re.escape(f"{takeover.STAGE}{self.task_id}-") + r"[a-z0-9_]{8}")
        for each in self.tree.iterdir():
            if ours.fullmatch(each.name) and not each.is_symlink():
                files.remove_tree(each)
