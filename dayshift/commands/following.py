"""What goes with tasks that are accepted or taken back: what they build on, what builds on them, what meets them."""

from collections.abc import Mapping, Sequence

import click

from dayshift import records
from dayshift.commandline import Failure
from dayshift.commands.lookup import task_record
from dayshift.home import Home
from dayshift.model import Record
from dayshift.reviewing import lineage, overlaps
from dayshift.reviewing.review import inert

Known = Mapping[str, Record]


def known(home: Home, tasks: Sequence[str]) -> dict[str, Record]:
    """Every record there is; Failure if one of these tasks has none."""
    found, _ = records.load_all(home)
    for each in tasks:
        if each not in found:
            _must_be_there(home, each)
    return found


def _must_be_there(home: Home, task_id: str) -> None:
    earlier = [each for each in records.of_all_days(home) if each.id == task_id]
    if earlier and not (home.records / f"{task_id}.json").exists():
        raise Failure(f"{task_id} of {earlier[-1].day} was cleaned: nothing is left of it to accept or to take back")
    task_record(home, task_id)


def chosen(
    known: Known, tasks: Sequence[str], with_dependencies: bool, with_dependents: bool, alone: bool, asks: bool
) -> list[str]:
    """The tasks to accept, in order; Failure if they build on what is not accepted and nobody takes that too."""
    found = list(dict.fromkeys(tasks))
    missing = [] if alone else lineage.missing(known, found)
    if missing and not with_dependencies and not (asks and _takes_first(known, found, missing)):
        raise Failure(_lacking(known, found, missing))
    if unfit := [each for each in missing if known[each].review == "rejected"]:
        raise Failure(f"you rejected {', '.join(unfit)}: accept that by name, or leave it out with --alone")
    found = lineage.in_order(known, [*missing, *found])
    return found + (lineage.ready(known, found) if with_dependents else [])


def _takes_first(known: Known, found: Sequence[str], missing: Sequence[str]) -> bool:
    first = ", ".join(f"{each} ({_standing(known[each])})" for each in missing)
    return click.confirm(f"{', '.join(found)} builds on {first}. Accept that first?", default=False, err=True)


def _lacking(known: Known, found: Sequence[str], missing: Sequence[str]) -> str:
    listed = ", ".join(f"{each} ({_standing(known[each])})" for each in missing)
    return (
        f"{', '.join(found)} builds on {listed}: --with-dependencies accepts that first, --alone only what you named; "
        "nothing was accepted"
    )


def _standing(record: Record) -> str:
    return record.review if record.review != "pending" else f"{record.state.name}, not reviewed"


def offered(known: Known, ids: Sequence[str]) -> list[str]:
    """What builds on these and the person takes too, asked at the terminal."""
    more = lineage.ready(known, ids)
    words = f"{', '.join(more)}: done, and built on {'it' if len(ids) == 1 else 'them'}. Accept too?"
    return more if more and click.confirm(words, default=False, err=True) else []


def ready(known: Known, ids: Sequence[str], branch: str) -> list[str]:
    """That something builds on these and can be accepted next, in a line; nothing if nothing does."""
    more = " ".join(lineage.ready(known, ids))
    if not more:
        return []
    how = (
        f"to have it on {branch}, --undo that and repeat with --with-dependents"
        if branch
        else f"`dayshift accept {more}`"
    )
    return [f"done, and built on {' '.join(ids)}: {more}; {how}"]


def overlapping(known: Known, ids: Sequence[str]) -> list[str]:
    """Which tasks not reviewed yet changed what these did, a line each."""
    accepted = set(ids)
    found = overlaps.among(tuple(known.values()), accepted)
    lines: dict[tuple[str, str], str] = {}
    for each in found:
        one, other = (each.one, each.other) if each.one in accepted else (each.other, each.one)
        if other not in accepted and known[other].review == "pending":
            end = "git cannot merge the two" if each.clash else "git can merge the two"
            line = f"{other}, not reviewed yet, changed {inert(each.place)} as {one} did: {end}"
            lines.setdefault((one, other), line)
    return list(lines.values())


def left_without(known: Known, ids: Sequence[str]) -> list[str]:
    """Which tasks stay accepted, but changed what went out of the tree with these, a line each."""
    out = {each for each in ids if not known[each].branch}
    lines: dict[str, str] = {}
    for each in overlaps.among(tuple(known.values()), out):
        went, stays = (each.one, each.other) if each.one in out else (each.other, each.one)
        if stays not in ids and known[stays].review == "accepted" and not known[stays].branch:
            what = f"changed {inert(each.place)} as {went} did"
            lines.setdefault(stays, f"{stays} stays accepted, and {what}: see that it is still there")
    return list(lines.values())


def taken_back(known: Known, tasks: Sequence[str], with_dependents: bool) -> list[list[str]]:
    """The tasks to take back, those that build on others first, and those of one branch together."""
    found = list(dict.fromkeys(tasks))
    resting = lineage.resting_on(known, found)
    if resting and not with_dependents:
        raise Failure(
            f"{', '.join(resting)} builds on {', '.join(found)} and is accepted: --with-dependents takes that back too"
        )
    groups: dict[tuple[str, str], list[str]] = {}
    for each in reversed(lineage.in_order(known, [*found, *resting])):
        record = known[each]
        groups.setdefault((record.project, record.branch) if record.branch else ("", each), []).append(each)
    return [list(reversed(group)) for group in groups.values()]
