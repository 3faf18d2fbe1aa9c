"""What a task becomes when its run has ended: what the run came to, and which of its reasons decides. Pure.

It joins the decisions it leads to, the setbacks for runs that came to no good end, and the visits for the person's.
"""

from dataclasses import replace
from datetime import datetime

from dayshift.deciding import setbacks, visits
from dayshift.deciding.decisions import asking, ended, halting, heard, quarantined, queued
from dayshift.deciding.setbacks import GO_ON, LESS, another_attempt, noted, stuck, untroubled
from dayshift.events import RunEnded
from dayshift.limits import asked_again
from dayshift.model import Exit, Record
from dayshift.states import Cancelled, Ending, Failed, Halted, Parked, ParkReason, Running, Verifying

BUDGET_ERROR = 402
LATER = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
WORTH_HAVING = 30.0  #: seconds the provider must have kept a task waiting for its time to be given back


def after_run(record: Record, event: RunEnded, now: datetime) -> Record:
    """What a task becomes when no process of its run is left."""
    if isinstance(record.state, Verifying) and event.exit.how == "unprepared" and event.exit.run == record.runs:
        return ended(record, Failed(now, f"it could not be checked: {event.exit.error}"), now)
    if not isinstance(record.state, Running) or record.state.run != event.exit.run:
        return record
    state, record = record.state, _with_evidence(record, event)
    if alarm := halting(event.exit.findings):
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
            return replace(record, state=Parked(now, state.park or ParkReason.stop, state.detail, state.until))
    return _after_own_end(record, event.exit, now)


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
        return replace(record, mishaps=0, hangs=0, outages=0, state=Verifying(now))
    return _after_error(record, exit, now)


def _after_error(record: Record, exit: Exit, now: datetime) -> Record:
    if exit.api_status == BUDGET_ERROR:
        return replace(record, state=Parked(now, ParkReason.cap, exit.error))
    if exit.reset_at:
        return replace(record, state=Parked(now, ParkReason.usage_limit, exit.error, asked_again(exit.reset_at, now)))
    if exit.api_status in LATER or (exit.api_status is None and exit.error.startswith("API Error")):
        return setbacks.outage(record, exit.error, now)
    if not exit.closed:
        return setbacks.hung(record, exit.error, now)
    say = f"The run ended with an error: {exit.error}\n\n{GO_ON}"
    return stuck(record, exit.error, now) or another_attempt(noted(record, exit.error), say, exit.error, now)


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
