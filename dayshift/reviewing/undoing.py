"""An acceptance taken back: what it put into the person's tree goes out again, and what they made since stays.

It joins what the acceptance joins. Where nothing was edited since, the tree is as it was, to the byte; where something
was, the same three-way merge decides as on the way in, the other way round.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from dayshift.events import Review
from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository import git
from dayshift.repository.git import Repository
from dayshift.reviewing import acceptance, review, takeover, verdict
from dayshift.reviewing.keepsake import Keepsake
from dayshift.reviewing.landing import Change
from dayshift.reviewing.passage import ByHalf, Moved, Passage, Refused, alone
from dayshift.reviewing.receipt import Receipt
from dayshift.reviewing.review import inert

#: What the takeover says of a path, in words of the way back.
SAID = {
    takeover.CHANGED: "you changed the same lines since",
    takeover.NEW: "was removed by it, but lies in your tree again, with other content",
    takeover.GONE: "was changed by it, but you removed or moved it since",
    takeover.REMOVED: "was made by it, but you changed it since",
    "would be moved": "was removed by it, and would come back at another place",
}


def undo(home: Home, record: Record, now: datetime) -> list[str]:
    """Take the task's changes out of the tree, all of them or none, and say so; Refused if that cannot be.

    The caller marks the record afterwards. Killed between two files, the next call goes on.
    """
    if why := verdict.hindrance(record, Review.undo, force=True):
        raise Refused(why)
    if record.review == verdict.PAST[Review.reject]:
        return [f"{record.id}: no longer rejected"]
    if verdict.changed_nothing(record):
        return [f"{record.id}: no longer accepted; it had changed no file"]
    project = git.find(Path(record.project))
    with alone(project, record.id):
        receipt = Receipt(home.receipt(record.id), review.span(record)[1])
        if not receipt.undone:
            _take_out(home, record, project, receipt, now)
            Keepsake(home.keepsake(record.id), review.span(record)[1]).forget()
    return [f"{record.id}: no longer accepted; its changes are out of {project.work_tree}"]


def _take_out(home: Home, record: Record, project: Repository, receipt: Receipt, now: datetime) -> None:
    base, commit = review.span(record)
    keepsake = Keepsake(home.keepsake(record.id), commit)
    before, after = keepsake.trees or (base, commit)

    def fitted(stage: Path) -> Sequence[Change]:
        objects = keepsake.objects if keepsake.trees else None
        kept = acceptance.own(home)
        found = takeover.prepared(project, after, before, stage, kept, objects, keepsake.put_back)
        exact = {path for path in found.whole if keepsake.is_exact(project.work_tree, path)}
        return [replace(change, exact=change.path in exact) for change in found.changes]

    try:
        Passage(record.id, project.work_tree, receipt, True, keepsake.folders).go(fitted, now)
    except ByHalf as error:
        raise Refused(
            f"{record.id} is still in your tree by half: {inert(str(error))}; repeat the command, which goes on from "
            "there"
        ) from error
    except takeover.Clash as clash:
        raise Refused(*_clashing(record, project.work_tree, clash.hindered.items())) from clash
    except Moved as moved:
        raise Refused(
            f"{record.id} is still accepted: {inert(str(moved))} changed at that moment; repeat it"
        ) from moved


def _clashing(record: Record, tree: Path, hindered: Iterable[tuple[str, str]]) -> list[str]:
    return [
        f"{record.id} is still accepted, and nothing in {tree} was changed, for its changes have met yours:",
        *acceptance.named((path, SAID.get(why, why)) for path, why in hindered),
        f"put yours aside and repeat, or take out what goes: `dayshift diff {record.id} | git apply --3way --reverse`",
    ]
