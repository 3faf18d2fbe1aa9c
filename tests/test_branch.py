"""Work accepted as a branch of the person's own: the whole of it or nothing, and nobody is blamed for it."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayshift.evidence import Check, Who
from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository import audit, daybook, git, made_refs, objects
from dayshift.repository.commits import head
from dayshift.repository.vigil import Vigil
from dayshift.repository.workspace import Workspace
from dayshift.reviewing import acceptance, branch
from dayshift.reviewing.passage import Refused
from dayshift.reviewing.receipt import Receipt
from dayshift.states import Done, Failed, Halted
from tests.house import NINE, record, task
from tests.shop import KINDS, LINES, Edit, Shop, line, shell, write


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def asked(shop: Shop, *words: str) -> str:
    said = subprocess.run(["git", *words], cwd=shop.tree, check=True, capture_output=True)
    return said.stdout.decode(errors="replace").strip()


def worked(shop: Shop, task_id: str, *edits: Edit, base: str = "", **facts: Any) -> Record:
    """The record of a task of that id that is done after these edits, made quickly beside the person's tree."""
    desk = shop.tree.with_name("desk")
    if not desk.exists():
        shell(f"git worktree add -q --detach {desk}")(shop.tree)
    base = base or head(shop.project)
    shell(f"git checkout -q --detach {base}")(desk)
    for edit in edits:
        edit(desk)
    shell("git add --all --force; git commit -qm work || true")(desk)
    given = {"state": Done(NINE), "task": task(task_id, *facts.pop("depends_on", ())), **facts}
    commit = head(git.find(desk))
    return replace(record(given.pop("state"), task_id, base=base, commit=commit, **given), project=str(shop.tree))


def made(shop: Shop, *records: Record, name: str = "work", force: bool = False) -> list[str]:
    return branch.make(shop.home, records, name, NINE, force)


def refuses(shop: Shop, *records: Record, name: str = "work", force: bool = False) -> str:
    """Why; and tree, index, HEAD and references are as they were."""
    before = shop.files(), asked(shop, "for-each-ref"), asked(shop, "ls-files", "--stage")
    with pytest.raises(Refused) as refused:
        made(shop, *records, name=name, force=force)
    assert (shop.files(), asked(shop, "for-each-ref"), asked(shop, "ls-files", "--stage")) == before
    return str(refused.value)


def on_branch(record: Record, name: str = "work") -> Record:
    return replace(record, review="accepted", branch=name)


# --- made --------------------------------------------------------------------------------------------


def test_the_branch_has_the_work_as_the_persons_commit_and_nothing_else_moves(shop: Shop) -> None:
    done = worked(shop, "a", *KINDS["many"])
    line(18, "mine")(shop.tree)
    shell("git add --all; echo more >> src/orders.py")(shop.tree)
    before, status, where = shop.files(), shop.status(), asked(shop, "rev-parse", "HEAD")
    told = made(shop, done)
    assert (shop.files(), shop.status(), asked(shop, "rev-parse", "HEAD")) == (before, status, where)
    assert told[0].startswith("a: accepted; ") and told[0].endswith(", on branch work")
    assert asked(shop, "rev-parse", "work^{tree}", "work^") == asked(
        shop, "rev-parse", f"{done.commit}^{{tree}}", "main"
    )
    assert asked(shop, "log", "-1", "--format=%an <%ae> %cn <%ce>", "work") == (
        "A Person <person@example.org> A Person <person@example.org>"
    )
    assert "Task: a of 2026-11-20" in asked(shop, "log", "-1", "--format=%B", "work")


def test_several_tasks_are_a_commit_each_in_their_order_merged_with_what_was_committed_since(shop: Shop) -> None:
    one = worked(shop, "a", line(3, "theirs"), checks=(Check("validate", "pytest -q", 0),))
    two = worked(shop, "b", write("docs/page.md", "x\n"), base=str(one.commit), depends_on=("a",))
    none = worked(shop, "c")
    line(18, "mine")(shop.tree)
    shop.commits("mine")
    told = made(shop, one, two, none, name="team/paging")
    assert told[2] == "c: accepted; it changed no file"
    assert asked(shop, "log", "--format=%s", "main..team/paging").splitlines() == ["Task b", "Task a"]
    assert asked(shop, "show", "team/paging:src/orders.py") + "\n" == LINES.replace("line 3\n", "theirs\n").replace(
        "line 18\n", "mine\n"
    )
    assert asked(shop, "show", "--format=", "--name-only", "team/paging") == "docs/page.md"
    assert "- `pytest -q` exited with 0" in asked(shop, "log", "-1", "--format=%B", "team/paging~1")


def test_what_the_person_renamed_since_takes_the_work_along(shop: Shop) -> None:
    done = worked(shop, "a", line(3, "theirs"))
    shell("git mv src/orders.py src/shop.py; git commit -qm renamed")(shop.tree)
    made(shop, done)
    assert "theirs" in asked(shop, "show", "work:src/shop.py")


def test_the_persons_hook_is_not_started(shop: Shop) -> None:
    done, hook = worked(shop, "a", line(3, "theirs")), shop.tree / ".git/hooks/reference-transaction"
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    made(shop, done)
    assert not (shop.tree / "ran").exists()


# --- refused -----------------------------------------------------------------------------------------


def test_a_bad_name_is_refused(shop: Shop) -> None:
    done = worked(shop, "a", line(3, "theirs"))
    for name in ("a b", "-x", "@{-1}", "x..y", "x.lock", "HEAD", "a\x1b[2J", "/x", "", "@", "refs/heads/x",
                 "FETCH_HEAD", "0" * 40):  # fmt: skip
        said = refuses(shop, done, name=name)
        assert "is no name for a branch" in said and "\x1b" not in said


def test_a_branch_that_is_there_is_refused_whatever_it_holds(shop: Shop) -> None:
    done = worked(shop, "a", line(3, "theirs"))
    shell("git branch work; git branch other/x")(shop.tree)
    assert "there is a branch work already; take another name" in refuses(shop, done)
    assert "the branch was not made: git update-ref: " in refuses(shop, done, name="other")


def test_what_does_not_fit_onto_head_is_named_and_there_is_no_branch(shop: Shop) -> None:
    done = worked(shop, "a", line(3, "theirs"), write("docs/fits.md", "x\n"), depends_on=("b",))
    line(3, "mine")(shop.tree)
    shop.commits("mine")
    said = refuses(shop, worked(shop, "c", write("new", "x")), done)
    assert "the changes of a do not fit onto HEAD:\n    src/orders.py: was changed in HEAD" in said
    assert "it builds on b; " in said and "fits.md" not in said
    assert Receipt(shop.home.receipt("a"), str(done.commit)).made is None


def test_what_is_on_the_branch_already_or_in_head_is_no_commit(shop: Shop) -> None:
    done = worked(shop, "a", line(3, "theirs"))
    line(3, "theirs")(shop.tree)
    shop.commits("the same")
    assert "nothing of it is missing from HEAD" in refuses(shop, done)


def test_what_is_not_the_persons_to_have_is_refused(shop: Shop) -> None:
    done = worked(shop, "a", line(3, "theirs"))
    for facts, force, why in (
        ({"state": Failed(NINE, "red")}, False, r"a is failed (red), not done; --force"),
        ({"state": Halted(NINE, "x"), "runs": 1, "quarantined": 1}, True, "in quarantine"),
        ({"review": "accepted"}, True, "a was accepted"),
    ):
        assert why in refuses(shop, replace(done, **facts), force=force)


def test_without_a_name_for_the_person_there_is_no_commit(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    done = worked(shop, "a", line(3, "theirs"))
    for name in [name for name in os.environ if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER", "EMAIL"))]:
        monkeypatch.delenv(name)
    shell("git config --unset user.name; git config --unset user.email")(shop.tree)
    assert "`git config --global user.name NAME`" in refuses(shop, done)
    shell("git config user.name Me; git config user.email m@example.org")(shop.tree)
    made(shop, done)
    assert asked(shop, "log", "-1", "--format=%an %ce", "work") == "Me m@example.org"


def test_without_a_first_commit_there_is_nothing_to_stand_on(shop: Shop) -> None:
    done = worked(shop, "a", line(3, "theirs"))
    shell("git checkout -q --orphan other")(shop.tree)
    assert "has no commit yet that a branch could begin at" in refuses(shop, done)


def test_a_submodule_and_what_is_dayshifts_own_are_refused(shop: Shop) -> None:
    shop.home = Home(shop.tree / "home")
    shop.home.make_folders()
    done = worked(shop, "a", write("home/agent_questions/b-answer.md", "yes"))
    assert "home/agent_questions/b-answer.md: lies where dayshift keeps what is its own" in refuses(shop, done)


# --- cut short ---------------------------------------------------------------------------------------


class Killed(BaseException):
    """As if by kill -9."""


@pytest.mark.parametrize("moment", ["_commits", "note", "made"])
def test_killed_at_any_moment_there_is_no_branch_or_the_whole_and_a_repetition_finishes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise Killed

    one, two = worked(shop, "a", line(3, "theirs")), worked(shop, "b", write("new", "x"))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        where = {"_commits": (branch, "_commits"), "note": (made_refs, "note"), "made": (acceptance, "told")}[moment]
        patch.setattr(*where, killed)
        made(shop, one, two)
    there = asked(shop, "branch", "--list", "work") != ""
    assert there == (moment == "made")
    tip = asked(shop, "rev-parse", "work") if there else None
    if there:
        for few in ((one,), (two, one)):
            assert "there is a branch work already" in refuses(shop, *few)
        with pytest.raises(Refused, match="a is on branch work already: `dayshift accept a b --branch work` notes"):
            shop.accept(one)
    assert made(shop, one, two)[-1] == f"branch work ends at {asked(shop, 'rev-parse', 'work')[:12]}"
    assert tip in (None, asked(shop, "rev-parse", "work"))
    assert asked(shop, "rev-list", "--count", "main..work") == "2"


def test_what_came_into_the_tree_and_was_not_noted_makes_no_branch(shop: Shop) -> None:
    done = worked(shop, "a", line(3, "theirs"))
    shop.accept(done)
    assert "`dayshift accept a` ends that" in refuses(shop, done)


# --- taken back --------------------------------------------------------------------------------------


def undone(shop: Shop, *records: Record) -> list[str]:
    return branch.undo(shop.home, [on_branch(each) for each in records], NINE)


def test_taken_back_the_branch_is_gone_and_the_work_may_be_accepted_again(shop: Shop) -> None:
    done = worked(shop, "a", line(3, "theirs"))
    before = asked(shop, "for-each-ref"), shop.files()
    made(shop, done)
    assert undone(shop, done)[0].startswith("a: no longer accepted; branch work is taken away")
    assert (asked(shop, "for-each-ref"), shop.files()) == before
    assert undone(shop, done) == ["a: no longer accepted; branch work was gone already; what you merged of it stays"]
    made(shop, done)
    undone(shop, done)
    shop.accept(done)
    assert "theirs\n" in shop.text("src/orders.py")


def test_a_branch_that_has_moved_on_or_is_checked_out_or_holds_more_is_left(shop: Shop, tmp_path: Path) -> None:
    one, two = worked(shop, "a", line(3, "theirs")), worked(shop, "b", write("new", "x"))
    made(shop, one, two)
    with pytest.raises(Refused, match="branch work holds b too: `dayshift accept a b --undo`"):
        undone(shop, one)
    shell(f"git worktree add -q {tmp_path}/there work")(shop.tree)
    with pytest.raises(Refused, match=f"branch work is checked out in {tmp_path}/there"):
        undone(shop, one, two)
    shell("git commit -q --allow-empty -m more")(tmp_path / "there")
    with pytest.raises(Refused, match=r"has moved on to [0-9a-f]{12}.*`git branch -D work` and repeat"):
        undone(shop, one, two)
    assert asked(shop, "rev-list", "--count", "main..work") == "3"


def test_a_task_that_changed_nothing_is_no_part_of_the_branch(shop: Shop) -> None:
    one, none = worked(shop, "a", line(3, "theirs")), worked(shop, "b")
    assert "nothing of it is missing from HEAD" in refuses(shop, none)
    made(shop, none, one)
    assert undone(shop, one)[0].startswith("a: no longer accepted; branch work is taken away")


# --- while an agent runs -----------------------------------------------------------------------------


def window(shop: Shop, fenced: bool) -> Vigil:
    place = Workspace(shop.home.workspace("z"), shop.project)
    place.make(head(shop.project))
    daybook.open_day(shop.home, at_work(shop), audit.fingerprint(shop.project), NINE)
    return Vigil.begin(place, 1, fenced, NINE)


def at_work(shop: Shop, **facts: Any) -> Record:
    return replace(record(Done(NINE), "z", runs=1, audited_runs=1, **facts), project=str(shop.tree))


@pytest.mark.parametrize("fenced", [True, False])
def test_a_branch_made_while_an_agent_runs_is_the_persons_and_halts_nothing(shop: Shop, fenced: bool) -> None:
    done, vigil = worked(shop, "a", line(3, "theirs")), window(shop, fenced)
    made(shop, done)
    (found,) = vigil.end()
    assert (found.halts, found.who, found.what.startswith("refs (heads/work), yours")) == (False, Who.person, True)
    closing = daybook.close_day(shop.home, NINE.date(), [at_work(shop, findings=(found,))], fenced)
    assert [each.who for each in closing.changes] == [Who.person]
    vigil = window(shop, fenced)
    undone(shop, done)
    (found,) = vigil.end()
    assert (found.halts, found.who) == (False, Who.person)


def test_beside_it_what_an_agent_without_a_fence_does_is_still_doubted(shop: Shop) -> None:
    done, vigil = worked(shop, "a", line(3, "theirs")), window(shop, fenced=False)
    made(shop, done)
    shell("git tag theirs; git update-ref refs/heads/work main")(shop.tree)
    (found,) = vigil.end()
    assert (found.halts, found.who, found.what.startswith("refs (heads/work, tags/theirs)")) == (
        True, Who.unknown, True,
    )  # fmt: skip


def test_the_notes_are_no_objects(shop: Shop) -> None:
    before = objects.listed(shop.project.common_dir)
    made_refs.note(shop.project, "refs/heads/x", "1")
    made_refs.note(shop.project, "refs/heads/x", made_refs.GONE)
    assert (made_refs.noted(shop.project), objects.listed(shop.project.common_dir)) == (
        {"refs/heads/x": made_refs.GONE}, before,
    )  # fmt: skip
