"""One stretch of an agent's work under audit, a run or what is checked after it: looked at before, and at its end.

It joins the audit with the workspace it is kept over, and git, which may fail to look.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from dayshift import files
from dayshift.evidence import Finding, Who
from dayshift.repository import audit
from dayshift.repository.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Vigil:
    """What there was when it began, and what is known of the agent that tells who did what."""

    workspace: Workspace
    window: audit.Window
    before: audit.Fingerprint

    @classmethod
    def begin(cls, workspace: Workspace, run: int, fenced: bool, now: datetime) -> Self:
        """Look at everything, now."""
        window = audit.Window(run, now.timestamp(), fenced, audit.address(workspace.task_id))
        return cls(workspace, window, audit.fingerprint(workspace.project, workspace))

    def save(self, place: Path) -> None:
        """Write down what there was, for a later daemon."""
        files.write_sealed(place, {"began": self.window.began, "aspects": self.before.aspects})

    @classmethod
    def kept(cls, place: Path, workspace: Workspace, run: int, fenced: bool) -> Self | None:
        """The one an earlier daemon may have begun; None if what it wrote down is not there or cannot be read."""
        saved = files.read_facts(place)
        began, aspects = saved.get("began"), saved.get("aspects")
        if not isinstance(began, int | float) or not isinstance(aspects, dict):
            return None
        if not all(isinstance(each, str) for each in aspects.values()):
            return None
        window = audit.Window(run, began, fenced, audit.address(workspace.task_id))
        return cls(workspace, window, audit.Fingerprint(aspects))

    def end(self) -> tuple[Finding, ...]:
        """What changed since, and who did it; that nobody can look is a finding as well."""
        try:
            after = audit.fingerprint(self.workspace.project, self.workspace)
        except Exception as error:  # whatever an agent built there, its run ends with a word of the audit
            what = f"the git directory could not be looked at afterwards: {error}"
            return (Finding(self.window.run, what, not self.window.fenced, Who.unknown),)
        return audit.findings(self.before, after, self.window, self.workspace.project)
