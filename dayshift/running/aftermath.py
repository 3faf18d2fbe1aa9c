"""The aftermath of a run: its work kept, and how it ended, put together from all that know of it.

It joins the spool with what its holder wrote, the hearing of its CLI and the mailbox of its questions; and for its work
the workspace and git, with room to tell a disk that is full from a fault.
"""

from dataclasses import dataclass

from dayshift.conversation import Ask
from dayshift.evidence import Finding, Who
from dayshift.host import room
from dayshift.mailbox import questions
from dayshift.model import Exit, Record
from dayshift.repository.git import GitError
from dayshift.repository.workspace import Tampered, Workspace
from dayshift.running.hearing import Hearing
from dayshift.running.spool import Ended, Spool


@dataclass(frozen=True, slots=True)
class Aftermath:
    """That of one run, whose last process has ended."""

    record: Record
    workspace: Workspace
    spool: Spool
    ended: Ended
    heard: Hearing

    def keep(self) -> tuple[str | None, tuple[Finding, ...]]:
        """The commit the work is kept as; if it cannot be kept, why, as a finding."""
        run, base = self.record.runs, self.record.base
        assert base is not None
        try:
            self.workspace.check()
            return self.workspace.keep(base, f"{self.record.id}: {self.record.task.name} (run {run})"), ()
        except Tampered as error:
            what = f"the worktree's .git file is not the one it was made with, so its work was not kept: {error}"
            return None, (Finding(run, what, True, Who.unknown),)
        except (GitError, OSError) as error:
            if room.is_hindrance(error):
                raise
            return None, (Finding(run, f"the work could not be kept: {error}", False, Who.unknown),)

    def exit(self, found: tuple[Finding, ...], audited: bool) -> Exit:
        """How it ended, in the words of its CLI where that said its last one."""
        ended, heard, result = self.ended, self.heard, self.heard.result
        return Exit(
            run=self.record.runs, code=ended.code, how=ended.how, finished=result is not None and not result.error,
            closed=result is not None, asked=self._asked, error=self._error,
            api_status=result.api_status if result else None,
            reset_at=heard.reset_at, steps=heard.steps,
            text=result.text if result and not result.error else "",
            session_cost=result.session_cost if result else None, findings=found, audited=audited,
        )  # fmt: skip

    @property
    def _error(self) -> str:
        """Why it came to no good end, as far as anybody said; empty if it did."""
        result = self.heard.result
        if self.ended.why:
            return self.ended.why
        if result is None:
            silent = "it ended without a result" if self.ended.launched else "the sandbox could not be started"
            return self.spool.stderr_tail() or silent
        return (result.text or "the CLI reported an error") if result.error else ""

    @property
    def _asked(self) -> Ask | None:
        if self.heard.result and self.heard.result.asked:
            return self.heard.result.asked
        text = questions.read_from_agent(self.workspace.io)
        return Ask(text) if text else None

    def had_no_room(self, exit: Exit) -> bool:
        """Whether it came to nothing while the disk is full: that was the machine's fault."""
        return exit.how == "exited" and not (exit.finished or exit.asked) and room.is_full(self.workspace.folder)


def came_to_an_end(exit: Exit) -> bool:
    """Whether the CLI said its last word by itself and nothing is left to be asked again."""
    deferred = exit.asked is not None and exit.asked.tool_input is not None
    return exit.finished and exit.how == "exited" and not deferred
