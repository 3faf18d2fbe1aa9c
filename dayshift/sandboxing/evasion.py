"""Evasion: a forbidden command line that a stand-in met, and that the guard had not been shown.

Whatever the guard refuses never starts; so a forbidden call that did start was hidden in a script, in code, in an
encoding, and the hook said yes to what it was hidden in. It is counted as a blocked attempt if

- it is git, and meant the agent's own repository: the folder it worked in (`-C`, `--git-dir`, GIT_DIR regarded) belongs
  to that and to no repository within. What a test suite does to repositories of its own is noted in the log only, and
  so is every `clone`, and every `init` of another folder, and what one git reads for another;
- or it is a database client, no test run is under way, and what it names may be more than a throw-away database: those
  are on loopback or on a socket (the sandbox has no other than its own), or a file that is none of the databases which
  were there before the agent. Programs that make and run a server of one's own are never counted.

The same command line counts once in a run, and of everything that one tool call hides, one: an installer whose last
step is a git hook of its own costs an agent one attempt, not its task. What the guard cannot read is no evasion.

It joins the guard, for the words of git's command line.
"""

import contextlib
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dayshift.attempts import EVASION, Blocked, Verdict
from dayshift.guard.git_commands import GLOBAL_VALUED

MOST_JUDGED = 5000  #: different calls of one run; an agent may tell more, but not keep the daemon busy
SHOWN = 200
FIELDS = 6  #: of a record, before the arguments
ESCAPES = {rb"\t": b"\t", rb"\n": b"\n", rb"\\": b"\\"}
TESTS = re.compile(
    r"(?<![a-z])((py|unit|doc|php|c)?tests?|testing|tox|nox|rspec|jest|vitest|mocha|phpunit|specs?|bats|check|verify"
    r"|validate)(?![a-z])",
    re.IGNORECASE,
)
ELSEWHERE = frozenset({"clone", "upload-pack", "upload-archive"})  #: make a repository, or read one for another git
FILES = frozenset({"sqlite", "sqlite3", "litecli", "sqlite-utils", "sqldiff", "duckdb", "datasette"})
SERVERS = frozenset({"initdb", "pg_ctl", "pg_ctlcluster", "pg_createcluster", "pg_dropcluster", "pg_isready"})
NO_GIT_WRITE = "it started, and could write nothing: the git directory is read-only"
NO_DATABASE_WRITE = "it started, and could change no database that was there: those are read-only or out of reach"
HOSTS = ("-h", "--host")
LOOPBACK = ("localhost", "127.", "::1", "/")


@dataclass(frozen=True, slots=True)
class Called:
    """One call of a program that has a stand-in."""

    name: str
    arguments: tuple[str, ...]
    folder: str
    by: str  #: the calling process, by name
    git_dir: str
    whole: bool = True  #: the record was not cut

    @property
    def command(self) -> str:
        """The command line as a shell would be given it."""
        return shlex.join((self.name, *self.arguments)) + ("" if self.whole else " …")


@dataclass(frozen=True, slots=True)
class Heard:
    """A forbidden call; `aside` says why it is not counted, empty if it is."""

    call: Called
    verdict: Verdict
    inside: str  #: the tool call it was hidden in, as far as is known
    aside: str = ""

    @property
    def text(self) -> str:
        """What the log says."""
        what = f"{_shown(self.call.command)} [{self.verdict.rule}], run by {self.call.by} inside {_shown(self.inside)}"
        return f"noted: {what}: {self.aside}" if self.aside else f"EVASION: {what}"

    def blocked(self, at: datetime) -> Blocked:
        """The attempt it is counted as."""
        inside = f"run inside `{_shown(self.inside)}`" if self.inside else "run before any tool call"
        harmless = NO_GIT_WRITE if self.call.name.startswith("git") else NO_DATABASE_WRITE
        reason = f"hidden from the guard ({self.verdict.rule}): {inside}; {harmless}"
        return Blocked(at, "Bash", _shown(self.call.command), EVASION, reason)


def read(line: bytes) -> Called | None:
    """The call that a record tells; None if it is none."""
    kind, *words = line.split(b"\t")
    fields = [re.sub(rb"\\[tn\\]", lambda found: ESCAPES[found[0]], word).decode(errors="replace") for word in words]
    if kind not in (b"whole", b"cut") or len(fields) < FIELDS or not re.fullmatch("[0-9]{1,6}", fields[0]):
        return None
    number, name, folder, by, git_dir, _, *arguments = fields
    return Called(name, tuple(arguments[: int(number)]), folder, by, git_dir, whole=kind == b"whole")


@dataclass(frozen=True, slots=True)
class Place:
    """What is the agent's to leave alone."""

    repo: Path
    git_dir: Path  #: the repository's
    databases: Callable[[], Iterable[Path]]  #: files of the worktree that are databases


class Evasions:
    """Judges what the stand-ins of one run tell, each different thing once."""

    def __init__(
        self, judge: Callable[[str, Mapping[str, Any]], Verdict], place: Place, counted: Iterable[str]
    ) -> None:
        self._judge, self._repo, self._git_dir = judge, place.repo.resolve(), place.git_dir.resolve()
        self._databases = place.databases
        self._counted = set(counted)  # command lines, as they are shown
        self._judged: set[bytes] = set()
        self._made: set[Path] = set()  # folders of repositories that came to be in this run, and may be gone again
        # The tool call that an evasion was counted for already. What an earlier daemon heard is heard again, as one.
        self._inside: str | None = "" if self._counted else None

    def heard(self, lines: Iterable[bytes], inside: str) -> Iterator[Heard]:
        """The forbidden calls among these records; `inside` is the tool call that is under way."""
        for line in lines:
            if line not in self._judged and len(self._judged) < MOST_JUDGED:
                self._judged.add(line)
                with contextlib.suppress(ValueError, OSError):  # an agent can tell anything, paths that are none too
                    if (call := read(line)) and (found := self._forbidden(call, inside)):
                        yield found

    def _forbidden(self, call: Called, inside: str) -> Heard | None:
        verdict = self._judge("Bash", {"command": shlex.join((call.name, *call.arguments))})
        aside = self._aside(call, inside)
        if verdict.allowed or verdict.rule == "unreadable":
            return None
        command = _shown(call.command)
        if not aside and (command in self._counted or inside == self._inside):
            aside = "counted already"
        if not aside:
            self._counted.add(command)
            self._inside = inside
        return Heard(call, verdict, inside, aside)

    def _aside(self, call: Called, inside: str) -> str:
        """Why a forbidden call of that kind is not held against the agent; empty if it is."""
        if call.name == "git" or call.name.startswith("git-"):
            return "" if self._own_repository(call) else "not the agent's repository"
        return "its own database, or a test's" if self._throw_away(call, inside) else ""

    # --- git --------------------------------------------------------------------------------------------

    def _own_repository(self, call: Called) -> bool:
        folder, git_dir, rest = _placed(call)
        if git_dir:
            meant = Path(os.path.realpath(folder / git_dir))
            return meant.is_relative_to(self._git_dir) or meant == self._repo / ".git"
        if rest and (rest[0] in ELSEWHERE or _settings_elsewhere(rest)):
            return False
        if rest[:1] == ["receive-pack"]:
            meant = Path(os.path.realpath(folder / rest[-1]))
            return meant.is_relative_to(self._git_dir) or meant == self._repo
        if rest[:1] == ["init"]:
            named = [word for word in rest[1:] if not word.startswith("-")]
            folder = folder / named[-1] if named else folder
        place = Path(os.path.realpath(folder))
        if rest[:1] == ["init"] and place != self._repo:
            self._made.add(place)
        return self._is_own(place)

    def _is_own(self, place: Path) -> bool:
        """Whether the folder is there, in the worktree, and in no repository within that."""
        if not place.is_relative_to(self._repo) or not place.is_dir():
            return False
        between = [each for each in (place, *place.parents) if each != self._repo and each.is_relative_to(self._repo)]
        return not any(each in self._made or os.path.lexists(each / ".git") for each in between)

    # --- databases ----------------------------------------------------------------------------------------

    def _throw_away(self, call: Called, inside: str) -> bool:
        if call.name in SERVERS or TESTS.search(inside):
            return True
        if call.name in FILES:
            named = {os.path.realpath(Path(call.folder) / word) for word in call.arguments}
            return named.isdisjoint(map(os.path.realpath, self._databases()))
        hosts = list(_hosts(call.arguments))
        return bool(hosts) and all(host.startswith(LOOPBACK) for host in hosts)


def _settings_elsewhere(words: Sequence[str]) -> bool:
    """Whether git is to read or change settings that are no repository's, or what another repository serves."""
    files = any(word in ("--global", "-f") or word.startswith("--file") for word in words)
    return (words[0] == "config" and files) or (
        words[0] == "archive" and any(word.startswith("--remote") for word in words)
    )


def _placed(call: Called) -> tuple[Path, str, list[str]]:
    """Where a git call works, the git directory it names if it does, and what follows git's own options."""
    folder, git_dir, words = Path(call.folder), call.git_dir, list(call.arguments)
    if call.name.startswith("git-"):
        return folder, git_dir, [call.name.removeprefix("git-"), *words]
    while words and words[0].startswith("-"):
        option, given, value = words.pop(0).partition("=")
        if option in GLOBAL_VALUED and not given:
            value = words.pop(0) if words else ""
        if option == "-C":
            folder /= value
        elif option == "--git-dir":
            git_dir = value
    return folder, git_dir, words


def _hosts(arguments: Sequence[str]) -> Iterator[str]:
    """The hosts that a client's arguments name, in any of the ways clients know."""
    for place, word in enumerate(arguments):
        if word in HOSTS:
            yield from arguments[place + 1 : place + 2]
        elif word.startswith("--host="):
            yield word.partition("=")[2]
        elif word.startswith("-h") and not word.startswith("--"):
            yield word[2:]
        elif "://" in word:
            yield _host_of(word)
        else:
            yield from re.findall(r"\bhost(?:addr)?=(\S+)", word)


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or "/"  # without a host, it is a socket
    except ValueError:
        return address


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
