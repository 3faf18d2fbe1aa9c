"""A line of the daemon's log: written as text or as JSON, and read again from either. Standard library only."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

EVENTS = "dayshift.events"  #: the logger of what happened to tasks
LONGEST = 16_000  #: characters of one message, and of one exception; the rest is left out, and said
INDENT = "    "  #: what every further line of an event begins with; no event begins so
BREAK = " ⏎ "  #: stands for a line's end in a message
_HEAD = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (?P<level>[A-Z]+) (?P<logger>[\w.]+)"
    r"(?: \[(?P<task>[a-z0-9][a-z0-9-]*)?(?: ?run (?P<run>\d+))?\])? \| (?P<message>.*)"
)
_BREAKS = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_UNSAFE = re.compile(r"[\x00-\x09\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event of the log; `facts` are those that machines may count on, by name."""

    at: datetime
    level: str
    logger: str
    message: str
    task: str | None = None
    run: int | None = None
    event: str | None = None  #: which kind of event it is, if it is one of those with facts
    facts: dict[str, Any] = field(default_factory=dict)
    exception: str = ""

    def as_text(self) -> str:
        """The event for eyes: one line, the exception indented below it; nothing in it begins a line of its own."""
        which = " ".join(filter(None, (self.task, f"run {self.run}" if self.run is not None else "")))
        named = f" [{which}]" if which else ""
        head = f"{_stamp(self.at)} {self.level} {self.logger}{named} | {inert(self.message)}"
        return "\n".join((head, *(INDENT + inert(line) for line in _clipped(self.exception).splitlines())))

    def as_json(self) -> str:
        """The event for machines: one line, the same keys in the same order; what there is not is null."""
        facts = {
            "time": _stamp(self.at), "level": self.level, "logger": self.logger, "task": self.task, "run": self.run,
            "event": self.event, "message": _clipped(self.message), "facts": self.facts,
            "exception": _clipped(self.exception) or None,
        }  # fmt: skip
        return json.dumps(facts, ensure_ascii=True, default=str)


def inert(text: str) -> str:
    """The text as one line that neither steers a terminal nor passes for two."""
    return _UNSAFE.sub("\ufffd", _BREAKS.sub(BREAK, _clipped(text).expandtabs()))


def _clipped(text: str) -> str:
    left = len(text) - LONGEST
    return text if left <= 0 else f"{text[:LONGEST]}… {left} more characters"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- read again --------------------------------------------------------------------------------------


def read(lines: Iterable[str]) -> Iterator[LogLine]:
    """The events in these lines, whichever way they were written; what is neither belongs to the event before it."""
    known: LogLine | None = None
    for line in lines:
        begun = parse(line.rstrip("\n"))
        if begun is None:
            known = known and replace(known, exception=f"{known.exception}\n{line.strip()}".strip("\n"))
            continue
        if known:
            yield known
        known = begun
    if known:
        yield known


def parse(line: str) -> LogLine | None:
    """The event that this line begins; None if it begins none."""
    return _of_json(line) if line.startswith("{") else _of_text(line)


def _of_text(line: str) -> LogLine | None:
    found = _HEAD.fullmatch(line)
    if found is None:
        return None
    run = found["run"]
    return LogLine(
        datetime.fromisoformat(found["time"]), found["level"], found["logger"], found["message"], found["task"],
        int(run) if run else None,
    )  # fmt: skip


def _of_json(line: str) -> LogLine | None:
    try:
        facts = json.loads(line)
        return LogLine(
            datetime.fromisoformat(facts["time"]), str(facts["level"]), str(facts["logger"]), str(facts["message"]),
            facts.get("task"), facts.get("run"), facts.get("event"), facts.get("facts") or {},
            facts.get("exception") or "",
        )  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return None
