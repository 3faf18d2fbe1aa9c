"""The audit: every write to the git directory is noticed, reading is silent, and blame falls where it can be proven."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dayshift import git
from dayshift.audit import EVERYDAY, Fingerprint, findings, fingerprint, planted
from dayshift.model import Finding
from dayshift.workspace import Workspace, head

# What a person, or an agent without a sandbox, can do in the repository, and the aspect it shows in.
IN_PROJECT = {
    "add": ("echo x >> README.md; git add README.md", "index"),
    "rm": ("git rm -q --cached README.md", "index"),
    "assume unchanged": ("git update-index --assume-unchanged README.md", "index"),
    "commit": ("git commit -q --allow-empty -m x", "refs"),
    "amend": ("git commit -q --amend -m x", "refs"),
    "update-ref": ("git update-ref refs/heads/x HEAD", "refs"),
    "branch": ("git branch x", "refs"),
    "branch moved": ("git branch -m main x", "refs"),
    "branch deleted": ("git branch -q topic; git pack-refs --all; git branch -qD side", "refs"),
    "tag": ("git tag x", "refs"),
    "stash": ("echo x >> README.md; git stash -q", "refs"),
    "notes": ("git notes add -m x", "refs"),
    "replace": ("git replace HEAD HEAD~1", "refs"),
    "remote ref": ("git update-ref refs/remotes/origin/main HEAD", "refs"),
    "checkout": ("git checkout -q side", "HEAD"),
    "detach": ("git checkout -q --detach", "HEAD"),
    "symbolic-ref": ("git symbolic-ref HEAD refs/heads/side", "HEAD"),
    "reset": ("git reset -q --soft HEAD~1", "ORIG_HEAD"),
    "fetch": ("git fetch -q .", "FETCH_HEAD"),
    "merge begun": ("git merge -q --no-commit --no-ff side", "MERGE_HEAD"),
    "cherry-pick begun": ("echo x > src/orders.py; git commit -qam x; git cherry-pick side", "CHERRY_PICK_HEAD"),
    "revert begun": ("echo x > src/orders.py; git commit -qam x; git revert HEAD~1", "REVERT_HEAD"),
    "rebase begun": ("echo x > src/orders.py; git commit -qam x; git rebase side", "REBASE_HEAD"),
    "bisect begun": ("git bisect start", "BISECT_START"),
    "config": ("git config alias.x '!touch /tmp/x'", "config"),
    "hooks path": ("git config core.hooksPath /tmp/x", "config"),
    "worktree config": ("git config extensions.worktreeConfig true; git config --worktree x.y z", "config"),
    "remote": ("git remote add x /nowhere", "remotes"),
    "push url": ("git config remote.origin.url /elsewhere", "remotes"),
    "hook": ("echo '#!/bin/sh' > .git/hooks/pre-commit", "hooks"),
    "hook made executable": ("chmod a+x .git/hooks/sleeping", "hooks"),
    "hook linked": ("ln -s /tmp/x .git/hooks/post-merge", "hooks"),
    "exclude": ("echo x >> .git/info/exclude", "info/exclude"),
    "attributes": ("echo '* filter=x' >> .git/info/attributes", "info/attributes"),
    "alternates": ("echo /tmp > .git/objects/info/alternates", "objects/info/alternates"),
    "worktree": ("git worktree add -q --detach ../elsewhere", "worktrees"),
}
IN_WORKTREE = {
    "add": ("echo x >> README.md; git add README.md", "worktree index"),
    "commit": ("git commit -q --allow-empty -m x", "worktree HEAD"),
    "checkout": ("git checkout -q -b x", "worktree HEAD"),
    "reset": ("git reset -q --hard HEAD~1", "worktree HEAD"),
    "config": ("git config user.name x", "config"),
}
READS = (
    "git status", "git diff", "git diff --stat HEAD~1", "git log --all --graph", "git show", "git blame README.md",
    "git grep x", "git branch -a", "git tag -l", "git stash list", "git config -l", "git remote -v", "git reflog",
    "git fsck", "git gc -q", "git worktree list", "git ls-files", "touch README.md; git diff",
    "git hash-object -w README.md",
)  # fmt: skip


@pytest.fixture
def lively(place: Workspace) -> Workspace:
    """The workspace in a repository with a second branch, a remote and a sleeping hook."""
    tree = place.project.work_tree
    script = """git checkout -q -b side; echo other > src/orders.py; git commit -qam other; git checkout -q main
                git remote add origin /nowhere; echo '#!/bin/sh' > .git/hooks/sleeping; chmod a-x .git/hooks/sleeping"""
    subprocess.run(["/bin/sh", "-ec", script], cwd=tree, check=True)
    return place


def taken(place: Workspace) -> Fingerprint:
    return fingerprint(place.project, place.repository)


def did(folder: Path, script: str) -> None:
    subprocess.run(["/bin/sh", "-c", script], cwd=folder, check=False, capture_output=True, env=None)


def aspects(place: Workspace, action: Callable[[], None]) -> set[str]:
    """What the audit says changed while that was done."""
    before = taken(place)
    action()
    return {each.what.split(" changed")[0] for each in findings(before, taken(place), 1, proven=True)}


@pytest.mark.parametrize(("script", "aspect"), IN_PROJECT.values(), ids=IN_PROJECT)
def test_every_write_to_the_repository_is_noticed(lively: Workspace, script: str, aspect: str) -> None:
    assert aspect in aspects(lively, lambda: did(lively.project.work_tree, script))


@pytest.mark.parametrize(("script", "aspect"), IN_WORKTREE.values(), ids=IN_WORKTREE)
def test_every_write_through_the_worktree_is_noticed(lively: Workspace, script: str, aspect: str) -> None:
    assert aspect in aspects(lively, lambda: did(lively.repo, script))


def test_reading_is_silent(lively: Workspace) -> None:
    def read() -> None:
        for folder in (lively.project.work_tree, lively.repo):
            did(folder, "; ".join(READS))

    assert aspects(lively, read) == set()


def test_the_supervisors_own_doings_are_silent(lively: Workspace) -> None:
    other = Workspace(lively.folder.parent / "task-2", lively.project)

    def work() -> None:
        other.make(head(lively.project))
        for each in (lively, other):
            (each.repo / "new").write_text("x")
            each.keep(head(lively.project), "work")
        other.remove()

    assert aspects(lively, work) == set()


def test_what_an_agent_edits_in_its_tree_is_no_finding(lively: Workspace) -> None:
    assert aspects(lively, lambda: did(lively.repo, "rm README.md; echo x > new; chmod +x src/orders.py")) == set()


def test_a_finding_names_the_refs_and_the_run(lively: Workspace) -> None:
    before = taken(lively)
    did(lively.project.work_tree, "git tag v1; git branch -D side")
    (found,) = findings(before, taken(lively), 3, proven=True)
    assert found == Finding(3, "refs changed: refs/heads/side, refs/tags/v1", by_agent=False)


def test_many_refs_are_cut_short(lively: Workspace) -> None:
    before = taken(lively)
    did(lively.project.work_tree, "for each in 1 2 3 4 5 6 7; do git tag v$each; done")
    (found,) = findings(before, taken(lively), 1, proven=True)
    assert found.what.endswith("refs/tags/v5 …")


@pytest.mark.parametrize(
    "aspect", ["refs", "HEAD", "index", "config", "remotes", "hooks", "worktree HEAD", "worktree index"]
)
@pytest.mark.parametrize("proven", [True, False])
def test_only_a_proven_sandbox_clears_the_agent_and_only_of_a_persons_everyday_doings(
    lively: Workspace, aspect: str, proven: bool
) -> None:
    before = taken(lively)
    after = Fingerprint({**before.aspects, aspect: "other"})
    found = findings(before, after, 1, proven)
    assert [each.by_agent for each in found] == [not (proven and aspect in EVERYDAY)]


def test_a_repository_of_the_agents_own_is_said_and_blames_nobody(lively: Workspace) -> None:
    assert planted(lively.repo, 1) == ()
    did(lively.repo, "git init -q a/b; mkdir -p c/.GIT")
    found = planted(lively.repo, 2)
    assert [each.what.split("; ")[0] for each in found] == [
        "the agent made a repository of its own at a/b", "the agent made a repository of its own at c"
    ]  # fmt: skip
    assert not any(each.by_agent for each in found)


def test_in_a_linked_worktree_the_persons_own_merge_is_noticed(lively: Workspace, tmp_path: Path) -> None:
    did(lively.project.work_tree, f"git worktree add -q -b second {tmp_path}/second")
    second = git.find(tmp_path / "second")
    before = fingerprint(second, lively.repository)
    did(second.work_tree, "git merge -q --no-commit --no-ff side")
    found = findings(before, fingerprint(second, lively.repository), 1, proven=True)
    assert "MERGE_HEAD changed" in {each.what for each in found}
