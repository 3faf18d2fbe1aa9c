"""How a report says things: numbers, durations and shares in words; what the audit proves, in a sentence."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from dayshift import markdown
from dayshift.attempts import EVASION, Blocked, Bypass
from dayshift.day_facts import DayFacts
from dayshift.evidence import Closing, Finding, Who
from dayshift.model import Record
from dayshift.money import Pico

BY_URGENCY = ("halted", "failed", "waiting", "parked", "running", "verifying", "queued", "done", "cancelled")
HEADLINE = ("done", "failed", "halted", "waiting", "parked")  # counted even when there is none
MOST_NAMED = 6
ALARMS = {
    Who.agent: "An agent did what it must not",
    Who.unknown: "The repository was changed while agents ran, and it is not proven by whom",
}
BY = {Who.agent: "**by an agent**", Who.unknown: "**nobody can tell by whom**", Who.person: "by no agent"}


def counts(facts: DayFacts) -> dict[str, int]:
    """How many tasks are in each state; the states of the headline come first."""
    names = [record.state.name for record in facts.records]
    return {name: names.count(name) for name in dict.fromkeys((*HEADLINE, *BY_URGENCY))}


def tally(facts: DayFacts) -> str:
    """`5 done · 1 failed · 0 halted`."""
    return " · ".join(f"{count} {name}" for name, count in counts(facts).items() if count or name in HEADLINE)


# --- the audit -------------------------------------------------------------------------------------


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
    if closing.trouble:
        return f"The git directory could **not be looked at** at the end: {markdown.plain(closing.trouble)}"
    if closing.opened_at is None:
        return "No run has opened the day, so there is nothing to compare the git directory with."
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
    checked, runs = facts.audit.runs_checked, sum(record.runs_today for record in facts.records)
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


# --- small words -----------------------------------------------------------------------------------


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def gist(summary: str) -> str:
    """The first line that says something: a heading of less than four words does only where there is nothing else."""
    lines = [line.strip() for line in summary.splitlines() if line.strip()]
    telling = (line for line in lines if not line.startswith("#") or len(line.split()) > 4)
    return next(telling, lines[0] if lines else "")


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
