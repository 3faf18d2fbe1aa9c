"""What feeds a command and what it writes: redirections, here-documents, here-strings."""

import re
from collections.abc import Callable

from tree_sitter import Node

from dayshift.guard.expansion import WORDS, Expansion, text_of
from dayshift.guard.scope import Unreadable
from dayshift.guard.words import HOLE, unquoted

COST = 300  #: of a budget that counts characters


class Redirections:
    """The redirections of one command, added one by one; `run` reads through a script inside a here-document."""

    def __init__(self, expansion: Expansion, run: Callable[[str], str]) -> None:
        self.expansion = expansion
        self.run = run
        self.stdin: str | None = None
        self.source = ""  #: the file that feeds it, if its text is not known
        self.words: list[str] = []  #: words of the command that stand behind a redirection
        self.writes: list[tuple[str, bool]] = []  #: path, appended to
        self.then: list[Node] = []  #: what follows on the line of a here-document

    def add(self, node: Node) -> None:
        """Take in one more redirection."""
        self.expansion.scope.budget.spend(COST)
        if node.type == "herestring_redirect":
            self.stdin = "".join(self.expansion.fields(node.named_children[-1], quoted=True)) + "\n"
        elif node.type == "heredoc_redirect":
            self._here_document(node)
        else:
            self._file(node)

    def _file(self, node: Node) -> None:
        operator = next(child.type for child in node.children if not child.is_named)
        targets = [
            word for child in node.named_children if child.type in WORDS for word in self.expansion.fields(child)
        ]
        if not targets:
            return
        self.words += targets[1:]
        if operator == "<":
            self._fed(targets[0])
        elif operator not in (">&", "<&") or not targets[0].rstrip("-").isdigit():
            self.writes.append((targets[0], operator.endswith(">>")))

    def _fed(self, name: str) -> None:
        scope = self.expansion.scope
        content = HOLE if name.startswith(("/dev/tcp/", "/dev/udp/")) else scope.files.get(scope.path(name))
        if content is not None:
            self.stdin = content
        elif not name.startswith("/dev/"):
            self.source = name

    def _here_document(self, node: Node) -> None:
        start = ""
        for child in node.named_children:
            if child.type == "heredoc_start":
                start = text_of(child)
                if not start.isascii():
                    raise Unreadable("a here-document whose end word is not plain ASCII")
            elif child.type == "heredoc_body":
                self.stdin = self._text(child, quoted=any(mark in start for mark in "'\"\\"))
            elif child.type.endswith("_redirect"):
                self.add(child)
            elif child.type in WORDS:
                self.words += self.expansion.fields(child)
            elif child.type != "heredoc_end":
                self.then.append(child)

    def _text(self, node: Node, quoted: bool) -> str:
        """The document; the grammar does not see backticks in it, so they are read here."""
        if quoted:
            return text_of(node)
        parts = re.split(r"(?<!\\)`", self.expansion.pieces(node, plain=str))
        for script in parts[1::2]:
            self.run(script)
        return unquoted("".join(part if number % 2 == 0 else HOLE for number, part in enumerate(parts)))
