"""The audit: every write to the git directory is noticed, reading is silent, and blame falls where it can be proven."""

import dataclasses
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dayshift.evidence import Finding, Who
from dayshift.repository import git, objects
from dayshift.repository.audit import (
    FOLLOWS,
    GRAVE,
    Fingerprint,
    Window,
    address,
    described,
    differences,
    findings,
    fingerprint,
)
from dayshift.repository.commits import Conflict, head, joined
from dayshift.repository.workspace import Workspace
from tests.conftest import WHO

# What a person, or an agent without a sandbox, can do in the repository, and the aspect it shows in.
IN_PROJECT = {
    "add": ("echo x >> README.md; git add README.md", "index"),
    "rm": ("git rm -q --cached README.md", "index"),
    "assume unchanged": ("git update-index --assume-unchanged README.md", "index"),
    "skip worktree": ("git update-index --skip-worktree README.md", "index"),
    "intent to add": ("echo x > new; git add -N new", "index"),
    "commit": ("git commit -q --allow-empty -m x", "refs"),
    "amend": ("git commit -q --amend -m x", "refs"),
    "update-ref": ("git update-ref refs/heads/x HEAD", "refs"),
    "ref by hand": ("cp .git/refs/heads/main .git/refs/heads/x", "refs"),
    "broken ref": ("echo rubbish > .git/refs/heads/x", "refs"),
    "branch": ("git branch x", "refs"),
    "branch moved": ("git branch -m main x", "refs"),
    "branch deleted": ("git branch -q topic; git pack-refs --all; git branch -qD side", "refs"),
    "tag": ("git tag x", "refs"),
    "stash": ("echo x >> README.md; git stash -q", "refs"),
    "notes": ("git notes add -m x", "refs"),
    "replace": ("git replace HEAD HEAD~1", "refs"),
    "remote ref": ("git update-ref refs/remotes/origin/main HEAD", "refs"),
    "pack-refs": ("git pack-refs --all", "packed-refs"),
    "checkout": ("git checkout -q side", "HEAD"),
    "detach": ("git checkout -q --detach", "HEAD"),
    "symbolic-ref": ("git symbolic-ref HEAD refs/heads/side", "HEAD"),
    "reset": ("git reset -q --soft HEAD~1", "ORIG_HEAD"),
    "fetch": ("git fetch -q .", "FETCH_HEAD"),
    "merge begun": ("git merge -q --no-commit --no-ff side", "MERGE_HEAD"),
    "cherry-pick begun": ("echo x > src/orders.py; git commit -qam x; git cherry-pick side", "CHERRY_PICK_HEAD"),
    "revert begun": ("echo x > src/orders.py; git commit -qam x; git revert HEAD~2", "REVERT_HEAD"),
    "rebase begun": ("echo x > src/orders.py; git commit -qam x; git rebase side", "REBASE_HEAD"),
    "sequencer": ("mkdir .git/sequencer; echo pick > .git/sequencer/todo", "sequencer"),
    "bisect begun": ("git bisect start", "BISECT_START"),
    "config": ("git config alias.x '!touch /tmp/x'", "config"),
    "config by hand": ("echo '# words' >> .git/config", "config file"),
    "included config": ("git config include.path ../../more; printf '[alias]\\n\\tx = !y\\n' > ../more", "config"),
    "hooks path": ("git config core.hooksPath /tmp/x", "config"),
    "worktree config": ("git config extensions.worktreeConfig true; git config --worktree x.y z", "config"),
    "remote": ("git remote add x /nowhere", "remotes"),
    "push url": ("git config remote.origin.url /elsewhere", "remotes"),
    "instead of": ("git config url./elsewhere.insteadOf /nowhere", "remotes"),
    "hook": ("echo '#!/bin/sh' > .git/hooks/pre-commit", "hooks"),
    "hook made executable": ("chmod a+x .git/hooks/sleeping", "hooks"),
    "hook linked": ("ln -s /tmp/x .git/hooks/post-merge", "hooks"),
    "hook in the hooks path": ("echo '#!/bin/sh' > .githooks/pre-commit", "hooks path"),
    "exclude": ("echo x >> .git/info/exclude", "info/exclude"),
    "attributes": ("echo '* filter=x' >> .git/info/attributes", "info/attributes"),
    "grafts": ("git rev-parse HEAD > .git/info/grafts", "info/grafts"),
    "sparse": ("git sparse-checkout set --no-cone src", "info/sparse-checkout"),
    "shallow": ("git rev-parse HEAD > .git/shallow", "shallow"),
    "alternates": ("echo /tmp > .git/objects/info/alternates", "objects/info/alternates"),
    "object": ("echo words | git hash-object -w --stdin", "objects"),
    "object deleted": ("rm -f .git/objects/$(git rev-parse side^{tree} | sed 's|^..|&/|')", "objects"),
    "gc": ("git gc -q", "objects"),
    "reflog expired": ("git reflog expire --expire=all --all", "reflogs"),
    "reflog by hand": ("rm .git/logs/refs/heads/side", "reflogs"),
    "rerere": ("mkdir -p .git/rr-cache/x; echo x > .git/rr-cache/x/postimage", "rerere"),
    "lfs": ("mkdir -p .git/lfs; echo x > .git/lfs/config", "lfs"),
    "description": ("echo x > .git/description", "description"),
    "a lock left": ("touch -d '1 hour ago' .git/index.lock", "index.lock"),
    "an odd file": ("echo x > .git/anything", "anything"),
    "worktree": ("git worktree add -q --detach ../elsewhere", "worktrees"),
    "worktree's HEAD": ("git -C ../linked checkout -q --detach side", "worktrees"),
    "worktree's index": ("cd ../linked; echo x >> README.md; git add README.md", "worktrees"),
    "submodule's config": ("git config -f .git/modules/lib/config core.fsmonitor /tmp/x", "submodules"),
    "submodule's hook": ("echo x > .git/modules/lib/hooks/post-checkout", "submodules"),
    "submodule's HEAD": ("git -C .git/modules/lib update-ref HEAD HEAD~1", "submodules"),
}
IN_WORKTREE = {
    "add": ("echo x >> README.md; git add README.md", "worktree index"),
    "commit": ("git commit -q --allow-empty -m x", "worktree HEAD"),
    "checkout": ("git checkout -q -b x", "worktree HEAD"),
    "reset": ("git reset -q --hard HEAD~1", "worktree HEAD"),
    "config": ("git config user.name x", "config"),
    "worktree config": ("echo x > $(git rev-parse --git-dir)/config.worktree", "worktree config.worktree"),
    "pointed elsewhere": ("echo /tmp > $(git rev-parse --git-dir)/commondir", "worktree commondir"),
}
READS = (
    "git status", "git diff", "git diff --stat HEAD~1", "git log --all --graph", "git show", "git blame README.md",
    "git grep x", "git branch -a", "git tag -l", "git stash list", "git config -l", "git remote -v", "git reflog",
    "git fsck", "git worktree list", "git ls-files", "touch README.md; git diff", "touch README.md; git status",
    "git submodule status", "git -C lib status", "git -C ../linked status", "git hash-object README.md",
)  # fmt: skip
LIVELY = """
export GIT_TEMPLATE_DIR=; git init -q -b main; mkdir .git/info .git/hooks
git config user.name "A Person"; echo "# Shop" > README.md
for each in 1 2; do echo "ORDERS = [] # $each" > src/orders.py; git add --all; git commit -qm words; done
git checkout -q -b side; echo other > src/orders.py; git commit -qam other; git checkout -q main
echo '#!/bin/sh' > .git/hooks/sleeping; chmod a-x .git/hooks/sleeping
git clone -q . ../library
git -c protocol.file.allow=always submodule --quiet add "$HOME/library" lib 2> /dev/null; git commit -qm lib
git remote add origin /nowhere; git worktree add -q --detach ../linked; mkdir .githooks .git/modules/lib/hooks
git config core.hooksPath .githooks; rm -rf "$HOME/library"
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in a repository with another branch and worktree, a remote, hooks and a submodule."""
    folder = tmp_path_factory.mktemp("audit") / "now"
    (folder / "shop" / "src").mkdir(parents=True)
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_GLOBAL": os.devnull, **WHO}
    subprocess.run(["/bin/sh", "-ec", LIVELY], cwd=folder / "shop", check=True, env=own)
    project = git.find(folder / "shop")
    Workspace(folder / "agent_workspaces" / "task-1", project).make(head(project))
    folder.rename(folder.with_name("as it was"))
    return folder


@pytest.fixture
def lively(template: Path) -> Workspace:
    """That workspace as it was at first, always in the same place, which its files name."""
    shutil.rmtree(template, ignore_errors=True)
    shutil.copytree(template.with_name("as it was"), template, symlinks=True)
    return Workspace(template / "agent_workspaces" / "task-1", git.find(template / "shop"))


def taken(place: Workspace) -> Fingerprint:
    return fingerprint(place.project, place)


def did(folder: Path, script: str) -> None:
    subprocess.run(["/bin/sh", "-c", script], cwd=folder, check=False, capture_output=True, env=None)


def aspects(place: Workspace, action: Callable[[], None]) -> set[str]:
    """What differs once that was done."""
    before = taken(place)
    action()
    return set(differences(before, taken(place)))


def window(fenced: bool, run: int = 1) -> Window:
    return Window(run, 0.0, fenced, address("task-1"))


def found_after(place: Workspace, action: Callable[[], None], fenced: bool = True) -> tuple[Finding, ...]:
    before = taken(place)
    action()
    return findings(before, taken(place), window(fenced), place.project)


# --- what is noticed -------------------------------------------------------------------------------


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


def test_a_git_at_work_is_silent(lively: Workspace) -> None:
    """Its locks are gone in a moment."""
    locks = "touch .git/index.lock .git/packed-refs.lock .git/refs/heads/main.lock; mkdir .git/fsmonitor--daemon"
    assert aspects(lively, lambda: did(lively.project.work_tree, locks)) == set()


def test_the_supervisors_own_doings_are_silent(lively: Workspace) -> None:
    others = [Workspace(lively.folder.parent / name, lively.project) for name in ("task-2", "task-3")]
    base = head(lively.project)

    def work() -> None:
        for other in others:
            other.make(base)
        for each in (lively, *others):
            (each.repo / "new").write_text(each.task_id)
            (each.repo / each.task_id).write_text("x")
        kept = [(each.task_id, each.keep(base, "work")) for each in (lively, *others)]
        with pytest.raises(Conflict):
            joined(lively.project, kept)
        (others[0].repo / "new").unlink()
        joined(lively.project, [kept[0], ("task-2", others[0].keep(base, "work"))])
        for other in others:
            other.remove()

    assert aspects(lively, work) == set()


def test_its_own_doings_stay_silent_when_refs_are_packed(lively: Workspace) -> None:
    other = Workspace(lively.folder.parent / "task-2", lively.project)
    other.make(head(lively.project))
    other.keep(head(lively.project), "work")
    did(lively.project.work_tree, "git pack-refs --all")
    assert aspects(lively, other.remove) == set()


def test_an_object_beside_the_supervisors_is_noticed(lively: Workspace) -> None:
    def work() -> None:
        (lively.repo / "new").write_text("x")
        lively.keep(head(lively.project), "work")
        did(lively.project.work_tree, "echo words | git hash-object -w --stdin")

    assert aspects(lively, work) == {"objects"}


def test_what_the_supervisor_wrote_is_told_from_the_rest_by_name(lively: Workspace) -> None:
    (lively.repo / "new").write_text("x")
    commit = lively.keep(head(lively.project), "work")
    tree = lively.project.text("rev-parse", f"{commit}^{{tree}}")
    blob = lively.project.text("rev-parse", f"{commit}:new")
    assert objects.noted(lively.project.common_dir) == {commit, tree, blob} <= objects.listed(lively.project.common_dir)
    assert list((lively.project.common_dir / "objects").glob(f"{objects.APART}*")) == []


def test_what_an_agent_edits_in_its_tree_is_no_finding(lively: Workspace) -> None:
    assert aspects(lively, lambda: did(lively.repo, "rm README.md; echo x > new; chmod +x src/orders.py")) == set()


def test_in_a_linked_worktree_the_persons_own_merge_is_noticed(lively: Workspace, tmp_path: Path) -> None:
    did(lively.project.work_tree, f"git worktree add -q -b second {tmp_path}/second")
    place = dataclasses.replace(lively, project=git.find(tmp_path / "second"))
    assert "MERGE_HEAD" in aspects(place, lambda: did(tmp_path / "second", "git merge -q --no-commit --no-ff side"))
    assert aspects(place, lambda: did(lively.project.work_tree, "git checkout -q side")) == {"worktrees"}


# --- who did it ------------------------------------------------------------------------------------

KINDS = {
    "refs": "git tag v1; git branch -D side",
    "HEAD": "git symbolic-ref HEAD refs/heads/side",
    "index": "git rm -q --cached README.md",
    "config": "git config alias.x '!touch /tmp/x'",
    "remotes": "git remote add x /nowhere",
    "hooks": "echo '#!/bin/sh' > .git/hooks/pre-commit",
    "hooks path": "echo '#!/bin/sh' > .githooks/pre-commit",
    "objects": "echo words | git hash-object -w --stdin",
    "reflogs": "rm .git/logs/refs/heads/side",
    "submodules": "echo x > .git/modules/lib/hooks/post-checkout",
    "info/attributes": "echo '* filter=x' >> .git/info/attributes",
    "objects/info/alternates": "echo /tmp > .git/objects/info/alternates",
    "worktrees": "git -C ../linked checkout -q --detach side",
}
AGENT = f"GIT_COMMITTER_NAME='agent task-1' GIT_COMMITTER_EMAIL={address('task-1')} git"
RECORDED = {"refs": "commit -q --allow-empty -m x", "HEAD": "checkout -q side"}  #: what a reflog names the doer of


@pytest.mark.parametrize(("aspect", "script"), KINDS.items(), ids=KINDS)
def test_in_a_proven_sandbox_no_change_is_the_agents_and_without_one_nobody_is_blamed(
    lively: Workspace, aspect: str, script: str
) -> None:
    before = taken(lively)
    did(lively.project.work_tree, script)
    after = taken(lively)
    fenced, unfenced = (
        next(each for each in findings(before, after, window(proven), lively.project) if each.aspect == aspect)
        for proven in (True, False)
    )
    assert (fenced.halts, fenced.who, fenced.look) == (False, Who.person, aspect in GRAVE)
    assert fenced.what.endswith("changed while it ran, not by it")
    assert (unfenced.halts, unfenced.who) == (True, Who.unknown)
    assert "it cannot be told whether you, it or another did" in unfenced.what


@pytest.mark.parametrize(("aspect", "words"), RECORDED.items(), ids=RECORDED)
def test_an_agent_that_signs_is_convicted_by_the_reflog(lively: Workspace, aspect: str, words: str) -> None:
    def both() -> None:
        did(lively.project.work_tree, f"{AGENT} {words}; git config x.y z")

    found = {each.aspect: each for each in found_after(lively, both, fenced=False)}
    assert (found[aspect].halts, found[aspect].who) == (True, Who.agent)
    assert found["config"].who is Who.unknown  # what no reflog speaks of stays unproven


@pytest.mark.parametrize(("aspect", "words"), RECORDED.items(), ids=RECORDED)
def test_a_persons_name_in_the_reflog_is_said_and_clears_nobody(lively: Workspace, aspect: str, words: str) -> None:
    (found, *_) = [
        each for each in found_after(lively, lambda: did(lively.project.work_tree, f"git {words}"), fenced=False)
        if each.aspect == aspect
    ]  # fmt: skip
    assert (found.halts, found.who) == (True, Who.unknown)
    assert "the reflog names A Person <person@example.org>" in found.what
    assert "any name can be borrowed" in found.what


def test_of_two_refs_each_gets_its_own_word(lively: Workspace) -> None:
    def both() -> None:
        did(lively.project.work_tree, f"{AGENT} commit -q --allow-empty -m x; git tag mine")

    found = {each.who: each.what for each in found_after(lively, both, fenced=False)}
    assert found[Who.agent].startswith("refs (heads/main), changed by the agent")
    assert found[Who.unknown].startswith("refs (tags/mine), changed while it ran")


def test_a_signature_from_before_the_run_convicts_nobody(lively: Workspace) -> None:
    did(lively.project.work_tree, f"{AGENT} commit -q --allow-empty -m x")
    before = taken(lively)
    did(lively.project.work_tree, "git reset -q --hard HEAD~1")
    later = dataclasses.replace(window(fenced=False), began=2e9)
    assert {each.who for each in findings(before, taken(lively), later, lively.project)} == {Who.unknown}


def test_what_follows_from_a_change_is_not_told_beside_it(lively: Workspace) -> None:
    found = found_after(lively, lambda: did(lively.project.work_tree, "git commit -q --allow-empty -m x"))
    assert [each.aspect for each in found] == ["refs"]
    assert not FOLLOWS & set(GRAVE)


def test_many_names_are_cut_short() -> None:
    assert (
        described("refs", [f"refs/tags/v{each}" for each in range(9)])
        == "refs (tags/v0, tags/v1, tags/v2, tags/v3, tags/v4 …)"
    )
    assert described("HEAD", ["HEAD"]) == "HEAD"
    assert described("hooks", ["hooks/pre-commit"]) == "hooks (pre-commit)"


# --- what an agent may do, and the person should know ----------------------------------------------


@pytest.mark.parametrize("fenced", [True, False])
def test_a_repository_of_the_agents_own_is_said_once_and_halts_nobody(lively: Workspace, fenced: bool) -> None:
    did(lively.repo, "git init -q set-up-before")
    found = found_after(lively, lambda: did(lively.repo, "git init -q a/b; mkdir -p c/.GIT"), fenced)
    assert [each.what.split(";")[0] for each in found] == [
        "a repository of the agent's own at a/b", "a repository of the agent's own at c"
    ]  # fmt: skip
    assert {(each.halts, each.who) for each in found} == {(False, Who.agent)}
    assert found_after(lively, lambda: None) == ()


def test_what_it_plants_for_its_next_run_where_no_patch_shows_it_is_said(lively: Workspace) -> None:
    plant = f"""echo .claude/settings.local.json > .gitignore; mkdir -p .claude {lively.home}/.claude node_modules
                echo node_modules >> .gitignore; echo x > node_modules/.npmrc; echo x > CLAUDE.md
                echo x > .claude/settings.local.json; echo x > {lively.home}/.claude/settings.json"""
    found = found_after(lively, lambda: did(lively.repo, plant))
    assert [each.what.split(" is new")[0] for each in found] == [
        ".claude/settings.local.json", "HOME/.claude/settings.json"
    ]  # fmt: skip
    assert not any(each.halts for each in found)
