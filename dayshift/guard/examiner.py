"""What the parts of the guard that look into one kind of thing need of the one who judges a call."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NoReturn, Protocol

from dayshift.guard.policy import Policy
from dayshift.guard.scope import Scope


class Refused(Exception):
    """Refused by the rule, because of the subject."""

    def __init__(self, rule: str, subject: str) -> None:
        super().__init__(rule, subject)
        self.rule = rule
        self.subject = subject


class Examiner(Protocol):
    """Judges what a call would run or write; each of these returns if it may and raises Refused if not."""

    policy: Policy

    def refuse(self, rule: str, subject: str | Sequence[str]) -> NoReturn:
        """End the examination."""

    def path(self, path: str) -> None:
        """A file to be written."""

    def script(self, text: str, scope: Scope) -> None:
        """A shell script."""

    def argv(self, argv: list[str], stdin: str | None, scope: Scope) -> None:
        """A program with its arguments."""

    def probe(self, found: str | tuple[str, ...], scope: Scope) -> None:
        """Text that may be a command; what is none, or cannot be read, is no reason to refuse."""

    def project_script(self, text: str, scope: Scope) -> None:
        """A script of the project's own: what is clear in it counts, what cannot be read is no reason to refuse."""

    def tolerantly(self) -> AbstractContextManager[None]:
        """Within it, what is clear counts, and what cannot be read is no reason to refuse."""

    def unknown(self, name: str, args: list[str], stdin: str | None, scope: Scope) -> None:
        """A program nothing is known of."""
