"""The facts of every day's report, kept so that the report can be made again: the same facts, the same bytes.

Joins the records: a report of an earlier day shows what the person has said of its tasks since.
"""

import re
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from dayshift import files, records
from dayshift.day_facts import DayFacts
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.model import Record

SAID_SINCE = ("review", "review_reason", "reviewed_at", "branch")  #: all else is told as it was on that day


@cache
def _adapter() -> TypeAdapter[DayFacts]:
    return TypeAdapter(DayFacts)


def keep(home: Home, facts: DayFacts) -> None:
    """Replace what is kept of that day."""
    path = home.facts(facts.date, facts.rehearsal)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_sealed(path, to_json(facts))
    passing("facts.kept")


def read(home: Home, day: date, rehearsal: bool) -> DayFacts | None:
    """The facts of that day, its tasks reviewed as they are now; None if nothing readable is kept."""
    try:
        facts = from_json(files.read_json(home.facts(day, rehearsal)))
    except ValueError:
        return None
    if (facts.date, facts.rehearsal) != (day, rehearsal):
        return None
    known = {(each.id, each.created_at): each for each in (() if rehearsal else records.of_day(home, day))}
    return replace(
        facts, records=tuple(_reviewed(each, known.get((each.id, each.created_at))) for each in facts.records)
    )


def _reviewed(then: Record, now: Record | None) -> Record:
    """The record as it was, with what the person has said of it since."""
    return replace(then, **{name: getattr(now, name) for name in SAID_SINCE}) if now else then


def days(home: Home, rehearsal: bool = False) -> list[date]:
    """Every day of which facts are kept, oldest first."""
    found, ending = list[date](), "-rehearsal.json" if rehearsal else ".json"
    for path in home.facts(date.min, rehearsal).parent.glob(f"*{ending}"):
        with suppress(ValueError):
            if re.fullmatch(r"\d{4}-\d\d-\d\d", name := path.name.removesuffix(ending)):
                found.append(date.fromisoformat(name))
    return sorted(found)


def to_json(facts: DayFacts) -> dict[str, Any]:
    """The facts as plain JSON values; the records as they are kept elsewhere too, with the names of their states."""
    data: dict[str, Any] = _adapter().dump_python(facts, mode="json")
    named = (
        {**kept, "state": {"name": record.state.name, **kept["state"]}}
        for record, kept in zip(facts.records, data["records"], strict=True)
    )
    return {**data, "records": list(named)}


def from_json(data: Any) -> DayFacts:
    """The facts again; ValueError if it does not hold them. What another version has more is passed over."""
    try:
        facts = _adapter().validate_python({**data, "records": ()})
        kept = tuple(map(records.from_json, data["records"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not the facts of a day: {error}") from error
    return replace(facts, records=kept)
