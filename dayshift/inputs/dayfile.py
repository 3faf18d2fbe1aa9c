"""The day file: what a person wants done today, read and checked as a whole.

It joins the file's shape, entries and project, and the settings for what is left out.
"""

from decimal import Decimal
from itertools import chain, islice
from pathlib import Path

from dayshift.inputs import document_shape, document_yaml, documents
from dayshift.inputs.dayfile_entries import (
    KnownModel,
    ParseTurns,
    as_written,
    costs,
    cycles,
    dependencies,
    earlier,
    models,
    rehearsals,
    same_ids,
)
from dayshift.inputs.dayfile_project import context_files, deliverables, named_folder, top_of, unusable
from dayshift.inputs.dayfile_shape import DayShape, TaskShape
from dayshift.inputs.documents import BadDocument
from dayshift.inputs.settings import Settings
from dayshift.model import Day, Task
from dayshift.money import Pico, from_usd


def load_day(
    path: Path,
    settings: Settings,
    default_project: Path,
    *,
    home: Path,
    known_model: KnownModel,
    parse_turns: ParseTurns,
) -> Day:
    """The day in the file with every default filled in; BadDocument names everything wrong with it at once.

    A `project:` is a path from `home`; the day's project is the top of the git repository it leads into.
    """
    data, lines = document_yaml.load(path)
    entries = as_written(data)
    folder = named_folder(data, default_project, home)
    top = top_of(folder)
    offences = chain(
        unusable(folder, top), same_ids(entries, lines), dependencies(entries), cycles(entries),
        deliverables(entries), context_files(entries, top), costs(data, entries),
        models(entries, settings.agent.model, known_model), rehearsals(entries, parse_turns), earlier(data, entries),
    )  # fmt: skip
    told = islice(offences, documents.PROBLEMS_TOLD)
    problems = [documents.problem(str(path), lines, place, message) for place, message in told]
    try:
        wanted = document_shape.validate(DayShape, {} if data is None else data, lines, str(path))
    except BadDocument as error:
        raise BadDocument([*error.problems, *problems]) from error
    if problems:
        raise BadDocument(problems)
    tasks = tuple(_task(each, settings) for each in wanted.tasks)
    return Day(wanted.date, str(top), tasks, _pico(wanted.max_cost_usd), str(path))


def day_cap(day: Day, settings: Settings) -> Pico:
    """The most this day may cost: the lower of the file's cap and budget.daily_usd."""
    daily = from_usd(settings.budget.daily_usd)
    return daily if day.max_cost is None else min(day.max_cost, daily)


def _task(wanted: TaskShape, settings: Settings) -> Task:
    agent, budget = settings.agent, settings.budget
    return Task(
        id=wanted.id,
        name=wanted.name,
        description=wanted.description,
        model=wanted.model or agent.model,
        module=wanted.module,
        kind=wanted.kind,
        complexity=wanted.estimated_complexity,
        context_files=wanted.context_files,
        deliverables=wanted.deliverables,
        depends_on=tuple(dict.fromkeys(wanted.depends_on)),
        priority=wanted.priority,
        max_cost=_pico(wanted.max_cost_usd or budget.task_usd),
        timeout_minutes=wanted.timeout_minutes or agent.timeout_minutes,
        validate=wanted.commands,
        max_attempts=wanted.max_attempts or agent.max_attempts,
        network=tuple(dict.fromkeys((*settings.network, *wanted.network))),
        carry_over=wanted.carry_over,
        continues=wanted.continues,
        rehearsal=wanted.rehearsal,
    )


def _pico(dollars: Decimal | None) -> Pico | None:
    return None if dollars is None else from_usd(dollars)
