"""Outcomes counted: what became of the tasks of a module, a kind, a model. No share without its numbers. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from dayshift import markdown
from dayshift.model import Complexity
from dayshift.money import Pico, shown, to_usd
from dayshift.outcomes import Outcome
from dayshift.reporting.phrases import duration

#: What tasks can be counted by, and how that is read from an outcome.
GROUPS: Mapping[str, Callable[[Outcome], str]] = MappingProxyType({
    "module": lambda each: each.module,
    "kind": lambda each: each.kind,
    "complexity": lambda each: each.complexity,
    "model": lambda each: each.model,
    "project": lambda each: each.project,
    "day": lambda each: str(each.day),
})  # fmt: skip
HEADINGS = (
    "tasks", "done", "accepted", "pending", "attempts", "cost", "per accepted", "time", "questions", "blocked", "rating"
)  # fmt: skip
COUNTS = (
    "tasks", "done", "failed", "halted", "cancelled", "open", "accepted", "rejected", "pending", "attempts",
    "questions", "blocked", "validations", "passed",
)  # fmt: skip
COLUMNS = ("by", "key", *COUNTS, "cost_usd", "unknown_costs", "cost_per_accepted_usd", "seconds", "rated", "rating")


@dataclass(frozen=True, slots=True)
class Tally:
    """Some tasks, counted."""

    key: str
    tasks: int
    done: int
    failed: int
    halted: int
    cancelled: int
    open: int  #: not at their end
    accepted: int
    rejected: int
    pending: int  #: done, and waiting for the person's review
    attempts: int
    questions: int
    blocked: int
    validations: int
    passed: int
    cost: Pico  #: as far as it is known
    unknown: int  #: tasks whose cost is not
    seconds: float
    rated: int
    stars: int  #: all ratings together

    @property
    def reviewed(self) -> int:
        """Tasks the person has decided about."""
        return self.accepted + self.rejected

    @property
    def ended(self) -> int:
        """Tasks that came to an end, whichever."""
        return self.tasks - self.open

    @property
    def per_accepted(self) -> Pico | None:
        """What one accepted task cost, the others' cost included; None if none was, or a cost is unknown."""
        return None if self.unknown or not self.accepted else -(-self.cost // self.accepted)

    @property
    def rating(self) -> float | None:
        """The mean of the ratings; None without one."""
        return self.stars / self.rated if self.rated else None


def of(key: str, outcomes: Iterable[Outcome]) -> Tally:
    """All of them as one."""
    found = list(outcomes)
    states = [each.state for each in found]
    ended = {name: states.count(name) for name in ("done", "failed", "halted", "cancelled")}
    reviews = [each.review for each in found if each.state == "done" or each.review != "pending"]
    costs = [each.cost for each in found if each.cost is not None]
    ratings = [each.rating for each in found if each.rating is not None]
    return Tally(
        key=key, tasks=len(found), **ended, open=len(found) - sum(ended.values()),
        **{name: reviews.count(name) for name in ("accepted", "rejected", "pending")},
        **{name: sum(getattr(each, name) for each in found)
           for name in ("attempts", "questions", "blocked", "validations", "passed")},
        cost=sum(costs), unknown=len(found) - len(costs), seconds=sum(each.seconds for each in found),
        rated=len(ratings), stars=sum(ratings),
    )  # fmt: skip


def by(group: str, outcomes: Iterable[Outcome]) -> tuple[Tally, ...]:
    """A tally for each of the group: days and complexities in their order, else the one with the most tasks first."""
    found: dict[str, list[Outcome]] = defaultdict(list)
    for each in outcomes:
        found[GROUPS[group](each)].append(each)
    tallies = (of(key, its) for key, its in found.items())
    return tuple(sorted(tallies, key=lambda each: _place(group, each)))


def _place(group: str, tally: Tally) -> tuple[int, str]:
    if group == "complexity":
        return [*Complexity, tally.key].index(tally.key), tally.key
    return 0 if group == "day" else -tally.tasks, tally.key


# --- for a person ----------------------------------------------------------------------------------


def cells(tally: Tally) -> tuple[str, ...]:
    """The tally under HEADINGS, its key first; attempts and time are those of one task."""
    unknown = f" + {tally.unknown} unknown" if tally.unknown else ""
    each = max(tally.tasks, 1)
    return (
        " ".join(markdown.clean(tally.key).split()) or "-", f"{tally.tasks:,}", share(tally.done, tally.ended),
        share(tally.accepted, tally.reviewed), f"{tally.pending:,}", f"{tally.attempts / each:.1f}",
        f"{shown(tally.cost)}{unknown}", _per_accepted(tally), duration(tally.seconds / each),
        f"{tally.questions:,}", f"{tally.blocked:,}", mean(tally.rating, tally.rated),
    )  # fmt: skip


def _per_accepted(tally: Tally) -> str:
    return shown(tally.per_accepted) if tally.accepted else "-"


def share(part: int, whole: int) -> str:
    """`7 of 9, 77 %`, rounded down; `-` of nothing."""
    return f"{part:,} of {whole:,}, {100 * part // whole} %" if whole else "-"


def mean(value: float | None, count: int) -> str:
    """`4.2 of 5 (3)`, with the number of ratings; `-` without one."""
    return "-" if value is None else f"{value:.1f} of 5 ({count:,})"


# --- for machines ----------------------------------------------------------------------------------


def as_json(tally: Tally) -> dict[str, Any]:
    """Every number of it; amounts as decimal strings, null for what is unknown."""
    return {
        "key": tally.key,
        **{name: getattr(tally, name) for name in COUNTS},
        "reviewed": tally.reviewed,
        "cost_usd": None if tally.unknown else to_usd(tally.cost),
        "known_cost_usd": to_usd(tally.cost),
        "unknown_costs": tally.unknown,
        "cost_per_accepted_usd": None if tally.per_accepted is None else to_usd(tally.per_accepted),
        "seconds": round(tally.seconds, 1),
        "rated": tally.rated,
        "rating": None if tally.rating is None else round(tally.rating, 2),
    }


def record(group: str, tally: Tally) -> tuple[str, ...]:
    """The tally under COLUMNS; empty for what is unknown."""
    facts = as_json(tally)
    values = ("" if facts[name] is None else str(facts[name]) for name in COLUMNS[2:])
    return (group, " ".join(markdown.clean(tally.key).split()), *values)
