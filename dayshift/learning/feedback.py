"""What a person said of a day, read from their own words: leniently, without a model, and losing nothing.

Joins the lines, the pieces they make, the words that head them, the tasks they name, sentences, and ratings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from dayshift.learning import ratings
from dayshift.learning.feedback_gathering import Piece, Place
from dayshift.learning.feedback_lines import lines
from dayshift.learning.feedback_pieces import pieces
from dayshift.learning.feedback_words import Field, is_rule, says_nothing
from dayshift.learning.mentions import Mentions
from dayshift.learning.sentences import sentences
from dayshift.model import Task

FOR_NOBODY = "it does not say which task it is for"


@dataclass(frozen=True, slots=True)
class Remark:
    """What the person wrote; the n-th line of the text stands on line `line` + n of the file."""

    text: str
    line: int
    why: str = ""  #: why it was not understood


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to hold from now on, and for which tasks, as written: `all`, `module orders`, `kind fix`, or nothing."""

    text: str
    line: int
    scope: str = ""


@dataclass(frozen=True, slots=True)
class TaskFeedback:
    """What was said of one task."""

    task_id: str
    rating: int | None
    worked: tuple[Remark, ...]
    failed: tuple[Remark, ...]
    rules: tuple[Rule, ...]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Feedback:
    """All that one file says; every word of the person is in one place of it."""

    day: date
    file: str
    tasks: tuple[TaskFeedback, ...]
    rules: tuple[Rule, ...]
    remarks: tuple[Remark, ...]
    not_understood: tuple[Remark, ...]

    @property
    def empty(self) -> bool:
        """Nothing is said in it."""
        return not (self.tasks or self.rules or self.remarks or self.not_understood)


def parse(text: str, day: date, file: str, tasks: Sequence[Task]) -> Feedback:
    """What the text says of these tasks and of their day; never raises."""
    mentions = Mentions(tasks)
    alone = tasks[0].id if len({task.id for task in tasks}) == 1 else None
    found = _Sorting(mentions)
    for piece in pieces(lines(text), mentions, alone):
        found.add(piece)
    said = (found.of_task(task_id) for task_id in dict.fromkeys(task.id for task in tasks))
    general = found.shelf(None)
    return Feedback(
        day, file, tuple(each for each in said if each), tuple(general.rules), tuple(general.remarks),
        tuple(sorted(found.lost, key=lambda remark: remark.line)),
    )  # fmt: skip


@dataclass(slots=True)
class _Shelf:
    """What was said of one task, or of the day, so far."""

    rating: int | None = None
    rated: int = 0  #: on which line
    worked: list[Remark] = field(default_factory=list)
    failed: list[Remark] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


MOST_IN_A_ROW = 20  #: what has more is a table of numbers


class _Sorting:
    """Puts each piece where it belongs."""

    def __init__(self, mentions: Mentions) -> None:
        self._mentions = mentions
        self._shelves: dict[str | None, _Shelf] = {}
        self.lost: list[Remark] = []
        self._in_a_row = 0  #: ratings, each in what stood behind the one before

    def shelf(self, task: str | None) -> _Shelf:
        """What was said of that task; None is the day."""
        return self._shelves.setdefault(task, _Shelf())

    def of_task(self, task_id: str) -> TaskFeedback | None:
        """What was said of that task; None if nothing was."""
        shelf = self.shelf(task_id)
        said = (tuple(shelf.worked), tuple(shelf.failed), tuple(shelf.rules), tuple(shelf.remarks))
        return TaskFeedback(task_id, shelf.rating, *said) if shelf.rating or any(said) else None

    def add(self, piece: Piece) -> None:
        """Put it where it belongs, whole or sentence by sentence."""
        place, text, line = piece.place, piece.text, piece.line
        if place.why:
            self.lost.append(Remark(text, line, place.why))
        elif place.field is not Field.remark and says_nothing(text):
            self.shelf(place.task).remarks.append(Remark(piece.whole or text, line))
        elif place.field is Field.rating:
            self._rating(piece)
        elif place.field is Field.rule:
            self.shelf(place.task).rules.append(Rule(text, line, place.scope or self._scope(place.task)))
        elif place.field in (Field.worked, Field.failed) and (task := place.task or self._named(text)):
            shelf = self.shelf(task)
            (shelf.worked if place.field is Field.worked else shelf.failed).append(Remark(text, line))
        else:
            self._prose(piece)

    def _named(self, text: str) -> str | None:
        """The task that alone is named there."""
        named = self._mentions.within(text)
        return named[0] if len(named) == 1 else None

    @staticmethod
    def _scope(task: str | None) -> str:
        return "" if task else "all"

    # --- ratings -------------------------------------------------------------------------------------

    def _rating(self, piece: Piece) -> None:
        """What stands after `Rating:`, or below it; below it may be anything."""
        task, whole = piece.place.task, piece.whole or piece.text
        given = ratings.leading(piece.text, labelled=True)
        if given is None and not piece.whole:
            self._prose(Piece(Place(task), piece.text, piece.line))
        elif given is None:
            self.lost.append(Remark(whole, piece.line, ratings.WHY))
        else:
            self._rated(task, given, whole, piece.line)

    def _rated(self, task: str | None, given: ratings.Given, whole: str, line: int) -> None:
        if why := FOR_NOBODY if task is None else self._refused(task, given.value, line):
            self.lost.append(Remark(whole, line, why))
        elif given.rest and self._in_a_row == MOST_IN_A_ROW:
            self.lost.append(Remark(given.rest, line, ratings.WHY))
        elif given.rest:
            offset = whole.rfind(given.rest)
            self._in_a_row += 1
            self._prose(Piece(Place(task), given.rest, line + whole.count("\n", 0, max(offset, 0))))
            self._in_a_row -= 1

    def _refused(self, task: str, value: int | None, line: int) -> str:
        """Take the rating; why not, if it cannot be taken."""
        shelf = self.shelf(task)
        if value is None:
            return ratings.WHY
        if shelf.rating is None:
            shelf.rating, shelf.rated = value, line
        return f"line {shelf.rated} rates it {shelf.rating} already" if shelf.rating != value else ""

    # --- prose ---------------------------------------------------------------------------------------

    def _prose(self, piece: Piece) -> None:
        """Free text: a sentence in it may rate a task or be a rule; without a heading it says which task it means."""
        task, run = piece.place.task, _Run(self)
        sentences = [(0, piece.text)] if piece.code else self._sentences(piece.text)
        for number, (offset, sentence) in enumerate(sentences):
            line = piece.line + offset
            task = self._meant(sentence, task, under_heading=piece.place.task is not None)
            bare = (piece.led and number == 0) or len(sentences) == 1
            given = ratings.leading(sentence, bare=bare) if task else None
            if given:
                run.end()
                self._rated(task, given, sentence if number else _before(piece) + sentence, line)
            elif is_rule(sentence):
                run.end()
                self.shelf(task).rules.append(Rule(sentence, line, self._scope(task)))
            elif task and (value := self._spoken(piece, sentence)) and (why := self._refused(task, value, line)):
                run.end()
                self.lost.append(Remark(sentence, line, why))
            else:
                run.add(task, sentence, line)
        run.end()

    def _sentences(self, text: str) -> list[tuple[int, str]]:
        return list(sentences(text, {start for start, _ in self._mentions.places(text)}))

    def _spoken(self, piece: Piece, sentence: str) -> int | None:
        """The rating in the middle of a sentence; where no heading says the task, it must be for the one it names."""
        found = ratings.within(sentence)
        named = None if piece.place.task else next(self._mentions.places(sentence), None)
        return None if found is None or (named and named[0] > found.start and not found.before) else found.value

    def _meant(self, sentence: str, before: str | None, under_heading: bool) -> str | None:
        """The task a sentence is about: the one it names, else that of the one before. Under a task's heading it must
        begin with another task to be about that."""
        if under_heading:
            opening = self._mentions.opening(sentence)
            return opening.task if opening and opening.clear else before
        named = self._mentions.within(sentence)
        return before if not named else named[0] if len(named) == 1 else None


def _before(piece: Piece) -> str:
    """What stood before the piece on its line: the task's name."""
    first = piece.text.partition("\n")[0]
    return piece.whole[: max(piece.whole.rfind(first), 0)]


class _Run:
    """Sentences in a row that are one remark."""

    def __init__(self, sorting: _Sorting) -> None:
        self._sorting = sorting
        self._task: str | None = None
        self._first = self._last = 0  # lines
        self._texts: list[str] = []

    def add(self, task: str | None, sentence: str, line: int) -> None:
        """One more sentence; of another task, it begins a remark of its own."""
        if self._texts and task != self._task:
            self.end()
        if self._texts:
            self._texts.append("\n" * (line - self._last) or " ")
        else:
            self._task, self._first = task, line
        self._texts.append(sentence)
        self._last = line + sentence.count("\n")

    def end(self) -> None:
        """The remark is over."""
        if self._texts:
            self._sorting.shelf(self._task).remarks.append(Remark("".join(self._texts), self._first))
        self._texts = []
