"""A person's feedback in pieces: each stretch of their words, with the task and the field it stands under. Pure.

Joins the lines, what they begin with, the tasks they name, their gathering, and the form, whose own words are none.
"""

from collections.abc import Iterable
from dataclasses import replace

from dayshift.learning.feedback_form import is_own, is_title
from dayshift.learning.feedback_gathering import Gathering, Piece, Place
from dayshift.learning.feedback_heads import head, heads_section, several
from dayshift.learning.feedback_lines import BOLD, Line
from dayshift.learning.feedback_words import Field, Label, label
from dayshift.learning.mentions import Mentions, Opening

PLAIN = BOLD + 1  #: the level of a line that is a heading though nothing marks it


def pieces(lines: Iterable[Line], mentions: Mentions, alone: str | None) -> list[Piece]:
    """Every piece, in order. What stands before all headings is about the task `alone`, if it is the only one."""
    reader = _Reader(mentions, alone)
    for line in lines:
        reader.take(line)
    return reader.finished()


class _Reader:
    """Takes line after line; knows under which headings it is."""

    def __init__(self, mentions: Mentions, alone: str | None) -> None:
        self._mentions = mentions
        self._gathered = Gathering()
        self._section = self._base = self._here = Place(alone)  # until a heading; a label; an empty line
        self._level = 0  # of the heading it is under
        self._outer: tuple[int, Place] | None = None  # a heading such as `What worked` above several tasks
        self._seen: set[Field] = set()  # the fields that this task had already
        self._reach = -1  # the indent of the list item that says where it is; items beside it are elsewhere
        self._last = 0

    def take(self, line: Line) -> None:
        """Read the line that follows."""
        if line.unread:
            return None if is_own(line.text) else self._gathered.keep(Place(why=line.unread), line, line.text)
        if is_own(line.text):
            return None
        gap = line.number > self._last + 1
        self._last = line.number
        if line.code:
            return self._gathered.code(self._here, line, gap)
        if gap and not self._gathered.goes_on(line):
            self._gathered.end()
            self._here = self._base
        if not (line.level and self._heading(line)) and not self._several(line) and not self._head(line):
            self._words(line, gap)
        return None

    def finished(self) -> list[Piece]:
        """All there is."""
        self._gathered.end()
        return sorted(self._gathered.found, key=lambda piece: piece.line)

    def _words(self, line: Line, gap: bool) -> None:
        if self._here.field is Field.rating:
            return self._rating(line, line.text, "")
        beside = line.marked and line.indent <= self._reach
        if beside or (self._here != self._base and self._of_another(line.text)):
            self._gathered.end()
            self._here = self._base
        return None if self._gathered.took(line, gap) else self._gathered.begin(self._here, line, line.text)

    def _of_another(self, text: str) -> bool:
        """Whether a sentence begins with another task than the one it stands under."""
        opening = self._mentions.opening(text)
        return opening is not None and opening.clear and opening.task != self._here.task

    def _enter(self, place: Place, level: int) -> None:
        """From here on it is there, until a heading of that level or one above."""
        self._section = self._base = self._here = place
        self._level = level

    # --- what heads it -------------------------------------------------------------------------------

    def _heading(self, line: Line) -> bool:
        """Whether the line is a heading that is understood, or one in hashes: then all below stands under it."""
        marked = line.level < BOLD
        opening = self._mentions.opening(line.text, heading=True)
        if opening and heads_section(opening, marked):
            return self._task_heading(line, opening.task, opening.rest)
        if marked and (only := self._mentions.only(line.text)):
            return self._task_heading(line, only[0], line.text if only[1] else "")
        if found := label(line.text, headed=True):
            return self._field_heading(line, found)
        return marked and self._other_heading(line)

    def _task_heading(self, line: Line, task: str, rest: str) -> bool:
        self._gathered.end()
        if self._outer and line.level <= self._outer[0]:
            self._outer = None
        self._enter(replace(self._outer[1], task=task) if self._outer else Place(task), line.level)
        self._seen = set()
        if found := label(rest):
            self._field(line, found, self._base)
            self._gathered.end()
            self._here = self._base
        else:
            self._gathered.keep(self._base, line, rest, led=True)
        return True

    def _field_heading(self, line: Line, found: Label) -> bool:
        self._gathered.end()
        if self._base.why and line.level > self._level - (found.field is not Field.remark):
            self._gathered.keep(self._base, line, line.text)
            return True
        stays = self._base.task is not None and self._belongs(line.level, found)
        if not stays:
            self._outer = (line.level, Place(None, found.field, found.scope)) if _is_said(found.field) else None
        self._seen.add(found.field)
        task, level = (self._base.task, self._level) if stays else (None, line.level)
        self._enter(Place(task, found.field, found.scope), level)
        self._keep_rest(line, found, self._base)
        return True

    def _belongs(self, level: int, found: Label) -> bool:
        """Whether a heading is one of the task above it, not one beside the tasks."""
        if found.field is Field.remark:
            return level > self._level > 0
        return level > self._level or (level == self._level and not found.many and found.field not in self._seen)

    def _other_heading(self, line: Line) -> bool:
        self._gathered.end()
        if not self._level and is_title(line.text):
            return True
        if why := self._mentions.unknown(line.text):
            self._enter(Place(why=why), line.level)
        elif line.level <= self._level or not (self._base.why or self._base.task):
            self._enter(Place(), line.level)
        elif not self._base.why:
            self._enter(Place(self._base.task), self._level)
        if self._outer and line.level <= self._outer[0]:
            self._outer = None
        self._gathered.keep(self._base, line, line.text)
        return True

    def _head(self, line: Line) -> bool:
        """Whether the line begins with a task, a label, or both."""
        listing = self._base.task is None and _is_said(self._base.field)
        found = head(line.text, self._mentions, line.level == BOLD, listing)
        if found is None:
            return self._unknown_head(line)
        if self._here.why and not found.opening:
            return False
        place = self._led(found.opening) if found.opening else self._here
        self._reach = line.indent if line.marked else -1
        if found.label:
            self._field(line, found.label, place)
        elif found.opening and found.opening.rest:
            self._here = place
            self._gathered.begin(place, line, found.opening.rest, line.text, led=True)
        else:
            self._gathered.end()
            self._enter(place, line.level or PLAIN)
            self._seen, self._outer = set(), None
        return True

    def _unknown_head(self, line: Line) -> bool:
        """Whether the line begins with what seems to be a task and is none."""
        words, mark, rest = line.text.partition(":")
        if not (why := self._mentions.unknown_id(words, bool(mark))):
            return False
        self._here = Place(why=why)
        self._reach = line.indent if line.marked else -1
        self._gathered.begin(self._here, line, line.text)
        if not rest.strip():
            self._enter(self._here, line.level or PLAIN)
        return True

    def _led(self, opening: Opening) -> Place:
        outer = self._base if self._base.task is None and not self._base.why else Place()
        return replace(outer, task=opening.task)

    def _several(self, line: Line) -> bool:
        """Whether the line rates several tasks."""
        rated = several(line.text, self._mentions)
        if rated:
            self._gathered.end()
        for each in rated:
            self._gathered.keep(Place(each.task), line, each.rest, led=True)
        return bool(rated)

    def _field(self, line: Line, found: Label, place: Place) -> None:
        """A label on a line of its own, or with words after it, which reach to the next empty line."""
        self._gathered.end()
        self._seen.add(found.field)
        self._here = replace(place, field=found.field, scope=found.scope)
        if found.rest:
            if self._base.task == self._section.task:  # what was said to follow, as by `What worked:`, is over
                self._base = self._section
            self._keep_rest(line, found, self._here)
        else:
            self._base = self._here

    def _keep_rest(self, line: Line, found: Label, place: Place) -> None:
        if not found.rest:
            return None
        if found.field is Field.rating:
            return self._rating(line, found.rest, line.text)
        said = line.text if place.task is None and found.field in (Field.worked, Field.failed) else found.rest
        return self._gathered.begin(place, line, said, line.text)

    def _rating(self, line: Line, text: str, whole: str) -> None:
        """A rating is one line; what follows is more about the task."""
        self._gathered.end()
        self._gathered.keep(replace(self._here, field=Field.rating), line, text, whole)
        self._here = replace(self._here, field=Field.remark)
        if self._base.field is Field.rating:
            self._base = self._section = replace(self._base, field=Field.remark)


def _is_said(field: Field) -> bool:
    return field in (Field.worked, Field.failed, Field.rule)
