"""A shell script as the simple commands it would run, read without running any."""

import re
from collections.abc import Callable
from functools import cache

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from dayshift.guard.builtins import BUILTINS
from dayshift.guard.expansion import WORDS, Expansion, text_of
from dayshift.guard.redirections import Redirections
from dayshift.guard.scope import Command, Scope, Seen, Unreadable
from dayshift.guard.words import HOLE, masked, printed, split

COMMAND_COST = 200  #: of a budget that counts characters
DEEPEST = 100

Fields = list[str]
_DUPLICATED = re.compile(r"(?<=\s)[12]>&[12](?=\s|$)")


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))


def _parse(script: str) -> Node:
    return _parser().parse(masked(script)).root_node


def walk(script: str, scope: Scope, seen: Seen) -> str:
    """Hand every simple command of the script to `seen`, in order, and return what the script prints.

    Raises Unreadable for a script that has no clear parse or is too large to follow.
    """
    return _Reader(scope, seen).script(script)


class _Reader:
    def __init__(self, scope: Scope, seen: Seen) -> None:
        self.scope = scope
        self.seen = seen
        self.expansion = Expansion(scope, self._substituted)
        self.fields = self.expansion.fields
        self.depth = 0

    def _substituted(self, node: Node) -> str:
        return self._alone(node, None)

    def _redirections(self) -> Redirections:
        return Redirections(self.expansion, self.script)

    def script(self, script: str, stdin: str | None = None) -> str:
        self.scope.budget.spend(len(script))
        root = _parse(script)
        if root.has_error:  # the grammar stumbles over a valid `2>&1` beside a here-document
            root = _parse(_DUPLICATED.sub(" ", script))
        if root.has_error:
            raise Unreadable("the shell syntax is not clear")
        return self.visit(root, stdin)

    def visit(self, node: Node, stdin: str | None) -> str:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable("the script is nested too deeply")
        handler = _HANDLERS.get(node.type)
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

    # --- constructs --------------------------------------------------------------------------------

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
            now[name] = (HOLE,)
        return bool(changed)

    def _comment(self, node: Node, stdin: str | None) -> str:
        return ""

    def _function(self, node: Node, stdin: str | None) -> str:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None or body is None:
            raise Unreadable("a function without a name")
        self.scope.functions[text_of(name)] = body
        return ""

    def _assignment(self, node: Node, stdin: str | None) -> str:
        name, value = self._assigned(node)
        self.scope.variables[name] = value
        if len(value) == 1:
            self.seen(Command((), ((name, value[0]),)), self.scope)
        return ""

    def _assigned(self, node: Node) -> tuple[str, tuple[str, ...]]:
        target, value = node.children[0], node.children[2] if len(node.children) > 2 else None
        if value is None:
            fields: Fields = [""]
        elif value.type == "array":
            fields = [word for child in value.named_children for word in self.fields(child)]
        else:
            fields = ["".join(self.fields(value, quoted=True))]
        if target.type != "variable_name":
            self._inside(target, None)
            return text_of(target.children[0]), (HOLE,)
        name = text_of(target)
        if node.children[1].type == "+=":
            old = self.scope.variables.get(name, (HOLE,))
            fields = [*old, *fields] if value and value.type == "array" else [old[0] + fields[0]]
        return name, tuple(fields)

    def _declaration(self, node: Node, stdin: str | None) -> str:
        flags = [text_of(child) for child in node.named_children if child.type == "word"]
        for child in node.named_children:
            if child.type == "variable_assignment":
                self._assignment(child, stdin)
                if any(flag.startswith("-") and "n" in flag for flag in flags):
                    self.scope.variables[self._assigned(child)[0]] = (HOLE,)
            elif child.type in WORDS:
                self.fields(child)
        return ""

    # --- commands ----------------------------------------------------------------------------------

    def _command(self, node: Node, stdin: str | None, last: Redirections | None = None) -> str:
        redirections = last or self._redirections()
        env: list[tuple[str, str]] = []
        words: Fields = []
        for child in node.children:
            kind = child.type
            if kind == "variable_assignment":
                name, value = self._assigned(child)
                env.append((name, value[0] if len(value) == 1 else HOLE))
            elif kind.endswith("_redirect"):
                redirections.add(child)
            elif kind == "subshell":
                raise Unreadable("parentheses in a command")
            else:
                words += self.fields(child.children[0] if kind == "command_name" else child)
        words += redirections.words
        out = self.run(words, tuple(env), stdin if redirections.stdin is None else redirections.stdin)
        return out if last else self._written(out, redirections, stdin)

    def _redirected(self, node: Node, stdin: str | None) -> str:
        redirections = self._redirections()
        body = None
        for child in node.named_children:
            if child.type.endswith("_redirect"):
                redirections.add(child)
            else:
                body = child
        out = self._redirected_body(body, stdin, redirections) if body else ""
        return self._written(out, redirections, stdin)

    def _redirected_body(self, body: Node, stdin: str | None, redirections: Redirections | None) -> str:
        if redirections is None or body.type not in ("command", "list", "pipeline"):
            fed = redirections.stdin if redirections else None
            return self.visit(body, stdin if fed is None else fed)
        if body.type == "command":
            return self._command(body, stdin, redirections)
        return (self._list if body.type == "list" else self._pipeline)(body, stdin, redirections)

    def _written(self, out: str, redirections: Redirections, stdin: str | None) -> str:
        files = self.scope.files
        if redirections.writes:
            paths = [self.scope.path(name) for name, _ in redirections.writes]
            self.seen(Command((), writes=tuple(paths)), self.scope)
            for path, (_, appended) in zip(paths, redirections.writes, strict=True):
                files[path] = files.get(path, "") + out if appended else out
            out = ""
        for node in redirections.then:
            out = self.visit(node, out if node.type == "pipeline" else stdin)
        return out

    def run(self, argv: Fields, env: tuple[tuple[str, str], ...] = (), stdin: str | None = None) -> str:
        """One simple command: a function or a builtin that changes the scope is followed, all else is seen."""
        self.scope.budget.spend(COMMAND_COST)
        if not argv:
            self.scope.variables.update({name: (value,) for name, value in env})
            if env:
                self.seen(Command((), env), self.scope)
            return ""
        followed = self._followed(argv, env, stdin)
        if followed is not None:
            return followed
        self.seen(Command(tuple(argv), env, stdin), self.scope)
        out = printed(argv, stdin, self.scope.files)
        self.scope.budget.spend(len(out))
        return out

    def _followed(self, argv: Fields, env: tuple[tuple[str, str], ...], stdin: str | None) -> str | None:
        name, rest = argv[0], argv[1:]
        if name in self.scope.aliases:
            words = split(self.scope.aliases.pop(name))
            return self.run([*words, *rest], env, stdin)
        if name in self.scope.functions:
            return self._call(self.scope.functions[name], rest, stdin)
        if name in ("command", "builtin") and rest and rest[0] in BUILTINS:
            return self._followed(rest, env, stdin)
        builtin = BUILTINS.get(name)
        return builtin(self, rest, stdin) if builtin else None

    def _call(self, body: Node, arguments: Fields, stdin: str | None) -> str:
        before, self.scope.arguments = self.scope.arguments, tuple(arguments)
        out = self.visit(body, stdin)
        self.scope.arguments = before
        return out


_HANDLERS: dict[str, Callable[[_Reader, Node, str | None], str]] = {
    "program": _Reader._sequence,
    "compound_statement": _Reader._sequence,
    "do_group": _Reader._sequence,
    "negated_command": _Reader._sequence,
    "variable_assignments": _Reader._sequence,
    "subshell": _Reader._alone,
    "list": _Reader._list,
    "pipeline": _Reader._pipeline,
    "if_statement": _Reader._branches,
    "case_statement": _Reader._branches,
    "while_statement": _Reader._loop,
    "c_style_for_statement": _Reader._loop,
    "for_statement": _Reader._for,
    "function_definition": _Reader._function,
    "variable_assignment": _Reader._assignment,
    "declaration_command": _Reader._declaration,
    "command": _Reader._command,
    "redirected_statement": _Reader._redirected,
    "comment": _Reader._comment,
}
