"""What a lesson changed, in numbers: tasks in its scope before it was in force, beside those that were told it.

Joins lessons for their scope. A measure says something from FEWEST tasks on each side, and only past its margin.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dayshift.learning.lessons import Lesson, Status
from dayshift.money import Pico, shown
from dayshift.outcomes import Outcome

FEWEST = 3  #: tasks on either side that have the measure; below that nothing is said


class Verdict(StrEnum):
    """What the numbers say of a lesson."""

    helpful = "helpful"  #: some measure is better and none worse
    unclear = "unclear"
    unhelpful = "unhelpful"  #: some measure is worse and none better


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over the tasks that have the measure; None over no task."""

    tasks: int
    mean: float | None


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is compared, and by how much it must differ to count."""

    name: str
    of: Callable[[Outcome], float | None]
    shown: Callable[[float], str]
    margin: float
    relative: bool = False  #: the margin is a share of what it was before
    less_is_better: bool = False


MEASURES = (
    Measure("rating", lambda task: task.rating, lambda mean: f"{mean:.1f}", 0.5),
    Measure(
        "validations passed",
        lambda task: task.passed / task.validations if task.validations else None,
        lambda mean: f"{mean:.0%}",
        0.1,
    ),
    Measure(
        "cost", lambda task: task.cost, lambda mean: shown(Pico(round(mean))), 0.2, relative=True, less_is_better=True
    ),
    Measure("blocked commands", lambda task: task.blocked, lambda mean: f"{mean:.1f}", 0.5, less_is_better=True),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure on both sides."""

    measure: Measure
    before: Figure
    after: Figure

    @property
    def says(self) -> str:
        """`better`, `worse`, `about the same`, or `too few to say`."""
        if self.before.mean is None or self.after.mean is None or min(self.before.tasks, self.after.tasks) < FEWEST:
            return "too few to say"
        gain = (self.after.mean - self.before.mean) * (-1 if self.measure.less_is_better else 1)
        margin = self.measure.margin * (self.before.mean if self.measure.relative else 1)
        if abs(gain) < margin or not gain:
            return "about the same"
        return "better" if gain > 0 else "worse"

    def __str__(self) -> str:
        """`rating 3.0 → 4.3 (3 → 4 tasks)`."""
        sides = " → ".join("unknown" if each.mean is None else self.measure.shown(each.mean)
                           for each in (self.before, self.after))  # fmt: skip
        return f"{self.measure.name} {sides} ({self.before.tasks} → {self.after.tasks} tasks)"


@dataclass(frozen=True, slots=True)
class Effect:
    """All measures of one lesson."""

    lesson_id: str
    before: int  #: tasks in its scope that ended before it was in force and were not told it
    after: int  #: tasks that were told it and ended
    comparisons: tuple[Comparison, ...]

    @property
    def verdict(self) -> Verdict:
        """Helpful if something is better and nothing worse, unhelpful the other way round, else unclear."""
        said = {each.says for each in self.comparisons}
        if "better" in said and "worse" not in said:
            return Verdict.helpful
        return Verdict.unhelpful if "worse" in said and "better" not in said else Verdict.unclear

    def __str__(self) -> str:
        """The verdict with the numbers it stands on, or why there is none."""
        telling = [str(each) for each in self.comparisons if each.says in ("better", "worse")]
        if telling:
            return f"{self.verdict}: {'; '.join(telling)}"
        if min(self.before, self.after) < FEWEST:
            return f"too few to say ({self.before} → {self.after} tasks; {FEWEST} on each side are needed)"
        return f"{self.verdict}: no measure differs enough ({self.before} → {self.after} tasks)"


def effect(lesson: Lesson, outcomes: Iterable[Outcome]) -> Effect:
    """What changed with the lesson. Tasks told it count wherever they are now; of others those in its scope."""
    ended = [each for each in outcomes if _came_to_its_end(each)]
    after = [each for each in ended if lesson.id in each.lessons]
    since = lesson.since or min((each.ended_at for each in after if each.ended_at), default=None)
    before = [
        each
        for each in ended
        if lesson.id not in (*each.lessons, *each.late_lessons) and lesson.scope.matches(each)
        and (since is None or (each.ended_at and each.ended_at < since))
    ]  # fmt: skip
    compared = tuple(Comparison(each, _figure(each, before), _figure(each, after)) for each in MEASURES)
    return Effect(lesson.id, len(before), len(after), compared)


def _came_to_its_end(task: Outcome) -> bool:
    """Whether an agent worked on it to an end: what was cancelled, or never begun, is cheap and shows nothing."""
    return bool(task.ended_at and task.seconds) and task.state != "cancelled"


def _figure(measure: Measure, outcomes: Sequence[Outcome]) -> Figure:
    values = [value for each in outcomes if (value := measure.of(each)) is not None]
    return Figure(len(values), sum(values) / len(values) if values else None)


def effects(lessons: Iterable[Lesson], outcomes: Sequence[Outcome]) -> Mapping[str, Effect]:
    """The effect of every lesson that is or was in force, by its id."""
    told = (Status.in_force, Status.retired)
    return {each.id: effect(each, outcomes) for each in lessons if each.status in told}


def verdicts(lessons: Iterable[Lesson], outcomes: Sequence[Outcome]) -> Mapping[str, Verdict]:
    """The verdict on each of these."""
    return {each: found.verdict for each, found in effects(lessons, outcomes).items()}
