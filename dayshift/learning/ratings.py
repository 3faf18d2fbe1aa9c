"""A rating from 1 to 5 as people write it: `4`, `4/5`, `four`, `4 stars`, `★★★★☆`, `4 out of 5`, `4.5`. Pure.

Only whole points count: what is between two of them is the lower one, so `4.5` is 4.
"""

import re
from dataclasses import dataclass

LOWEST, HIGHEST = 1, 5
WHY = f"a rating is one number from {LOWEST} to {HIGHEST}"


@dataclass(frozen=True, slots=True)
class Given:
    """What stands where a rating stands; `value` is None when it is none from 1 to 5."""

    value: int | None
    rest: str = ""  #: what the person wrote after it


@dataclass(frozen=True, slots=True)
class Spoken:
    """A rating in the middle of a sentence."""

    value: int
    start: int
    before: bool  #: it stands before what it is for: `4 stars for …`


_NAMES = {name: number for number, names in enumerate((
    "zero null", "one eins ein einen", "two zwei", "three drei", "four vier", "five fünf fuenf", "six sechs",
    "seven sieben", "eight acht", "nine neun", "ten zehn",
)) for name in names.split()}  # fmt: skip

_NUMBER = r"(?P<number>[0-9]{1,4}(?:[.,][0-9]{1,4})?|" + "|".join(_NAMES) + ")"
_FULL, _EMPTY = "★⭐🌟✭✮✯✶", "☆✩✰½"
_SYMBOLS = rf"(?P<symbols>[{_FULL}][{_FULL}{_EMPTY}\ufe0f]*(?:\s+[{_FULL}{_EMPTY}\ufe0f]+)*)"
_OF = r"\s*\(?\s*(?:/|(?:out\s+)?of|von|aus)\s*(?P<scale>[0-9]{1,4}|five|ten|fünf|zehn)(?![0-9/]|[.,][0-9])\)?"
_UNIT = rf"\s*-?\s*(?P<unit>stars?|sternen?|stern|[{_FULL}]\ufe0f?)"
_MORE = re.compile(r"[ \t]*(?:-|\u2013|—|/|or|oder|to|bis)[ \t]*(?:[0-9]|one|two|three|four|five)\b", re.IGNORECASE)
_END = r"(?![\w%])"
_OPENING = r"[\s*_`~(\[]*+(?:[-\u2013—]\s+[\s*_`~(\[]*+)?"
_LEADING = re.compile(
    rf"{_OPENING}(?:{_SYMBOLS}|{_NUMBER}{_END}(?:{_OF})?(?:{_UNIT}{_END})?(?:[+-](?=$|[\s,;.)]))?)", re.IGNORECASE
)
_ASTERISKS = re.compile(r"\s*(\*+)\s*")
_SIGNED = re.compile(r"[\s*_`~]*[-+\u2212][0-9]")
_COUNTED = re.compile(
    r"\s*(?:of\s+)?(?:the\s+|all\s+|unit\s+|der\s+)?"
    r"(?:tests?|validations?|checks?|files?|cases?|commands?|tasks?|runs?|attempts?|times?|deliverables?|steps?"
    r"|hours?|minutes?|dateien|prüfungen|aufgaben|fälle|mal)\b|\s*of\b",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[\s*_`~|]*(?:$|[^\w\s%(])", re.DOTALL)
_GOES_ON = re.compile(
    r"\s*(?:$|[^\w\s]|(?:because|for|to|für|an|since|but|and|as|from|overall|weil|aber|und|denn|da|insgesamt)\b)",
    re.IGNORECASE,
)
_FOR = re.compile(r"\s*(?:for|to|für|an)\b", re.IGNORECASE)
_SAID = r"(?:rating|rated?|score[ds]?|gives?|gave|bewertung|bewertet?|gebe|gab)"
_LINKS = r"(?:\s+(?:is|of|it|this|that|them|at|with|an?|the|ist|von|mit|ihm|ihr|dem|der|dafür|eine?))*"
_WITHIN = re.compile(
    rf"(?<![\w.,/-])(?:{_SYMBOLS}|(?P<said>{_SAID}(?:{_LINKS}\s*:?|(?:\s+[\w-]+){{1,3}}?\s+(?:an?|eine?))\s+)?{_NUMBER}{_END}(?:{_OF})?(?:{_UNIT}{_END})?)",
    re.IGNORECASE,
)


def leading(text: str, labelled: bool = False, bare: bool = True) -> Given | None:
    """The rating the text begins with; None if it begins with none.

    After a label any number is one. Else a bare number is one only if `bare`, and no words follow it at once.
    """
    if labelled and (asterisks := _ASTERISKS.fullmatch(text)):
        return _given(len(asterisks[1]), "")
    if labelled and _SIGNED.match(text):
        return Given(None, text)
    found = _LEADING.match(text)
    if not found:
        return None
    rest = text[found.end() :]
    clear = bool(found["symbols"] or found["scale"] or found["unit"])
    if not labelled and ((clear and _COUNTED.match(rest)) or (not clear and not (bare and _ENDS.match(rest)))):
        return None
    if _MORE.match(rest) or not _of_five(found):
        return Given(None, text)
    return _given(_number(found), rest)


def within(sentence: str) -> Spoken | None:
    """The rating that is spoken of in a sentence; None if there is none, or more than one."""
    found = [each for each in _WITHIN.finditer(sentence) if _is_said(each) and _GOES_ON.match(sentence, each.end())]
    values = {_number(each) for each in found if _of_five(each)}
    value = values.pop() if len(values) == 1 else 0
    if not LOWEST <= value <= HIGHEST:
        return None
    start = found[0].start("symbols" if found[0]["symbols"] else "number")
    return Spoken(value, start, _FOR.match(sentence, found[0].end()) is not None)


def _is_said(found: re.Match[str]) -> bool:
    """Whether the number is said to be a rating."""
    return any(found[name] for name in ("symbols", "said", "scale", "unit"))


def _of_five(found: re.Match[str]) -> bool:
    return (found["scale"] or "5").casefold() in ("5", "five", "fünf")


def _given(value: int, rest: str) -> Given:
    said = rest.lstrip(" \t.,;:!)]|*_`~-\u2013—").rstrip(" \t|")
    return Given(value if LOWEST <= value <= HIGHEST else None, said if any(map(str.isalnum, said)) else "")


def _number(found: re.Match[str]) -> int:
    if found["symbols"]:
        return sum(found["symbols"].count(star) for star in _FULL)
    written = found["number"].casefold()
    return _NAMES[written] if written in _NAMES else int(re.split("[.,]", written)[0])
