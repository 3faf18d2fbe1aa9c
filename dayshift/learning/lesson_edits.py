"""`learning/lessons.md` changed entry by entry: every other byte stays as the person wrote it.

Joins lessons and lesson_file for what the entries are.
"""

import re
from dataclasses import replace

from dayshift.clock import rfc3339
from dayshift.learning.lesson_file import FIELD, SHIELDED, Entry, Page, parse
from dayshift.learning.lessons import Lesson, Status

HEADER = """\
# Lessons

<!-- What agents are told besides their task. This file is the truth, so edit it as you like. A lesson is a list item
at the margin; below it, indented, may stand its scope (all, module NAME, kind NAME, complexity low, medium or high)
and its status (in force, retired, declined). Without them it is in force for all. -->
"""

BOM = "\ufeff"
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_STATUS = re.compile(r"(?P<before>\s*(?:[-*+][ \t]+)?status[ \t]*[:=][ \t]*)[^\r\n]*(?P<end>\r?\n?)", re.IGNORECASE)


class Muddled(Exception):
    """The file cannot be changed so that it says what it should; the message says why and what to do."""


def written(lesson: Lesson) -> str:
    """The lesson as an entry, without the last line's end."""
    first, *more = (f"\\{line}" if FIELD.match(line) or SHIELDED.match(line) else line
                    for line in lesson.text.split("\n"))  # fmt: skip
    said = {
        "scope": str(lesson.scope),
        "status": str(lesson.status),
        "source": ", ".join(map(str, lesson.sources)),
        "date": str(lesson.day or ""),
        "since": rfc3339(lesson.since) if lesson.since else "",
        "pattern": "yes" if lesson.pattern else "",
        "id": lesson.id,
    }
    fields = [f"  - {key}: {value}" for key, value in said.items() if value]
    return "\n".join([f"- {first}", *(f"  {line}" for line in more), *fields])


def added(text: str, lesson: Lesson) -> str:
    """The text with the lesson at its end, parted from the rest by an empty line."""
    end = _line_end(text)
    block = written(lesson).replace("\n", end)
    if not text.removeprefix(BOM):
        after = f"{text}{block}{end}"
    else:
        after = f"{text}{end}{block}{end}" if text.endswith("\n") else f"{text}{end}{end}{block}"
    return _held(text, after, [*parse(text).lessons, lesson])


def removed(text: str, lesson_id: str) -> str:
    """The text without that lesson and the empty line above it: what it was before `added`."""
    page = parse(text)
    entry = _entry(page, lesson_id)
    bom = BOM if text.startswith(BOM) else ""
    lines = _LINES.findall(text.removeprefix(BOM))
    before, its, behind = lines[: entry.first], lines[entry.first : entry.end], lines[entry.end :]
    empty = before.pop() if before and before[-1] in ("\n", "\r\n") else ""
    if not before and behind and behind[0] in ("\n", "\r\n"):  # at the top the empty line is below
        behind.pop(0)
    rest = "".join(before + behind)
    if not behind and not its[-1].endswith("\n"):  # the text before it did not end with a line's end either
        rest = rest.removesuffix(empty or "\n")
    return _held(text, bom + rest, [each.lesson for each in page.entries if each != entry])


def with_status(text: str, lesson_id: str, status: Status) -> str:
    """The text with another status of that lesson, on the line that says it or on a new one."""
    page = parse(text)
    entry, end = _entry(page, lesson_id), _line_end(text)
    lines = _LINES.findall(text)
    if entry.status_line is not None:
        lines[entry.status_line] = _STATUS.sub(rf"\g<before>{status}\g<end>", lines[entry.status_line], count=1)
    elif lines[entry.end - 1].endswith("\n"):
        lines.insert(entry.end, f"  - status: {status}{end}")
    else:
        lines[entry.end - 1] += f"{end}  - status: {status}"
    expected = [replace(each.lesson, status=status) if each == entry else each.lesson for each in page.entries]
    return _held(text, "".join(lines), expected)


def is_as_accepted(text: str, entry: Entry) -> bool:
    """Whether the entry still stands as `added` wrote it, so that nothing of the person's goes with it."""
    lines = _LINES.findall(text)[entry.first : entry.end]
    return "".join(lines).removeprefix(BOM).replace("\r\n", "\n").rstrip("\n") == written(entry.lesson)


def _line_end(text: str) -> str:
    """That of the last line which has one: what is added goes below it."""
    return "\r\n" if text.rpartition("\n")[0].endswith("\r") else "\n"


def _entry(page: Page, lesson_id: str) -> Entry:
    found = page.entry(lesson_id)
    if found is None:
        raise Muddled(f"there is no lesson {lesson_id} in it any more")
    return found


def _held(before: str, after: str, expected: list[Lesson]) -> str:
    """The text after a change, if it says exactly what is expected."""
    if list(parse(after).lessons) == expected:
        return after
    open_comments = (number for number, why in parse(before).unclear if why.startswith("a comment begins"))
    cure = "".join(f"; line {number} begins a comment that never ends: add `-->`" for number in open_comments)
    raise Muddled(f"the lesson would not be read back as it is meant{cure or '; move it to the margin by hand'}")
