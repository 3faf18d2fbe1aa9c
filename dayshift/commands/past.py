"""What several commands read of the days before: the outcomes of their tasks, with the person's ratings."""

from datetime import date

from dayshift.cost.statement import statement
from dayshift.home import Home
from dayshift.learning import feedback_files
from dayshift.outcomes import Outcome
from dayshift.outlook import experience

NOTIONAL = "some of it was paid by a plan: that part of the cost is what it would have cost by the token, and no bill"


def outcomes(home: Home, since: date | None = None, until: date | None = None) -> tuple[Outcome, ...]:
    """Of every real task of the days named, by day and id."""
    with statement(home.ledger(rehearsal=False)) as books:
        found = experience.gather(home, books, feedback_files.ratings(home))
    first, last = since or date.min, until or date.max
    return tuple(each for each in found if first <= each.day <= last)


def on_a_plan(home: Home) -> bool:
    """Whether a plan paid for any request, so that costs are notional in part."""
    with statement(home.ledger(rehearsal=False)) as books:
        return books is not None and any(books.by("month", account="plan"))
