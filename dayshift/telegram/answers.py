"""Answers given in a chat: to which question, whether it is still open, and which answer counts if it is not.

It joins the mailbox (questions), where an answer of any door becomes the answer or does not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dayshift.alerts import which
from dayshift.clock import Clock
from dayshift.conversation import Answer, Question
from dayshift.files import SIZE_LIMIT
from dayshift.home import Home
from dayshift.mailbox.questions import Mailbox, Rejected, chosen
from dayshift.model import Record
from dayshift.states import Waiting
from dayshift.telegram.markup import Span, Text, clipped, code, said, words

SHOWN = 300  #: units of the answer that counts
TELEGRAM_COUNTS = timedelta(seconds=1)  #: the grain of its clock


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an answer, in words for who gave it."""

    accepted: bool
    words: Text


class Answers:
    """The questions of the tasks at hand, as far as they can be answered."""

    def __init__(self, home: Home, records: Callable[[], Mapping[str, Record]], clock: Clock) -> None:
        self._mailbox, self._records, self._clock = Mailbox(home), records, clock

    def open(self) -> list[tuple[Record, Question]]:
        """Every question that waits, with its task."""
        found = ((record, _waits_for(record)) for record in self._records().values())
        return [(record, question) for record, question in found if question is not None]

    def numbered(self, mark: str, number: int) -> Question | Outcome:
        """That question of that very task, if it waits; else what is to be said of it."""
        record = next((each for each in self._records().values() if which(each) == mark), None)
        if record is None:
            task_id = mark.partition("@")[0]
            return _refused(words(task_id), said(" is not at hand now; nothing was changed."))
        question = _waits_for(record)
        if question is not None and question.number == number:
            return self._unless_taken(question)
        return _closed(record, number)

    def latest(self, task_id: str, at: datetime) -> Question | Outcome:
        """What that task asks, if it waits, and asked before that moment; else what is to be said."""
        record = self._records()[task_id]
        question = _waits_for(record)
        if question is None:
            return _closed(record, len(record.questions))
        before = next((each for each in record.questions if each.number == question.number - 1), None)
        if before is not None and before.asked_at <= at < question.asked_at - TELEGRAM_COUNTS:
            return _refused(words(task_id), said(" asks something else since you wrote this; see /questions."))
        return self._unless_taken(question)

    def give(self, question: Question, text: str) -> Outcome:
        """Make it the answer, durably, unless there is one or it is none."""
        try:
            _check(question, text)
        except Rejected as rejection:
            return _refused(words(str(rejection)))
        if not self._mailbox.submit(question.task_id, text, by="telegram"):
            return self._taken(question)
        shown = code(clipped(chosen(question, text), SHOWN))
        return Outcome(True, (words(question.task_id), said(" has its answer: "), shown))

    def _unless_taken(self, question: Question) -> Question | Outcome:
        return self._taken(question) if self._mailbox.answer_file(question.task_id).exists() else question

    def _taken(self, question: Question) -> Outcome:
        """Somebody was first: with an answer, or with a file that is none and must be mended."""
        name = f"agent_questions/{self._mailbox.answer_file(question.task_id).name}"
        try:
            answer = self._mailbox.read_answer(question, self._mailbox.door(question.task_id), self._clock.now())
        except Rejected as rejection:
            return _refused(code(name), said(" is there already, but "), words(str(rejection)))
        return _refused(*_already(answer)) if answer else _refused(said("already answered: in "), code(name))


def pressed(question: Question, place: int) -> str:
    """The answer that a button stands for, such that it is taken for this option and no other."""
    option = question.options[place]
    try:
        _check(question, option)
    except Rejected:
        return str(place + 1)
    return option


def _check(question: Question, text: str) -> None:
    """Rejected unless the daemon will take it for an answer."""
    if "\0" in text or len(text.encode("utf-8", "replace")) >= SIZE_LIMIT:
        raise Rejected(f"the answer to {question.task_id} must be text of less than {SIZE_LIMIT // 1024} KiB")
    chosen(question, text)


def _waits_for(record: Record) -> Question | None:
    if not isinstance(record.state, Waiting):
        return None
    return next((each for each in record.questions if each.number == record.state.question), None)


def _closed(record: Record, number: int) -> Outcome:
    """A question that does not wait: it was answered, or nobody needs the answer."""
    answer = next((each for each in record.answers if each.number == number), None)
    if answer is not None:
        return _refused(*_already(answer))
    return _refused(words(record.id), said(f" is {record.state.name} and waits for no answer."))


def _already(answer: Answer) -> Text:
    return (said("already answered: "), code(clipped(answer.text, SHOWN)), said(" (by "), words(answer.by), said(")"))


def _refused(*text: Span) -> Outcome:
    return Outcome(False, text)
