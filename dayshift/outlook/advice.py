"""What became of like tasks, as advice: estimates to correct, models too weak or too dear, a model and a cap. Pure.

Every sentence names its numbers, and below five tasks there is none.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from dayshift.markdown import clean
from dayshift.model import Task
from dayshift.money import PICO_PER_USD, Pico, shown, to_usd
from dayshift.outcomes import Outcome

FEWEST = 5  #: tasks that are enough to speak of
RECENT = 100  #: of more only the latest count: models, projects and habits change
DID_WELL, DID_BADLY = Fraction(4, 5), Fraction(1, 2)  #: shares of tasks that came to a good end
MANY, FEW = Fraction(2), Fraction(3, 2)  #: attempts for each task
DEARER = Fraction(3, 2)  #: times what another model costs
OFF = Fraction(3, 2)  #: an estimate that many times too low or too high is worth a word
ROOM = Fraction(3, 2)  #: a suggested cap, as a multiple of what nine of ten cost at most
LOOSE = 5  #: a cap so many times the one suggested is worth a word
MOST_CORRECTED = 5
CENT = PICO_PER_USD // 100

Assumed = Callable[[str, str], Pico | None]  #: what a task of that model and complexity is assumed to cost
Fault = Literal["weak", "dear"]


@dataclass(frozen=True, slots=True)
class Showing:
    """How one model did on like tasks."""

    model: str
    tasks: int
    good: int  #: of them, how many were done and not rejected
    attempts: int
    cost: Pico
    median: Pico
    worst: Pico  #: nine of ten cost at most that

    @property
    def share(self) -> Fraction:
        return Fraction(self.good, self.tasks)

    @property
    def tries(self) -> Fraction:
        return Fraction(self.attempts, self.tasks)

    @property
    def figures(self) -> str:
        """`2 of 6 done, 1.8 attempts each, $0.30 in the median`."""
        tries = f"{float(self.tries):.1f} attempts each"
        return f"{self.good} of {self.tasks} done, {tries}, {shown(self.median)} in the median"

    def __str__(self) -> str:
        """`claude-haiku-4-5: 2 of 6 done, 1.8 attempts each, $0.30 in the median`."""
        return f"{self.model}: {self.figures}"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A model and a cap for a task, by its likes; None where what it has is well."""

    model: str | None
    cap: Pico | None
    why: str
    tasks: int  #: like tasks it stands on

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        cap = None if self.cap is None else to_usd(self.cap)
        return {"model": self.model, "cap_usd": cap, "why": self.why, "tasks": self.tasks}

    def __str__(self) -> str:
        """`model claude-sonnet-5-5, cap $1.20: …`."""
        cap = f"cap {shown(self.cap)}" if self.cap is not None else ""
        return f"{', '.join(filter(None, [self.model and f'model {self.model}', cap]))}: {self.why}"


# --- likes -----------------------------------------------------------------------------------------


def ended(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The tasks that came to an end by themselves and whose cost is known."""
    return [each for each in outcomes if each.state in ("done", "failed", "halted") and each.cost]


def likes(task: Task, outcomes: Sequence[Outcome]) -> Iterator[tuple[str, list[Outcome]]]:
    """Like tasks that ended, the most like first, each group with its name; always of the same complexity."""
    alike = [each for each in ended(outcomes) if each.complexity == task.complexity]
    for module, kind in dict.fromkeys([(task.module, task.kind), (task.module, ""), ("", task.kind), ("", "")]):
        group = [each for each in alike if module in ("", each.module) and kind in ("", each.kind)]
        yield _called(task, module, kind), group[-RECENT:]


def _called(task: Task, module: str, kind: str) -> str:
    of = [f"of the {what} {' '.join(clean(name).split())[:60]}" for what, name in (("module", module), ("kind", kind))
          if name]  # fmt: skip
    return " ".join([f"{task.complexity} tasks", *of])


def showings(outcomes: Iterable[Outcome]) -> dict[str, Showing]:
    """How each model did, those that did enough to be spoken of."""
    by_model: dict[str, list[Outcome]] = defaultdict(list)
    for each in outcomes:
        by_model[each.model].append(each)
    return {model: _showing(model, did) for model, did in sorted(by_model.items()) if len(did) >= FEWEST}


def _showing(model: str, did: Sequence[Outcome]) -> Showing:
    costs = sorted(each.cost or 0 for each in did)
    good = sum(each.state == "done" and each.review != "rejected" for each in did)
    attempts = sum(each.attempts for each in did)
    return Showing(model, len(did), good, attempts, sum(costs), median(costs), costs[-(-len(costs) * 9 // 10) - 1])


def median(amounts: Iterable[Pico]) -> Pico:
    """The middle one, rounded up between two."""
    rising = sorted(amounts)
    return -(-(rising[(len(rising) - 1) // 2] + rising[len(rising) // 2]) // 2)


# --- advice ----------------------------------------------------------------------------------------


def better(mine: Showing, others: Iterable[Showing]) -> tuple[Fault, Showing] | None:
    """What is wrong with that model for such tasks, and which one did better; None if nothing is."""
    well = [each for each in others if each.model != mine.model and each.share >= DID_WELL]
    if struggles := [each for each in well if _struggled(mine, each)]:
        return "weak", max(struggles, key=lambda each: (each.share, -each.median, each.model))
    cheaper = [each for each in well if each.share >= mine.share and mine.median >= each.median * DEARER]
    return ("dear", min(cheaper, key=lambda each: (each.median, each.model))) if cheaper else None


def _struggled(mine: Showing, other: Showing) -> bool:
    return mine.share <= DID_BADLY or (mine.tries >= MANY and other.tries <= FEW)


def models(tasks: Iterable[tuple[Task, str]], outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Of the models these tasks were given to, those too weak or too dear for their complexity, with what says so."""
    told: dict[str, None] = {}
    for task, model in tasks:
        label, group = [*likes(task, outcomes)][-1]
        known = showings(group)
        if model in known and (found := better(known[model], known.values())):
            fault = {"weak": "too weak", "dear": "dearer than needed"}[found[0]]
            told[f"{model} was {fault} for {label}: {known[model].figures}; {found[1]}"] = None
    return tuple(sorted(told))


def corrections(tasks: Iterable[Task], outcomes: Sequence[Outcome], assumed: Assumed) -> tuple[str, ...]:
    """Where such tasks cost much more, or much less, than is assumed of tasks without a history."""
    told = dict.fromkeys(sentence for task in tasks if (sentence := correction(task, outcomes, assumed)))
    return tuple(sorted(told))[:MOST_CORRECTED]


def correction(task: Task, outcomes: Sequence[Outcome], assumed: Assumed) -> str:
    """What the task's likes did cost, if that is far from what is assumed; else nothing."""
    for label, group in likes(task, outcomes):
        pairs = [(each.cost or 0, guess) for each in group if (guess := assumed(each.model, each.complexity))]
        if len(pairs) >= FEWEST:
            return _corrected(label, median(cost for cost, _ in pairs), median(guess for _, guess in pairs), len(pairs))
    return ""


def _corrected(label: str, cost: Pico, guess: Pico, count: int) -> str:
    times = Fraction(cost, guess)
    if 1 / OFF < times < OFF:
        return ""
    said = f"{float(times):.1f}" if times >= Fraction(1, 10) else f"{float(times):.2f}"
    cost_said = f"{label} cost {shown(cost)} in the median of {count}"
    return f"{cost_said}, {said} × the {shown(guess)} that was assumed"  # noqa: RUF001 - a sign between numbers


def suggestion(task: Task, model: str, outcomes: Sequence[Outcome], least: Pico = 0) -> Suggestion | None:
    """The model and the cap its likes speak for, where the task has others; `least` is what one request may need."""
    for label, group in likes(task, outcomes):
        known = showings(group)
        if model in known:
            return _suggested(task, known[model], better(known[model], known.values()), label, least)
    return None


def _suggested(
    task: Task, mine: Showing, found: tuple[Fault, Showing] | None, label: str, least: Pico
) -> Suggestion | None:  # fmt: skip
    chosen = found[1] if found else mine
    cap, why = _cap(task.max_cost, chosen, least), [f"{label} with {mine}"]
    if found:
        why.append(f"with {chosen}")
    elif cap is None:
        return None
    if cap is not None:
        why.append(f"nine of ten cost at most {shown(chosen.worst)}")
    tasks = mine.tasks + (chosen.tasks if found else 0)
    return Suggestion(chosen.model if found else None, cap, "; ".join(why), tasks)


def _cap(cap: Pico | None, chosen: Showing, least: Pico) -> Pico | None:
    """A cap that most such tasks stay below, if the task's own one is far from it."""
    enough = int(chosen.worst * ROOM) + least
    enough = -(-enough // CENT) * CENT
    return enough if cap is None or cap < chosen.worst or cap > enough * LOOSE else None
