"""The facts of a day for its report, gathered from records, ledger and git."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from ahead import ahead
from dayshift import files, records
from dayshift.cost.standing import Standing
from dayshift.cost.statement import Line, Statement
from dayshift.day_facts import AuditLine, BudgetRow, DayFacts, Overlap, SpendRow
from dayshift.deciding import schedule
from dayshift.evidence import Closing, DiffStat, Steering
from dayshift.home import Home
from dayshift.logbook import timeline
from dayshift.model import Record
from dayshift.money import shown
from dayshift.repository import daybook, git, steering, workspace
from dayshift.reviewing import overlaps
from dayshift.running import wrecks
from dayshift.sandboxing.sandbox import NO_NETWORK, NO_SANDBOX
from dayshift.states import Parked, ParkReason
from treasury import Treasury

SUMMARY_BYTES = 32 << 10  #: of what an agent says of its work; more is not for a person with two minutes


@dataclass(frozen=True, slots=True)
class Changes:
    """What git says of the work of these tasks."""

    works: tuple[object, ...]
    diffs: Mapping[str, DiffStat]
    steering: Mapping[str, tuple[Steering, ...]]
    overlaps: tuple[Overlap, ...]


def changes(mine: tuple[Record, ...], seen: Changes | None = None) -> Changes:
    """It, or what was `seen` before while that holds. Git takes seconds when dozens of tasks changed the same; so ask
    in a thread where somebody waits."""
    if seen and seen.works == _works(mine):
        return seen
    projects = _projects(mine)
    diffs = _diffs(mine, projects)
    return Changes(_works(mine), diffs, _steering(mine, projects, diffs), overlaps.among(mine))


def _works(mine: Iterable[Record]) -> tuple[object, ...]:
    """All that it depends on: while this is the same, git says the same."""
    return tuple(
        (each.id, each.day, each.rehearsal, each.project, each.base, each.commit, each.review, each.in_quarantine,
         each.task.depends_on)
        for each in mine
    )  # fmt: skip


def gather(
    home: Home, day: date, known: Mapping[str, Record], treasury: Treasury, timezone: str, rehearsal: bool, dirty: bool,
    now: datetime, seen: Changes | None = None,
) -> DayFacts:  # fmt: skip
    """Everything the report of that day says. Same records, same ledger, same repository: same facts.

    What was `seen` of the same work before is not asked of git again.
    """
    ledger = treasury.statement
    mine = of_the_day(home, day, known, rehearsal)
    changed = changes(mine, seen)
    layers = _layers(mine)
    fenced = NO_SANDBOX not in layers
    by_task = _rows(ledger.by("task", file_day=day), f"{day}/")
    ended = max((r.state.since for r in mine), default=None) if schedule.over(mine) else None
    history = timeline.read(home, day, rehearsal)
    estimates, tomorrow = ahead(home, treasury, mine, known, timezone)
    return DayFacts(
        date=day, project=mine[0].project if mine else "", rehearsal=rehearsal, cap=treasury.day_cap,
        spent=sum(row.cost for row in by_task if row.cost is not None),
        reserved=sum(line.reserved for line in ledger.by("day", file_day=day)),
        by_model=_rows(ledger.by("model", file_day=day), ""), by_task=by_task,
        records=mine, diffs=changed.diffs, audit=_audit(mine, daybook.close_day(home, day, mine, fenced)),
        layers=layers, guarantee=treasury.guarantee(fenced), steering=changed.steering,
        dirty_tree=dirty, cap_reached=any(_capped(r) for r in mine),
        started_at=min(filter(None, map(_began, mine)), default=None),
        ended_at=ended, course=ledger.course(day),
        overlaps=changed.overlaps, estimates=estimates, tomorrow=tomorrow, summaries=_summaries(home, mine),
        stretches={record.id: timeline.stretches(record, history, ended or now) for record in mine},
        timezone=timezone, budgets=tuple(map(_budget, treasury.standings())), overruns=_overruns(ledger, day, mine),
        unreadable=wrecks.ids(records.load_all(home)[1]),
        picture=drawn.name if (drawn := home.picture(day, rehearsal)).exists() else "",
    )  # fmt: skip


def of_the_day(home: Home, day: date, known: Mapping[str, Record], rehearsal: bool) -> tuple[Record, ...]:
    """The day's tasks, also those that were cleaned since: its report goes on to tell of them."""
    there = {each.id: each for each in known.values() if (each.day, each.rehearsal) == (day, rehearsal)}
    cleaned = {} if rehearsal else {each.id: each for each in records.of_day(home, day)}
    return tuple(sorted({**cleaned, **there}.values(), key=lambda each: each.id))


def _summaries(home: Home, known: Iterable[Record]) -> dict[str, str]:
    """What the agents wrote of their work, where that is a plain file of a sensible size."""
    found = {}
    for record in known:
        with suppress(OSError, files.Refused):
            found[record.id] = files.read_untrusted(home.workspace(record.id) / "summary.md", SUMMARY_BYTES)
    return found


def _began(record: Record) -> datetime | None:
    """When work on the task began on its present day."""
    return record.earlier[-1].until if record.earlier else record.started_at


def _budget(standing: Standing) -> BudgetRow:
    return BudgetRow(
        standing.called, standing.cap, standing.settled, standing.elsewhere, standing.reserved, standing.left
    )  # fmt: skip


def _overruns(ledger: Statement, day: date, known: Iterable[Record]) -> tuple[str, ...]:
    ids = {record.id for record in known}
    return tuple(
        f"{each.task_id}: an answer of {each.model} cost {shown(each.cost)}, {shown(each.ceiling)} at most was expected"
        for each in ledger.overruns(since=day)
        if each.task_id in ids
    )


def _rows(lines: Iterable[Line], prefix: str) -> tuple[SpendRow, ...]:
    return tuple(
        SpendRow(line.key.removeprefix(prefix), line.requests, line.tokens, line.cost, line.unknown)
        for line in lines
        if line.key.startswith(prefix)
    )


def _projects(known: Iterable[Record]) -> dict[str, git.Repository]:
    """The repositories of these tasks, each looked for once; what is none any more is left out."""
    found = {}
    for project in {record.project for record in known}:
        with suppress(git.NotARepository):
            found[project] = git.find(Path(project))
    return found


def _diffs(known: Iterable[Record], projects: Mapping[str, git.Repository]) -> dict[str, DiffStat]:
    found = {}
    for record in known:
        if record.base and record.commit and record.project in projects:
            place = workspace.Workspace(Path(record.id), projects[record.project])
            with suppress(git.GitError):
                found[record.id] = place.diff_stat(record.base, record.commit)
    return found


def _steering(
    known: Iterable[Record], projects: Mapping[str, git.Repository], diffs: Mapping[str, DiffStat]
) -> dict[str, tuple[Steering, ...]]:
    found = {}
    for record in known:
        if record.id in diffs and record.base and record.commit:
            project, paths = projects[record.project], diffs[record.id].paths
            with suppress(git.GitError):
                found[record.id] = steering.changed(project, record.base, record.commit, paths)
    return found


def _audit(known: tuple[Record, ...], closing: Closing) -> AuditLine:
    found = tuple((record.id, finding) for record in known for finding in record.findings_today)
    checked = sum(record.audited_today for record in known)
    all_checked = checked == sum(record.runs_today for record in known)
    return AuditLine(all_checked and not any(finding.halts for _, finding in found), found, checked, closing)


def _layers(known: Iterable[Record]) -> tuple[str, ...]:
    layers = dict.fromkeys(layer for record in known for layer in record.layers)
    weaker = any(layer.startswith(f"{NO_NETWORK} and ") for layer in layers)  # of some task, whose card says so
    return tuple(layer for layer in layers if not (weaker and layer == NO_NETWORK))


def _capped(record: Record) -> bool:
    return isinstance(record.state, Parked) and record.state.why is ParkReason.cap
