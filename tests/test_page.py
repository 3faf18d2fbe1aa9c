"""A report as a page: all of it is there and can be read, and nothing in it is fetched, run or forged."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dayshift.reporting.page import page
from dayshift.reporting.report import render_markdown
from tests import day_examples

TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "em",
    "strong", "code", "pre", "blockquote", "hr", "br", "table", "thead", "tbody", "tr", "th", "td", "div", "section",
    "span", "a", "nav", "details", "summary", "figure", "figcaption", "svg", "defs", "pattern", "g", "path", "circle",
    "rect", "text",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "open", "start", "role", "viewbox", "x",
    "y", "width", "height", "patternunits", "d", "cx", "cy", "r", "fill",
}  # fmt: skip


class Reader(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.links, self.ids = list[str](), list[str](), list[str]()
        self.words, self.open = "", list[str]()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        self.tags.append(tag)
        for name, value in attrs:
            assert name in ATTRIBUTES, name
            assert name != "href" or (value or "").startswith("#"), value
            assert name != "fill" or re.fullmatch(r"url\(#chart-\d+-[a-z]+\)", value or ""), value
            self.links += [str(value)[1:]] if name == "href" else []
            self.ids += [str(value)] if name == "id" else []
        if tag not in ("meta", "br", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open[-1:] == [tag]:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


def read(text: str) -> Reader:
    """The page, which is well-formed."""
    reader = Reader(text)
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    return reader


def body(text: str) -> str:
    return page(text).split("<body>\n")[1].removesuffix("</body>\n</html>\n")


# --- nothing gets in -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", day_examples.DAYS)
def test_the_page_of_a_day_has_no_tag_or_attribute_but_ours_and_every_task(name: str) -> None:
    facts = day_examples.DAYS[name]()
    text = render_markdown(facts)
    made = page(text)
    reader = read(made)
    assert set(reader.links) <= set(reader.ids)
    assert all(record.id in reader.words for record in facts.records)
    assert page(text) == made


MARKUP = st.text(st.sampled_from("`\\*_[]()<>&|~#-+=!.1:/@a \t\n\r\"'$;{}"), max_size=80)


@settings(max_examples=60)
@given(MARKUP)
@example("<script>alert(1)</script>")
@example("<img src=x onerror=alert(1)>")
@example('[a](javascript:alert(1)) ![b](data:text/html,x) [c](#"onclick=alert(1)) <https://evil.example>')
@example('[a]\n\n[a]: https://evil.example "onload=x"\n![b](https://evil.example/a.png "t")')
@example('### x · "><b · done\n\n```mermaid\npie\n"</text><script>" : 1\n```\n')
@example("## <style>\n## </title>\n# </title><script>\n<!-- -->\n<?php ?>\n&lt;b&gt;")
@example("### a\n### a\n### a-1\n### 🙂\n### 🙂")
def test_no_markdown_whatever_brings_markup_links_or_scripts_along(text: str) -> None:
    read(page(text))


def test_a_link_that_leaves_the_page_and_a_picture_are_named_and_no_more() -> None:
    assert "<a>words</a>" in body("[words](https://evil.example)")
    assert body("![a day](2026-11-20-day.png)") == "<p>a day (2026-11-20-day.png)</p>\n"
    assert "<img" not in body('![x](x.png)\n\n```mermaid\npie\n"a" : 1\n```\n')
    assert '<a href="#needs-you">there</a>' in body("## Needs you\n\n[there](#needs-you)")


def test_the_browser_is_told_to_fetch_and_run_nothing() -> None:
    text = page("# Report")
    style = text.split("<style>")[1].split("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]
    assert not re.search(r"url\(|@import|https?:|//", style)
    assert " style=" not in page("| a |\n|--:|\n| 1 |")


# --- all of it is there ----------------------------------------------------------------------------


def test_a_card_is_framed_in_the_colour_of_its_state_and_listed() -> None:
    text = "# Day\n\nAll well.\n\n## Tasks\n\n### task-1 · Name · done\n\nx\n\n### task-2 · x · odd\n\n## Spend\n"
    assert body(text) == (
        '<h1 id="day">Day</h1>\n<p>All well.</p>\n'
        "<nav><details open><summary>Contents</summary>\n<ul>\n"
        '<li class="h2"><a href="#tasks">Tasks</a></li>\n'
        '<li class="h3"><a href="#task-1--name--done">task-1 · Name</a> <span class="state done">done</span></li>\n'
        '<li class="h3"><a href="#task-2--x--odd">task-2 · x · odd</a></li>\n'
        '<li class="h2"><a href="#spend">Spend</a></li>\n</ul>\n</details></nav>\n'
        '<h2 id="tasks">Tasks</h2>\n'
        '<section class="card done">\n<h3 id="task-1--name--done">task-1 · Name · '
        '<span class="state done">done</span></h3>\n'
        "<p>x</p>\n</section>\n"
        '<section class="card">\n<h3 id="task-2--x--odd">task-2 · x · odd</h3>\n</section>\n'
        '<h2 id="spend">Spend</h2>\n'
    )


def test_the_contents_of_a_long_report_are_folded_and_of_a_short_one_left_out() -> None:
    assert "<nav>" not in body("# Day\n\n## One\n\n## Two\n")
    assert "<details>" in body("# Day\n" + "\n## One\n" * 20)


def test_a_name_cannot_pass_for_a_state() -> None:
    forged = body("### task-1 · all is · done · failed\n")
    assert 'class="card failed"' in forged
    assert 'class="state done"' not in forged


def test_tables_keep_their_alignment_without_a_style() -> None:
    assert '<div class="wide">\n<table>' in body("| a | b |\n|--:|---|\n| 1 | 2 |")
    assert '<th class="right">a</th>\n<th>b</th>' in body("| a | b |\n|--:|---|\n| 1 | 2 |")


def test_diagrams_become_drawings_and_what_is_none_stays_text() -> None:
    assert '<svg role="img"' in body('```mermaid\npie\n"a" : 1\n"b" : 2\n```\n')
    assert body("```mermaid\nflowchart LR\na-->b\n```\n") == "<pre><code>flowchart LR\na--&gt;b\n</code></pre>\n"
    assert body('```text\npie\n"a" : 1\n```\n').startswith("<pre><code>pie")
    twice = read(page("```mermaid\ngantt\nsection a\nb :2026-11-20, 1d\n```\n" * 2))
    assert sum(each.endswith("-waiting") for each in twice.ids) == 2


def test_a_day_is_shown_with_all_its_pictures() -> None:
    text = render_markdown(day_examples.everything())
    assert page(text).count("<svg ") == text.count("```mermaid") > 1


def test_the_person_s_own_style_takes_the_place_of_ours_and_cannot_end_early(tmp_path: Path) -> None:
    (tmp_path / "page.css").write_text("p::before { content: '</style><script>'; }\r\n", newline="")
    text = page("# Day", tmp_path)
    assert "<style>p::before { content: '<\\/style><script>'; }\n</style>" in text
    assert "script" not in read(text).tags
    (tmp_path / "page.css").unlink()
    assert page("# Day", tmp_path) == page("# Day")


def test_a_page_of_forty_tasks_stays_small() -> None:
    assert len(page(render_markdown(day_examples.forty()))) < 500_000
