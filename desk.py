"""What the person sees and leaves: status files, questions and answers, replies to commands, words on the screen."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from dayshift import files, git, inbox, limits, questions, records, timeline, workspace
from dayshift.alerts import Alert, Kind, of_limit
from dayshift.clock import Clock, rfc3339
from dayshift.events import Answered, Event
from dayshift.home import Home
from dayshift.limits import Limit, PlanWindow
from dayshift.markdown import clean
from dayshift.model import Day, Question, Record
from dayshift.money import shown, to_usd
from dayshift.states import Waiting
from dayshift.status import TaskSpend, read_plan, status_facts

log = logging.getLogger("dayshift")

NOTHING = to_usd(0)


def kept_day(home: Home) -> tuple[Day | None, bool]:
    """The day an earlier daemon remembered, and whether the person's tree was dirty when it began."""
    kept = files.read_json(home.day_facts)
    return (records.day_from_json(kept["day"]), bool(kept["dirty"])) if kept else (None, False)


def keep_plan(home: Home, windows: Iterable[PlanWindow], now: datetime) -> None:
    """Keep how much of the person's plan is used, window by window; what this answer does not speak of stays."""
    known = {each["window"]: each for each in read_plan(home)}
    told = {each.name: {**limits.to_json(each), "read_at": rfc3339(now)} for each in windows}
    files.write_json(home.plan_windows, {"windows": list({**known, **told}.values())}, durable=False)


def _dirty(day: Day) -> bool:
    return bool(workspace.dirty_paths(git.find(Path(day.project))))


class Desk:
    """The files between the person and the Orchestrator of one home."""

    def __init__(
        self, home: Home, clock: Clock, spend: Callable[[Record], TaskSpend], announce: Callable[[str], None],
        tell: Callable[[Alert], None] = lambda alert: None,
        answered: Callable[[Question, Record], None] = lambda question, after: None, timezone: str = "UTC",
    ) -> None:  # fmt: skip
        self._home, self._clock, self._spend, self._announce = home, clock, spend, announce
        self._tell, self._answered, self._timezone = tell, answered, timezone
        self._mailbox = questions.Mailbox(home)
        self._shown: dict[str, dict[str, Any]] = {}
        self._complained: dict[str, str] = {}
        self._noted: dict[str, timeline.Entry] = {}

    # --- what the Orchestrator asks for ----------------------------------------------------------------

    def save(self, record: Record, activity: str) -> None:
        """Make the record durable, then show the status."""
        records.save(self._home, record)
        self._note(record)
        self._show(record, activity)

    def put_by(self, record: Record) -> None:
        """Keep the record of a day that its task goes on from; a crash before the next is saved leaves this one."""
        records.put_by(self._home, record)

    def _note(self, record: Record) -> None:
        entry = timeline.entry_of(record)
        if self._noted.get(record.id) != entry:
            self._noted[record.id] = entry
            timeline.note(self._home, record)

    def refresh(self, known: Iterable[Record], activity: dict[str, str]) -> None:
        """Show what changed without a change of state: cost, activity. Also an answer that is booked after the end."""
        for record in known:
            shown = self._shown.get(record.id)
            if not record.ended or shown is None or shown["reserved_usd"] != NOTHING:
                self._show(record, activity.get(record.id, ""))

    def _show(self, record: Record, activity: str) -> None:
        facts = status_facts(record, self._spend(record), activity, self._clock.now())
        shown = self._shown.get(record.id)
        if shown is not None and {**shown, "updated_at": facts["updated_at"]} == facts:
            return
        self._shown[record.id] = facts
        files.write_json(self._home.status / f"{record.id}.json", facts, durable=False)

    def keep_day(self, day: Day) -> None:
        """Remember what the day file said for all its tasks, and whether agents start without open changes."""
        files.write_json(
            self._home.day_facts, {"day": records.day_to_json(replace(day, tasks=())), "dirty": _dirty(day)}
        )

    def ask(self, question: Question) -> None:
        """Put the question to the person, unless it lies there already."""
        if not self._mailbox.lies_open(question):
            self._mailbox.publish(question)
        options = "".join(f"\n    {number}. {option}" for number, option in enumerate(question.options, 1))
        text = clean(question.text).replace("\n", "\n    ")  # none of its lines can be taken for one of ours
        self.say(f"{question.task_id} asks: {text}{options}\n    answer with: dayshift answer {question.task_id}")

    def close_question(self, question: Question, after: Record) -> None:
        """Question and answer go to the archive; wherever it was asked, it is shown as closed."""
        self._mailbox.archive(question)
        self._answered(question, after)

    def tell(self, alert: Alert, record: Record | None = None) -> None:
        """Let the person know wherever they are; a question comes with what its task has cost so far."""
        if record is not None and alert.kind is Kind.question:
            alert = replace(alert, text=f"{alert.text}\nSo far: {shown(self._spend(record).settled)}")
        self._tell(alert)

    def reply(self, request: str | None, lines: Sequence[str], ok: bool) -> None:
        """Answer a command that waits, and say it on the screen too."""
        if request is not None:
            inbox.done(self._home, request, list(lines), ok)
        for line in lines:
            self.say(line)

    def limited(self, limit: Limit) -> None:
        """Tell the person, here and wherever they are, that the provider serves nobody now."""
        self.say(f"the provider serves no agent now: {limit.kind}: {limit.words}")
        self._tell(of_limit(limit, self._clock.now(), self._timezone))

    def waits(self, task_id: str) -> bool:
        """Whether somebody is there to be let into that task's session."""
        return files.is_locked(self._home.visitor(task_id))

    def say(self, text: str) -> None:
        """Tell the person something that happened; nothing in it steers a terminal, whoever wrote a part of it."""
        text = clean(text)
        log.info("%s", text)
        self._announce(text)

    # --- what the person leaves ------------------------------------------------------------------------

    def look_for_answers(self, known: Iterable[Record], put: Callable[[Event], None]) -> None:
        """Hand in the answers to open questions; complain once about a file that is none."""
        for record in known:
            if isinstance(record.state, Waiting):
                self._look_for_answer(record.questions[-1], put)

    def _look_for_answer(self, question: Question, put: Callable[[Event], None]) -> None:
        try:
            answer = self._mailbox.read_answer(question, "file", self._clock.now())
        except questions.Rejected as rejection:
            if self._complained.get(question.task_id) != str(rejection):
                self._complained[question.task_id] = str(rejection)
                self.say(f"not accepted: {rejection}")
            return
        if answer is not None:
            self._complained.pop(question.task_id, None)
            put(Answered(replace(answer, by=self._mailbox.door(question.task_id))))
