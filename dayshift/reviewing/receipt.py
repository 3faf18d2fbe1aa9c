"""How far a task's work has come into the person's tree or out of it, on disk: what makes whole what was cut short.

It joins the landing, whose changes it keeps, and the holder for its checksum.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dayshift import files
from dayshift.clock import rfc3339
from dayshift.failpoints import passing
from dayshift.holder import seal
from dayshift.reviewing.landing import Change

CURE = "how far that work has come into your tree cannot be told; look with `git status`, then take this file away"


@dataclass(frozen=True, slots=True)
class Made:
    """The branch that work was accepted as: where it ends, and the tasks on it, in order."""

    branch: str
    tip: str
    tasks: tuple[str, ...]


class Receipt:
    """How far a task's commit has come: not at all, begun with these changes, landed, on a branch, or taken back."""

    def __init__(self, place: Path, commit: str) -> None:
        self._place, self._commit = place, commit
        kept = files.read_own(place, CURE)
        self._kept: dict[str, Any] = kept if kept.get("commit") == commit else {}

    @property
    def landed(self) -> bool:
        """Whether the tree got everything; what the person made of it since does not matter."""
        return bool(self._kept.get("landed_at"))

    @property
    def undone(self) -> bool:
        """Whether everything was taken back."""
        return bool(self._kept.get("undone_at"))

    @property
    def mixed(self) -> bool:
        """Whether the person edited between the parts of the acceptance: what there was before is not known."""
        return bool(self._kept.get("mixed"))

    @property
    def made(self) -> Made | None:
        """The branch that was to be made, or was."""
        made = self._kept.get("made")
        return Made(made["branch"], made["tip"], tuple(made["tasks"])) if made else None

    def begun(self, out: bool) -> bool:
        """Whether the tree may hold a part: on the way in, or on the way out."""
        return "stage" in self._kept and bool(self._kept.get("out")) == out

    @property
    def stage(self) -> Path:
        """Where the prepared files are."""
        return Path(self._kept["stage"])

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was to be done."""
        return tuple(Change(**each) for each in self._kept["changes"])

    @property
    def folders(self) -> dict[str, int]:
        """The folders there shall be, with their rights."""
        return dict(self._kept.get("folders", {}))

    def begin(self, stage: Path, found: Sequence[Change], out: bool, folders: dict[str, int]) -> None:
        """From here on the tree may be changed; these folders are not there, and shall be."""
        facts = {"stage": str(stage), "changes": [asdict(each) for each in found], "out": out, "folders": folders}
        self._write({**self._lasting(), **facts})

    def end(self, now: datetime, out: bool) -> None:
        """The tree holds everything, or nothing any more."""
        self._write({"undone_at": rfc3339(now)} if out else {**self._lasting(), "landed_at": rfc3339(now)})

    def make(self, made: Made) -> None:
        """From here on there may be that branch."""
        self._write({"made": asdict(made)})

    def disturb(self, out: bool) -> None:
        """What was begun does not fit any more: it is begun anew, with the tree as it is then."""
        self._write(self._lasting() | ({} if out else {"mixed": True}))

    def _lasting(self) -> dict[str, Any]:
        return {name: self._kept[name] for name in ("landed_at", "mixed") if name in self._kept}

    def _write(self, facts: dict[str, Any]) -> None:
        self._place.parent.mkdir(exist_ok=True)
        self._kept = {"commit": self._commit, **facts}
        files.write_atomically(self._place, seal.sealed(json.dumps(self._kept)))  # in ASCII: a name may be no UTF-8
        passing("receipt.written")
