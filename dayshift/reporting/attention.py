"""What of a day is worth a look: the tasks whose evidence raises a question, and those that raise none. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence

from dayshift.day_facts import DayFacts, Overlap, SpendRow
from dayshift.evidence import Check
from dayshift.model import Record
from dayshift.reporting.claims import contradictions
from dayshift.reporting.phrases import BY_URGENCY
from dayshift.states import Done, Parked


def by_urgency(facts: DayFacts) -> list[Record]:
    """The day's tasks, those that need the person most first."""
    return sorted(facts.records, key=lambda record: (BY_URGENCY.index(record.state.name), counting(record.id)))


def by_key(rows: Iterable[SpendRow]) -> list[SpendRow]:
    """The rows in an order that does not depend on how they came."""
    return sorted(rows, key=lambda row: (counting(row.key), row.key))


def contradicted(facts: DayFacts, record: Record) -> list[str]:
    """What the task's agent claims against the evidence."""
    diff = facts.diffs.get(record.id)
    return contradictions(record, diff.files if diff else None, facts.summaries.get(record.id, ""))


def checks(record: Record, kind: str) -> list[Check]:
    """The record's evidence of that kind."""
    return [check for check in record.checks if check.kind == kind]


def is_calm(facts: DayFacts, record: Record) -> bool:
    """Whether it is done, and nothing in it is worth more than a glance."""
    odd = (record.blocked, record.bypasses, record.refused, record.findings, record.excesses, record.set_aside,
           record.unheard, facts.steering.get(record.id), contradicted(facts, record))  # fmt: skip
    return isinstance(record.state, Done) and not any(odd)


def unproven(records: Iterable[Record]) -> list[str]:
    """The ids of tasks that are done although no command has validated their work."""
    return [each.id for each in records if isinstance(each.state, Done) and not checks(each, "validate")]


def to_review(facts: DayFacts) -> list[str]:
    """The ids of done tasks that nobody has accepted or rejected; of a rehearsal there are none."""
    pending = (each for each in facts.records if each.review == "pending" and not each.in_quarantine)
    done = (each.id for each in pending if isinstance(each.state, Done) and not facts.rehearsal)
    return sorted(done, key=counting)


def at_rest(records: Sequence[Record]) -> list[tuple[Record, list[str]]]:
    """The parked tasks by what they rest for: the first of each kind, and the ids of all of that kind."""
    kinds: dict[object, list[Record]] = {}
    for record in records:
        if isinstance(record.state, Parked):
            kinds.setdefault((record.state.why, record.state.until), []).append(record)
    return [(alike[0], [each.id for each in alike]) for alike in kinds.values()]


def still_open(facts: DayFacts) -> list[Overlap]:
    """The overlaps of tasks that may both still be accepted, clashes first."""
    reviews: Mapping[str, str] = {record.id: record.review for record in facts.records}
    found = (each for each in facts.overlaps if _open(reviews.get(each.one, ""), reviews.get(each.other, "")))
    return sorted(found, key=_clashes_first)


def by_file(overlaps: Iterable[Overlap]) -> list[tuple[str, list[str], str]]:
    """Every file with the tasks that touched its same lines; and which lines, if that is one overlap."""
    files: dict[str, list[Overlap]] = {}
    for each in overlaps:
        files.setdefault(each.path, []).append(each)
    return [
        (
            path,
            sorted({id for each in found for id in (each.one, each.other)}, key=counting),
            found[0].lines * (len(found) == 1),
        )
        for path, found in sorted(files.items())
    ]


def counting(id: str) -> tuple[tuple[int, str], ...]:
    """A key by which task-2 comes before task-10."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", id))


def _clashes_first(overlap: Overlap) -> tuple[object, ...]:
    return not overlap.clash, counting(overlap.one), counting(overlap.other), overlap.path, overlap.lines


def _open(one: str, other: str) -> bool:
    return "rejected" not in (one, other) and not one == other == "accepted"
