"""A shell script as the simple commands it would run, read without running any."""

from tree_sitter import Node

from dayshift.guard.assignments import Assignments
from dayshift.guard.builtins import BUILTINS
from dayshift.guard.constructs import INDEXED
from dayshift.guard.redirections import Redirections
from dayshift.guard.scope import Command, Scope, Seen, Unreadable
from dayshift.guard.words import HOLE, printed, split

COMMAND_COST = 200  #: of a budget that counts characters
WORD_COST = 50
NOT_FOUND = ("command_not_found_handle", "command_not_found_handler")
EVALUATE_NAMES = frozenset(("printf", "read", "unset", "test", "[", "let", "declare", "export", "mapfile", "readarray"))

Fields = list[str]


def walk(script: str, scope: Scope, seen: Seen) -> str:
    """Hand every simple command of the script to `seen`, in order, and return what the script prints.

    Raises Unreadable for a script that has no clear parse or is too large to follow.
    """
    return _Reader(scope, seen).script(script)


class _Reader(Assignments):
    def _redirections(self) -> Redirections:
        return Redirections(self.expansion, self.script)

    def _command(self, node: Node, stdin: str | None, last: Redirections | None = None) -> str:
        """A simple command; with `${name:+word}` in it, it is run both with the word and without."""
        met = self.expansion.optional
        out = self._simple(node, stdin, last)
        if self.expansion.optional > met and not self.expansion.without:
            self.expansion.without = True
            self._simple(node, stdin, last)
            self.expansion.without = False
        return out

    def _simple(self, node: Node, stdin: str | None, last: Redirections | None) -> str:
        redirections = last or self._redirections()
        env: list[tuple[str, str]] = []
        words: Fields = []
        for child in node.children:
            kind = child.type
            self.scope.budget.spend(WORD_COST)
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
        fed = stdin if redirections.stdin is None else redirections.stdin
        out = self.run(words, tuple(env), fed, redirections.source)
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

    def run(
        self, argv: Fields, env: tuple[tuple[str, str], ...] = (), stdin: str | None = None, source: str = ""
    ) -> str:
        """One simple command: a function or a builtin that changes the scope is followed, all else is seen."""
        self.scope.budget.spend(COMMAND_COST)
        if not argv:
            self.scope.variables.update({name: (value,) for name, value in env})
            if env:
                self.seen(Command((), env), self.scope)
            return ""
        if argv[0] in EVALUATE_NAMES and any(map(INDEXED.search, argv[1:3])):
            raise Unreadable("a command in an index")
        followed = self._followed(argv, env, stdin)
        if followed is not None:
            return followed
        self.seen(Command(tuple(argv), env, stdin, source), self.scope)
        out = printed(argv, stdin, self.scope.files)
        self.scope.budget.spend(len(out))
        return out

    def _followed(self, argv: Fields, env: tuple[tuple[str, str], ...], stdin: str | None) -> str | None:
        name, rest = argv[0], argv[1:]
        if name in self.scope.aliases:
            words = split(self.scope.aliases.pop(name))
            return self.run([*words, *rest], env, stdin)
        function = self.scope.functions.get(name) or self._stand_in(name)
        if function is not None:
            return self._call(function, rest, stdin)
        if name in ("command", "builtin") and rest and rest[0] in BUILTINS:
            return self._followed(rest, env, stdin)
        builtin = BUILTINS.get(name)
        return builtin(self, rest, stdin) if builtin else None

    def _stand_in(self, name: str) -> Node | None:
        """The function a shell calls for a command it does not find."""
        if "/" in name or name in BUILTINS:
            return None
        return next((self.scope.functions[name] for name in NOT_FOUND if name in self.scope.functions), None)

    def _call(self, body: Node, arguments: Fields, stdin: str | None) -> str:
        before, self.scope.arguments = self.scope.arguments, tuple(arguments)
        outer, self.local = self.local, {}
        out = self.visit(body, stdin)
        for name, value in self.local.items():
            self.scope.variables.pop(name, None)
            self.scope.variables |= {} if value is None else {name: value}
        self.scope.arguments, self.local = before, outer
        return out


_Reader.handlers = Assignments.handlers | {
    "command": _Reader._command,
    "redirected_statement": _Reader._redirected,
}
