"""What follows from what: pure functions from a task's record and an event to its next record.

The end of a run is decided in run_end, what the person orders in orders. Both stand on what is here; this joins the
setbacks of a task, and the visits.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from dayshift.attempts import Bypass
from dayshift.conversation import Answer, Ask, Guidance, Question
from dayshift.deciding import visits
from dayshift.deciding.setbacks import GO_ON, another_attempt, noted, stuck, untroubled
from dayshift.events import Reached, Verified
from dayshift.evidence import Finding
from dayshift.model import Record
from dayshift.states import Done, Ending, Halted, ParkReason, Queued, Running, State, Verifying, Waiting

WEIGHT = {Ending.silent: 0, Ending.parked: 1, Ending.halted: 2, Ending.cancelled: 2}  #: which ending overrules which
LONGEST_ASKED = 400  #: characters of a question that is said again


# --- a run's life ----------------------------------------------------------------------------------


def begun(record: Record, session: str, now: datetime) -> Record:
    """The record of a task whose next run is about to be launched; written down before anything starts."""
    run = record.runs + 1
    if record.say != "":  # else there is no prompt
        record = said(record, record.unheard, run)
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


# --- what the guard, the audit and the checks found ------------------------------------------------


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


def quarantined(record: Record, alarm: Sequence[Finding], now: datetime) -> Record:
    """Halted by what the audit found; the workspace stays as it is and nothing is started in it again."""
    found = "; ".join(finding.what for finding in alarm)
    return ended(replace(record, quarantined=record.runs), Halted(now, f"the audit found: {found}"), now)


def halting(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that end a task."""
    return [finding for finding in findings if finding.halts]


def after_checks(record: Record, event: Verified, told: str, summary: str, now: datetime) -> Record:
    """Done if every check is green; else another attempt that is told what failed. Findings halt it."""
    if not isinstance(record.state, Verifying):
        return record
    checks = event.checks
    record = replace(record, checks=checks, findings=(*record.findings, *event.findings))
    if alarm := halting(event.findings):
        return quarantined(record, alarm, now)
    if all(check.exit_code == 0 for check in checks):
        return queued(untroubled(record), now) if record.unheard else ended(record, Done(now), now)
    parked = stuck(record, summary, now) if record.attempt < record.task.max_attempts else None
    return parked or another_attempt(noted(record, summary), told, summary, now)


# --- what it asks, and what it hears ---------------------------------------------------------------


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
    return said(record, numbers, record.runs, heard=True)


def said(record: Record, numbers: Collection[int], run: int, heard: bool = False) -> Record:
    """The guidance of these numbers was told to that run."""
    guidance = (
        replace(each, run=run, heard=heard) if number in numbers else each
        for number, each in enumerate(record.guidance, 1)
    )
    return replace(record, guidance=tuple(guidance))


# --- small steps -----------------------------------------------------------------------------------


def queued(record: Record, now: datetime) -> Record:
    """Queued to go on where it stopped, or to begin if it never ran."""
    return _with(record, Queued(now))


def ended(record: Record, state: State, now: datetime) -> Record:
    """The record in a state that nothing leaves by itself."""
    return _with(replace(record, ended_at=now), state)


def _with(record: Record, state: State) -> Record:
    return replace(record, state=state)
