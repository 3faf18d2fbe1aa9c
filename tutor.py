"""The tutor: which lessons an agent is told before its first run, and what the person's feedback makes of them."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from datetime import date

from dayshift.clock import Clock
from dayshift.cost.statement import statement
from dayshift.events import Event, Taught
from dayshift.files import Unusable
from dayshift.home import Home
from dayshift.inputs.documents import BadDocument
from dayshift.inputs.settings import Learning
from dayshift.learning import curriculum, feedback_files, lesson_file, patterns, teaching
from dayshift.learning.curriculum import Undecidable
from dayshift.learning.effects import Verdict, verdicts
from dayshift.learning.lessons import Lesson
from dayshift.model import Record
from dayshift.outlook import experience


class Tutor:
    """Reads the lessons anew for every agent; measures what they did once a day, for that reads every record."""

    def __init__(
        self, home: Home, learning: Learning, rehearsal: bool, clock: Clock, put: Callable[[Event], None],
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._home, self._learning, self._rehearsal = home, learning, rehearsal
        self._clock, self._put, self._say = clock, put, say
        self._day: date | None = None
        self._verdicts: Mapping[str, Verdict] = {}

    async def look(self, today: date) -> None:
        """On a new day put in force what is to be applied by itself, and measure; no fault here keeps a day from it."""
        if today == self._day:
            return
        self._day = today
        try:
            for lesson in await asyncio.to_thread(self._applied):
                self._say(f"lesson {lesson.id} is in force now, as learning.auto_apply says: {lesson.text}")
            self._verdicts = await asyncio.to_thread(self._measured)
        except (BadDocument, Undecidable, Unusable, OSError, sqlite3.Error) as error:
            self._say(f"lessons: {error}")

    def _applied(self) -> list[Lesson]:
        """What was put in force just now; a rehearsal changes nothing of the person's."""
        if self._rehearsal:
            return []
        patterns.refresh(self._home, patterns.told(lesson_file.read(self._home).lessons))
        return curriculum.apply(self._home, self._clock.now()) if self._learning.auto_apply else []

    def _measured(self) -> Mapping[str, Verdict]:
        lessons = [each for each in lesson_file.read(self._home).lessons if each.is_told]
        if not lessons:
            return {}
        with statement(self._home.ledger(rehearsal=False)) as books:
            return verdicts(lessons, experience.gather(self._home, books, feedback_files.ratings(self._home)))

    def lessons_for(self, record: Record) -> tuple[Lesson, ...]:
        """What is told about the task beside its instructions. BadDocument if the lessons cannot be read."""
        lessons = lesson_file.read(self._home).lessons
        return teaching.chosen(lessons, record.task, self._verdicts, self._learning.max_characters)

    def late_lessons_for(self, record: Record) -> tuple[Lesson, ...]:
        """Of these what a task that goes on from an earlier day was not told yet: that day taught it."""
        known = {*record.lessons, *record.late_lessons}
        return tuple(each for each in self.lessons_for(record) if each.id not in known)

    def taught_late(self, record: Record, lessons: tuple[Lesson, ...]) -> None:
        """Let it be known that its agent was told these in the middle of its work."""
        if lessons:
            self._put(Taught(record.id, tuple(each.id for each in lessons), late=True))

    def taught(self, record: Record, lessons: tuple[Lesson, ...]) -> None:
        """Let it be known that its agent was told these, and the patterns that every agent reads."""
        known = patterns.told(lesson_file.read(self._home).lessons)
        ids = (*(each.id for each in lessons), *(each.id for each in known if each.scope.matches(record.task)))
        if ids != record.lessons:
            self._put(Taught(record.id, ids))
