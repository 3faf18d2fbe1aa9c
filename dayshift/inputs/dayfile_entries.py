"""The tasks of a day file as they were written, and what no shape can say is wrong with them, one beside the others.

It is asked of the raw entries, so that one broken field hides no other error.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from graphlib import CycleError, TopologicalSorter
from typing import Any

from dayshift.inputs import documents
from dayshift.inputs.documents import Lines, Place

CYCLES_TOLD = 10

KnownModel = Callable[[str], str | None]  #: None for a model that can be used, else what is wrong with the name
ParseTurns = Callable[[Sequence[Mapping[str, Any]]], object]  #: ValueError for turns that cannot be played
Offences = Iterator[tuple[Place, str]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One task as it was written, right or wrong."""

    number: int
    raw: Mapping[str, Any]

    def at(self, *keys: str | int) -> Place:
        """The place of something in the entry."""
        return ("tasks", self.number, *keys)

    def text(self, key: str) -> str:
        """The text under a key; empty if there is none."""
        value = self.raw.get(key)
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> list[tuple[Place, str]]:
        """The texts of a list, each with its place."""
        listed = self.raw.get(key)
        items = enumerate(listed if isinstance(listed, list) else [])
        return [(self.at(key, number), item) for number, item in items if isinstance(item, str)]


def as_written(data: Any) -> list[Entry]:
    """The entries of the file's `tasks:`; what is no entry at all is left to the shape."""
    tasks = data.get("tasks") if isinstance(data, dict) else None
    listed = enumerate(tasks if isinstance(tasks, list) else [])
    return [Entry(number, raw) for number, raw in listed if isinstance(raw, dict)]


def same_ids(entries: Sequence[Entry], lines: Lines) -> Offences:
    """An id that names two tasks."""
    first: dict[str, int] = {}
    for entry in entries:
        line = lines.get(entry.at("id"), 0)
        if (task_id := entry.text("id")) in first:
            yield entry.at("id"), f"`{task_id}` names two tasks, in line {first[task_id]} and line {line}; rename one"
        elif task_id:
            first[task_id] = line


def dependencies(entries: Sequence[Entry]) -> Offences:
    """A dependency on no task of the file, or on the task itself."""
    known = dict.fromkeys(entry.text("id") for entry in entries if entry.text("id"))
    for entry in entries:
        for place, wanted in entry.texts("depends_on"):
            if wanted == entry.text("id"):
                yield place, f"`{wanted}` depends on itself; take this out"
            elif wanted not in known:
                yield place, f"there is no task `{wanted}` in this file; {documents.suggestion(wanted, known)}"


def cycles(entries: Sequence[Entry]) -> Offences:
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


def earlier(data: Any, entries: Sequence[Entry]) -> Offences:
    """A task that would go on with one of a day that is not over."""
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


def costs(data: Any, entries: Sequence[Entry]) -> Offences:
    """A task that may cost more than its day."""
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


def models(entries: Sequence[Entry], default: str, known_model: KnownModel) -> Offences:
    """A model that cannot be used, with what is wrong with its name."""
    for entry in entries:
        if entry.raw.get("model") is None and (message := known_model(default)):
            yield entry.at("model"), f"the default, `agent.model: {default}`: {message}"
        elif (name := entry.text("model")) and (message := known_model(name)):
            yield entry.at("model"), message


def rehearsals(entries: Sequence[Entry], parse_turns: ParseTurns) -> Offences:
    """Turns that cannot be played."""
    for entry in entries:
        turns = entry.raw.get("rehearsal")
        if isinstance(turns, list) and all(isinstance(turn, dict) for turn in turns):
            try:
                parse_turns(turns)
            except ValueError as error:
                yield entry.at("rehearsal"), str(error)
