"""A project whose person reviews a task's work: what the tests of review, acceptance and landing stand on."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayshift import files
from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository import git
from dayshift.repository.commits import head
from dayshift.repository.workspace import Workspace
from dayshift.reviewing import acceptance
from dayshift.reviewing.passage import Refused
from dayshift.states import Done
from tests.house import NINE, record

LINES = "".join(f"line {number}\n" for number in range(1, 21))
BASE: dict[str, str | bytes] = {
    "README.md": "# Shop\n",
    "src/orders.py": LINES,
    "src/old.py": LINES.upper(),
    "run.sh": "#!/bin/sh\necho one\n",
    "logo.bin": bytes(range(256)) * 8,
    "dos.txt": "one\r\ntwo\r\nthree\r\n",
    "lib/a.py": "A = 1\n",
}
Edit = Callable[[Path], object]


def write(path: str, content: str | bytes) -> Edit:
    def edit(tree: Path) -> None:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content.encode() if isinstance(content, str) else content)

    return edit


def line(number: int, text: str, path: str = "src/orders.py") -> Edit:
    def edit(tree: Path) -> None:
        lines = (tree / path).read_text().splitlines()
        lines[number - 1] = text
        (tree / path).write_text("\n".join(lines) + "\n")

    return edit


def shell(words: str) -> Edit:
    return lambda tree: subprocess.run(words, shell=True, cwd=tree, check=True, capture_output=True)


class Shop:
    """A home, a project with a person's tree, and one task that worked on it."""

    def __init__(self, folder: Path) -> None:
        self.home, self.tree = Home(folder / "home"), folder / "shop"
        self.home.make_folders()
        shutil.copytree(_template(folder.parent), self.tree, symlinks=True)
        self.project = git.find(self.tree)

    def commits(self, message: str) -> None:
        shell(f"git add --all && git commit -qm '{message}'")(self.tree)

    def works(self, *edits: Edit, **facts: Any) -> Record:
        """The record of a task that is done after these edits in its own worktree."""
        place, base = Workspace(self.home.workspace("a"), self.project), head(self.project)
        place.make(base)
        for edit in edits:
            edit(place.repo)
        given: dict[str, Any] = {"state": Done(NINE), **facts}
        worked = record(given.pop("state"), base=base, commit=place.keep(base, "work"), **given)
        return replace(worked, project=str(self.tree))

    def accept(self, worked: Record, force: bool = False) -> list[str]:
        return acceptance.accept(self.home, worked, NINE, force)

    def refuses(self, worked: Record, force: bool = False) -> str:
        """Why; and every byte of the tree and of its git directory is as it was."""
        before = fingerprint(self.tree)
        with pytest.raises(Refused) as refused:
            self.accept(worked, force)
        assert fingerprint(self.tree) == before
        return str(refused.value)

    def files(self, tree: Path | None = None) -> dict[str, tuple[int, str]]:
        """What lies in a tree, `.git` left out."""
        return {name: facts for name, facts in fingerprint(tree or self.tree).items() if not name.startswith(".git")}

    def text(self, path: str) -> str:
        return (self.tree / path).read_bytes().decode()

    def status(self) -> list[str]:
        said = subprocess.run(["git", "status", "--porcelain", "-uall", "-z"], cwd=self.tree, stdout=-1, check=True)
        return sorted(said.stdout.decode().strip("\0").split("\0"))


def fingerprint(tree: Path) -> dict[str, tuple[int, str]]:
    """Every path below, `.git` too, with its mode and a digest of its content."""
    return {os.fsdecode(os.path.relpath(path, tree)): digest(path) for path in below(tree)}


def below(tree: Path) -> Iterator[Path]:
    for folder, subfolders, names in files.walk(tree):
        yield from (folder / name for name in (*subfolders, *names))


def digest(path: Path) -> tuple[int, str]:
    mode = path.lstat().st_mode
    content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
    return mode, hashlib.sha256(content).hexdigest()


def _template(folder: Path) -> Path:
    """A repository of one commit, made for the first test and copied for each."""
    tree = folder / "shop-template"
    if not tree.exists():
        for path, content in BASE.items():
            write(path, content)(tree)
        who = "git config user.name Person; git config user.email p@example.org"
        shell(f"git init -q -b main; {who}; git add --all; git commit -qm 'as it was'")(tree)
    return tree


#: Changes of every kind, as many in one group as do not meet.
KINDS: dict[str, list[Edit]] = {
    "many": [
        shell("mv src/old.py lib/new.py; rm -r src; chmod +x run.sh; ln -s README.md link; ln -s /etc away"),
        line(2, "other", "lib/new.py"),
        write("logo.bin", bytes(reversed(range(256))) * 8),
        write("new.bin", b"\0\1\2" * 1000),
        write("dos.txt", "one\r\ntwo and a half\r\nthree\r\n"),
        write("mixed.txt", "a\r\nb\n"),
        write("README.md", "# Shop"),  # without an end of line
        write("grüße wörld/straße.txt", "ü\n"),
        write('new\nline\tand "x"', "x\n"),
        write("-rf", ""),
        lambda tree: (tree / os.fsdecode(b"caf\xe9")).write_text("x\n"),
    ],
    "into files": [shell("mv src/old.py src/new.py; rm -r lib; echo x > lib; rm run.sh; ln -s README.md run.sh")],
    "into folders": [shell("rm run.sh; mkdir -p run.sh/deep; echo x > run.sh/deep/file; chmod +x run.sh/deep/file")],
    "into a link": [shell("rm -r lib; ln -s src lib")],
}
