"""Assignments in a shell script: variables, arrays, declarations, and the tables that give names to commands."""

from tree_sitter import Node

from dayshift.guard.constructs import Constructs
from dayshift.guard.expansion import WORDS, text_of
from dayshift.guard.scope import Command, Scope, Seen, Unreadable
from dayshift.guard.words import HOLE

PROGRAMS_OF_NAMES = frozenset(("BASH_CMDS",))
SCRIPTS_OF_NAMES = frozenset(("BASH_ALIASES", "aliases", "galiases", "saliases"))
LOCAL = frozenset(("local", "declare", "typeset"))


class Assignments(Constructs):
    """Reads what a script assigns."""

    def __init__(self, scope: Scope, seen: Seen) -> None:
        super().__init__(scope, seen)
        self.local: dict[str, tuple[str, ...] | None] | None = None  #: what the function's own variables hide

    def _assignment(self, node: Node, stdin: str | None) -> str:
        name, value = self._assigned(node)
        self.scope.variables[name] = value
        if len(value) == 1:
            self.seen(Command((), ((name, value[0]),)), self.scope)
        return ""

    def _assigned(self, node: Node) -> tuple[str, tuple[str, ...]]:
        target, value = node.children[0], node.children[2] if len(node.children) > 2 else None
        if value is None:
            fields: list[str] = [""]
        elif value.type == "array":
            fields = [word for child in value.named_children for word in self.fields(child)]
        else:
            fields = ["".join(self.fields(value, quoted=True))]
        if target.type != "variable_name":
            self._inside(target, None)
            name = text_of(target.children[0])
            self._renamed(name, fields)
            return name, (HOLE,)
        name = text_of(target)
        self._renamed(name, fields)
        if node.children[1].type == "+=":
            old = self.scope.variables.get(name, (HOLE,))
            fields = [*old, *fields] if value and value.type == "array" else [old[0] + fields[0]]
        return name, tuple(fields)

    def _renamed(self, name: str, fields: list[str]) -> None:
        """Tables in which a shell keeps what a command's name stands for: what is put there will run."""
        if name in PROGRAMS_OF_NAMES:
            raise Unreadable(f"{name} gives a command another program")
        if name in SCRIPTS_OF_NAMES:
            for text in fields:
                self.script(text)

    def _declaration(self, node: Node, stdin: str | None) -> str:
        """declare, local, export …: all values are told before the first is assigned."""
        flags = "".join(text_of(child) for child in node.named_children if child.type == "word")
        assigned = [self._assigned(child) for child in node.named_children if child.type == "variable_assignment"]
        for name, value in assigned:
            changed = any(mark in flags for mark in "nliuc") and flags.startswith("-")
            if self.local is not None and node.children[0].type in LOCAL and "g" not in flags:
                self.local.setdefault(name, self.scope.variables.get(name))
            self.scope.variables[name] = (HOLE,) if changed else value
            if len(value) == 1:
                self.seen(Command((), ((name, value[0]),)), self.scope)
        for child in node.named_children:
            if child.type in WORDS:
                self.fields(child)
        return ""


Assignments.handlers = Constructs.handlers | {
    "variable_assignment": Assignments._assignment,
    "declaration_command": Assignments._declaration,
}
