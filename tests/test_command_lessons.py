"""The command `lessons` on real homes: proposals from feedback, decisions about them, and every one of these undone."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dayshift import files, records
from dayshift.home import Home
from dayshift.inputs.settings import Learning
from dayshift.learning import curriculum, lesson_file, proposals, teaching
from dayshift.learning.lessons import Scope
from dayshift.model import Record, Task
from dayshift.running import instructions
from dayshift.states import Done
from orchestrator import main
from tests.command_line import DAY, NOON, run
from tests.house import FakeClock
from tutor import Tutor

FEEDBACK = """# Feedback for 2026-11-20

## a · Orders

- Rating (1-5): 5
- What worked: Wrote the failing test first.
- Rule for next time: Paginate in the database.

## b · Bills

- Rating (1-5): 2
- What worked: Nothing much, but quick.
- Rule (all): Say which command was slow.
"""


class Ended(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Said = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home after a day of two tasks that were reviewed; the first one is of the module orders."""
    home = Home(tmp_path / "home")
    home.make_folders()
    home.config.mkdir()
    (home.config / "orchestrator.yaml").write_text("max_agents: 1\n")
    kept(home, "a", module="orders")
    kept(home, "b", kind="fix")
    (home.feedback / "2026-11-20.md").write_text(FEEDBACK)
    return home


def kept(home: Home, task_id: str, day: date = DAY, module: str = "", kind: str = "", **facts: Any) -> Record:
    task = Task(task_id, "Name", "words", "sonnet", module=module, kind=kind)
    at = NOON + (day - DAY)
    given = {"created_at": at, "ended_at": at, "review": "accepted", "runs": 1, "active_seconds": 60.0,
             **facts}  # fmt: skip
    record = Record(task, day, "/src", Done(at), **given)
    records.put_by(home, record)
    return record


@pytest.fixture
def said(home: Home, capfdbinary: pytest.CaptureFixture[bytes]) -> Said:
    """A dayshift command in this process, as `main` runs it."""

    def said(*words: str) -> Ended:
        code = main(["--home", str(home.root), *words])
        return Ended(code, *(text.decode() for text in capfdbinary.readouterr()))

    return said


def proposed(home: Home) -> dict[str, str]:
    """The ids of what waits, by text."""
    return {each.text: each.id for each in proposals.read(home).waiting}


def told(home: Home, module: str = "orders") -> str:
    """All that an agent of a task of that module would be told."""
    task = Task("next", "Next", "words", "sonnet", module=module)
    lessons = teaching.chosen(lesson_file.read(home).lessons, task, {}, 4000)
    places = instructions.Places(home.workspace("next"))
    return instructions.render(task, {}, instructions.read_documents(home), places, lessons=teaching.rendered(lessons))


PAGINATE, SLOW, TESTED = "Paginate in the database.", "Say which command was slow.", "Wrote the failing test first."


def test_what_feedback_asks_for_is_proposed_with_its_scope_and_its_line(home: Home) -> None:
    found = {each.text: each for each in proposals.read(home).waiting}
    assert set(found) == {PAGINATE, SLOW, TESTED}, "what worked in a task that was rated 2 is no pattern"
    assert (found[PAGINATE].scope, found[SLOW].scope) == (Scope("module", "orders"), Scope())
    assert [str(each) for each in found[PAGINATE].sources] == ["feedback/2026-11-20.md:7"]
    assert (found[TESTED].pattern, found[TESTED].scope) == (True, Scope("module", "orders"))
    assert teaching.waiting(home) == 3


@pytest.mark.parametrize(
    ("module", "kind", "rule", "scope"),
    [
        ("orders", "fix", "Rule: Lint.", "module orders"),
        ("", "fix", "Rule: Lint.", "kind fix"),
        ("", "", "Rule: Lint.", "all"),
        ("orders", "fix", "Rule (kind test): Lint.", "kind test"),
        ("orders", "fix", "Rule (complexity high): Lint.", "complexity high"),
    ],
)
def test_a_rule_is_for_the_tasks_it_names_or_for_the_likes_of_its_own(
    home: Home, module: str, kind: str, rule: str, scope: str
) -> None:
    day = DAY + timedelta(days=1)
    kept(home, "c", day, module, kind)
    (home.feedback / f"{day}.md").write_text(f"## c\n\n- {rule}\n")
    assert {str(each.scope) for each in proposals.read(home).waiting if each.text == "Lint."} == {scope}


@pytest.mark.parametrize(("rating", "review", "patterns"), [(4, "accepted", 1), (3, "accepted", 0), (5, "pending", 0)])
def test_a_pattern_comes_from_work_that_was_rated_well_and_accepted(
    home: Home, rating: int, review: str, patterns: int
) -> None:
    (home.feedback / "2026-11-20.md").write_text(f"## a\n\n- Rating: {rating}\n- What worked: Small steps.\n")
    kept(home, "a", module="orders", review=review)
    assert len(proposals.read(home).waiting) == patterns


def test_lessons_shows_what_waits_as_a_diff_of_what_agents_are_told(home: Home, said: Said) -> None:
    ids = proposed(home)
    result = said("lessons")
    assert result.returncode == 0, result.stderr
    assert "no lesson is in force\n\nproposed (3):\n" in result.stdout
    assert f"  {ids[PAGINATE]}  module orders · feedback/2026-11-20.md:7\n           {PAGINATE}\n" in result.stdout
    assert (
        f"""\
--- told of tasks of module orders, now
+++ told of tasks of module orders, then
@@ -0,0 +1,2 @@
+- {PAGINATE}
+- {SLOW}
"""
        in result.stdout
    )
    assert f"+- In tasks of module orders: {TESTED} <!-- {ids[TESTED]} -->\n" in result.stdout
    assert not home.learning.exists(), "showing decides nothing"


def test_what_is_accepted_is_told_and_undone_leaves_the_instructions_to_the_byte(home: Home, said: Said) -> None:
    before, other = told(home), told(home, "billing")
    ids = proposed(home)
    result = said("lessons", "accept", ids[PAGINATE])
    assert result.returncode == 0, result.stderr
    assert f"{ids[PAGINATE]}: in force: {PAGINATE}\n" in result.stdout and f"\n+- {PAGINATE}\n" in result.stdout
    assert "## Lessons from earlier days\n\nThe person wrote" in told(home) and f"\n\n- {PAGINATE}\n" in told(home)
    assert told(home, "billing") == other
    assert PAGINATE not in proposed(home)
    result = said("lessons", "undo", ids[PAGINATE])
    assert f"{ids[PAGINATE]}: proposed: {PAGINATE}\n" in result.stdout and f"\n-- {PAGINATE}\n" in result.stdout
    assert told(home) == before
    assert proposed(home) == ids


def test_all_that_is_accepted_and_undone_in_any_order_leaves_every_byte(home: Home, said: Said) -> None:
    home.learning.mkdir()
    home.lessons.write_bytes(b"# Mine\r\n\r\n- By hand\r\n\r\nA word, \xff.")
    home.patterns.write_bytes(b"## How\n\nWell.")
    before, files_before = told(home), (home.lessons.read_bytes(), home.patterns.read_bytes())
    ids = proposed(home)
    assert said("lessons", "accept", "--all").returncode == 0
    assert "By hand" in told(home) and TESTED in told(home, "billing") and SLOW in told(home)
    for text in (SLOW, TESTED, PAGINATE):
        assert said("lessons", "undo", ids[text]).returncode == 0
    assert (home.lessons.read_bytes(), home.patterns.read_bytes()) == files_before
    assert told(home) == before


def test_what_is_declined_is_not_proposed_again_until_that_is_undone(home: Home, said: Said) -> None:
    ids = proposed(home)
    assert said("lessons", "decline", ids[SLOW], ids[TESTED]).returncode == 0
    assert set(proposed(home)) == {PAGINATE}
    assert SLOW not in told(home)
    assert said("lessons", "undo", ids[SLOW]).returncode == 0
    assert set(proposed(home)) == {PAGINATE, SLOW}


def test_a_retired_lesson_is_told_to_nobody_and_comes_back(home: Home, said: Said) -> None:
    ids, before = proposed(home), told(home)
    said("lessons", "accept", ids[PAGINATE], ids[TESTED])
    then, file = told(home), home.lessons.read_bytes()
    for text in (PAGINATE, TESTED):
        assert said("lessons", "retire", ids[text]).returncode == 0
    assert told(home) == before and set(proposed(home)) == {SLOW}
    for text in (PAGINATE, TESTED):
        assert said("lessons", "undo", ids[text]).returncode == 0
    assert (told(home), home.lessons.read_bytes()) == (then, file)


def test_an_entry_that_was_taken_out_by_hand_is_not_proposed_again_but_by_undo(home: Home, said: Said) -> None:
    ids = proposed(home)
    said("lessons", "accept", ids[SLOW])
    home.lessons.write_text("")
    assert SLOW not in proposed(home)
    assert "taken out of learning/lessons.md by hand; `dayshift" in said("lessons", "accept", ids[SLOW]).stderr
    assert said("lessons", "undo", ids[SLOW]).returncode == 0
    assert SLOW in proposed(home)


def test_a_lesson_that_is_asked_for_again_is_known_and_has_another_source(home: Home, said: Said) -> None:
    ids = proposed(home)
    again = DAY + timedelta(days=2)
    kept(home, "c", again, module="orders")
    (home.feedback / f"{again}.md").write_text(f"## c\n\nRule: {PAGINATE.upper()}\n\nRule (all): {PAGINATE}\n")
    waiting = {(each.id, str(each.scope)): each for each in proposals.read(home).waiting if not each.pattern}
    first = waiting[ids[PAGINATE], "module orders"]
    assert [str(each) for each in first.sources] == ["feedback/2026-11-20.md:7", "feedback/2026-11-22.md:3"]
    wider = next(each for each in waiting.values() if each.text == PAGINATE and not each.scope.by)
    said("lessons", "accept", ids[PAGINATE])
    assert wider.id in proposed(home).values(), "for more tasks it is another lesson"
    assert said("lessons", "retire", ids[PAGINATE]).returncode == 0
    assert PAGINATE.upper() not in proposed(home), "what was retired is not proposed by its other source"


def test_what_a_person_wrote_by_hand_is_not_undone_and_what_they_edited_is_kept(home: Home, said: Said) -> None:
    ids = proposed(home)
    said("lessons", "accept", ids[SLOW])
    home.lessons.write_text(home.lessons.read_text().replace("Say which", "Always say which") + "\n- Mine\n")
    mine = next(each.id for each in lesson_file.read(home).lessons if each.text == "Mine")
    result = said("lessons", "undo", mine)
    assert result.returncode == 2 and "you wrote it there yourself" in result.stderr
    assert said("lessons", "undo", ids[SLOW]).stdout.startswith(f"{ids[SLOW]}: retired: Always say")
    assert "Always say which" in home.lessons.read_text() and "which command was slow" not in told(home)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["accept", "nosuch"], "there is no lesson nosuch; known: "),
        (["decline", "nosuch"], "there is no lesson nosuch; known: "),
        (["retire", "nosuch"], "there is no lesson nosuch; known: "),
        (["undo", "nosuch"], "there is no lesson nosuch; known: "),
        (["show", "nosuch"], "there is no lesson nosuch; known: "),
        (["accept"], "say which: an ID, or --all; proposed: "),
        (["accept", "SLOW", "nosuch"], "there is no lesson nosuch"),
        (["retire", "SLOW"], " is only proposed; only one in force can be retired"),
        (["undo", "SLOW"], " is only proposed; there is no decision to take back"),
        (["accept", "--all", "SLOW"], "--all takes no ID"),
    ],
)
def test_what_cannot_be_decided_is_one_message_and_changes_nothing(
    home: Home, said: Said, words: Sequence[str], message: str
) -> None:
    result = said("lessons", *(proposed(home)[SLOW] if word == "SLOW" else word for word in words))
    assert (result.returncode, message in result.stderr) == (2, True), result.stderr
    assert lesson_file.text_of(home) is None


def test_a_file_that_cannot_be_read_or_changed_as_meant_is_named_and_stays(home: Home, said: Said) -> None:
    home.learning.mkdir()
    home.lessons.write_text("<!-- begun\n")
    (home.feedback / "2026-11-20.md").write_text("Rule: Say --> to the end.\n")
    result = said("lessons", "accept", "--all")
    assert result.returncode == 2 and "line 1 begins a comment that never ends" in result.stderr
    assert home.lessons.read_text() == "<!-- begun\n"
    home.lessons.unlink()
    home.lessons.mkdir()
    result = said("lessons")
    assert result.returncode == 2 and "lessons.md: cannot be read (Is a directory)" in result.stderr


def test_everything_is_there_for_machines(home: Home, said: Said) -> None:
    ids = proposed(home)
    decided = json.loads(said("lessons", "accept", ids[PAGINATE], "--json").stdout)
    assert decided["decided"][0]["status"] == "in force" and f"+- {PAGINATE}" in decided["diff"]
    found = json.loads(said("lessons", "--json").stdout)
    (lesson,) = found["lessons"]
    assert (lesson["id"], lesson["scope"], lesson["effect"]["verdict"]) == (ids[PAGINATE], "module orders", "unclear")
    assert lesson["sources"] == [{"file": "feedback/2026-11-20.md", "line": 7}]
    assert lesson["effect"]["measures"]["rating"]["before"] == {"tasks": 1, "mean": 5.0}
    assert {each["id"] for each in found["proposals"]} == {ids[SLOW], ids[TESTED]}
    assert found["retirement"] == [] and found["not_understood"] == []
    assert json.loads(said("lessons", "show", ids[SLOW], "--json").stdout)["text"] == SLOW


def harmful(home: Home) -> str:
    """A lesson in force since the day after, with three tasks before it rated 4 and three after it rated 2; its id."""
    home.learning.mkdir()
    home.lessons.write_text(
        "- Do it twice.\n  - scope: module orders\n  - since: 2026-11-21T07:00:00Z\n  - id: twice\n"
    )
    for days, rating, lessons in ((0, 4, ()), (1, 2, ("twice",))):
        day, names = DAY + timedelta(days=days), [f"{name}{days}" for name in "xyz"]
        for name in names:
            kept(home, name, day, "orders", lessons=lessons)
        (home.feedback / f"{day}.md").write_text("".join(f"## {name}\n\nRating: {rating}\n\n" for name in names))
    return "twice"


def test_a_lesson_that_did_harm_by_the_numbers_is_proposed_for_retirement_and_stays_in_force(
    home: Home, said: Said
) -> None:
    harmful(home)
    (home.config / "orchestrator.yaml").write_text("learning: {auto_apply: true}\n")
    text = said("lessons").stdout
    effect = "unhelpful: rating 4.0 → 2.0 (3 → 3 tasks)"
    assert effect in text and f"proposed for retirement: twice ({effect}): `dayshift lessons retire twice`" in text
    assert "Do it twice." in told(home)
    assert json.loads(said("lessons", "--json").stdout)["retirement"] == ["twice"]


def test_show_quotes_the_source_and_every_measure(home: Home, said: Said) -> None:
    ids = proposed(home)
    said("lessons", "accept", ids[PAGINATE])
    text = said("lessons", "show", ids[PAGINATE]).stdout
    assert "> feedback/2026-11-20.md:7: - Rule for next time: Paginate in the database." in text
    assert "rating                     5.0      1   unknown      0  too few to say\n" in text
    assert "unclear: 1 task in its scope before it, 0 tasks told it" in text


def test_a_hostile_lesson_steers_no_terminal(home: Home, said: Said) -> None:
    (home.feedback / "2026-11-20.md").write_text("Rule: \x1b[2J\x1b]0;owned\x07Lint.\n")
    assert "\x1b" not in said("lessons").stdout


def test_as_a_process_it_works_before_there_is_anything(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.config.mkdir(parents=True)
    (home.config / "orchestrator.yaml").write_text("")
    result = run(home, "lessons")
    assert (result.returncode, result.stdout, result.stderr) == (0, "no lesson is in force\n", "")
    assert "Examples:" in run(home, "lessons", "--help").stdout


def test_two_commands_at_once_lose_nothing(home: Home) -> None:
    (home.feedback / "2026-11-20.md").write_text("".join(f"Rule: Number {n} holds.\n\n" for n in range(8)))
    ids = list(proposed(home).values())
    assert len(ids) == 8
    workers = [threading.Thread(target=curriculum.accept, args=(home, [each], NOON)) for each in ids]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert sorted(each.id for each in lesson_file.read(home).lessons) == sorted(ids)
    assert set((files.read_json(home.lesson_decisions) or {})["decided"]) == set(ids)


def test_with_auto_apply_what_waits_is_put_in_force_and_said_but_not_what_was_undone(home: Home, said: Said) -> None:
    (home.config / "orchestrator.yaml").write_text("learning: {auto_apply: true}\n")
    ids = proposed(home)
    result = said("lessons")
    assert result.returncode == 0
    assert f"lesson {ids[SLOW]} is in force now, as learning.auto_apply says: {SLOW}\n" in result.stderr
    assert SLOW in told(home) and not proposed(home)
    said("lessons", "undo", ids[SLOW])
    assert said("lessons").stderr == "" and set(proposed(home)) == {SLOW}
    assert said("lessons", "accept", ids[SLOW]).returncode == 0


def test_with_auto_apply_a_file_that_cannot_be_changed_as_meant_is_said_each_time(home: Home, said: Said) -> None:
    (home.config / "orchestrator.yaml").write_text("learning: {auto_apply: true}\n")
    home.learning.mkdir()
    home.lessons.write_text("<!-- begun\n")
    (home.feedback / "2026-11-20.md").write_text("Rule: Say --> to the end.\n")
    assert "line 1 begins a comment that never ends" in said("lessons").stderr


@pytest.mark.parametrize("module", ["two  words", "orders\n", "`orders`", "a\nb", " ", "a\x1b[2Jb"])
def test_a_rule_for_a_task_of_any_module_is_accepted_and_told_to_its_likes(home: Home, said: Said, module: str) -> None:
    kept(home, "odd", module=module)
    (home.feedback / "2026-11-20.md").write_text("## odd\n\n- Rule: Look twice.\n")
    assert said("lessons", "accept", "--all").stderr == ""
    assert "Look twice." in told(home, module=module)


# --- the daemon's side -------------------------------------------------------------------------------


def tutor(home: Home, put: list[Any], rehearsal: bool = False, **learning: Any) -> Tutor:
    return Tutor(home, Learning(**learning), rehearsal, FakeClock(), put.append, put.append)


async def test_the_tutor_applies_measures_and_tells_each_agent_what_holds_then(home: Home) -> None:
    harmful(home)
    (home.feedback / f"{DAY}.md").write_text((home.feedback / f"{DAY}.md").read_text() + "\nRule (all): Lint.\n")
    heard: list[Any] = []
    daily = tutor(home, heard, auto_apply=True)
    await daily.look(DAY)
    (said,) = heard
    assert "is in force now, as learning.auto_apply says: Lint." in said
    record = kept(home, "next", module="orders")
    lessons = daily.lessons_for(record)
    assert [each.text for each in lessons] == ["Lint.", "Do it twice."], "what did harm comes last"
    daily.taught(record, lessons)
    assert heard[-1].task_id == "next" and heard[-1].lessons == tuple(each.id for each in lessons)
    curriculum.retire(home, "twice")
    assert [each.text for each in daily.lessons_for(record)] == ["Lint."], "the file is read anew for each agent"
    daily.taught(replace(record, lessons=(lessons[0].id,)), lessons[:1])
    assert len(heard) == 2, "what is known already is not said again"


async def test_patterns_in_force_count_as_told_to_the_tasks_they_are_for(home: Home) -> None:
    curriculum.accept(home, [proposed(home)[TESTED]], NOON)
    heard: list[Any] = []
    daily = tutor(home, heard)
    daily.taught(kept(home, "next", module="orders"), ())
    daily.taught(kept(home, "other", module="billing"), ())
    assert [(each.task_id, each.lessons) for each in heard] == [("next", (proposals.read(home).lessons[0].id,))]


async def test_a_rehearsal_is_told_the_lessons_and_puts_none_in_force(home: Home) -> None:
    curriculum.accept(home, [proposed(home)[PAGINATE]], NOON)
    heard: list[Any] = []
    daily = tutor(home, heard, rehearsal=True, auto_apply=True)
    await daily.look(DAY)
    assert heard == [] and SLOW in proposed(home)
    assert [each.text for each in daily.lessons_for(kept(home, "next", module="orders"))] == [PAGINATE]


async def test_a_broken_lessons_file_is_said_and_keeps_the_daemon_from_nothing(home: Home) -> None:
    home.lessons.mkdir(parents=True)
    heard: list[Any] = []
    await tutor(home, heard).look(DAY)
    assert len(heard) == 1 and "lessons.md: cannot be read" in heard[0]
