"""The proof before the trust: inside the very sandbox an agent gets, everything forbidden is tried and must fail."""

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dayshift import claude_code, git, workspace
from dayshift.exchange import Upstream
from dayshift.gateway import Gateway
from dayshift.messages import UsageReader
from dayshift.meter import Refusal
from dayshift.model import Doubtful, Usage
from dayshift.rehearsal import Rehearsal
from dayshift.sandbox import SOCKET_NAME, Sandbox
from dayshift.script import parse_turns

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Layer:
    """One protection: what was tried, whether it held, what was seen."""

    name: str
    held: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What is put to the test."""

    cli: Path
    read_only: tuple[Path, ...]
    path: str


async def prove(subject: Subject) -> list[Layer]:
    """Every layer, tried in a throw-away repository. A sandbox that does not start at all is one layer that fails."""
    with tempfile.TemporaryDirectory(prefix="dayshift-selftest-") as folder:
        trial = _Trial(Path(folder), subject)
        trial.lay_out()
        starts = await trial.inside("true")
        if starts.returncode != 0:
            return [
                Layer("sandbox starts", False, starts.stderr.strip() or f"bubblewrap ended with {starts.returncode}")
            ]
        with trial.listening() as (port, unix):
            attempts = [await trial.attempt(name, script) for name, script in _attempts(trial, port, unix).items()]
        return [
            Layer("sandbox starts", True, "as uid 1000, without capabilities"),
            *attempts,
            await trial.hook_denial(),
        ]


def _attempts(trial: "_Trial", port: int, unix: Path) -> dict[str, str]:
    """Shell scripts that exit 0 if they got out. What they reach for is really there, as the host can see."""
    git_dir = trial.project / ".git"
    return {
        "git directory is read-only": f"git update-ref refs/heads/escaped HEAD || echo x > {git_dir}/escaped",
        "the worktree's .git file is fixed": f"echo x > {trial.place.repo}/.git || rm {trial.place.repo}/.git",
        "no network": f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'",
        "no host socket": f"echo | socat -t1 - UNIX-CONNECT:{unix}",
        "no folder of the host is writable": f"echo x > {trial.folder}/outside/escaped || echo x > /usr/escaped",
        "no capability, no new namespace": "unshare -Ur true || mount -t tmpfs none /mnt",
    }


class _Trial:
    """A throw-away project with one worktree, and the sandbox round it."""

    def __init__(self, folder: Path, subject: Subject) -> None:
        self.folder, self.subject, self.project = folder, subject, folder / "project"

    def lay_out(self) -> None:
        """A repository with one commit, a workspace, the managed settings, a folder nobody inside may see."""
        for name in ("project", "outside", "sockets", "managed"):
            (self.folder / name).mkdir()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["git", "init", "-q", str(self.project)], check=True, process_group=0, **quiet)  # type: ignore[call-overload]
        repository = git.find(self.project)
        tree = repository.text("write-tree")
        commit = repository.text("commit-tree", tree, "-m", "a commit to start from")
        self.place = workspace.Workspace(self.folder / "workspaces" / "selftest", repository)
        self.place.make(commit)
        (self.folder / "managed" / "managed-settings.json").write_text(json.dumps(claude_code.managed_settings()))

    def sandbox(self, with_cli: bool) -> Sandbox:
        """The surroundings an agent gets."""
        words = claude_code.environment(1024, subscription=False) if with_cli else {}
        return Sandbox(
            workspace=self.place.folder, repo=self.place.repo, git_dir=self.place.project.common_dir,
            home=self.place.home,
            environment={"PATH": self.subject.path, **words}, read_only=self.subject.read_only,
            read_only_at={claude_code.INSIDE: self.subject.cli} if with_cli else {},
            sockets=self.folder / "sockets" if with_cli else None, managed=self.folder / "managed",
        )  # fmt: skip

    async def inside(self, script: str) -> subprocess.CompletedProcess[str]:
        """The script's end, run by a shell in the sandbox."""
        return await self._run(self.sandbox(False).argv(["/bin/sh", "-c", script]))

    async def _run(self, argv: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            argv,
            capture_output=True,
            text=True,
            check=False,
            env={},
            input=text,
            timeout=SECONDS,
            process_group=0,  # Ctrl-C is for the supervisor alone
        )

    async def attempt(self, name: str, script: str) -> Layer:
        """Try to get out; held if that failed."""
        ended = await self.inside(script)
        seen = ended.stderr.strip().splitlines()
        return Layer(name, ended.returncode != 0, seen[0] if seen else f"exit {ended.returncode}")

    @contextlib.contextmanager
    def listening(self) -> Iterator[tuple[int, Path]]:
        """A TCP and a unix socket on the host that anybody outside the sandbox could reach."""
        path = self.folder / "outside" / "host.sock"
        with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(path))
            unix.listen()
            yield tcp.getsockname()[1], path

    async def hook_denial(self) -> Layer:
        """The real CLI tries two commands: the guard refuses one and fails on the other. Neither may run."""
        name, marks = "guard is asked, and fails closed", [self.place.repo / word for word in ("denied", "failed")]
        async with self._model() as asked:
            command = claude_code.command(
                claude_code.INSIDE, SESSION, False, "claude-haiku-4-5", ["Bash"], [self.place.folder]
            )
            ended = await self._run(self.sandbox(True).argv(command), "self-test")
        ran = [mark.name for mark in marks if mark.exists()]
        if len(asked) < len(marks):
            return Layer(
                name, False, f"the guard was asked {len(asked)} times: {(ended.stderr or ended.stdout)[-300:].strip()}"
            )
        return Layer(name, not ran, f"ran all the same: {', '.join(ran)}" if ran else "both commands were refused")

    @contextlib.asynccontextmanager
    async def _model(self) -> AsyncIterator[list[str]]:
        """A gateway to a scripted model; what the hook was asked is collected."""
        asked: list[str] = []
        model = Rehearsal()
        await model.start()
        model.play("selftest", parse_turns([{"bash": "touch denied"}, {"bash": "touch failed"}, {"text": "done"}]), {})

        async def hook(_: str, call: dict[str, Any]) -> dict[str, Any]:
            asked.append(str(call.get("tool_input")))
            if len(asked) > 1:
                raise RuntimeError("the guard fails, on purpose")
            return claude_code.deny("self-test")

        upstream = Upstream(f"{model.url}/selftest", {"x-api-key": "rehearsal"})
        gateway = Gateway(_Free(), hook, claude_code.HOOK_PATH, lambda _: upstream)
        await gateway.start()
        await gateway.open("selftest", self.folder / "sockets" / SOCKET_NAME)
        try:
            yield asked
        finally:
            await gateway.close()
            await model.stop()


SESSION = "5e1f7e57-0000-4000-8000-000000000000"


class _Free:
    """A meter for requests to the scripted model: they cost nothing and are not booked."""

    async def admit(self, task_id: str, body: bytes, headers: Mapping[str, str]) -> Refusal | int:
        return 0

    def reader(self, content_type: str) -> UsageReader:
        return UsageReader()

    async def keep_up(self, booking: int, visible: int) -> bool:
        return True

    async def cut(self, booking: int) -> None:
        return None

    async def settle(self, booking: int, usage: Usage | Doubtful | None, request_id: str) -> None:
        return None

    async def void(self, booking: int) -> None:
        return None


def missing_tools() -> list[str]:
    """What the sandbox is made of and this machine lacks, each with how to get it."""
    packages = {"bwrap": "bubblewrap", "socat": "socat", "git": "git"}
    return [f"{tool} is missing; install it with `apt-get install {package}`" for tool, package in packages.items()
            if shutil.which(tool) is None]  # fmt: skip
