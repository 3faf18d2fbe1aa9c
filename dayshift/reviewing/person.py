"""The person as their own git knows them: name and address, and the settings of their account; it joins git."""

import os
import re
import subprocess
from collections.abc import Mapping

from dayshift.repository.git import Repository

IDENT = re.compile(r"(?P<name>.*) <(?P<mail>[^<>]*)> \d+ [+-]\d{4}")
#: Of the variables that turn git, the ones that say who the person is and where their settings are.
THEIRS = re.compile(r"GIT_(?:(?:AUTHOR|COMMITTER)_(?:NAME|EMAIL)|CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM))")


class Unknown(Exception):
    """Git does not know who the person is; the message says how to tell it."""


def identity(project: Repository) -> dict[str, str]:
    """Who makes the person's commits, as variables for git; Unknown if git would have to guess."""
    found: dict[str, str] = {}
    for role in ("AUTHOR", "COMMITTER"):
        result = _asked(project, "var", f"GIT_{role}_IDENT")
        who = IDENT.fullmatch(result.stdout.decode(errors="surrogateescape").strip())
        if result.returncode != 0 or not who or not who["name"].strip():
            raise Unknown(
                "git does not know who makes the commit; tell it: `git config --global user.name NAME` and "
                "`git config --global user.email ADDRESS`"
            )
        found |= {f"GIT_{role}_NAME": who["name"], f"GIT_{role}_EMAIL": who["mail"]}
    return found


def setting(project: Repository, name: str) -> str:
    """What the person has set, in the repository or for all of theirs; empty if nothing."""
    return _asked(project, "config", "--get", name).stdout.decode(errors="replace").strip()


def environment(project: Repository, more: Mapping[str, str]) -> dict[str, str]:
    """For a git that runs as the person, with their settings, and starts nothing of the repository's."""
    turning = [name for name in os.environ if name.startswith("GIT_") and not THEIRS.fullmatch(name)]
    theirs = {name: value for name, value in os.environ.items() if name not in turning}
    places = {"GIT_DIR": str(project.git_dir), "GIT_WORK_TREE": str(project.work_tree)}
    return {**theirs, **places, "GIT_OPTIONAL_LOCKS": "0", **project.harmless({"user.useConfigOnly": "true"}), **more}


def _asked(project: Repository, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["git", *words], capture_output=True, check=False, stdin=subprocess.DEVNULL, cwd=project.work_tree,
        env=environment(project, {}), process_group=0,
    )  # fmt: skip
