"""Contradictions between a claim and the evidence: found when they are plain, never made up."""

import time
from datetime import UTC, date, datetime

import pytest

from dayshift.evidence import Check
from dayshift.model import Record, Task
from dayshift.reporting.claims import contradictions
from dayshift.states import Failed

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
GREEN = Check("validate", "pytest -q", 0)
RED = Check("validate", "pytest -q", 1)
THERE = Check("deliverable", "docs/a.md", 0)
MISSING = Check("deliverable", "docs/a.md", 1, "missing")


def record(claim: str, *checks: Check) -> Record:
    return Record(
        Task("t", "name", "words", "sonnet"),
        date(2026, 11, 20),
        "/src",
        Failed(NOW, ""),
        NOW,
        checks=checks,
        claim=claim,
    )


@pytest.mark.parametrize(
    ("claim", "quoted"),
    [
        ("All tests pass.", "All tests pass."),
        ("I fixed it. The unit tests are all green now!", "The unit tests are all green now!"),
        ("12 passed, 0 failed", "12 passed, 0 failed"),
        ("## Result\n- everything passes the checks\n- **pytest passes**", None),
        ("The suite passed without any errors", "The suite passed without any errors"),
        ("It passes all the tests", "It passes all the tests"),
        ("The build is green", "The build is green"),
        ("* tests   now\tpass", "tests   now\tpass"),
    ],
)
def test_a_claim_of_passing_tests_against_a_red_validation(claim: str, quoted: str | None) -> None:
    found = contradictions(record(claim, GREEN, RED), 1)
    assert len(found) == 1
    assert found[0].endswith("; `pytest -q` exited 1")
    assert quoted is None or found[0].startswith(f'says "{quoted}"')


@pytest.mark.parametrize(
    "claim",
    [
        "",
        "The tests do not pass yet.",
        "2 tests pass, 1 test fails.",
        "The tests don\u2019t pass.",
        "The tests should pass.",
        "If the tests pass, merge it.",
        "I ran the tests.",
        "I passed the latest value to the function.",
        "The tests check that the token is really passed on.",
    ],
)
def test_what_is_no_claim_of_passing_tests_is_left_alone(claim: str) -> None:
    assert contradictions(record(claim, RED), 1) == []


def test_passing_tests_contradict_nothing_when_the_validations_passed_or_there_are_none() -> None:
    assert contradictions(record("All tests pass.", GREEN), 1) == []
    assert contradictions(record("All tests pass."), 1) == []


def test_claimed_work_without_a_changed_file() -> None:
    assert contradictions(record("Done."), 0) == ['says "Done."; no file changed']


@pytest.mark.parametrize(
    ("claim", "checks", "changed"),
    [
        ("Done.", (), None),  # not known how many files changed
        ("Done.", (), 1),
        ("Done.", (THERE,), 0),  # the deliverable lies outside the repository
        ("Nothing was changed.", (), 0),
        ("It has to be done by you.", (), 0),
    ],
)
def test_work_is_not_doubted_without_proof(claim: str, checks: tuple[Check, ...], changed: int | None) -> None:
    assert contradictions(record(claim, *checks), changed) == []


def test_claimed_work_with_a_deliverable_missing() -> None:
    found = contradictions(record("I have written the guide", MISSING, THERE), 3)
    assert found == ['says "I have written the guide"; docs/a.md is missing']


def test_a_hostile_claim_does_not_take_long() -> None:
    began = time.monotonic()
    for claim in ("tests " + " " * 100_000, "tests " * 20_000, "a" * 200_000, "0 fail " * 20_000, ". " * 50_000):
        contradictions(record(claim, RED), 0)
    assert time.monotonic() - began < 5
