"""What lies ahead of a day's tasks: what each was likely to cost, what tomorrow should know, what is carried over."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date

from dayshift import files, records
from dayshift.alerts import OWN_CAP
from dayshift.day_facts import DayFacts, Estimate, Tomorrow
from dayshift.home import Home
from dayshift.inputs.documents import BadDocument
from dayshift.inputs.settings import Settings
from dayshift.learning import teaching
from dayshift.model import Record
from dayshift.money import Pico, shown
from dayshift.outlook import carry_over, forecast, tomorrow
from dayshift.outlook.carry_over import Left
from dayshift.outlook.forecast import Forecast
from dayshift.outlook.prospects import Prospects
from dayshift.states import Done, Parked
from treasury import Treasury

log = logging.getLogger("dayshift")


def ahead(
    home: Home, treasury: Treasury, mine: Sequence[Record], known: Mapping[str, Record], timezone: str
) -> tuple[dict[str, Estimate], Tomorrow | None]:  # fmt: skip
    """What a day's tasks were likely to cost, and what the next day should know; nothing of a rehearsal."""
    if not mine or mine[0].rehearsal:
        return {}, None
    day, prospects = mine[0].day, _prospects(home, treasury)
    estimates = _estimates(treasury, prospects.before(day, treasury.statement), mine)
    return estimates, _coming(home, treasury, prospects, day, mine, known, timezone)


def _estimates(treasury: Treasury, prospects: Prospects, mine: Sequence[Record]) -> dict[str, Estimate]:
    """What each task was likely to cost on its day, made from tasks of earlier days only."""
    found = {}
    for record in mine:
        if whole := prospects.forecast(record.task):
            rest = forecast.left(whole, treasury.before(record), None)
            if rest.median:  # of one that has cost more than was likely nothing is known
                found[record.id] = Estimate(rest.median, rest.worst, str(whole))
    return found


def _coming(
    home: Home, treasury: Treasury, prospects: Prospects, day: date, mine: Sequence[Record],
    known: Mapping[str, Record], timezone: str,
) -> Tomorrow:  # fmt: skip
    """What the next day should know. A task that was cleaned is given up, though the report still tells of it."""
    today, tasks = treasury.today, [each.task for each in mine]
    left = tomorrow.unfinished(each for each in mine if known.get(each.id) == each)
    still = _still(treasury, prospects, left)
    charges = {date.fromisoformat(line.key): line.cost for line in treasury.statement.by("day", until=today)}
    return Tomorrow(
        carry_over.next_day(day), carry_over.present(home, day) if left else "",
        tuple((each.id, tomorrow.why(each, known)) for each in left),
        prospects.corrections(tasks), prospects.models(tasks),
        tomorrow.budget(treasury.standings(), today, tomorrow.pace(charges, today), still,
                        tomorrow.reached(mine, still, timezone), treasury.day_cap),
        _waiting(home),
    )  # fmt: skip


def _waiting(home: Home) -> int:
    """How many lessons are proposed; a file of them that cannot be read, of which the tutor tells, ends no report."""
    try:
        return teaching.waiting(home)
    except BadDocument:
        return 0


def _prospects(home: Home, treasury: Treasury) -> Prospects:
    return Prospects.of(home, treasury.statement, treasury.prices(treasury.today))


def _still(treasury: Treasury, prospects: Prospects, left: Sequence[Record]) -> dict[str, Forecast]:
    """What each of these will probably cost from now on, as far as its cap lets it."""
    whole = {record.id: prospects.forecast(record.task) for record in left}
    return {
        record.id: forecast.left(each, _so_far(treasury, record), record.task.max_cost)
        for record in left
        if (each := whole[record.id])
    }


def _so_far(treasury: Treasury, record: Record) -> Pico:
    """What the task has cost on all its days."""
    line = treasury.statement.task(record.day, record.id)
    return treasury.before(record) + (line.cost if line else 0)


# --- carried over ----------------------------------------------------------------------------------


def carried(home: Home, settings: Settings, treasury: Treasury, facts: DayFacts) -> DayFacts:
    """The facts, with the day file of what was left, which is written now; what hinders that costs the file alone."""
    if facts.tomorrow is None:
        return facts
    unfinished = dict(facts.tomorrow.unfinished)
    left = [each for each in facts.records if each.id in unfinished]
    try:
        remarked = _remarked(home, treasury, left, {each.id: each for each in facts.records})
        carry_over.write(home, settings, facts.date, _own_cap(home, facts.date), remarked)
    except (OSError, ValueError) as error:
        log.warning("what %s left was not written as a day file: %s", facts.date, error)
    written = carry_over.present(home, facts.date) if left else ""
    return replace(facts, tomorrow=replace(facts.tomorrow, carry_over=written))


def _own_cap(home: Home, day: date) -> Pico | None:
    """The cap that the day file itself named."""
    known = None
    with suppress(files.Unusable):  # told when it is needed to go on; a report does without
        known, _ = records.kept_day(home, rehearsal=False)
    return known.max_cost if known and known.date == day else None


def _remarked(home: Home, treasury: Treasury, left: Sequence[Record], known: Mapping[str, Record]) -> list[Left]:
    prospects = _prospects(home, treasury)
    return [Left(record, tuple(_remarks(record, known, treasury, prospects))) for record in left]


def _stopped_by(record: Record, spent: Pico, cap: Pico) -> bool:
    """Whether the task's own cap ended it, or is all but spent."""
    own = isinstance(record.state, Parked) and record.state.detail.startswith(OWN_CAP)
    return own or (spent > 0 and cap < spent + spent // 10)


def _remarks(record: Record, known: Mapping[str, Record], treasury: Treasury, prospects: Prospects) -> Iterator[str]:
    """Why it is not done, what it cost and will, what its likes speak for."""
    yield tomorrow.why(record, known)
    if record.review == "rejected":
        yield f"you rejected what it made, and it is told so: {record.review_reason}"
    yield from _bases(record, known)
    spent = _so_far(treasury, record)
    runs = "1 run" if record.runs == 1 else f"{record.runs} runs"
    so_far = f"{shown(spent)} so far, in {runs}" if record.runs else "not begun"
    likely = prospects.forecast(record.task)
    yield so_far + (f"; likely {shown(likely.median)} in all ({likely})" if likely else "")
    if record.task.max_cost is not None and _stopped_by(record, spent, record.task.max_cost):
        yield f"its cap of {shown(record.task.max_cost)} holds over all days: raise it, or it stops there again"
    if found := prospects.correction(record.task):
        yield found
    if suggested := prospects.suggestion(record.task):
        yield f"suggestion: {suggested}"


def _bases(record: Record, known: Mapping[str, Record]) -> Iterator[str]:
    """What became of the tasks it depends on that are not left too, if it has still to start from them."""
    for each in record.task.depends_on if record.base is None else ():
        needed = known.get(each)
        if needed is None:
            continue
        if isinstance(needed.state, Done):
            made = f"what {each} made"
            yield f"starts without {made}, which you rejected" if needed.review == "rejected" else f"starts from {made}"
        elif needed.ended and needed.state.name == "cancelled":
            yield f"starts without {each}, which was cancelled"
