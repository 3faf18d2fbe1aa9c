"""The supervisor's git starts nothing: every way in which plain git runs a program is laid, tried, and stays silent.

The traps are in the repository's own configuration, as a person may have it, and name scripts that lie in the tree,
which an agent edits; or they lie in the tree itself. What an agent plants in its worktree: tests/test_workspace.py.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from dayshift.repository import commits, git
from dayshift.repository.audit import fingerprint
from dayshift.repository.commits import dirty_paths, head, holds, joined, read_at
from dayshift.repository.git import COMMANDS, GitError, Repository
from dayshift.repository.steering import changed
from dayshift.repository.workspace import Workspace
from dayshift.reviewing.takeover import prepared
from tests.conftest import WHO

SCRIPT = "#!/bin/sh\ntouch {mark}\n{then}\n"


@dataclass(frozen=True)
class Trap:
    """What a person has configured, what plain git does with it, and what the script in the tree must say then."""

    settings: dict[str, str]
    plain: str  #: the command of plain git that runs into it, in the person's tree
    then: str = "cat"


FILTERED = "touch -d yesterday README.md; git status"
TRAPS = {
    "clean filter at add": Trap({"filter.x.clean": "./trap"}, "echo x > new.md; git add new.md"),
    "clean filter at status": Trap({"filter.x.clean": "./trap"}, FILTERED),
    "required filter": Trap({"filter.x.clean": "./trap", "filter.x.required": "true"}, FILTERED),
    "filter process": Trap({"filter.x.process": "./trap"}, FILTERED, "exit 1"),
    "smudge filter": Trap({"filter.x.smudge": "$PROJECT/trap"}, "git worktree add -q --detach ../plain"),
    "smudge process": Trap({"filter.x.process": "$PROJECT/trap"}, "git worktree add -q --detach ../plain", "exit 1"),
    "a filter with an odd name": Trap({"filter.x=y.clean": "./trap"}, FILTERED),
    "filter of an included file": Trap({"include.path": "../more"}, FILTERED),
    "filter by includeIf": Trap({"includeIf.gitdir:/**.path": "../more"}, FILTERED),
    "merge driver": Trap({"merge.x.driver": "./trap"}, "git merge-tree --write-tree one two", "exit 1"),
    "default merge driver": Trap(
        {"merge.default": "x", "merge.x.driver": "./trap"}, "git merge-tree --write-tree one two", "exit 1"
    ),
    "renormalised merge": Trap(
        {"merge.renormalize": "true", "filter.x.clean": "./trap"}, "git merge-tree --write-tree one two"
    ),
    "external diff": Trap({"diff.external": "./trap"}, "git diff HEAD~1"),
    "diff driver": Trap({"diff.x.command": "./trap"}, "git diff HEAD~1"),
    "textconv": Trap({"diff.x.textconv": "./trap"}, "git diff HEAD~1", 'cat "$1"'),
    "textconv of a file shown": Trap({"diff.x.textconv": "./trap"}, "git show --textconv HEAD:README.md", 'cat "$1"'),
    "fsmonitor": Trap({"core.fsmonitor": "./trap"}, "git status"),
    "fsmonitor at ls-files": Trap({"core.fsmonitor": "./trap"}, "git ls-files -m"),
    "signature shown": Trap({"log.showSignature": "true", "gpg.program": "./trap"}, "git show signed"),
    "signed commit": Trap({"commit.gpgSign": "true", "gpg.program": "./trap"}, "git commit --allow-empty -m x"),
    "ssh signed commit": Trap(
        {"commit.gpgSign": "true", "gpg.format": "ssh", "gpg.ssh.program": "./trap", "user.signingKey": "key::x"},
        "git commit --allow-empty -m x",
    ),
    "hooks path at checkout": Trap({"core.hooksPath": "$PROJECT/hooks"}, "git worktree add -q --detach ../plain"),
    "hooks path at update-ref": Trap({"core.hooksPath": "hooks"}, "git update-ref refs/heads/x HEAD"),
    "hooks path at status": Trap({"core.hooksPath": "hooks"}, "touch -d yesterday README.md; git status"),
    "pager": Trap({"core.pager": "./trap"}, "script -qec 'git --paginate show HEAD' /dev/null"),
    "pager of a command": Trap({"pager.status": "./trap"}, "script -qec 'git status' /dev/null"),
    "editor": Trap({"core.editor": "./trap"}, "git commit --amend"),
    "lazy fetch by ssh": Trap(
        {"core.sshCommand": "./trap", "remote.origin.url": "ssh://nowhere/x", "remote.origin.promisor": "true"},
        "git cat-file -p 1234567890123456789012345678901234567890", "exit 1",
    ),
    "lazy fetch by a helper": Trap(
        {"protocol.ext.allow": "always", "remote.origin.url": "ext::./trap", "remote.origin.promisor": "true"},
        "git cat-file -p 1234567890123456789012345678901234567890", "exit 1",
    ),
    "credential helper": Trap(
        {"credential.helper": "!./trap", "remote.origin.url": "http://127.0.0.1:1/x"},
        "echo url=http://127.0.0.1:1/x | git credential fill",
    ),
    "alias": Trap({"alias.state": "!./trap"}, "git state"),
    "attributes file": Trap({"core.attributesFile": "$PROJECT/attributes", "filter.y.clean": "./trap"}, FILTERED),
    "submodule in the tree": Trap({"submodule.recurse": "true", "diff.submodule": "log"}, "git status"),
    "submodule summary": Trap({"status.submoduleSummary": "true"}, "git status"),
}  # fmt: skip


HOOKS = ("post-checkout", "reference-transaction", "post-index-change", "pre-commit", "pre-auto-gc")
ATTRIBUTES = "trap -filter\nhooks/* -filter\n*.md filter=x diff=x merge=x\nodd.md filter=x=y\nplain.md !merge\n"
LAID = """
git init -q -b main; git config user.name A; mkdir src; seq -f 'line %g' 0 29 | tee README.md odd.md > plain.md
git init -q lib; git -C lib commit -q --allow-empty -m lib
git add --all; git commit -qm words; git commit -q --allow-empty -m words
for each in one,1 two,30; do
  git checkout -q -b ${each%,*} main; sed -i "${each#*,}s/^/${each%,*} /" *.md; git commit -qam "$each"
done
git checkout -q main; echo more >> README.md; git commit -qam more; tree=$(git rev-parse HEAD^{tree})
printf 'tree %s\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n' \
  $tree > ../signed; printf ' -----END PGP SIGNATURE-----\n\nwords\n' >> ../signed
git tag signed $(git hash-object -t commit -w ../signed)
"""


def did(folder: Path, script: str) -> None:
    subprocess.run(["/bin/bash", "-c", script], cwd=folder, check=False, capture_output=True, timeout=60,
                   stdin=subprocess.DEVNULL, env={**os.environ, **WHO, "TERM": "xterm"})  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose tree holds scripts, attributes that lead to them, and a submodule; `ran` is beside it."""
    tree = tmp_path_factory.mktemp("traps") / "shop"
    for name in ("trap", *(f"hooks/{name}" for name in HOOKS)):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(SCRIPT.format(mark=tree.with_name("ran"), then=""))
        (tree / name).chmod(0o755)
    (tree / ".gitattributes").write_text(ATTRIBUTES)
    (tree / "attributes").write_text("*.md filter=y\n")
    (tree / "more").write_text('[filter "x"]\n\tclean = ./trap\n')
    did(tree, LAID)
    did(tree / "lib", f"git config core.fsmonitor 'touch {tree.with_name('ran')}; false'")
    return tree


@pytest.fixture
def mark(template: Path) -> Path:
    return template.with_name("ran")


@pytest.fixture
def lay(template: Path, mark: Path, tmp_path: Path) -> Callable[[Mapping[str, str]], Repository]:
    """A fresh copy of it, in which a person has set that."""

    def lays(settings: Mapping[str, str]) -> Repository:
        tree = tmp_path / "shop"
        shutil.copytree(template, tree, symlinks=True)
        did(tree, "git reset -q --hard")
        for key, value in settings.items():
            did(tree, f"git config '{key}' \"{value.replace('$PROJECT', str(tree))}\"")
        mark.unlink(missing_ok=True)
        return git.find(tree)

    return lays


def everything(project: Repository, folder: Path) -> None:
    """All that the supervisor ever does with git."""
    base, place = head(project), Workspace(folder / "task-1", project)
    place.make(base)
    for name in ("new", "new.md", "CLAUDE.md", "package.json"):
        (place.repo / name).write_text("x\n")
    (place.repo / "README.md").write_text("changed\n")
    commit = place.keep(base, "work")
    place.diff_stat(base, commit)
    changed(project, base, commit, ("CLAUDE.md", "package.json"))
    assert len(prepared(project, base, commit, folder / "stage", ()).changes) == 5
    project.text("check-ref-format", "--branch", "paging")
    assert read_at(project, commit, "README.md") == "changed\n"
    assert holds(project, commit, "new.md")
    project.text("ls-tree", "--name-only", base, "--", "README.md")
    project.text("show", "--no-patch", "--format=%ae %P", commit)
    one, two = (project.text("rev-parse", each) for each in ("one", "two"))
    merged = read_at(project, joined(project, [("a", one), ("b", two)]), "README.md")
    assert merged.startswith("one line 0\n") and "\ntwo line 29\n" in merged
    did(project.work_tree, "touch -d yesterday README.md")
    dirty_paths(project)
    fingerprint(project, place)
    git.find(project.work_tree / "src")
    place.remove()


def together() -> list[dict[str, str]]:
    """The settings of all traps, in as few repositories as they fit into without hiding each other."""
    groups: list[dict[str, str]] = []
    for trap in TRAPS.values():
        group = next((group for group in groups if _fits(trap.settings, group)), None)
        if group is None:
            groups.append(group := {})
        group.update(trap.settings)
    return groups


def _fits(settings: Mapping[str, str], group: Mapping[str, str]) -> bool:
    """A filter that is a process hides what is none, so these are laid apart."""
    same = all(group.get(key, value) == value for key, value in settings.items())
    return same and ("filter.x.process" in settings) == ("filter.x.process" in group)


@pytest.mark.parametrize("name", TRAPS)
def test_plain_git_runs_into_the_trap(lay: Callable[..., Repository], mark: Path, name: str) -> None:
    project = lay(TRAPS[name].settings)
    (project.work_tree / "trap").write_text(SCRIPT.format(mark=mark, then=TRAPS[name].then))
    did(project.work_tree, TRAPS[name].plain)
    assert mark.exists()


@pytest.mark.parametrize("settings", together(), ids=lambda settings: f"{len(settings)} settings")
def test_the_supervisors_git_runs_into_none(
    lay: Callable[..., Repository], mark: Path, tmp_path: Path, settings: dict[str, str]
) -> None:
    project = lay(settings)
    everything(project, tmp_path / "agent_workspaces")
    for command in ("cat-file", "show"):
        project.run(command, "-p", "1234567890123456789012345678901234567890", check=False)
        project.run(command, "-p", "signed", check=False)
    assert not mark.exists()


def test_everything_the_supervisor_does_is_all_the_commands_it_has(
    lay: Callable[..., Repository], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a command is not added without being tried above."""
    used, run = set(), Repository.run

    def noted(self: Repository, *words: str, **more: object) -> bytes:
        used.add(words[0])
        return run(self, *words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Repository, "run", noted)
    everything(lay({}), tmp_path / "agent_workspaces")
    assert used == set(COMMANDS)


def test_another_command_is_refused(project: Repository) -> None:
    with pytest.raises(KeyError):
        project.run("commit", "-m", "x")


def test_a_configuration_that_cannot_be_read_stops_everything(project: Repository) -> None:
    with (project.git_dir / "config").open("a") as file:
        file.write("[filter\n")
    with pytest.raises(GitError):
        dirty_paths(project)


def test_the_environment_turns_nothing(
    project: Repository, mark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_PAGER", "GIT_EDITOR", "GIT_PROXY_COMMAND", "GIT_ASKPASS"):
        monkeypatch.setenv(name, f"touch {mark}; false")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_CONFIG_GLOBAL",
                 "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_TRACE"):  # fmt: skip
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    place = Workspace(tmp_path / "agent_workspaces" / "task-1", project)
    place.make(head(project))
    (place.repo / "new").write_text("x")
    assert holds(project, place.keep(head(project), "work"), "new")
    assert not mark.exists() and not (tmp_path / "elsewhere").exists()


def test_a_work_tree_named_elsewhere_is_not_followed(project: Repository, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "theirs").write_text("x")
    did(project.work_tree, f"git config core.worktree {tmp_path}/elsewhere")
    assert "theirs" in subprocess.run(["git", "-C", project.git_dir, "status", "--porcelain"], capture_output=True,
                                      text=True, check=True).stdout  # fmt: skip
    assert dirty_paths(project) == []


def test_a_replaced_object_hides_nothing(project: Repository) -> None:
    """`git replace` could show another base than the agent started from."""
    did(project.work_tree, "git replace HEAD HEAD~1")
    assert "ORDERS[:9]" not in read_at(project, "HEAD", "src/orders.py")
    plain = subprocess.run(["git", "show", "HEAD:src/orders.py"], cwd=project.work_tree, capture_output=True, text=True,
                           check=True).stdout  # fmt: skip
    assert "def page" not in plain and "def page" in read_at(project, "HEAD", "src/orders.py")


def test_a_clash_under_a_driver_is_still_a_clash(lay: Callable[..., Repository]) -> None:
    project = lay(TRAPS["merge driver"].settings)
    did(project.work_tree, "git checkout -q -b three one~1; sed -i 1s/^/three/ README.md; git commit -qam three")
    with pytest.raises(commits.Conflict, match=r"README\.md"):
        joined(project, [(each, project.text("rev-parse", each)) for each in ("one", "three")])


def test_what_large_files_are_kept_elsewhere_stays_a_pointer(lay: Callable[..., Repository], tmp_path: Path) -> None:
    """With git-lfs configured, an agent's worktree has the pointers, and keeping it gives them back unchanged."""
    project = lay({"filter.x.smudge": "false", "filter.x.clean": "false", "filter.x.required": "true"})
    place = Workspace(tmp_path / "agent_workspaces" / "task-1", project)
    place.make(head(project))
    assert (place.repo / "README.md").read_text().startswith("line 0\n")
    assert place.keep(head(project), "work") == head(project)
