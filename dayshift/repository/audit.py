"""The proof after the fact: fingerprints of the git directory before and after every run, what differs, who did it.

It joins the manifest, whose lines it compares, git and the workspace, which say what is looked at, and the references
dayshift made for the person. Blame falls where it can be proven and nowhere else: in a proven sandbox the agent cannot
have written there; without one only a reflog entry that bears its name convicts it, and nothing clears it, since a
person's name can be borrowed; but what dayshift itself made at the person's word is known to be theirs.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dayshift.evidence import Finding, Who
from dayshift.repository import made_refs, manifest, steering
from dayshift.repository.git import Repository
from dayshift.repository.workspace import Workspace, nested_repositories

NESTED, LEFT = "repositories", "steering"  #: aspects of the agent's own worktree and HOME, where it may write
#: What follows from a change that is told anyway.
FOLLOWS = {"reflogs", "objects", "COMMIT_EDITMSG", "ORIG_HEAD", "config file", "packed-refs"}
FOLLOWS |= {"worktree logs/HEAD", "worktree ORIG_HEAD", "worktree COMMIT_EDITMSG"}
#: What makes git start programs, or send to other places: worth a look, whoever did it.
GRAVE = {"hooks", "hooks path", "config", "remotes", "info/attributes", "objects/info/alternates", "submodules"}
YOURS = "yours: `accept --branch` did that while it ran"
MOST_NAMED, MOST_READ, MOST_OWN = 5, 50, 50
TAIL = 64 * 1024  #: bytes of a reflog's end that are read for who wrote there
ENTRY = re.compile(r"[0-9a-f]+ [0-9a-f]+ (?P<who>.*<(?P<mail>[^<>]*)>) (?P<at>\d+) [+-]\d{4}\t?(?P<what>.*)")
OWN = {
    NESTED: "a repository of the agent's own at {}; left out of the patch; run no git there: it may start programs",
    LEFT: "{} is new and git ignores it: no patch shows it, but the task's next run reads it",
}

Logs = Mapping[str, list[re.Match[str]]]  #: new entries of reflogs, by the reflog


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the git directory held: the lines of its manifest, one text per aspect."""

    aspects: dict[str, str]


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which an agent, or its code, was at work: what is known of it that tells who did what."""

    run: int
    began: float  #: seconds since the epoch
    fenced: bool  #: its sandbox was proven: the git directory was read-only inside
    mail: str  #: the address its commits bear if it does not hide


def address(task_id: str) -> str:
    """The address that an agent without a sandbox finds as its own."""
    return f"{task_id}@agent.dayshift.invalid"


def fingerprint(project: Repository, workspace: Workspace | None = None) -> Fingerprint:
    """What the repository's git directory holds; with a workspace, its worktree too, and what an agent left in it."""
    if workspace is None:
        return Fingerprint(manifest.taken(project))
    worktree = workspace.repository
    own = {NESTED: nested_repositories(workspace.repo), LEFT: steering.left(worktree, workspace.home)}
    return Fingerprint(manifest.taken(project, worktree) | {aspect: "\n".join(own[aspect]) for aspect in own})


def differences(before: Fingerprint, after: Fingerprint) -> dict[str, tuple[str, ...]]:
    """The aspects that differ, each with the names of what differs in it."""
    changed = {}
    for aspect in sorted({*before.aspects, *after.aspects}):
        old, new = before.aspects.get(aspect, ""), after.aspects.get(aspect, "")
        if old != new:
            lines = set(old.splitlines()) ^ set(new.splitlines())
            changed[aspect] = tuple(sorted({line.split(" ", 1)[0] for line in lines}))
    return changed


def told(changed: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Of what changed, what is worth saying: a commit writes reflogs and objects too, and nobody asks for those."""
    leading = {aspect: names for aspect, names in changed.items() if aspect not in FOLLOWS}
    return leading or dict(changed)


def findings(before: Fingerprint, after: Fingerprint, window: Window, project: Repository) -> tuple[Finding, ...]:
    """What changed in that window and who did it, one finding an aspect."""
    changed = {each: names for each, names in differences(before, after).items() if each not in (NESTED, LEFT)}
    logs = {name: entries for name in _logs(changed) if (entries := _entries(project.common_dir / name, window))}
    found, yours = [], _made_for_the_person(after, project)
    for aspect, names in told(changed).items():
        mine = tuple(name for name in names if aspect == "refs" and name in yours)
        found += [Finding(window.run, f"{described(aspect, mine)}, {YOURS}", False, Who.person, aspect)] if mine else []
        if others := tuple(name for name in names if name not in mine):
            found += _blamed(aspect, others, window, logs)
    return (*found, *_in_its_own(before, after, window))


def _made_for_the_person(after: Fingerprint, project: Repository) -> set[str]:
    """The references that are just what dayshift made of them."""
    values = dict(line.split(" ", 2)[:2] for line in after.aspects.get("refs", "").splitlines())
    return {ref for ref, value in made_refs.noted(project).items() if values.get(ref, made_refs.GONE) == value}


def _blamed(aspect: str, names: tuple[str, ...], window: Window, logs: Logs) -> list[Finding]:
    if window.fenced:
        what = f"{described(aspect, names)}, changed while it ran, not by it"
        return [Finding(window.run, what, False, Who.person, aspect, aspect in GRAVE)]
    signed = {_subject(log) for log, entries in logs.items() if any(each["mail"] == window.mail for each in entries)}
    own = tuple(name for name in names if _subject(name) in signed)
    others = tuple(name for name in names if _subject(name) not in signed)
    found = []
    if own:
        what = f"{described(aspect, own)}, changed by the agent: the reflog bears its name"
        found.append(Finding(window.run, what, True, Who.agent, aspect))
    if others or not own:
        what = f"{described(aspect, others)}, changed while it ran; it cannot be told whether you, it or another did"
        found.append(Finding(window.run, what + _borrowable(others, logs), True, Who.unknown, aspect))
    return found


def _borrowable(names: tuple[str, ...], logs: Logs) -> str:
    """Whom the reflogs name for it, which proves nothing."""
    entries = [entry for name in names for log, found in logs.items() if _subject(log) == name for entry in found]
    who = ", ".join(dict.fromkeys(f"{entry['who']} ({entry['what'][:60]})" for entry in entries[:MOST_NAMED]))
    return f"; the reflog names {who}, but any name can be borrowed" if who else ""


def _in_its_own(before: Fingerprint, after: Fingerprint, window: Window) -> list[Finding]:
    """What the agent made where it may write: no harm to the repository, but the person should know."""
    found = []
    for aspect, what in OWN.items():
        old, new = (each.aspects.get(aspect, "").splitlines() for each in (before, after))
        known = set(old)
        fresh = [what.format(each) for each in new if each not in known]
        if len(fresh) > MOST_OWN:
            fresh[MOST_OWN:] = [f"{what.format('…')}: {len(fresh) - MOST_OWN} more of the kind"]
        found += [Finding(window.run, each, False, Who.agent, aspect, aspect == NESTED) for each in fresh]
    return found


def described(aspect: str, names: Iterable[str]) -> str:
    """An aspect with what differs in it, in a few words."""
    short = [name.removeprefix(f"{aspect}/") for name in names if not name.endswith(aspect.split()[-1])]
    more = " …" if len(short) > MOST_NAMED else ""
    return f"{aspect} ({', '.join(short[:MOST_NAMED])}{more})" if short and aspect != "objects" else aspect


# --- the reflogs -----------------------------------------------------------------------------------


def _logs(changed: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The reflogs that differ, by their paths below the git directory; of many, some."""
    return [name for names in changed.values() for name in names if "logs" in name.split("/")][:MOST_READ]


def _subject(log: str) -> str:
    """The ref that a reflog is about."""
    return log.replace("logs/", "", 1)


def _entries(log: Path, window: Window) -> list[re.Match[str]]:
    """What the reflog says was done since the window began."""
    try:
        lines = log.read_bytes()[-TAIL:].decode(errors="replace").splitlines()
    except OSError:
        return []
    return [entry for entry in map(ENTRY.fullmatch, lines) if entry and int(entry["at"]) >= int(window.began)]
