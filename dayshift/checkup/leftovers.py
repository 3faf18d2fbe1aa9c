"""What no record speaks for: workspaces, worktrees, runs, sockets, half-written files."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dayshift.checkup.points import Point, Repair, Subject
from dayshift.tidying import orphans
from dayshift.tidying.orphans import Orphan

MOST_NAMED = 5


def leftovers(subject: Subject, project: Path | None) -> Iterator[Point]:
    """All of it; what holds work is saved as a patch before it goes."""
    found = orphans.found(subject.home, orphans.projects(subject.home, *([project] if project else [])))
    if not found:
        yield Point("orphans", True, "none")
        return
    removable = [each for each in found if each.removable]
    kinds = ", ".join(f"{kind}: {number}" for kind, number in sorted(Counter(each.kind for each in found).items()))
    named = "; ".join(f"{each.place}: {each.why}" for each in found[:MOST_NAMED])
    cure = "`dayshift doctor --fix` removes what may go; work in it is saved in results/salvage" if removable else ""
    yield Point("orphans", not removable, f"{kinds} ({named})", cure=cure,
                repairs=tuple(_removed(subject, each) for each in removable))  # fmt: skip


def _removed(subject: Subject, orphan: Orphan) -> Repair:
    def remove() -> str | None:
        saved = orphans.remove(subject.home, orphan)
        return f"its work is in {saved}" if saved else None

    return Repair(f"remove the {orphan.kind} {orphan.place}", remove, alone=False)  # it takes the daemon's lock itself
