"""Text for Telegram: whatever it says, it parses, fits and comes to no life."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayshift.markdown import clean
from dayshift.telegram import markup
from dayshift.telegram.markup import Span, block, bold, clipped, code, html, inert, plain, said, split, units, words
from tests import bot_markup

HOSTILE = [
    "<b>bold</b>", "</pre>", "</pre><a href='tg://user?id=1'>you</a>", "&lt;", "&amp;lt;", "&#60;", "<", "&", "a<b>&c",
    "*bold* _it_ [x](http://evil.example) `code`", "```", "/stop", "say /stop@bot", "@somebody", "#tag", "$USD",
    "http://evil.example/x?a=1", "tg://resolve?domain=x", "evil.example", "me@evil.example", "+4912345678",
    "10.0.0.1", "orders.py", "\u202egnp.exe", "\u2066x\u2069", "😀" * 50, "e\u0301" * 20, "\ud800", "\0\x1b[31m",
    "x" * 10_000, "\n" * 50, " ", "",
]  # fmt: skip

short = [text for text in HOSTILE if len(text) < 100]
texts = st.text("ab<>&/@#.:$+\n 😀\ud800\u202e", max_size=40) | st.sampled_from(short)
makers = st.sampled_from([said, bold, words, code, block])
spans = st.builds(lambda make, text: make(text), makers.filter(lambda make: make is not said), texts)
marked = st.lists(spans | st.builds(Span, texts.map(clean)), max_size=12).map(tuple)


@pytest.mark.parametrize("make", [bold, words, code, block])
def test_what_others_wrote_parses_as_the_text_it_is(make: Callable[[str], Span]) -> None:
    for span in map(make, HOSTILE):
        assert bot_markup.parsed(html([span])) == span.text
        assert re.sub(r"</?(?:b|i|pre|code)>", "", html([span])).count("<") == 0
        assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", span.text)


@pytest.mark.parametrize("text", ["orders", "Paginate the list", "a < b & c", "$1.20 of $5.00", "75 % of it", "3.5",
                                  "and/or", "10:30", "1. first", "task-001 (Paginate)"])  # fmt: skip
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize(("text", "alive"), [
    ("/stop", r"(?<!\w)/\w"), ("do /stop now", r"(?<!\w)/\w"), ("(/stop)", r"(?<!\w)/\w"), ("@somebody", r"@\w"),
    ("a@b.de", r"@\w"), ("#now", r"#\w"), ("$USD", r"\$[A-Z]"), ("https://x.de", r"://"), ("x.de", r"\w\.\w"),
    ("main.py", r"\w\.\w"), ("10.0.0.1", r"\d+\.\d+\.\d+"), ("+49123", r"\+\d"), ("tg://x", "://"),
])  # fmt: skip
def test_in_running_text_nothing_becomes_a_link_a_command_or_a_name(text: str, alive: str) -> None:
    assert re.search(alive, text)
    assert not re.search(alive, inert(text))
    assert inert(text).replace("\u2060", "") == text


def test_code_and_blocks_say_it_to_the_letter() -> None:
    for text in HOSTILE:
        assert block(text).text == (clean(text).strip("\n") or "-")
        assert code(text).text == (" ".join(clean(text).split()) or "-")


@given(st.text())
def test_length_is_counted_in_utf_16_units(text: str) -> None:
    assert units(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


@given(marked, st.integers(2, 60))
def test_parts_fit_parse_and_make_the_whole_again(text: markup.Text, limit: int) -> None:
    parts = split(text, limit)
    assert "".join(map(plain, parts)) == plain(text)
    for part in parts:
        assert 0 < units(plain(part)) <= limit
        assert bot_markup.parsed(html(part)) == plain(part)


@settings(max_examples=30)
@given(st.lists(st.tuples(texts, st.integers(1, 500)), min_size=1, max_size=4))
def test_long_texts_fit_into_messages(lines: list[tuple[str, int]]) -> None:
    text = (bold("title"), block("\n".join((line * times)[:9000] for line, times in lines)))
    for part in split(text):
        assert units(plain(part)) <= markup.LIMIT
        assert units(bot_markup.parsed(html(part))) <= markup.LIMIT


def test_a_text_is_cut_after_a_line() -> None:
    lines = "".join(f"line {number} of the log\n" for number in range(600))
    parts = split((block(lines),))
    assert len(parts) == 3
    assert all(plain(part).endswith("\n") for part in parts[:-1])
    assert all(html(part).startswith("<pre>") and html(part).endswith("</pre>") for part in parts)


def test_a_line_without_an_end_is_cut_after_a_word_and_never_within_a_character() -> None:
    assert plain(split((said("word " * 20),), 52)[0]).endswith("word ")
    assert {units(plain(part)) for part in split((said("😀" * 100),), 51)} == {50}
    assert [plain(part) for part in split((said("&" * 10),), 4)] == ["&&&&", "&&&&", "&&"]


@given(texts, st.integers(1, 40))
def test_what_is_clipped_fits_and_says_so(text: str, limit: int) -> None:
    assert units(clipped(text, limit)) <= limit
    assert clipped(text, limit) == text or clipped(text, limit).endswith("…")
