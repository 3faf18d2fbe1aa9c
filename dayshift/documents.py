"""The YAML a person writes: read within limits, checked against a model, every error told with its line and a cure."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from dayshift import files

DEPTH_LIMIT = 32
PROBLEMS_TOLD = 50  #: of one file; a person mends the first ones and looks again

Place = tuple[str | int, ...]  #: the keys and list positions that lead to a value
Lines = dict[Place, int]
Model = TypeVar("Model", bound=BaseModel)

SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
STAR = "*."
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]{1,4})?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in what a person wrote; line 0 and an empty field mean the file as a whole."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class BadDocument(Exception):
    """Everything wrong with what a person wrote, in the order of the lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line)))
        super().__init__("\n".join(map(str, self.problems)))


def problem(file: str, lines: Lines, place: Place, message: str) -> Problem:
    """A problem at that place; the line is the place's own or that of the nearest thing around it."""
    around = (place[:end] for end in range(len(place), -1, -1))
    return Problem(file, next((lines[each] for each in around if each in lines), 0), _dotted(place), message)


def _dotted(place: Place) -> str:
    return "".join(map(_step, place)).removeprefix(".")


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part if part.isprintable() else ascii(part)}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """What was probably meant, else everything that is known."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known: {', '.join(names)}"


# --- reading ---------------------------------------------------------------------------------------


def load(path: Path) -> tuple[Any, Lines]:
    """The file's data and the line of every key and list item; BadDocument if it is no plain YAML file of ours."""
    return parse(read(path), str(path))


def read(path: Path) -> str:
    """The text of a file a person wrote, a link to it included; BadDocument if it is absent, too big or no UTF-8."""
    try:
        return files.read_untrusted(path.resolve())
    except (files.Refused, OSError, RuntimeError, ValueError) as error:
        raise BadDocument([Problem(str(path), 0, "", _unreadable(error))]) from error


def _unreadable(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; check the path"
    if isinstance(error, files.Refused):
        return f"{error}; give a text file of at most {files.SIZE_LIMIT // 1024} KiB"
    return f"cannot be read ({getattr(error, 'strerror', None) or error}); give a readable text file"


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
        self.problems.append(Problem(self._file, event.start_mark.line + 1, _dotted(place), message))
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


# --- checking --------------------------------------------------------------------------------------


def validate(model: type[Model], data: Any, lines: Lines, file: str) -> Model:
    """The data as that model; BadDocument holds every error, with line, dotted field, and how to mend it."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [
            problem(file, lines, _place(each["loc"]), _message(model, each))
            for each in islice(error.errors(include_url=False), PROBLEMS_TOLD)
        ]
        if (more := error.error_count() - PROBLEMS_TOLD) > 0:
            problems.append(Problem(file, max(lines.values(), default=0), "", f"and {more} more problems"))
        raise BadDocument(problems) from error


def _place(loc: Iterable[str | int]) -> Place:
    return tuple(part for part in loc if part != "[key]")


def _message(model: type[BaseModel], error: Mapping[str, Any]) -> str:
    kind, value = error["type"], error["input"]
    if kind == "missing":
        return f"is missing; {_example(model, error['loc'])}"
    if kind == "extra_forbidden":
        return f"is not a key here; {suggestion(str(error['loc'][-1]), _fields(_model_at(model, error['loc'][:-1])))}"
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if kind == "string_too_short":
        return "is empty; fill it in"
    if kind in EXPECTED:
        return f"must be {EXPECTED[kind](value)}, not {_shown(value)}"
    return f"{str(error['msg']).replace('Input should be', 'must be')}, not {_shown(value)}"


EXPECTED: Mapping[str, Callable[[Any], str]] = {
    "string_type": lambda value: f'text (in quotes: "{value}")' if isinstance(value, int | float) else "text",
    "tuple_type": lambda value: f"a list ([{_shown(value)}])" if isinstance(value, str) else "a list ([a, b])",
    "dict_type": lambda value: "a mapping (`key: value` lines)",
    "model_type": lambda value: "a mapping (`key: value` lines)",
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), lambda value: "a whole number"),
    **dict.fromkeys(("decimal_type", "decimal_parsing", "finite_number"), lambda value: "a number such as 20 or 7.50"),
    **dict.fromkeys(("bool_type", "bool_parsing"), lambda value: "true or false"),
}


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _example(model: type[BaseModel], loc: Place) -> str:
    field = _fields(_model_at(model, loc[:-1])).get(str(loc[-1]))
    example = field.examples[0] if field and field.examples else "…"
    return f"write `{loc[-1]}: {example}`"


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_at(model: type[BaseModel], loc: Iterable[str | int]) -> type[BaseModel]:
    """The model whose keys stand at that place."""
    for part in loc:
        if field := _fields(model).get(str(part)):
            model = _model_in(field.annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each))), None)
