"""What the person decides about lessons: accepted, declined, retired, taken back. Each decision is whole or not at all.

Joins proposals for what waits, lesson_file and lesson_edits for the file, patterns for the other file they go into.
Of two decisions at once one waits for the other.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from dayshift import files, locks
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.learning import lesson_edits, lesson_file, patterns, proposals
from dayshift.learning.lesson_edits import Muddled
from dayshift.learning.lessons import ID_LENGTH, Lesson, Status, identity
from dayshift.learning.proposals import Wishes

PATIENCE = 10.0  #: seconds for another decision to be written


class Undecidable(Exception):
    """This cannot be decided about that lesson; the message says why and what to do instead."""


class Decided(Undecidable):
    """It is no proposal, or none any more."""


def accept(home: Home, ids: Sequence[str], now: datetime) -> list[Lesson]:
    """Put these proposals in force, all or none."""
    return _decide(home, ids, Status.in_force, now)


def decline(home: Home, ids: Sequence[str], now: datetime) -> list[Lesson]:
    """Keep these proposals as ones that are not wanted, all or none: they are not proposed again."""
    return _decide(home, ids, Status.declined, now)


def apply(home: Home, now: datetime) -> list[Lesson]:
    """Put all that waits in force, but for what was taken back before; nothing is written if there is nothing."""
    wishes = proposals.read(home)
    ids = [each.id for each in wishes.waiting if each.id not in wishes.held]
    try:
        return accept(home, ids, now) if ids else []
    except Decided:  # by another process since it was looked up
        return []


def _decide(home: Home, ids: Sequence[str], status: Status, now: datetime) -> list[Lesson]:
    with _alone(home):
        wishes = proposals.read(home)
        chosen = [_proposal(wishes, each) for each in dict.fromkeys(ids)]
        decided = [replace(each, status=status, since=now.replace(microsecond=0)) for each in chosen]
        text = lesson_file.text_of(home)
        text = lesson_edits.HEADER if text is None else text
        for lesson in decided:
            text = _edited(home, lesson_edits.added, text, lesson)
        _write(home, text)
        same = frozenset[str]().union(*(wishes.same(each, narrower=False) for each in decided))
        _remember(home, wishes.decided | same, wishes.held - same)
        _refresh_patterns(home, text)
    return decided


def retire(home: Home, lesson_id: str) -> Lesson:
    """Tell the lesson to nobody any more; it stays in the file, with its effect."""
    with _alone(home):
        wishes = proposals.read(home)
        entry = wishes.page.entry(lesson_id)
        if entry is None or not entry.lesson.is_told:
            raise Undecidable(f"{_standing(wishes, lesson_id)}; only one in force can be retired")
        _remember(home, wishes.decided | wishes.same(entry.lesson, narrower=True), wishes.held)
        return _restated(home, entry.lesson, Status.retired)


def undo(home: Home, lesson_id: str) -> Lesson:
    """Take the last decision about it back. What was accepted or declined is a proposal again, retired in force.

    An entry that the person edited since is retired instead, so that nothing they wrote goes.
    """
    with _alone(home):
        wishes = proposals.read(home)
        text, entry = lesson_file.text_of(home) or "", wishes.page.entry(lesson_id)
        lesson = entry.lesson if entry else _asked(wishes, lesson_id)
        if entry and lesson.status is Status.retired:
            return _restated(home, lesson, Status.in_force)
        if entry and not (lesson_edits.is_as_accepted(text, entry) and _is_own_id(lesson)):
            return _turned_off(home, lesson)
        same = wishes.same(lesson, narrower=True)
        _remember(home, wishes.decided - same, wishes.held | same)  # first: a crash leaves the lesson as it was
        if entry:
            text = _edited(home, lesson_edits.removed, text, lesson_id)
            _write(home, text)
            _refresh_patterns(home, text)
        return replace(lesson, status=Status.proposed, since=None)


def _turned_off(home: Home, lesson: Lesson) -> Lesson:
    if lesson.is_told and lesson.sources:
        return _restated(home, lesson, Status.retired)
    why = "its entry was edited" if lesson.sources else "you wrote it there yourself"
    raise Undecidable(f"{lesson.id} is no decision that can be taken back: {why}; edit {home.lessons}, or retire it")


def _restated(home: Home, lesson: Lesson, status: Status) -> Lesson:
    text = _edited(home, lesson_edits.with_status, lesson_file.text_of(home) or "", lesson.id, status)
    _write(home, text)
    _refresh_patterns(home, text)
    return replace(lesson, status=status)


def _is_own_id(lesson: Lesson) -> bool:
    """Whether its words are still those its id was made from."""
    made = identity(lesson.text, lesson.scope, lesson.day, lesson.pattern)
    return lesson.id[:ID_LENGTH] == made


def _asked(wishes: Wishes, lesson_id: str) -> Lesson:
    """What the person decided about and then took out of the file by hand."""
    found = proposals.named([lesson_id], wishes.asked)
    if not found or lesson_id not in wishes.decided:
        raise Undecidable(f"{_standing(wishes, lesson_id)}; there is no decision to take back")
    return found[0]


def _proposal(wishes: Wishes, lesson_id: str) -> Lesson:
    found = proposals.named([lesson_id], wishes.waiting)
    if found:
        return found[0]
    again = "" if lesson_id not in _known(wishes) else f"; `dayshift lessons undo {lesson_id}` takes that back"
    raise Decided(f"{_standing(wishes, lesson_id)}{again}")


def _standing(wishes: Wishes, lesson_id: str) -> str:
    """How it stands with that id, in words."""
    entry = wishes.page.entry(lesson_id)
    if entry:
        return f"{lesson_id} is {entry.lesson.status}"
    if proposals.named([lesson_id], wishes.waiting):
        return f"{lesson_id} is only proposed"
    if lesson_id in wishes.decided:
        return f"{lesson_id} was decided about before, and taken out of learning/lessons.md by hand"
    known = [each.id for each in (*wishes.page.lessons, *wishes.waiting)]
    return f"there is no lesson {lesson_id}; known: {', '.join(known) or 'none'}"


def _known(wishes: Wishes) -> Collection[str]:
    return {*wishes.decided, *(each.id for each in wishes.page.lessons)}


# --- on disk ---------------------------------------------------------------------------------------


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    home.learning.mkdir(parents=True, exist_ok=True)
    try:
        with locks.lock(home.learning, PATIENCE):
            yield
    except locks.Locked:
        raise Undecidable("another command is deciding about lessons; try again when it has ended") from None


def _edited(home: Home, edit: Callable[..., str], text: str, *given: object) -> str:
    try:
        return edit(text, *given)
    except Muddled as error:
        raise Undecidable(f"{home.lessons} is left as it is: {error}") from error


def _write(home: Home, text: str) -> None:
    path = home.lessons.resolve()  # where a link leads to, not the link
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    files.write_atomically(path, text.encode("utf-8", "surrogateescape"), mode)
    passing("lessons.written")


def _remember(home: Home, decided: Collection[str], held: Collection[str]) -> None:
    home.own.mkdir(parents=True, exist_ok=True)
    files.write_json(home.lesson_decisions, {"decided": sorted(decided), "held": sorted(held)})
    passing("decisions.kept")


def _refresh_patterns(home: Home, text: str) -> None:
    patterns.refresh(home, patterns.told(lesson_file.parse(text).lessons))
