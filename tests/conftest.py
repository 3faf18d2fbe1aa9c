"""What every test stands on: a made-up home, no credentials, no network but loopback, a git identity."""

import asyncio
import ipaddress
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from dayshift.claude import claude_binary
from dayshift.rehearsing.rehearsal import Rehearsal
from dayshift.repository import commits, git, workspace
from tests import forked

SECRET = ("DAYSHIFT_", "ANTHROPIC_", "CLAUDE_", "TELEGRAM_", "DISCORD_", "GIT_")
WHO = {f"GIT_{role}_{fact}": value for role in ("AUTHOR", "COMMITTER")
       for fact, value in (("NAME", "A Person"), ("EMAIL", "person@example.org"))}  # fmt: skip

# How long a busy machine takes says nothing about the program.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The torture goes first: it takes minutes, which the other workers are to use."""
    items.sort(key=lambda item: item.path.name != "test_torture.py")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A HOME of the test's own, nobody's settings or credentials, a person who commits."""
    for name in os.environ:
        if name.startswith(SECRET):
            monkeypatch.delenv(name)
    own = {"HOME": str(tmp_path_factory.mktemp("home")), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for name, value in {**own, **WHO}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def neighbours() -> Iterator[None]:
    """A test that ends processes which it did not start fails, not one that comes after it."""
    yield
    assert forked.sources_live(), "this test ended a process that all tests share"


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """Whatever tries to leave this machine fails its test."""

    def guarded(real: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            inside = self.family == socket.AF_UNIX or address[0] == "localhost"
            assert inside or ipaddress.ip_address(address[0]).is_loopback, f"a test tried to reach {address}"
            return real(self, address)

        return connect

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        yield


@pytest.fixture(scope="session")
def pinned_cli() -> Path:
    """The CLI this release is tested with."""
    cli = claude_binary.bundled()
    if cli is None:
        pytest.skip("the CLI is not installed: pip install 'dayshift[cli]'")
    return cli


@pytest.fixture
def project(tmp_path: Path) -> git.Repository:
    """A person's repository with two commits on `main`."""
    folder = tmp_path / "shop"
    (folder / "src").mkdir(parents=True)
    for words in (["init", "-q", "-b", "main"], ["config", "user.name", "A Person"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    for text in ("ORDERS = []\n", "ORDERS = []\n\n\ndef page():\n    return ORDERS\n"):
        (folder / "src" / "orders.py").write_text(text)
        (folder / "README.md").write_text("# Shop\n")
        subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
        subprocess.run(["git", "commit", "-q", "-m", "words"], cwd=folder, check=True)
    return git.find(folder)


@pytest.fixture
def place(project: git.Repository, tmp_path: Path) -> workspace.Workspace:
    """An agent's workspace, made from the project's HEAD."""
    made = workspace.Workspace(tmp_path / "agent_workspaces" / "task-1", project)
    made.make(commits.head(project))
    return made


async def stopped(server: Rehearsal) -> None:
    """End the scripted model and let go of every request it still holds."""
    await server.stop()
    held = asyncio.all_tasks() - {asyncio.current_task()}
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
