"""Values as YAML a person likes to read, and which the program reads back exactly as they were.

Nothing is written plain that any reader could take for something else, and no character that YAML does not allow.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

WIDTH = 100  #: characters of a list that stands in one line
_PLAIN = re.compile(r"(?:\.{0,2}/)*[^\W\d_](?:[\w ./()+=%'-]*[\w./()+=%'-])?")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_HIDDEN = re.compile("[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010fffd]")


def scalar(text: str) -> str:
    """The text in one line: plain where that is safe, else in quotes."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else quoted(text)


def quoted(text: str) -> str:
    """The text in double quotes."""
    return _HIDDEN.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def block(text: str, indent: str) -> str:
    """The text as it is, below its key; in quotes where YAML would not keep it so."""
    ending = "|" if text.endswith("\n") else "|-"
    lines = text.removesuffix("\n").split("\n")
    odd = _HIDDEN.search(text) or lines[0][:1] in ("", " ", "\t") or not lines[-1]
    if odd or any(line and not line.strip() for line in lines):
        return quoted(text)
    return "\n".join([ending, *(f"{indent}{line}" if line else "" for line in lines)])


def listed(texts: Iterable[str], indent: str) -> str:
    """The texts in brackets if they are few and short, else one below the other."""
    items = [scalar(text) for text in texts]
    line = f"[{', '.join(items)}]"
    return line if len(line) <= WIDTH else "".join(f"\n{indent}- {item}" for item in items)


def flow(value: Any) -> str:
    """Any value in one line."""
    match value:
        case dict():
            return "{" + ", ".join(f"{quoted(str(key))}: {flow(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return f"[{', '.join(map(flow, value))}]"
        case str():
            return quoted(value)
    return json.dumps(value)
