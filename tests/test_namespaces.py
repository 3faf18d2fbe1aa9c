"""Machines that let nobody make a user namespace: what is said, and that no day is started there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dayshift.home import Home
from dayshift.repository import git
from dayshift.sandboxing import namespaces
from tests.command_line import ROOT, environment

SWITCHED_OFF = {
    "kernel/unprivileged_userns_clone": ("0", "kernel.unprivileged_userns_clone=1"),
    "user/max_user_namespaces": ("0", "user.max_user_namespaces=15000"),
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "kernel.apparmor_restrict_unprivileged_userns=0"),
}


@pytest.mark.parametrize(("switch", "value", "cure"), [(name, *rest) for name, rest in SWITCHED_OFF.items()])
def test_each_switch_is_named_with_its_cure(tmp_path: Path, switch: str, value: str, cure: str) -> None:
    (tmp_path / switch).parent.mkdir()
    (tmp_path / switch).write_text(value + "\n")
    first, *rest = namespaces.cures(tmp_path)
    assert cure in first and rest == [namespaces.BY_HAND]


def test_where_no_switch_tells_why_the_container_is_suspected(tmp_path: Path) -> None:
    assert namespaces.cures(tmp_path) == [namespaces.UNKNOWN, namespaces.BY_HAND]


@pytest.mark.parametrize(("system", "said"), [("Linux", ""), ("Darwin", "macOS has no"), ("Windows", "Windows has no")])
def test_other_systems_are_refused_by_name(system: str, said: str) -> None:
    assert "".join(namespaces.unsupported(system)).startswith(said)
    assert bool(namespaces.unsupported(system)) == bool(said)


def forbidden_namespaces(home: Home, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command in a namespace whose kernel refuses every further one."""
    program = [sys.executable, str(ROOT / "orchestrator.py"), "--home", str(home.root), *words]
    script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    return subprocess.run(["unshare", "-Ur", "sh", "-c", script, "sh", *program], capture_output=True, text=True,
                          env=environment(home), cwd=home.root.parent, timeout=60, check=False)  # fmt: skip


def test_where_the_kernel_refuses_namespaces_doctor_says_so_and_no_day_is_started(
    tmp_path: Path, project: git.Repository, pinned_cli: Path
) -> None:
    home = Home(tmp_path / "home")
    home.config.mkdir(parents=True)
    (home.config / "orchestrator.yaml").write_text(f"project: {project.work_tree}\n")
    ended = forbidden_namespaces(home, "doctor", "--json")
    points = {point["name"]: point for point in json.loads(ended.stdout)}
    assert (ended.returncode, points["sandbox starts"]["ok"]) == (3, False), ended.stderr
    assert "user.max_user_namespaces=15000" in points["sandbox starts"]["found"]
    day = tmp_path / "today.yaml"
    day.write_text("date: 2026-11-20\ntasks: [{id: a, name: A, description: words}]\n")
    refused = forbidden_namespaces(home, "start", str(day), "--rehearse", "--once")
    assert refused.returncode == 3 and "sandbox: none" in refused.stderr, refused.stderr
    assert not list(home.status.glob("*.json"))
