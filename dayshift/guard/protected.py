"""Paths an agent may not write: git's own files in any spelling a file system takes for them, and guarded globs."""

import posixpath
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

_IGNORABLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u206a-\u206f\ufeff\u00ad]")  # HFS+ drops these
_SHORT_NAME = re.compile(r"git~\d+$")  # NTFS calls .git so as well
_STREAM = re.compile(r"(::?\$index_allocation.*|:.*)$")
_GLOB = frozenset("*?[")


def names_git(step: str) -> bool:
    """True if this step of a path is .git in the eyes of some file system, or a glob that would find it."""
    if not ("g" in step or "G" in step or not _GLOB.isdisjoint(step)):
        return False
    step = plain_step(step)
    if step == ".git" or _SHORT_NAME.match(step):
        return True
    return step.startswith(".") and not _GLOB.isdisjoint(step) and fnmatchcase(".git", step)


def plain_step(step: str) -> str:
    """A path's step as file systems that fold case, trailing dots and invisible letters see it."""
    step = step if step.isascii() else _IGNORABLE.sub("", step)
    step = step.lower().rstrip(". ") or step
    return _STREAM.sub("", step) if ":" in step else step


def is_git(path: str) -> bool:
    """True if the path lies in a git directory, or is one."""
    return any(names_git(step) for step in path.split("/"))


def matches(path: str, globs: Sequence[str]) -> bool:
    """True if one of the globs names the path, wherever the work tree lies."""
    if not globs:
        return False
    steps = (plain_step(step) if step.strip(".") else step for step in path.split("/"))
    rooted = "/" + posixpath.normpath("/".join(steps)).lstrip("/").removeprefix("./")
    return any(fnmatchcase(rooted, form) or fnmatchcase(rooted, f"*/{form}") for form in map(str.lower, globs))
