"""What tasks will probably cost, and what their likes speak for: the forecast and the advice on one set of facts.

Joins forecast and plan for the figures, prices for what models cost, experience and statement for what tasks did
cost, advice for what follows from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from dayshift.cost.prices import UNIT, Prices, Unpriced
from dayshift.cost.statement import PastTask, Statement
from dayshift.home import Home
from dayshift.model import Complexity, Task, Tokens
from dayshift.money import Pico
from dayshift.outcomes import Outcome
from dayshift.outlook import advice, experience
from dayshift.outlook.advice import Suggestion
from dayshift.outlook.forecast import Forecast, forecast
from dayshift.outlook.plan import ASSUMED


@dataclass(frozen=True, slots=True)
class Prospects:
    """The prices of a day, what tasks cost by the ledger, and what became of them by their records."""

    prices: Prices
    past: Sequence[PastTask]
    outcomes: Sequence[Outcome] = ()

    @classmethod
    def of(cls, home: Home, ledger: Statement | None, prices: Prices) -> "Prospects":
        """Those of this home."""
        return cls(prices, ledger.past_tasks() if ledger else (), experience.gather(home, ledger, {}))

    def before(self, day: date, ledger: Statement) -> "Prospects":
        """The same without what became of tasks of that day's file, or of later ones."""
        return replace(self, past=ledger.past_tasks(day), outcomes=[each for each in self.outcomes if each.day < day])

    def forecast(self, task: Task) -> Forecast | None:
        """What the whole task will probably cost; None if nobody knows its model's price."""
        model = self.prices.resolve(task.model)
        alike = [each.cost or 0 for each in advice.ended(self.outcomes) if _is_like(each, task, model)]
        return forecast(task, model, self.past, self._cost_of, alike)

    def suggestion(self, task: Task, least: Pico = 0) -> Suggestion | None:
        """The model and the cap that the task's likes speak for, where it has others."""
        return advice.suggestion(task, self.prices.resolve(task.model), self.outcomes, least)

    def correction(self, task: Task) -> str:
        """What the task's likes did cost, if that is far from what is assumed; else nothing."""
        return advice.correction(task, self.outcomes, self._assumed)

    def corrections(self, tasks: Iterable[Task]) -> tuple[str, ...]:
        """All such sentences for these tasks."""
        return advice.corrections(tasks, self.outcomes, self._assumed)

    def models(self, tasks: Iterable[Task]) -> tuple[str, ...]:
        """Which of their models were too weak or too dear for such tasks."""
        return advice.models(((task, self.prices.resolve(task.model)) for task in tasks), self.outcomes)

    def _assumed(self, model: str, complexity: str) -> Pico | None:
        return self._cost_of(model, ASSUMED[Complexity(complexity)])

    def _cost_of(self, model: str, tokens: Tokens) -> Pico | None:
        try:
            rates = replace(self.prices.rates(model), long_above=None)  # of many requests, none of them long
        except Unpriced:
            return None
        return rates.cost(tokens, fast=False, geo=UNIT)


def _is_like(each: Outcome, task: Task, model: str) -> bool:
    """Whether it is of the same module, besides what the ledger compares; no task without a module is."""
    which = (each.module, each.complexity, each.model)
    return each.state != "halted" and bool(task.module) and which == (task.module, task.complexity, model)
