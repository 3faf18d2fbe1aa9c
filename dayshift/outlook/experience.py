"""What became of every task of every day, gathered from what is kept.

Joins the records for what happened, the statement for what it cost.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from dayshift import records
from dayshift.cost.statement import Bill, Statement
from dayshift.home import Home
from dayshift.model import Record
from dayshift.money import Pico
from dayshift.outcomes import Outcome

Which = tuple[date, str, datetime]  #: one record: its day, its id, when it was made


def gather(home: Home, ledger: Statement | None, ratings: Mapping[tuple[date, str], int]) -> tuple[Outcome, ...]:
    """One outcome for every real task as the person sees it, by day and id.

    A task that went on over several days counts once, on its last day, with the cost of them all. A cost is what was
    charged: of a request whose end is unknown, the most it can have cost. It is None for a task that ran, if there is
    no ledger, or one that cannot have known it.
    """
    known = records.of_all_days(home)
    return _outcomes(_continued(known), _bills(known, ledger), _rated(known, ratings))


def day_by_day(
    known: Sequence[Record], ledger: Statement | None, ratings: Mapping[tuple[date, str], int]
) -> tuple[Outcome, ...]:  # fmt: skip
    """One outcome for every record, as the reports of the days have it: a task that went on counts on each of its days,
    as it stood then, with the cost of that day."""
    return _outcomes(([each] for each in known), _bills(known, ledger), _rated(known, ratings))


def _outcomes(
    tasks: Iterable[Sequence[Record]], bills: Mapping[Which, Bill], rated: Mapping[Which, int]
) -> tuple[Outcome, ...]:  # fmt: skip
    found = [(days[-1].created_at, _outcome(days, bills, rated)) for days in tasks]
    return tuple(each for _, each in sorted(found, key=lambda pair: (pair[1].day, pair[1].task_id, pair[0])))


def _continued(known: Iterable[Record]) -> Iterable[list[Record]]:
    """The records of one task together, the last day's last."""
    found: dict[tuple[str, datetime], list[Record]] = defaultdict(list)
    for each in known:
        found[each.id, each.created_at].append(each)
    return found.values()


def _rated(known: Iterable[Record], ratings: Mapping[tuple[date, str], int]) -> dict[Which, int]:
    """The rating of each record. Of an id that was used twice on one day the last was rated."""
    last = {(each.day, each.id): _which(each) for each in sorted(known, key=lambda each: each.created_at)}
    return {which: ratings[key] for key, which in last.items() if key in ratings}


def _bills(known: Sequence[Record], ledger: Statement | None) -> dict[Which, Bill]:
    """What each record was charged on its day. Of an id that was used twice on one day each has its own time."""
    if ledger is None:
        return {}
    charged, times = ledger.bills(), defaultdict(list)
    for each in known:
        times[each.day, each.id].append(each.created_at)
    first = min((day for day, _ in charged), default=date.max)
    found = {}
    for each in known:
        moments = [moment for moment in times[each.day, each.id] if moment > each.created_at]
        if len(times[each.day, each.id]) == 1:
            bill = charged.get((each.day, each.id))
        else:
            bill = ledger.bill(each.day, each.id, each.created_at, min(moments, default=None))
        if bill is None and each.day >= first and not each.steps:
            bill = Bill(each.task.model, 0)  # no request of its day escapes the ledger: it made none
        if bill:
            found[_which(each)] = bill
    return found


def _which(record: Record) -> Which:
    return record.day, record.id, record.created_at


def _outcome(days: Sequence[Record], bills: Mapping[Which, Bill], ratings: Mapping[Which, int]) -> Outcome:
    last = days[-1]
    its = [bills.get(_which(each)) for each in days]
    commands = [check for check in last.checks if check.kind == "validate"]
    rated = (ratings.get(_which(each)) for each in reversed(days))
    return Outcome(
        day=last.day, task_id=last.id, name=last.task.name, project=last.project, module=last.task.module,
        kind=last.task.kind, complexity=str(last.task.complexity),
        model=next((bill.model for bill in reversed(its) if bill), last.task.model),
        state=last.state.name, review=last.review, attempts=last.attempt, cost=_cost(days, its),
        seconds=last.active_seconds, questions=len(last.questions), blocked=len(last.blocked),
        validations=len(commands), passed=sum(check.exit_code == 0 for check in commands),
        rating=next((rating for rating in rated if rating is not None), None),
        lessons=last.lessons, ended_at=last.ended_at, late_lessons=last.late_lessons,
    )  # fmt: skip


def _cost(days: Sequence[Record], bills: Sequence[Bill | None]) -> Pico | None:
    total, runs = 0, 0
    for each, bill in zip(days, bills, strict=True):
        if bill is None and each.runs > runs:
            return None
        total, runs = total + (bill.cost if bill else 0), each.runs
    return total
