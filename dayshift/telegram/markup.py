"""Text for Telegram: marked by us alone, safe whatever it says, counted and split as Telegram counts. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dayshift.markdown import clean

LIMIT = 4096  #: of one message, in UTF-16 units, once its markup is read
CAPTION_LIMIT = 1024  #: of the words under a picture or a file
ELLIPSIS = "…"

#: What Telegram makes a link or a command of by itself; a word joiner after it keeps it text.
_ALIVE = re.compile(r"(?<!\w)/(?=\w)|[@#](?=\w)|\$(?=[A-Za-z])|:(?=//)|\.(?=\w*[^\W\d])|(?<=\d)\.(?=\d+\.\d)|\+(?=\d)")
_JOINER = "\u2060"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text in one kind of print. In `code` and `pre` Telegram finds no links, commands or names."""

    text: str
    tag: Literal["", "b", "i", "code", "pre"] = ""


Text = tuple[Span, ...]


def said(text: str) -> Span:
    """Our own words."""
    return Span(text)


def bold(text: str) -> Span:
    """A heading, in which nothing comes alive, whoever wrote a part of it."""
    return Span(inert(text), "b")


def words(text: str) -> Span:
    """Somebody's words within a line of ours; nothing in them comes alive."""
    return Span(inert(text))


def code(text: str) -> Span:
    """Something to be read, or copied, to the letter, within a line."""
    return Span(" ".join(clean(text).split()) or "-", "code")


def block(text: str) -> Span:
    """Whatever an agent or a file says, to the letter, as lines of their own."""
    return Span(clean(text).strip("\n") or "-", "pre")


def inert(text: str) -> str:
    """One line that reads the same, and in which Telegram finds no link, command or name."""
    return _ALIVE.sub(lambda found: found[0] + _JOINER, " ".join(clean(text).split()))


def html(text: Iterable[Span]) -> str:
    """As the HTML that Telegram reads; no tag or entity in it is anybody's but ours."""
    return "".join(f"<{span.tag}>{_escaped(span.text)}</{span.tag}>" if span.tag else _escaped(span.text)
                   for span in text if span.text)  # fmt: skip


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(text: Iterable[Span]) -> str:
    """What is read, without how it is printed."""
    return "".join(span.text for span in text)


def units(text: str) -> int:
    """The length as Telegram counts it: a character beyond U+FFFF counts twice."""
    return len(text) + sum(character > "\uffff" for character in text)


def clipped(text: str, limit: int) -> str:
    """The beginning of the text, in at most so many units; `…` ends what was longer."""
    return text if units(text) <= limit else text[: _fitting(text, limit - 1)] + ELLIPSIS


def split(text: Sequence[Span], limit: int = LIMIT) -> list[Text]:
    """The text in parts of at most `limit` units that make the whole again, cut after a line's end where one is near.

    Spans are cut, not HTML, so no cut can be within a tag or an entity.
    """
    parts: list[Text] = []
    part: list[Span] = []
    room = limit
    for piece in _pieces(text, limit):
        if units(piece.text) > room:
            parts.append(tuple(part))
            part, room = [], limit
        part.append(piece)
        room -= units(piece.text)
    return [tuple(_merged(each)) for each in [*parts, tuple(part)] if each]


def _pieces(text: Iterable[Span], limit: int) -> Iterator[Span]:
    """The spans line by line, and a line that is too long in stretches."""
    for span in text:
        for line in span.text.splitlines(keepends=True) if span.tag in ("", "pre") else [span.text]:
            begin = 0
            while begin < len(line):  # an agent's line may have megabytes: no step looks at more than fits
                stretch = line[begin : begin + limit + 1]
                end = _fitting(stretch, limit)
                yield replace(span, text=stretch[:end])
                begin += end


def _merged(part: Iterable[Span]) -> Iterator[Span]:
    """Neighbours of the same print as one span."""
    found: list[Span] = []
    for span in part:
        if found and found[-1].tag == span.tag:
            found[-1] = replace(span, text=found[-1].text + span.text)
        else:
            found.append(span)
    yield from found


def _fitting(text: str, limit: int) -> int:
    """How many characters of the text are at most so many units; a few less where that ends a word."""
    if len(text) * 2 <= limit or units(text) <= limit:
        return len(text)
    end, taken = 0, 0
    while taken + (width := 2 if text[end] > "\uffff" else 1) <= limit:
        end, taken = end + 1, taken + width
    space = text.rfind(" ", end - end // 8, end)
    return space + 1 if space >= 0 else end
