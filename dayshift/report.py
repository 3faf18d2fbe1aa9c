"""The day's report: evidence for a person in Markdown, the same facts for machines in JSON."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dayshift import archive, markdown
from dayshift.claims import contradictions
from dayshift.clock import rfc3339
from dayshift.day_facts import DayFacts, SpendRow
from dayshift.files import write_atomically, write_json
from dayshift.home import Home
from dayshift.model import EVASION, Blocked, Bypass, Closing, Finding, Question, Record, Who
from dayshift.money import Pico, shown, to_usd

TEMPLATES = Path(__file__).parent / "templates"
BY_URGENCY = ("halted", "failed", "waiting", "parked", "running", "verifying", "queued", "done", "cancelled")
HEADLINE = ("done", "failed", "halted", "waiting", "parked")  # counted even when there is none
AMOUNTS = frozenset({"cap", "spent", "elsewhere", "reserved", "left", "cost", "cli_cost"})
MOST_NAMED = 6
ALARMS = {
    Who.agent: "An agent did what it must not",
    Who.unknown: "The repository was changed while agents ran, and it is not proven by whom",
}
BY = {Who.agent: "**by an agent**", Who.unknown: "**nobody can tell by whom**", Who.person: "by no agent"}


def write(home: Home, facts: DayFacts) -> Path:
    """Replace what is kept of the day, its results/*.json and *-report.md, each as a whole; the path of the last."""
    archive.keep(home, facts)
    kind = "-rehearsal" if facts.rehearsal else ""
    write_json(home.results / f"{facts.date}{kind}.json", as_json(facts))
    path = home.results / f"{facts.date}{kind}-report.md"
    write_atomically(path, render_markdown(facts))
    return path


# --- for a person ----------------------------------------------------------------------------------


def render_markdown(facts: DayFacts) -> str:
    """The report; the same facts give the same bytes, and nothing an agent wrote becomes markup."""

    def moment(at: datetime) -> str:
        local = at.astimezone(ZoneInfo(facts.timezone))
        return local.strftime("%H:%M" if local.date() == facts.date else "%Y-%m-%d %H:%M")

    records = sorted(facts.records, key=lambda record: (BY_URGENCY.index(record.state.name), record.id))
    return _environment().get_template("report.md.j2").render(
        facts=facts, records=records, by_id={record.id: record for record in records}, moment=moment,
        spend={row.key: row for row in facts.by_task}, audit=audit_sentence(facts), tally=_tally(facts),
        closing=closing_sentence(facts.audit.closing, _opened(facts.audit.closing, moment)),
        answers={(answer.task_id, answer.number): answer for record in records for answer in record.answers},
        contradictions={record.id: _contradictions(facts, record) for record in records},
    )  # fmt: skip


def _opened(closing: Closing, moment: Callable[[datetime], str]) -> str:
    return moment(closing.opened_at) if closing.opened_at else ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=False,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {
        "plain": markdown.plain, "code": markdown.code, "cell": markdown.cell, "block": markdown.block,
        "tail": markdown.tail, "money": shown, "duration": duration, "counted": counted, "listed": listed,
        "by_key": _by_key, "attempt": attempt,
    }  # fmt: skip
    environment.globals |= {"share": share, "drift": drift}
    return environment


def audit_sentence(facts: DayFacts) -> str:
    """What was attempted and what the audit proves, in Markdown; nothing unproven is called unchanged."""
    halting = [(task, finding) for task, finding in facts.audit.findings if finding.halts]
    others = [(task, finding) for task, finding in facts.audit.findings if not finding.halts]
    blamed = {who: [pair for pair in halting if pair[1].who is who] for who in ALARMS}
    alarms = "".join(f"**{ALARMS[who]}**: {_named(found)}. " for who, found in blamed.items() if found)
    sentence = f"{alarms}{_bypasses(facts.records)}{_refusals(facts.records)}; {_proof(facts, halting)}."
    if others:
        sentence += f" Also noticed, and not halting: {_named(others)}."
    return sentence


def closing_sentence(closing: Closing, opened: str) -> str:
    """What became of the git directory over the whole day, and by whom, in Markdown."""
    if closing.opened_at is None:
        return "No run has opened the day, so there is nothing to compare the git directory with."
    if closing.trouble:
        return f"The git directory could **not be looked at** at the end: {markdown.plain(closing.trouble)}"
    if not closing.changes:
        return f"The git directory is unchanged since {opened}."
    named = "".join(f"\n- {markdown.code(each.what)}: {BY[each.who]}; {each.why}" for each in closing.changes)
    return f"Changed in the git directory since {opened}:\n{named}"


def _bypasses(records: Iterable[Record]) -> str:
    """The tool calls that went round the guard, if there were any: what comes first of all."""
    named = [f"{record.id}: {markdown.code(attempt(each))}, which {markdown.plain(each.how)}" for record in records
             for each in record.bypasses]  # fmt: skip
    return f"**The guard was bypassed**: {listed(named)}. " if named else ""


def _refusals(records: Sequence[Record]) -> str:
    attempts = sorted((item for record in records for item in record.blocked), key=lambda item: (item.at, item.command))
    hidden = [item for item in attempts if item.rule == EVASION]
    refused = [item for item in attempts if item.rule != EVASION]
    fates = (("refused", refused), ("hidden from the guard and could change nothing", hidden))
    return "; ".join(_fate(items, fate) for fate, items in fates if items) or "No forbidden command was attempted"


def _fate(items: Sequence[Blocked], fate: str) -> str:
    commands = list(dict.fromkeys(markdown.code(attempt(item), 48) for item in items))
    verb = "was" if len(items) == 1 else "were"
    return f"**{counted(len(items), 'forbidden command')} {verb} {fate}** ({listed(commands)})"


def attempt(call: Blocked | Bypass) -> str:
    """What was tried: the command, or another tool's name and its target."""
    return call.command if call.tool == "Bash" else f"{call.tool} {call.command}"


def _proof(facts: DayFacts, changed: list[tuple[str, Finding]]) -> str:
    checked, runs = facts.audit.runs_checked, sum(record.runs for record in facts.records)
    unchecked = f"; {counted(runs - checked, 'run')} not checked" if runs > checked else ""
    if changed:
        count = len({(task, finding.run) for task, finding in changed})
        return f"changes were found in {count} of {counted(checked, 'checked run')}{unchecked}"
    if not facts.audit.clean:
        return f"it is **not proven** that the repository's git directory is unchanged{unchecked}"
    if not checked:
        return f"no run was there to check{unchecked}" if not runs else f"the audit checked no run{unchecked}"
    unchanged = "unchanged by agents" if facts.audit.findings else "unchanged"
    return f"the repository's git directory is {unchanged} in {checked} of {counted(checked, 'checked run')}{unchecked}"


def _named(findings: Iterable[tuple[str, Finding]]) -> str:
    ordered = sorted(findings, key=lambda pair: (pair[0], pair[1].run, pair[1].what))
    return listed([f"{task} run {finding.run}: {markdown.code(finding.what)}" for task, finding in ordered])


def listed(items: Sequence[str], most: int = MOST_NAMED) -> str:
    """`a, b and 3 more`."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def _counts(facts: DayFacts) -> dict[str, int]:
    names = [record.state.name for record in facts.records]
    return {name: names.count(name) for name in dict.fromkeys((*HEADLINE, *BY_URGENCY))}


def _tally(facts: DayFacts) -> str:
    return " · ".join(f"{count} {name}" for name, count in _counts(facts).items() if count or name in HEADLINE)


def _contradictions(facts: DayFacts, record: Record) -> list[str]:
    diff = facts.diffs.get(record.id)
    return contradictions(record, diff.files if diff else None)


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """`under 1 s`, `42 s`, `4 min 07 s`, `1 h 04 min`."""
    if seconds < 1:
        return "under 1 s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def share(part: Pico | None, whole: Pico | None) -> str:
    """The part in whole percent of a cap, rounded down; `-` when there is no cap, `unknown` when it is."""
    if whole is None:
        return "-"
    return "unknown" if part is None else f"{part * 100 // whole} %" if whole else "-"


def drift(estimate: Pico, cost: Pico | None) -> str:
    """How far the CLI's own estimate is from the ledger, as `+2.5 %`."""
    return f"{Decimal(estimate - cost) * 100 / cost:+.1f} %" if cost else "unknown"


def _by_key(rows: Iterable[SpendRow]) -> list[SpendRow]:
    return sorted(rows, key=lambda row: row.key)


# --- for machines ----------------------------------------------------------------------------------


def as_json(facts: DayFacts) -> dict[str, Any]:
    """The report's facts: amounts and seconds as decimal strings, other numbers whole, moments RFC 3339, UTC."""
    content: dict[str, Any] = _for_json({
        "date": facts.date,
        "project": facts.project,
        "rehearsal": facts.rehearsal,
        "started_at": facts.started_at,
        "ended_at": facts.ended_at,
        "counts": _counts(facts),
        "cap": facts.cap,
        "spent": facts.spent,
        "reserved": facts.reserved,
        "cap_reached": facts.cap_reached,
        "dirty_tree": facts.dirty_tree,
        "audit": {
            "clean": facts.audit.clean,
            "runs_checked": facts.audit.runs_checked,
            "findings": [{"task_id": task, **_fields(finding)} for task, finding in facts.audit.findings],
            "closing": facts.audit.closing,
        },
        "layers": facts.layers,
        "guarantee": facts.guarantee,
        "budgets": facts.budgets,
        "overruns": facts.overruns,
        "by_model": _by_key(facts.by_model),
        "by_task": _by_key(facts.by_task),
        "tasks": [_task(facts, record) for record in sorted(facts.records, key=lambda record: record.id)],
    })  # fmt: skip
    return content


def _task(facts: DayFacts, record: Record) -> dict[str, Any]:
    task = record.task
    kept = ("attempt", "runs", "session_id", "base", "commit", "created_at", "started_at", "ended_at",
            "active_seconds", "checks", "excesses", "guidance", "blocked", "refused", "bypasses", "findings", "layers",
            "claim", "cli_cost", "review", "review_reason", "reviewed_at")  # fmt: skip
    return {
        "task_id": record.id,
        "name": task.name,
        "module": task.module,
        "complexity": task.complexity,
        "model": task.model,
        "cap": task.max_cost,
        "state": record.state.name,
        "reason": record.state.reason,
        **{name: getattr(record, name) for name in kept},
        "evasions": len(record.evasions),
        "questions": [_question(record, question) for question in record.questions],
        "quarantined": record.in_quarantine,
        "set_aside": [f".dayshift/quarantine/{record.id}-run{run}" for run in record.set_aside],
        "diff": facts.diffs.get(record.id),
        "steering": facts.steering.get(record.id, ()),
        "spend": next((row for row in facts.by_task if row.key == record.id), None),
        "contradictions": _contradictions(facts, record),
    }


def _question(record: Record, question: Question) -> dict[str, Any]:
    answer = next((answer for answer in record.answers if answer.number == question.number), None)
    return {
        "number": question.number,
        "text": question.text,
        "options": question.options,
        "asked_at": question.asked_at,
        "answer": answer and {"text": answer.text, "by": answer.by, "at": answer.at},
    }


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _for_json(value: Any) -> Any:
    """The value as JSON can hold it exactly; an amount's key ends in `_usd`."""
    match value:
        case dict():
            return {
                f"{key}_usd" if key in AMOUNTS else key: _usd(item) if key in AMOUNTS else _for_json(item)
                for key, item in value.items()
            }
        case list() | tuple():
            return [_for_json(item) for item in value]
        case datetime():
            return rfc3339(value)
        case date():
            return value.isoformat()
        case float():
            return f"{value:.1f}"
        case str():
            return markdown.clean(value)
        case _:
            return _for_json(_fields(value)) if is_dataclass(value) else value


def _usd(amount: Pico | None) -> str | None:
    return None if amount is None else to_usd(amount)
