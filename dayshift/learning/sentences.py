"""Where a sentence of prose ends. Pure; what follows a point in small letters goes on with the sentence."""

import re
from collections.abc import Collection, Iterator

_END = re.compile(r"[.!?…][\"')\]*_`”]*(?P<space>\s+)|(?P<item>\n)(?=- )")
_BEGIN = re.compile(r"[^\sa-zäöüß0-9…]|[0-9][.,0-9]*\s*(?:/|out of|von|stars?|sterne?)")


def sentences(text: str, begins: Collection[int]) -> Iterator[tuple[int, str]]:
    """Every sentence, and how many lines below the first it begins; one can always begin at a place of `begins`."""
    ends = [found.end() for found in _END.finditer(text) if _is_end(text, found, begins)]
    start = offset = 0
    for end in [*ends, len(text)]:
        if sentence := text[start:end].rstrip():
            yield offset, sentence
        offset += text.count("\n", start, end)
        start = end


def _is_end(text: str, found: re.Match[str], begins: Collection[int]) -> bool:
    after = found.end()
    if found["item"] or after in begins or _BEGIN.match(text, after):
        return True
    return "\n" in found["space"] and text[after : after + 1].isdigit()
