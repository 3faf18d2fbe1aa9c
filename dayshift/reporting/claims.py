"""An agent's claim held against the evidence. It decides nothing: outcomes come from exit codes and files."""

import re

from dayshift.evidence import Check
from dayshift.model import Record

CLAUSE_LIMIT = 80

_CLAUSE = re.compile(r"(?<=[.!?;])\s+|\n+")
_REASSURANCE = re.compile(r"\b(?:no|0|zero|without(?: any)?) (?:issue|error|fail|problem|regression|warning)\w*", re.I)
_RESERVED = re.compile(
    r"\b(?:not|no|none|nothing|never|neither|cannot|without|fail\w*|unable|to be"
    r"|should|would|could|will|if|once|unless|until)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
_PASSES = re.compile(
    r"\b(?:(?:py|unit)?tests?|suite|validations?|checks|lint\w*|build|everything)(?: \S+){0,3}"
    r" (?:pass|passes|passed|passing|green|succeeds?|succeeded)\b"
    r"|\b\d+ passed\b|\bpass(?:es|ed)? (?:all )?(?:the )?(?:tests|checks|validations?)\b",
    re.IGNORECASE,
)
_WORKED = re.compile(
    r"\b(?:implemented|added|created|wrote|written|fixed|updated|changed|refactored|removed|renamed"
    r"|completed?|finished|done)\b",
    re.IGNORECASE,
)


def contradictions(record: Record, changed_files: int | None, summary: str = "") -> list[str]:
    """Each claim the evidence speaks against, in its own words, plain text; when in doubt, silent.

    `changed_files` is None when it is not known how many files the task changed; `summary` is what the agent left
    beside its last words.
    """
    failed = [check for check in _checks(record, "validate") if check.exit_code != 0]
    absent = [check for check in _checks(record, "deliverable") if check.exit_code != 0]
    present = any(check.exit_code == 0 for check in _checks(record, "deliverable"))
    claim = f"{record.claim}\n{summary}"
    passes, worked = _asserted(claim, _PASSES), _asserted(claim, _WORKED)
    found = []
    if passes and failed:
        exits = ", ".join(f"`{check.subject}` exited {check.exit_code}" for check in failed)
        found.append(f'says "{passes}"; {exits}')
    if worked and changed_files == 0 and not present:
        found.append(f'says "{worked}"; no file changed')
    if worked and absent:
        found.append(
            f'says "{worked}"; ' + ", ".join(f"{check.subject} is {check.tail or 'absent'}" for check in absent)
        )
    return found


def _checks(record: Record, kind: str) -> list[Check]:
    return [check for check in record.checks if check.kind == kind]


def _asserted(claim: str, pattern: re.Pattern[str]) -> str:
    """The first clause that states it without a negation or a condition; empty if there is none."""
    for clause in _CLAUSE.split(claim):
        stated = _REASSURANCE.sub("", " ".join(clause.split()))
        if pattern.search(stated) and not _RESERVED.search(stated):
            return clause.strip(" #*->")[:CLAUSE_LIMIT]
    return ""
