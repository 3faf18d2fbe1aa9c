"""The command `attach` short of a session: who is let in and who hears why not; and a holder on a terminal."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from dayshift import locks
from dayshift.claude import claude_code
from dayshift.commands.attach import SUSPEND
from dayshift.holder import USED
from dayshift.holder.bounds import Bounds
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.repository.workspace import Workspace
from dayshift.running.spool import MARK, Spool
from dayshift.sandboxing.sandbox import Sandbox
from dayshift.states import Queued
from tests.command_line import NOON, ROOT, add, daemon, environment, run

PLENTY = Bounds(memory=8 << 30, processes=512, disk=8 << 30)
SIZED = "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    add(home, "task-1", Queued(NOON))
    return home


def at_a_terminal(home: Home, *words: str) -> "pexpect.spawn[str]":
    program, *rest = [sys.executable, str(ROOT / "orchestrator.py"), "--home", str(home.root), "attach", *words]
    return pexpect.spawn(program, rest, env=environment(home), encoding="utf-8", timeout=20)


def ended(child: "pexpect.spawn[str]") -> tuple[int | None, str]:
    """Its exit code and all it said."""
    said = child.read()
    child.close()
    return child.exitstatus, said


# --- let in, or not ---------------------------------------------------------------------------------


def test_without_a_terminal_nobody_is_let_in(home: Home) -> None:
    with daemon(home) as asked:
        refused = run(home, "attach", "task-1")
    assert (refused.returncode, refused.stderr) == (3, "attach needs a terminal; run it in one, without pipes\n")
    assert asked == []


def test_without_a_daemon_there_is_no_way_to_a_model(home: Home) -> None:
    code, said = ended(at_a_terminal(home, "task-1"))
    assert code == 3 and "no daemon runs" in said and "`dayshift start` first" in said


def test_an_unknown_task_is_wrong_input(home: Home) -> None:
    assert run(home, "attach", "nobody").returncode == 2


def test_the_wish_says_what_is_wanted_and_is_withdrawn_with_the_refusal_said(home: Home) -> None:
    def refuses(content: dict[str, Any]) -> tuple[list[str], bool]:
        assert locks.is_locked(home.visitor("task-1"))
        return ["task-1 is done"], False

    with daemon(home, refuses) as asked:
        code, said = ended(at_a_terminal(home, "task-1", "--keep"))
    assert (code, said.strip()) == (2, "task-1 is done")
    assert asked == [{"kind": "attach", "task": "task-1", "keep": True, "terminal": "xterm"}]
    assert list(home.inbox.iterdir()) == [] and not locks.is_locked(home.visitor("task-1"))


def test_only_one_is_let_in_and_another_hears_who_that_is(home: Home) -> None:
    with daemon(home):
        first = at_a_terminal(home, "task-1")
        first.expect("comes to rest")
        code, said = ended(at_a_terminal(home, "task-1"))
        assert code == 2 and "attached already, on /dev/pts/" in said and f"process {first.pid}" in said
        first.sendcontrol("c")
        assert ended(first)[0] == 130
    assert inbox.pending(home) == []  # whoever gives up leaves no wish for a later daemon


def test_a_daemon_that_dies_over_a_wish_is_noticed(home: Home) -> None:
    with daemon(home):
        waiting = at_a_terminal(home, "task-1")
        waiting.expect("comes to rest")
    code, said = ended(waiting)
    assert code == 3 and "no daemon runs" in said


@pytest.mark.parametrize("keys", [b"\x1a", b"\x1b[122;5u", b"\x1b[27;5;122~"])
def test_nothing_suspends_a_session_that_no_shell_could_bring_back(keys: bytes) -> None:
    assert SUSPEND.sub(b"", b"a" + keys + b"\x03\x04\x1b[A\x1d") == b"a\x03\x04\x1b[A\x1d"


# --- what the CLI is told ---------------------------------------------------------------------------


@pytest.mark.parametrize("known", [{}, [], None, {"projects": 3}, {"projects": {"/w/repo": "x"}, "theme": "light"}])
def test_first_screens_are_answered_whatever_an_agent_made_of_the_notes(known: object) -> None:
    facts = claude_code.acquainted(known, [Path("/w"), Path("/w/repo")])
    assert facts["hasCompletedOnboarding"] is True
    assert {place for place, each in facts["projects"].items() if each["hasTrustDialogAccepted"]} == {"/w", "/w/repo"}
    assert facts.get("theme") == ("light" if isinstance(known, dict) and "theme" in known else None)
    key = claude_code.environment(8000, subscription=False)["ANTHROPIC_API_KEY"]
    assert facts["customApiKeyResponses"]["approved"] == [key[-20:]]


def test_on_a_terminal_the_cli_gets_what_it_gets_without_one() -> None:
    given = (Path("/claude"), "session", True, "sonnet", ["Bash", "Read"], [Path("/w")])
    headless, interactive = claude_code.command(*given), claude_code.interactive(*given)
    shared = headless[headless.index("--setting-sources") :]
    assert interactive == [
        "/claude",
        "--resume",
        "session",
        "--model",
        "sonnet",
        "--permission-mode",
        "default",
        *shared,
    ]
    assert "--tools" in shared and "--strict-mcp-config" in shared and "--add-dir" in shared


# --- a holder on a terminal -------------------------------------------------------------------------


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "runs" / "1")
    yield spool
    spool.stop()
    spool.reap(str(spool.folder))


@pytest.fixture(params=["bare", "boxed"])
def command(request: pytest.FixtureRequest, place: Workspace) -> Callable[[str], list[str]]:
    """The script without a sandbox and in the one an agent gets."""
    sandbox = Sandbox(place.folder, place.repo, place.project.common_dir, place.home, {"PATH": "/usr/bin:/bin"})
    shells = {"bare": list, "boxed": lambda words: sandbox.argv(words, status=True)}
    return lambda script: shells[request.param](["/bin/bash", "-c", script])


def shown(spool: Spool, argv: list[str]) -> "pexpect.spawn[str]":
    """The run on a terminal of 40 by 100, as `attach` starts it."""
    spool.order(argv, {MARK: str(spool.folder)}, "", spool.folder / "screen", 60, PLENTY, spool.folder, terminal=True)
    program, *words = spool.holder_argv
    return pexpect.spawn(program, words, env={}, dimensions=(40, 100), timeout=20, encoding="utf-8")


def end_of(spool: Spool) -> tuple[int | None, str]:
    deadline = time.monotonic() + 15
    while (found := spool.ended()) is None:
        assert time.monotonic() < deadline, "it never ended"
        time.sleep(0.01)
    return found.code, found.how


def test_a_run_on_a_terminal_has_its_size_and_its_end(spool: Spool, command: Callable[[str], list[str]]) -> None:
    child = shown(spool, command(SIZED))
    child.expect("40 100")
    assert spool.alive
    child.setwinsize(25, 70)
    child.expect("25 70")
    child.close(force=False)  # the terminal is gone: so is everything on it
    assert end_of(spool)[1] == "stopped"
    assert spool.reap(str(spool.folder)) == 0


def test_what_is_typed_goes_in_and_the_exit_code_comes_out(spool: Spool, command: Callable[[str], list[str]]) -> None:
    child = shown(spool, command("read word; echo heard $word; exit 7"))
    child.sendline("something")
    child.expect("heard something")
    child.expect(pexpect.EOF)
    child.close()
    assert end_of(spool) == (7, "exited")


def test_nothing_is_left_when_the_one_who_shows_it_is_killed(spool: Spool, command: Callable[[str], list[str]]) -> None:
    script = "import pexpect, sys; pexpect.spawn(sys.argv[1], sys.argv[2:], env={}).expect('40|24')"
    spool.order(
        command(SIZED), {MARK: str(spool.folder)}, "", spool.folder / "screen", 60, PLENTY, spool.folder, terminal=True
    )
    shower = pexpect.spawn(sys.executable, ["-c", f"{script}; print('on'); input()", *spool.holder_argv], timeout=20)
    shower.expect("on")
    shower.kill(signal.SIGKILL)
    assert end_of(spool)[1] == "stopped"
    assert spool.reap(str(spool.folder)) == 0
    shower.close()


def test_a_run_that_was_forestalled_is_never_begun_on_a_terminal(spool: Spool) -> None:
    assert spool.forestall()
    child = shown(spool, ["/bin/echo", "begun"])
    assert "begun" not in child.read()
    child.close()
    assert child.exitstatus == USED
