"""Telegram's HTML parse mode, as strict as Telegram is, and how it counts the length of a text."""

import re

TAGS = frozenset(
    {"a", "b", "strong", "i", "em", "s", "strike", "del", "u", "ins", "tg-spoiler", "tg-emoji", "span", "pre", "code",
     "blockquote"}
)  # fmt: skip
ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
ENTITY = re.compile(r"&(?:(lt|gt|amp|quot)|#x([0-9a-fA-F]{1,6})|#([0-9]{1,7}));?")
TAG = re.compile(r"<(/?)([^\s>]*)([^>]*)>")
ATTRIBUTES = re.compile(r"""(?:\s+[^\s=>"']+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[\w.-]+))?)*\s*""")


class Refused(Exception):
    """Telegram answers 400; the message is its description without `Bad Request: `."""


def units(text: str) -> int:
    """The length of a text as Telegram counts it: in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def parsed(html: str) -> str:
    """The text without its entities; Refused in Telegram's words where it cannot be parsed."""
    text, place, open_tags = "", 0, list[str]()
    while place < len(html):
        if html[place] == "&" and (entity := ENTITY.match(html, place)):
            text, place = text + _character(entity), entity.end()
        elif html[place] == "<":
            place = _tag(html, place, open_tags)
        else:
            text, place = text + html[place], place + 1
    if open_tags:
        raise _unparsed(f'Can\'t find end tag corresponding to start tag "{open_tags[-1]}"')
    return text


def _character(entity: re.Match[str]) -> str:
    name, hexadecimal, decimal = entity.groups()
    return ENTITIES[name] if name else chr(int(hexadecimal, 16) if hexadecimal else int(decimal))


def _tag(html: str, place: int, open_tags: list[str]) -> int:
    """Where the text goes on after the tag; `open_tags` as it leaves them."""
    at = f"at byte offset {len(html[:place].encode())}"
    tag = TAG.match(html, place)
    if tag is None:
        raise _unparsed(f"Unclosed {'end' if html.startswith('</', place) else 'start'} tag {at}")
    closes, name, rest = tag.groups()
    if closes and not open_tags:
        raise _unparsed(f"Unexpected end tag {at}")
    if closes:
        expected = open_tags.pop()
        if name and name.lower() != expected:
            raise _unparsed(f'Unmatched end tag {at}, expected "</{expected}>", found "</{name}>"')
        return tag.end()
    if name.lower() not in TAGS:
        raise _unparsed(f'Unsupported start tag "{name.lower()}" {at}')
    if not ATTRIBUTES.fullmatch(rest):
        raise _unparsed(f'Unexpected end of name token in the tag "{name.lower()}" {at}')
    if name.lower() == "span" and "tg-spoiler" not in rest:
        raise _unparsed(f'Tag "span" must have class "tg-spoiler" {at}')
    open_tags.append(name.lower())
    return tag.end()


def _unparsed(why: str) -> Refused:
    return Refused(f"can't parse entities: {why}")
