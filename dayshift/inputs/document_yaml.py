"""The YAML a person writes, read within limits into plain data and the line of every value."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from dayshift.inputs.documents import PROBLEMS_TOLD, BadDocument, Lines, Place, Problem, dotted, read

DEPTH_LIMIT = 32
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
STAR = "*."
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]{1,4})?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


def load(path: Path) -> tuple[Any, Lines]:
    """The file's data and the line of every key and list item; BadDocument if it is no plain YAML file of ours."""
    return parse(read(path), str(path))


def parse(text: str, file: str) -> tuple[Any, Lines]:
    """The data of a YAML text and its lines. Text stays text unless it is plainly a number, true, false or null.

    No tags, anchors or aliases: nothing can be constructed and nothing expands. BadDocument names every offence.
    """
    try:
        reader = _Reader(text, file)
        data = reader.document()
    except yaml.YAMLError as error:
        raise BadDocument([_syntax(error, text, file)]) from error
    if reader.problems:
        raise BadDocument(reader.problems)
    return data, reader.lines


class _Starred(yaml.SafeLoader):
    """Reads `*.example.org` as the text it looks like: no alias has a name that begins with a dot."""

    def fetch_alias(self) -> None:
        """An alias, or text."""
        if self.peek(1) == STAR[1]:
            self.fetch_plain()
        else:
            super().fetch_alias()


class _Reader:
    """Builds plain data from YAML events, one at a time, so that a hostile file is left at its first deep bracket."""

    def __init__(self, text: str, file: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_Starred if STAR in text else SAFE_LOADER)
        self._file = file
        self.lines: Lines = {}
        self.problems: list[Problem] = []

    def document(self) -> Any:
        """The only document's data; None for an empty text."""
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self.lines[()] = 1
            return None
        data = self._value(next(self._events), ())
        next(self._events)
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            self._refuse(following, (), "a second document (`---`) begins here; keep one document in a file")
        return data

    def _value(self, event: Any, place: Place) -> Any:
        self.lines.setdefault(place, event.start_mark.line + 1)
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            self._refuse(event, place, "anchors (&) and aliases (*) are not used here; write the value out")
        elif event.tag:
            self._refuse(event, place, f"the tag {event.tag[:40]!r} is not used here; leave it out")
        if len(place) > DEPTH_LIMIT:
            self._refuse(event, (), f"more than {DEPTH_LIMIT} levels deep; write it flatter")
            raise BadDocument(self.problems)
        match event:
            case yaml.MappingStartEvent():
                return self._mapping(place)
            case yaml.SequenceStartEvent():
                items = enumerate(self._until(yaml.SequenceEndEvent))
                return [self._value(item, (*place, number)) for number, item in items]
            case yaml.ScalarEvent():
                return event.value if event.style else _scalar(event.value)
        return None

    def _mapping(self, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in self._until(yaml.MappingEndEvent):
            key = self._key(event, place)
            inside = (*place, key)
            if key in found:
                first = self.lines[inside]
                self._refuse(event, inside, f"is written twice, first in line {first}; keep one of them")
            else:
                self.lines[inside] = event.start_mark.line + 1
            found[key] = self._value(next(self._events), inside)
        return found

    def _key(self, event: Any, place: Place) -> str:
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        self._refuse(event, place, "a key must be plain text, not a list or a mapping; texts with { or [ need quotes")
        self._value(event, place)
        return ""

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _refuse(self, event: Any, place: Place, message: str) -> None:
        self.problems.append(Problem(self._file, event.start_mark.line + 1, dotted(place), message))
        if len(self.problems) == PROBLEMS_TOLD:
            raise BadDocument(self.problems)


def _scalar(text: str) -> Any:
    """What an unquoted word stands for; `no`, `18:00` and dates stay text, as they look."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _syntax(error: yaml.YAMLError, text: str, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    line = min(mark.line, text.count("\n")) + 1 if mark else 0
    return Problem(file, line, "", f"not valid YAML: {what}; {_yaml_cure(str(what), text, line)}")


def _yaml_cure(what: str, text: str, line: int) -> str:
    shown = text.splitlines()[line - 1] if 0 < line <= len(text.splitlines()) else ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        return "indent with spaces, not tabs"
    if "mapping values" in what:
        return "put text that contains `: ` in quotes and check the indentation"
    if "characters are not allowed" in what:
        return "remove the control characters"
    return "check quotes, brackets and indentation here and in the line before"
