"""What bad input and a wrong environment get: one clear message, the documented exit code, nothing changed on disk."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dayshift import locks
from tests.person.conftest import Person

INPUT, ENVIRONMENT = 2, 3

ONE = {"id": "one"}


def refused(person: Person, code: int, *words: str, day: Path, start: tuple[str, ...] = ("--rehearse",)) -> str:
    """Start that day: it ends with the code, says all these words, leaves home and project as they were."""
    before = person.digest()
    result = person.run("start", day, *start)
    assert result.returncode == code, result
    assert "Traceback" not in result.stderr
    for each in words:
        assert each in result.stderr
    assert person.digest() == before
    return str(result.stderr)


# --- the day file ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"id": "../one"}, ("day.yaml:3", "tasks[0].id", "is no task id", "lower-case letters")),
        ({"id": "one", "model": "sonet"}, ("tasks[0].model", "sonet")),
        (
            {"id": "one", "context_files": ["docs/absent.md"]},
            ("context_files[0]", "there is no file", "make it, or depend"),
        ),
        (
            {"id": "one", "context_files": ["new.md"]},
            ("one: new.md is not committed", "agents start from the last commit"),
        ),
    ],
    ids=["an id that leads away", "unknown model", "absent context file", "context file not committed"],
)
def test_a_wrong_task_is_named_with_its_place_and_cure(
    person: Person, task: dict[str, str], words: tuple[str, ...]
) -> None:
    (person.project / "new.md").write_text("Not committed yet.\n")
    refused(person, INPUT, *words, day=person.day(task))


def test_two_tasks_of_one_id_are_named_with_both_lines(person: Person) -> None:
    refused(person, INPUT, "`one` names two tasks, in line 3 and line 6; rename one", day=person.day(ONE, ONE))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\ntasks: []\n", ("day.yaml:1", "anchor")),
        (b"#" * 300 * 1024, ("day.yaml", "larger than 256 KiB", "give a text file")),
        (b"date: 2026-11-20\0\n", ("day.yaml", "binary", "give a text file")),
        (b"tasks: [\n", ("day.yaml:2",)),
        (b"", ("day.yaml", "date", "tasks")),
    ],
    ids=["YAML bomb", "300 KiB", "binary", "torn", "empty"],
)
def test_a_file_that_is_no_day_file_is_refused(person: Person, content: bytes, words: tuple[str, ...]) -> None:
    path = person.folder / "day.yaml"
    path.write_bytes(content)
    refused(person, INPUT, *words, day=path)


def test_a_day_file_that_does_not_exist_is_named(person: Person) -> None:
    refused(person, INPUT, "no-such-day.yaml: there is no such file; check the path", day=Path("no-such-day.yaml"))


# --- the project -------------------------------------------------------------------------------------


def test_a_project_that_is_no_git_repository(person: Person) -> None:
    shutil.rmtree(person.project / ".git")
    refused(person, INPUT, f"{person.project} is not in a git repository", "run `git init` there", day=person.day(ONE))


def test_a_project_without_a_commit(person: Person) -> None:
    shutil.rmtree(person.project / ".git")
    subprocess.run(["git", "init", "-q"], cwd=person.project, check=True)
    refused(person, INPUT, f"{person.project} has no commit yet; make a first one", day=person.day(ONE))
    assert person.run("check", "day.yaml").returncode == INPUT


def test_a_project_that_does_not_exist(person: Person) -> None:
    day = person.day(ONE, project="../nowhere")
    refused(person, INPUT, "day.yaml:2: project: there is no folder", "set `project:`", day=day)


# --- the config --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("orchestrator.yaml", "max_agnts: 3\n", ("orchestrator.yaml:1", "max_agnts", "did you mean `max_agents`?")),
        ("orchestrator.yaml", "budget: [\n", ("orchestrator.yaml:2",)),
        ("policy.yaml", "rules: 7\n", ("policy.yaml: rules",)),
        (
            "agent_instructions.md",
            "Do {{ tsak.name }}\n",
            ("agent_instructions.md:1", "'tsak' is undefined", "mend it"),
        ),
        ("agent_instructions.md", "{% if %}\n", ("agent_instructions.md:1", "cannot be filled in")),
    ],
    ids=["unknown key", "torn settings", "broken policy", "unknown name in the template", "torn template"],
)
@pytest.mark.parametrize("command", ["start", "check"])
def test_a_broken_config_file_is_refused_before_anything_runs(
    person: Person, command: str, name: str, content: str, words: tuple[str, ...]
) -> None:
    person.home.config.mkdir(parents=True)
    (person.home.config / name).write_text(content)
    day, before = person.day(ONE), person.digest()
    result = person.run(command, day, *(["--rehearse"] if command == "start" else []))
    assert result.returncode == INPUT, result
    for each in words:
        assert each in result.stderr
    assert person.digest() == before


# --- the environment ---------------------------------------------------------------------------------


def test_without_a_key_both_ways_to_go_on_are_named(person: Person) -> None:
    words = ("no key", "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "--rehearse")
    refused(person, ENVIRONMENT, *words, day=person.day(ONE), start=())


def program(folder: Path, name: str, text: str) -> Path:
    """An executable shell script."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_cli_whose_hooks_cannot_block_is_too_old(person: Person) -> None:
    old = program(person.folder, "claude", "echo '2.1.200 (Claude Code)'")
    person.variables["DAYSHIFT_AGENT__CLI"] = str(old)
    refused(person, ENVIRONMENT, f"{old} is version 2.1.200; 2.1.295 or newer is needed", day=person.day(ONE))


@pytest.mark.parametrize("make", [None, "echo hello"], ids=["absent", "another program"])
def test_a_configured_cli_that_is_none(person: Person, make: str | None) -> None:
    path = program(person.folder, "claude", make) if make else person.folder / "claude"
    person.variables["DAYSHIFT_AGENT__CLI"] = str(path)
    refused(person, ENVIRONMENT, f"{path} is not a Claude Code CLI", "set agent.cli", day=person.day(ONE))


def path_without(person: Person, *names: str) -> Path:
    """A folder for PATH with everything that is on it now, but for these."""
    folder = person.folder / "bin"
    folder.mkdir()
    for place in reversed(os.environ["PATH"].split(":")):
        for found in Path(place).glob("*") if Path(place).is_dir() else ():
            if found.name not in names:
                (folder / found.name).unlink(missing_ok=True)
                (folder / found.name).symlink_to(found)
    return folder


def test_without_bubblewrap_the_sandbox_is_not_replaced_by_nothing(person: Person) -> None:
    person.variables["PATH"] = str(path_without(person, "bwrap"))
    refused(person, ENVIRONMENT, "bwrap is missing; install it with `apt-get install bubblewrap`", day=person.day(ONE))


def test_with_user_namespaces_off_the_cure_is_named(person: Person, pinned_cli: Path) -> None:
    folder = path_without(person, "bwrap")
    program(folder, "bwrap", "echo 'bwrap: No permissions to create new namespace' >&2; exit 1")
    person.variables["PATH"] = str(folder)
    cures = ("user namespaces are", "or set `sandbox: none`")
    refused(person, ENVIRONMENT, "sandbox starts: bwrap: No permissions", *cures, day=person.day(ONE))


def test_a_start_in_the_background_that_fails_says_why(person: Person, pinned_cli: Path) -> None:
    folder = path_without(person, "bwrap")
    program(folder, "bwrap", "echo 'bwrap: No permissions to create new namespace' >&2; exit 1")
    person.variables["PATH"] = str(folder)
    result = person.run("start", person.day(ONE), "--rehearse", "--detach")
    assert result.returncode == ENVIRONMENT
    assert "sandbox starts" in result.stderr and "or set `sandbox: none`" in result.stderr
    assert person.run("status").stdout.startswith("daemon: not running")


def test_a_full_disk_is_found_before_the_day_begins(person: Person, pinned_cli: Path) -> None:
    """The home lies on a file system of 8 MiB, in a mount namespace of this one process."""
    mount = 'mount -t tmpfs -o size=8m none "$0" && { "$@"; code=$?; ls -A "$0"; exit $code; }'
    in_little_room = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(person.home.root)]
    person.home.root.mkdir()
    if subprocess.run([*in_little_room, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount a small file system in a user namespace")
    result = person.run("start", person.day(ONE), "--rehearse", wrapped_in=in_little_room)
    assert result.returncode == ENVIRONMENT
    assert f"MiB are free at {person.home.root}; 512 MiB are needed" in result.stderr
    assert "make room" in result.stderr
    assert result.stdout == ""  # nothing was said there, and nothing lies in the home


# --- what an earlier daemon left ---------------------------------------------------------------------


@pytest.mark.parametrize("torn", [b"", b'{"pid": 47', b"[]"], ids=["empty", "cut", "another shape"])
def test_torn_facts_of_a_daemon_that_is_gone_stop_nobody(person: Person, torn: bytes) -> None:
    person.home.own.mkdir(parents=True)
    person.home.daemon_facts.write_bytes(torn)
    assert person.run("status").stdout.startswith("daemon: not running")
    refused(person, ENVIRONMENT, "no key", day=person.day(ONE), start=())


def test_nothing_is_handed_over_to_a_daemon_nobody_knows(person: Person) -> None:
    """A rehearsal handed to a real day would cost real money, so who cannot be told is asked for nothing."""
    person.home.make_folders()
    day = person.day(ONE)
    with locks.lock(person.home.daemon_lock):
        person.home.daemon_facts.write_bytes(b'{"pid": 47')
        for mode in ((), ("--rehearse",)):
            refused(person, ENVIRONMENT, "daemon.json", "dayshift stop", day=day, start=mode)
