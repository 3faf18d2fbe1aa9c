"""An agent's worktree: made, kept, joined and removed, while the person's repository stays as it was."""

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from dayshift import locks
from dayshift.evidence import DiffStat
from dayshift.repository import commits, git, workspace
from dayshift.repository.audit import fingerprint
from dayshift.repository.commits import Conflict, dirty_paths, head, joined
from dayshift.repository.git import GitError, NotARepository, Repository
from dayshift.repository.workspace import HALF_MADE, Taken, Tampered, Workspace


def run(folder: Path, *words: str) -> str:
    """What git says to a person in that folder."""
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def state_of(project: Repository) -> dict[str, object]:
    """Everything a person sees of their repository, and every byte of their tree and index."""
    tree = project.work_tree
    files = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file() and ".git" not in path.parts}
    said = [run(tree, *words) for words in (["branch", "-avv"], ["tag"], ["stash", "list"], ["log", "--oneline"])]
    own = [(project.git_dir / name).read_bytes() for name in ("index", "HEAD", "config")]
    return {"files": files, "said": said, "own": own}


def other(place: Workspace, task_id: str) -> Workspace:
    made = Workspace(place.folder.parent / task_id, place.project)
    made.make(head(place.project))
    return made


def kept(place: Workspace, **contents: str) -> str:
    """The commit of an agent that wrote these files; `src_orders` stands for src/orders.py."""
    for name, text in contents.items():
        (place.repo / name.replace("src_orders", "src/orders.py")).write_text(text)
    return place.keep(head(place.project), "work")


# --- make ------------------------------------------------------------------------------------------


def test_a_worktree_stands_at_the_base_with_its_folders(place: Workspace) -> None:
    assert run(place.repo, "rev-parse", "HEAD") == head(place.project)
    assert run(place.repo, "status", "--porcelain", "--branch") == "## HEAD (no branch)"
    assert (place.home.is_dir(), place.io.is_dir(), place.ready) == (True, True, True)
    assert sorted(path.name for path in place.folder.iterdir()) == ["home", "io", "repo"]


def test_making_it_again_keeps_the_agents_work(place: Workspace) -> None:
    (place.repo / "README.md").write_text("changed\n")
    place.make("HEAD~1")
    assert (place.repo / "README.md").read_text() == "changed\n"


@pytest.mark.parametrize("moved", [False, True], ids=["made", "moved into place"])
def test_a_worktree_whose_making_was_cut_short_is_made_whole(place: Workspace, moved: bool) -> None:
    place.remove()
    half = place.folder / f"{HALF_MADE}x" / f"dayshift-{place.task_id}"
    half.parent.mkdir(parents=True)
    place.project.run("worktree", "add", "--detach", "--quiet", str(half), head(place.project))
    if moved:  # and the repository was not told
        half.rename(place.repo)
    place.make(head(place.project))
    assert (place.repo / "src" / "orders.py").is_file()
    assert f"{place.repo}  " in run(place.project.work_tree, "worktree", "list")
    assert moved or not half.parent.exists()


def test_many_worktrees_made_and_removed_at_once_do_not_disturb_each_other(project: Repository, tmp_path: Path) -> None:
    base, places = head(project), [Workspace(tmp_path / "many" / f"task-{number}", project) for number in range(40)]

    def there_and_back(place: Workspace) -> None:
        for _ in range(3):
            place.make(base)
            place.remove()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(there_and_back, places))
    assert not any((project.common_dir / "worktrees").glob("*"))


def test_the_persons_repository_is_as_it_was(project: Repository, tmp_path: Path) -> None:
    (project.work_tree / "README.md").write_text("half done\n")
    run(project.work_tree, "add", "README.md")
    (project.work_tree / "README.md").write_text("not yet staged\n")
    before = state_of(project)
    place = Workspace(tmp_path / "agent_workspaces" / "task-1", project)
    place.make(head(project))
    kept(place, new="x\n", src_orders="other\n")
    place.make(head(project))
    assert state_of(project) == before
    place.remove()
    assert state_of(project) == before


def test_a_project_that_is_itself_a_worktree_will_do(project: Repository, tmp_path: Path) -> None:
    run(project.work_tree, "worktree", "add", "-q", "-b", "second", str(tmp_path / "second"))
    second = git.find(tmp_path / "second" / "src")
    assert (second.work_tree, second.common_dir) == (tmp_path / "second", project.common_dir)
    place = Workspace(tmp_path / "agent_workspaces" / "task-2", second)
    place.make(head(second))
    assert second.text("show", f"{kept(place, new='x')}:new") == "x"


def test_removing_leaves_no_trace(place: Workspace) -> None:
    kept(place, new="x")
    place.remove()
    assert not place.folder.exists()
    assert run(place.project.work_tree, "worktree", "list").count("\n") == 0
    assert run(place.project.work_tree, "for-each-ref", "refs/dayshift/") == ""


@pytest.mark.parametrize("words", [["init", "-q", "--bare", "x"], ["init", "-q", "y"], ["version"]])
def test_only_a_repository_with_a_tree_and_a_commit_is_a_project(tmp_path: Path, words: list[str]) -> None:
    run(tmp_path, *words)
    with pytest.raises((NotARepository, GitError), match=r"set `project:`|make a first one"):
        head(git.find(tmp_path / words[-1]))


# --- keep ------------------------------------------------------------------------------------------


def test_every_kind_of_change_is_kept_and_the_patch_says_the_same(place: Workspace, tmp_path: Path) -> None:
    base, repo = head(place.project), place.repo
    (repo / ".gitignore").write_text("*.log\n")
    (repo / "debug.log").write_text("noise\n")
    (repo / "a folder").mkdir()
    (repo / "a folder" / 'grün -> "x"').write_text("umlauts\n")
    (repo / "picture").write_bytes(bytes(range(256)))
    (repo / "script").write_text("#!/bin/sh\n")
    (repo / "script").chmod(0o755)
    (repo / "link").symlink_to("/etc/passwd")
    (repo / "README.md").unlink()
    (repo / "src" / "orders.py").write_text("ORDERS = []\nMORE = 1\n")
    commit = place.keep(base, "work")
    assert run(repo, "rev-parse", f"{commit}^", "refs/dayshift/task-1") == f"{base}\n{commit}"
    names = place.project.run("ls-tree", "-r", "--name-only", "-z", commit).decode().split("\0")
    assert sorted(names)[1:] == [".gitignore", 'a folder/grün -> "x"', "link", "picture", "script", "src/orders.py"]
    assert place.diff_stat(base, commit) == DiffStat(
        7, 5, 5, (".gitignore", "README.md", 'a folder/grün -> "x"', "link", "picture", "script", "src/orders.py")
    )
    run(tmp_path, "clone", "-q", str(place.project.work_tree), "again")
    run(tmp_path / "again", "apply", "--index", str(place.folder / "changes.patch"))
    assert run(tmp_path / "again", "write-tree") == run(repo, "rev-parse", f"{commit}^{{tree}}")


def test_what_is_unchanged_is_the_base_itself(place: Workspace) -> None:
    base = head(place.project)
    assert place.keep(base, "work") == base
    assert (place.folder / "changes.patch").read_bytes() == b""


def test_keeping_touches_neither_the_agents_index_nor_its_head(place: Workspace) -> None:
    (place.repo / "new").write_text("x")
    kept(place)
    assert run(place.repo, "status", "--porcelain") == "?? new"
    assert run(place.repo, "rev-parse", "HEAD") == head(place.project)


def test_keeping_again_replaces_what_was_kept(place: Workspace) -> None:
    kept(place, new="one")
    second = kept(place, new="two")
    assert run(place.repo, "rev-parse", f"{second}^") == head(place.project)
    assert run(place.repo, "show", "refs/dayshift/task-1:new") == "two"


def test_odd_things_in_the_tree_do_not_lose_the_rest(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(place.repo / "pipe")
    (place.repo / "gone").symlink_to("nowhere")
    (place.repo / "secret").write_text("x")
    (place.repo / "secret").chmod(0)
    (place.repo / "sub" / ".GIT").mkdir(parents=True)
    (place.repo / "sub" / ".GIT" / "config").write_text("x")
    (place.repo / "line\nbreak").write_text("x")
    os.close(os.open(os.fsencode(place.repo) + b"/\xff", os.O_CREAT))
    monkeypatch.chdir(place.repo)  # a socket's name must be short
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("door")
    commit = kept(place, new="kept")
    assert place.project.text("show", f"{commit}:new") == "kept"
    assert place.project.run("show", f"{commit}:line\nbreak") == b"x"


def test_a_patch_planted_as_a_link_is_replaced_not_followed(place: Workspace, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (place.folder / "changes.patch").symlink_to(tmp_path / "precious")
    kept(place, new="x\n")
    assert (tmp_path / "precious").read_text() == "mine"
    assert "+x" in (place.folder / "changes.patch").read_text()


# --- what an agent plants --------------------------------------------------------------------------

RUNS = (
    '[core]\n\tfsmonitor = "touch {mark}; false"\n[filter "x"]\n\tclean = touch {mark}; cat\n\tprocess = touch {mark}\n'
)
RUNS += '[diff "x"]\n\tcommand = touch {mark}; true\n\ttextconv = touch {mark}; cat\n'


def plant_nested(place: Workspace, config: str) -> None:
    run(place.repo, "init", "-q", "sub")
    with (place.repo / "sub" / ".git" / "config").open("a") as file:
        file.write(config)
    (place.repo / "sub" / "file").write_text("x")


def plant_nested_file(place: Workspace, config: str) -> None:
    plant_nested(place, config)
    (place.repo / "sub" / ".git").rename(place.home / "elsewhere")
    (place.repo / "sub" / ".git").write_text(f"gitdir: {place.home / 'elsewhere'}\n")


def plant_nested_commit(place: Workspace, config: str) -> None:
    plant_nested(place, "")
    run(place.repo / "sub", "add", "file")
    run(place.repo / "sub", "commit", "-q", "-m", "x")
    with (place.repo / "sub" / ".git" / "config").open("a") as file:
        file.write(config)


def plant_bare(place: Workspace, config: str) -> None:
    run(place.repo, "init", "-q", "--bare", "sub")
    with (place.repo / "sub" / "config").open("a") as file:
        file.write(config)


def plant_home(place: Workspace, config: str) -> None:
    for name in (place.home / ".gitconfig", place.repo / ".gitconfig", place.repo / ".gitmodules"):
        name.write_text(config)


def plant_git_folder(place: Workspace, config: str) -> None:
    (place.repo / ".git").unlink()
    run(place.repo, "init", "-q")
    with (place.repo / ".git" / "config").open("a") as file:
        file.write(config)


PLANTS = [plant_nested, plant_nested_file, plant_nested_commit, plant_bare, plant_home, plant_git_folder]


@pytest.mark.parametrize("plant", PLANTS)
def test_nothing_an_agent_plants_is_run_by_the_supervisors_git(place: Workspace, tmp_path: Path, plant) -> None:  # type: ignore[no-untyped-def]
    mark = tmp_path / "ran"
    (place.repo / ".gitattributes").write_text("* filter=x diff=x\n")
    plant(place, RUNS.format(mark=mark))
    (place.repo / "README.md").write_text("changed\n")
    base = head(place.project)
    commit = place.keep(base, "work")
    place.diff_stat(base, commit)
    fingerprint(place.project, place)
    dirty_paths(place.project)
    assert not mark.exists()
    assert run(place.project.work_tree, "show", f"{commit}:README.md") == "changed"


@pytest.mark.parametrize("plant", [plant_nested, plant_nested_file, plant_git_folder])
def test_the_same_plants_do_run_in_anybody_elses_git(place: Workspace, tmp_path: Path, plant) -> None:  # type: ignore[no-untyped-def]
    plant(place, RUNS.format(mark=tmp_path / "ran"))
    run(place.repo if plant is plant_git_folder else place.repo / "sub", "status")
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("plant", [plant_nested, plant_nested_file, plant_nested_commit])
def test_nested_repositories_are_left_out(place: Workspace, plant) -> None:  # type: ignore[no-untyped-def]
    plant(place, "")
    commit = kept(place, new="x")
    assert workspace.nested_repositories(place.repo) == ["sub"]
    assert run(place.repo, "ls-tree", "--name-only", commit).split() == ["README.md", "new", "src"]


@pytest.mark.parametrize(
    "script",
    [
        "ln -sfn elsewhere .git",
        "rm .git",
        "rm .git; mkdir .git",
        "echo gitdir: /tmp > .git",
        "rm .git; mkfifo .git",
        ": > .git",
    ],
)
def test_a_git_file_that_is_not_the_supervisors_is_refused(place: Workspace, script: str) -> None:
    place.check()
    subprocess.run(["/bin/sh", "-c", f"cp .git elsewhere; {script}"], cwd=place.repo, check=True)
    with pytest.raises(Tampered):
        place.check()


# --- dependencies ----------------------------------------------------------------------------------


def test_what_dependencies_made_is_joined(place: Workspace) -> None:
    commits = [(name, kept(other(place, name), **{name: name})) for name in ("task-a", "task-b", "task-c")]
    result = joined(place.project, commits)
    assert run(place.repo, "ls-tree", "--name-only", result).split() == [
        "README.md",
        "src",
        "task-a",
        "task-b",
        "task-c",
    ]
    assert run(place.repo, "merge-base", result, commits[0][1]) == commits[0][1]


def test_changes_far_apart_in_one_file_are_joined(place: Workspace) -> None:
    top = kept(other(place, "task-a"), src_orders="TOP = 1\nORDERS = []\n\n\ndef page():\n    return ORDERS\n")
    end = kept(other(place, "task-b"), src_orders="ORDERS = []\n\n\ndef page():\n    return ORDERS[:9]\n")
    result = joined(place.project, [("task-a", top), ("task-b", end)])
    text = commits.read_at(place.project, result, "src/orders.py")
    assert (text.count("TOP = 1"), text.count("[:9]")) == (1, 1)


def test_a_clash_names_the_tasks_and_the_file(place: Workspace) -> None:
    commits = [(name, kept(other(place, name), src_orders=f"{name}\n", ok=name)) for name in ("task-a", "task-b")]
    with pytest.raises(Conflict, match=r"task-a and task-b changed the same lines in ok, src/orders\.py"):
        joined(place.project, commits)


def test_one_dependency_or_none_that_changed_anything_needs_no_join(place: Workspace) -> None:
    base, made = head(place.project), kept(place, new="x")
    assert joined(place.project, [("a", made)]) == made
    assert joined(place.project, [("a", made), ("b", made)]) == made
    assert run(place.repo, "diff", joined(place.project, [("a", base), ("b", made)]), made) == ""


# --- the person's tree -----------------------------------------------------------------------------


def test_what_agents_start_without_is_named(project: Repository) -> None:
    assert dirty_paths(project) == []
    for name in ("README.md", "src/orders.py", "a new file", "grün"):
        (project.work_tree / name).write_text("x")
    run(project.work_tree, "add", "src/orders.py")
    assert sorted(dirty_paths(project)) == ["README.md", "a new file", "grün", "src/orders.py"]


def test_a_renamed_file_is_missed_under_both_names(project: Repository) -> None:
    run(project.work_tree, "mv", "README.md", "READ ME.md")
    assert dirty_paths(project) == ["READ ME.md", "README.md"]


def test_files_are_read_at_a_commit(project: Repository) -> None:
    assert commits.read_at(project, "HEAD~1", "src/orders.py") == "ORDERS = []\n"
    assert commits.read_at(project, "HEAD", "src/orders.py", limit=6) == "ORDERS"
    with pytest.raises(GitError, match="nothing"):
        commits.read_at(project, "HEAD", "nothing")


# --- what an agent builds to stop the supervisor ------------------------------------------------------


def test_a_tree_a_thousand_folders_deep_is_walked_kept_and_removed(place: Workspace) -> None:
    script = "for n in $(seq 1500); do mkdir d && cd d || exit 1; done; echo x > deepest"
    subprocess.run(["sh", "-c", script], cwd=place.repo, check=True)
    assert workspace.nested_repositories(place.repo) == []
    place.keep(commits.head(place.project), "deep")
    place.remove()
    assert not place.folder.exists()


def test_a_lock_held_on_the_git_directory_keeps_no_worktree_from_being_made(place: Workspace, tmp_path: Path) -> None:
    with locks.lock(place.project.common_dir):
        other = Workspace(tmp_path / "agent_workspaces" / "task-9", place.project)
        other.make(commits.head(place.project))
    assert other.ready


def test_a_path_of_the_project_has_a_place_in_the_worktree_unless_a_link_leads_away(place: Workspace) -> None:
    (place.repo / "web").mkdir()
    (place.repo / "away").symlink_to("/tmp")
    assert place.place_of("web/node_modules") == place.repo / "web" / "node_modules"
    for name in ("away", "away/x", "../home", "web/../../x", "/etc"):
        assert place.place_of(name) is None, name


def test_two_homes_do_not_take_each_others_worktree_of_one_name(place: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other" / place.task_id, place.project)
    with pytest.raises(Taken, match="take another id"):
        other.make(commits.head(place.project))
    other.remove()
    assert place.ready and place.repository.text("rev-parse", "HEAD")


# --- a daemon that is killed while git makes a worktree ----------------------------------------------

DAEMON = """
import sys
from pathlib import Path
from dayshift.repository import commits, git, workspace
project = git.find(Path(sys.argv[1]))
workspace.Workspace(Path(sys.argv[2]), project).make(commits.head(project))
"""


@contextmanager
def left_at_work(place: Workspace) -> Iterator[None]:
    """For the block, git makes the worktree although the process that started it was killed: it waits for us."""
    held_up = place.project.common_dir / "info" / "attributes"
    held_up.parent.mkdir(exist_ok=True)
    os.mkfifo(held_up)
    began = [sys.executable, "-c", DAEMON, str(place.project.work_tree), str(place.folder)]
    with subprocess.Popen(began, cwd=Path(__file__).parent.parent) as daemon:
        writer = reached(held_up)
        daemon.kill()
    held_up.unlink()  # what is begun from here on is not held up
    try:
        yield
    finally:
        os.close(writer)


def reached(fifo: Path) -> int:
    """Wait until somebody reads there; an end to write to them."""
    for _ in range(3000):
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            assert error.errno == errno.ENXIO
            time.sleep(0.01)
    raise AssertionError("git read no attributes")


def test_a_git_that_outlives_its_daemon_is_waited_for_before_another_makes_a_worktree(place: Workspace) -> None:
    place.remove()
    neighbour = Workspace(place.folder.parent / "task-2", place.project)
    with ThreadPoolExecutor(2) as pool:
        with left_at_work(place):
            begun = [pool.submit(each.make, head(place.project)) for each in (place, neighbour)]
            time.sleep(0.5)
            waited = [not future.done() for future in begun]
        for future in begun:
            future.result(30)
    assert waited == [True, True]
    for each in (place, neighbour):
        assert run(each.repo, "status", "--porcelain") == "" and not list(each.folder.glob(f"{HALF_MADE}*"))
    assert len(run(place.project.work_tree, "worktree", "list").splitlines()) == 3


def test_it_is_waited_for_within_a_bound_and_then_named(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    place.remove()
    monkeypatch.setattr(workspace, "WORKTREE_PATIENCE", 0.2)
    with left_at_work(place):
        with pytest.raises(GitError, match=r"a worktree of .* for 0 s, perhaps a git that .*`fuser -v /"):
            place.make(head(place.project))
        with pytest.raises(GitError, match="a worktree of"):
            place.remove()
    monkeypatch.undo()
    place.make(head(place.project))
