"""The answers that the person leaves in files: each handed in when it is whole, what is none complained of once.

Joins the questions, whose mailbox says what an answer is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from dayshift.clock import Clock
from dayshift.conversation import Question
from dayshift.events import Answered, Event
from dayshift.mailbox.questions import Mailbox, Rejected
from dayshift.model import Record
from dayshift.states import Waiting

TURN_SECONDS = 0.05  #: how long answers are looked for until others have their turn
AGAIN_SECONDS = 5.0  #: until an answer that was handed in and has had no effect is handed in again
OPEN_SECONDS = 10.0  #: for which a file may be open in another program before that is told


@dataclass(slots=True)
class _Watched:
    """What is known of the answer file of a task that waits."""

    complaint: str = ""
    handed_in: float | None = None  #: when, by a clock that only goes forward
    unfinished: float | None = None  #: since when it lies there and is not whole


class Letterbox:
    """Looks for the answers of one home."""

    def __init__(self, mailbox: Mailbox, clock: Clock, say: Callable[[str], None]) -> None:
        self._mailbox, self._clock, self._say = mailbox, clock, say
        self._watched: dict[str, _Watched] = {}

    def look(self, known: Iterable[Record], put: Callable[[Event], None]) -> bool:
        """Hand in the answers to open questions, for a turn; whether more may lie there."""
        waiting = {record.id: record.questions[-1] for record in known if isinstance(record.state, Waiting)}
        self._watched = {each: self._watched.get(each, _Watched()) for each in waiting}
        began, fault = self._clock.monotonic(), None
        for task_id, question in waiting.items():
            watched, now = self._watched[task_id], self._clock.monotonic()
            if now - began > TURN_SECONDS:
                return True
            try:
                if watched.handed_in is None or now - watched.handed_in >= AGAIN_SECONDS:
                    self._look_at(question, watched, put)
            except OSError as error:  # the disk's fault; the others are looked at all the same
                fault = error
        if fault:
            raise fault
        return False

    def _look_at(self, question: Question, watched: _Watched, put: Callable[[Event], None]) -> None:
        try:
            answer = self._mailbox.read_answer(question, "file", self._clock.now())
        except Rejected as rejection:
            return self._complain(watched, f"not accepted: {rejection}")
        if answer is None:
            return self._wait(question, watched)
        watched.complaint, watched.handed_in, watched.unfinished = "", self._clock.monotonic(), None
        return put(Answered(replace(answer, by=self._mailbox.door(question.task_id))))

    def _wait(self, question: Question, watched: _Watched) -> None:
        path = self._mailbox.answer_file(question.task_id)
        if not path.exists():
            watched.unfinished, watched.complaint = None, ""
            return
        now = self._clock.monotonic()
        watched.unfinished = now if watched.unfinished is None else watched.unfinished
        if now - watched.unfinished > OPEN_SECONDS:
            place = f"agent_questions/{path.name}"
            self._complain(watched, f"{place} is still being written; it is taken when whoever has it open closes it")

    def _complain(self, watched: _Watched, text: str) -> None:
        if watched.complaint != text:
            watched.complaint = text
            self._say(text)
