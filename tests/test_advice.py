"""Advice from what became of like tasks: exact sentences with their numbers, and silence without ground."""

# ruff: noqa: RUF001 - a multiplication sign stands between numbers
from datetime import date
from typing import Any

import pytest

from dayshift.model import Complexity, Task
from dayshift.money import from_usd
from dayshift.outcomes import Outcome
from dayshift.outlook import advice
from dayshift.outlook.advice import Suggestion

HAIKU, SONNET, OPUS = "claude-haiku-4-5", "claude-sonnet-5-5", "claude-opus-5"
MONDAY = date(2026, 11, 16)


def did(cost: str | None = "0.20", model: str = SONNET, state: str = "done", **facts: Any) -> Outcome:
    given: dict[str, Any] = {
        "module": "orders", "kind": "fix", "complexity": "medium", "review": "pending", "attempts": 1, **facts,
    }  # fmt: skip
    return Outcome(
        day=MONDAY, task_id="t", name="T", project="/shop", model=model, state=state,
        cost=None if cost is None else from_usd(cost), seconds=60, questions=0, blocked=0, validations=0, passed=0,
        rating=None, lessons=(), ended_at=None, **given,
    )  # fmt: skip


def task(model: str = SONNET, **facts: Any) -> Task:
    return Task("a", "A", "words", model, **{"module": "orders", "kind": "fix", **facts})


def assumed(model: str, complexity: str) -> int | None:
    return {SONNET: from_usd("0.20"), OPUS: from_usd("1.00")}.get(model)


# --- estimates -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        (
            [did(cost) for cost in ("0.30", "0.40", "0.42", "0.42", "0.42", "0.50", "0.60")],
            "medium tasks of the module orders of the kind fix cost $0.42 in the median of 7, 2.1 × the $0.20 that was "
            "assumed",
        ),
        (
            [did("0.42", kind=kind) for kind in ("fix", "docs", "test", "docs", "test")],
            "medium tasks of the module orders cost $0.42 in the median of 5, 2.1 × the $0.20 that was assumed",
        ),
        (
            [did("0.42", module=module, kind="docs") for module in "abcde"],
            "medium tasks cost $0.42 in the median of 5, 2.1 × the $0.20 that was assumed",
        ),
        (
            [did("0.01")] * 5,
            "medium tasks of the module orders of the kind fix cost $0.0100 in the median of 5, 0.05 × the $0.20 that "
            "was assumed",
        ),
        ([did("0.42")] * 4, ""),
        ([did("0.25")] * 9, ""),
        ([did("0.42", complexity="high")] * 9, ""),
        ([did("0.42", model="gone")] * 9, ""),
        ([did(None)] * 9, ""),
        ([did("0.42", state="cancelled")] * 9, ""),
        ([], ""),
    ],
    ids=["module and kind", "module", "complexity", "less", "four", "near", "others", "unpriced", "unknown",
         "cancelled", "none"],
)  # fmt: skip
def test_an_estimate_is_corrected_by_the_likes_that_are_enough(outcomes: list[Outcome], sentence: str) -> None:
    assert advice.correction(task(), outcomes, assumed) == sentence
    assert advice.corrections([task(), task()], outcomes, assumed) == ((sentence,) if sentence else ())


# --- models ----------------------------------------------------------------------------------------

WELL = [did("0.30")] * 8
POOR = [did("0.10", HAIKU, "failed", attempts=2)] * 4 + [did("0.10", HAIKU, attempts=2)] * 2


@pytest.mark.parametrize(
    ("model", "outcomes", "sentences"),
    [
        (
            HAIKU,
            WELL + POOR,
            (
                "claude-haiku-4-5 was too weak for medium tasks: 2 of 6 done, 2.0 attempts each, $0.10 "
                "in the median; claude-sonnet-5-5: 8 of 8 done, 1.0 attempts each, $0.30 in the median",
            ),
        ),
        (
            HAIKU,
            WELL + [did("0.10", HAIKU, review="rejected")] * 5,
            (
                "claude-haiku-4-5 was too weak for medium tasks: 0 of 5 done, 1.0 attempts each, $0.10 "
                "in the median; claude-sonnet-5-5: 8 of 8 done, 1.0 attempts each, $0.30 in the median",
            ),
        ),
        (
            OPUS,
            WELL + [did("1.50", OPUS)] * 5,
            (
                "claude-opus-5 was dearer than needed for medium tasks: 5 of 5 done, 1.0 attempts each, "
                "$1.50 in the median; claude-sonnet-5-5: 8 of 8 done, 1.0 attempts each, $0.30 in the median",
            ),
        ),
        (SONNET, WELL + POOR, ()),
        (OPUS, WELL + [did("0.40", OPUS)] * 5, ()),
        (OPUS, [did("0.30")] * 6 + [did("0.30", state="failed")] + [did("1.50", OPUS)] * 9, ()),
        (HAIKU, WELL[:4] + POOR, ()),
        (HAIKU, WELL + POOR[:4], ()),
        (HAIKU, [did("0.30", complexity="high")] * 8 + POOR, ()),
        (HAIKU, POOR, ()),
    ],
    ids=["weak", "weak by review", "dear", "the better one", "hardly dearer", "cheaper but worse", "others too few",
         "own too few", "another complexity", "alone"],
)  # fmt: skip
def test_models_are_called_weak_or_dear_only_beside_a_better_one(
    model: str, outcomes: list[Outcome], sentences: tuple[str, ...]
) -> None:
    assert advice.models([(task(model), model)] * 2, outcomes) == sentences


# --- a model and a cap -----------------------------------------------------------------------------


def cap(amount: str | None, model: str = SONNET) -> Task:
    return task(model, max_cost=None if amount is None else from_usd(amount))


LIKES = "medium tasks of the module orders of the kind fix"
OF_SONNET = "claude-sonnet-5-5: 8 of 8 done, 1.0 attempts each, $0.30 in the median"


@pytest.mark.parametrize(
    ("given", "outcomes", "expected"),
    [
        (
            cap(None),
            WELL,
            Suggestion(None, from_usd("0.45"), f"{LIKES} with {OF_SONNET}; nine of ten cost at most $0.30", 8),
        ),
        (
            cap("0.20"),
            WELL,
            Suggestion(None, from_usd("0.45"), f"{LIKES} with {OF_SONNET}; nine of ten cost at most $0.30", 8),
        ),
        (
            cap("2.30"),
            WELL,
            Suggestion(None, from_usd("0.45"), f"{LIKES} with {OF_SONNET}; nine of ten cost at most $0.30", 8),
        ),
        (cap("0.50"), WELL, None),
        (
            cap("1.00", HAIKU),
            WELL + POOR,
            Suggestion(
                SONNET, None, f"{LIKES} with claude-haiku-4-5: 2 of 6 done, 2.0 attempts each, $0.10 in the median; "
                f"with {OF_SONNET}", 14,
            ),
        ),
        (cap(None), WELL[:4], None),
        (cap(None), [], None),
        (cap(None, OPUS), WELL, None),
    ],
    ids=["no cap", "too low", "far too high", "well", "model", "four", "none", "own model unknown"],
)  # fmt: skip
def test_a_task_is_suggested_what_its_likes_speak_for(
    given: Task, outcomes: list[Outcome], expected: Suggestion | None
) -> None:
    assert advice.suggestion(given, given.model, outcomes) == expected


def test_the_narrowest_group_that_is_enough_counts_and_the_cap_leaves_room_for_a_request() -> None:
    outcomes = [did("0.30", kind="docs")] * 5 + [did("9", module="other")] * 20
    found = advice.suggestion(cap(None), SONNET, outcomes, least=from_usd("0.501"))
    assert found is not None
    assert str(found) == (
        "cap $0.96: medium tasks of the module orders with claude-sonnet-5-5: 5 of 5 done, 1.0 attempts each, $0.30 in "
        "the median; nine of ten cost at most $0.30"
    )
    assert found.as_json() == {"model": None, "cap_usd": "0.96", "why": found.why, "tasks": 5}


def test_a_hostile_module_stays_one_short_line() -> None:
    name = "x\n\x1b[31m\u202e" + "y" * 500
    told = advice.correction(task(module=name), [did("0.90", module=name)] * 5, assumed)
    assert "\n" not in told and "\x1b" not in told and "\u202e" not in told and len(told) < 250


def test_only_the_latest_likes_count() -> None:
    outcomes = [did("9")] * 50 + [did("0.42")] * advice.RECENT
    assert "cost $0.42 in the median of 100," in advice.correction(task(), outcomes, assumed)
    assert Complexity.medium == task().complexity
