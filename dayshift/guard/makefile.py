"""A makefile's recipes as the shell lines make would run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dayshift.guard.words import HOLE

DEEPEST = 8
LONGEST_LINE = 4_000
MOST_TARGETS = 60
ITS_OWN = {
    "MAKE": "make", "SHELL": "/bin/sh", "RM": "rm -f", "CC": "cc", "CXX": "c++", "AR": "ar", "CURDIR": ".",
    "MAKEFLAGS": "",
}  # fmt: skip  #: variables make sets by itself
_VARIABLE = re.compile(r"^(?:export\s+|override\s+)?([\w.-]+)\s*(\?|:{1,3}|\+|!)?=\s*(.*)$")
_DEFINED = re.compile(r"^define\s+([\w.-]+)[^\n]*\n(.*?)^endef", re.MULTILINE | re.DOTALL)
_RULE = re.compile(r"^([^\s#:=][^:=#]*?)\s*&?::?(?!=)\s*([^#]*)$")
_REFERENCE = re.compile(r"\$\$|\$[({]([^(){}$]*)[)}]|\$(.)")


@dataclass(slots=True)
class Makefile:
    """Rules and variables, as far as the text alone tells."""

    variables: dict[str, str] = field(default_factory=lambda: dict(ITS_OWN))
    needs: dict[str, list[str]] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    first: str = ""


def recipes(text: str, targets: Sequence[str], given: Mapping[str, str]) -> Iterator[str]:
    """The shell text of each target asked for, and of what it needs; without one, of the first."""
    made = _parsed(text)
    made.variables.update(given)
    waiting, seen = list(targets) or [made.first], set[str]()
    while waiting and len(seen) < MOST_TARGETS:
        target = waiting.pop(0)
        if target in seen:
            continue
        seen.add(target)
        waiting += made.needs.get(target, [])
        recipe = "\n".join(_expanded(line, made.variables) for line in made.lines.get(target, []))
        if recipe:
            yield recipe
    yield from _ran_while_reading(made)


def _ran_while_reading(made: Makefile) -> Iterator[str]:
    """`$(shell …)` in a variable runs when its value is asked for, whatever the target."""
    for value in made.variables.values():
        yield from re.findall(r"\$[({]shell\s+([^(){}]*)[)}]", value)


def _parsed(text: str) -> Makefile:
    made = Makefile()
    for name, body in _DEFINED.findall(text):
        made.variables[name] = body
    targets: list[str] = []
    for line in re.sub(r"\\\n[ \t]*", " ", _DEFINED.sub("", text)).splitlines():
        if line.startswith("\t"):
            _add(made, targets, line[1:])
        elif variable := _VARIABLE.match(line):
            _assign(made, *variable.groups())
        elif rule := _RULE.match(line):
            targets = _begun(made, rule[1], rule[2])
        elif line.strip() and not line.startswith((" ", "#")):
            targets = []
    return made


def _assign(made: Makefile, name: str, operator: str | None, value: str) -> None:
    if operator == "?" and name in made.variables:
        return
    if operator == "!":
        value = f"$(shell {value})"
    made.variables[name] = f"{made.variables.get(name, '')} {value}" if operator == "+" else value


def _begun(made: Makefile, names: str, rest: str) -> list[str]:
    needs, _, inline = rest.partition(";")
    targets = _expanded(names, made.variables).split()
    for target in targets:
        made.needs.setdefault(target, []).extend(_expanded(needs, made.variables).replace("|", " ").split())
        if not made.first and not target.startswith("."):
            made.first = target
    if inline.strip():
        _add(made, targets, inline)
    return targets


def _add(made: Makefile, targets: list[str], line: str) -> None:
    for target in targets:
        made.lines.setdefault(target, []).append(line.strip().lstrip("@-+ "))


def _expanded(text: str, variables: Mapping[str, str], depth: int = 0) -> str:
    """The text with make's variables filled in; what only make could tell is unknown."""
    if "$" not in text or depth > DEEPEST:
        return text.replace("$$", "$") if depth == 0 else text
    for _ in range(DEEPEST):  # a reference in a reference is expanded from the inside
        filled = _REFERENCE.sub(lambda found: _filled(found, variables), text[:LONGEST_LINE])
        if filled == text:
            break
        text = filled
    return text.replace("\0", "$")


def _filled(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found[0] == "$$":
        return "\0"
    name = found[1] if found[1] is not None else found[2]
    if name.startswith("shell "):
        return f"\0({name.removeprefix('shell ')})"
    if name in variables:
        return variables[name]
    return "" if re.fullmatch(r"[A-Z_]\w+", name) else HOLE


def from_just(text: str) -> str:
    """A justfile's text as a makefile of the same meaning."""
    text = re.sub(r"\{\{\s*(\w+)\s*\}\}", r"$(\1)", text)
    out = []
    for line in text.splitlines():
        if re.match(r"[ \t]+\S", line):
            out.append("\t" + line.strip())
        elif setting := re.match(r"(?:export\s+)?(\w+)\s*:=\s*[\"'`]?(.*?)[\"'`]?\s*$", line):
            out.append(f"{setting[1]} = {setting[2]}")
        elif recipe := re.match(r"@?([\w-]+)(?:\s+[^:]*)?:(?!=)\s*(.*)$", line):
            needs = re.sub(r"&&|\([\w-]+[^)]*\)", lambda found: found[0].strip("()&").split(" ")[0], recipe[2])
            out.append(f"{recipe[1]}: {needs}")
    return "\n".join(out)
