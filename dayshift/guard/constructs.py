"""The constructs of a shell script: lists, pipelines, branches, loops, and what each leaves known."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from tree_sitter import Node

from dayshift.guard.expansion import WORDS, Expansion, text_of
from dayshift.guard.grammar import parsed
from dayshift.guard.redirections import Redirections
from dayshift.guard.scope import Scope, Seen, Unreadable
from dayshift.guard.words import HOLE

DEEPEST = 100
SEQUENCES = ("program", "compound_statement", "do_group", "negated_command", "variable_assignments")
INDEXED = re.compile(r"\w\[[^\]]*(\$\(|`)")  #: an index that is evaluated once more

Handler = Callable[[Any, Node, str | None], str]


class Constructs(ABC):
    """Reads through a script's tree; each construct returns what it prints."""

    handlers: ClassVar[dict[str, Handler]]

    def __init__(self, scope: Scope, seen: Seen) -> None:
        self.scope = scope
        self.seen = seen
        self.expansion = Expansion(scope, self._substituted)
        self.fields = self.expansion.fields
        self.depth = 0

    @abstractmethod
    def _redirected_body(self, body: Node, stdin: str | None, redirections: Redirections | None) -> str:
        """What stands before redirections, of which the last command in it gets the words."""

    def script(self, script: str, stdin: str | None = None) -> str:
        """Read through another script in the same scope."""
        self.scope.budget.spend(len(script))
        return self.visit(parsed(script), stdin)

    def _substituted(self, node: Node) -> str:
        """What a substitution prints; one that is written to is fed what nobody can tell."""
        return self._alone(node, HOLE if node.children[0].type == ">(" else None)

    def visit(self, node: Node, stdin: str | None) -> str:
        """Read through one node."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable("the script is nested too deeply")
        handler = self.handlers.get(node.type)
        out = handler(self, node, stdin) if handler else self._inside(node, stdin)
        self.depth -= 1
        return out

    def _inside(self, node: Node, stdin: str | None) -> str:
        """Any other construct: what can run inside it still runs."""
        for child in node.named_children:
            if child.type in WORDS:
                self.fields(child)
            else:
                self.visit(child, stdin)
        return ""

    def _sequence(self, node: Node, stdin: str | None) -> str:
        return "".join([self.visit(child, stdin) for child in node.named_children])

    def _alone(self, node: Node, stdin: str | None) -> str:
        """A subshell: what it assigns is forgotten."""
        kept, folder = dict(self.scope.variables), self.scope.folder
        out = self._sequence(node, stdin)
        self.scope.variables, self.scope.folder = kept, folder
        return out

    def _list(self, node: Node, stdin: str | None, last: Redirections | None = None) -> str:
        left, operator, right = node.children[0], node.children[1].type, node.children[-1]
        out = self.visit(left, stdin)
        before = dict(self.scope.variables)
        out += self._redirected_body(right, stdin, last) if last else self.visit(right, stdin)
        chained = node.parent is not None and node.parent.type == "list" and operator == "&&"
        if not chained:
            self._forget_changes(before)
        return out

    def _pipeline(self, node: Node, stdin: str | None, last: Redirections | None = None) -> str:
        stages = node.named_children
        for stage in stages:
            kept, folder = dict(self.scope.variables), self.scope.folder
            final = last is not None and stage is stages[-1]
            stdin = self._redirected_body(stage, stdin, last) if final and last else self.visit(stage, stdin)
            self.scope.variables, self.scope.folder = kept, folder
        return stdin or ""

    def _branches(self, node: Node, stdin: str | None) -> str:
        """if and case: each branch starts from the same variables, and where they differ none is known."""
        before = dict(self.scope.variables)
        out = ""
        for child in node.named_children:
            if child.type in ("elif_clause", "else_clause", "case_item"):
                self._forget_changes(before)
            if child.type in WORDS:
                self.fields(child)
            else:
                out += self.visit(child, stdin)
        self._forget_changes(before)
        return out

    def _loop(self, node: Node, stdin: str | None) -> str:
        before = dict(self.scope.variables)
        out = self._sequence_of_any(node, stdin)
        if self._forget_changes(before):
            out += self._sequence_of_any(node, stdin)
        return out + (HOLE if out else "")

    def _sequence_of_any(self, node: Node, stdin: str | None) -> str:
        return "".join([self.visit(child, stdin) for child in node.named_children if child.type not in WORDS])

    def _for(self, node: Node, stdin: str | None) -> str:
        name = node.child_by_field_name("variable")
        values = [word for child in node.named_children if child.type in WORDS for word in self.fields(child)]
        if name is None or not values or len(values) > 16 or HOLE in "".join(values):
            values = [HOLE]
        variable = text_of(name) if name else "_"
        before = dict(self.scope.variables)
        out = ""
        for value in values:
            self.scope.variables[variable] = (value,)
            out += self._sequence_of_any(node, stdin)
        before[variable] = (values[-1],)
        self._forget_changes(before)
        return out

    def _forget_changes(self, before: dict[str, tuple[str, ...]]) -> bool:
        now = self.scope.variables
        changed = [name for name in now if before.get(name) != now[name]]
        for name in changed:
            now[name] = _either(before.get(name), now[name])
        return bool(changed)

    def _test(self, node: Node, stdin: str | None) -> str:
        text = text_of(node)
        if "[" in text and re.search(r"\s-(v|eq|ne|l[te]|g[te])\s", text) and INDEXED.search(text):
            raise Unreadable("a command in an index")
        return self._inside(node, stdin)

    def _comment(self, node: Node, stdin: str | None) -> str:
        return ""

    def _function(self, node: Node, stdin: str | None) -> str:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None or body is None:
            raise Unreadable("a function without a name")
        self.scope.functions[text_of(name)] = body
        return ""


Constructs.handlers = {
    **dict.fromkeys(SEQUENCES, Constructs._sequence),
    "subshell": Constructs._alone,
    "list": Constructs._list,
    "pipeline": Constructs._pipeline,
    "if_statement": Constructs._branches,
    "case_statement": Constructs._branches,
    "while_statement": Constructs._loop,
    "c_style_for_statement": Constructs._loop,
    "for_statement": Constructs._for,
    "function_definition": Constructs._function,
    "comment": Constructs._comment,
    "test_command": Constructs._test,
}


def _either(old: tuple[str, ...] | None, new: tuple[str, ...]) -> tuple[str, ...]:
    """What a variable holds that may have been changed: of a list that grew, the beginning is known."""
    grown = old is not None and len(new) > len(old) > 0 and new[: len(old)] == old
    return (*old, HOLE) if grown and old else (HOLE,)
