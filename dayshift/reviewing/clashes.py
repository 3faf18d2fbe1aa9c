"""Which paths git cannot merge, for many pairs of commits at once; nothing is written into the repository."""

import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dayshift.repository.git import GitError, Repository
from dayshift.reviewing import takeover

Pair = tuple[str, str]  #: two commits


def tried(project: Repository, pairs: Sequence[Pair]) -> list[frozenset[str] | None]:
    """The paths that git cannot merge, for each pair in order; None where it merges nothing at all."""
    if not pairs:
        return []
    with tempfile.TemporaryDirectory(prefix="dayshift-overlaps-") as folder:
        repository = project.with_objects(Path(folder), project.common_dir / "objects")
        try:
            return _together(repository, pairs)
        except (GitError, ValueError):  # one of them stops all
            return [_alone(repository, each) for each in pairs]


def _together(repository: Repository, pairs: Sequence[Pair]) -> list[frozenset[str] | None]:
    asked = "".join(f"{one} {other}\n" for one, other in pairs).encode()
    words = ("merge-tree", "--write-tree", "--stdin", "--name-only", "--no-messages")
    said = iter(repository.run(*words, stdin=asked).split(b"\0"))
    found: list[frozenset[str] | None] = []
    for _ in pairs:
        if next(said, b"") not in (b"0", b"1"):
            raise ValueError("merge-tree speaks otherwise")
        next(said)  # the tree
        found.append(takeover.names(itertools.takewhile(bool, said)))
    return found


def _alone(repository: Repository, pair: Pair) -> frozenset[str] | None:
    words = ("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z")
    try:
        _, *rest = repository.run(*words, *pair, expect=(0, 1)).split(b"\0")
    except GitError:
        return None
    return takeover.names(itertools.takewhile(bool, rest))
