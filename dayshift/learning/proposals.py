"""What the person's feedback proposes to tell agents: computed from it each time, never stored.

Joins feedback_files for what was written, records for the tasks it is about, lessons and lesson_file for what is known.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import PurePath

from dayshift import files, records
from dayshift.home import Home
from dayshift.learning import feedback_files, lesson_file, lessons
from dayshift.learning.feedback import Feedback, Remark, Rule, TaskFeedback
from dayshift.learning.lesson_file import Page
from dayshift.learning.lessons import Lesson, Scope, Source, Status, folded, identity, tidy
from dayshift.model import Record

Works = Mapping[tuple[date, str], Record]
GOOD = 4  #: the rating, of 5, from which on what worked is worth repeating


@dataclass(frozen=True, slots=True)
class Wishes:
    """All that feedback ever asked for, beside what was made of it."""

    page: Page  #: learning/lessons.md
    asked: tuple[Lesson, ...]  #: in the order it was written
    decided: frozenset[str] = frozenset()  #: ids the person decided about, wherever their entries are now
    held: frozenset[str] = frozenset()  #: ids whose acceptance was taken back: they wait even with auto_apply

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """What stands in the file, each with all the places it was asked for in."""
        return tuple(replace(each, sources=self._sources(each)) for each in self.page.lessons)

    @property
    def waiting(self) -> tuple[Lesson, ...]:
        """What is proposed: nothing that was decided, or that is in force for as many tasks already; each once."""
        known = {each.id for each in self.page.lessons} | self.decided
        in_force = [each for each in self.page.lessons if each.is_told]
        found: dict[tuple[str, Scope, bool], Lesson] = {}
        for each in self.asked:
            if each.id not in known and not any(_says(lesson, each) for lesson in in_force):
                found.setdefault((folded(each.text), each.scope, each.pattern), each)
        return tuple(replace(each, sources=self._sources(each)) for each in found.values())

    def same(self, lesson: Lesson, narrower: bool) -> frozenset[str]:
        """The ids of every time this was asked for; if told so, also for fewer tasks than the lesson is for."""
        said = (each for each in self.asked if _says(lesson, each) and (narrower or each.scope.covers(lesson.scope)))
        return frozenset({lesson.id, *(each.id for each in said)})

    def _sources(self, lesson: Lesson) -> tuple[Source, ...]:
        asked = (source for each in self.asked if _says(lesson, each) for source in each.sources)
        return tuple(dict.fromkeys([*lesson.sources, *asked]))


def _says(lesson: Lesson, other: Lesson) -> bool:
    """Whether the lesson says all that the other does."""
    return (
        folded(lesson.text) == folded(other.text)
        and lesson.pattern == other.pattern
        and lesson.scope.covers(other.scope)
    )


def read(home: Home) -> Wishes:
    """What the home's feedback asks for now. BadDocument if learning/lessons.md cannot be read."""
    written = feedback_files.read_all(home)
    works = {(each.day, each.id): each for each in records.of_all_days(home)} if written else {}
    said = files.read_json(home.lesson_decisions)
    decided, held = (_ids(said, name) for name in ("decided", "held"))
    return Wishes(lesson_file.read(home), proposed(written, works), decided, held)


def _ids(said: object, name: str) -> frozenset[str]:
    ids = said.get(name) if isinstance(said, dict) else None
    return frozenset(map(str, ids)) if isinstance(ids, list) else frozenset()


def proposed(written: Sequence[Feedback], works: Works) -> tuple[Lesson, ...]:
    """A lesson for every rule, and a pattern for all that worked in a task that was rated well and accepted."""
    found: dict[str, Lesson] = {}
    for each in (lesson for day in written for lesson in _of_day(day, works)):
        same = found.get(each.id)  # the same words twice in one file: one lesson, two places
        found[each.id] = replace(same, sources=(*same.sources, *each.sources)) if same else each
    return tuple(found.values())


def _of_day(day: Feedback, works: Works) -> Iterator[Lesson]:
    yield from _rules(day, day.rules, None)
    for task in day.tasks:
        record = works.get((day.day, task.task_id))
        yield from _rules(day, task.rules, record)
        if record and _is_a_success(task, record):
            yield from _lessons(day, ((each, _home_ground(record)) for each in task.worked), pattern=True)


def _rules(day: Feedback, rules: Iterable[Rule], record: Record | None) -> Iterator[Lesson]:
    """A scope that is not understood counts as not given: a rule is never for more tasks than its writer thought of."""
    said = ((each, Scope.parse(each.scope) if each.scope else None) for each in rules)
    return _lessons(day, ((each, scope or _home_ground(record)) for each, scope in said))


def _lessons(day: Feedback, said: Iterable[tuple[Rule | Remark, Scope]], pattern: bool = False) -> Iterator[Lesson]:
    for each, scope in said:
        if text := tidy(each.text):
            source = Source(f"feedback/{PurePath(day.file).name}", each.line)
            made = identity(text, scope, day.day, pattern)
            yield Lesson(made, text, scope, Status.proposed, (source,), day.day, pattern=pattern)


def _home_ground(record: Record | None) -> Scope:
    """Where a rule holds that does not say it: in its task's module, else for its kind, else everywhere."""
    names = [("module", record.task.module), ("kind", record.task.kind)] if record else []
    return next((Scope(by, name) for by, value in names if (name := lessons.named(value))), Scope())


def _is_a_success(task: TaskFeedback, record: Record) -> bool:
    return task.rating is not None and task.rating >= GOOD and record.review == "accepted"


def named(wanted: Collection[str], lessons: Iterable[Lesson]) -> list[Lesson]:
    """Those of these ids."""
    return [each for each in lessons if each.id in wanted]
