"""What a task will probably cost, by what like tasks cost before. Pure.

Joins plan for what is assumed, statement for what tasks did cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dayshift.cost.statement import PastTask
from dayshift.model import Complexity, Task
from dayshift.money import Pico
from dayshift.outlook.plan import ASSUMED, CostOf

FEWEST = 5  #: tasks that are enough to speak of a median
RECENT = 100  #: of more like tasks only the latest count: models, projects and habits change
SPREAD = 3  #: the worst decile of an assumed cost: nobody has seen a distribution of it

Basis = Literal["module", "alike", "scaled", "assumed"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Half of like tasks cost at most `median`, nine of ten at most `worst`."""

    median: Pico
    worst: Pico
    basis: Basis
    tasks: int  #: how many it stands on; 0 when it is assumed

    def __str__(self) -> str:
        """On what it stands, in words."""
        match self.basis:
            case "module":
                return f"from {self.tasks} like tasks of its module"
            case "alike":
                return f"from {self.tasks} like tasks"
            case "scaled":
                return f"from {self.tasks} tasks of that complexity with other models, scaled by price"
            case "assumed":
                return "assumed"


def forecast(
    task: Task, model: str, past: Sequence[PastTask], cost_of: CostOf, of_module: Sequence[Pico] = ()
) -> Forecast | None:  # fmt: skip
    """What the whole task will probably cost, without regard to caps; `model` is the task's, resolved to its id.
    None if nobody can say: no like tasks, and no price.

    From what tasks of the same model, complexity and module cost; if there are too few, from those of the same model
    and complexity; from those of the same complexity, scaled by what the models cost; else from assumed tokens.
    """
    if len(of_module) >= FEWEST:
        return _measured(of_module, "module")
    of_kind = [each for each in past if each.complexity == task.complexity]
    alike = [each.cost for each in of_kind if each.model == model]
    if len(alike) >= FEWEST:
        return _measured(alike, "alike")
    scaled = _scaled(of_kind, task.complexity, model, cost_of)
    if len(scaled) >= FEWEST:
        return _measured(scaled, "scaled")
    assumed = cost_of(model, ASSUMED[task.complexity])
    return None if assumed is None else Forecast(assumed, assumed * SPREAD, "assumed", 0)


def left(whole: Forecast, spent: Pico, cap: Pico | None) -> Forecast:
    """What is left of it for a task that has spent part, never below zero and never more than its cap leaves."""

    def rest(amount: Pico) -> Pico:
        return max(0, (amount if cap is None else min(amount, cap)) - spent)

    return replace(whole, median=rest(whole.median), worst=rest(whole.worst))


def beyond(amounts: Sequence[Pico], cap: Pico) -> int:
    """How many of the tasks, in this order, are the last ones that a cap has no room for."""
    spent, fitting = 0, 0
    for amount in amounts:
        spent += amount
        if spent > cap:
            break
        fitting += 1
    return len(amounts) - fitting


def _scaled(past: Sequence[PastTask], complexity: Complexity, model: str, cost_of: CostOf) -> list[Pico]:
    """What the tasks would have cost with this model, by the price of the same tokens."""
    names = {model, *(each.model for each in past)}
    price = {name: cost_of(name, ASSUMED[complexity]) for name in names}
    ours = price[model]
    found = []
    for each in past:
        if ours is not None and (theirs := price[each.model]):
            found.append(-(-each.cost * ours // theirs))
    return found


def _measured(costs: Sequence[Pico], basis: Basis) -> Forecast:
    recent = sorted(costs[-RECENT:])
    count = len(recent)
    median = -(-(recent[(count - 1) // 2] + recent[count // 2]) // 2)
    return Forecast(median, recent[-(-count * 9 // 10) - 1], basis, count)
