"""The expansion of shell words: what a parsed word becomes before its command runs."""

import re
from collections.abc import Callable

from tree_sitter import Node

from dayshift.guard.scope import Scope, Unreadable
from dayshift.guard.words import HOLE, ansi, unescaped, unmasked, unquoted

WORDS = frozenset(
    ["word", "string", "raw_string", "ansi_c_string", "translated_string", "concatenation", "simple_expansion",
    "expansion", "number", "command_substitution", "process_substitution", "arithmetic_expansion",
    "brace_expression", "extglob_pattern", "regex"]
)  # fmt: skip  #: node types that are words
_SPECIAL = frozenset("?#$!-_0")


def text_of(node: Node) -> str:
    """The source of a node."""
    return unmasked(node.text or b"")


class Expansion:
    """Expands words in one scope; `substituted` runs through a substitution and returns what it prints."""

    def __init__(self, scope: Scope, substituted: Callable[[Node], str]) -> None:
        self.scope = scope
        self.substituted = substituted
        self.without = False  #: what `${name:+word}` adds is left out
        self.optional = 0  #: how often such a word was met

    def fields(self, node: Node, quoted: bool = False) -> list[str]:
        """The words one word becomes; quoted, it stays one."""
        kind = node.type
        if kind == "word":
            return [unescaped(text_of(node))]
        if kind == "string":
            return self._string(node)
        if kind == "raw_string":
            return [text_of(node)[1:-1]]
        if kind == "concatenation":
            return self._joined(node, quoted)
        if kind == "simple_expansion":
            return self._spent(self._value(text_of(node.children[-1]), quoted))
        if kind == "expansion":
            return self._spent(self._braced(node, quoted))
        if kind == "command_substitution":
            return self._spent(_split(self._output(node), quoted, self.scope))
        return [self._other(node, kind)]

    def _spent(self, fields: list[str]) -> list[str]:
        self.scope.budget.spend(len(fields) + sum(map(len, fields)))
        return fields

    def _other(self, node: Node, kind: str) -> str:
        if kind == "ansi_c_string":
            return ansi(text_of(node)[2:-1])
        if kind == "translated_string":
            return self.fields(node.children[-1], quoted=True)[0]
        if kind == "process_substitution":
            path = f"/dev/fd/of{node.start_byte}"
            self.scope.files[path] = self.substituted(node)
            return path
        if kind == "arithmetic_expansion":
            self._calculated(text_of(node))
            self.substituted(node)
            return HOLE
        return unescaped(text_of(node))

    def _calculated(self, text: str) -> None:
        """A variable in a calculation is calculated in turn."""
        for name in re.findall(r"[A-Za-z_]\w*", text):
            if any("$(" in value or "`" in value for value in self.scope.variables.get(name, ())):
                raise Unreadable("a command in a calculation")

    def _output(self, node: Node) -> str:
        named = node.named_children
        if len(named) == 1 and named[0].type == "file_redirect":
            path = self.fields(named[0].named_children[-1])[0]
            return self.scope.files.get(self.scope.path(path), HOLE).rstrip("\n")
        return self.substituted(node).rstrip("\n")

    def _string(self, node: Node) -> list[str]:
        children = node.named_children
        if not children:
            return [unquoted(text_of(node)[1:-1])]
        if len(children) == 1 and children[0].type in ("simple_expansion", "expansion") and _is_all(children[0], node):
            return self.fields(children[0], quoted=True)
        return [self.pieces(node)[1:-1]]

    def pieces(self, node: Node, plain: Callable[[str], str] = unquoted) -> str:
        """Quoted text with its expansions filled in; what lies between them is kept to the byte but for `plain`."""
        source, start, out = node.text or b"", node.start_byte, []
        at = 0
        for child in node.named_children:
            if child.type in ("string_content", "heredoc_content"):
                continue
            text = child.text or b""
            begin = child.end_byte - len(text.lstrip())  # the grammar lets an expansion begin in the blank before it
            out.append(plain(unmasked(source[at : begin - start])))
            out.append(" ".join(self.fields(child, quoted=True)))
            at = child.end_byte - start
        out.append(plain(unmasked(source[at:])))
        return "".join(out)

    def _joined(self, node: Node, quoted: bool) -> list[str]:
        out = [""]
        for child in node.children:
            first, *rest = self.fields(child, quoted) or [""]
            out[-1] += first
            out += rest
        return out

    def _value(self, name: str, quoted: bool) -> list[str]:
        scope = self.scope
        if name == "0":
            return _split(scope.name, quoted, scope)
        if name in ("@", "*") or name.isdigit():
            return self._argument(name, quoted)
        value = (HOLE,) if name in _SPECIAL else scope.variables.get(name, (HOLE,))
        return _split(value[0] if value else "", quoted, scope)

    def _argument(self, name: str, quoted: bool) -> list[str]:
        arguments = self.scope.arguments
        if arguments is None:
            return [HOLE]
        if name == "@" and quoted:
            return list(arguments)
        if name in ("@", "*"):
            return _split(" ".join(arguments), quoted, self.scope)
        place = int(name) - 1
        return _split(arguments[place] if place < len(arguments) else "", quoted, self.scope)

    def _braced(self, node: Node, quoted: bool) -> list[str]:
        text = text_of(node)
        if "`" in text or text.endswith("@P}"):
            raise Unreadable("backticks or @P inside ${…}")
        children = node.children
        if len(children) == 3 and children[1].type == "variable_name":
            return self._value(text_of(children[1]), quoted)
        if len(children) == 3 and children[1].type == "subscript":
            return self._item(children[1], quoted)
        if len(children) == 3 and children[1].type == "special_variable_name":
            return self._value(text_of(children[1]), quoted)
        given = [self.fields(child, quoted) for child in node.named_children if child.type in WORDS]
        if len(children) == 5 and children[2].type in (":+", "+") and len(given) == 1:
            self.optional += 1
            return ([""] if quoted else []) if self.without else given[0]
        return [HOLE]

    def _item(self, node: Node, quoted: bool) -> list[str]:
        name, index = text_of(node.named_children[0]), text_of(node.named_children[-1])
        if node.named_children[-1].type in WORDS:
            self.fields(node.named_children[-1])
        values = self.scope.variables.get(name)
        if values is None:
            return [HOLE]
        if index == "@" or (index == "*" and not quoted):
            return list(values) if quoted else [part for value in values for part in _split(value, False, self.scope)]
        if index.isdigit() and int(index) < len(values):
            return _split(values[int(index)], quoted, self.scope)
        return [HOLE]


def _is_all(child: Node, string: Node) -> bool:
    whole = (child.text or b"").startswith(b"$") and child.start_byte == string.start_byte + 1
    return whole and child.end_byte == string.end_byte - 1


def _split(value: str, quoted: bool, scope: Scope) -> list[str]:
    if quoted:
        return [value]
    return [HOLE] if "IFS" in scope.variables and value else value.split()
