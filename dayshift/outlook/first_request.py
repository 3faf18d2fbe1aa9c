"""The smallest request a task begins with, and the caps that not even it would fit.

Joins hold, request_bounds and prices for the most it can cost, settings for the caps a person set.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from dayshift.cost import hold
from dayshift.cost.hold import longest_answer
from dayshift.cost.prices import Prices
from dayshift.inputs.documents import Place
from dayshift.inputs.settings import Budget, Settings
from dayshift.messages.request_bounds import SLACK, RequestFacts
from dayshift.model import Day
from dayshift.money import PICO_PER_USD, Pico, from_usd, shown

#: Bytes of the first request of Claude Code 2.1.329 besides the instructions, and what each tool adds to it; measured,
#: rounded down. A tool that is not here adds something too: the bound is one from below.
BARE = 10_000
TOOLS = {"Bash": 4_500, "Read": 1_900, "Edit": 900, "Write": 600, "Glob": 700, "Grep": 3_200, "Agent": 6_700,
         "Skill": 8_300, "AskUserQuestion": 4_500}  # fmt: skip
CENT = PICO_PER_USD // 100


def least_cost(prices: Prices, model: str, instructions: str, settings: Settings) -> Pico:
    """The smallest cap under which the first request of a task may leave; Unpriced if nobody knows the model.

    Its prompt was never measured before, and its answer is as long as a cap of that size allows.
    """
    tools = sum(TOOLS.get(tool, 0) for tool in settings.agent.tools)
    body = BARE + len(json.dumps(instructions, ensure_ascii=False).encode()) + tools
    most, rate = settings.agent.max_output_tokens, prices.rates(model).output
    least = 0
    while True:  # a larger cap allows a longer answer, but only a quarter of it goes there: this comes to rest
        facts = RequestFacts(model, True, longest_answer(least, rate, most), body + SLACK, True, False, False, "", 0)
        strict = settings.budget.mode == "strict"
        held = hold.strict(facts, body, date.min) if strict else hold.paced(facts, body, date.min, None)
        if (needed := held.cost(prices)) <= least:
            return least
        least = needed


def useful(least: Pico) -> str:
    """A cap that lets it leave: a twentieth more than the bound from below, in whole cents."""
    return shown(-(-least * 21 // 20 // CENT) * CENT)


def too_small_in_day(day: Day, least: Mapping[str, Pico], given: Iterable[Place]) -> Iterator[tuple[Place, str]]:
    """Every cap of the day file that stops a task before its first answer; `given` are the places the file fills."""
    filled = set(given)
    for number, task in enumerate(day.tasks):
        place, needed = ("tasks", number, "max_cost_usd"), least[task.id]
        if place in filled and task.max_cost is not None and task.max_cost < needed:
            yield place, _too_small(task.max_cost, f"one request of {task.model}", needed)
    if day.max_cost is not None and day.max_cost < min(least.values()):
        yield ("max_cost_usd",), _too_small(day.max_cost, "one request of its cheapest task", min(least.values()))


def too_small_in_settings(budget: Budget, models: Mapping[str, Pico]) -> Iterator[tuple[Place, str]]:
    """Every cap of the settings that lets no request of the cheapest of these models leave."""
    model = min(models, key=lambda name: models[name])
    for place, cap in _caps(("budget",), budget):
        if from_usd(cap) < models[model]:
            yield place, _too_small(from_usd(cap), f"one request of {model}", models[model])


def _caps(place: Place, section: Any) -> Iterator[tuple[Place, Decimal]]:
    """Every amount that is a cap, with its place in the settings."""
    match section:
        case BaseModel():
            for name in type(section).model_fields:
                yield from _caps((*place, name), getattr(section, name))
        case dict():
            for key, item in section.items():
                yield from _caps((*place, key), item)
        case tuple() if place[-1] == "phases":
            for number, item in enumerate(section):
                yield from _caps((*place, number), item)
        case Decimal():
            yield place, section


def _too_small(cap: Pico, what: str, needed: Pico) -> str:
    return f"{shown(cap)} is less than {what} may cost; the smallest useful cap is {useful(needed)}"
