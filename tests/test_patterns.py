"""Patterns of success: a section at the end of a document of the person's, all else of which stays to the byte."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.home import Home, shipped_config
from dayshift.learning.lessons import Lesson, Scope, Status
from dayshift.learning.patterns import BEGIN, END, MADE, line, refresh, refreshed, told

FIRST = Lesson("aaa", "Wrote the failing test first.", Scope("module", "orders"), Status.in_force, pattern=True)
SECOND = Lesson("bbb", "Read the schema.", Scope(), Status.in_force, pattern=True)
LINE = st.one_of(st.text(max_size=12), st.sampled_from(["## How to work", "", "- item", "\r", "<!-- x -->"]))
DOCUMENT = st.builds(
    lambda lines, end, last: end.join(lines) + last,
    st.lists(LINE, max_size=8), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n", "\r\n", "\n\n"]),
)  # fmt: skip


def test_the_section_says_what_worked_where() -> None:
    assert refreshed("## How to work\n\nWell.\n", [FIRST, SECOND]) == (
        "## How to work\n\nWell.\n\n"
        f"{BEGIN}\n\n### What worked before\n\n"
        "- In tasks of module orders: Wrote the failing test first. <!-- aaa -->\n"
        "- Read the schema. <!-- bbb -->\n"
        f"{END}\n"
    )


@given(DOCUMENT)
def test_what_comes_and_goes_again_leaves_every_byte(text: str) -> None:
    one = refreshed(text, [FIRST])
    both = refreshed(one, [FIRST, SECOND])
    assert both == refreshed(text, [FIRST, SECOND]) == refreshed(both, [FIRST, SECOND])
    assert one.startswith(text)
    assert refreshed(both, [FIRST]) == one
    assert refreshed(both, [SECOND]) == refreshed(text, [SECOND])
    assert refreshed(both, []) == text


def test_what_a_person_puts_into_the_section_or_below_it_stays() -> None:
    text = refreshed("Mine.\n", [FIRST])
    edited = text.replace(END, f"- Of my own.\n{END}").replace("Wrote the", "Always write the") + "Below.\n"
    assert refreshed(edited, [FIRST]) == edited
    assert refreshed(edited, [FIRST, SECOND]) == edited.replace(END, f"{line(SECOND)}\n{END}")
    without = refreshed(edited, [])
    assert "- Of my own.\n" in without and without.endswith(f"{END}\nBelow.\n") and "aaa" not in without


def test_a_section_without_an_end_is_left_alone_and_another_is_made() -> None:
    broken = f"Mine.\n\n{BEGIN}\n- x <!-- ccc -->\n"
    after = refreshed(broken, [FIRST])
    assert after.startswith(broken) and line(FIRST) in after
    assert refreshed(after, []) == broken


def test_a_pattern_cannot_end_its_comment_or_begin_another_line() -> None:
    wild = replace(SECOND, text="x --> y\n<!-- ccc -->\n# Heading")
    assert line(wild) == "- x -- > y <!-- ccc -- > # Heading <!-- bbb -->"
    assert refreshed(refreshed("T\n", [wild]), []) == "T\n"


def test_only_patterns_that_are_in_force_are_told() -> None:
    others = [replace(FIRST, status=Status.retired), replace(FIRST, pattern=False)]
    assert told([*others, SECOND]) == [SECOND]


@pytest.mark.parametrize("content", [b"## Mine\n", b"\xff\xfe bytes", b"CR\r\nLF\r\n", b""])
def test_the_persons_file_is_as_before_when_its_last_pattern_goes(tmp_path: Path, content: bytes) -> None:
    home = Home(tmp_path)
    home.config.mkdir()
    home.patterns.write_bytes(content)
    home.patterns.chmod(0o600)
    refresh(home, [FIRST])
    assert home.patterns.read_bytes().startswith(content) and b"aaa" in home.patterns.read_bytes()
    assert home.patterns.stat().st_mode & 0o777 == 0o600
    refresh(home, [])
    assert home.patterns.read_bytes() == content


def test_a_file_made_from_the_shipped_one_goes_with_the_last_pattern(tmp_path: Path) -> None:
    home = Home(tmp_path)
    refresh(home, [])
    assert not home.patterns.exists()
    refresh(home, [FIRST])
    shipped = (shipped_config() / "task_execution_patterns.md").read_text()
    assert home.patterns.read_text().startswith(shipped) and MADE in home.patterns.read_text()
    refresh(home, [])
    assert not home.patterns.exists()


def test_a_made_file_that_the_person_changed_stays(tmp_path: Path) -> None:
    home = Home(tmp_path)
    refresh(home, [FIRST])
    home.patterns.write_text("Mine.\n\n" + home.patterns.read_text())
    refresh(home, [])
    assert home.patterns.read_text().startswith("Mine.\n\n") and "aaa" not in home.patterns.read_text()


def test_a_link_stays_a_link_and_nothing_is_written_without_need(tmp_path: Path) -> None:
    home, real = Home(tmp_path), tmp_path / "elsewhere.md"
    home.config.mkdir()
    real.write_text("Mine.\n")
    home.patterns.symlink_to(real)
    refresh(home, [FIRST])
    assert home.patterns.is_symlink() and "aaa" in real.read_text()
    before = real.stat().st_ino
    refresh(home, [FIRST])
    assert real.stat().st_ino == before
