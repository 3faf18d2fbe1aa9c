"""One tool call looked into: down through everything it would run, to all it would write."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from dayshift.guard import foreign, interpreted, programs, protected, requests, variables, wrappers
from dayshift.guard.examiner import Refused
from dayshift.guard.inner_commands import Argv, Inner, Script, starts
from dayshift.guard.launchers import DATA, VALUED
from dayshift.guard.names import program, unresolved
from dayshift.guard.policy import Policy
from dayshift.guard.scope import Command, Scope, Unreadable
from dayshift.guard.shell import walk
from dayshift.guard.words import HOLE
from dayshift.guard.writers import written

SPOKEN_IN = re.compile(r"[(){}\[\]\"'!|]")
DEEPEST = 16
CALL_COST = 200  #: of a budget that counts characters


class Examination:
    """Judges one call by going down into everything it would run; returning means yes."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.depth = 0
        self.tolerant = False  #: within a text of the project, where what cannot be read is no reason to refuse

    def refuse(self, rule: str, subject: str | Sequence[str]) -> NoReturn:
        """End the examination."""
        raise Refused(rule, subject if isinstance(subject, str) else " ".join(subject))

    def path(self, path: str) -> None:
        """A file to be written: not git's own, not one that steers agents, not one of the person's."""
        if protected.is_git(path):
            self.refuse("git-files", path)
        if protected.matches(path, self.policy.protected):
            self.refuse("protected-path", path)
        for rule, globs in self.policy.own_paths:
            if protected.matches(path, globs):
                self.refuse(rule, path)

    def script(self, text: str, scope: Scope) -> None:
        """A shell script: every command it would run."""
        self._deeper()
        try:
            walk(text, scope, self.command)
        finally:
            self.depth -= 1

    def _deeper(self) -> None:
        if self.depth > DEEPEST:
            raise Unreadable("commands within commands within commands")
        self.depth += 1

    def project_script(self, text: str, scope: Scope) -> None:
        """A script of the project's own: what is clear in it counts, what cannot be read is no reason to refuse."""
        with self.tolerantly():
            self.script(text, scope)

    @contextmanager
    def tolerantly(self) -> Iterator[None]:
        """Within it, what is clear counts, and what cannot be read is no reason to refuse."""
        before, self.tolerant = self.tolerant, True
        try:
            yield
        except (Refused, Unreadable) as refused:
            if _clear(refused) and not _computed(refused):
                raise
        finally:
            self.tolerant = before

    def command(self, command: Command, scope: Scope) -> None:
        """One simple command of a script."""
        try:
            self._command(command, scope)
        except (Refused, Unreadable) as refused:
            if not self.tolerant or (_clear(refused) and not _computed(refused)):
                raise

    def _command(self, command: Command, scope: Scope) -> None:
        for path in command.writes:
            self.path(path)
            if requests.is_database_socket(path):
                self.refuse("database", path)
        calls_git = bool(command.env and command.argv) and program(command.argv[0]) == "git"
        for name, value in command.env:
            variables.check(self, name, value, scope, calls_git)
        if command.argv:
            kept = scope.variables
            scope.variables = kept | {name: (value,) for name, value in command.env} if command.env else kept
            self.argv(list(command.argv), command.stdin, scope, command.source)
            scope.variables = kept

    def argv(self, argv: list[str], stdin: str | None, scope: Scope, source: str = "") -> None:
        """A program with its arguments, and whatever it would run in turn; `source` is the file that feeds it."""
        scope.budget.spend(CALL_COST)
        name, args = program(argv[0]), argv[1:]
        if unresolved(name):
            self.refuse("unreadable", argv)
        self._deeper()
        try:
            programs.check(self, name, argv, scope)
            self._wrapped(name, args, stdin, scope)
            self._interpreted(name, argv, stdin, scope, source)
            for path in written(name, args):
                self.path(scope.path(path))
            programs.remember(name, args, stdin, scope)
        finally:
            self.depth -= 1

    # --- what it runs ------------------------------------------------------------------------------

    def _wrapped(self, name: str, args: list[str], stdin: str | None, scope: Scope) -> None:
        if wrappers.is_wrapper(name):
            calls_git = "git" in args
            for variable, value in wrappers.assignments(args):
                variables.check(self, variable, value, scope, calls_git)
        for found in wrappers.inner(name, args, stdin):
            self._inner(found, stdin, scope)
        if name in ("ssh", "autossh") and stdin is not None and starts(args, VALUED["ssh"])[:1]:
            self.probe(stdin, scope)

    def _inner(self, found: Inner, stdin: str | None, scope: Scope) -> None:
        try:
            if isinstance(found, Script):
                self.script(found.text, scope.child())
            elif found.words:
                self.argv(list(found.words), stdin, scope)
                if " " in found.words[0]:  # some take the whole line as one word
                    self.probe(found.words[0], scope)
        except (Refused, Unreadable) as refused:
            if _clear(refused) or found.certain:
                raise

    def _interpreted(self, name: str, argv: list[str], stdin: str | None, scope: Scope, source: str) -> None:
        if name in ("at", "batch"):
            if stdin is not None:
                self.script(stdin, scope.child())
        elif interpreted.check(self, name, argv, stdin, scope, source):
            return
        elif not wrappers.is_wrapper(name) and name not in self.policy.named:
            self.unknown(name, argv[1:], stdin, scope)

    def unknown(self, name: str, args: list[str], stdin: str | None, scope: Scope) -> None:
        """A program nothing is known of may be a wrapper, an interpreter, or a program that migrates."""
        if name in DATA or name in self.policy.named:
            return
        programs.check_subcommand(self, name, args)
        if args[:1] in (["eval"], ["rpc"]):
            foreign.check_plain(self, " ".join(args[1:]), [name, *args], "elixir", scope)
        for line in re.findall(r"^[\d,.$%]*(?:[rwe] ?)?!(.+)$", stdin or "", re.MULTILINE):  # as in ed
            self.probe(line, scope)
        for found in wrappers.hidden(name, args, self.policy.hidden):
            if isinstance(found, Argv):
                self.probe(found.words, scope)
            else:
                self.probe(found.text, scope)
                if foreign.spawns(found.text):
                    self.probe(SPOKEN_IN.sub("\n", found.text), scope)

    def probe(self, found: str | tuple[str, ...], scope: Scope) -> None:
        """Text that may be a command: refused if it is a forbidden one; text that is no command is no reason."""
        try:
            if isinstance(found, str):
                self.script(found, scope.child())
            elif found:
                self.argv(list(found), None, scope)
        except (Refused, Unreadable) as refused:
            if _clear(refused):
                raise


def _computed(refused: Exception) -> bool:
    """Whether it is a git command whose name only the running program knows: many a program's one way to call git."""
    words = refused.subject.split() if isinstance(refused, Refused) else []
    return words[:1] == ["git"] and HOLE in "".join(words[1:2])


def _clear(refused: Exception) -> bool:
    return isinstance(refused, Refused) and refused.rule != "unreadable"
