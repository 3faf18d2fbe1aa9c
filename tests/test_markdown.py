"""Untrusted text in Markdown: whatever it is, it is read back as the same text and nothing else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dayshift.markdown import block, cell, clean, code, is_short, plain, prose, tail

# Letters would only dilute it: this is what Markdown, HTML and terminals react to, and a few things to react with.
HOSTILE = st.text(st.sampled_from("`\\*_[]()<>&|~#-+=!.1:/@a \t\n\r\x1b\u2028\ud800"), max_size=60)
LONG = 10_000


def reader() -> MarkdownIt:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


@given(HOSTILE)
@example("a\\")
@example("1. list")
def test_plain_text_stays_one_paragraph_of_the_same_text(text: str) -> None:
    tokens = reader().parse(plain(text, LONG))
    expected = one_line(text)
    assert [token.type for token in tokens] == (["paragraph_open", "inline", "paragraph_close"] if expected else [])
    if expected:
        children = tokens[1].children or []
        assert {child.type for child in children} == {"text"}
        assert "".join(child.content for child in children) == expected


@given(HOSTILE)
@example("`a` and `b\\`")
@example("`a``b`")
@example("$`x`$ `` ` ``")
def test_prose_is_one_paragraph_of_text_and_code_that_says_the_same(text: str) -> None:
    tokens = reader().parse(prose(text, LONG))
    expected = one_line(text)
    assert [token.type for token in tokens] == (["paragraph_open", "inline", "paragraph_close"] if expected else [])
    if expected:
        children = tokens[1].children or []
        assert {child.type for child in children} <= {"text", "code_inline"}
        said = "".join(f"`{child.content}`" if child.type == "code_inline" else child.content for child in children)
        assert said.replace("` ", "`").replace(" `", "`") == expected.replace("` ", "`").replace(" `", "`")


def test_a_command_in_a_reason_is_read_as_it_was_typed() -> None:
    assert prose("`grep -q a_b *.md` exited with 1, *so*") == r"`grep -q a_b *.md` exited with 1, \*so\*"


def test_a_dollar_opens_a_formula_nowhere_and_stays_an_amount() -> None:
    assert plain(r"$\color{white}{x}$ is $0.30 of $5") == r"\$\\color{white}{x}\$ is $0.30 of $5"


def test_what_is_short_is_one_line_that_code_shows_whole() -> None:
    assert is_short(" one line ") and is_short("x" * 200) and is_short("")
    assert not is_short("two\nlines") and not is_short("x" * 201)


@given(HOSTILE)
@example("`")
@example("``a` ")
def test_code_stays_one_span_of_the_same_text(text: str) -> None:
    children = reader().parse(f"x {code(text, LONG)} y")[1].children or []
    expected = one_line(text)
    if not expected:
        assert code(text) == "(empty)"
        return
    assert [child.type for child in children] == ["text", "code_inline", "text"]
    assert children[1].content == expected


@given(HOSTILE)
@example("a \\| b")
@example("\\")
def test_a_cell_stays_one_cell_of_the_same_text(text: str) -> None:
    tokens = reader().parse(f"| h | i |\n|---|---|\n| {cell(text, LONG)} | end |\n")
    cells = [token for token in tokens if token.type == "inline"]
    assert [token.content for token in (cells[0], cells[1], cells[3])] == ["h", "i", "end"]
    assert len(cells) == 4
    children = cells[2].children or []
    assert {child.type for child in children} <= {"text", "code_inline"}
    assert "".join(child.content for child in children) == (one_line(text) or "(empty)")


@given(HOSTILE)
def test_a_block_stays_one_fence_of_the_same_text(text: str) -> None:
    tokens = reader().parse(f"before\n\n{block(text)}\nafter")
    assert [token.type for token in tokens][3:] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[3].content == clean(text).strip("\n") + "\n"


@given(HOSTILE)
def test_clean_text_can_be_encoded_and_has_no_control_but_tab_and_line_feed(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.encode().decode() == cleaned
    assert all(character in "\t\n" or character.isprintable() for character in cleaned)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;https://x.example\x07link\x1b]8;;\x07", "link"),
        ("10%\r100%\r\n", "10%\n100%\n"),
        ("a\x00b\u202ec\ud800", "a\ufffdb\ufffdc\ufffd"),
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_long_lines_and_blocks_are_clipped() -> None:
    assert code("a" * 300) == "`" + "a" * 199 + "…`"
    assert block("a" * 30, 10) == "```text\naaaaaaaaaa\n… 20 more characters\n```"


def test_a_tail_keeps_the_last_lines() -> None:
    assert tail("one\ntwo\nthree\n", lines=2) == "```text\n… 4 characters before\ntwo\nthree\n```"
    assert tail("one\ntwo") == "```text\none\ntwo\n```"
