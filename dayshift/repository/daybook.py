"""The git directory over a whole day: what it was at the opening, what changed since, and by whom.

It joins the audit, whose fingerprints it compares, and git, which says what there is now.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path

from dayshift import files
from dayshift.clock import rfc3339
from dayshift.evidence import Change, Closing, Finding, Who
from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository import audit
from dayshift.repository.git import GitError, NotARepository, find


def open_day(home: Home, record: Record, found: audit.Fingerprint, now: datetime) -> None:
    """Keep what there was before the first run of the day, and of no later one."""
    aspects = {aspect: text for aspect, text in found.aspects.items() if not _of_the_workspace(aspect)}
    place = _place(home, record.day, record.project, record.rehearsal)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        files.write_sealed(place, {"opened_at": rfc3339(now), "aspects": aspects})


def forget_rehearsals(home: Home) -> None:
    """The next rehearsal opens a day of its own."""
    for place in (home.own / "openings").glob("*-rehearsal-*.json"):
        place.unlink(missing_ok=True)


def close_day(home: Home, day: date, records: Sequence[Record], fenced: bool) -> Closing:
    """What changed since the opening, each explained by what runs saw, or by there having been no run."""
    if not records:
        return Closing(None)
    project, rehearsal = records[0].project, records[0].rehearsal
    try:
        saved = files.read_own(_place(home, day, project, rehearsal), "what there was before cannot be told")
        opened_at = datetime.fromisoformat(saved["opened_at"]) if saved else None
        before = audit.Fingerprint(saved["aspects"] if saved else {})
    except (files.Unusable, KeyError, TypeError, ValueError) as error:
        return Closing(None, trouble=f"what there was at the beginning cannot be read: {error}")
    if opened_at is None:
        return Closing(None)
    try:
        now = audit.fingerprint(find(Path(project)))
    except (GitError, NotARepository, OSError) as error:
        return Closing(opened_at, trouble=str(error))
    changed = audit.told(audit.differences(before, now))
    seen = [finding for record in records for finding in record.findings_today]
    unwatched = any(record.audited_today < record.runs_today for record in records)
    return Closing(
        opened_at,
        tuple(_explained(aspect, names, seen, fenced, unwatched) for aspect, names in changed.items()),
    )


def _explained(aspect: str, names: tuple[str, ...], seen: Iterable[Finding], fenced: bool, unwatched: bool) -> Change:
    what = audit.described(aspect, names)
    if fenced:
        return Change(what, Who.person, "it was read-only for every agent")
    blamed = {finding.who for finding in seen if finding.aspect == aspect}
    for who in (Who.agent, Who.unknown):
        if who in blamed:
            return Change(what, who, "it changed while an agent ran")
    if unwatched:
        return Change(what, Who.unknown, "a run was not checked")
    by = "`accept --branch` did that for you" if Who.person in blamed else "it changed while no agent ran"
    return Change(what, Who.person, by)


def _of_the_workspace(aspect: str) -> bool:
    return aspect in audit.OWN or aspect.startswith("worktree ")


def _place(home: Home, day: date, project: str, rehearsal: bool) -> Path:
    name = hashlib.sha256(project.encode()).hexdigest()[:8]
    return home.own / "openings" / f"{day}{'-rehearsal' if rehearsal else ''}-{name}.json"
