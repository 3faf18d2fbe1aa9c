"""The systemd unit: what it says, that systemd takes it, and that a change by hand is seen."""

import shutil
import subprocess
from pathlib import Path

import pytest

from dayshift.host import unit_file

COMMAND = ["/opt/tools/bin/python", "/opt/dayshift/orchestrator.py", "--home", "/home/p/work", "start", "--stay"]
KEYS = Path("/home/p/.config/dayshift/environment")


def text(**other: str) -> str:
    home = other.get("home", "/home/p/work")
    command = [home if word == "/home/p/work" else word for word in COMMAND]
    return unit_file.render(command, Path(home), KEYS, other.get("path", "/usr/local/bin:/usr/bin"))


def value(unit: str, key: str) -> str:
    return next(line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}="))


def test_a_unit_starts_a_daemon_that_stays_and_ends_it_alone() -> None:
    unit = text()
    assert value(unit, "ExecStart") == " ".join(f'"{word}"' for word in COMMAND)
    assert value(unit, "KillMode") == "process"  # holders outlive a daemon that crashed
    assert int(value(unit, "TimeoutStopSec")) > 15
    assert value(unit, "RestartPreventExitStatus") == "2"
    assert value(unit, "OOMPolicy") == "continue"
    assert value(unit, "EnvironmentFile") == f"-{KEYS}"
    assert value(unit, "Environment") == '"PATH=/usr/local/bin:/usr/bin"'


def test_every_home_has_a_unit_of_its_own_with_a_name_one_can_read() -> None:
    names = [
        unit_file.name(Path(each)) for each in ("/home/p/work", "/srv/work", "/srv/my work%h;x", "/", "/" + "a" * 200)
    ]
    assert len(set(names)) == len(names)
    assert names[0].startswith("dayshift-work-") and names[2].startswith("dayshift-my-work-h-x-")
    assert all(len(name) < 80 and name.endswith(".service") for name in names)


@pytest.mark.parametrize("edit", [
    lambda unit: unit.replace("RestartSec=5", "RestartSec=50"),
    lambda unit: unit + "Environment=A=B\n",
    lambda unit: unit.replace("KillMode=process\n", ""),
])  # fmt: skip
def test_a_change_by_hand_is_seen(edit) -> None:  # type: ignore[no-untyped-def]
    assert unit_file.is_ours(text()) and unit_file.is_untouched(text())
    assert unit_file.is_ours(edit(text())) and not unit_file.is_untouched(edit(text()))


def test_a_unit_of_somebody_else_is_not_ours() -> None:
    assert not unit_file.is_ours("[Service]\nExecStart=/bin/true\n")
    assert not unit_file.is_untouched("[Service]\nExecStart=/bin/true\n")


@pytest.mark.parametrize("home", ["/home/p/a\nExecStartPre=/bin/false", "/home/p/\x1b[2J", "/home/p/\udcff"])
def test_a_path_that_no_unit_can_hold_is_refused(home: str) -> None:
    with pytest.raises(unit_file.Unwritable, match="no unit file can hold"):
        text(home=home)


def test_a_program_that_systemd_does_not_start_is_refused() -> None:
    with pytest.raises(unit_file.Unwritable, match="quotes or backslashes"):
        unit_file.render(["/opt/a'b/python"], Path("/home/p"), KEYS, "/usr/bin")


@pytest.mark.parametrize(
    "folder", ["plain", "with space", "100%h", 'a"b', "back\\slash", "do$HOME", "brackets[1]*?", "ü"]
)
def test_systemd_reads_any_path_as_it_is(tmp_path: Path, folder: str) -> None:
    """Verified by systemd itself: no warning, and a program that is missing is named by its true path."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    home = tmp_path / folder
    tools = tmp_path / "tools" if set(folder) & unit_file.NOT_IN_A_PROGRAM else home / "tools"
    for each in (home, tools):
        each.mkdir(exist_ok=True)
    program = tools / "python"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / unit_file.name(home)
    unit.write_text(unit_file.render([str(program), "--home", str(home)], home, home / "keys", f"{tools}:/usr/bin"))
    environment = {"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}

    def said() -> str:
        done = subprocess.run(["systemd-analyze", "--user", "verify", str(unit)], capture_output=True, text=True,
                              check=False, env=environment, timeout=60)  # fmt: skip
        return "\n".join(line for line in done.stderr.splitlines() if unit.name in line or str(tmp_path) in line)

    assert said() == ""
    program.unlink()
    assert str(program) in said()


@pytest.mark.parametrize(("environment", "holds"), [
    (unit_file.KEYS, False),
    ("ANTHROPIC_API_KEY=\n", False),
    ("ANTHROPIC_API_KEY=sk-1\n", True),
    ("# words\nCLAUDE_CODE_OAUTH_TOKEN='token'\n", True),
    ("OTHER=ANTHROPIC_API_KEY=1\n", False),
])  # fmt: skip
def test_whether_there_is_a_key_is_told_from_the_environment_file(environment: str, holds: bool) -> None:
    assert unit_file.holds_a_key(environment) is holds
