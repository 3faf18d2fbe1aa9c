"""Changes fitted into the person's tree as it is now, uncommitted changes and all: a three-way merge.

It joins git, which merges, and the landing, which says what lies in the tree. Everything git writes goes into scratch
folders: the repository's index, references and objects stay as they are. Only paths the task changed are looked at, so
the merge starts from the task's own base, whatever the person has committed, staged or left untracked since.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from dayshift import files
from dayshift.repository.git import Repository
from dayshift.reviewing import landing
from dayshift.reviewing.landing import FOLDER, OTHER, Change

STAGE = ".dayshift-accept-"  #: what the names of folders with prepared files begin with, at the top of the tree
SUBMODULE = "160000"
NOTHING = "000000"
SIDE = re.compile(r"~[0-9a-f]{40,64}(_\d+)?$")  #: what git puts behind a path of which both sides are kept
CHANGED = "was changed where you changed it"
NEW = "is new, but lies in your tree already, with other content"
GONE = "was changed, but you removed or moved it"
REMOVED = "was removed or moved, but you changed it"


class Clash(Exception):
    """The changes cannot be made as a whole; `hindered` says for each path why."""

    def __init__(self, hindered: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{path}: {why}" for path, why in hindered.items()))
        self.hindered = hindered


@dataclass(frozen=True, slots=True)
class Touched:
    """How a path differs between two commits or trees: its modes, as git writes them, and git's letter for it."""

    before: str
    after: str
    letter: str


def touched(project: Repository, one: str, other: str) -> dict[str, Touched]:
    """What differs between the two, by path; a rename is a removal and an addition."""
    said = project.run("diff", "--raw", "-z", "--no-renames", "--no-relative", "--ignore-submodules=none", one, other)
    return {path: Touched(before, after, letter) for path, (before, after, _, _, letter) in listed(said).items()}


def listed(raw: bytes) -> dict[str, tuple[str, str, str, str, str]]:
    """What `git diff --raw -z` says of each path: modes before and after, contents before and after, the letter."""
    fields = iter(raw.split(b"\0"))
    found = {}
    for facts in takewhile(bool, fields):
        before, after, old, new, letter = facts.decode().lstrip(":").split(" ")
        found[os.fsdecode(next(fields))] = (before, after, old, new, letter)
    return found


def names(clashing: Iterable[bytes]) -> frozenset[str]:
    """The paths that `git merge-tree` could not merge, as they are called on both sides."""
    return frozenset(SIDE.sub("", os.fsdecode(name)) for name in clashing)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is to be done to the tree, and git's names for it before and after, as far as it is touched."""

    changes: tuple[Change, ...]
    before: str
    after: str
    whole: frozenset[str]  #: the paths that get just what they are in the commit, nothing of the person's


def prepared(
    project: Repository, base: str, commit: str, stage: Path, kept: Sequence[Path], objects: Path | None = None,
    original: Callable[[Path, str], None] | None = None,
) -> Fitted:  # fmt: skip
    """The changes that bring into the tree what lies between the two, prepared in the stage; Clash if they do not fit.

    `kept` are folders that no task may change a file in, `objects` is a store for what git writes, and `original` may
    put a better copy of a path that is wholly the commit's into the stage.
    """
    with _scratch(project, objects) as repository:
        paths = touched(repository, base, commit)
        if hindered := _hindered(project.work_tree, paths, kept):
            raise Clash(hindered)
        before = {path: landing.seen(project.work_tree, path) for path in paths}
        ours = _as_it_is(repository, base, before)
        merged = _merged(repository, base, ours, commit, before, paths)
        found = touched(repository, ours, merged)
        if elsewhere := dict.fromkeys(found.keys() - paths.keys(), "would be changed too"):
            raise Clash(elsewhere)
        repository.run("read-tree", merged)
        wanted = [path for path, each in found.items() if each.after != NOTHING]
        repository.run("checkout-index", "-z", "--stdin", f"--prefix={stage}/", stdin=_listed(wanted))
        whole = frozenset(wanted) - touched(repository, merged, commit).keys()
    for path in whole:
        if original is not None:
            original(stage, path)
    landing.settle(stage, wanted)
    changes = tuple(
        Change(path, before[path], None if each.after == NOTHING else landing.seen(stage, path))
        for path, each in found.items()
    )
    return Fitted(changes, ours, merged, whole)


@contextmanager
def _scratch(project: Repository, objects: Path | None) -> Iterator[Repository]:
    """The repository with an index of this moment, and an object store of this moment or the one given."""
    with tempfile.TemporaryDirectory(prefix="dayshift-accept-") as folder:
        store = objects or Path(folder, "objects")
        store.mkdir(exist_ok=True)
        yield project.with_index(Path(folder, "index")).with_objects(store, project.common_dir / "objects")


def _as_it_is(repository: Repository, base: str, before: Mapping[str, str | None]) -> str:
    """The base's tree with these paths as they lie in the person's tree."""
    absent = [path for path, sight in before.items() if sight in (None, FOLDER)]
    there = [path for path, sight in before.items() if sight not in (None, FOLDER)]
    repository.run("read-tree", base)
    for words, paths in ((("--force-remove",), absent), (("--add", "--replace"), there)):
        if paths:
            repository.run("update-index", *words, "-z", "--stdin", stdin=_listed(paths))
    return repository.text("write-tree")


def _listed(paths: Sequence[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def _merged(
    repository: Repository, base: str, ours: str, commit: str, before: Mapping[str, str | None],
    paths: Mapping[str, Touched],
) -> str:  # fmt: skip
    """The tree that holds both sides' changes since the base; Clash if they meet."""
    tree, clashing = merged(repository, base, ours, commit)
    if clashing:
        raise Clash({name: _why(before.get(name) is not None, paths.get(name)) for name in clashing})
    return tree


def merged(repository: Repository, base: str, ours: str, theirs: str) -> tuple[str, list[str]]:
    """The tree that holds both sides' changes since the base, and the paths where they meet."""
    start = repository.text("commit-tree", f"{base}^{{tree}}", "-m", "base")
    sides = [
        repository.text("commit-tree", f"{tree}^{{tree}}", "-p", start, "-m", name)
        for name, tree in (("ours", ours), ("theirs", theirs))
    ]
    tree, *rest = repository.run("merge-tree", "--write-tree", "--name-only", "-z", *sides, expect=(0, 1)).split(b"\0")
    return tree.decode(), sorted(names(takewhile(bool, rest)))


def _why(there: bool, change: Touched | None) -> str:
    """What the two sides did to the path, in words."""
    if change is None:
        return "cannot be merged"
    if change.before == NOTHING:
        return NEW if there else "would be moved"
    if not there:
        return GONE
    return REMOVED if change.after == NOTHING else CHANGED


# --- what must not be touched ----------------------------------------------------------------------


def _hindered(tree: Path, paths: Mapping[str, Touched], kept: Sequence[Path]) -> dict[str, str]:
    """The paths that may not be changed or cannot be, each with why."""
    found = {}
    for path, change in paths.items():
        why = forbidden(tree, path, change, kept) or _in_the_way(tree, path, paths) or landing.unwritable(tree, path)
        if why:
            found[path] = why
    return found


def forbidden(tree: Path, path: str, change: Touched, kept: Sequence[Path]) -> str | None:
    """Why no task may change that path, whatever lies there; None if it may."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "leads out of the tree"
    if any(part.lower() == ".git" or part.lower().startswith("git~") for part in parts):
        return "leads into a git directory"
    if parts[0].startswith(STAGE) or any((tree / path).is_relative_to(folder) for folder in kept):
        return "lies where dayshift keeps what is its own"
    return "is a submodule; take it over by hand" if SUBMODULE in (change.before, change.after) else None


def _in_the_way(tree: Path, path: str, paths: Mapping[str, Touched]) -> str | None:
    parts = path.split("/")
    for count in range(1, len(parts)):
        above = "/".join(parts[:count])
        sight = landing.seen(tree, above)
        if sight is None:
            return None
        if sight != FOLDER:  # the task may be about to make a folder of it
            return None if above in paths else f"{above} is no folder in your tree"
        if (tree / above / ".git").exists():
            return f"{above} is a repository of its own"
    sight = landing.seen(tree, path)
    if sight == OTHER:
        return f"is {OTHER} in your tree"
    return _held(tree, path, paths) if sight == FOLDER else None


def _held(tree: Path, path: str, paths: Mapping[str, Touched]) -> str | None:
    """What keeps the folder from giving way to a file."""
    gone = {each for each, change in paths.items() if change.after == NOTHING}
    emptied = {above for each in gone for above in _above(each)}
    for folder, subfolders, names in files.walk(tree / path):
        here = str(folder.relative_to(tree))
        held = {f"{here}/{name}" for name in names} - gone | {f"{here}/{name}" for name in subfolders} - emptied
        if held:
            return f"is a folder in your tree, with {min(held)}"
    return None if path in emptied else "is a folder in your tree"


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
