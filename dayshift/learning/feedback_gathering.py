"""Lines of feedback gathered into pieces: paragraphs, list items with what stands under them, code. Pure.

Joins the lines, and the fields a piece can stand under.
"""

from dataclasses import dataclass, replace

from dayshift.learning.feedback_lines import Line
from dayshift.learning.feedback_words import Field

FAR = 10_000  #: the indent of a paragraph: no list item stands within it


@dataclass(frozen=True, slots=True)
class Place:
    """Under what something stands."""

    task: str | None = None  #: None: the day as a whole
    field: Field = Field.remark
    scope: str = ""
    why: str = ""  #: why nothing here can be understood


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the person's words; the n-th line of the text stands on line `line` + n of the file."""

    place: Place
    text: str
    line: int
    whole: str = ""  #: the line with the label before the text, if there is one
    led: bool = False  #: it follows the task's name at once, so that a mere number is a rating
    code: bool = False


class Gathering:
    """Pieces so far, and the one that is being read."""

    def __init__(self) -> None:
        self.found: list[Piece] = []
        self._rows: list[tuple[int, str]] = []
        self._piece = Piece(Place(), "", 0)
        self._indent = FAR

    def begin(self, place: Place, line: Line, text: str, whole: str = "", led: bool = False) -> None:
        """A new piece, which later lines may go on with."""
        self.end()
        self._piece = Piece(place, "", line.number, whole, led)
        self._rows = [(line.number, text)] if text else []
        self._indent = line.indent if line.marked else FAR

    def keep(self, place: Place, line: Line, text: str, whole: str = "", led: bool = False) -> None:
        """A piece of this one line; what is being read goes on after it."""
        if text:
            self.found.append(Piece(place, text, line.number, whole, led))

    def end(self) -> None:
        """The piece is over; its lines keep their distance."""
        text, last = "", self._piece.line
        for number, row in self._rows:
            text += "\n" * (number - last) + row
            last = number
        if text.strip():
            self.found.append(replace(self._piece, text=text))
        self._rows = []

    def goes_on(self, line: Line) -> bool:
        """Whether a line after an empty one belongs to what stands before."""
        return bool(self._rows) and (self._announces() or (not line.marked and line.indent > max(self._indent, 0)))

    def took(self, line: Line, gap: bool) -> bool:
        """Whether the line is more of the piece; then it has it."""
        if self._announces() and line.marked and self._indent == FAR:
            self._indent = -1  # what a paragraph announces is a part of it
        within = not line.marked or line.indent > self._indent
        more = bool(self._rows) and within and (not gap or self.goes_on(line))
        if more:
            self._rows.append((line.number, f"- {line.text}" if line.marked else line.text))
        return more

    def code(self, place: Place, line: Line, gap: bool) -> None:
        """A line of code: it belongs to what it follows at once, or to what announces it."""
        if not self._rows or (gap and not self._announces() and not self._piece.code):
            self.begin(place, line, "")
        self._piece = replace(self._piece, code=True)
        self._rows.append((line.number, line.text))

    def _announces(self) -> bool:
        return bool(self._rows) and self._rows[-1][1].endswith(":")
