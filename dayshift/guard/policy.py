"""The policy: what an agent may run and write, as data the guard judges by."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from re import Pattern as Regex

from dayshift.guard.words import HOLE

_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule in words: what it forbids, why, and what to do instead; with examples that prove it."""

    id: str
    what: str
    why: str
    instead: str
    match: tuple[str, ...] = ()
    no_match: tuple[str, ...] = ()
    of_paths: bool = False  #: its examples are paths to be written, not commands


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way to call a program: leading words, options it must have, options and words it must not have."""

    words: tuple[str, ...] = ()
    needs: tuple[frozenset[str], ...] = ()
    refuses: frozenset[str] = frozenset()
    excepted: tuple[str, ...] = ()
    anywhere: bool = False
    ends: bool = False

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Read `word word* --needed|-n !--refused $`; `...` in front lets the words stand anywhere, `$` ends them."""
        parts = text.split()
        return cls(
            words=tuple(part for part in parts if not part.startswith(("-", "!")) and part not in ("...", "$")),
            needs=tuple(frozenset(part.split("|")) for part in parts if part.startswith("-")),
            refuses=frozenset(part[1:] for part in parts if part.startswith("!-")),
            excepted=tuple(part[1:] for part in parts if part.startswith("!") and not part.startswith("!-")),
            anywhere="..." in parts,
            ends="$" in parts,
        )

    def matches(self, words: Sequence[str], options: frozenset[str]) -> bool:
        """True if a call with these words and options is of this form."""
        if _meet(self.refuses, options) or not all(_meet(need, options) for need in self.needs):
            return False
        starts = range(len(words)) if self.anywhere else (0,)
        return any(self._at(words[start:]) for start in starts)

    def _at(self, words: Sequence[str]) -> bool:
        if len(words) < len(self.words) or (self.ends and len(words) > len(self.words)):
            return False
        looked_at = words[: 1 if self.anywhere else len(self.words) + 1] if self.excepted else ()
        if any(fnmatchcase(word, form) for word in looked_at for form in self.excepted):
            return False
        return all(
            word == form or (not _GLOB.isdisjoint(form) and fnmatchcase(word, form))
            for word, form in zip(words, self.words, strict=False)
        )


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


def _meet(named: frozenset[str], given: frozenset[str]) -> bool:
    """True if one of the named options is given, in full or cut short as most programs let it be."""
    return not named.isdisjoint(given) or any(
        len(option) > SHORTEST and option.startswith("--") and any(name.startswith(option) for name in named)
        for option in given
    )


def _known(option: str, allowed: frozenset[str]) -> bool:
    letters = option[1:]
    if len(option) > SHORTEST and option.startswith("--") and any(name.startswith(option) for name in allowed):
        return True
    clustered = len(letters) > 1 and letters.isalpha() and all(f"-{one}" in allowed for one in letters)
    return option in allowed or clustered


SHORTEST = 4  #: an option of that many characters or fewer is not taken for a longer one cut short


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
    return {name, *(f"-{letter}" for letter in name[1:])} if name[1:].isalpha() and len(name) <= 5 else {name, name[:2]}


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
    subcommands: tuple[Regex[str], ...] = ()
    options: tuple[Regex[str], ...] = ()
    addresses: tuple[Regex[str], ...] = ()
    own: Mapping[str, tuple[tuple[str, Forms], ...]] = field(default_factory=dict)  #: the person's: program, id, forms
    own_paths: tuple[tuple[str, tuple[str, ...]], ...] = ()  #: the person's: id, globs
    named: frozenset[str] = field(init=False)  #: programs the policy knows
    hidden: frozenset[str] = field(init=False)  #: those of them that are also looked for behind unknown programs

    def __post_init__(self) -> None:
        named = frozenset(("git", *self.clients, *self.programs))
        object.__setattr__(self, "named", named)
        object.__setattr__(self, "hidden", (named | frozenset(self.own)) - EVERYDAY_WORDS)

    def forbids_script(self, name: str) -> bool:
        """True if a script or task of this name says that it writes git or a database."""
        bare = _HUMPS.sub("-", _SUFFIX.sub("", name))
        return _any(self.scripts, bare) and not _any(self.harmless_scripts, bare)

    def forbids_subcommand(self, words: Sequence[str]) -> bool:
        """True if these first words behind a project's own program say that it migrates."""
        if words[0].rpartition(".")[2] in FILE_ENDINGS or (len(words) > 1 and words[1] in MAKERS):
            return False
        return _any(self.subcommands, words[0]) or (len(words) > 1 and _any(self.subcommands, ":".join(words)))

    def is_address(self, word: str) -> bool:
        """True if the word, or the value of this option, is the address of a database."""
        return ":" in word and _any(self.addresses, word.partition("=")[2] if word.startswith("--") else word)

    def forbids_option(self, option: str) -> bool:
        """True if this option of a project's own program says that it migrates."""
        return option.startswith("-") and "migrat" in option and _any(self.options, option)


MAKERS = frozenset(("create", "new", "make", "generate", "gen", "add", "lint", "help"))
FILE_ENDINGS = frozenset(
    ("Dockerfile", "yml", "yaml", "json", "toml", "sql", "md", "txt", "py", "js", "ts", "rb", "go", "ex", "exs",
     "php", "sh", "rs", "java", "kt", "cs", "html", "css", "log", "xml", "ini", "env", "lock", "mjs", "cjs", "tsx",
     "jsx")
)  # fmt: skip
EVERYDAY_WORDS = frozenset(
    ("mongo", "influx", "clickhouse", "console", "got", "tea", "migrate", "hub", "ij", "trino", "presto", "gel",
     "django", "sequel", "fauna", "surreal", "sqlite", "payload", "spark", "cake", "lucky", "atlas", "tern",
     "evolve", "np", "ace", "fly", "neon", "reshape", "migrant", "butane", "orator", "amber", "medusa", "keystone",
     "strapi", "wasp", "blitz", "repo", "west", "auto", "vcs", "mr", "ng", "mike", "gem", "cap", "helm", "expo",
     "shipit", "storybook", "make", "mix", "rake", "docusaurus", "hive", "sling", "koji", "knope", "cog", "spr",
     "scriv", "adminer", "kanel", "dumpling", "imposm", "sbt", "sqlmesh", "towncrier")
)  # fmt: skip  #: names of programs that are as often plain words


_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SUFFIX = re.compile(r"\.(sh|bash|py|[cm]?[jt]s|rb|pl|php|ps1|exs?|jar)$")


def _any(forms: Sequence[Regex[str]], text: str) -> bool:
    return any(form.search(text) for form in forms)
