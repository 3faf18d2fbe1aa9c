"""A report as one page for a browser: everything in it, nothing fetched, nothing run. Joins charts.

What an agent wrote is inert in the Markdown already. The page stands on its own all the same: no HTML is taken over, no
link leaves it, and the browser is told to load and to run nothing.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dayshift.reporting import charts

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

OURS = Path(__file__).parent.parent / "templates"
STYLE = "page.css"
BETWEEN = " · "  #: the parts of a card's heading; the last is the task's state
LEAST_LISTED, MOST_OPEN = 3, 16  #: headings: so many are worth a table of contents, and of more it is folded


def page(markdown: str, templates: Path | None = None) -> str:
    """The Markdown as a page, with the person's own style if that folder has one; the same text, the same bytes."""
    tokens = _reader().parse(markdown)
    headings = _headings(tokens)
    title = next((each.title for each in headings.values() if each.tag == "h1"), "Report")
    style = _style(templates)
    body = _reader().renderer.render(list(_arranged(tokens, headings)), _reader().options, {})
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def _policy(style: str) -> str:
    """Nothing may be loaded, run or sent; of styles just this one counts."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _style(templates: Path | None) -> str:
    own = OURS / STYLE if templates is None else templates / STYLE
    text = (own if own.is_file() else OURS / STYLE).read_text(encoding="utf-8", errors="replace")
    return text.replace("\0", "").replace("</", "<\\/")  # so that it ends where we end it


@cache
def _reader() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table")
    reader.add_render_rule("fence", _fence)
    reader.add_render_rule("contents", _contents)
    return reader


def _fence(_: Any, tokens: "Sequence[Token]", place: int, *__: Any) -> str:
    """A picture, if it is one that can be drawn; else the text as it stands."""
    token = tokens[place]
    drawn = charts.drawn(token.content, f"chart-{place}") if _is_picture(token) else None
    return drawn or f"<pre><code>{escape(token.content)}</code></pre>\n"


def _contents(_: Any, tokens: "Sequence[Token]", place: int, *__: Any) -> str:
    return tokens[place].content


def _is_picture(token: "Token") -> bool:
    return token.type == "fence" and token.info.split()[:1] == ["mermaid"]


# --- headings --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heading:
    """One heading of the text: how it is linked to, and the state of the task, if it is a card's."""

    tag: str
    title: str
    anchor: str
    state: str = ""


def _headings(tokens: "Sequence[Token]") -> dict[int, Heading]:
    """The headings by their places among the tokens; anchors as code hosts make them, so that their links lead here."""
    found, taken = dict[int, Heading](), set[str]()
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0:
            title = _text(tokens[place + 1])
            slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") or "part"
            anchor = next(each for each in _numbered(slug) if each not in taken)
            taken.add(anchor)
            name, _, last = title.rpartition(BETWEEN)
            is_card = token.tag == "h3" and last in charts.STATES
            found[place] = Heading(token.tag, name if is_card else title, anchor, last if is_card else "")
    return found


def _numbered(slug: str) -> Iterator[str]:
    yield slug
    number = 0
    while True:
        number += 1
        yield f"{slug}-{number}"


def _text(inline: "Token") -> str:
    return "".join(child.content for child in inline.children or ()).strip()


def _listed(headings: Sequence[Heading]) -> str:
    """The table of contents; folded if it is long."""
    shown = [each for each in headings if each.tag in ("h2", "h3")]
    if len(shown) < LEAST_LISTED:
        return ""
    items = "".join(
        f'<li class="{each.tag}"><a href="#{escape(each.anchor)}">{escape(each.title)}</a>{_stated(each.state)}</li>\n'
        for each in shown
    )
    opened = " open" if len(shown) <= MOST_OPEN else ""
    return f"<nav><details{opened}><summary>Contents</summary>\n<ul>\n{items}</ul>\n</details></nav>\n"


def _stated(state: str) -> str:
    return f' <span class="state {state}">{state}</span>' if state else ""


# --- what becomes of the text ----------------------------------------------------------------------


def _arranged(tokens: "Sequence[Token]", headings: dict[int, Heading]) -> "Iterator[Token]":
    """The text with its contents before the second heading, a frame round every card, and anchors."""
    first = next((place for place, each in headings.items() if each.tag != "h1"), None)
    drawn, in_card = any(map(_is_picture, tokens)), False
    for place, token in enumerate(tokens):
        heading = headings.get(place)
        if heading and in_card and heading.tag in ("h1", "h2", "h3"):
            yield _made("card_close", "section", -1)
            in_card = False
        if place == first:
            yield _made("contents", "", 0, content=_listed(list(headings.values())))
        if heading and heading.tag == "h3":
            yield _made("card_open", "section", 1, f"card {heading.state}".strip())
            in_card = True
        if heading:
            token.attrs["id"] = heading.anchor
        yield from _kept(token, headings.get(place - 1), drawn)
    if in_card:
        yield _made("card_close", "section", -1)


def _kept(token: "Token", heading: Heading | None, drawn: bool) -> "Iterator[Token]":
    """The token as the page has it; a table gets room of its own to be moved in."""
    if token.type == "table_open":
        yield _made("wide_open", "div", 1, "wide")
    if alignment := re.search(r"right|center", str(token.attrs.pop("style", ""))):
        token.attrs["class"] = alignment[0]  # no style but the page's own counts
    if token.children:
        token.children = [kept for child in token.children for kept in _inert(child, drawn)]
    if heading and heading.state and token.children:
        token.children = _coloured(token.children, heading.state)
    yield token
    if token.type == "table_close":
        yield _made("wide_close", "div", -1)


def _inert(child: "Token", drawn: bool) -> "Iterator[Token]":
    """Links lead into the page or are none; a picture is named, unless the page draws its own."""
    match child.type:
        case "link_open":
            target = str(child.attrs.get("href", ""))
            child.attrs = {"href": target} if target.startswith("#") else {}
            yield child
        case "image":
            words = f"{child.content} ({child.attrs.get('src', '')})"
            yield _made("text", "", 0, content="" if drawn else words)
        case _:
            yield child


def _coloured(children: "list[Token]", state: str) -> "list[Token]":
    """A card's heading whose last word, the state, is marked as one."""
    last = children[-1]
    before = _made("text", "", 0, content=last.content.removesuffix(state))
    marked = _made("state_open", "span", 1, f"state {state}")
    return [*children[:-1], before, marked, _made("text", "", 0, content=state), _made("state_close", "span", -1)]


def _made(kind: str, tag: str, nesting: Any, look: str = "", content: str = "") -> "Token":
    from markdown_it.token import Token

    block = kind.startswith(("card", "wide", "contents"))
    return Token(kind, tag, nesting, {"class": look} if look else {}, content=content, block=block)
