"""What follows from what: pure functions from a task's record and an event to its next record."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from dayshift import setbacks, visits
from dayshift.attempts import Bypass
from dayshift.conversation import Answer, Ask, Guidance, Question
from dayshift.events import Order, Reached, RunEnded, Verified
from dayshift.evidence import Finding
from dayshift.limits import asked_again
from dayshift.model import Exit, Record
from dayshift.setbacks import GO_ON, LESS, another_attempt, noted, stuck, untroubled
from dayshift.states import (
    Cancelled,
    Done,
    Ending,
    Failed,
    Halted,
    Parked,
    ParkReason,
    Queued,
    Running,
    State,
    Verifying,
    Waiting,
)

BUDGET_ERROR = 402
LATER = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
WEIGHT = {Ending.silent: 0, Ending.parked: 1, Ending.halted: 2, Ending.cancelled: 2}  #: which ending overrules which
LONGEST_ASKED = 400  #: characters of a question that is said again
WORTH_HAVING = 30.0  #: seconds the provider must have kept a task waiting for its time to be given back


# --- a run's life ----------------------------------------------------------------------------------


def begun(record: Record, session: str, now: datetime) -> Record:
    """The record of a task whose next run is about to be launched; written down before anything starts."""
    run = record.runs + 1
    if record.say != "":  # else there is no prompt
        record = _said(record, record.unheard, run)
    record = replace(record, runs=run, session_id=record.session_id or session, started_at=record.started_at or now)
    return _with(record, Running(now, run))


def seconds_left(record: Record) -> float:
    """How long the task's processes may still run; waiting for the person does not count."""
    return record.task.timeout_minutes * 60 - (record.active_seconds - record.forgiven_seconds)


def ending(
    record: Record, why: Ending, detail: str, park: ParkReason | None = None, until: datetime | None = None
) -> Record:
    """A running task that is being told to end; the first reason stays unless a weightier one comes."""
    if not isinstance(record.state, Running):
        return record
    if record.state.visit and park in visits.AFTERWARDS:
        return visits.afterwards(record, park, detail, until)
    if record.state.ending and WEIGHT[record.state.ending] >= WEIGHT[why]:
        return record
    return _with(record, replace(record.state, ending=why, detail=detail, park=park, until=until))


def after_run(record: Record, event: RunEnded, now: datetime) -> Record:
    """What a task becomes when no process of its run is left."""
    if isinstance(record.state, Verifying) and event.exit.how == "unprepared" and event.exit.run == record.runs:
        return ended(record, Failed(now, f"it could not be checked: {event.exit.error}"), now)
    if not isinstance(record.state, Running) or record.state.run != event.exit.run:
        return record
    state, record = record.state, _with_evidence(record, event)
    if alarm := _alarm(event.exit.findings):
        return quarantined(record, alarm, now)
    match state.ending:
        case Ending.halted:
            return ended(record, Halted(now, state.detail), now)
        case Ending.cancelled:
            return ended(record, Cancelled(now), now)
        case _ if state.visit:
            return visits.given_back(record, event.exit, now)
        case Ending.silent if not _had_its_say(event.exit):
            return setbacks.hung(record, state.detail, now)
        case Ending.parked if not _had_its_say(event.exit) or _must_go_on(record, event.exit):
            record = replace(record, say=None if event.exit.finished else record.say)
            return _with(record, Parked(now, state.park or ParkReason.stop, state.detail, state.until))
    return _after_own_end(record, event.exit, now)


def prepared(record: Record, base: str, layers: tuple[str, ...]) -> Record:
    """The workspace stands; one that was in quarantine has been set aside for it."""
    record = replace(record, base=base, layers=layers)
    if not record.quarantined or record.in_quarantine:  # the latter: a run taken up that was found out already
        return record
    return replace(record, quarantined=0, set_aside=(*record.set_aside, record.quarantined))


def taught(record: Record, lessons: tuple[str, ...], late: bool) -> Record:
    """A prompt held these lessons; if it was the first of its session, those of a session before count no more."""
    if late:
        return replace(record, late_lessons=tuple(dict.fromkeys((*record.late_lessons, *lessons))))
    return replace(record, lessons=lessons, late_lessons=())


def quarantined(record: Record, alarm: Sequence[Finding], now: datetime) -> Record:
    """Halted by what the audit found; the workspace stays as it is and nothing is started in it again."""
    found = "; ".join(finding.what for finding in alarm)
    return ended(replace(record, quarantined=record.runs), Halted(now, f"the audit found: {found}"), now)


def _alarm(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.halts]


def _had_its_say(exit: Exit) -> bool:
    """Whether the run came to a word of its own before it was ended: that word must not be lost."""
    return exit.finished or exit.asked is not None


def _must_go_on(record: Record, exit: Exit) -> bool:
    """Whether the run came to its end while the person said something that it never heard."""
    return exit.finished and not exit.asked and bool(record.unheard)


def _after_own_end(record: Record, exit: Exit, now: datetime) -> Record:
    if exit.how in LESS and not _had_its_say(exit):
        return setbacks.excess(record, exit, now)
    if exit.how == "deadline" and exit.held >= WORTH_HAVING:
        return queued(record, now)  # the provider had that time, not the task
    if exit.how == "deadline":
        return ended(record, Failed(now, f"timed out after {record.task.timeout_minutes} minutes"), now)
    if exit.how == "hindered":
        return queued(record, now)  # the machine is to blame; no agent is started until it may do
    if exit.how == "unprepared":
        return ended(record, Failed(now, f"it could not be started: {exit.error}"), now)
    if exit.asked:
        return asking(record, exit.asked, now)
    if exit.how == "restarted":
        return queued(record, now)  # however often the power goes, no task is to blame
    if exit.how == "lost":
        return setbacks.mishap(record, "the run was lost", now)
    record = replace(record, say=None)
    if _must_go_on(record, exit):
        return queued(untroubled(record), now)
    if exit.finished:
        return _with(replace(record, mishaps=0, hangs=0, outages=0), Verifying(now))
    return _after_error(record, exit, now)


def _after_error(record: Record, exit: Exit, now: datetime) -> Record:
    if exit.api_status == BUDGET_ERROR:
        return _with(record, Parked(now, ParkReason.cap, exit.error))
    if exit.reset_at:
        return _with(record, Parked(now, ParkReason.usage_limit, exit.error, asked_again(exit.reset_at, now)))
    if exit.api_status in LATER or (exit.api_status is None and exit.error.startswith("API Error")):
        return setbacks.outage(record, exit.error, now)
    if not exit.closed:
        return setbacks.hung(record, exit.error, now)
    say = f"The run ended with an error: {exit.error}\n\n{GO_ON}"
    return stuck(record, exit.error, now) or another_attempt(noted(record, exit.error), say, exit.error, now)


def asking(record: Record, ask: Ask, now: datetime) -> Record:
    """The task waits for the person."""
    number = len(record.questions) + 1
    question = Question(record.id, number, ask.text, now, ask.options, ask.tool_input)
    record = replace(untroubled(record), questions=(*record.questions, question), say=None)
    return _with(record, Waiting(now, number))


def answered(record: Record, answer: Answer, now: datetime) -> Record:
    """The task goes on with the answer; unless it was not waiting for that one."""
    if not isinstance(record.state, Waiting) or record.state.question != answer.number:
        return record
    question = record.questions[answer.number - 1]
    # A deferred tool call is asked again by itself on resume and must not be talked over. A visit may have lost it.
    deferred = question.tool_input and not record.state.visited
    answer = replace(answer, heard=not deferred)
    say = "" if deferred else f"The person answered your question:\n\n{answer.text}\n\n{GO_ON}"
    return queued(replace(record, answers=(*record.answers, answer), say=say), now)


def after_checks(record: Record, event: Verified, told: str, summary: str, now: datetime) -> Record:
    """Done if every check is green; else another attempt that is told what failed. Findings halt it."""
    if not isinstance(record.state, Verifying):
        return record
    checks = event.checks
    record = replace(record, checks=checks, findings=(*record.findings, *event.findings))
    if alarm := _alarm(event.findings):
        return quarantined(record, alarm, now)
    if all(check.exit_code == 0 for check in checks):
        return queued(untroubled(record), now) if record.unheard else ended(record, Done(now), now)
    parked = stuck(record, summary, now) if record.attempt < record.task.max_attempts else None
    return parked or another_attempt(noted(record, summary), told, summary, now)


def halt_due(record: Record, halt_after: int) -> bool:
    """Whether the guard has refused enough."""
    return len(record.blocked) - record.forgiven >= halt_after


def bypassed(record: Record, bypass: Bypass, now: datetime) -> Record:
    """The guard was bypassed: whatever goes on in the task is halted, and its workspace is in quarantine."""
    record = replace(record, bypasses=(*record.bypasses, bypass))
    if record.ended:
        return record
    record, detail = replace(record, quarantined=record.runs), f"the guard was bypassed: {bypass.command}"
    if isinstance(record.state, Running):
        return ending(record, Ending.halted, detail)
    return ended(record, Halted(now, detail), now)


# --- what the person says --------------------------------------------------------------------------


def obeyed(record: Record, order: Order, now: datetime) -> Record | str:
    """The record after the person's order; or, in words, why it means nothing here."""
    match order, record.state:
        case Order.pause, Running():
            changed = ending(record, Ending.parked, "by the person", ParkReason.paused)
        case Order.pause, Parked(why=ParkReason.paused):
            changed = record
        case Order.pause, Queued() | Parked():
            changed = _with(record, Parked(now, ParkReason.paused, "by the person"))
        case Order.resume, Parked() | Queued(not_before=datetime()):
            changed = queued(replace(record, failure=""), now)
        case Order.cancel, Running():
            changed = ending(record, Ending.cancelled, "by the person")
        case Order.cancel, Queued() | Parked() | Waiting() | Verifying():
            changed = ended(record, Cancelled(now), now)
        case Order.retry, _ if record.review == "accepted":
            return f"{record.id} was accepted: `dayshift accept {record.id} --undo` first, then `retry` tries it again"
        case Order.retry, Failed() | Halted() | Cancelled() | Parked():
            changed = queued(_forgiven(record), now)
        case _:
            changed = record
    if changed != record:
        return changed
    return f"{record.id} is {record.state.name}{_reason(record.state)}; there is nothing to {order}"


def guided(record: Record, guidance: Guidance) -> Record | str:
    """The record with what the person told the task, once; or, in words, why it cannot be told anything."""
    if any(each.id == guidance.id for each in record.guidance):
        return record
    if record.ended:
        cure = "write a new task" if isinstance(record.state, Done) else f"`dayshift retry {record.id}` first"
        return f"{record.id} is {record.state.name}{_reason(record.state)} and hears nothing any more; {cure}"
    return replace(record, guidance=(*record.guidance, guidance))


def when_heard(record: Record) -> str:
    """When the task hears what it was told just now."""
    match record.state:
        case Running(ending=None):
            return "it hears that at its next turn"
        case Verifying():
            return "it hears that after its checks"
        case Waiting():
            return "it hears that when its question is answered"
    return "it hears that when it goes on"


def reached(record: Record, event: Reached, now: datetime) -> Record:
    """The answer was heard; if it was lost on its way, it is told as guidance instead. Each once."""
    answer = record.unheard_answer
    if answer is None or answer.number != event.number:
        return record
    record = replace(record, answers=(*record.answers[:-1], replace(answer, heard=True)))
    if event.arrived:
        return record
    asked = " ".join(record.questions[answer.number - 1].text.split())[:LONGEST_ASKED]
    words = f"You asked: {asked}\nThe answer got lost on its way to you. It is: {answer.text}"
    return replace(record, guidance=(*record.guidance, Guidance(f"answer {answer.number}", words, now, answer.by)))


def heard(record: Record, numbers: Collection[int]) -> Record:
    """The guidance of these numbers was sent to a model, in the present run."""
    return _said(record, numbers, record.runs, heard=True)


def _said(record: Record, numbers: Collection[int], run: int, heard: bool = False) -> Record:
    guidance = (
        replace(each, run=run, heard=heard) if number in numbers else each
        for number, each in enumerate(record.guidance, 1)
    )
    return replace(record, guidance=tuple(guidance))


def _forgiven(record: Record) -> Record:
    """What went wrong no longer counts; what it cost does."""
    forgiven, seconds, review = len(record.blocked), record.active_seconds, _objection(record)
    fresh = replace(untroubled(record), attempt=1, ended_at=None, review="pending", review_reason="", reviewed_at=None)
    if record.in_quarantine:  # nothing of it is gone on with: another workspace, another session
        fresh = replace(fresh, base=None, commit=None, session_id=None, say=None, checks=(), claim="", cli_cost=None)
        fresh = _said(fresh, range(len(fresh.guidance) + 1), run=0)  # a new session has heard nothing
    if review:
        fresh = replace(
            fresh, say="\n\n".join(filter(None, [review, fresh.say or (GO_ON if fresh.session_id else "")]))
        )
    return replace(fresh, forgiven=forgiven, forgiven_seconds=seconds)


def _objection(record: Record) -> str:
    """What the person said when they rejected its work; nothing if they did not."""
    if record.review != "rejected" or not record.review_reason:
        return ""
    return f"The person rejected what you made:\n\n{record.review_reason}"


def _reason(state: State) -> str:
    return f" ({state.reason})" if state.reason else ""


# --- small steps -----------------------------------------------------------------------------------


def queued(record: Record, now: datetime) -> Record:
    """Queued to go on where it stopped, or to begin if it never ran."""
    return _with(record, Queued(now))


def ended(record: Record, state: State, now: datetime) -> Record:
    """The record in a state that nothing leaves by itself."""
    return _with(replace(record, ended_at=now), state)


def _with(record: Record, state: State) -> Record:
    return replace(record, state=state)


def _with_evidence(record: Record, event: RunEnded) -> Record:
    exit, visited = event.exit, isinstance(record.state, Running) and record.state.visit
    if exit.finished:  # what its prompt said, it heard
        record = heard(record, [number for number, each in record.unheard.items() if each.run == exit.run])
    return replace(
        record,
        commit=event.commit or record.commit,
        steps=exit.steps,
        active_seconds=record.active_seconds + max(0.0, event.seconds - exit.held),
        findings=(*record.findings, *exit.findings),
        audited_runs=record.audited_runs + exit.audited,
        excesses=(*record.excesses, f"run {exit.run} {exit.error}") if exit.how in LESS else record.excesses,
        claim=exit.text or record.claim,
        cli_cost=exit.session_cost if exit.session_cost is not None else record.cli_cost,
        # The run that was to take the answer began: the call may be gone, and a resume without a word would fail.
        say=GO_ON if record.say == "" and exit.how != "unprepared" and not visited else record.say,
    )
