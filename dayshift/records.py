"""The durable record of every task: one JSON file each, replaced as a whole at every change."""

from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from dayshift import files, states
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.model import Day, Record

STATES = {state.name: state for state in (
    states.Queued, states.Running, states.Waiting, states.Parked, states.Verifying,
    states.Done, states.Failed, states.Halted, states.Cancelled,
)}  # fmt: skip


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_json(record: Record) -> dict[str, Any]:
    """The record as plain JSON values; the state carries its name."""
    data: dict[str, Any] = to_jsonable_python(asdict(record))
    data["state"] = {"name": record.state.name, **data["state"]}
    return data


def from_json(data: dict[str, Any]) -> Record:
    """The record again; ValueError if it does not hold one."""
    try:
        state = dict(data["state"])
        kind = STATES[state.pop("name")]
        restored = _adapter(kind).validate_python(state)
        findings = [_of_old(each) for each in data.get("findings", [])]
        record: Record = _adapter(Record).validate_python({**data, "findings": findings, "state": restored})
    except (KeyError, TypeError, ValidationError) as error:
        raise ValueError(f"not a task record: {error}") from error
    return record


def _of_old(finding: dict[str, Any]) -> dict[str, Any]:
    """A finding as it is written today; the first release did not say who."""
    return {"halts": finding["by_agent"], "who": "cannot be told", **finding} if "by_agent" in finding else finding


def day_to_json(day: Day) -> dict[str, Any]:
    """A day as plain JSON values, for handing it over."""
    data: dict[str, Any] = to_jsonable_python(asdict(day))
    return data


def day_from_json(data: dict[str, Any]) -> Day:
    """The day again; ValueError if it does not hold one."""
    day: Day = _adapter(Day).validate_python(data)
    return day


def kept_day(home: Home, rehearsal: bool) -> tuple[Day | None, bool]:
    """The day an earlier daemon remembered, and whether the person's tree was dirty when it began; Unusable if that
    cannot be read: its cap would be forgotten."""
    cure = "the cap of the day that was at hand is not known; start with its day file again: `dayshift start FILE`"
    kept = files.read_own(home.day_facts(rehearsal), cure)
    try:
        return (day_from_json(kept["day"]), bool(kept.get("dirty"))) if kept else (None, False)
    except (KeyError, ValueError) as error:
        raise files.Unusable(f"{home.day_facts(rehearsal)} holds no day: {cure}") from error


def save(home: Home, record: Record) -> None:
    """On disk when this returns."""
    files.write_sealed(home.records / f"{record.id}.json", to_json(record))
    passing("record.kept")


def load_all(home: Home) -> tuple[dict[str, Record], list[str]]:
    """Every readable record by id, and the names of the files that hold none."""
    records: dict[str, Record] = {}
    broken: list[str] = []
    for path in sorted(home.records.glob("[!.]*.json")):
        try:
            record = from_json(files.read_json(path) or {})
        except ValueError:
            broken.append(path.name)
            continue
        if record.id == path.stem:
            records[record.id] = record
        else:  # a copy, or a file that was renamed: two records of one task are none
            broken.append(path.name)
    return records, broken


def put_by(home: Home, record: Record) -> None:
    """Keep the record as it is now, beside others of its day, for when its id stands for other work; never twice."""
    folder = home.history / str(record.day)
    folder.mkdir(parents=True, exist_ok=True)
    files.write_sealed(folder / f"{record.id}-{record.created_at:%Y%m%dT%H%M%S%f}.json", to_json(record))
    passing("record.put_by")


def of_all_days(home: Home) -> tuple[Record, ...]:
    """Every record there ever was of real tasks, as it was last, by day and id; what cannot be read is left out.

    A task that went on from one day to the next has a record of each.
    """
    return _last(home, "????-??-??")


def of_day(home: Home, day: date) -> tuple[Record, ...]:
    """Those of that day alone."""
    return tuple(record for record in _last(home, str(day)) if record.day == day)


def _last(home: Home, day: str) -> tuple[Record, ...]:
    found: dict[tuple[date, str, datetime], Record] = {}
    for path in (*sorted(home.history.glob(f"{day}/*.json")), *sorted(home.records.glob("*.json"))):
        with suppress(ValueError):
            record = from_json(files.read_json(path) or {})
            if not record.rehearsal:
                found[record.day, record.id, record.created_at] = record
    return tuple(found[key] for key in sorted(found))


def remove(home: Home, task_id: str) -> None:
    """Forget the task."""
    (home.records / f"{task_id}.json").unlink(missing_ok=True)
