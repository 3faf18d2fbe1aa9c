"""What the person sees and leaves: status files, questions and answers, replies to commands, words on the screen."""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from dayshift import files, limits, locks, records
from dayshift.alerts import Alert, Kind, of_limit, of_room
from dayshift.clock import Clock, rfc3339
from dayshift.conversation import Question
from dayshift.deciding import visits
from dayshift.events import Event
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.host.arrears import Arrears
from dayshift.limits import Limit, PlanWindow
from dayshift.logbook import chronicle, timeline
from dayshift.mailbox import inbox, questions
from dayshift.mailbox.letterbox import Letterbox
from dayshift.mailbox.status import TaskSpend, read_plan, status_facts
from dayshift.markdown import clean
from dayshift.model import Day, Record
from dayshift.money import shown, to_usd
from dayshift.repository import commits, git
from dayshift.running import wrecks
from dayshift.states import Queued

log = logging.getLogger("dayshift")

NOTHING = to_usd(0)
OVER = {"reserved_usd": NOTHING}  #: all that is remembered of what was shown of a task about which nothing more comes
HINDERED_SECONDS = 30.0  #: for which no agent is started after the machine did not let one begin


def keep_plan(home: Home, windows: Iterable[PlanWindow], now: datetime) -> None:
    """Keep how much of the person's plan is used, window by window; what this answer does not speak of stays."""
    known = {each["window"]: each for each in read_plan(home)}
    told = {each.name: {**limits.to_json(each), "read_at": rfc3339(now)} for each in windows}
    files.write_json(home.plan_windows, {"windows": list({**known, **told}.values())}, durable=False)


def _dirty(day: Day) -> bool:
    return bool(commits.dirty_paths(git.find(Path(day.project))))


class Desk:
    """The files between the person and the Orchestrator of one home."""

    def __init__(
        self, home: Home, clock: Clock, spend: Callable[[Record], TaskSpend], announce: Callable[[str], None],
        tell: Callable[[Alert], None] = lambda alert: None,
        answered: Callable[[Question, Record], None] = lambda question, after: None, timezone: str = "UTC",
        rehearsal: bool = False,
    ) -> None:  # fmt: skip
        self._home, self._clock, self._spend, self._announce = home, clock, spend, announce
        self._tell, self._answered, self._timezone, self._rehearsal = tell, answered, timezone, rehearsal
        self._mailbox = questions.Mailbox(home)
        self._shown: dict[str, dict[str, Any]] = {}
        self._letterbox = Letterbox(self._mailbox, clock, self.say)
        self._noted: dict[str, timeline.Entry] = {}
        self.arrears = Arrears(home.root, self.say, clock.monotonic)
        self.hindrance = ""  #: why no agent is started now, if so

    # --- what the Orchestrator asks for ----------------------------------------------------------------

    def save(self, record: Record, activity: str) -> None:
        """Make the record durable, Unkept if the disk does not take it; then show the status."""
        self.arrears.keep(lambda: records.save(self._home, record))
        self._note(record)
        self.arrears.attempt(lambda: self._show(record, activity))

    def put_by(self, record: Record) -> None:
        """Keep the record of a day that its task goes on from; a crash before the next is saved leaves this one."""
        self.arrears.keep(lambda: records.put_by(self._home, record))

    def _note(self, record: Record) -> None:
        entry = timeline.entry_of(record)
        if self._noted.get(record.id) != entry:
            chronicle.entered(record, self._noted.get(record.id))
            self._noted[record.id] = entry
            timeline.note(self._home, record)

    def forget(self, task_id: str) -> None:
        """Let go of what was shown of a task that is gone."""
        for kept in (self._shown, self._noted):
            kept.pop(task_id, None)

    def refresh(self, known: Iterable[Record], activity: dict[str, str]) -> None:
        """Show what changed without a change of state: cost, activity. Also an answer that is booked after the end,
        and what the disk did not take before."""
        self.arrears.look()
        for record in known:
            shown = self._shown.get(record.id)
            if not record.ended or shown is None or shown["reserved_usd"] != NOTHING:
                self.arrears.attempt(lambda: self._show(record, activity.get(record.id, "")))  # noqa: B023

    def _show(self, record: Record, activity: str) -> None:
        facts = status_facts(record, self._spend(record), activity, self._clock.now())
        if isinstance(record.state, Queued) and self.hindrance:
            facts["reason"] = self.hindrance
        shown = self._shown.get(record.id)
        if shown is not None and {**shown, "updated_at": facts["updated_at"]} == facts:
            return
        self._shown.pop(record.id, None)
        files.write_json(self._home.status / f"{record.id}.json", facts, durable=False)
        over = record.ended and facts["reserved_usd"] == NOTHING
        self._shown[record.id] = OVER if over else facts
        passing("status.shown")

    def keep_day(self, day: Day) -> None:
        """Remember what the day file said for all its tasks, and whether agents start without open changes."""
        facts = {"day": records.day_to_json(replace(day, tasks=())), "dirty": _dirty(day)}
        self.arrears.keep(lambda: files.write_sealed(self._home.day_facts(self._rehearsal), facts))
        passing("day.kept")

    def ask(self, question: Question) -> None:
        """Put the question to the person, unless it lies there already."""
        self.arrears.owe(question.task_id, lambda: self._publish(question))
        options = "".join(f"\n    {number}. {option}" for number, option in enumerate(question.options, 1))
        text = clean(question.text).replace("\n", "\n    ")  # none of its lines can be taken for one of ours
        self.say(f"{question.task_id} asks: {text}{options}\n    answer with: dayshift answer {question.task_id}")

    def _publish(self, question: Question) -> None:
        if not self._mailbox.lies_open(question):
            self._mailbox.publish(question)

    def close_question(self, question: Question, after: Record) -> None:
        """Question and answer go to the archive; wherever it was asked, it is shown as closed."""
        self.arrears.owe(question.task_id, lambda: self._mailbox.archive(question))
        self._answered(question, after)

    def put_away(self, known: Iterable[Record]) -> None:
        """Questions that are closed but still lie there, since an earlier daemon died over it, go to the archive."""
        for record in known:
            asked = record.questions[-1:] if not visits.open_question(record) else ()
            for question in filter(self._mailbox.left_over, asked):
                self._mailbox.archive(question)

    def tell(self, alert: Alert, record: Record | None = None) -> None:
        """Let the person know wherever they are; a question comes with what its task has cost so far."""
        if record is not None and alert.kind is Kind.question:
            with suppress(sqlite3.Error):  # the ledger's disk may be the one that fails
                alert = replace(alert, text=f"{alert.text}\nSo far: {shown(self._spend(record).settled)}")
        self._tell(alert)

    def reply(self, request: str | None, lines: Sequence[str], ok: bool) -> None:
        """Answer a command that waits, and say it on the screen too."""
        if request is not None:
            self.arrears.owe(request, lambda: inbox.done(self._home, request, list(lines), ok))
        for line in lines:
            self.say(line)

    def limited(self, limit: Limit) -> None:
        """Tell the person, here and wherever they are, that the provider serves nobody now."""
        self.say(f"the provider serves no agent now: {limit.kind}: {limit.words}")
        self._tell(of_limit(limit, self._clock.now(), self._timezone))

    def room(self, what: str, scarce: bool, waiting: int) -> None:
        """Tell the person that a disk has too little room for another agent, or has enough again."""
        if not scarce:
            return self.say(f"{what}: it goes on")
        self._tell(of_room(what, waiting, self._clock.now()))
        many = f"{waiting} {'task waits' if waiting == 1 else 'tasks wait'}" if waiting else "no agent is started"
        return self.say(f"{what}; {many}")

    def hindered(self, error: Exception) -> None:
        """The machine did not let an agent begin or go on: it is told, and for a while none is started."""
        self.arrears.refused(error, HINDERED_SECONDS)
        self.hindrance = self.arrears.why

    def waits(self, task_id: str) -> bool:
        """Whether somebody is there to be let into that task's session."""
        return locks.is_locked(self._home.visitor(task_id))

    def wrecked(self, task_id: str) -> None:
        """Tell the person that a task's record cannot be read; what still runs for it is ended."""
        wrecks.end_runs(self._home, task_id)
        self.say(wrecks.told(self._home, task_id))
        self.arrears.attempt(lambda: wrecks.show(self._home, task_id))
        self._tell(wrecks.alert(self._home, task_id, self._clock.now()))

    def say(self, text: str) -> None:
        """Tell the person something that happened; nothing in it steers a terminal, whoever wrote a part of it."""
        text = clean(text)
        log.info("%s", text)
        with suppress(OSError):  # what is said may go into a file, on a disk that is full
            self._announce(text)

    # --- what the person leaves ------------------------------------------------------------------------

    def look_for_answers(self, known: Iterable[Record], put: Callable[[Event], None]) -> bool:
        """Hand in the answers to open questions, complain once about a file that is none; whether there may be more."""
        return self._letterbox.look(known, put)
