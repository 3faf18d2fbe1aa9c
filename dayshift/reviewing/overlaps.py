"""Tasks of one day that worked side by side and changed the same lines: the person should know before they accept.

It joins git, which knows what changed, the takeover, which lists what differs, the clashes that git sees, the lineage,
for what builds on other work is not beside it, and the verdict, which knows whether there is any work.
"""

import itertools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dayshift.day_facts import Overlap
from dayshift.model import Record
from dayshift.repository import git
from dayshift.repository.git import GitError, Repository
from dayshift.reviewing import clashes, lineage, takeover, verdict

HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
WORDS = ("-r", "--no-renames", "--no-relative", "--ignore-submodules=none")
MOST_NAMED = 5  #: stretches of lines that are named
MOST_TRIED = 300  #: pairs known to have changed the same that git is asked to merge; a person looks at far fewer

Span = tuple[int, int]  #: lines of the file before, from the first to behind the last; of an insertion both the same


@dataclass(frozen=True, slots=True)
class Edit:
    """What one task did to one path: which file it found there, which kinds of change, and on which lines."""

    found: str  #: git's name for the content before
    letter: str
    content: bool
    mode: bool
    spans: tuple[Span, ...]  #: empty for what is not text


@dataclass(frozen=True, slots=True)
class Work:
    """One task's own changes, by path."""

    record: Record
    edits: Mapping[str, Edit]


def among(records: Iterable[Record], of: Collection[str] | None = None) -> tuple[Overlap, ...]:
    """Every pair of tasks and path that overlaps, in order; of pairs with just one of the tasks given, if any are.

    What git cannot read is left out.
    """
    groups: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    for record in records:
        if record.review != "rejected" and not record.in_quarantine and not verdict.changed_nothing(record):
            groups[record.day, record.project, record.rehearsal].append(record)
    found = [each for group in groups.values() if len(group) > 1 for each in _of_one_project(group, of)]
    return tuple(sorted(found, key=lambda each: (each.one, each.other, each.path)))


def _of_one_project(records: Sequence[Record], of: Collection[str] | None) -> list[Overlap]:
    try:
        project = git.find(Path(records[0].project))
    except git.NotARepository:
        return []
    works = _works(project, records)
    pairs = _beside(works, {each.id: each for each in records}, of)
    clash = _clashes(project, pairs if of else _worth_trying(pairs))
    return [each for pair in pairs for each in _overlaps(*pair, clash.get((pair[0].record.id, pair[1].record.id)))]


def _works(project: Repository, records: Sequence[Record]) -> list[Work]:
    """What the tasks did; lines are looked at only where a path was changed by several."""
    touched = {each.id: _entries(project, each) for each in records}
    count = Counter(itertools.chain.from_iterable(touched.values()))
    shared = {path for path, times in count.items() if times > 1}
    return [Work(each, _edits(project, each, touched[each.id], shared)) for each in records]


Entry = tuple[str, str, str, str, str]  #: modes before and after, contents before and after, git's letter


def _entries(project: Repository, record: Record) -> dict[str, Entry]:
    words = ("diff-tree", "--raw", "-z", "--no-abbrev", *WORDS, str(record.base), str(record.commit))
    try:
        return takeover.listed(project.run(*words))
    except GitError:
        return {}


def _edits(
    project: Repository, record: Record, entries: Mapping[str, Entry], shared: Collection[str]
) -> dict[str, Edit]:
    spans = _spans(project, record, entries) if entries.keys() & shared else {}
    return {
        path: Edit(old, letter, old != new, "0" * 6 not in (before, after) and before != after, spans.get(path, ()))
        for path, (before, after, old, new, letter) in entries.items()
    }


def _spans(project: Repository, record: Record, entries: Mapping[str, Entry]) -> dict[str, tuple[Span, ...]]:
    """The changed lines of each path: a patch has its parts in the order in which the paths are listed."""
    plain = ("--no-color", "--submodule=short", "--inter-hunk-context=0", *WORDS)
    patch = project.run("diff-tree", "-U0", *plain, str(record.base), str(record.commit), check=False)
    found: dict[str, tuple[Span, ...]] = {}
    parts = iter(re.split(rb"^diff --git ", patch, flags=re.MULTILINE)[1:])
    for path, entry in entries.items():
        part = next(parts, b"")
        if entry[4] == "T":  # another kind of file: a removal and an addition
            next(parts, b"")
            continue
        hunks = (HUNK.match(line) for line in part.split(b"\n") if line.startswith(b"@@"))
        found[path] = tuple(_span(int(hunk[1]), int(hunk[2] or 1)) for hunk in hunks if hunk)
    return found


def _span(first: int, count: int) -> Span:
    return (first, first + count) if count else (first + 1, first + 1)  # inserted before that line


def _beside(works: Sequence[Work], known: Mapping[str, Record], of: Collection[str] | None) -> list[tuple[Work, Work]]:
    """Pairs that could overlap: neither builds on the other, and there is a path of both."""
    return [
        (one, other)
        for one, other in itertools.combinations(sorted(works, key=lambda each: each.record.id), 2)
        if of is None or (one.record.id in of) != (other.record.id in of)
        if _meet(one.edits, other.edits)
        if not lineage.builds_on(known, one.record.id, other.record.id)
        if not lineage.builds_on(known, other.record.id, one.record.id)
    ]


def _meet(one: Mapping[str, Edit], other: Mapping[str, Edit]) -> bool:
    """Whether both changed a path, or one made a file where the other has a folder."""
    return bool(one.keys() & other.keys() or _above(one) & other.keys() or _above(other) & one.keys())


def _above(edits: Iterable[str]) -> set[str]:
    return {path[:place] for path in edits for place, sign in enumerate(path) if sign == "/"}


def _worth_trying(pairs: Iterable[tuple[Work, Work]]) -> list[tuple[Work, Work]]:
    """All of which only a merge tells whether they overlap, and so many of the others."""
    surely = itertools.count(1)
    return [pair for pair in pairs if not _surely(*pair) or next(surely) <= MOST_TRIED]


def _surely(one: Work, other: Work) -> bool:
    return any(_same(edit, other.edits[path]) for path, edit in one.edits.items() if path in other.edits)


def _overlaps(one: Work, other: Work, clashing: Collection[str] | None) -> list[Overlap]:
    """The paths on which the two overlap; `clashing` are those that git cannot merge, None if it was not asked."""
    both = sorted(one.edits.keys() & other.edits.keys())
    met = sorted({*_above(one.edits) & other.edits.keys(), *_above(other.edits) & one.edits.keys()})
    clash = {path: None if clashing is None else path in clashing for path in both}
    found = [
        Overlap(
            one.record.id, other.record.id, _shown(path), _in_words(_named(one.edits[path], other.edits[path])),
            clash[path],
        )
        for path in both
        if clash[path] or _same(one.edits[path], other.edits[path])
    ]  # fmt: skip
    gone = {each.letter for path in met for each in (one.edits.get(path), other.edits.get(path)) if each} == {"D"}
    return found + [Overlap(one.record.id, other.record.id, _shown(path), "", True) for path in met if not gone]


def _shown(path: str) -> str:
    return os.fsencode(path).decode(errors="replace")


def _same(one: Edit, other: Edit) -> bool:
    """Whether both changed the same lines, or the same of what has no lines."""
    if one.mode and other.mode:
        return True
    if one.found != other.found or not (one.content and other.content):
        return False  # of different files git alone can say, by merging
    text = one.letter == other.letter == "M" and one.spans and other.spans
    return bool(_common(one, other)) if text else True


def _common(one: Edit, other: Edit) -> list[Span]:
    if one.found != other.found or "A" in (one.letter, other.letter):
        return []
    return [each for a in one.spans for b in other.spans for each in _met(a, b)]


def _named(one: Edit, other: Edit) -> list[Span]:
    """The lines in both; where there are none, those that stand side by side, which git cannot merge either."""
    if found := _common(one, other):
        return found
    if one.found != other.found or "A" in (one.letter, other.letter):
        return []
    pairs = ((a, b) for a in one.spans for b in other.spans if a[1] == b[0] or b[1] == a[0])
    return [(min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs]


def _met(one: Span, other: Span) -> list[Span]:
    """The lines in both; an insertion meets another at its place, and what surrounds it."""
    first, behind = max(one[0], other[0]), min(one[1], other[1])
    if first < behind or (first == behind and (one == other or _within(one, other) or _within(other, one))):
        return [(first, behind)]
    return []


def _within(insertion: Span, span: Span) -> bool:
    return insertion[0] == insertion[1] and span[0] < insertion[0] < span[1]


def _in_words(spans: Iterable[Span]) -> str:
    """`10-14, 20`."""
    named = [f"{first}-{behind - 1}" if behind > first + 1 else str(first) for first, behind in sorted(set(spans))]
    return ", ".join(named[:MOST_NAMED]) + (" …" if len(named) > MOST_NAMED else "")


Clashes = dict[tuple[str, str], frozenset[str]]


def _clashes(project: Repository, pairs: Sequence[tuple[Work, Work]]) -> Clashes:
    """The paths that git cannot merge, for every pair; every path where it merges nothing at all."""
    found = clashes.tried(project, [(str(one.record.commit), str(other.record.commit)) for one, other in pairs])
    return {
        (one.record.id, other.record.id): frozenset(one.edits) if names is None else names
        for (one, other), names in zip(pairs, found, strict=True)
    }
