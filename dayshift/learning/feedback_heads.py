"""What a line of feedback begins with: a task, a label, or both, as in `Rule for task-001: …`. Pure.

Joins the tasks that words name, the words that head feedback, and ratings.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dayshift.learning import ratings
from dayshift.learning.feedback_words import Field, Label, label
from dayshift.learning.mentions import Mentions, Opening

LONGEST = 120  #: characters before the colon of a label that names its task

LONGEST_LINE = 2000  #: characters of one that rates several tasks
_OF = re.compile(r"(?P<what>.+?)\s+(?:for|of|on|in|at|to|für|von|zu|bei)\s+(?P<whom>.+)", re.IGNORECASE)
_JOINT = re.compile(r"[,;|&.]\s+(?:(?:and|und)\s+)?|\s(?:and|und)\s+")
_LAST_JOINT = re.compile(r"[\s,;|&.]*(?:\b(?:and|und))?\s*$")


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a line; at least one of the two is there."""

    opening: Opening | None
    label: Label | None


def head(text: str, mentions: Mentions, emphatic: bool, listing: bool) -> Head | None:
    """What the line begins with; None if it is text. `emphatic`: all of it is bold. `listing`: under `What worked`."""
    opening = _about(text, mentions, emphatic, listing)
    found = label(opening.rest if opening else text, headed=emphatic)
    return Head(opening, found) if opening or found else _named_in_label(text, mentions)


def _about(text: str, mentions: Mentions, emphatic: bool, listing: bool) -> Opening | None:
    """The task a line begins with, if that is what the line is about; a mere sentence may begin with one as well."""
    found = mentions.opening(text)
    if found is None or (found.rest and not (found.marked or is_rated(found) or label(found.rest))):
        return None
    if not found.rest and (listing or not (found.marked or found.clear or emphatic)):
        return None
    return found


def _named_in_label(text: str, mentions: Mentions) -> Head | None:
    """`Rule for task-001: …`."""
    before, mark, after = text.partition(":")
    parts = _OF.fullmatch(before) if mark and len(before) <= LONGEST else None
    opening = mentions.opening(parts["whom"]) if parts else None
    if parts is None or opening is None or opening.rest:
        return None
    found = label(f"{parts['what']}: {after.strip()}")
    return Head(Opening(opening.task, after, True, True), found) if found else None


def heads_section(opening: Opening, hashes: bool) -> bool:
    """Whether a heading that begins with a task is that task's own."""
    return not opening.rest or opening.marked or is_rated(opening) or (hashes and opening.clear)


def is_rated(opening: Opening) -> bool:
    """Whether a rating follows the task at once."""
    return ratings.leading(opening.rest) is not None


def several(text: str, mentions: Mentions) -> Sequence[Opening]:
    """The tasks that one line rates, each with its rating: `task-001: 4, task-002: 5`; none if it is no such line."""
    joints = [found.end() for found in _JOINT.finditer(text)] if len(text) <= LONGEST_LINE else []
    starts = [start for start in joints if (part := mentions.opening(text[start:])) and is_rated(part)]
    if not starts:
        return ()
    begin = _after_label(text)
    ends = [*starts, len(text)]
    parts = [mentions.opening(text[start:end]) for start, end in zip([begin, *starts], ends, strict=True)]
    rated = [Opening(part.task, _alone(part.rest), True, True) for part in parts if part and is_rated(part)]
    return rated if len(rated) == len(parts) else ()


def _after_label(text: str) -> int:
    """Where the words after `Ratings:` begin; 0 if it does not begin so."""
    found = label(text)
    return len(text) - len(found.rest) if found and found.field is Field.rating else 0


def _alone(text: str) -> str:
    """The text without what joins it to the next in a list."""
    return _LAST_JOINT.sub("", text)
