"""The documents a person writes: each read as text, and what is wrong in it told by file, line and field, with a cure.

Their YAML is read in document_yaml, and held against a model in document_shape.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dayshift import files

PROBLEMS_TOLD = 50  #: of one file; a person mends the first ones and looks again

Place = tuple[str | int, ...]  #: the keys and list positions that lead to a value
Lines = dict[Place, int]


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
    return Problem(file, next((lines[each] for each in around if each in lines), 0), dotted(place), message)


def dotted(place: Place) -> str:
    """The place as a person writes it: `tasks[0].id`."""
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
