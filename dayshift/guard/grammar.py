"""The shell's grammar: a script as a tree, or the refusal to guess."""

import re
import time
from functools import cache

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from dayshift.guard.scope import Unreadable
from dayshift.guard.words import masked

SHORT = 400  #: characters of a script that no parser takes long for
CHUNK = 1 << 16
PATIENCE = 0.03  #: seconds of this thread's own time for one parse; an honest long script takes a third of that
LONGEST = 150_000
_DUPLICATED = re.compile(r"(?<=\s)[12]>&[12](?=\s|$)")
_WRITTEN_FIRST = re.compile(r"(>>?[ \t]*[\w./~-]+)([ \t]*<<<[ \t]*(?:'[^']*'|\"[^\"`$\\]*\"|[\w./-]+))")
_FED_COMPOUND = re.compile(r"(?<=[\s;])(done|fi|esac|\}|\))[ \t]*<<<[ \t]*('[^']*'|\"[^\"]*\"|[\w./$-]+)")
_CONTINUED = re.compile(r"(?<=[\w'\"])\\\n(?=[\w'\"])")


def parsed(script: str) -> Node:
    """The script's tree; raises Unreadable where the grammar finds no clear one."""
    if "\0" in script or len(script) > LONGEST:
        raise Unreadable("no shell reads such a script")
    script = _CONTINUED.sub("", script) if "\\\n" in script else script
    root = _parse(script)
    if root is None:  # the grammar stumbles over `2>&1` beside a here-document, `> file <<< text` and `done <<< text`
        script = _FED_COMPOUND.sub(r"\1 < <(printf '%s\\n' \2)", script)
        root = _parse(_WRITTEN_FIRST.sub(r"\2 \1", _DUPLICATED.sub(" ", script)))
    if root is None:
        raise Unreadable("the shell syntax is not clear")
    return root


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))


def _parse(script: str) -> Node | None:
    """The parse, or None if there is no clear one."""
    source, parser = masked(script), _parser()
    if len(source) <= SHORT:
        root = parser.parse(source).root_node
        return None if root.has_error else root
    patience = _Patience()
    try:
        tree = parser.parse(lambda place, _: source[place : place + CHUNK], progress_callback=patience)
    except ValueError:
        parser.reset()
        if patience.lost:
            raise Unreadable("the shell syntax takes too long to follow") from None
        return None
    return None if tree.root_node.has_error else tree.root_node


class _Patience:
    """Ends a parse at its first error, and one that finds its way back from none in time: some take minutes."""

    def __init__(self) -> None:
        self.start = time.thread_time()
        self.lost = False

    def __call__(self, place: int, failed: bool = False) -> bool:
        self.lost = time.thread_time() - self.start > PATIENCE
        return failed or self.lost
