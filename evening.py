"""The facts of a day for its report, gathered from records, ledger and git."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from dayshift import decisions, git, workspace
from dayshift.model import DiffStat, Record
from dayshift.money import Pico
from dayshift.report import AuditLine, DayFacts, SpendRow
from dayshift.sandbox import NO_SANDBOX
from dayshift.states import Parked, ParkReason
from metrics import Ledger, Line, task_window

STRICT = (
    "Every request was admitted only if its worst case fitted the caps, before it left this machine; "
    "what was settled and what is reserved never exceed a cap together."
)
UNFENCED = "There was NO SANDBOX: agents could pass by the gateway, so the caps held only for what went through it."


def gather(
    day: date,
    known: Mapping[str, Record],
    ledger: Ledger,
    cap: Pico | None,
    timezone: str,
    rehearsal: bool,
    dirty: bool,
) -> DayFacts:
    """Everything the report of that day says. Same records, same ledger: same facts."""
    mine = tuple(sorted((r for r in known.values() if r.day == day and r.rehearsal == rehearsal), key=lambda r: r.id))
    layers = _layers(mine)
    by_task = _rows(ledger.by("task", file_day=day), f"{day}/")
    return DayFacts(
        date=day, project=mine[0].project if mine else "", rehearsal=rehearsal, cap=cap,
        spent=sum(row.cost for row in by_task if row.cost is not None), reserved=_reserved(ledger, mine),
        by_model=_rows(ledger.by("model", file_day=day), ""), by_task=by_task,
        records=mine, diffs=_diffs(mine), audit=_audit(mine), layers=layers,
        guarantee=UNFENCED if NO_SANDBOX in layers else STRICT,
        dirty_tree=dirty, cap_reached=any(_capped(r) for r in mine),
        started_at=min((r.started_at for r in mine if r.started_at), default=None),
        ended_at=max((r.state.since for r in mine), default=None) if decisions.over(mine) else None,
        timezone=timezone,
    )  # fmt: skip


def _reserved(ledger: Ledger, known: Iterable[Record]) -> Pico:
    return sum(ledger.spend(task_window(record.day, record.id)).reserved for record in known)


def _rows(lines: Iterable[Line], prefix: str) -> tuple[SpendRow, ...]:
    return tuple(
        SpendRow(line.key.removeprefix(prefix), line.requests, line.tokens, line.cost, line.estimated)
        for line in lines
        if line.key.startswith(prefix)
    )


def _diffs(known: Iterable[Record]) -> dict[str, DiffStat]:
    found = {}
    for record in known:
        if record.base and record.commit:
            try:
                project = git.find(Path(record.project))
                found[record.id] = workspace.Workspace(Path(record.id), project).diff_stat(record.base, record.commit)
            except (git.NotARepository, git.GitError):
                continue
    return found


def _audit(known: tuple[Record, ...]) -> AuditLine:
    found = tuple((record.id, finding) for record in known for finding in record.findings)
    checked = sum(record.audited_runs for record in known)
    all_checked = checked == sum(record.runs for record in known)
    return AuditLine(all_checked and not any(finding.by_agent for _, finding in found), found, checked)


def _layers(known: Iterable[Record]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(layer for record in known for layer in record.layers))


def _capped(record: Record) -> bool:
    return isinstance(record.state, Parked) and record.state.why is ParkReason.cap
