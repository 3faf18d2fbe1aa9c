"""The day file: what a person wants done today, read and checked as a whole."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from graphlib import CycleError, TopologicalSorter
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dayshift import documents
from dayshift.documents import BadDocument, Lines, Place
from dayshift.model import TASK_ID, Complexity, Day, Task
from dayshift.money import Pico, from_usd
from dayshift.settings import Settings
from dayshift.values import CalendarDay, Cap, Command, Count, Host, RepoPath, inside, some

WORKSPACES = "agent_workspaces"
CYCLES_TOLD = 10

KnownModel = Callable[[str], str | None]  #: None for a model that can be used, else what is wrong with the name
ParseTurns = Callable[[Sequence[Mapping[str, Any]]], object]  #: ValueError for turns that cannot be played
Offences = Iterator[tuple[Place, str]]


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
    data, lines = documents.load(path)
    entries = _entries(data)
    folder = _project(data, default_project, home)
    top = _top(folder)
    offences = chain(
        _unusable(folder, top), _same_ids(entries, lines), _dependencies(entries), _cycles(entries),
        _deliverables(entries), _context_files(entries, top), _costs(data, entries),
        _models(entries, settings.agent.model, known_model), _rehearsals(entries, parse_turns), _earlier(data, entries),
    )  # fmt: skip
    told = islice(offences, documents.PROBLEMS_TOLD)
    problems = [documents.problem(str(path), lines, place, message) for place, message in told]
    try:
        wanted = documents.validate(_Day, {} if data is None else data, lines, str(path))
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


# --- the shape -------------------------------------------------------------------------------------


def _task_id(text: str) -> str:
    if not re.fullmatch(TASK_ID.removesuffix("$"), text):
        raise ValueError(
            f"{text[:80]!r} is no task id; use 1 to 63 lower-case letters, digits and dashes, no dash at the start"
        )
    if text == "daemon" or text.endswith("-answer"):
        raise ValueError(
            f"{text!r} would share a file name with the daemon's log or with another task's answer; rename it"
        )
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _line(text: str) -> str:
    if not (line := _one_line(text)):
        raise ValueError("is empty; name the task in a few words")
    return line


def _written(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; say what the agent shall do")
    return text


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Task(_Strict):
    """One entry of `tasks:`."""

    id: Annotated[str, AfterValidator(_task_id)] = Field(examples=["task-001"])
    name: Annotated[str, AfterValidator(_line)] = Field(examples=["Paginate the orders list"])
    description: Annotated[str, AfterValidator(_written)] = Field(examples=["what the agent shall do"])
    module: Annotated[str, AfterValidator(_one_line)] = ""
    kind: Annotated[str, AfterValidator(_one_line)] = ""
    estimated_complexity: Complexity = Complexity.medium
    context_files: tuple[RepoPath, ...] = ()
    deliverables: tuple[RepoPath, ...] = ()
    depends_on: tuple[str, ...] = ()
    priority: Count = Field(default=5, ge=1, le=9)
    model: Annotated[str, Field(min_length=1)] | None = None
    max_cost_usd: Cap | None = None
    timeout_minutes: Annotated[Count, Field(ge=1, le=1440)] | None = None
    commands: tuple[Command, ...] = Field(default=(), alias="validate")
    max_attempts: Annotated[Count, Field(ge=1, le=10)] | None = None
    network: tuple[Host, ...] = ()
    carry_over: bool = False
    continues: CalendarDay | None = None
    rehearsal: tuple[dict[str, Any], ...] | None = None


class _Day(_Strict):
    """The whole file."""

    date: CalendarDay = Field(examples=["2026-11-20"])
    max_cost_usd: Cap | None = None
    project: str | None = None
    tasks: Annotated[tuple[_Task, ...], AfterValidator(some)] = Field(
        examples=["[{id: task-001, name: …, description: …}]"]
    )


def _task(wanted: _Task, settings: Settings) -> Task:
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


# --- what a shape cannot say: asked of the raw entries, so that one broken field hides no other error --------------


@dataclass(frozen=True, slots=True)
class _Entry:
    """One task as it was written, right or wrong."""

    number: int
    raw: Mapping[str, Any]

    def at(self, *keys: str | int) -> Place:
        return ("tasks", self.number, *keys)

    def text(self, key: str) -> str:
        value = self.raw.get(key)
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> list[tuple[Place, str]]:
        """The texts of a list, each with its place."""
        listed = self.raw.get(key)
        items = enumerate(listed if isinstance(listed, list) else [])
        return [(self.at(key, number), item) for number, item in items if isinstance(item, str)]


def _entries(data: Any) -> list[_Entry]:
    tasks = data.get("tasks") if isinstance(data, dict) else None
    listed = enumerate(tasks if isinstance(tasks, list) else [])
    return [_Entry(number, raw) for number, raw in listed if isinstance(raw, dict)]


def _project(data: Any, default: Path, home: Path) -> Path:
    named = data.get("project") if isinstance(data, dict) else None
    if not isinstance(named, str):
        return default.resolve()
    try:
        return (home / Path(named).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError):
        return home / named


def _is(kind: Callable[[Path], bool], path: Path) -> bool:
    try:
        return kind(path)
    except OSError:  # a name too long, a folder closed to us
        return False


def _top(folder: Path) -> Path | None:
    """The top of the work tree that holds the folder, if there is one."""
    around = (folder, *folder.parents) if _is(Path.is_dir, folder) else ()
    return next((each for each in around if _is(Path.exists, each / ".git")), None)


def _unusable(folder: Path, top: Path | None) -> Offences:
    if not _is(Path.is_dir, folder):
        yield ("project",), f"there is no folder {folder}; set `project:` to a git repository, as a path from the home"
    elif top is None:
        yield ("project",), f"{folder} is not in a git repository; run `git init` there or set `project:` to one"


def _same_ids(entries: Sequence[_Entry], lines: Lines) -> Offences:
    first: dict[str, int] = {}
    for entry in entries:
        line = lines.get(entry.at("id"), 0)
        if (task_id := entry.text("id")) in first:
            yield entry.at("id"), f"`{task_id}` names two tasks, in line {first[task_id]} and line {line}; rename one"
        elif task_id:
            first[task_id] = line


def _dependencies(entries: Sequence[_Entry]) -> Offences:
    known = dict.fromkeys(entry.text("id") for entry in entries if entry.text("id"))
    for entry in entries:
        for place, wanted in entry.texts("depends_on"):
            if wanted == entry.text("id"):
                yield place, f"`{wanted}` depends on itself; take this out"
            elif wanted not in known:
                yield place, f"there is no task `{wanted}` in this file; {documents.suggestion(wanted, known)}"


def _cycles(entries: Sequence[_Entry]) -> Offences:
    """Each cycle of dependencies once, told from its first task in the file."""
    order = {entry.text("id"): entry for entry in reversed(entries)}
    needs = {name: {wanted for _, wanted in entry.texts("depends_on")} - {name} for name, entry in order.items()}
    for _ in range(CYCLES_TOLD):
        try:
            TopologicalSorter(needs).prepare()
            return
        except CycleError as error:
            ring = error.args[1][:0:-1]
        start = ring.index(min(ring, key=lambda name: order[name].number))
        ring = [*ring[start:], *ring[:start]]
        yield order[ring[0]].at("depends_on"), f"a cycle: {' -> '.join([*ring, ring[0]])}; take one dependency out"
        for name, wanted in zip(ring, [*ring[1:], ring[0]], strict=True):
            needs[name].discard(wanted)


def _deliverables(entries: Sequence[_Entry]) -> Offences:
    for entry in entries:
        for place, path in entry.texts("deliverables"):
            folder, *rest = PurePosixPath(path).parts or ("",)
            if folder == WORKSPACES and (len(rest) < 2 or rest[0] != entry.text("id")):
                yield place, f"{path!r} is not in this task's own workspace; write {WORKSPACES}/{entry.text('id')}/…"


def _context_files(entries: Sequence[_Entry], top: Path | None) -> Offences:
    """A context file is there now, or a task this one depends on will make it; that of an earlier day may have."""
    named = {entry.text("id"): entry for entry in entries}
    for entry in (entry for entry in entries if entry.raw.get("continues") is None):
        asked = [(place, _plain(path)) for place, path in entry.texts("context_files")]
        absent = [(place, path) for place, path in asked if top and path and not _is(Path.is_file, top / path)]
        made = _made_before(entry, named) if absent else set()
        for place, path in absent:
            if path not in made:
                yield place, f"there is no file {path!r} in {top}; make it, or depend on the task that delivers it"


def _plain(path: str) -> str:
    """The path as a task holds it; empty if it leads out of the repository."""
    try:
        return inside(path)
    except ValueError:
        return ""


def _made_before(entry: _Entry, named: Mapping[str, _Entry]) -> set[str]:
    """The deliverables of every task this one depends on, near or far."""
    made: set[str] = set()
    seen: set[str] = set()
    ahead = [wanted for _, wanted in entry.texts("depends_on")]
    while ahead:
        if (name := ahead.pop()) in named and name not in seen:
            seen.add(name)
            made |= {_plain(path) for _, path in named[name].texts("deliverables")}
            ahead += [wanted for _, wanted in named[name].texts("depends_on")]
    return made


def _earlier(data: Any, entries: Sequence[_Entry]) -> Offences:
    today = _day(data.get("date")) if isinstance(data, dict) else None
    for entry in entries:
        day = _day(entry.raw.get("continues"))
        if today and day and day >= today:
            yield entry.at("continues"), f"{day} is not before {today}, the date of this file; name an earlier day"


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _costs(data: Any, entries: Sequence[_Entry]) -> Offences:
    cap = _dollars(data.get("max_cost_usd")) if isinstance(data, dict) else None
    for entry in entries:
        wanted = _dollars(entry.raw.get("max_cost_usd"))
        if cap is not None and wanted is not None and wanted > cap > 0:
            yield entry.at("max_cost_usd"), f"{wanted} is above the day's max_cost_usd of {cap}; lower it or raise that"


def _dollars(value: Any) -> Decimal | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _models(entries: Sequence[_Entry], default: str, known_model: KnownModel) -> Offences:
    for entry in entries:
        if entry.raw.get("model") is None and (message := known_model(default)):
            yield entry.at("model"), f"the default, `agent.model: {default}`: {message}"
        elif (name := entry.text("model")) and (message := known_model(name)):
            yield entry.at("model"), message


def _rehearsals(entries: Sequence[_Entry], parse_turns: ParseTurns) -> Offences:
    for entry in entries:
        turns = entry.raw.get("rehearsal")
        if isinstance(turns, list) and all(isinstance(turn, dict) for turn in turns):
            try:
                parse_turns(turns)
            except ValueError as error:
                yield entry.at("rehearsal"), str(error)
