"""What the person is told wherever they are: the kinds, which changes of a task are alerts, when one is stale. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from dayshift.conversation import Question
from dayshift.evidence import Finding
from dayshift.limits import CURES, Limit
from dayshift.model import Record
from dayshift.notices import Notice
from dayshift.states import Failed, Halted, Parked, ParkReason, Waiting


class Kind(StrEnum):
    """What an alert is about; a channel is given the kinds its `events` name."""

    question = "question"  #: an agent asks
    failed = "failed"  #: a task has failed
    halted = "halted"  #: a task was halted by the guard or the audit
    stuck = "stuck"  #: a task rests until the person does something
    forbidden = "forbidden"  #: an agent tried what it must not
    audit = "audit"  #: the audit found something
    budget = "budget"  #: a share of a cap is spent, or something about money needs a look
    cap = "cap"  #: a cap is reached
    milestone = "milestone"  #: an amount of the month is reached
    limit = "limit"  #: the provider serves no agent for a while
    disk = "disk"  #: a disk has too little room for another agent
    died = "died"  #: the daemon before this one ended without a word
    report = "report"  #: the day is over and its report is there


#: What is told in quiet hours too: it blocks an agent, or a promise is in doubt.
PRESSING = frozenset({Kind.question, Kind.stuck, Kind.cap, Kind.limit, Kind.halted, Kind.audit, Kind.died, Kind.disk})
#: What is never put together with others: it is answered, or it brings files.
ALONE = frozenset({Kind.question, Kind.report})
#: States that only the person can end.
LEFT_TO_THE_PERSON = (ParkReason.stuck, ParkReason.credit, ParkReason.authentication)
OWN_CAP = "the task's own cap"  #: as a budget of one task alone is called
MOST_APART = 3  #: alerts that wait together and are still told one by one
OLD = timedelta(hours=12)  #: what was true of a day's money then says nothing about now


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to tell the person, once on each channel; `key` says which one it is, also to the next daemon."""

    key: str
    kind: Kind
    title: str  #: one line
    at: datetime
    text: str = ""
    task_id: str | None = None
    question: int | None = None  #: its number, if it is one
    options: tuple[str, ...] = ()
    until: datetime | None = None  #: from then on it says nothing that is still true
    files: tuple[str, ...] = ()  #: to be shown with it, as absolute paths


# --- what is one -----------------------------------------------------------------------------------


def of_change(before: Record | None, after: Record, doing: str, now: datetime) -> Iterator[Alert]:
    """What the person is told of a task's change. The same change always has the same keys."""
    yield from _attempts(before, after)
    known = len(before.findings) if before else 0
    for number, finding in enumerate(after.findings[known:], known + 1):
        if finding.halts or finding.look:
            yield _finding(after, number, finding, now)
    if before is None or before.state != after.state:
        yield from _of_state(after, now)
        if isinstance(after.state, Waiting):
            yield _question(after, after.questions[after.state.question - 1], doing)


def _attempts(before: Record | None, after: Record) -> Iterator[Alert]:
    known = len(before.blocked) if before else 0
    for number, each in enumerate(after.blocked[known:], known + 1):
        title = f"{after.id}: a forbidden attempt was refused"
        yield Alert(f"forbidden:{which(after)}:{number}", Kind.forbidden, title, each.at,
                    f"{each.command}\n{each.reason}", after.id)  # fmt: skip
    known = len(before.bypasses) if before else 0
    for number, bypass in enumerate(after.bypasses[known:], known + 1):
        title = f"{after.id}: the guard was bypassed"
        yield Alert(f"bypassed:{which(after)}:{number}", Kind.forbidden, title, bypass.at, bypass.command, after.id)


def _finding(record: Record, number: int, finding: Finding, now: datetime) -> Alert:
    title = f"{record.id}: the audit found something ({finding.who})"
    return Alert(f"audit:{which(record)}:{number}", Kind.audit, title, now, finding.what, record.id)


def _of_state(record: Record, now: datetime) -> Iterator[Alert]:
    match record.state:
        case Failed(reason=reason):
            kind = Kind.failed
        case Halted(reason=reason):
            kind = Kind.halted
        case Parked(why=why, reason=reason) if why in LEFT_TO_THE_PERSON:
            kind = Kind.stuck
        case _:
            return
    verb = {Kind.failed: "has failed", Kind.halted: "was halted", Kind.stuck: "rests until you act"}[kind]
    title = f"{record.id} ({record.task.name}) {verb}"
    yield Alert(f"{kind}:{which(record)}:{record.runs}", kind, title, now, reason, record.id)


def _question(record: Record, question: Question, doing: str) -> Alert:
    title = f"{record.id} ({record.task.name}) asks, question {question.number}"
    text = f"{question.text.strip()}\n\nIt was at: {doing}" if doing else question.text.strip()
    key = f"question:{which(record)}:{question.number}"
    return Alert(key, Kind.question, title, question.asked_at, text, record.id, question.number, question.options)


def of_money(notice: Notice, now: datetime) -> Alert:
    """A notice about money as an alert."""
    kind = Kind.milestone if notice.name.startswith("milestone:") else Kind.budget
    return Alert(notice.name, kind, notice.text, now, until=now + OLD if notice.name.startswith("share:") else None)


def of_cap(record: Record, window: str, detail: str, now: datetime) -> Alert:
    """A cap that a task has reached: once a day for each budget, however many tasks it parks."""
    whose, title = f"{record.day}", f"{window[:1].upper()}{window[1:]} allows no more"
    if window.startswith(OWN_CAP):
        whose, title = which(record), f"{record.id} ({record.task.name}): {window} allows no more"
    text = f"{detail}\nWhat it stops is parked, and goes on when there is room."
    return Alert(f"cap:{whose}:{window}", Kind.cap, title, now, text, record.id, until=now + OLD)


def of_limit(limit: Limit, now: datetime, timezone: str) -> Alert:
    """A limit of the provider for the whole fleet, with the time it ends as the person's clock shows it."""
    until = limit.until or (now + limit.after if limit.after is not None else None)
    ends = f" until {_moment(until, now, timezone)}" if until else ""
    why = ", ".join(filter(None, (str(limit.kind), limit.detail, CURES.get(limit.kind, ""))))
    stale = None if limit.lasts else until or now + OLD
    key = f"limit:{limit.kind}:{until or now:%Y%m%dT%H%M}"
    return Alert(key, Kind.limit, f"The provider serves no agent{ends}", now, why, until=stale)


def of_room(what: str, waiting: int, now: datetime) -> Alert:
    """That a disk has too little room for another agent."""
    tasks = {0: "", 1: "; 1 task waits"}.get(waiting, f"; {waiting} tasks wait")
    text = f"{what}\nAgents that are at work go on{tasks}."
    return Alert(f"disk:{now:%Y%m%dT%H%M%S}", Kind.disk, "No agent is started: no room", now, text, until=now + OLD)


def of_death(earlier: Mapping[str, object], now: datetime, timezone: str) -> Alert:
    """That the daemon before this one ended without a word; `earlier` is what it had written down of itself."""
    pid, began = earlier.get("pid"), str(earlier.get("started_at"))
    try:
        since = f"It had run since {_moment(datetime.fromisoformat(began), now, timezone)}. "
    except ValueError:
        since = ""
    text = f"{since}Nothing was spent after its end: agents reach the model only through it. Tasks go on from there."
    if found := earlier.get("crash_file"):
        text = f"{text} What it was at is in {found}, without secrets, to be pasted into a report."
    return Alert(f"died:{pid}:{began}", Kind.died, "The daemon had stopped unexpectedly", now, text)


def _moment(moment: datetime, now: datetime, timezone: str) -> str:
    """`14:30`, with the date if it is another day's."""
    here, today = (each.astimezone(ZoneInfo(timezone)) for each in (moment, now))
    return f"{here:%H:%M}" if here.date() == today.date() else f"{here:%d %b %H:%M}"


def which(record: Record) -> str:
    """This very task, also among others of its id on other days and in other rehearsals."""
    return f"{record.id}@{record.created_at:%Y%m%dT%H%M%S}"


# --- whether, when and how -------------------------------------------------------------------------


def still_true(alert: Alert, record: Record | None, now: datetime) -> bool:
    """Whether the person should still hear it; `record` is what is known of its task now."""
    if alert.until is not None and now >= alert.until:
        return False
    match alert.kind, record:
        case ((Kind.question | Kind.failed | Kind.halted | Kind.stuck), known) if not _is_about(alert, known):
            return False
        case Kind.question, Record(state=state):
            return isinstance(state, Waiting) and state.question == alert.question
        case Kind.failed, Record(state=state):
            return isinstance(state, Failed)
        case Kind.halted, Record(state=state):
            return isinstance(state, Halted)
        case Kind.stuck, Record(state=state):
            return isinstance(state, Parked) and state.why in LEFT_TO_THE_PERSON
    return True


def _is_about(alert: Alert, record: Record | None) -> bool:
    """Whether it speaks of this very task, and of the last of its runs; an id may name another task by now."""
    if record is None:
        return False
    number = alert.question if alert.kind is Kind.question else record.runs
    return alert.key == f"{alert.kind}:{which(record)}:{number}"


def bundles(waiting: Sequence[Alert]) -> list[tuple[Alert, ...]]:
    """What waits, in order, as messages: a burst is put together, what is answered or brings files stays alone."""
    found: list[list[Alert]] = []
    for alert in waiting:
        if found and not {alert.kind, found[-1][-1].kind} & ALONE:
            found[-1].append(alert)
        else:
            found.append([alert])
    return [part for together in found for part in ([tuple(together)] if len(together) > MOST_APART else zip(together))]


def quiet(now: datetime, hours: tuple[time, time] | None) -> bool:
    """Whether `now`, in the person's timezone, lies in their quiet hours; these may go over midnight."""
    if hours is None:
        return False
    begin, end = hours
    if begin <= end:
        return begin <= now.time() < end
    return now.time() >= begin or now.time() < end
