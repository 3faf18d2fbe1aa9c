"""What was checked, what was found, and what can be done about it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dayshift.home import Home
from dayshift.inputs.settings import Settings
from dayshift.model import Record


@dataclass(frozen=True, slots=True)
class Repair:
    """Something that can be put right without losing anything of the person's: in words, and how."""

    what: str
    do: Callable[[], str | None]  #: says more of what was done, or raises with why it was not
    alone: bool = True  #: not while a daemon runs, to which it belongs


@dataclass(frozen=True, slots=True)
class Point:
    """One thing checked: `ok`, what was found, and how to mend it; of a protection also what was tried against it."""

    name: str
    ok: bool
    found: str
    tried: str = ""
    cure: str = ""
    repairs: tuple[Repair, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For machines; a repair is named, not carried."""
        return {
            "name": self.name, "ok": self.ok, "found": self.found, "tried": self.tried, "cure": self.cure,
            "fixes": [repair.what for repair in self.repairs],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """The home that is looked at, as it was when the look began."""

    home: Home
    settings: Settings
    now: datetime
    is_served: bool  #: a daemon runs in it
    records: dict[str, Record]
    broken: tuple[str, ...]  #: files of records that hold none
