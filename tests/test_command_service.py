"""`service`: the unit is written, enabled and started by systemd's own program; nothing a person wrote is lost."""

import json
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dayshift import files, locks
from dayshift.home import Home
from dayshift.host import unit_file
from tests.bygone import Said, asked

ROOT = Path(__file__).parent.parent

#: Does what systemctl would say and leave behind, and writes down what it was told.
STAND_IN = """#!/bin/sh
echo "$*" >> "$STATE/calls"
[ ! -e "$STATE/no-bus" ] || { echo 'Failed to connect to bus: No medium found' >&2; exit 1; }
case "$2" in
    enable) touch "$STATE/enabled" ;;
    start) touch "$STATE/active" ;;
    disable) rm -f "$STATE/enabled" "$STATE/active" ;;
    is-enabled) [ -e "$STATE/enabled" ] && echo enabled || { echo disabled; exit 1; } ;;
    is-active) [ -e "$STATE/active" ] && echo active || { echo inactive; exit 3; } ;;
    show) [ -e "$STATE/active" ] && echo 4711 || echo 0 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Login:
    """A person's account with a home of dayshift, and a systemd that writes down what it is told."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "my work"

    @property
    def unit(self) -> Path:
        return self.folder / "config" / "systemd" / "user" / unit_file.name(self.home)

    @property
    def keys(self) -> Path:
        return self.folder / "config" / "dayshift" / "environment"

    @property
    def calls(self) -> list[str]:
        """What systemctl was told since this was last asked, the unit's name left out."""
        place = self.folder / "state" / "calls"
        told = place.read_text().splitlines() if place.exists() else []
        place.unlink(missing_ok=True)
        return [call.removeprefix("--user ").replace(self.unit.name, "UNIT") for call in told]

    def run(self, *words: str, systemd: bool = True) -> Said:
        path = f"{self.folder / 'bin'}:/usr/bin:/bin" if systemd else str(self.folder / "empty")
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (("PATH", path), ("HOME", self.folder), ("XDG_CONFIG_HOME", self.folder / "config"),
                                ("STATE", self.folder / "state")):  # fmt: skip
                patch.setenv(name, str(value))
            patch.setattr(sys, "argv", [str(ROOT / "orchestrator.py")])
            return asked(Home(self.home), "service", *words)


@pytest.fixture
def login(tmp_path: Path) -> Login:
    login = Login(tmp_path)
    for each in ("bin", "state", "my work/config"):
        (tmp_path / each).mkdir(parents=True)
    (login.home / "config" / "orchestrator.yaml").write_text("{}\n")
    (tmp_path / "bin" / "systemctl").write_text(STAND_IN)
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    return login


def give_key(login: Login) -> None:
    login.keys.parent.mkdir(parents=True)
    login.keys.write_text("ANTHROPIC_API_KEY=sk-ant-secret\n")
    login.keys.chmod(0o600)


def test_a_service_is_installed_shown_and_removed(login: Login) -> None:
    give_key(login)
    installed = login.run("install")
    assert installed.returncode == 0, installed
    assert login.calls == ["daemon-reload", "enable UNIT", "start UNIT"]
    unit = login.unit.read_text()
    assert "sk-ant-secret" not in unit + installed.stdout
    assert f'"{ROOT / "orchestrator.py"}" "--home" "{login.home}" "start" "--stay"' in unit
    assert f"EnvironmentFile=-{login.keys}" in unit

    shown = json.loads(login.run("status", "--json").stdout)
    assert (shown["enabled"], shown["active"], shown["pid"], shown["has_key"]) == ("enabled", "active", 4711, True)
    assert not shown["changed_by_hand"]
    assert "active: active, pid 4711" in login.run("status").stdout
    assert login.calls

    assert login.run("remove").returncode == 0
    assert login.calls == ["disable --now UNIT", "daemon-reload"]
    assert not login.unit.exists()
    assert login.keys.read_text() == "ANTHROPIC_API_KEY=sk-ant-secret\n"  # keys stay
    assert "there is no service" in login.run("remove").stdout
    assert "no service is installed" in login.run("status").stdout


def test_without_a_key_a_place_for_it_is_made_and_nothing_is_started(login: Login) -> None:
    installed = login.run("install")
    assert installed.returncode == 0, installed
    assert login.calls == ["daemon-reload", "enable UNIT"]
    assert stat.S_IMODE(login.keys.stat().st_mode) == 0o600
    assert "no key in it yet" in installed.stdout and "systemctl --user start" in installed.stdout


def test_keys_that_others_may_read_are_warned_of_and_left_as_they_are(login: Login) -> None:
    give_key(login)
    login.keys.chmod(0o644)
    assert "chmod 600" in login.run("install", "--no-start").stderr
    assert stat.S_IMODE(login.keys.stat().st_mode) == 0o644


def test_a_unit_that_was_changed_by_hand_is_neither_overwritten_nor_removed(login: Login) -> None:
    give_key(login)
    login.run("install")
    assert login.run("install").returncode == 0  # the same again is no change
    changed = login.unit.read_text().replace("RestartSec=5", "RestartSec=50")
    login.unit.write_text(changed)
    assert json.loads(login.run("status", "--json").stdout)["changed_by_hand"]
    for command in ("install", "remove"):
        refused = login.run(command)
        assert refused.returncode == 2 and "was changed by hand" in refused.stderr and "--force" in refused.stderr
        assert login.unit.read_text() == changed
    login.unit.write_text("[Service]\nExecStart=/bin/true\n")
    assert "was not written by dayshift" in login.run("remove").stderr
    assert login.run("install", "--force").returncode == 0
    assert "RestartSec=5\n" in login.unit.read_text()


def test_without_systemd_the_commands_are_said(login: Login) -> None:
    for words, systemd in ((["install"], False), (["install", "--no-start"], True)):
        said = login.run(*words, systemd=systemd)
        assert said.returncode == 0, said
        assert f"systemctl --user daemon-reload && systemctl --user enable --now {login.unit.name}" in said.stdout
    assert login.calls == []
    assert login.run("status", systemd=False).returncode == 0
    assert login.run("remove", systemd=False).returncode == 0
    assert not login.unit.exists()


def test_what_systemd_refuses_is_said_in_its_words(login: Login) -> None:
    give_key(login)
    (login.folder / "state" / "no-bus").touch()
    refused = login.run("install")
    assert refused.returncode == 3
    assert "systemctl --user daemon-reload: Failed to connect to bus" in refused.stderr
    assert "loginctl enable-linger" in refused.stderr
    assert login.unit.exists()
    removed = login.run("remove")
    assert removed.returncode == 0 and "Failed to connect to bus" in removed.stderr
    assert not login.unit.exists()


def test_a_daemon_that_was_started_by_hand_is_not_disturbed(login: Login) -> None:
    give_key(login)
    own = login.home / ".dayshift"
    own.mkdir()
    with locks.lock(own / "daemon.lock"):
        files.write_json(own / "daemon.json", {"pid": os.getpid(), "started_at": None, "rehearsal": False})
        installed = login.run("install")
        assert f"a daemon runs here already (pid {os.getpid()})" in installed.stdout
        assert "start UNIT" not in login.calls
        assert f"started by hand runs (pid {os.getpid()})" in login.run("status").stdout


def test_what_is_no_home_gets_no_service(login: Login) -> None:
    (login.home / "config" / "orchestrator.yaml").unlink()
    refused = login.run("install")
    assert refused.returncode == 2 and "dayshift init" in refused.stderr
    assert not login.unit.exists()
