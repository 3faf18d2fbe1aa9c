"""An agent whose session the person is in: a run as any other, but `attach` begins it, on a terminal, and ends it."""

import json
from collections.abc import Mapping
from pathlib import Path

from agent import Agent
from dayshift import files, locks
from dayshift.claude import claude_code
from dayshift.events import Active, Opened
from dayshift.evidence import Finding
from dayshift.model import Exit
from dayshift.repository.outfit import SetupFailed
from dayshift.running.aftermath import Aftermath
from dayshift.running.spool import MARK, Ended

NO_END = 365 * 86400.0  #: seconds; the person stays as long as they like
LONGEST_PROMPT = 100_000  #: bytes; no argument of a command may be much longer
NOTES_LIMIT = 4 << 20  #: bytes of the CLI's own notes; more is none of them


class Visited(Agent):
    """One visit. What is to be started is written down here; somebody else starts it, or nobody does."""

    async def launch(self, base: str, model: str, prompt: str, seconds: float, max_output_tokens: int) -> None:
        """Make everything ready and tell whoever waits; the terminal comes with them. Else SetupFailed."""
        await Agent.launch(self, base, model, prompt, seconds, max_output_tokens)
        said = "attached: the person is let into the session"
        self.log(said)
        self.around.put(Active(self.record.id, said))
        self.around.put(Opened(self.record.id))

    def _begin(self, model: str, prompt: str, seconds: float, max_output_tokens: int) -> None:
        if not self.resuming and len(prompt.encode()) > LONGEST_PROMPT:
            raise SetupFailed("its description and context files are too long to begin on a terminal; run it first")
        self._acquaint()
        argv = self.enclosure.run(self.session, self.resuming, model, max_output_tokens, prompt)
        order = (argv, {MARK: self.enclosure.mark}, "", self._stream_file, NO_END, self.around.bounds)
        self.spool.order(*order, self.workspace.folder, terminal=True)

    def _acquaint(self) -> None:
        """Answer beforehand what the CLI asks on its first screens. An agent may have put links where its notes are."""
        place = self.workspace.home / ".claude.json"
        if self.workspace.home.is_symlink():
            raise SetupFailed(f"{self.workspace.home} was made a link; nothing is written there")
        try:
            known: Mapping[str, object] = json.loads(files.read_untrusted(place, NOTES_LIMIT))
        except (OSError, ValueError, RecursionError, files.Refused):
            known = {}
        project = self.workspace.project.common_dir.parent  # a worktree is trusted as what it is a worktree of
        folders = (self.workspace.folder, self.workspace.repo, project)
        files.write_atomically(place, json.dumps(claude_code.acquainted(known, folders)), 0o600)

    @property
    def _stream_file(self) -> Path:
        """Nothing is written there: what is on the screen is the person's alone."""
        return self.spool.folder / "screen"

    def _ended(self) -> Ended | None:
        ended = self.spool.ended()
        if ended is None and not self.spool.started and not locks.is_locked(self.around.home.visitor(self.record.id)):
            self.spool.forestall()  # whoever waited has gone, and the session is never begun
        return ended

    @property
    def _silence_seconds(self) -> float:
        """The person may be silent."""
        return float("inf")

    @property
    def _seconds(self) -> float:
        """None of it counts towards the task's time."""
        return 0.0

    def _exit(self, after: Aftermath, found: tuple[Finding, ...], audited: bool) -> Exit:
        ended = after.ended
        self.log(f"attached no more: {ended.how}{f', it {ended.why}' if ended.why else ''}")
        return Exit(self.record.runs, ended.code, how=ended.how, error=ended.why, findings=found, audited=audited)
