"""The form a person's feedback is written into: one section a task, with its evidence. The same day, the same bytes.

What it says stands in comments and labels, so that none of it is ever read as feedback.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from dayshift import markdown
from dayshift.model import Record
from dayshift.money import Pico, shown

LABELS = ("Rating (1-5):", "What worked:", "What did not:", "Rule for next time:", "Anything else:")
LAST_HEADING = "The day as a whole"
HINTS = (
    "Write what you like, where you like; nothing has to be filled in. Comments such as this one are not read.",
    'A rule becomes a lesson for tasks of the same module, or says for which: "Rule (all): …", "Rule (kind fix): …".',
    'Free text. "Rule: …" is for all tasks here.',
)
_TITLE = re.compile(
    r"(?:(?:my|feedback|rückmeldung|for|on|of|the|day|to|zum|zu|für|vom|den|mein|tag)\b|[\s:,.\u2013—0-9-])+",
    re.IGNORECASE,
)
_NAME = re.compile("feedback|rückmeldung", re.IGNORECASE)
_STATES = "done|failed|halted|waiting|parked|running|verifying|queued|cancelled"
_COST = r"\$[0-9.]+|cost unknown|no cost known"
_EVIDENCE = re.compile(
    rf"evidence: (?:{_STATES}) · (?:no validations|[0-9]+ of [0-9]+ validations? passed) · (?:{_COST})"
    r" · (?:not reviewed|accepted|rejected)"
)
_PREPARED = re.compile(r"(?:prepared for|added later): [a-z0-9, -]+\. A section you delete does not come back\.")


@dataclass(frozen=True, slots=True)
class Entry:
    """One task of the day, as the form shows it; `cost` is None when unknown, `charged` False when nothing is known."""

    record: Record
    cost: Pico | None = None
    charged: bool = False


def form(day: date, entries: Sequence[Entry]) -> str:
    """The whole form for a day."""
    top = "\n".join(
        [f"# Feedback for {day}", "", _comment(HINTS[0]), _comment(HINTS[1]), _named("prepared for", entries)]
    )
    return f"{top}\n\n{_sections(entries)}## {LAST_HEADING}\n\n{_comment(HINTS[2])}\n"


def addition(entries: Sequence[Entry]) -> str:
    """What is added below a form for tasks that came later."""
    return f"{_named('added later', entries)}\n\n{_sections(entries)}".rstrip("\n") + "\n"


def is_own(text: str) -> bool:
    """Whether a line is one of the form's own comments."""
    words = text.removeprefix("<!--").removesuffix("-->").strip()
    return words in HINTS or bool(_EVIDENCE.fullmatch(words) or _PREPARED.fullmatch(words))


def is_title(text: str) -> bool:
    """Whether a heading says no more than that this is feedback for a day."""
    return bool(_TITLE.fullmatch(text)) and bool(_NAME.search(text))


def _sections(entries: Iterable[Entry]) -> str:
    return "".join(f"{_section(entry)}\n" for entry in entries)


def _section(entry: Entry) -> str:
    labels = "".join(f"- {label}\n" for label in LABELS)
    name = markdown.plain(entry.record.task.name)
    return f"## {entry.record.id}{' · ' if name else ''}{name}\n\n{_comment(_evidence(entry))}\n\n{labels}"


def _evidence(entry: Entry) -> str:
    record = entry.record
    exits = [check.exit_code for check in record.checks if check.kind == "validate"]
    validations = f"{exits.count(0)} of {len(exits)} validation{'' if len(exits) == 1 else 's'} passed"
    cost = "no cost known" if not entry.charged else "cost unknown" if entry.cost is None else shown(entry.cost)
    review = "not reviewed" if record.review == "pending" else record.review
    return f"evidence: {record.state.name} · {validations if exits else 'no validations'} · {cost} · {review}"


def _named(words: str, entries: Iterable[Entry]) -> str:
    return _comment(
        f"{words}: {', '.join(entry.record.id for entry in entries)}. A section you delete does not come back."
    )


def _comment(text: str) -> str:
    return f"<!-- {text} -->"
