"""What `lessons` shows: those in force with their effect, what waits as a diff of what agents are told, JSON of it."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import click

from dayshift.clock import rfc3339
from dayshift.cost.statement import statement
from dayshift.files import Refused, read_untrusted
from dayshift.home import Home
from dayshift.learning import feedback_files, patterns, proposals, teaching
from dayshift.learning.effects import Effect, Verdict, effects
from dayshift.learning.lessons import Lesson, Scope, Source, Status
from dayshift.learning.proposals import Wishes
from dayshift.markdown import clean
from dayshift.outlook import experience
from dayshift.reporting.phrases import counted

COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class Example:
    """A task that has nothing but what a scope goes by."""

    module: str = ""
    kind: str = ""
    complexity: str = ""

    @classmethod
    def of(cls, scope: Scope) -> "Example":
        """One the scope is for."""
        return cls(**{scope.by: scope.value}) if scope.by else cls()


@dataclass(frozen=True, slots=True)
class Sheet:
    """All there is to know of the home's lessons."""

    wishes: Wishes
    effects: Mapping[str, Effect]
    max_characters: int

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """What stands in learning/lessons.md."""
        return self.wishes.lessons

    @property
    def in_force(self) -> list[Lesson]:
        """What agents are told, the most useful first."""
        return teaching.by_use((each for each in self.lessons if each.is_told), self.verdicts)

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """By lesson."""
        return {each: effect.verdict for each, effect in self.effects.items()}

    @property
    def harmful(self) -> list[Lesson]:
        """What is in force and did harm by the numbers: proposed for retirement, which is the person's to decide."""
        return [each for each in self.in_force if self.verdicts.get(each.id) is Verdict.unhelpful]

    @property
    def all(self) -> dict[str, Lesson]:
        """In the file or proposed, by id."""
        return {each.id: each for each in (*self.lessons, *self.wishes.waiting)}

    def change(self, accepted: Sequence[Lesson]) -> list[str]:
        """What acceptance of these changes in what agents are told."""
        then = [replace(each, status=Status.in_force) for each in accepted]
        return change(self.lessons, [*self.lessons, *then], self.verdicts, self.max_characters)


def read(home: Home, max_characters: int) -> Sheet:
    """The home's lessons as they are now. BadDocument if their file cannot be read."""
    wishes = proposals.read(home)
    if not wishes.page.lessons:
        return Sheet(wishes, {}, max_characters)
    with statement(home.ledger(rehearsal=False)) as books:
        outcomes = experience.gather(home, books, feedback_files.ratings(home))
    return Sheet(wishes, effects(wishes.page.lessons, outcomes), max_characters)


def change(
    before: Sequence[Lesson], after: Sequence[Lesson], verdicts: Mapping[str, Verdict], max_characters: int
) -> list[str]:
    """The difference in what agents are told, a diff for every scope that it concerns and one for the patterns."""
    differing = {each.id: each for each in (*before, *after) if each.is_told and (each in before) != (each in after)}
    scopes = dict.fromkeys(each.scope for each in differing.values() if not each.pattern)
    lines: list[str] = []
    for scope in scopes:
        now, then = (
            teaching.rendered(teaching.chosen(each, Example.of(scope), verdicts, max_characters)).splitlines()
            for each in (before, after)
        )
        lines += _diff(now, then, f"told of tasks of {scope}" if scope.by else "told of every task")
    now, then = ([patterns.line(each) for each in patterns.told(list(side))] for side in (before, after))
    return [*lines, *_diff(now, then, "config/task_execution_patterns.md")]


def _diff(now: list[str], then: list[str], what: str) -> Iterator[str]:
    return difflib.unified_diff(now, then, f"{what}, now", f"{what}, then", lineterm="")


def painted(lines: Iterable[str]) -> Iterator[str]:
    """The diff in colour; what is no terminal gets it plain."""
    for line in lines:
        yield click.style(clean(line), fg=COLOURS.get(line[:1]), bold=line.startswith(("---", "+++")))


# --- for a person ----------------------------------------------------------------------------------


def as_text(sheet: Sheet) -> Iterator[str]:
    """All of it, line by line."""
    yield from _in_force(sheet)
    yield from _waiting(sheet)
    for each in sheet.harmful:
        yield f"\nproposed for retirement: {each.id} ({sheet.effects[each.id]}): `dayshift lessons retire {each.id}`"
    for status in (Status.retired, Status.declined):
        if ids := [each.id for each in sheet.lessons if each.status is status]:
            yield f"\n{status}: {', '.join(ids)} (`lessons show ID`; `lessons undo ID` takes it back)"
    if sheet.wishes.page.unclear:
        yield "\nnot understood in learning/lessons.md, and told to nobody:"
        yield from (f"  line {number}: {clean(text)}" for number, text in sheet.wishes.page.unclear)


def _in_force(sheet: Sheet) -> Iterator[str]:
    if not sheet.in_force:
        yield "no lesson is in force"
        return
    yield f"in force ({len(sheet.in_force)}), the most useful first:"
    for each in sheet.in_force:
        yield from entry(each)
        yield f"           {sheet.effects[each.id]}"


def _waiting(sheet: Sheet) -> Iterator[str]:
    waiting = sheet.wishes.waiting
    if not waiting:
        return
    yield f"\nproposed ({len(waiting)}):"
    for each in waiting:
        yield from entry(each)
    yield "\nwhat tomorrow's agents will be told, if you accept all of it:\n"
    yield from painted(sheet.change(waiting))
    yield "\n`dayshift lessons accept ID…` or `--all` puts them in force; `dayshift lessons decline ID…` does not"


def entry(lesson: Lesson) -> Iterator[str]:
    """The lesson in a few lines: its id, what it is for, where it comes from, its words."""
    said = [str(lesson.scope), *(["pattern"] if lesson.pattern else []), *map(str, lesson.sources)]
    yield f"  {lesson.id}  {clean(' · '.join(said))}"
    yield from (f"           {line}" for line in clean(lesson.text).split("\n"))


def quoted(home: Home, source: Source) -> str:
    """The line of a file as it is now."""
    try:
        lines = read_untrusted(home.root / source.file).splitlines()
        return f"{source}: {clean(lines[source.line - 1].strip())}" if source.line else str(source)
    except (OSError, Refused, IndexError):
        return f"{source}: (the line is not there any more)"


def in_detail(home: Home, sheet: Sheet, lesson: Lesson) -> Iterator[str]:
    """One lesson, with the lines it comes from and every measure."""
    yield from entry(lesson)
    yield f"           {lesson.status}" + (f" since {rfc3339(lesson.since)}" if lesson.since else "")
    yield from (f"           > {quoted(home, each)}" for each in lesson.sources)
    effect = sheet.effects.get(lesson.id)
    if effect is None:
        return
    yield f"\n{'':<20}{'before':>10}{'tasks':>7}{'after':>10}{'tasks':>7}"
    for each in effect.comparisons:
        sides = "".join(
            f"{'unknown' if side.mean is None else each.measure.shown(side.mean):>10}{side.tasks:>7}"
            for side in (each.before, each.after)
        )
        yield f"{each.measure.name:<20}{sides}  {each.says}"
    sides = f"{counted(effect.before, 'task')} in its scope before it, {counted(effect.after, 'task')} told it"
    yield f"\n{effect.verdict}: {sides}"


# --- for machines ----------------------------------------------------------------------------------


def as_json(sheet: Sheet) -> dict[str, Any]:
    """All of it."""
    return {
        "lessons": [lesson_json(each, sheet.effects.get(each.id)) for each in sheet.lessons],
        "proposals": [lesson_json(each) for each in sheet.wishes.waiting],
        "retirement": [each.id for each in sheet.harmful],
        "diff": sheet.change(sheet.wishes.waiting),
        "not_understood": [{"line": number, "text": text} for number, text in sheet.wishes.page.unclear],
    }


def lesson_json(lesson: Lesson, effect: Effect | None = None) -> dict[str, Any]:
    """One lesson with its effect; null where nothing can be measured."""
    return {
        "id": lesson.id,
        "text": lesson.text,
        "scope": str(lesson.scope),
        "status": str(lesson.status),
        "pattern": lesson.pattern,
        "sources": [asdict(each) for each in lesson.sources],
        "date": str(lesson.day) if lesson.day else None,
        "since": rfc3339(lesson.since) if lesson.since else None,
        "effect": effect and _effect_json(effect),
    }


def _effect_json(effect: Effect) -> dict[str, Any]:
    measures = {
        each.measure.name: {"before": asdict(each.before), "after": asdict(each.after), "says": each.says}
        for each in effect.comparisons
    }
    return {"verdict": str(effect.verdict), "before": effect.before, "after": effect.after, "measures": measures}
