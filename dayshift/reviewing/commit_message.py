"""A commit's message made of tasks: what was asked, and what shows that it is done. It is text of many writers, inert.

Git drops lines that begin with its comment sign when a message is edited, takes the last paragraph for facts of its
own, and a patch sent by mail ends its message at dashes. None of that may hide a line or forge one.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence

from dayshift.evidence import Check
from dayshift.markdown import clean
from dayshift.model import Record

SUBJECT, WIDTH, MOST_ASKED, MOST_LINE = 72, 72, 800, 160
#: What git could take for a comment, or a program that reads patches for the end of the message.
SIGNS = "#;@!$%^&|:- "
MARKED = re.compile(r"[#;@!$%^&|:]|---|diff -|Index: ")


def written(records: Sequence[Record]) -> str:
    """The message of one commit that holds the work of these tasks; it ends with a line end."""
    parts = [part for record in records for part in _section(record, of_many=len(records) > 1)]
    named = "\n".join(f"Task: {record.id} of {record.day}" for record in records)
    return "\n\n".join([_subject(records), *parts, named]) + "\n"


def _subject(records: Sequence[Record]) -> str:
    first = _line(records[0].task.name).lstrip(SIGNS) or records[0].id
    more = f" and {len(records) - 1} more" if len(records) > 1 else ""
    return _clipped(first, SUBJECT - len(more)) + more


def _section(record: Record, of_many: bool) -> Iterator[str]:
    if of_many:
        yield _paragraph(f"{record.id}: {_line(record.task.name)}")
    asked = clean(record.task.description).strip()
    short = asked if len(asked) <= MOST_ASKED else asked[: MOST_ASKED - 1].rstrip() + "…"
    yield from (_paragraph(each) for each in re.split(r"\n\s*\n", short) if each.strip())
    if record.checks:
        yield "\n".join(_inert(_clipped(_evidence(check), MOST_LINE)) for check in record.checks)


def _evidence(check: Check) -> str:
    if check.kind == "deliverable":
        return f"- {_line(check.subject)} {'is there' if check.exit_code == 0 else 'is missing'}"
    return f"- `{_line(check.subject)}` exited with {check.exit_code}"


def _paragraph(text: str) -> str:
    """Its lines, none too long for a terminal; lines that were short stay lines."""
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, WIDTH, break_on_hyphens=False) or [""]]
    return "\n".join(map(_inert, lines)).strip("\n")


def _inert(line: str) -> str:
    return f" {line}" if MARKED.match(line) else line


def _line(text: str) -> str:
    return " ".join(clean(text).split())


def _clipped(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
