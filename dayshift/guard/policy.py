"""The policy: what an agent may run and write, as data the guard judges by."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from re import Pattern as Regex

from dayshift.guard.words import HOLE


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule in words: what it forbids, why, and what to do instead; with examples that prove it."""

    id: str
    what: str
    why: str
    instead: str
    match: tuple[str, ...] = ()
    no_match: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way to call a program: leading words, options it must have, options it must not have."""

    words: tuple[str, ...] = ()
    needs: tuple[frozenset[str], ...] = ()
    refuses: frozenset[str] = frozenset()
    anywhere: bool = False
    ends: bool = False

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Read `word word* --needed|-n !--refused $`; `...` in front lets the words stand anywhere, `$` ends them."""
        parts = text.split()
        return cls(
            words=tuple(part for part in parts if not part.startswith(("-", "!-")) and part not in ("...", "$")),
            needs=tuple(frozenset(part.split("|")) for part in parts if part.startswith("-")),
            refuses=frozenset(part[1:] for part in parts if part.startswith("!-")),
            anywhere="..." in parts,
            ends="$" in parts,
        )

    def matches(self, words: Sequence[str], options: frozenset[str]) -> bool:
        """True if a call with these words and options is of this form."""
        if self.refuses & options or not all(need & options for need in self.needs):
            return False
        starts = range(len(words)) if self.anywhere else (0,)
        return any(self._at(words[start:]) for start in starts)

    def _at(self, words: Sequence[str]) -> bool:
        if len(words) < len(self.words) or (self.ends and len(words) > len(self.words)):
            return False
        return all(fnmatchcase(word, form) for word, form in zip(words, self.words, strict=False))


@dataclass(frozen=True, slots=True)
class Forms:
    """How a program may be called: `only` these patterns, or any but `never` those; `options` bounds its options."""

    rule: str = ""
    only: tuple[Pattern, ...] | None = None
    never: tuple[Pattern, ...] = ()
    valued: frozenset[str] = frozenset()
    options: frozenset[str] | None = None

    def allows(self, args: Sequence[str]) -> bool:
        """True if a call with these arguments is one of the permitted forms."""
        words, options, guesses = parts(args, self.valued)
        if self.options is not None and not all(_known(option, self.options) for option in options):
            return False
        if self.only is not None:
            return any(pattern.matches(words, options) for pattern in self.only)
        if not self.never:
            return True
        if words and HOLE in words[0]:
            return False
        starts = [words[guess:] for guess in guesses]
        return not any(pattern.matches(start, options) for pattern in self.never for start in starts)


def _known(option: str, allowed: frozenset[str]) -> bool:
    letters = option[1:]
    clustered = len(letters) > 1 and letters.isalpha() and all(f"-{one}" in allowed for one in letters)
    return option in allowed or clustered


def parts(args: Sequence[str], valued: frozenset[str]) -> tuple[list[str], frozenset[str], list[int]]:
    """Words, options, and where in the words the first real one may be (an unknown option may own the one after it).

    `-n5`, `--n=5` count as `-n`, `--n` when the option takes a value; other short options are taken letter by letter.
    """
    words: list[str] = []
    options: set[str] = set()
    guesses = [0]
    after_option = value_next = False
    for place, arg in enumerate(args):
        if value_next:
            value_next = False
        elif arg == "--":
            words += args[place + 1 :]
            break
        elif arg.startswith("-") and len(arg) > 1:
            name = arg.partition("=")[0]
            options |= _spellings(name, valued)
            value_next = arg in valued
            after_option = not value_next and "=" not in arg
            continue
        else:
            if after_option and len(words) == guesses[-1]:
                guesses.append(len(words) + 1)
            words.append(arg)
        after_option = False
    return words, frozenset(options), guesses


def _spellings(name: str, valued: frozenset[str]) -> set[str]:
    if name.startswith("--") or name in valued:
        return {name}
    if name[:2] in valued:
        return {name[:2]}
    bare = name.rstrip("0123456789")
    if len(bare) <= 2:
        return {bare if len(bare) == 2 else "-#"}
    return {name, *(f"-{letter}" for letter in name[1:])} if name[1:].isalpha() and len(name) <= 5 else {name}


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything the guard judges by, compiled."""

    rules: Mapping[str, Rule]
    tools: frozenset[str]
    clients: frozenset[str]
    programs: Mapping[str, Forms]
    git: Mapping[str, Forms]
    protected: tuple[str, ...]
    scripts: tuple[Regex[str], ...]
    harmless_scripts: tuple[Regex[str], ...]
    drivers: tuple[Regex[str], ...]
    own: tuple[tuple[str, str, Pattern], ...] = ()  #: the person's rules: id, program, form of call
    own_paths: tuple[str, ...] = field(default=())

    def forbids_script(self, name: str) -> bool:
        """True if a script or task of this name says that it writes git or a database."""
        bare = _SUFFIX.sub("", name)
        return _any(self.scripts, bare) and not _any(self.harmless_scripts, bare)


_SUFFIX = re.compile(r"\.(sh|bash|py|[cm]?[jt]s|rb|pl|php|ps1|exs?)$")


def _any(forms: Sequence[Regex[str]], text: str) -> bool:
    return any(form.search(text) for form in forms)
