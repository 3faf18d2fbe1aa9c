"""A task's changes fitted into the person's tree as it is now, uncommitted changes and all: a three-way merge.

It joins git, which merges, and the landing, which says what lies in the tree. Everything git writes goes into scratch
folders: the repository's index, references and objects stay as they are. Only paths the task changed are looked at, so
the merge starts from the task's own base, whatever the person has committed, staged or left untracked since.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from dayshift import files, landing
from dayshift.git import Repository
from dayshift.landing import FOLDER, OTHER, Change

STAGE = ".dayshift-accept-"  #: what the names of folders with prepared files begin with, at the top of the tree
SUBMODULE = "160000"
NOTHING = "000000"


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
    fields = iter(said.split(b"\0"))
    found = {}
    for facts in takewhile(bool, fields):
        before, after, _, _, letter = facts.decode().lstrip(":").split(" ")
        found[os.fsdecode(next(fields))] = Touched(before, after, letter)
    return found


def prepared(project: Repository, base: str, commit: str, stage: Path, kept: Sequence[Path]) -> tuple[Change, ...]:
    """The changes that bring the task's work into the tree, new contents in the stage; Clash if they do not fit.

    `kept` are folders that no task may change a file in.
    """
    paths = touched(project, base, commit)
    if hindered := _hindered(project.work_tree, paths, kept):
        raise Clash(hindered)
    before = {path: landing.seen(project.work_tree, path) for path in paths}
    with _scratch(project) as repository:
        ours = _as_it_is(repository, base, before)
        merged = _merged(repository, base, ours, commit, before, paths)
        found = touched(repository, ours, merged)
        if elsewhere := dict.fromkeys(found.keys() - paths.keys(), "would be changed too"):
            raise Clash(elsewhere)
        repository.run("read-tree", merged)
        wanted = [path for path, each in found.items() if each.after != NOTHING]
        repository.run("checkout-index", "-z", "--stdin", f"--prefix={stage}/", stdin=_listed(wanted))
    landing.settle(stage, wanted)
    return tuple(
        Change(path, before[path], None if each.after == NOTHING else landing.seen(stage, path))
        for path, each in found.items()
    )


@contextmanager
def _scratch(project: Repository) -> Iterator[Repository]:
    """The repository with an index and an object store of this moment."""
    with tempfile.TemporaryDirectory(prefix="dayshift-accept-") as folder:
        objects = Path(folder, "objects")
        objects.mkdir()
        yield project.with_index(Path(folder, "index")).with_objects(objects, project.common_dir / "objects")


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
    start = repository.text("commit-tree", f"{base}^{{tree}}", "-m", "base")
    sides = [
        repository.text("commit-tree", tree, "-p", start, "-m", name)
        for name, tree in (("the tree", ours), ("the task", f"{commit}^{{tree}}"))
    ]
    tree, *rest = repository.run("merge-tree", "--write-tree", "--name-only", "-z", *sides, expect=(0, 1)).split(b"\0")
    if any(rest):
        names = [os.fsdecode(name) for name in takewhile(bool, rest)]
        raise Clash({name: _why(name, before, paths.get(name)) for name in dict.fromkeys(names)})
    return tree.decode()


def _why(path: str, before: Mapping[str, str | None], change: Touched | None) -> str:
    """What the two sides did to the path, in words."""
    there = before.get(path) is not None
    if change is None:
        return "cannot be merged"
    if change.before == NOTHING:
        return "is new, but lies in your tree already, with other content" if there else "would be moved"
    if not there:
        return "was changed, but you removed or moved it"
    return "was removed or moved, but you changed it" if change.after == NOTHING else "was changed where you changed it"


# --- what must not be touched ----------------------------------------------------------------------


def _hindered(tree: Path, paths: Mapping[str, Touched], kept: Sequence[Path]) -> dict[str, str]:
    """The paths that may not be changed or cannot be, each with why."""
    found = {}
    for path, change in paths.items():
        why = _forbidden(tree, path, change, kept) or _in_the_way(tree, path, paths) or landing.unwritable(tree, path)
        if why:
            found[path] = why
    return found


def _forbidden(tree: Path, path: str, change: Touched, kept: Sequence[Path]) -> str | None:
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
