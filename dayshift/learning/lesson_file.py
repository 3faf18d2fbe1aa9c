"""`learning/lessons.md` read line by line, as a person may have edited it; nothing in it is ever an error.

Joins lessons for what an entry is.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache

from dayshift.home import Home
from dayshift.inputs.documents import BadDocument, Problem
from dayshift.learning.lessons import ID, Lesson, Scope, Source, Status, identity, tidy

_KEYS = "scope|status|source|date|since|id|pattern"
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]+(?P<text>\S.*)")
FIELD = re.compile(rf"(?P<bullet>[-*+][ \t]+)?(?P<key>{_KEYS})(?P<sign>[ \t]*[:=][ \t]*)(?P<value>.*)", re.IGNORECASE)
SHIELDED = re.compile(rf"\\+(?=(?:[-*+][ \t]+)?(?:{_KEYS})[ \t]*[:=])", re.IGNORECASE)
_RULE = re.compile(r"(?:[-*_][ \t]*){3,}")
_HEADING = re.compile(r"#{1,6}(?:\s|$)")
_SOURCE = re.compile(r"(?P<file>.+?)(?::|,? line )(?P<line>\d{1,9})")
_STATUS = {
    "in force": Status.in_force, "active": Status.in_force, "on": Status.in_force,
    "retired": Status.retired, "off": Status.retired,
    "declined": Status.declined, "rejected": Status.declined,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One lesson with the lines it takes, from `first` up to but not with `end`; both count from 0."""

    lesson: Lesson
    first: int
    end: int
    status_line: int | None = None
    has_id: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """The file, understood as far as it can be."""

    entries: tuple[Entry, ...]
    unclear: tuple[tuple[int, str], ...]  #: line numbers from 1, and why or what stands there

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """All of it, in the file's order."""
        return tuple(entry.lesson for entry in self.entries)

    def entry(self, lesson_id: str) -> Entry | None:
        """The entry of that id."""
        return next((each for each in self.entries if each.lesson.id == lesson_id), None)


# --- reading ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Item:
    """An entry while its lines are read."""

    first: int
    end: int
    texts: list[str]
    fields: dict[str, tuple[int, str]] = field(default_factory=dict)


def text_of(home: Home) -> str | None:
    """The file's text, whatever its bytes are; None without a file. BadDocument if it cannot be read."""
    try:
        return home.lessons.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        told = f"cannot be read ({error.strerror}); make it a readable text file"
        raise BadDocument([Problem(str(home.lessons), 0, "", told)]) from error


def read(home: Home) -> Page:
    """What the home's file says."""
    return parse(text_of(home) or "")


@lru_cache(maxsize=4)  # every agent that begins has it read anew, and it is nearly always the same
def parse(text: str) -> Page:
    """What the text says; what is not understood is listed."""
    items: list[_Item] = []
    unclear: list[tuple[int, str]] = []
    open_item: _Item | None = None
    blank, comment_until = True, -1
    lines = _bare(text)
    for number, line in enumerate(lines):
        if not line.strip():
            blank = True
            continue
        if number <= comment_until or line.startswith("<!--"):
            comment_until = max(comment_until, _comment_end(lines, number))
            if number > comment_until:
                unclear.append((number + 1, "a comment begins here and never ends"))
            open_item = None
        elif open_item and _belongs(line, blank):
            _take(open_item, line, number)
        elif _HEADING.match(line) or _RULE.fullmatch(line.strip()):
            open_item = None
        elif (item := _ITEM.match(line)) and not FIELD.fullmatch(item["text"].strip()):
            open_item = _Item(number, number + 1, [_unshielded(item["text"].strip())])
            items.append(open_item)
        else:
            open_item = None
            unclear.append((number + 1, line.strip()))
        blank = False
    return Page(*_understood(items, unclear))


def _bare(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]


def _comment_end(lines: Sequence[str], begin: int) -> int:
    """The line a comment ends in; the one before its begin if it never does."""
    return next((number for number in range(begin, len(lines)) if "-->" in lines[number]), begin - 1)


def _belongs(line: str, after_blank: bool) -> bool:
    """Whether the line goes on with the item above: it is indented, or stands right below and begins nothing else."""
    if line[0] in " \t":
        return True
    if after_blank or _HEADING.match(line) or _RULE.fullmatch(line.strip()):
        return False
    return bool(FIELD.fullmatch(line.strip())) or not _ITEM.match(line)


def _take(item: _Item, line: str, number: int) -> None:
    found = FIELD.fullmatch(line.strip())
    if found and (found["bullet"] or _is_plain_field(found["key"].lower(), found["value"])):
        item.fields[found["key"].lower()] = number, found["value"].strip()
    else:
        item.texts.append(_unshielded(line.strip()))
    item.end = number + 1


def _is_plain_field(key: str, value: str) -> bool:
    """Whether a line without a bullet is one of the fields all the same; else it is a sentence that looks like one."""
    return (key == "scope" and Scope.parse(value) is not None) or (key == "status" and _status(value) is not None)


def _status(value: str) -> Status | None:
    return _STATUS.get(" ".join(value.strip("`*. ").replace("_", " ").lower().split()))


def _understood(
    items: Iterable[_Item], unclear: list[tuple[int, str]]
) -> tuple[tuple[Entry, ...], tuple[tuple[int, str], ...]]:
    entries: list[Entry] = []
    taken: set[str] = set()
    for item in items:
        text = tidy("\n".join(item.texts))
        if not text:
            unclear.append((item.first + 1, "a list item without a word"))
            continue
        lesson = _lesson(item, text, taken, unclear)
        taken.add(lesson.id)
        status_line = item.fields["status"][0] if "status" in item.fields else None
        entries.append(Entry(lesson, item.first, item.end, status_line, lesson.id == item.fields.get("id", (0, ""))[1]))
    return tuple(entries), tuple(sorted(unclear))


def _lesson(item: _Item, text: str, taken: set[str], unclear: list[tuple[int, str]]) -> Lesson:
    """The item as a lesson; a scope or status that is not understood keeps it from everybody."""
    said = {key: value for key, (_, value) in item.fields.items()}
    scope, status = Scope.parse(said.get("scope", "")), _status(said.get("status", Status.in_force))
    day, since = _date(said.get("date", "")), _moment(said.get("since", ""))
    pattern = said.get("pattern", "").lower() in ("yes", "true")
    given = said.get("id", "")
    wrong = {
        "scope": scope is None and "no scope; write all, module NAME, kind NAME or complexity low, medium or high",
        "status": status is None and "no status; write in force, retired or declined",
        "date": bool(said.get("date")) and day is None and "no date; write one such as 2026-11-20",
        "since": bool(said.get("since")) and since is None and "no moment; write one such as 2026-11-20T18:00:00Z",
        "id": bool(given) and not ID.fullmatch(given) and "no id; take the line out and it gets one",
    }
    unclear += [(item.fields[key][0] + 1, f"{said[key]!r} is {why}") for key, why in wrong.items() if why]
    if not ID.fullmatch(given) or given in taken:
        given = identity(text, scope or Scope(), day, pattern, taken)
    sources = tuple(_source(each) for each in re.split(r",\s+(?!line\b)", said.get("source", "")) if each.strip())
    stands = Status.unclear if scope is None or status is None else status
    return Lesson(given, text, scope or Scope(), stands, sources, day, since, pattern)


def _source(text: str) -> Source:
    found = _SOURCE.fullmatch(text.strip())
    return Source(found["file"], int(found["line"])) if found else Source(text.strip())


def _date(text: str) -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(text)
    return None


def _moment(text: str) -> datetime | None:
    with suppress(ValueError):
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _unshielded(line: str) -> str:
    return line[1:] if SHIELDED.match(line) else line
