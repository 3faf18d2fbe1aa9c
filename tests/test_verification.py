"""Whether a task is done: deliverables that are there and differ, commands that pass, and how a failure is told."""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dayshift.evidence import Check
from dayshift.holder.bounds import Bounds, Watch
from dayshift.repository import verification
from dayshift.repository.commits import head
from dayshift.repository.workspace import Workspace
from dayshift.sandboxing.sandbox import Sandbox
from tests.house import task

PRESENT, MISSING, UNCHANGED = (0, ""), (1, "missing"), (1, "unchanged")


def checked(place: Workspace, path: str) -> tuple[int, str]:
    """The check of one deliverable, after the agent's work was kept as after every run."""
    base = head(place.project)
    changed = place.diff_stat(base, place.keep(base, "work")).paths
    [check] = verification.deliverables(task("a", deliverables=(path,)), place, base, changed)
    assert (check.kind, check.subject) == ("deliverable", path)
    return check.exit_code, check.tail


# --- deliverables in the repository -----------------------------------------------------------------


def test_a_new_file_is_delivered(place: Workspace) -> None:
    (place.repo / "docs").mkdir()
    (place.repo / "docs" / "guide.md").write_text("words")
    assert [checked(place, path) for path in ("docs/guide.md", "docs", "docs/")] == [PRESENT] * 3


def test_a_changed_file_is_delivered_and_so_is_the_folder_it_is_in(place: Workspace) -> None:
    (place.repo / "src" / "orders.py").write_text("changed")
    assert [checked(place, path) for path in ("src/orders.py", "src", "README.md")] == [PRESENT, PRESENT, UNCHANGED]


def test_a_file_of_a_similar_name_is_none(place: Workspace) -> None:
    (place.repo / "README.md.bak").touch()
    assert [checked(place, path) for path in ("README.md", "READ", "README.md.bak")] == [UNCHANGED, MISSING, PRESENT]


def test_a_file_that_was_taken_away_is_missing(place: Workspace) -> None:
    (place.repo / "README.md").unlink()
    assert checked(place, "README.md") == MISSING


def test_a_file_that_is_only_executable_now_is_changed(place: Workspace) -> None:
    (place.repo / "README.md").chmod(0o755)
    assert checked(place, "README.md") == PRESENT


def test_a_file_that_git_ignores_counts_when_it_is_there(place: Workspace) -> None:
    (place.repo / ".gitignore").write_text("dist/\n")
    (place.repo / "dist").mkdir()
    (place.repo / "dist" / "app.js").touch()
    assert [checked(place, path) for path in ("dist/app.js", "dist", "dist/other.js")] == [PRESENT, PRESENT, MISSING]


# --- links and other tricks -------------------------------------------------------------------------


def closed(path: Path) -> None:
    path.mkdir()
    (path / "a").touch()
    path.chmod(0)


TRICKS: dict[str, tuple[Callable[[Path], object], tuple[int, str]]] = {
    "a link within": (lambda path: path.symlink_to("README.md"), PRESENT),
    "a link out": (lambda path: path.symlink_to("/etc/passwd"), MISSING),
    "a link to the parent": (lambda path: path.symlink_to(".."), MISSING),
    "a dangling link": (lambda path: path.symlink_to("nowhere"), MISSING),
    "a link to itself": (lambda path: path.symlink_to(path.name), MISSING),
    "a pipe": (os.mkfifo, PRESENT),
}


@pytest.mark.parametrize(("make", "verdict"), TRICKS.values(), ids=TRICKS)
def test_what_leads_out_of_the_worktree_is_missing(
    place: Workspace, make: Callable[[Path], object], verdict: tuple[int, str]
) -> None:
    make(place.repo / "made")
    [check] = verification.deliverables(task("a", deliverables=("made",)), place, head(place.project), ["made"])
    assert (check.exit_code, check.tail) == verdict


def test_a_folder_that_leads_out_takes_its_files_with_it(place: Workspace, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "guide.md").touch()
    (place.repo / "docs").symlink_to(tmp_path / "elsewhere")
    assert checked(place, "docs/guide.md") == MISSING


@pytest.mark.parametrize("path", ["../io", "../../../shop/README.md", "x" * 300])
def test_no_name_leads_out_or_breaks_the_check(place: Workspace, path: str) -> None:
    assert checked(place, path) == MISSING


@pytest.mark.skipif(os.geteuid() == 0, reason="root opens every folder")
def test_a_folder_the_agent_closed_breaks_nothing(place: Workspace) -> None:
    closed(place.repo / "made")
    try:
        [check] = verification.deliverables(task("a", deliverables=("made/a",)), place, head(place.project), [])
        assert (check.exit_code, check.tail) == MISSING
    finally:
        (place.repo / "made").chmod(0o755)


# --- deliverables in agent_workspaces ---------------------------------------------------------------


def test_a_file_in_the_workspace_is_delivered_when_it_is_there(place: Workspace) -> None:
    (place.folder / "summary.md").write_text("words")
    (place.folder / "leak.md").symlink_to("/etc/passwd")
    wanted = {"summary.md": PRESENT, "notes.md": MISSING, "leak.md": MISSING, "../../shop/README.md": MISSING}
    for name, verdict in wanted.items():
        assert (name, checked(place, f"agent_workspaces/task-1/{name}")) == (name, verdict)


def test_a_task_without_deliverables_has_nothing_to_check(place: Workspace) -> None:
    assert verification.deliverables(task("a"), place, head(place.project), []) == []


# --- commands ---------------------------------------------------------------------------------------


def unbounded() -> Watch:
    return Watch(Bounds(memory=8 << 30, processes=512, disk=8 << 30), "/nonexistent")


def as_it_is(command: list[str]) -> list[str]:
    return command


async def ran(command: str) -> Check:
    return await verification.run_command(command, as_it_is, unbounded, "validate")


@pytest.mark.parametrize("code", [0, 1, 42])
async def test_a_commands_exit_code_and_words_are_the_evidence(code: int) -> None:
    check = await ran(f"echo out; echo err >&2; exit {code}")
    assert (check.kind, check.subject, check.exit_code, check.tail) == ("validate", check.subject, code, "out\nerr")


async def test_a_command_that_is_not_there_fails_in_the_shells_words() -> None:
    check = await ran("no-such-program --now")
    assert (check.exit_code, "no-such-program" in check.tail) == (127, True)


async def test_of_much_output_the_end_is_kept() -> None:
    check = await ran("yes words | head -c 3000000; echo the end")
    assert check.exit_code == 0
    assert len(check.tail) <= verification.TAIL
    assert check.tail.endswith("the end")


async def test_output_in_no_encoding_is_kept_readable() -> None:
    assert (await ran(r"printf 'gr\366\337er'")).tail == "gr\ufffd\ufffder"


async def test_a_command_reads_nothing_and_inherits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    check = await ran("cat; env | grep -c secret")
    assert (check.exit_code, check.tail) == (1, "0")


async def test_a_command_that_takes_too_long_is_ended_with_all_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(verification, "COMMAND_SECONDS", 0.3)
    began = time.monotonic()
    check = await ran(f"echo begun; sleep 60 & echo $! > {tmp_path / 'pid'}; wait")
    assert time.monotonic() - began < 10
    assert (check.exit_code, check.tail) == (verification.TIMED_OUT, "begun\n\nran longer than 0.3 s")
    assert has_ended(int((tmp_path / "pid").read_text()))


async def test_a_command_that_takes_too_much_is_ended_with_all_it_started(place: Workspace) -> None:
    sandbox = Sandbox(place.folder, place.repo, place.project.common_dir, place.home, {"PATH": "/usr/bin:/bin"})
    tight = Bounds(memory=200 << 20, processes=40, disk=50 << 20)
    cases = {
        "echo begun; head -c 1500M /dev/zero | tail": "of limits.memory_gb",
        "echo begun; for each in $(seq 60); do sleep 60 & done; wait": "of limits.processes",
        "echo begun; head -c 80M /dev/urandom > large; sleep 60": "of limits.workspace_gb",
    }
    for command, limit in cases.items():
        check = await verification.run_command(
            command, sandbox.argv, lambda: Watch(tight, str(place.folder)), "validate"
        )
        assert (check.exit_code, limit in check.stopped) == (verification.KILLED, True)
        assert check.tail == f"begun\n\n{check.stopped}"
        assert verification.summary([check]) == f"`{command}` was ended: it {check.stopped}"


async def test_a_verification_that_is_broken_off_leaves_no_process(tmp_path: Path) -> None:
    check = asyncio.create_task(ran(f"echo $$ > {tmp_path / 'pid'}; sleep 60"))
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        await asyncio.sleep(0.01)
    check.cancel()
    with pytest.raises(asyncio.CancelledError):
        await check
    assert has_ended(int((tmp_path / "pid").read_text()))


def has_ended(pid: int) -> bool:
    """Whether no such process works any more; a dead one may wait for its reaper."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


async def test_in_the_sandbox_what_a_command_leaves_running_neither_holds_it_up_nor_outlives_it(
    place: Workspace, tmp_path: Path
) -> None:
    sandbox = Sandbox(
        workspace=place.folder, repo=place.repo, git_dir=place.project.common_dir, home=place.home,
        environment={"PATH": "/usr/bin:/bin", "MARK": str(tmp_path)},
    )  # fmt: skip
    began = time.monotonic()
    check = await verification.run_command("setsid sleep 60 & pwd; exit 3", sandbox.argv, unbounded, "validate")
    assert (check.exit_code, check.tail) == (3, str(place.repo))
    assert time.monotonic() - began < 30
    assert all(has_ended(pid) for pid in carrying(f"MARK={tmp_path}"))


def carrying(variable: str) -> list[int]:
    """The processes that have it in their environment."""
    found = subprocess.run(
        ["grep", "-slzx", variable, *Path("/proc").glob("[0-9]*/environ")], capture_output=True, text=True
    )
    return [int(line.split("/")[2]) for line in found.stdout.splitlines()]


async def test_every_command_runs_in_order_though_one_fails() -> None:
    wanted = task("a", validate=("false", "true", "exit 7"))
    checks = await verification.validations(wanted, as_it_is, unbounded)
    assert [(check.subject, check.exit_code) for check in checks] == [("false", 1), ("true", 0), ("exit 7", 7)]


# --- what is told -----------------------------------------------------------------------------------

CHECKS = (
    Check("validate", "make lint", 0, "fine"),
    Check("validate", "make test", 2, "1 failed"),
    Check("deliverable", "src/list.py", 1, "missing"),
    Check("deliverable", "docs/guide.md", 0),
)


def test_the_agent_is_told_what_failed_and_nothing_else() -> None:
    told = verification.told(CHECKS)
    assert "`make test` exited with 2:\n\n```\n1 failed\n```" in told
    assert "The deliverable `src/list.py` is missing." in told
    assert "make lint" not in told and "guide" not in told


def test_the_person_reads_it_in_one_line() -> None:
    assert verification.summary(CHECKS) == "`make test` exited with 2; src/list.py is missing"
    assert verification.summary(()) == ""
