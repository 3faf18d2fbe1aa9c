"""Where every budget in force stands. Joins budgets for windows, settings for caps, statement for sums."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath
from typing import Any, Literal

from dayshift.cost.budgets import PLAN, Subject, called, in_force, remembered, windows
from dayshift.cost.statement import Window
from dayshift.inputs.settings import Budget, Phase
from dayshift.money import Pico, to_usd


@dataclass(frozen=True, slots=True)
class Standing:
    """One budget: what was spent here, what other use took, what is held by requests in flight, and the cap."""

    window: str
    settled: Pico
    elsewhere: Pico
    reserved: Pico
    cap: Pico

    @property
    def called(self) -> str:
        """As a person calls it."""
        return called(self.window)

    @property
    def left(self) -> Pico:
        """What the cap still allows; what is reserved is not left."""
        return max(0, self.cap - self.settled - self.elsewhere - self.reserved)

    def as_json(self) -> dict[str, Any]:
        """For machines, amounts as decimal strings."""
        return {
            "window": self.window,
            "spent_usd": to_usd(self.settled),
            "elsewhere_usd": to_usd(self.elsewhere),
            "reserved_usd": to_usd(self.reserved),
            "left_usd": to_usd(self.left),
            "cap_usd": to_usd(self.cap),
        }


def phase_of(day: date, budget: Budget, mark: Callable[[str], str | None]) -> Phase | None:
    """The phase in force on that day; `mark` is the ledger's memory."""
    began, spent = remembered(budget.phases, mark)
    return in_force(budget.phases, day, began or day, spent)


def standings(
    budget: Budget, known: Iterable[Window], day: date, day_cap: Pico, phase: Phase | None, taken: Mapping[str, Pico],
    project: str | None = None,
) -> tuple[Standing, ...]:  # fmt: skip
    """Every budget with a cap that a request of that day can count in, the person's own first; `taken` by other use.
    With `project` also those it will have, though nothing was billed for it yet."""
    found = {window.name: window for window in known}
    caps: dict[str, Pico | None] = {}
    for subject in _subjects(budget, found, day, day_cap, project):
        caps |= windows(budget, subject, day, phase)
    nothing = Window("", None, 0, 0)
    return tuple(
        Standing(name, sums.settled, taken.get(name, 0), sums.reserved, cap)
        for name, cap in caps.items()
        if cap is not None and (sums := found.get(name, nothing))
    )


def concerns(window: str, project: str, provider: str) -> bool:
    """Whether work on that project, by its path, that this provider bills counts in the budget."""
    name = window.removeprefix(PLAN)
    mine = (f"project:{project}/", f"provider:{provider}/")
    return not name.startswith(("project:", "provider:")) or name.startswith(mine)


def _subjects(budget: Budget, found: Iterable[str], day: date, day_cap: Pico, project: str | None) -> Iterator[Subject]:
    """One for each project, provider and account that was ever billed or has a cap set."""
    names = set(found)
    accounts: list[Literal["api", "plan"]] = ["api"]
    if any(name.startswith(PLAN) for name in names):
        accounts = ["api", "plan"] if "total" in names else ["plan"]
    projects, providers = _billed(names, "project:") | ({project} if project else set()), _billed(names, "provider:")
    projects |= {key for key in budget.projects if key not in {PurePath(each).name for each in projects}}
    providers |= set(budget.providers)
    for account in accounts:
        for project in sorted(projects) or [""]:
            for provider in sorted(providers) or [""]:
                yield Subject(day, "", project, provider, account, None, day_cap)


def _billed(names: Iterable[str], prefix: str) -> set[str]:
    """Whose budgets of all time the ledger knows."""
    bare = (name.removeprefix(PLAN) for name in names)
    return {
        each.removeprefix(prefix).removesuffix("/total")
        for each in bare
        if each.startswith(prefix) and each.endswith("/total")
    }
