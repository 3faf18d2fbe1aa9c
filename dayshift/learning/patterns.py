"""Patterns of success in `config/task_execution_patterns.md`: one marked section at its end, a line for each.

Joins lessons for what a pattern is, and teaching for its one line. All outside of the section stays to the byte.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from dayshift import files
from dayshift.failpoints import passing
from dayshift.home import Home, shipped_config
from dayshift.learning.lessons import Lesson
from dayshift.learning.teaching import one_line

BEGIN = "<!-- patterns of success, kept by `dayshift lessons` -->"
MADE = "<!-- patterns of success, kept by `dayshift lessons`, below the text that came with it -->"
HEADING = "### What worked before"
END = "<!-- end of the patterns of success -->"
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_ID = re.compile(r"<!-- (?P<id>[a-z0-9-]+) -->\s*$")


def told(lessons: Sequence[Lesson]) -> list[Lesson]:
    """The patterns among them that are in force."""
    return [each for each in lessons if each.is_told and each.pattern]


def refresh(home: Home, patterns: Sequence[Lesson]) -> None:
    """Let the home's file hold these patterns. One that had to be made for them goes with the last of them."""
    own, shipped = home.patterns.resolve(), shipped_config() / home.patterns.name
    is_made = not own.exists()
    text = _text(shipped if is_made else own)
    after = refreshed(text, patterns, is_made)
    if after == text:
        return
    if MADE in text and MADE not in after and after == _text(shipped):
        own.unlink()
        files.sync_folder(own.parent)
    else:
        own.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o644 if is_made else own.stat().st_mode & 0o777
        files.write_atomically(own, after.encode("utf-8", "surrogateescape"), mode)
    passing("patterns.written")


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def refreshed(text: str, patterns: Sequence[Lesson], is_made: bool = False) -> str:
    """The text with these patterns in its section and no others; lines a person put there stay.

    Without patterns it is what it was before there were any. A section of a file that is made for it says so.
    """
    lines = _LINES.findall(text)
    found = _section(lines)
    if found is None:
        return text + _new(text, patterns, _line_end(text), is_made) if patterns else text
    begin, close = found
    end = _line_end(lines[begin])
    ids = {each.id for each in patterns}
    kept = [each for each in lines[begin + 1 : close] if _id(each) is None or _id(each) in ids]
    there = {_id(each) for each in kept}
    kept += [line(each) + end for each in patterns if each.id not in there]
    if all(each.strip() in ("", HEADING) for each in kept):
        return _without(lines, begin, close)
    return "".join([*lines[: begin + 1], *kept, *lines[close:]])


def line(lesson: Lesson) -> str:
    """The pattern as agents read it, its id in a comment; the tasks it is for are named unless it is for all."""
    where = f"In tasks of {lesson.scope}: " if lesson.scope.by else ""
    return f"- {one_line(where + lesson.text).replace('-->', '-- >')} <!-- {lesson.id} -->"


def _id(line: str) -> str | None:
    found = _ID.search(line)
    return found["id"] if found else None


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _section(lines: Sequence[str]) -> tuple[int, int] | None:
    """Where it begins and ends; None if there is none, or none that is whole."""
    begins = [number for number, each in enumerate(lines) if each.strip() in (BEGIN, MADE)]
    ends = [number for number, each in enumerate(lines) if each.strip() == END]
    return (begins[-1], ends[-1]) if begins and ends and begins[-1] < ends[-1] else None


def _new(text: str, patterns: Sequence[Lesson], end: str, is_made: bool) -> str:
    above = "" if not text else end if text.endswith("\n") else end + end
    whole = [MADE if is_made else BEGIN, "", HEADING, "", *map(line, patterns), END]
    return above + end.join(whole) + (end if not text or text.endswith("\n") else "")


def _without(lines: Sequence[str], begin: int, close: int) -> str:
    before, behind = list(lines[:begin]), lines[close + 1 :]
    empty = before.pop() if before and before[-1] in ("\n", "\r\n") else ""
    rest = "".join([*before, *behind])
    if not behind and not lines[close].endswith("\n"):  # the text above did not end with a line's end either
        rest = rest.removesuffix(empty or "\n")
    return rest
