"""A person's Markdown as lines: headings, list items, code, and what is not read, such as comments. Pure.

It takes what people write: other line ends, a mark of the encoding, a comment or a fence that was never closed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

BOLD = 7  #: the level of a heading that is a line in bold, below all others
COMMENT, FRONT_MATTER = "it stands in a comment, which is not read", "it stands before the text, as facts for a program"

_HASHES = re.compile(r"(?:(#)(?=\s|$)|(#{2,6})(?!#))\s*")
_WHOLE_BOLD = re.compile(r"(\*\*|__)(?P<text>(?:(?!\1).)+)\1\s*:?")
_MARK = re.compile(r"(?:[-*+•‣▪◦\u2013—]|[0-9]{1,3}[.)])(?:\s+\[[ xX]?\])?\s+(?=\S)")
_QUOTE = re.compile(r"(?:\s*>)+ ?")
_RULER = " \t*_=|:+~-"
_UNDERLINE = re.compile(r"\s{0,3}(=+|-{2,})\s*")
_FENCE = re.compile(r"\s*(?:[-*+]\s+)?(?P<marks>`{3,}|~{3,})(?P<info>[^`]*)")
_COMMENT = re.compile(r"(?<![\\`])<!--(?P<inside>(?:(?!<!--)[^\0])*?)-->")
_FACT = re.compile(r"\s*$|\s|#|-(?:\s|$)|[\w.-]+\s*:(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not empty, without its marks."""

    number: int
    text: str
    indent: int = 0
    marked: bool = False  #: it begins a list item
    level: int = 0  #: of a heading, 1 to BOLD; 0: it is none
    code: bool = False  #: it is part of a code block, and stands there as it is
    unread: str = ""  #: why it is no text


def lines(text: str) -> tuple[Line, ...]:
    """Every line that has a word on it, in order; numbers count from 1 as editors count."""
    rows = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    front = _front_matter(rows)
    fenced = _fenced(rows, front)
    seen, unread = _without_comments(["\0" if index < front or index in fenced else row.replace("\0", " ")
                                      for index, row in enumerate(rows)])  # fmt: skip
    unread += [Line(index + 1, row.strip(), unread=FRONT_MATTER) for index, row in enumerate(rows[:front])]
    code = [Line(index + 1, rows[index].rstrip(), code=True) for index in fenced]
    found = [*_plain(seen), *code, *(each for each in unread if each.text.strip(_RULER))]
    return tuple(sorted((each for each in found if each.text), key=lambda line: line.number))


def _front_matter(rows: Sequence[str]) -> int:
    """How many lines of facts for other programs stand at the top, with their marks."""
    if rows[0].rstrip() != "---":
        return 0
    for index, row in enumerate(rows[1:], 1):
        if row.rstrip() in ("---", "..."):
            return index + 1 if index > 1 else 0
        if not _FACT.match(row):
            break
    return 0


def _fenced(rows: Sequence[str], start: int) -> dict[int, None]:
    """The lines of every code block that is closed, with its marks."""
    longest_after = _longest_closings(rows)
    found: dict[int, None] = {}
    index = start
    while index < len(rows):
        mark = _FENCE.fullmatch(rows[index])
        if mark and longest_after[mark["marks"][0]][index + 1] >= len(mark["marks"]):
            end = next(at for at in range(index + 1, len(rows)) if _closes(rows[at], mark["marks"]))
            found |= dict.fromkeys(range(index, end + 1))
            index = end
        index += 1
    return found


def _closes(row: str, marks: str) -> bool:
    closing = row.strip()
    return len(closing) >= len(marks) and set(closing) == {marks[0]}


def _longest_closings(rows: Sequence[str]) -> dict[str, list[int]]:
    """For each kind of mark, how long the longest closing one is from a line on: what was never closed is text."""
    found = {"`": [0] * (len(rows) + 1), "~": [0] * (len(rows) + 1)}
    for index in range(len(rows) - 1, -1, -1):
        closing = rows[index].strip()
        for sign, longest in found.items():
            here = len(closing) if closing and set(closing) == {sign} else 0
            longest[index] = max(longest[index + 1], here)
    return found


def _without_comments(rows: Sequence[str]) -> tuple[list[str], list[Line]]:
    """The lines without their comments, and the lines of these."""
    whole = "\n".join(rows)
    seen: list[str] = []
    unread: list[Line] = []
    end = 0
    for found in _COMMENT.finditer(whole):
        first = (unread[-1].number if unread else 1) + whole.count("\n", end, found.start())
        inside = found["inside"].split("\n")
        unread += [Line(first + offset, row.strip(), unread=COMMENT) for offset, row in enumerate(inside)]
        seen += [whole[end : found.start()], "\n" * (len(inside) - 1)]
        end = found.end()
    return "".join([*seen, whole[end:]]).split("\n"), unread


def _plain(rows: Sequence[str]) -> Iterator[Line]:
    """The lines outside code and comments."""
    for index, row in enumerate(rows):
        line = _line(index + 1, row)
        if line is None:
            continue
        under = rows[index + 1] if index + 1 < len(rows) else ""
        alone = not index or not rows[index - 1].strip(" \0")
        if not (line.level or line.marked) and alone and (mark := _UNDERLINE.fullmatch(under)):
            line = Line(line.number, line.text, line.indent, level=1 if mark[1][0] == "=" else 2)
        yield line


def _line(number: int, row: str) -> Line | None:
    unquoted = row[mark.end() :] if (mark := _QUOTE.match(row)) else row
    text = unquoted.expandtabs(4).strip(" \0")
    indent = len(unquoted.expandtabs(4)) - len(unquoted.expandtabs(4).lstrip(" "))
    if not text.strip(_RULER).strip():
        return None
    if text.startswith("|"):
        return Line(number, text.strip("| "), indent, marked=True)
    if hashes := _HASHES.match(text):
        return Line(number, text[hashes.end() :], level=len(hashes[1] or hashes[2]))
    marked = _MARK.match(text)
    text = text[marked.end() :] if marked else text
    if found := _WHOLE_BOLD.fullmatch(text):
        return Line(number, found["text"].strip(), indent, marked is not None, BOLD)
    return Line(number, text.strip(), indent, marked is not None)
