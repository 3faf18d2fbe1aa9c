"""What the daemon's log says of a day: what was handled, which state followed, which run began and how it ended.

Joins log_lines for the name of its log, timeline for the state before, settings and machine for what a daemon is. Texts
of people and agents are clipped; what an answer said stands in the archive.
"""

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dayshift.clock import rfc3339
from dayshift.events import (
    Active,
    Answered,
    AttachAsked,
    Bypassed,
    CapReached,
    Denied,
    Event,
    Guided,
    HandedIn,
    NetworkRefused,
    Ordered,
    Overdue,
    ProviderLimited,
    Reviewed,
    RunEnded,
    StopAsked,
    Tick,
    Verified,
)
from dayshift.logbook.log_lines import EVENTS
from dayshift.logbook.timeline import Entry
from dayshift.model import Record
from dayshift.money import to_usd

if TYPE_CHECKING:  # the Orchestrator is imported by commands that must answer at once
    from dayshift.inputs.settings import Settings

log = logging.getLogger(EVENTS)

CLIPPED = 300  #: characters of a text by somebody else


@dataclass(frozen=True, slots=True)
class Said:
    """One event in words, and its facts."""

    event: str
    words: str
    facts: Mapping[str, Any]
    run: int | None = None


def tell(event: str, message: str, task: str | None = None, run: int | None = None,
         level: int = logging.INFO, **facts: Any) -> None:  # fmt: skip
    """Log an event of that kind, with facts that machines may count on; the message is for people."""
    log.log(level, "%s", message, extra={"event": event, "task": task, "run": run, "facts": facts})


def handled(event: Event) -> None:
    """Tell what the Orchestrator is about to handle; signs of life and the passing of time are not told."""
    if isinstance(event, Tick | Active):
        return
    task_id = getattr(event, "task_id", None)
    said = _of_run(event) or _of_day(event)
    if said is None:
        tell("handled", type(event).__name__, task_id, level=logging.DEBUG)
    else:
        tell(said.event, said.words, task_id, said.run, **said.facts)


def _of_day(event: Event) -> Said | None:
    """What people, money and the provider bring."""
    match event:
        case HandedIn(day):
            facts = {"date": str(day.date), "tasks": len(day.tasks), "max_cost_usd": _usd(day.max_cost)}
            return Said("day handed in", f"a day file of {day.date} with {len(day.tasks)} tasks was handed in", facts)
        case Ordered(order, task_id):
            return Said("ordered", f"the person said {order} to {task_id or 'every task'}", {"order": str(order)})
        case Reviewed(_, review):
            return Said("reviewed", f"the person's verdict: {review}", {"review": str(review)})
        case Answered(answer):
            words = f"question {answer.number} of {answer.task_id} was answered by {answer.by}"
            return Said("answered", words, {"of": answer.task_id, "question": answer.number, "by": answer.by})
        case Guided(_, guidance):
            return Said("guided", f"guidance came by {guidance.by}", {"by": guidance.by})
        case AttachAsked():
            return Said("attach asked", "the person wants to be let into its session", {})
        case StopAsked(drain):
            words = "told to stop, once running agents have finished" if drain else "told to stop"
            return Said("stop asked", words, {"drain": drain})
        case ProviderLimited(limit):
            until = rfc3339(limit.until) if limit.until else None
            words = f"the provider serves nobody: {limit.kind}: {limit.words}"
            return Said("provider limited", words, {"kind": str(limit.kind), "until": until})
    return None


def _of_run(event: Event) -> Said | None:
    """What happens in a task's run, and to it."""
    match event:
        case RunEnded(_, exit, seconds, commit):
            facts = {
                "how": exit.how, "code": exit.code, "seconds": round(seconds, 1), "steps": exit.steps,
                "held_seconds": round(exit.held, 1), "api_status": exit.api_status, "asked": exit.asked is not None,
                "findings": len(exit.findings), "audited": exit.audited, "commit": commit,
            }  # fmt: skip
            why = f": {clipped(exit.error)}" if exit.error else ""
            words = f"run {exit.run} ended ({exit.how}, exit code {exit.code}) after {seconds:.1f} s{why}"
            return Said("run ended", words, facts, exit.run)
        case Verified(_, checks):
            failed = [check.subject for check in checks if check.exit_code]
            which = f": {clipped(', '.join(failed))}" if failed else ""
            words = f"{len(checks)} checks, {len(failed)} failed{which}"
            return Said("verified", words, {"checks": len(checks), "failed": len(failed)})
        case Denied(_, blocked):
            return Said("refused", f"refused ({blocked.rule}): {clipped(blocked.command)}", {"rule": blocked.rule})
        case Bypassed(_, bypass):
            return Said("bypassed", f"the guard was bypassed: {clipped(bypass.command)}", {})
        case NetworkRefused(_, refused):
            return Said("connection refused", f"a connection was refused: {clipped(refused.target)}", {})
        case CapReached(_, window, detail):
            return Said("cap reached", f"{window} is reached: {detail}", {"window": window})
        case Overdue(_, run, detail):
            return Said("overdue", detail, {}, run)
    return None


def entered(record: Record, before: Entry | None) -> None:
    """Tell that the task is in another state now, why, and how long it was in the one before."""
    state = record.state
    facts: dict[str, Any] = {
        "state": state.name,
        "reason": state.reason,
        "attempt": record.attempt,
        "runs": record.runs,
    }
    after = ""
    if before is not None and before.state != state.name:
        seconds = max(0.0, (state.since - before.at).total_seconds())
        facts |= {"before": before.state, "seconds_before": round(seconds, 1)}
        after = f", was {before.state} for {seconds:.0f} s"
    words = f"{state.name}{f' ({clipped(state.reason)})' if state.reason else ''}{after}"
    tell("state", words, record.id, record.runs or None, **facts)


def daemon_began(settings: "Settings", rehearsal: bool) -> None:
    """Tell that a daemon begins, and what it is; the fingerprint is another one when any setting is."""
    from dayshift.host.machine import version

    known_by = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:12]
    facts: dict[str, Any] = {"version": version(), "pid": os.getpid(), "settings": known_by, "rehearsal": rehearsal,
             "max_agents": settings.max_agents, "timezone": settings.timezone}  # fmt: skip
    kind = "a rehearsal" if rehearsal else "a real day"
    words = f"dayshift {version()} begins, {kind}: pid {os.getpid()}, settings {known_by}"
    tell("daemon began", words, **facts)


def daemon_ended(code: int) -> None:
    """Tell that it ended in order."""
    tell("daemon ended", f"the daemon ends, exit code {code}", code=code)


def taken_up(known: Iterable[Record], broken: Iterable[str]) -> None:
    """Tell what an earlier daemon left, task by task, as this one found it."""
    for record in known:
        words = f"found {record.state.name}{f' ({clipped(record.state.reason)})' if record.state.reason else ''}"
        facts: dict[str, Any] = {
            "state": record.state.name,
            "since": rfc3339(record.state.since),
            "ended": record.ended,
        }
        tell("found", words, record.id, record.runs or None, **facts)
    for name in broken:
        tell("broken record", f"the record {name} cannot be read", level=logging.ERROR, file=name)


def began(record: Record, pid: int | None, model: str) -> None:
    """Tell that a run was launched, and who holds it."""
    words = f"run {record.runs} began, attempt {record.attempt}, model {model}, held by pid {pid or 'unknown'}"
    tell("run began", words, record.id, record.runs, pid=pid, attempt=record.attempt, model=model)


def adopted(record: Record, pid: int | None) -> None:
    """Tell that a run which an earlier daemon launched is followed on."""
    held = f"held by pid {pid}" if pid else "which nobody holds any more"
    tell("run adopted", f"run {record.runs} of an earlier daemon is taken up, {held}", record.id, record.runs,
         pid=pid)  # fmt: skip


def clipped(text: str) -> str:
    """The beginning of somebody's text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= CLIPPED else f"{line[:CLIPPED]}…"


def _usd(amount: int | None) -> str | None:
    return None if amount is None else to_usd(amount)
