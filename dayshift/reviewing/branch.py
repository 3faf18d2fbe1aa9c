"""Work accepted as a branch of the person's own, one commit a task; tree, index and HEAD stay as they are.

It joins what the acceptance joins, the person, whose commits these are, their messages, the objects and the references
that dayshift makes. All commits are made apart, and the reference once, if it is not there: killed at any moment, there
is no branch or the whole of it.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from dayshift.events import Review
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository import git, made_refs, objects
from dayshift.repository.git import GitError, Repository
from dayshift.reviewing import acceptance, commit_message, person, review, takeover, verdict
from dayshift.reviewing.passage import Refused, alone
from dayshift.reviewing.receipt import Made, Receipt
from dayshift.reviewing.review import inert

HEADS = "refs/heads/"
#: Names git would take for a branch and later read as something else: HEAD, a reference, a commit.
MISLEADING = re.compile(r"@|refs/.*|[A-Z_]*HEAD|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")


def make(home: Home, records: Sequence[Record], name: str, now: datetime, force: bool = False) -> list[str]:
    """Make the branch with the work of these tasks, in this order, on top of HEAD, and say so; Refused if it cannot be.

    The caller marks the records afterwards. Called again after a crash, it goes on.
    """
    if hindered := list(filter(None, (verdict.hindrance(each, Review.accept, force) for each in records))):
        raise Refused(*hindered)
    if len({each.project for each in records}) > 1:
        raise Refused("these tasks worked in several repositories; make a branch for each")
    project = git.find(Path(records[0].project))
    ref, works = _ref(project, name), [each for each in records if not verdict.changed_nothing(each)]
    with alone(project, records[0].id):
        receipts = [_receipt(home, each) for each in works]
        if not _is_made(project, ref, works, receipts):
            _make(home, project, works, receipts, ref, now)
        tip = _value(project, ref)
    lines = {each.id: acceptance.told(home, each) for each in works}
    nothing = [f"{each.id}: accepted; it changed no file" for each in records if each.id not in lines]
    onto = [f"{first}, on branch {name}" for first, *_ in lines.values()]
    return [
        *onto,
        *nothing,
        f"branch {name} ends at {tip[:12]}",
        *(line for _, *more in lines.values() for line in more),
    ]


def _receipt(home: Home, record: Record) -> Receipt:
    return Receipt(home.receipt(record.id), record.commit or "")


def _ref(project: Repository, name: str) -> str:
    try:
        if not MISLEADING.fullmatch(name) and project.text("check-ref-format", "--branch", name) == name:
            return HEADS + name
    except (GitError, ValueError):
        pass
    raise Refused(f"{inert(name)!r} is no name for a branch; `git help check-ref-format` says which are")


def _value(project: Repository, ref: str) -> str:
    """The commit it points to; empty if there is no such reference."""
    return project.text("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", check=False)


def _is_made(project: Repository, ref: str, records: Sequence[Record], receipts: Sequence[Receipt]) -> bool:
    """Whether an earlier call made just this branch; Refused if another is in the way, or the work is elsewhere."""
    there = _value(project, ref)
    ids = tuple(each.id for each in records)
    if there and receipts and all(each.made == Made(ref, there, ids) for each in receipts):
        return True
    if there:
        raise Refused(f"there is a branch {ref.removeprefix(HEADS)} already; take another name, or remove it")
    for record, receipt in zip(records, receipts, strict=True):
        if receipt.landed or receipt.begun(out=False):
            raise Refused(f"{record.id} is on its way into your tree: `dayshift accept {record.id}` ends that")
        acceptance.must_be_on_no_branch(project, record, receipt)
    return False


def _make(
    home: Home, project: Repository, records: Sequence[Record], receipts: Sequence[Receipt], ref: str, now: datetime
) -> None:
    head = _value(project, "HEAD")
    if not head:
        raise Refused(f"{project.work_tree} has no commit yet that a branch could begin at; make a first one")
    with objects.apart(project) as repository:
        tip = _commits(home, repository.by(_who(project, now)), records, head)
    if tip == head:
        raise Refused("nothing of it is missing from HEAD, so there is nothing to commit; accept it without --branch")
    made = Made(ref, tip, tuple(each.id for each in records))
    for receipt in receipts:
        receipt.make(made)
    made_refs.note(project, ref, tip)
    passing("branch.noted")
    try:
        words = ("update-ref", "--create-reflog", "-m", "dayshift accept --branch", ref, tip, "0" * len(tip))
        project.by(_who(project, now)).run(*words)
    except GitError as error:
        raise Refused(f"the branch was not made: {inert(str(error))}") from error
    passing("branch.made")


def _who(project: Repository, now: datetime) -> dict[str, str]:
    """The person, now, as git is told."""
    try:
        who = person.identity(project)
    except person.Unknown as unknown:
        raise Refused(str(unknown)) from unknown
    at = f"{int(now.timestamp())} {now.astimezone():%z}"
    return {**who, "GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}


def _commits(home: Home, repository: Repository, records: Sequence[Record], head: str) -> str:
    """The last of the commits, each on top of the one before; a task of which nothing is missing gets none."""
    tip = head
    for record in records:
        tree = _merged(home, repository, record, tip)
        if tree != repository.text("rev-parse", f"{tip}^{{tree}}"):
            message = commit_message.written([record]).encode()
            tip = repository.run("commit-tree", tree, "-p", tip, "-F", "-", stdin=message).decode().strip()
    return tip


def _merged(home: Home, repository: Repository, record: Record, tip: str) -> str:
    base, commit = review.span(record)
    hindered = {}
    for path, change in takeover.touched(repository, base, commit).items():
        if why := takeover.forbidden(repository.work_tree, path, change, acceptance.own(home)):
            hindered[path] = why
    tree, names = ("", []) if hindered else takeover.merged(repository, base, tip, commit)
    hindered |= dict.fromkeys(names, "was changed in HEAD, or by a task before it, too")
    if hindered:
        raise Refused(*_clashing(record, hindered.items()))
    return tree


def _clashing(record: Record, hindered: Iterable[tuple[str, str]]) -> list[str]:
    needed = ", ".join(record.task.depends_on)
    return [
        f"no branch was made, for the changes of {record.id} do not fit onto HEAD:",
        *acceptance.named(hindered),
        *([f"it builds on {needed}; what is not in HEAD yet has to be on the branch too"] if needed else []),
        f"leave {record.id} out, or accept it into your tree: `dayshift accept {record.id}` merges with what is there",
    ]


# --- taken back ----------------------------------------------------------------------------------------


def undo(home: Home, records: Sequence[Record], now: datetime) -> list[str]:
    """Take the branch away that these tasks were accepted as, if it is still what was made; Refused if it is not."""
    project, name = git.find(Path(records[0].project)), records[0].branch
    ref, ids = HEADS + name, {each.id for each in records}
    with alone(project, records[0].id):
        receipts = {each.id: _receipt(home, each) for each in records if not verdict.changed_nothing(each)}
        made = next((each.made for each in receipts.values() if each.made), None)
        if made and (more := [each for each in made.tasks if each not in ids]):
            every = " ".join(made.tasks)
            raise Refused(f"branch {name} holds {', '.join(more)} too: `dayshift accept {every} --undo`")
        gone = _remove(project, ref, made.tip if made else "")
        for receipt in receipts.values():
            receipt.end(now, out=True)
    return [f"{', '.join(each.id for each in records)}: no longer accepted; {gone}"]


def _remove(project: Repository, ref: str, tip: str) -> str:
    """Take the reference away if it is at the tip and nobody works on it; what there is to say of it."""
    name, there = ref.removeprefix(HEADS), _value(project, ref)
    if not there:
        return f"branch {name} was gone already; what you merged of it stays"
    cure = f"if you want none of it, `git branch -D {name}` and repeat"
    if there != tip:
        raise Refused(f"branch {name} has moved on to {there[:12]}, and is left as it is; {cure}")
    listed = project.run("worktree", "list", "--porcelain").decode(errors="surrogateescape").split("\n\n")
    for rows in (each.split("\n") for each in listed):
        if f"branch {ref}" in rows:
            place = inert(rows[0].removeprefix("worktree "))
            raise Refused(f"branch {name} is checked out in {place}; switch to another one there and repeat")
    made_refs.note(project, ref, made_refs.GONE)
    project.run("update-ref", "-d", ref, tip)
    passing("branch.removed")
    return f"branch {name} is taken away (it ended at {tip[:12]})"
