"""The facts of every day's report, kept so that the report can be made again: the same facts, the same bytes.

Joins the records: a report of an earlier day shows what the person has said of its tasks since.
"""

from dataclasses import asdict, replace
from datetime import date
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from dayshift import files, records
from dayshift.day_facts import DayFacts
from dayshift.home import Home


@cache
def _adapter() -> TypeAdapter[DayFacts]:
    return TypeAdapter(DayFacts)


def keep(home: Home, facts: DayFacts) -> None:
    """Replace what is kept of that day."""
    path = home.facts(facts.date, facts.rehearsal)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(path, to_json(facts))


def read(home: Home, day: date, rehearsal: bool) -> DayFacts | None:
    """The facts of that day, its tasks reviewed as they are now; None if nothing readable is kept."""
    try:
        facts = from_json(files.read_json(home.facts(day, rehearsal)) or {})
    except ValueError:
        return None
    known = {(each.day, each.id, each.created_at): each for each in ([] if rehearsal else records.of_all_days(home))}
    reviewed = (known.get((each.day, each.id, each.created_at), each) for each in facts.records)
    return replace(facts, records=tuple(reviewed))


def days(home: Home, rehearsal: bool = False) -> list[date]:
    """Every day of which facts are kept, oldest first."""
    ending = "-rehearsal.json" if rehearsal else ".json"
    names = (path.name for path in home.facts(date.min, rehearsal).parent.glob(f"????-??-??{ending}"))
    return sorted(date.fromisoformat(name[:10]) for name in names)


def to_json(facts: DayFacts) -> dict[str, Any]:
    """The facts as plain JSON values; the records carry the names of their states."""
    data: dict[str, Any] = to_jsonable_python(asdict(replace(facts, records=())))
    return {**data, "records": [records.to_json(each) for each in facts.records]}


def from_json(data: dict[str, Any]) -> DayFacts:
    """The facts again; ValueError if it does not hold them."""
    try:
        facts = _adapter().validate_python({**data, "records": ()})
        kept = tuple(map(records.from_json, data["records"]))
    except (KeyError, TypeError, ValidationError) as error:
        raise ValueError(f"not the facts of a day: {error}") from error
    return replace(facts, records=kept)
