"""How far a task's work has come into the person's tree, on disk: what makes an acceptance that was cut short whole.

It joins the landing, whose changes it keeps.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from dayshift import files
from dayshift.clock import rfc3339
from dayshift.landing import Change


class Receipt:
    """How far a task's commit has come: not at all, begun with these changes, or landed."""

    def __init__(self, place: Path, commit: str) -> None:
        self._place, self._commit = place, commit
        kept = files.read_json(place)
        self._kept: dict[str, Any] = kept if isinstance(kept, dict) and kept.get("commit") == commit else {}

    @property
    def landed(self) -> bool:
        """Whether the tree got everything; what the person made of it since does not matter."""
        return bool(self._kept.get("landed_at"))

    @property
    def begun(self) -> bool:
        """Whether the tree may hold a part."""
        return "stage" in self._kept

    @property
    def stage(self) -> Path:
        """Where the prepared files are."""
        return Path(self._kept["stage"])

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was to be done."""
        return tuple(Change(**each) for each in self._kept["changes"])

    def begin(self, stage: Path, found: Sequence[Change]) -> None:
        """From here on the tree may be changed."""
        self._write({"stage": str(stage), "changes": [asdict(each) for each in found]})

    def end(self, now: datetime) -> None:
        """The tree holds everything."""
        self._write({"landed_at": rfc3339(now)})

    def forget(self) -> None:
        """As if nothing had been begun."""
        self._place.unlink(missing_ok=True)
        self._kept = {}

    def _write(self, facts: dict[str, Any]) -> None:
        self._place.parent.mkdir(exist_ok=True)
        self._kept = {"commit": self._commit, **facts}
        files.write_atomically(self._place, json.dumps(self._kept))  # in ASCII: a name may be no UTF-8
