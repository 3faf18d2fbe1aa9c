"""Lessons: whom they are for, and how learning/lessons.md is read and changed without touching what a person wrote."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dayshift.learning.lesson_edits import HEADER, Muddled, added, is_as_accepted, removed, with_status
from dayshift.learning.lesson_file import parse
from dayshift.learning.lessons import Lesson, Scope, Source, Status, folded, identity, tidy
from dayshift.model import Complexity, Task

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ORDERS = Scope("module", "orders")


def lesson(text: str = "Paginate in the database.", scope: Scope = ORDERS, **facts: object) -> Lesson:
    """One in force, as `accept` makes it."""
    made = Lesson(
        identity(text, scope, DAY), text, scope, Status.in_force, (Source("feedback/2026-11-20.md", 12),), DAY, NOON
    )
    return replace(made, **facts)  # type: ignore[arg-type]


def task(**facts: object) -> Task:
    return replace(Task("a", "A", "words", "sonnet", "orders", "fix", Complexity.high), **facts)  # type: ignore[arg-type]


# --- scopes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("", Scope()),
        ("all", Scope()),
        ("All tasks", Scope()),
        ("module orders", ORDERS),
        ("Module: `orders`", ORDERS),
        ("module=orders", ORDERS),
        ("  kind   fix ", Scope("kind", "fix")),
        ("module order entry", Scope("module", "order entry")),
        ("complexity high", Scope("complexity", "high")),
        ("complexity huge", None),
        ("module", None),
        ("modules orders", None),
        ("the orders module", None),
    ],
)
def test_a_scope_is_read_from_words(text: str, scope: Scope | None) -> None:
    assert Scope.parse(text) == scope


@pytest.mark.parametrize("scope", [Scope(), ORDERS, Scope("kind", "fix"), Scope("complexity", "low")])
def test_a_scope_is_read_back_as_it_is_written(scope: Scope) -> None:
    assert Scope.parse(str(scope)) == scope


@pytest.mark.parametrize(
    ("scope", "matches"),
    [
        (Scope(), True),
        (ORDERS, True),
        (Scope("module", "Orders"), True),
        (Scope("module", "billing"), False),
        (Scope("module", "order"), False),
        (Scope("kind", "fix"), True),
        (Scope("kind", "orders"), False),
        (Scope("complexity", "high"), True),
        (Scope("complexity", "low"), False),
    ],
)
def test_a_scope_matches_the_tasks_it_names(scope: Scope, matches: bool) -> None:
    assert scope.matches(task()) is matches


def test_a_task_without_a_module_is_in_the_scope_of_none() -> None:
    assert not ORDERS.matches(task(module=""))
    assert Scope().matches(task(module=""))


# --- ids ---------------------------------------------------------------------------------------------


def test_the_same_words_of_the_same_day_have_the_same_id_and_others_another() -> None:
    made = identity("Paginate in the database.", ORDERS, DAY)
    assert identity("paginate  in the\ndatabase", Scope("module", "Orders"), DAY) == made
    others = {
        identity("Paginate in memory.", ORDERS, DAY),
        identity("Paginate in the database.", Scope(), DAY),
        identity("Paginate in the database.", ORDERS, date(2026, 11, 21)),
        identity("Paginate in the database.", ORDERS, DAY, pattern=True),
    }
    assert len(others | {made}) == 5


def test_an_id_that_is_taken_is_made_longer() -> None:
    made = identity("x", Scope(), DAY)
    longer = identity("x", Scope(), DAY, taken=[made])
    assert longer.startswith(made) and len(longer) == len(made) + 1


# --- the file is read leniently ----------------------------------------------------------------------


def test_a_lesson_written_by_hand_needs_nothing_but_a_list_item() -> None:
    (found,) = parse("Things to remember\n\n* Always run `make lint`.\n").lessons
    assert (found.text, found.scope, found.status) == ("Always run `make lint`.", Scope(), Status.in_force)
    assert found.id == identity(found.text, Scope(), None)


def test_every_way_a_person_writes_an_entry_is_read() -> None:
    text = """# Orders

1. First,
   with more text.
   - Scope: module `orders`
   - STATUS = Retired.

+ Second
continued at the margin
- scope: kind fix
- Third, with an example:

  ```
  - not a field
  source: neither
  ```

  scope: complexity low
  - date: 2026-11-20
  - source: feedback/2026-11-20.md, line 7
  - id: my-third
---
"""
    page = parse(text)
    first, second, third = page.lessons
    assert (first.text, first.scope, first.status) == ("First,\nwith more text.", ORDERS, Status.retired)
    assert (second.text, second.scope) == ("Second\ncontinued at the margin", Scope("kind", "fix"))
    assert third.text == "Third, with an example:\n```\n- not a field\nsource: neither\n```"
    assert (third.id, third.scope, third.day) == ("my-third", Scope("complexity", "low"), DAY)
    assert third.sources == (Source("feedback/2026-11-20.md", 7),)
    assert page.unclear == ()


def test_what_is_not_understood_is_listed_with_its_line_and_a_lesson_with_it_is_told_to_nobody() -> None:
    page = parse(
        "Hello.\n\n- scope: all\n\n- One\n  - scope: modul orders\n- Two\n  - status: maybe\n"
        "- Three\n  - date: soon\n- *\n"
    )
    assert [(each.text, each.status) for each in page.lessons] == [
        ("One", Status.unclear), ("Two", Status.unclear), ("Three", Status.in_force),
    ]  # fmt: skip
    assert [number for number, _ in page.unclear] == [1, 3, 6, 8, 10, 11]
    assert "write all, module NAME" in dict(page.unclear)[6]


def test_a_comment_hides_what_is_in_it_and_one_that_never_ends_hides_nothing() -> None:
    assert parse("<!--\n- Off\n-->\n- On\n").lessons[0].text == "On"
    page = parse("<!-- oops\n- On\n")
    assert (page.lessons[0].text, page.unclear) == ("On", ((1, "a comment begins here and never ends"),))


def test_the_header_of_a_new_file_is_understood_and_is_no_lesson() -> None:
    assert parse(HEADER).entries == () and parse(HEADER).unclear == ()


def test_two_entries_never_have_one_id() -> None:
    ids = [each.id for each in parse("- One\n  - id: x\n- Two\n  - id: x\n- Two\n- Two\n").lessons]
    assert ids[0] == "x" and len(set(ids)) == 4


# --- and changed entry by entry ----------------------------------------------------------------------


def test_an_entry_is_what_a_person_likes_to_read() -> None:
    assert added("", lesson()) == (
        "- Paginate in the database.\n"
        "  - scope: module orders\n"
        "  - status: in force\n"
        "  - source: feedback/2026-11-20.md:12\n"
        "  - date: 2026-11-20\n"
        "  - since: 2026-11-21T12:00:00Z\n"
        f"  - id: {lesson().id}\n"
    )


LINE = st.one_of(
    st.text(max_size=12),
    st.sampled_from([
        "- Mine", "* Mine too", "  - scope: module x", "  - status: retired", "- status: x", "# Head", "---", "",
        "  more", "<!--", "-->", "<!-- - off -->", "```", "1. One", "  - id: abc", "  - id: abc", "\ttab", "\r", " ",
    ]),
)  # fmt: skip
AROUND = st.builds(
    lambda lines, end, last, bom: bom + end.join(lines) + last,
    st.lists(LINE, max_size=12), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n", "\r\n", "\n\n"]),
    st.sampled_from(["", "", "\ufeff"]),
)  # fmt: skip
WORDS = st.lists(LINE, min_size=1, max_size=4).map(lambda lines: tidy("\n".join(lines))).filter(bool)


def told(text: str) -> set[str]:
    return {each.text for each in parse(text).lessons if each.is_told}


@given(AROUND, WORDS)
def test_what_is_accepted_and_taken_back_leaves_every_byte(around: str, words: str) -> None:
    new = lesson(words)
    try:
        after = added(around, new)
    except Muddled:  # a comment that never ends would swallow it: it is refused
        assert "<!--" in around
        return
    assert after.startswith(around) and parse(after).lessons[-1] == new
    assert told(after) == told(around) | {words}
    assert is_as_accepted(after, parse(after).entries[-1])
    assert removed(after, new.id) == around


@given(AROUND, WORDS, WORDS)
@example("\r", "One", "Two")
def test_of_two_that_were_accepted_either_may_be_taken_back(around: str, words: str, others: str) -> None:
    first, second = lesson(words), lesson(others, Scope("kind", "fix"))
    try:
        both = added(added(around, first), second)
    except Muddled:
        return
    assert removed(both, second.id) == added(around, first)
    assert removed(both, first.id) == added(around, second)


@given(AROUND, WORDS)
def test_a_lesson_that_is_retired_and_taken_back_leaves_every_byte(around: str, words: str) -> None:
    new = lesson(words)
    try:
        after = added(around, new)
    except Muddled:
        return
    retired = with_status(after, new.id, Status.retired)
    assert told(retired) == {each.text for each in parse(after).lessons if each.is_told and each.id != new.id}
    assert with_status(retired, new.id, Status.in_force) == after


def but_for_status(text: str) -> list[str]:
    return [line.rstrip("\r") for line in text.split("\n") if "status" not in line]


@given(AROUND)
def test_any_entry_of_a_person_can_be_retired_and_nothing_else_changes(around: str) -> None:
    for each in parse(around).lessons:
        if each.is_told:
            after = with_status(around, each.id, Status.retired)
            assert told(after) == {other.text for other in parse(around).lessons if other.is_told and other != each}
            assert but_for_status(after) == but_for_status(around)


def test_a_text_that_looks_like_a_field_stays_text() -> None:
    tricky = lesson("scope: what it is\nstatus: retired\n- id: x\n\\date: y")
    (found,) = parse(added("", tricky)).lessons
    assert found == tricky


def test_crlf_stays_crlf() -> None:
    around = "- Mine\r\n\r\nMore\r\n"
    after = added(around, lesson())
    assert after.replace("\r\n", "").count("\n") == 0
    assert removed(with_status(after, lesson().id, Status.retired), lesson().id) == around


def test_an_edited_entry_is_known_for_one() -> None:
    text = added("", lesson()).replace("status: in force", "status: active")
    assert not is_as_accepted(text, parse(text).entries[0])


def test_a_lesson_that_is_gone_is_not_changed() -> None:
    with pytest.raises(Muddled, match="there is no lesson x"):
        removed("- One\n", "x")


def test_words_are_tidied_and_compared_without_what_does_not_count() -> None:
    assert tidy("\x1b[31mOne \t two\r\n\n  three\n") == "One two\nthree"
    assert tidy(" - _ * \n") == ""
    assert folded("Run  Lint.\n") == folded("run lint")
