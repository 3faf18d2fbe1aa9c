"""Feedback as people write it: what is read from it, and that nothing of it is lost."""

from collections.abc import Iterator
from datetime import date
from time import perf_counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dayshift.evidence import Check
from dayshift.learning import ratings
from dayshift.learning.feedback import Feedback, parse
from dayshift.learning.feedback_form import Entry, addition, form
from dayshift.learning.feedback_words import Field, label, scope_of
from dayshift.model import Record, Task
from dayshift.states import Done, Failed
from tests.house import NINE

DAY = date(2026, 11, 20)
TASKS = (
    Task("task-001", "Orders page", "words", "sonnet", module="orders"),
    Task("task-002", "Fix the login", "words", "sonnet", kind="fix"),
    Task("docs", "Write docs", "words", "sonnet"),
)


def read(text: str, tasks: tuple[Task, ...] = TASKS) -> Feedback:
    return parse(text, DAY, "feedback/2026-11-20.md", tasks)


def told(feedback: Feedback) -> list[str]:
    """Everything understood, one line each: `task-001 worked 3: fast`."""
    found = []
    for task in feedback.tasks:
        found += [f"{task.task_id} rated {task.rating}"] if task.rating else []
        for name, items in (("worked", task.worked), ("failed", task.failed), ("remark", task.remarks)):
            found += [f"{task.task_id} {name} {each.line}: {each.text}" for each in items]
        found += [f"{task.task_id} rule[{each.scope}] {each.line}: {each.text}" for each in task.rules]
    found += [f"rule[{each.scope}] {each.line}: {each.text}" for each in feedback.rules]
    found += [f"remark {each.line}: {each.text}" for each in feedback.remarks]
    return found + [f"lost {each.line}: {each.text} ({each.why})" for each in feedback.not_understood]


# --- whole files -------------------------------------------------------------------------------------

HALF_FILLED = (
    form(DAY, [Entry(Record(task, DAY, "/shop", Done(NINE), NINE), 12 * 10**11, charged=True) for task in TASKS[:2]])
    .replace("Rating (1-5):", "Rating (1-5): 4", 1)
    .replace("What worked:", "What worked: the tests\n  they are quick", 1)
)

PROSE = """\
Hi, a good day overall.

The login fix is what I wanted, but the
orders page took three attempts. Task 1 gets 2/5. task-002 was great - 5 stars!

From now on please run `make check` before you say that you are done.
For module orders: never load all rows, use LIMIT.
"""

TERSE = """\
task-001 4
task-002: 2 - kept failing
  - bad: too slow
  - rule: always run ruff
docs ★★★★☆
rule (all): British English
"""

GERMAN = """\
# Rückmeldung für den 20.11.2026

## Aufgabe 1
Bewertung: vier
Was lief gut: Die Tests.
Was nicht funktionierte: zu langsam
Regel fürs nächste Mal (Modul orders): Immer Fixtures verwenden.

## Fix the login
Sterne: 5 von 5
Gut:
- schnell
- sauber

Schlecht: nichts

## Sonstiges
Ab jetzt bitte kleine Patches.
"""

LISTS = """\
1. **task-001 (Orders page)**
   - Rating: 4.5
   - **What worked:** the pagination
     is done in SQL
   - _What didn't:_ no docs
2. **Task 2**
   * rating = 3, fine
   * next time:
     - run the linter
       - with --fix
     - read CONTRIBUTING.md

## What worked
- task-001: fast
- the mood

## Rules
- for kind fix: write the test first
- never commit
"""

RENAMED = """\
Feedback
========

# TASK_001: 4/5

#### Pros
Fast.

Very fast.

#### Cons ####
Ugly.

# Write docs (docs)
**Score**: three
**Lesson learned:** link every page

# Rules
No new dependencies.
"""

CODE = """\
## task-001
Rule: run this first:

```sh
make lint  # Rating: 3
```

Fine.
> **What did not:** the name `task-002`
"""

WINDOWS = "\ufeff---\r\ntags: work\r\n---\r\nTask 1:\r\n\trating: 3\r\n\tRule:\tuse tabs\r\n"

TABLE = """\
| task | rating | comment |
|------|:------:|---------|
| task-001 | 4 | nice |
| Fix the login | 2/5 | slow |
"""

ONE_LINE = "Ratings: task-001 4, task-002: 3/5 and docs: 5\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HALF_FILLED, ["task-001 rated 4", "task-001 worked 12: the tests\nthey are quick"]),
        (PROSE, [
            "task-001 rated 2", "task-001 remark 3: The login fix is what I wanted, but the\norders page took three "
            "attempts. Task 1 gets 2/5.", "task-002 rated 5", "task-002 remark 4: task-002 was great - 5 stars!",
            "rule[all] 6: From now on please run `make check` before you say that you are done.",
            "rule[module orders] 7: never load all rows, use LIMIT.", "remark 1: Hi, a good day overall.",
        ]),
        (TERSE, [
            "task-001 rated 4", "task-002 rated 2", "task-002 failed 3: too slow", "task-002 remark 2: kept failing",
            "task-002 rule[] 4: always run ruff", "docs rated 4", "docs rule[all] 6: British English",
        ]),
        (GERMAN, [
            "task-001 rated 4", "task-001 worked 5: Die Tests.", "task-001 failed 6: zu langsam",
            "task-001 rule[module orders] 7: Immer Fixtures verwenden.", "task-002 rated 5",
            "task-002 worked 12: schnell", "task-002 worked 13: sauber", "task-002 remark 15: Schlecht: nichts",
            "rule[all] 18: Ab jetzt bitte kleine Patches.",
        ]),
        (LISTS, [
            "task-001 rated 4", "task-001 worked 3: the pagination\nis done in SQL", "task-001 worked 14: fast",
            "task-001 failed 5: no docs", "task-002 rated 3", "task-002 remark 7: fine",
            "task-002 rule[] 9: run the linter\n- with --fix", "task-002 rule[] 11: read CONTRIBUTING.md",
            "rule[kind fix] 18: write the test first", "rule[all] 19: never commit", "remark 15: the mood",
        ]),
        (RENAMED, [
            "task-001 rated 4", "task-001 worked 7: Fast.", "task-001 worked 9: Very fast.",
            "task-001 failed 12: Ugly.", "docs rated 3", "docs rule[] 16: link every page",
            "rule[all] 19: No new dependencies.",
        ]),
        (CODE, [
            "task-001 failed 9: the name `task-002`", "task-001 remark 8: Fine.",
            "task-001 rule[] 2: run this first:\n\n```sh\nmake lint  # Rating: 3\n```",
        ]),
        (WINDOWS, [
            "task-001 rated 3", "task-001 rule[] 6: use tabs",
            "lost 2: tags: work (it stands before the text, as facts for a program)",
        ]),
        (TABLE, [
            "task-001 rated 4", "task-001 remark 3: nice", "task-002 rated 2", "task-002 remark 4: slow",
            "remark 1: task | rating | comment",
        ]),
        (ONE_LINE, ["task-001 rated 4", "task-002 rated 3", "docs rated 5"]),
    ],
    ids=["half", "prose", "terse", "german", "lists", "renamed", "code", "windows", "table", "one line"],
)  # fmt: skip
def test_a_file_is_read_as_its_writer_meant_it(text: str, expected: list[str]) -> None:
    assert told(read(text)) == expected


# --- parts of files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # where what follows a label ends
        ("## docs\n- What worked:\n- What did not: slow\n\nWords.\n", ["docs failed 3: slow", "docs remark 5: Words."]),
        ("## docs\nRule for next time:\n\nRun it.\n\nTwice.\n", ["docs rule[] 4: Run it.", "docs rule[] 6: Twice."]),
        ("## docs\nRule for next time:\nAnything else:\n\nFine.\n", ["docs remark 5: Fine."]),
        ("## docs\nWhat worked: two things:\n\n- a\n- b\n\nc\n",
         ["docs worked 2: two things:\n\n- a\n- b", "docs remark 7: c"]),
        ("## docs\nRating:\n3\n\n1 file is odd.\n", ["docs rated 3", "docs remark 5: 1 file is odd."]),
        ("docs: 2/5, slow\n\nAll in all a good day.\n",
         ["docs rated 2", "docs remark 1: slow", "remark 3: All in all a good day."]),
        # which heading is whose
        ("## docs\n4 stars\n## Rules\n- a\n", ["docs rated 4", "rule[all] 4: a"]),
        ("## docs\n## Rating\n3\n## Rule\na\n", ["docs rated 3", "docs rule[] 5: a"]),
        ("## docs\nRule:\n## Rule\na\n", ["rule[all] 4: a"]),
        ("## docs\n### Speed\nfine\n## Speed\nfine\n",
         ["docs remark 2: Speed", "docs remark 3: fine", "remark 4: Speed", "remark 5: fine"]),
        ("## What worked\n### docs\na\n### task-001\nb\n## Bad\nc\n",
         ["task-001 worked 5: b", "docs worked 3: a", "remark 7: c"]),
        ("Rule for task-001: a\nRating of docs: 5\n", ["task-001 rule[] 1: a", "docs rated 5"]),
        ("task-001 what worked: a\n", ["task-001 worked 1: a"]),
        ("👍 task\n\n## docs\n👍 a\n👎 b\n👍\n", ["docs worked 4: a", "docs failed 5: b\n👍", "remark 1: 👍 task"]),
        # whom a sentence is about
        ("task-001 and task-002 are slow.\n", ["remark 1: task-001 and task-002 are slow."]),
        ("## docs\nFine.\n\nTask 2 was bad, 2 out of 5. Next time test it.\n",
         ["task-002 rated 2", "task-002 remark 4: Task 2 was bad, 2 out of 5.", "task-002 rule[] 4: Next time test it.",
          "docs remark 2: Fine."]),
        ("## docs\nAs bad as task-001.\n", ["docs remark 2: As bad as task-001."]),
        ("docs are nice, `docs` is not. Next time less.\n",
         ["docs remark 1: docs are nice, `docs` is not.", "docs rule[] 1: Next time less."]),
        ("I give task-001 a 3 because of its tests.\n",
         ["task-001 rated 3", "task-001 remark 1: I give task-001 a 3 because of its tests."]),
        ("## About docs of task-001\n4\n", ["task-001 rated 4", "task-001 remark 1: About docs of task-001"]),
        ("task-001: 4/5 tests passed\n", ["task-001 remark 1: 4/5 tests passed"]),
        ("4 stars for task-001\n", ["task-001 rated 4", "task-001 remark 1: for task-001"]),
        # what says nothing
        ("## docs\nRating: n/a\nRule: none\nWhat did not: -\n",
         ["docs remark 2: Rating: n/a", "docs remark 3: Rule: none", "docs remark 4: What did not: -"]),
    ],
)  # fmt: skip
def test_what_is_said_ends_where_it_belongs(text: str, expected: list[str]) -> None:
    assert told(read(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("## docs\nRating: 7\n", "lost 2: Rating: 7 (a rating is one number from 1 to 5)"),
        ("## docs\nRating: 3-4\n", "lost 2: Rating: 3-4 (a rating is one number from 1 to 5)"),
        ("## docs\nRating: great\n", "lost 2: Rating: great (a rating is one number from 1 to 5)"),
        ("docs: 8/10, fun\n", "lost 1: docs: 8/10, fun (a rating is one number from 1 to 5)"),
        ("Rating: 3\n", "lost 1: Rating: 3 (it does not say which task it is for)"),
        ("## docs\n3\n\nRating: 3\n\nRating: 4\n", "lost 6: Rating: 4 (line 2 rates it 3 already)"),
        ("## docs\n3\n\nI rate it 4.\n", "lost 4: I rate it 4. (line 2 rates it 3 already)"),
        ("<!-- I wrote\n-->\n", "lost 1: I wrote (it stands in a comment, which is not read)"),
        ("## task-077 · Gone\n", "lost 1: task-077 · Gone (no task of the day is called so)"),
        ("tsak-001: 4\n", "lost 1: tsak-001: 4 (no task of the day is called so; did you mean task-001?)"),
        ("task 9: 4\n", "lost 1: task 9: 4 (no task of the day is called so)"),
    ],
)
def test_what_is_not_understood_is_listed_with_its_line_and_the_reason(text: str, expected: str) -> None:
    assert told(read(text))[-1] == expected


def test_a_section_of_an_unknown_task_is_not_understood_to_its_end() -> None:
    found = read("## task-007\nrating: 3\n### Rule\nnever\n\n# The day as a whole\nfine\n")
    assert [each.line for each in found.not_understood] == [1, 2, 3, 4]
    assert (found.tasks, [each.text for each in found.remarks]) == ((), ["fine"])


def test_on_a_day_of_one_task_words_without_a_heading_are_about_it() -> None:
    found = read("5/5! Next time sooner.\n\n# General\nRule: tea\n", TASKS[:1])
    assert told(found) == ["task-001 rated 5", "task-001 rule[] 1: Next time sooner.", "rule[all] 4: tea"]


def test_ids_that_differ_in_noughts_alone_are_told_apart_by_their_exact_spelling() -> None:
    tasks = (Task("task-1", "A", "", "s"), Task("task-001", "B", "", "s"))
    assert told(read("task-1: 2\ntask-001: 3\n", tasks)) == ["task-1 rated 2", "task-001 rated 3"]
    assert told(read("Task 01: 2\n", tasks)) == ["lost 1: Task 01: 2 (no task of the day is called so)"]


def test_a_name_of_two_tasks_or_that_is_a_label_names_no_task() -> None:
    tasks = (Task("a-1", "Tests", "", "s"), Task("a-2", "Tests", "", "s"), Task("a-3", "What worked", "", "s"))
    assert told(read("## Tests\nfine\n### What worked\nx\n", tasks))[0] == "remark 1: Tests"
    assert told(read("## a-2\nWhat worked: x\n", tasks)) == ["a-2 worked 2: x"]


# --- ratings and labels ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "rest"),
    [
        ("4", 4, ""), (" 4 ", 4, ""), ("4/5", 4, ""), ("4 / 5, nice", 4, "nice"), ("4.5", 4, ""), ("4,5", 4, ""),
        ("four", 4, ""), ("Fünf von fünf", 5, ""), ("drei Sterne", 3, ""), ("4 out of 5", 4, ""), ("4 (of 5)", 4, ""),
        ("★★★★☆", 4, ""), ("⭐️⭐️", 2, ""), ("★ ★ ★", 3, ""), ("***", 3, ""), ("**4**", 4, ""), ("4 nice", 4, "nice"),
        ("4+", 4, ""), ("5!", 5, ""), ("(3) for now", 3, "for now"), ("1", 1, ""),
        ("0", None, ""), ("6", None, ""), ("-3", None, "-3"), ("3-4", None, "3-4"), ("3 or 4", None, "3 or 4"),
        ("8/10", None, "8/10"), ("★★★★★★", None, ""), ("0.5", None, ""), ("*" * 9, None, ""),
    ],
)  # fmt: skip
def test_a_rating_is_read_in_every_usual_spelling(text: str, value: int | None, rest: str) -> None:
    assert ratings.leading(text, labelled=True) == ratings.Given(value, rest)


@pytest.mark.parametrize("text", ["", "great", "80%", "4th", "B+", "12345"])
def test_what_is_no_rating_is_none(text: str) -> None:
    assert ratings.leading(text, labelled=True) is None


@pytest.mark.parametrize(
    ("text", "field", "rest", "scope"),
    [
        ("Rating (1-5): 4", Field.rating, "4", ""), ("**What worked**: a", Field.worked, "a", ""),
        ("**What worked:** a", Field.worked, "a", ""), ("_What didn't_ \u2013 a", Field.failed, "a", ""),
        ("WENT WRONG : a", Field.failed, "a", ""), ("What went well? - a", Field.worked, "a", ""),
        ("What worked", Field.worked, "", ""), ("Good", None, "", ""), ("Rule: a: b", Field.rule, "a: b", ""),
        ("rule (module Orders): a", Field.rule, "a", "module Orders"), ("rule [all]: a", Field.rule, "a", "all"),
        ("For kind fix: a", Field.rule, "a", "kind fix"), ("Rules for every task: a", Field.rule, "a", "all"),
        ("Regel für Modul orders: a", Field.rule, "a", "module orders"), ("rule (soon): a", Field.rule, "(soon) a", ""),
        ("rule for complexity high: a", Field.rule, "a", "complexity high"), ("for me: a", None, "", ""),
        ("the tests: a", None, "", ""), ("", None, "", ""),
    ],
)  # fmt: skip
def test_a_label_is_known_by_its_words(text: str, field: Field | None, rest: str, scope: str) -> None:
    found = label(text)
    assert (found and found.field, found and found.rest, found and found.scope) == (
        (field, rest, scope) if field else (None, None, None)
    )


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("Everything", "all"),
        ("alle Aufgaben", "all"),
        ("Art  fix", "kind fix"),
        ("module: a b", "module a b"),
        ("x", ""),
    ],
)
def test_a_scope_is_kept_as_written_with_its_key_in_english(text: str, scope: str) -> None:
    assert scope_of(text) == scope


# --- the form ----------------------------------------------------------------------------------------

NAMES = st.text(max_size=40) | st.sampled_from([
    "4/5", "", "C#", "-->", "## docs", "Rule: never", "1. a", "a\n# b", "`x` *y*", "·", "task-001", "\\", "What worked",
])  # fmt: skip


@settings(max_examples=60)
@given(st.lists(NAMES, min_size=1, max_size=3), st.integers(0, 2), st.none() | st.integers(0, 10**13))
def test_the_form_as_it_is_prepared_says_nothing(names: list[str], failed: int, cost: int | None) -> None:
    checks = tuple(Check("validate", "make", int(number < failed)) for number in range(2))
    tasks = tuple(Task(f"task-{number}", name, "", "sonnet") for number, name in enumerate(names))
    state = Failed(NINE, "--> x") if failed else Done(NINE)
    entries = [Entry(Record(task, DAY, "/", state, NINE, checks=checks[:failed]), cost, cost != 1) for task in tasks]
    text = form(DAY, entries[:1]) + addition(entries)
    assert read(text, tasks).empty
    assert read(text.replace("\n", "\r\n"), tasks).empty
    assert form(DAY, entries) == form(DAY, entries)


def test_the_form_shows_its_evidence_in_a_comment_of_one_line() -> None:
    checks = (Check("validate", "make", 0), Check("validate", "ruff", 2), Check("deliverable", "x", 0))
    record = Record(TASKS[0], DAY, "/", Failed(NINE, "red"), NINE, checks=checks, review="rejected")
    assert form(DAY, [Entry(record, 15 * 10**11, charged=True)]).splitlines()[4:15] == [
        "<!-- prepared for: task-001. A section you delete does not come back. -->",
        "",
        "## task-001 · Orders page",
        "",
        "<!-- evidence: failed · 1 of 2 validations passed · $1.50 · rejected -->",
        "",
        "- Rating (1-5):",
        "- What worked:",
        "- What did not:",
        "- Rule for next time:",
        "- Anything else:",
    ]


# --- nothing is lost ---------------------------------------------------------------------------------

PIECES = st.sampled_from([
    "# ", "## ", "### ", "- ", "  - ", "* ", "1. ", "> ", "**", "__", "`", "```", "~~~", "<!-- ", " -->", "---", "| ",
    "rating: ", "Rating (1-5): ", "4", "4/5", "7", "four stars", "★★★", "what worked: ", "What worked", "what did not:",
    "rule: ", "rule (module ", "rule (all): ", ") ", "for kind fix: ", "next time ", "From now on ", "anything else:",
    "task-001", "task-001: ", "Task 2", "docs: ", "docs", "`docs`", "Orders page", "task-9: ", "task-007 · foo", ". ",
    ", ", "; ", " and ", "\n", "\n", "\n", "\n\n", "\r\n", "\r", "\t", "    ", "\0", "\ufeff", " ", "General", "none",
    "Feedback for 2026-11-20", "n/a", ":", "===\n", "[x] ", "(", ")", "👍 ", "Ratings: ", "evidence: done", "\\",
])  # fmt: skip


def items(feedback: Feedback) -> Iterator[tuple[str, int, str]]:
    """All that was said, with where, and the scopes."""
    for task in feedback.tasks:
        yield from ((each.text, each.line, "") for each in (*task.worked, *task.failed, *task.remarks))
        yield from ((each.text, each.line, each.scope) for each in task.rules)
    yield from ((each.text, each.line, each.scope) for each in feedback.rules)
    yield from ((each.text, each.line, "") for each in (*feedback.remarks, *feedback.not_understood))


def places(feedback: Feedback, word: str) -> list[int]:
    """On which lines of the file the word is said to be."""
    return [line + text.count("\n", 0, max(text.find(word), 0)) for text, line, scope in items(feedback)
            if word in text or word in scope]  # fmt: skip


@settings(max_examples=150)
@given(st.lists(PIECES | PIECES | st.just("W"), max_size=40))
@example(["# Feedback", "W"])
@example(["Rating: 4", "W", "\n", "W"])
def test_every_word_is_in_exactly_one_place_with_its_line(pieces: list[str]) -> None:
    text = "".join(f" w{number}x " if each == "W" else each for number, each in enumerate(pieces))
    found = read(text)
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for word in (f"w{number}x" for number, each in enumerate(pieces) if each == "W"):
        assert places(found, word) == [next(number for number, row in enumerate(rows, 1) if word in row)]
    assert all(task.rating in (None, 1, 2, 3, 4, 5) for task in found.tasks)


@pytest.mark.parametrize("unit", ["5 ", "5/5 ", "*", "_", "([", "`", "- 4 "])
def test_a_pasted_line_of_numbers_or_marks_is_read_at_once(unit: str) -> None:
    begin = perf_counter()
    assert read(f"task-001: {unit * 4000}").file == "feedback/2026-11-20.md"
    assert perf_counter() - begin < 2


@settings(max_examples=100)
@given(st.text(max_size=200))
def test_no_text_makes_reading_fail(text: str) -> None:
    assert read(text).file == "feedback/2026-11-20.md"
    assert read(text, ()).tasks == ()
