"""A task's work on its way into the person's tree: all of it or nothing, once, and resumable.

It joins the review, which knows the work, git, the takeover, the landing and the passage, which bring it over, the
receipt, which says how far that came, the keepsake, which can take it back, the verdict, which says when it may, and
the records, where it is marked. Whoever calls again after a crash goes on from the receipt, and of two who accept at
once one has the effect.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from dayshift import files, records
from dayshift.clock import rfc3339
from dayshift.events import Review
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository import git
from dayshift.repository.git import Repository
from dayshift.reviewing import review, takeover, verdict
from dayshift.reviewing.keepsake import Keepsake
from dayshift.reviewing.landing import Change
from dayshift.reviewing.passage import ByHalf, Moved, Passage, Refused, alone
from dayshift.reviewing.receipt import Receipt
from dayshift.reviewing.review import inert

MOST_NAMED = 20


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
    with alone(project, record.id):
        receipt = Receipt(home.receipt(record.id), review.span(record)[1])
        must_be_on_no_branch(project, record, receipt)
        if not receipt.landed:
            _bring_in(home, record, project, receipt, now)
    return _told(home, record, project.work_tree)


def must_be_on_no_branch(project: Repository, record: Record, receipt: Receipt) -> None:
    """Refused if a call made a branch of it and was cut short before that was noted."""
    made = receipt.made
    if made and project.text("rev-parse", "--verify", "--quiet", made.branch, check=False) == made.tip:
        name = made.branch.removeprefix("refs/heads/")
        raise Refused(
            f"{record.id} is on branch {name} already: `dayshift accept {' '.join(made.tasks)} --branch {name}` notes "
            f"that; or `git branch -D {name}` first"
        )


def must_be_nowhere(home: Home, record: Record) -> None:
    """Refused if a call brought it into the tree, or onto a branch, and was cut short before that was noted."""
    if verdict.changed_nothing(record):
        return
    receipt = Receipt(home.receipt(record.id), review.span(record)[1])
    if receipt.landed or receipt.begun(out=False):
        raise Refused(
            f"{record.id} was on its way into your tree, and is there at least by half: `dayshift accept {record.id}` "
            f"ends that, and then `dayshift accept {record.id} --undo` takes it out"
        )
    if receipt.made:
        must_be_on_no_branch(git.find(Path(record.project)), record, receipt)


def _bring_in(home: Home, record: Record, project: Repository, receipt: Receipt, now: datetime) -> None:
    """The changes into the tree. After an edit between two parts, what there was before is not kept again."""
    keepsake = Keepsake(home.keepsake(record.id), review.span(record)[1])

    def fitted(stage: Path) -> Sequence[Change]:
        objects = None
        if receipt.mixed:
            keepsake.forget()
        else:
            keepsake.open()
            objects = keepsake.objects
        found = takeover.prepared(project, *review.span(record), stage, own(home), objects)
        if objects and (moved := keepsake.take(project.work_tree, found.changes, found.before, found.after)):
            raise Moved(", ".join(moved))
        return found.changes

    try:
        Passage(record.id, project.work_tree, receipt, False, {}).go(fitted, now)
    except ByHalf as error:
        raise Refused(
            f"{record.id} is in your tree by half: {inert(str(error))}; repeat the command, which goes on from there"
        ) from error
    except takeover.Clash as clash:
        keepsake.forget()
        where = project.work_tree
        left = "what is there by half was left so" if receipt.mixed else f"nothing in {where} was changed"
        raise Refused(*_clashing(record, left, clash.hindered.items())) from clash
    except Moved as moved:
        keepsake.forget()
        raise Refused(f"{record.id} was not accepted: {inert(str(moved))} changed at that moment; repeat it") from moved


def own(home: Home) -> tuple[Path, ...]:
    """Where dayshift keeps what is its own: no task may change a file there."""
    return (home.own, home.workspaces, home.status, home.questions, home.logs)


def _told(home: Home, record: Record, tree: Path) -> list[str]:
    first, *warnings = told(home, record)
    return [f"{first}, not committed, in {tree}", *warnings]


def told(home: Home, record: Record) -> list[str]:
    """`task-001: accepted; 2 files, +3 -1`, and what the person should read first."""
    found = review.changes(record)
    measure = review.measured(found)
    count = "1 file" if measure.files == 1 else f"{measure.files} files"
    first = f"{record.id}: accepted; {count}, +{measure.insertions} -{measure.deletions}"
    return [first, *review.warnings(home, record, found)]


def _clashing(record: Record, left: str, hindered: Iterable[tuple[str, str]]) -> list[str]:
    needed = ", ".join(record.task.depends_on)
    return [
        f"{record.id} was not accepted, and {left}, for its changes do not fit there:",
        *named(hindered),
        *([f"it builds on {needed}; if that is not in your tree yet, accept it first"] if needed else []),
        f"make room for them and repeat, or take over what fits: `dayshift diff {record.id} | git apply --3way`",
    ]  # fmt: skip


def named(hindered: Iterable[tuple[str, str]]) -> list[str]:
    """The paths that do not fit, each with why; of many, some."""
    lines = [f"    {inert(path)}: {inert(why)}" for path, why in sorted(hindered)]
    more = [f"    and {len(lines) - MOST_NAMED} more"] if len(lines) > MOST_NAMED else []
    return [*lines[:MOST_NAMED], *more]


def mark(home: Home, record: Record, now: datetime) -> None:
    """Make the verdict durable and show it, where no daemon does."""
    records.save(home, record)
    passing("verdict.kept")
    place = home.status / f"{record.id}.json"
    if shown := files.read_json(place):
        files.write_json(place, {**shown, "review": record.review, "updated_at": rfc3339(now)}, durable=False)
