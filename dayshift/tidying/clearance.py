"""Which ended tasks may be cleared away, why others must not be, and the clearing of one.

It joins the acceptance, which knows whether a part of the work is in the person's tree, the disposal, which does it,
and git, whose refusals it passes on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository.git import GitError
from dayshift.reviewing import acceptance
from dayshift.reviewing.passage import Refused
from dayshift.tidying import disposal

STATES = ("done", "failed", "halted", "cancelled")
REVIEWS = ("accepted", "rejected", "pending")
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
SAVED = "; its changes are in "


class Uncleared(Exception):
    """A task could not be cleared away; the message says why and what to do."""


class Withheld(Uncleared):
    """The person has to see to something first; the message says to what."""


def age(text: str) -> timedelta:
    """A stretch of time as a person writes it: 12h, 7d, 4w. ValueError says how."""
    told = re.fullmatch(r"([0-9]{1,4})([hdw])", text.strip())
    if not told:
        raise ValueError(f"{text[:40]!r} is no age; write hours, days or weeks, e.g. 12h, 7d, 4w")
    return int(told[1]) * UNITS[told[2]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which tasks are meant, by how long ago they ended, how, and what the person said of them; empty means any."""

    older_than: timedelta | None = None
    states: tuple[str, ...] = ()
    reviews: tuple[str, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether nothing was chosen."""
        return self == Choice()

    def means(self, record: Record, now: datetime) -> bool:
        """Whether the task is one of them; by age or state only what has ended can be."""
        if self.older_than is not None and not (record.ended and now - _ended_at(record) >= self.older_than):
            return False
        return (not self.states or record.state.name in self.states) and (
            not self.reviews or (record.ended and record.review in self.reviews)
        )


def _ended_at(record: Record) -> datetime:
    return record.ended_at or record.state.since


def hindrance(record: Record, known: Mapping[str, Record], force: bool) -> str | None:
    """Why the task must not be cleared away, in words; None if it may."""
    if not record.ended:
        return f"{record.id} is {record.state.name}; `dayshift cancel {record.id}` ends it"
    needing = [other.id for other in known.values() if not other.ended and record.id in other.task.depends_on]
    if needing:
        return f"{record.id} is what {', '.join(needing)} will start from"
    if record.in_quarantine and not force:
        return f"{record.id} is in quarantine: look into agent_workspaces/{record.id} first; --force removes it"
    if record.review == "pending" and not (force or record.rehearsal):
        return f"{record.id} was not reviewed yet; --force saves its changes as a patch and removes it"
    return None


def save(home: Home, record: Record) -> Path | None:
    """Save what was not reviewed, before it goes; where it is. Uncleared if that cannot be done."""
    if record.review != "pending" or record.rehearsal:
        return None
    try:
        acceptance.must_be_nowhere(home, record)
        return disposal.salvage(home, record)
    except Refused as refused:
        raise Withheld(str(refused)) from refused
    except (disposal.Unsaved, OSError) as error:
        raise Uncleared(f"{record.id} was not removed: {error}") from error


def clear(home: Home, record: Record) -> None:
    """Take away everything the task left, on disk and in its project's git. Uncleared if something is left."""
    try:
        disposal.discard(home, record)
    except (GitError, OSError) as error:
        raise Uncleared(f"{record.id} was not removed: {error}") from error
    if left := disposal.belongings(home, record.id):
        raise Uncleared(f"{record.id}: could not remove {', '.join(map(str, left))}")


def told(task_id: str, saved: Path | None) -> str:
    """What became of it, in a line."""
    return f"removed {task_id}{f'{SAVED}{saved}' if saved else ''}"


def saved_in(line: str) -> Path | None:
    """Where its changes are, by that line."""
    place = line.partition(SAVED)[2]
    return Path(place) if place else None
