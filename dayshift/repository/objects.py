"""The objects the supervisor writes into a repository, told from everybody else's.

It joins git, which writes them, and the references it made, whose notes lie beside its own.

Objects have no author. So the supervisor's are written apart first, noted by name, and only then moved to the others.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dayshift.failpoints import passing
from dayshift.repository.git import Repository
from dayshift.repository.made_refs import NOTES

APART = "tmp_objdir-dayshift-"  #: git takes a folder of that kind away by itself, should it ever be left
NOTED = "dayshift"  #: in objects/info: the names of what the supervisor wrote, one a line
MOST_NOTED = 8 * 1024 * 1024  #: bytes of names; then the older half is forgotten
FAN_OUT = re.compile(r"[0-9a-f]{2}")


@contextmanager
def apart(repository: Repository) -> Iterator[Repository]:
    """The same repository, whose new objects join the others when the block ends well, and are gone if it does not."""
    store = repository.common_dir / "objects"
    with tempfile.TemporaryDirectory(prefix=APART, dir=store) as folder:
        yield repository.with_objects(Path(folder), store)
        made = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        _note(store, made)
        passing("objects.noted")
        for path in made:
            _move(path, store / path.relative_to(folder))


def _note(store: Path, made: list[Path]) -> None:
    if not made:
        return
    place = store / "info" / NOTED
    place.parent.mkdir(exist_ok=True)
    with place.open("a") as file:
        file.write("".join(f"{name(path)}\n" for path in made))
    if place.stat().st_size > MOST_NOTED:
        lines = place.read_text().splitlines(keepends=True)
        place.write_text("".join(lines[len(lines) // 2 :]))


def _move(path: Path, target: Path) -> None:
    if not target.parent.is_dir():
        target.parent.mkdir(exist_ok=True)
        target.parent.chmod(target.parent.parent.stat().st_mode & 0o7777)  # a shared repository stays shared
    if not target.exists():
        path.rename(target)
        passing("object.joined")


def name(path: Path) -> str:
    """A loose object by its id, a pack by its file's name."""
    return path.parent.name + path.name if FAN_OUT.fullmatch(path.parent.name) else path.name


def noted(common_dir: Path) -> frozenset[str]:
    """The names of what the supervisor wrote, the latest hundred thousand at least."""
    try:
        return frozenset((common_dir / "objects" / "info" / NOTED).read_text().split())
    except OSError:
        return frozenset()


def listed(common_dir: Path) -> set[str]:
    """Everything in the repository's store by name; the supervisor's note and its folders apart are left out."""
    found, store = set(), common_dir / "objects"
    for folder in _scanned(store):
        if not folder.is_dir(follow_symlinks=False):
            found.add(folder.name)
        elif FAN_OUT.fullmatch(folder.name):
            found |= {folder.name + each.name for each in _scanned(folder.path)}
        elif not folder.name.startswith(APART):
            found |= {each.name for each in _scanned(folder.path)}
    return found - {NOTED, NOTES, "alternates"}


def _scanned(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
