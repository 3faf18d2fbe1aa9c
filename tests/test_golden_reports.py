"""A dozen days and their reports, byte for byte; and that none of them says more than it is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dayshift.day_facts import DayFacts, Overlap
from dayshift.reporting import mermaid
from dayshift.reporting.attention import by_file, counting, still_open
from dayshift.reporting.phrases import audit_sentence
from dayshift.reporting.report import render_markdown
from dayshift.reporting.report_json import as_json
from tests.day_examples import DAYS, GOLDEN, conflict, day, everything, finished, forty, golden, hostile

HEADINGS = (
    "Needs you", "At a glance", "Before you accept", "What tomorrow should know", "Tasks", "The day in pictures",
    "Spend", "Audit", "How it was protected",
)  # fmt: skip
TABLES = {"task", "exit", "clash", "this day's tasks", "budget, with all that counts in it", "model"}
SECOND_SCREEN = 8000  #: characters of Markdown, tables and all, that are skimmed in two minutes


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def inline(seen: list[Token]) -> Iterator[Token]:
    for token in seen:
        yield from token.children or ()


def headings(seen: list[Token], tag: str) -> list[str]:
    """The text of every heading of that level, as a reader sees it."""
    places = [place for place, token in enumerate(seen) if (token.type, token.tag) == ("heading_open", tag)]
    return ["".join(child.content for child in seen[place + 1].children or ()) for place in places]


def first_cells(seen: list[Token]) -> list[str]:
    """The first heading of every table."""
    return [seen[place + 4].content for place, token in enumerate(seen) if token.type == "table_open"]


@pytest.mark.parametrize("name", DAYS)
def test_a_day_gives_its_report_to_the_byte(name: str) -> None:
    kept, made = golden(name).read_text(encoding="utf-8"), render_markdown(DAYS[name]())
    assert made == kept, "a wanted change is kept by `python -m tests.day_examples`; read its difference first"


def test_no_report_is_kept_that_no_day_gives() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(DAYS)


@pytest.mark.parametrize("name", DAYS)
def test_every_heading_table_and_picture_is_ours(name: str) -> None:
    facts = DAYS[name]()
    seen = tokens(render_markdown(facts))
    assert len(headings(seen, "h1")) == 1
    found = headings(seen, "h2")
    assert found == [each for each in HEADINGS if each in found]
    assert sorted(each.split(" · ")[0] for each in headings(seen, "h3")) == sorted(each.id for each in facts.records)
    assert set(first_cells(seen)) <= TABLES
    assert len([each for each in first_cells(seen) if each == "exit"]) <= len(facts.records)
    fences = [token.info for token in seen if token.type == "fence"]
    drawn = (mermaid.timeline(facts), mermaid.spend(facts), mermaid.shares(facts), mermaid.models(facts))
    assert set(fences) <= {"text", "mermaid"} and fences.count("mermaid") == len([each for each in drawn if each])


@pytest.mark.parametrize("name", DAYS)
def test_no_html_no_image_and_no_link_but_to_our_own_picture(name: str) -> None:
    facts = DAYS[name]()
    seen = [*(whole := tokens(render_markdown(facts))), *inline(whole)]
    assert not [token for token in seen if token.type in ("html_block", "html_inline", "image")]
    assert [token.attrs["href"] for token in seen if token.type == "link_open"] == [facts.picture] * bool(facts.picture)


@pytest.mark.parametrize("name", DAYS)
def test_the_first_paragraph_is_the_audits(name: str) -> None:
    facts = DAYS[name]()
    assert render_markdown(facts).split("\n")[2] == audit_sentence(facts)


def test_no_evidence_is_forged_by_what_an_agent_wrote() -> None:
    facts = hostile()
    whole = tokens(render_markdown(facts))
    strong = [text.content for text, before in zip([*inline(whole)][1:], inline(whole), strict=False)
              if before.type == "strong_open"]  # fmt: skip
    assert strong.count("Contradiction") == 1  # the one that there is
    assert strong.count("Validations") == 1  # of the done task; the failed one has a table
    rows = [token.content for token in whole if token.type == "inline" and token.content.strip() in ("0", "**1**")]
    assert rows == ["**1**"]


def turned_round(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: mapping[key] for key in reversed(list(mapping))}


def test_in_whatever_order_the_facts_come_the_report_is_the_same() -> None:
    facts = everything()
    turned = replace(
        facts, records=facts.records[::-1], by_task=facts.by_task[::-1], by_model=facts.by_model[::-1],
        overlaps=facts.overlaps[::-1], diffs=turned_round(facts.diffs),
        stretches=turned_round(facts.stretches), estimates=turned_round(facts.estimates),
        steering=turned_round(facts.steering),
    )  # fmt: skip
    assert render_markdown(turned) == render_markdown(facts)
    assert as_json(turned) == as_json(facts)


def test_a_day_of_forty_tasks_is_read_in_two_minutes_before_its_cards_begin() -> None:
    assert render_markdown(forty()).index("\n## Tasks\n") < SECOND_SCREEN


def test_a_calm_card_is_a_few_lines() -> None:
    card = render_markdown(day(finished("task-1", "Add paging"))).split("### task-1")[1].split("\n## ")[0]
    assert len(card.strip().split("\n")) <= 8


# --- before you accept -----------------------------------------------------------------------------


def overlapping(*reviews: str) -> DayFacts:
    done = [finished(f"task-{number}", "Work", review=review) for number, review in enumerate(reviews, 1)]
    return day(*done, overlaps=(Overlap("task-1", "task-2", "a.py", "1", True),))


@pytest.mark.parametrize(
    ("reviews", "warned"),
    [
        (("pending", "pending"), True), (("accepted", "pending"), True), (("rejected", "pending"), False),
        (("pending", "rejected"), False), (("accepted", "accepted"), False),
    ],
)  # fmt: skip
def test_an_overlap_is_told_as_long_as_it_can_still_hurt(reviews: tuple[str, str], warned: bool) -> None:
    assert ("## Before you accept" in render_markdown(overlapping(*reviews))) == warned


def test_clashes_are_told_first_and_what_merges_by_file() -> None:
    assert [each.clash for each in still_open(conflict())] == [True, True, False]
    merging = [Overlap("task-10", "task-2", "a", "1", False), Overlap("task-1", "task-2", "a", "9", False)]
    assert by_file(merging) == [("a", ["task-1", "task-2", "task-10"], "")]


def test_of_what_git_was_not_asked_nothing_is_claimed() -> None:
    one = replace(overlapping("pending", "pending").overlaps[0], clash=True)
    facts = replace(overlapping("pending", "pending"), overlaps=(one, *(replace(one, clash=None),) * 2))
    text = render_markdown(facts)
    assert "2 more overlaps of the same lines are in the JSON beside this report" in text and "Git merges" not in text
    assert [each["clash"] for each in as_json(facts)["overlaps"]] == [True, None, None]


def test_numbers_in_ids_count() -> None:
    assert sorted(["a-10", "a-9", "b", "a", "1"], key=counting) == ["1", "a", "a-9", "a-10", "b"]


# --- for machines ----------------------------------------------------------------------------------


def test_json_tells_what_tomorrow_should_know_and_what_overlaps() -> None:
    content = as_json(everything())
    assert content["tomorrow"]["date"] == "2026-11-21"
    assert content["tomorrow"]["unfinished"][0] == {
        "task_id": "task-3", "why": "its dependencies could not be joined",
    }  # fmt: skip
    assert content["tomorrow"]["lessons"] == 3
    assert content["overlaps"][0] == {
        "one": "task-1", "other": "task-2", "path": "src/list.py", "lines": "10-14, 40", "clash": True,
    }  # fmt: skip
    estimates = {task["task_id"]: task["estimate"] for task in content["tasks"]}
    assert estimates["task-1"] == {"likely_usd": "0.30", "worst_usd": "0.60", "basis": "9 tasks like it"}
    assert estimates["task-2"] is None
    assert as_json(conflict())["tomorrow"] is None
