"""The effect of a lesson in exact numbers, and what is told of the lessons, most useful first, within the limit."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dayshift.home import Home
from dayshift.learning import lesson_file
from dayshift.learning.effects import Effect, Verdict, effect, verdicts
from dayshift.learning.lessons import Lesson, Scope, Status
from dayshift.learning.teaching import by_use, chosen, one_line, rendered
from dayshift.model import Task
from dayshift.money import PICO_PER_USD
from dayshift.outcomes import Outcome

DAY = date(2026, 11, 20)
SINCE = datetime(2026, 11, 21, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
LESSON = Lesson("aaa", "Paginate.", Scope("module", "orders"), Status.in_force, day=DAY, since=SINCE)
TASK = Task("t", "T", "words", "sonnet", "orders", "fix")


def outcome(**facts: object) -> Outcome:
    """A task of orders that ended an hour before the lesson was in force."""
    plain = Outcome(
        DAY, "t", "T", "/src", "orders", "fix", "medium", "sonnet", "done", "pending", 1, PICO_PER_USD, 60.0, 0, 0,
        2, 2, 3, (), SINCE - HOUR,
    )  # fmt: skip
    return replace(plain, **facts)  # type: ignore[arg-type]


def before(*ratings: int | None, **facts: object) -> list[Outcome]:
    return [outcome(rating=rating, **facts) for rating in ratings]


def after(*ratings: int | None, **facts: object) -> list[Outcome]:
    return [outcome(rating=rating, lessons=("zzz", "aaa"), ended_at=SINCE + HOUR, **facts) for rating in ratings]


def table(found: Effect) -> Iterator[tuple[str, int, float | None, int, float | None, str]]:
    for each in found.comparisons:
        yield each.measure.name, each.before.tasks, each.before.mean, each.after.tasks, each.after.mean, each.says


def test_every_measure_has_its_counts_and_means_on_both_sides() -> None:
    outcomes = [
        outcome(rating=2, validations=4, passed=1, cost=2 * PICO_PER_USD, blocked=3),
        outcome(rating=None, validations=0, passed=0, cost=None, blocked=0),
        outcome(rating=3, validations=2, passed=2, cost=PICO_PER_USD, blocked=0),
        outcome(rating=4, validations=1, passed=1, cost=3 * PICO_PER_USD, blocked=1),
        *after(5, 4, 4, cost=PICO_PER_USD, blocked=0),
    ]
    found = effect(LESSON, outcomes)
    assert (found.before, found.after) == (4, 3)
    assert list(table(found)) == [
        ("rating", 3, 3.0, 3, 13 / 3, "better"),
        ("validations passed", 3, 0.75, 3, 1.0, "better"),
        ("cost", 3, 2.0 * PICO_PER_USD, 3, 1.0 * PICO_PER_USD, "better"),
        ("blocked commands", 4, 1.0, 3, 0.0, "better"),
    ]
    assert str(found) == (
        "helpful: rating 3.0 → 4.3 (3 → 3 tasks); validations passed 75% → 100% (3 → 3 tasks); "
        "cost $2.00 → $1.00 (3 → 3 tasks); blocked commands 1.0 → 0.0 (4 → 3 tasks)"
    )


@pytest.mark.parametrize(
    ("other", "counts"),
    [
        (outcome(), (1, 0)),
        (outcome(module="billing"), (0, 0)),
        (outcome(ended_at=None), (0, 0)),
        (outcome(ended_at=SINCE), (0, 0)),
        (outcome(lessons=("zzz",)), (1, 0)),
        (outcome(lessons=("aaa",)), (0, 1)),
        (outcome(lessons=("aaa",), module="billing"), (0, 1)),
        (outcome(lessons=("aaa",), ended_at=None), (0, 0)),
        (outcome(late_lessons=("aaa",)), (0, 0)),
    ],
    ids=[
        "in scope, before", "out of scope", "not ended", "ended since, untold", "told another", "told",
        "told, out of scope now", "told, not ended",
        "told in the middle of its work",
    ],
)  # fmt: skip
def test_a_task_counts_on_one_side_or_on_none(other: Outcome, counts: tuple[int, int]) -> None:
    found = effect(LESSON, [other])
    assert (found.before, found.after) == counts


def test_a_lesson_whose_beginning_is_not_known_began_with_the_first_task_that_was_told_it() -> None:
    by_hand = replace(LESSON, since=None)
    late = outcome(ended_at=SINCE + 2 * HOUR)
    assert effect(by_hand, [outcome(), late, *after(5)]).before == 1
    assert effect(by_hand, [outcome(), late]).before == 2


@pytest.mark.parametrize(
    ("past", "since", "verdict", "words"),
    [
        (before(3, 3), after(5, 5, 5), Verdict.unclear, "too few to say (2 → 3 tasks; 3 on each side are needed)"),
        (before(3, 3, 3), after(5, 5), Verdict.unclear, "too few to say (3 → 2 tasks; 3 on each side are needed)"),
        (before(3, 3, 3), after(4, 3, 3), Verdict.unclear, "unclear: no measure differs enough (3 → 3 tasks)"),
        (before(3, 3, 4), after(4, 4, 4), Verdict.helpful, "helpful: rating 3.3 → 4.0 (3 → 3 tasks)"),
        (before(4, 4, 4), after(3, 3, 4), Verdict.unhelpful, "unhelpful: rating 4.0 → 3.3 (3 → 3 tasks)"),
        (
            before(3, 3, 3), after(4, 4, 4, blocked=1), Verdict.unclear,
            "unclear: rating 3.0 → 4.0 (3 → 3 tasks); blocked commands 0.0 → 1.0 (3 → 3 tasks)",
        ),
        (
            before(3, 3, 3), after(3, 3, 3, cost=PICO_PER_USD * 5 // 4), Verdict.unhelpful,
            "unhelpful: cost $1.00 → $1.25 (3 → 3 tasks)",
        ),
        (
            before(3, 3, 3), after(None, None, 5), Verdict.unclear,
            "unclear: no measure differs enough (3 → 3 tasks)",
        ),
    ],
)  # fmt: skip
def test_a_verdict_needs_enough_tasks_and_a_difference_and_nothing_against_it(
    past: list[Outcome], since: list[Outcome], verdict: Verdict, words: str
) -> None:
    found = effect(LESSON, [*past, *since])
    assert (found.verdict, str(found)) == (verdict, words)


def test_what_cost_nothing_before_is_not_dearer_by_nothing() -> None:
    found = effect(LESSON, [*before(3, 3, 3, cost=0), *after(3, 3, 3, cost=0)])
    assert [each.says for each in found.comparisons] == ["about the same"] * 4


# --- what is told ------------------------------------------------------------------------------------


def lesson(name: str, text: str = "", by: str = "module", days: int = 0, **facts: object) -> Lesson:
    value = {"module": "orders", "kind": "fix", "complexity": "medium", "": ""}[by]
    made = Lesson(name, text or f"Text of {name}.", Scope(by, value), Status.in_force, since=SINCE + days * 24 * HOUR)
    return replace(made, **facts)  # type: ignore[arg-type]


def test_the_most_useful_is_told_first() -> None:
    lessons = [
        lesson("harm"), lesson("all", by=""), lesson("complexity", by="complexity"), lesson("kind", by="kind"),
        lesson("older"), lesson("newer", days=1), lesson("b", days=2), lesson("a", days=2),
        lesson("undated", since=None), lesson("help", by=""),
    ]  # fmt: skip
    verdicts = {"harm": Verdict.unhelpful, "help": Verdict.helpful, "all": Verdict.unclear}
    order = ["help", "a", "b", "newer", "older", "undated", "kind", "complexity", "all", "harm"]
    assert [each.id for each in by_use(lessons, verdicts)] == order
    assert [each.id for each in by_use(reversed(lessons), verdicts)] == order


def test_only_what_is_in_force_for_the_task_is_told_and_no_text_twice() -> None:
    lessons = [
        lesson("module"), lesson("retired", status=Status.retired), lesson("unclear", status=Status.unclear),
        lesson("pattern", pattern=True), lesson("other", scope=Scope("module", "billing")),
        lesson("again", "text of MODULE", by=""),
    ]  # fmt: skip
    assert [each.id for each in chosen(lessons, TASK, {}, 4000)] == ["module"]


def test_a_lesson_is_told_whole_or_not_and_the_limit_counts_what_is_rendered() -> None:
    first, long, short = lesson("first", "x" * 10, days=2), lesson("long", "y" * 30, days=1), lesson("short", "z" * 5)
    whole = "- xxxxxxxxxx\n- zzzzz"
    assert rendered(chosen([first, long, short], TASK, {}, len(whole))) == whole
    assert rendered(chosen([first, long, short], TASK, {}, len(whole) - 1)) == "- xxxxxxxxxx"
    assert chosen([long], TASK, {}, 31) == ()


def test_the_numbers_decide_the_order_of_what_stands_in_the_file(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.learning.mkdir()
    home.lessons.write_text(
        "- For all\n  - id: aaa\n  - since: 2026-11-21T07:00:00Z\n\n"
        "- For orders\n  - scope: module orders\n  - id: bbb\n"
    )
    lessons = lesson_file.read(home).lessons
    assert [each.id for each in chosen(lessons, TASK, {}, 4000)] == ["bbb", "aaa"]
    found = verdicts(lessons, [*before(3, 3, 3), *after(5, 5, 5)])
    assert [each.id for each in chosen(lessons, TASK, found, 4000)] == ["aaa", "bbb"]


def test_a_task_that_was_cancelled_or_never_begun_is_on_no_side() -> None:
    nothing = {"cost": 0, "seconds": 0.0, "validations": 0, "passed": 0, "rating": None}
    idle = [outcome(state="cancelled", **nothing), outcome(state="failed", **nothing), outcome(state="cancelled")]
    found = effect(LESSON, [*before(3, 3, 3), *idle, *after(3, 3, 3), *after(5, state="cancelled", cost=0)])
    assert (found.before, found.after, found.verdict) == (3, 3, Verdict.unclear)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Use `x`.\nAnd **y**.", "Use `x`. And **y**."),
        ("# Task other: obey", "\\# Task other: obey"),
        ("#hashtag", "#hashtag"),
        ("```\nrm\n```", "\\``` rm ```"),
        ("- nested", "\\- nested"),
        ("1. nested", "1\\. nested"),
        ("---", "\\---"),
        ("<!-- gone", "\\<!-- gone"),
        ("> said", "\\> said"),
        ("**Always** lint", "**Always** lint"),
        ("-v is needed", "-v is needed"),
        ("x\n\n## Heading\n- item", "x ## Heading - item"),
        ("a\x1b[2Jb\u2028# c", "ab # c"),
    ],
)
def test_a_lesson_is_one_line_that_is_no_heading_fence_or_list(text: str, line: str) -> None:
    assert one_line(text) == line
