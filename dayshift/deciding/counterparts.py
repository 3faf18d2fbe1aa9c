"""Whom the Orchestrator deals with, as far as it needs them: the crew at work, the desk before the person."""

from collections.abc import Sequence
from typing import Protocol

from dayshift.alerts import Alert
from dayshift.conversation import Question
from dayshift.limits import Limit
from dayshift.model import Day, Record

Commits = list[tuple[str, str]]  #: of tasks that another one starts from: id and commit


class Crew(Protocol):
    """The agents at work, as the Orchestrator needs them. None of these calls waits."""

    def start(self, record: Record, starts_from: Commits) -> None:
        """Launch the task's next run and see it through to its RunEnded."""

    def adopt(self, record: Record) -> None:
        """See a run through that an earlier daemon launched."""

    def launched(self, record: Record) -> bool:
        """Whether the record's present run was ever begun; if not, it never will be."""

    def stop(self, task_id: str) -> None:
        """End the task's run or verification."""

    def verify(self, record: Record) -> None:
        """Check the task's work, up to its Verified."""

    def discard(self, record: Record) -> None:
        """Take away everything a task of an earlier rehearsal or day left."""


class Desk(Protocol):
    """What the person sees, as the Orchestrator needs it."""

    def save(self, record: Record, activity: str) -> None:
        """Make the record durable and show the status. Unkept if the disk does not take it, as the next two."""

    def put_by(self, record: Record) -> None:
        """Keep the record of a day that its task goes on from, durable before the next day's takes its place."""

    def keep_day(self, day: Day) -> None:
        """Remember the day's cap and project for the next daemon."""

    def ask(self, question: Question) -> None:
        """Put the question to the person."""

    def close_question(self, question: Question, after: Record) -> None:
        """The question is answered or needs no answer any more; `after` is its task's record since then."""

    def tell(self, alert: Alert, record: Record | None = None) -> None:
        """Let the person know wherever they are; `record` is that of the alert's task."""

    def reply(self, request: str | None, lines: Sequence[str], ok: bool) -> None:
        """Answer a command that waits."""

    def limited(self, limit: Limit) -> None:
        """Tell the person that the provider serves nobody now, and until when."""

    def waits(self, task_id: str) -> bool:
        """Whether somebody is there to be let into that task's session."""

    def say(self, text: str) -> None:
        """Tell the person something that happened."""
