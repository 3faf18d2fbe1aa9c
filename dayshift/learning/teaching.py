"""What an agent is told of the lessons: those for its task, most useful first, within a limit of characters.

Joins effects for the use of lessons, and proposals for those that wait.
"""

import re
from collections.abc import Iterable, Mapping

from dayshift.clock import rfc3339
from dayshift.home import Home
from dayshift.learning import proposals
from dayshift.learning.effects import Verdict
from dayshift.learning.lessons import BREADTH, Lesson, Work, folded
from dayshift.markdown import clean

#: The most useful first: what helped before what nobody can tell of, that before what did harm …
USE = (Verdict.helpful, Verdict.unclear, Verdict.unhelpful)
_OPENING = re.compile(r"^(\d{1,9}(?=[.)])|(?=#{1,6}(?:\s|$)|[-+*](?:\s|$)|[-*_]{3}|`{3}|~{3}|[<>]))")


def chosen(
    lessons: Iterable[Lesson], task: Work, found: Mapping[str, Verdict], max_characters: int
) -> tuple[Lesson, ...]:
    """Of these lessons those that are told, by the verdicts on them; one without a verdict counts as unclear.

    One that does not fit any more is left out, and a shorter one after it may still fit.
    """
    matching = (each for each in lessons if each.is_told and not each.pattern and each.scope.matches(task))
    kept: dict[str, Lesson] = {}  # by their texts: what is said for a module and for all is told once
    room = max_characters + 1  # the first bullet has no line's end above it
    for each in by_use(matching, found):
        size = len(rendered([each])) + 1
        if folded(each.text) not in kept and size <= room:
            kept[folded(each.text)] = each
            room -= size
    return tuple(kept.values())


def by_use(lessons: Iterable[Lesson], found: Mapping[str, Verdict]) -> list[Lesson]:
    """By the verdict; then … the narrower scope before the wider, the newer before the older, and last by id."""
    newest_first = sorted(sorted(lessons, key=lambda each: each.id), key=_age, reverse=True)
    narrowest_first = sorted(newest_first, key=lambda each: BREADTH.index(each.scope.by))
    return sorted(narrowest_first, key=lambda each: USE.index(found.get(each.id, Verdict.unclear)))


def _age(lesson: Lesson) -> str:
    return rfc3339(lesson.since) if lesson.since else str(lesson.day or "")


def rendered(lessons: Iterable[Lesson]) -> str:
    """One bullet and one line for each, whatever is in its text; no line end after the last."""
    return "\n".join(f"- {one_line(each.text)}" for each in lessons)


def one_line(text: str) -> str:
    """The text as one line of a list that is no heading, no fence and no list of its own."""
    return _OPENING.sub(r"\1\\", " ".join(clean(text).split()), count=1)


def waiting(home: Home) -> int:
    """How many lessons are proposed and wait for the person's word. BadDocument if their file cannot be read."""
    return len(proposals.read(home).waiting)
