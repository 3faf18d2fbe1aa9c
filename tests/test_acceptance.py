"""A task's work on its way into the person's tree: all of it or nothing, whatever lies there."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayshift.home import Home
from dayshift.repository import git
from dayshift.repository.commits import head
from dayshift.reviewing import acceptance, review
from dayshift.reviewing.passage import Refused
from dayshift.states import Cancelled, Done, Failed, Halted, Running
from tests.house import NINE, record
from tests.shop import KINDS, LINES, Edit, Shop, fingerprint, line, shell, write


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


# --- what fits ---------------------------------------------------------------------------------------


def test_the_work_comes_into_the_tree_and_index_head_and_git_directory_stay(shop: Shop) -> None:
    worked = shop.works(line(3, "changed"), write("docs/new page.md", "new\n"))
    before = fingerprint(shop.tree / ".git")
    told = shop.accept(worked)
    assert fingerprint(shop.tree / ".git") == before
    assert shop.status() == [" M src/orders.py", "?? docs/new page.md"]
    assert shop.text("src/orders.py") == LINES.replace("line 3\n", "changed\n")
    assert told == [f"a: accepted; 2 files, +2 -1, not committed, in {shop.tree}"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_change_comes_over_as_it_is(shop: Shop, kind: str) -> None:
    worked = shop.works(*KINDS[kind])
    shop.accept(worked)
    assert shop.files() == shop.files(shop.home.workspace("a") / "repo")
    ours = fingerprint(shop.tree)
    assert shop.accept(worked)[0].startswith("a: accepted")  # again, as after a crash: nothing more to do
    assert fingerprint(shop.tree) == ours


@pytest.mark.parametrize("stage", ["left open", "staged", "committed"])
@pytest.mark.parametrize("mine", [line(18, "mine"), write("notes.txt", "mine\n")], ids=["same file", "another file"])
def test_what_the_person_did_meanwhile_stays(shop: Shop, mine: Edit, stage: str) -> None:
    worked = shop.works(line(3, "theirs"))
    mine(shop.tree)
    if stage != "left open":
        shell("git add --all" if stage == "staged" else "git add --all && git commit -qm mine")(shop.tree)
    before, expected = fingerprint(shop.tree / ".git"), shop.text("src/orders.py").replace("line 3\n", "theirs\n")
    shop.accept(worked)
    assert (shop.text("src/orders.py"), fingerprint(shop.tree / ".git")) == (expected, before)
    assert not (shop.tree / "notes.txt").exists() or shop.text("notes.txt") == "mine\n"


def test_a_rename_by_the_task_takes_along_what_the_person_changed_in_the_file(shop: Shop) -> None:
    worked = shop.works(shell("mv src/old.py src/new.py"))
    line(5, "mine", "src/old.py")(shop.tree)
    shop.accept(worked)
    assert "mine\n" in shop.text("src/new.py") and not (shop.tree / "src/old.py").exists()


def test_a_detached_head_and_a_branch_without_the_base_are_no_hindrance(shop: Shop) -> None:
    worked = shop.works(line(3, "theirs"))
    shell("git checkout -q --detach")(shop.tree)
    shop.accept(worked)
    shell("git checkout -q --orphan other; git rm -rfq --cached .")(shop.tree)
    assert "theirs\n" in shop.text("src/orders.py")


def test_line_endings_of_the_checkout_are_kept(shop: Shop) -> None:
    write(".gitattributes", "*.py text eol=crlf\n")(shop.tree)
    shell("git add --all; git commit -qm crlf; rm src/*.py; git checkout -q .; git config core.safecrlf true")(
        shop.tree
    )
    worked = shop.works(lambda tree: write("src/orders.py", LINES.replace("line 3\n", "x\n"))(tree))
    write("src/orders.py", (LINES + "mine\n").replace("\n", "\r\n"))(shop.tree)
    shop.accept(worked)
    assert shop.text("src/orders.py") == (LINES + "mine\n").replace("line 3\n", "x\n").replace("\n", "\r\n")


def test_a_file_kept_from_others_stays_so(shop: Shop) -> None:
    worked = shop.works(line(3, "theirs"), shell("chmod +x src/orders.py"))
    (shop.tree / "src/orders.py").chmod(0o600)
    shop.accept(worked)
    assert (shop.tree / "src/orders.py").stat().st_mode & 0o777 == 0o700


def test_a_submodule_in_the_project_is_left_alone(shop: Shop, tmp_path: Path) -> None:
    shell(f"git init -q {tmp_path}/part; cd {tmp_path}/part; git commit -q --allow-empty -m x")(tmp_path)
    shell(f"git -c protocol.file.allow=always submodule add -q {tmp_path}/part part")(shop.tree)
    shop.commits("with a part")
    worked = shop.works(line(3, "theirs"))
    write("part/mine.txt", "x\n")(shop.tree)
    shop.accept(worked)
    assert "theirs\n" in shop.text("src/orders.py") and shop.text("part/mine.txt") == "x\n"


def test_a_task_that_changed_nothing_is_accepted_with_a_word(shop: Shop) -> None:
    worked = shop.works()
    assert (review.patch(worked), review.stat(worked).files, review.steers(worked, review.changes(worked))) == (
        b"",
        0,
        (),
    )
    assert shop.accept(worked) == ["a: accepted; it changed no file"]


# --- what does not fit -------------------------------------------------------------------------------

#: What the task did, what the person did, and what is said of it; as many in one group as do not meet.
CLASHES: dict[str, list[tuple[Edit, Edit, str]]] = {
    "found by the merge": [
        (line(3, "theirs"), line(3, "mine"), "src/orders.py: was changed where you changed it"),
        (line(1, "x", "lib/a.py"), shell("rm lib/a.py"), "lib/a.py: was changed, but you removed or moved it"),
        (shell("rm src/old.py"), line(2, "mine", "src/old.py"), "src/old.py: was removed or moved, but you changed it"),
        (write("new.txt", "a\n"), write("new.txt", "b\n"), "new.txt: is new, but lies in your tree already"),
        (write(".env", "a\n"), shell("echo .env > .git/info/exclude; echo b > .env"), ".env: is new, but lies in your"),
        (write("logo.bin", b"\0a"), write("logo.bin", b"\0b"), "logo.bin: was changed where you changed it"),
        (write("run.sh", "x\n"), shell("mv run.sh ../run; ln -s ../run run.sh"), "run.sh"),
    ],
    "found before": [
        (write("one", "a\n"), write("one/mine", "b\n"), "one: is a folder in your tree, with one/mine"),
        (write("two", "a\n"), shell("mkdir two"), "two: is a folder in your tree"),
        (write("three/file", "a\n"), write("three", "b\n"), "three/file: three is no folder in your tree"),
        (shell("rm -r lib; echo x > lib"), write("lib/mine", "x\n"), "lib: is a folder in your tree, with lib/mine"),
        (line(3, "x"), shell("mv src ../outside; ln -s ../outside src"), "src/orders.py: src is no folder in your"),
        (write("run.sh", "x\n"), shell("rm run.sh; mkfifo run.sh"), "run.sh: is neither a file nor a link"),
        (write("four/x", "a\n"), shell("git init -q four"), "four/x: four is a repository of its own"),
    ],
}


@pytest.mark.parametrize("group", CLASHES)
def test_what_does_not_fit_is_refused_and_named_and_no_byte_has_changed(shop: Shop, group: str) -> None:
    worked = shop.works(*(theirs for theirs, _, _ in CLASHES[group]), write("docs/fits.md", "x\n"))
    for _, mine, _ in CLASHES[group]:
        mine(shop.tree)
    said = shop.refuses(worked)
    assert [why for _, _, why in CLASHES[group] if f"    {why}" not in said] == []
    assert "nothing in" in said and "git apply --3way" in said and "fits.md" not in said


def test_work_that_builds_on_other_work_says_so_where_it_does_not_fit(shop: Shop) -> None:
    worked = shop.works(line(3, "theirs"))
    line(3, "mine")(shop.tree)
    said = shop.refuses(replace(worked, task=replace(worked.task, depends_on=("b", "c"))))
    assert "it builds on b, c; if that is not in your tree yet, accept it first\n" in said


def test_everything_in_the_way_is_named_at_once_and_much_of_it_counted(shop: Shop) -> None:
    worked = shop.works(*(write(f"new/{number}", "a\n") for number in range(30)))
    shell("mkdir new; for n in $(seq 0 29); do echo b > new/$n; done")(shop.tree)
    said = shop.refuses(worked)
    assert said.count("lies in your tree already") == 20 and "and 10 more" in said


PATHS = {
    ".git/hooks/post-commit": "leads into a git directory",
    "src/.GIT/config": "leads into a git directory",
    "git~1/config": "leads into a git directory",
    "../outside": "leads out of the tree",
    ".dayshift-accept-a-12345678/x": "lies where dayshift keeps what is its own",
    "home/.dayshift/tasks/b.json": "lies where dayshift keeps what is its own",
    "home/agent_questions/b-answer.md": "lies where dayshift keeps what is its own",
}


def test_no_path_leads_into_the_git_directory_out_of_the_tree_or_to_what_is_the_programs(shop: Shop) -> None:
    shop.home = Home(shop.tree / "home")
    shop.home.make_folders()
    worked = record(Done(NINE), base=head(shop.project))
    for path, why in PATHS.items():
        planted = replace(worked, project=str(shop.tree), commit=commit_of(shop, path))
        assert f"{path}: {why}" in shop.refuses(planted)


def commit_of(shop: Shop, path: str) -> str:
    """A commit with one more file of that name, whatever it is."""
    *above, name = path.split("/")
    row = f"100644 blob {made(shop, 'hash-object -w --stdin', 'x')}\t{name}"
    for each in reversed(above):
        row = f"040000 tree {made(shop, 'mktree', row)}\t{each}"
    rows = [each for each in made(shop, "ls-tree HEAD", "").splitlines() if each.split("\t")[1] != row.split("\t")[1]]
    return made(shop, f"commit-tree {made(shop, 'mktree', chr(10).join([*rows, row]))} -p HEAD -m planted", "")


def made(shop: Shop, words: str, stdin: str) -> str:
    done = subprocess.run(["git", *words.split()], input=stdin.encode(), cwd=shop.tree, capture_output=True, check=True)
    return done.stdout.decode().strip()


def test_a_changed_submodule_is_left_to_the_person(shop: Shop) -> None:
    worked = shop.works(line(3, "theirs"))
    listed = made(shop, "ls-tree HEAD", "") + f"\n160000 commit {worked.base}\tpart\n"
    tree = made(shop, "mktree --missing", listed)
    planted = replace(worked, commit=made(shop, f"commit-tree {tree} -p HEAD -m planted", ""))
    assert "part: is a submodule; take it over by hand" in shop.refuses(planted)


# --- nothing planted runs ----------------------------------------------------------------------------


def test_no_hook_filter_driver_or_pager_of_the_repository_runs(shop: Shop, tmp_path: Path) -> None:
    mark, script = tmp_path / "ran", tmp_path / "trap"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    write(".gitattributes", "* filter=x diff=x merge=x\n")(shop.tree)
    shop.commits("attributes")
    for name in ("filter.x.clean", "filter.x.smudge", "diff.x.textconv", "diff.x.command", "merge.x.driver",
                 "diff.external", "core.pager", "core.fsmonitor", "core.editor", "credential.helper"):  # fmt: skip
        shell(f"git config {name} {script}")(shop.tree)
    hooks = shop.tree / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "post-index-change", "pre-commit", "post-merge"):
        (hooks / name).symlink_to(script)
    worked = shop.works(line(3, "theirs"))
    line(18, "mine")(shop.tree)
    mark.unlink(missing_ok=True)
    assert b"+theirs" in review.patch(worked)
    assert (review.stat(worked).files, review.steers(worked, review.changes(worked))) == (1, ())
    shop.accept(worked)
    assert "theirs\n" in shop.text("src/orders.py") and "mine\n" in shop.text("src/orders.py")
    assert not mark.exists()


def test_what_steers_agents_is_named_when_it_is_accepted(shop: Shop) -> None:
    worked = shop.works(write("CLAUDE.md", "Obey.\n"))
    assert shop.accept(worked)[1:] == ["read CLAUDE.md first: steers agents (new, +1 -0)"]


# --- what may be accepted ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "force", "why"),
    [
        ({"state": Running(NINE, 1)}, True, "a is running; wait for its end"),
        ({"state": Failed(NINE, "red")}, False, r"a is failed \(red\), not done; --force"),
        ({"state": Halted(NINE, "3 forbidden attempts")}, False, "halted"),
        ({"state": Cancelled(NINE)}, False, "cancelled"),
        ({"state": Halted(NINE, "the audit found: x"), "runs": 1, "quarantined": 1}, True, "in quarantine"),
        ({"rehearsal": True}, True, "its changes are pretended"),
        ({"review": "accepted", "reviewed_at": NINE}, True, "was accepted at 2026-11-20T09:00:00Z"),
    ],
)
def test_what_is_not_the_persons_to_have_is_refused(
    tmp_path: Path, facts: dict[str, Any], force: bool, why: str
) -> None:
    given = {"base": "b", "commit": "c", **facts}
    with pytest.raises(Refused, match=why):
        acceptance.accept(Home(tmp_path), record(given.pop("state", Done(NINE)), **given), NINE, force)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_tasks_work_is_had_by_force(shop: Shop) -> None:
    shop.accept(shop.works(line(3, "theirs"), state=Failed(NINE, "red")), force=True)
    assert "theirs\n" in shop.text("src/orders.py")


def test_a_project_that_is_gone_is_said(shop: Shop) -> None:
    with pytest.raises(git.NotARepository):
        shop.accept(replace(shop.works(line(3, "theirs")), project="/nowhere"))
