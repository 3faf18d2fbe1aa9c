"""Which tasks a choice means."""

from datetime import timedelta

import pytest

from dayshift.states import Cancelled, Done, State
from dayshift.tidying import clearance
from dayshift.tidying.clearance import Choice
from tests.house import HOUR, NINE, queued, record

DAY = timedelta(days=1)


@pytest.mark.parametrize(("text", "meant"), [("12h", 12 * HOUR), ("7d", 7 * DAY), (" 4w ", 28 * DAY), ("0d", 0 * DAY)])
def test_an_age_is_a_number_and_a_unit(text: str, meant: timedelta) -> None:
    assert clearance.age(text) == meant


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1.5d", "7 days", "99999d", "7m", "\u0667d"])
def test_anything_else_is_no_age(text: str) -> None:
    with pytest.raises(ValueError, match="no age"):
        clearance.age(text)


@pytest.mark.parametrize(
    ("state", "review", "choice", "meant"),
    [
        (queued(), "pending", Choice(), True),
        (queued(), "pending", Choice(older_than=0 * DAY), False),
        (queued(), "pending", Choice(reviews=("pending",)), False),
        (Done(NINE), "pending", Choice(older_than=DAY), True),
        (Done(NINE), "pending", Choice(older_than=DAY + HOUR), False),
        (Done(NINE), "accepted", Choice(states=("failed", "done")), True),
        (Cancelled(NINE), "accepted", Choice(states=("failed", "done")), False),
        (Done(NINE), "accepted", Choice(DAY, ("done",), ("rejected",)), False),
        (Done(NINE), "rejected", Choice(DAY, ("done",), ("rejected",)), True),
    ],
)
def test_a_choice_means_what_it_says(state: State, review: str, choice: Choice, meant: bool) -> None:
    assert choice.means(record(state, review=review), NINE + DAY) is meant
