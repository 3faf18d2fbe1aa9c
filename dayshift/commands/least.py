"""Whether every cap lets at least one request leave: asked by `check`, `start` and `doctor`."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dayshift.cost.prices import Prices
from dayshift.home import Home
from dayshift.inputs import document_yaml, documents
from dayshift.inputs.documents import BadDocument, Place, Problem
from dayshift.inputs.settings import Settings
from dayshift.inputs.settings_sources import variables
from dayshift.model import Day, Task
from dayshift.money import Pico
from dayshift.outlook.first_request import least_cost, too_small_in_day, too_small_in_settings
from dayshift.running import instructions
from dayshift.running.instructions import Places


def must_be_useful(home: Home, settings: Settings, prices: Prices, day: Day) -> None:
    """BadDocument that names every cap, of the day or of the settings, under which nothing can be asked at all."""
    least = {task.id: least_useful(home, settings, prices, task) for task in day.tasks}
    _, lines = document_yaml.load(Path(day.source))
    problems = [documents.problem(day.source, lines, *each) for each in too_small_in_day(day, least, lines)]
    models = {task.model: least[task.id] for task in sorted(day.tasks, key=lambda task: -least[task.id])}
    if problems := [*problems, *_in_settings(home, settings, models)]:
        raise BadDocument(problems)


def settings_problems(home: Home, settings: Settings, prices: Prices) -> list[Problem]:
    """The caps of the settings under which no task of the usual model can ask anything."""
    task = Task("task", "A task", "What it is about.", settings.agent.model)
    return list(_in_settings(home, settings, {task.model: least_useful(home, settings, prices, task)}))


def least_useful(home: Home, settings: Settings, prices: Prices, task: Task) -> Pico:
    """The smallest cap under which the task can ask anything at all."""
    parts, context = instructions.read_documents(home), dict.fromkeys(task.context_files, "")
    told = instructions.render(task, context, parts, Places(home.workspace(task.id)))
    return least_cost(prices, task.model, told, settings)


def _in_settings(home: Home, settings: Settings, models: Mapping[str, Pico]) -> Iterator[Problem]:
    file = home.config / "orchestrator.yaml"
    lines = document_yaml.load(file)[1] if file.exists() else {}
    for place, message in too_small_in_settings(settings.budget, models):
        if name := _variable(place):
            yield Problem(name, 0, "", message)
        else:
            yield documents.problem(str(file), lines, place, message)


def _variable(place: Place) -> str | None:
    """The environment variable that sets it now."""
    return next((name for name, keys in variables().items() if place[:2] == keys and os.environ.get(name)), None)
