"""A throw-away project in the very sandbox an agent gets, for the self-test. Joins what an agent's run is made of."""

import asyncio
import contextlib
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from dayshift.claude import claude_code
from dayshift.evidence import Check
from dayshift.holder.argv import Argv
from dayshift.holder.bounds import Bounds, Watch
from dayshift.messages.usage_readers import UsageReader
from dayshift.model import Doubtful, Usage
from dayshift.proxy.exchange import Upstream
from dayshift.proxy.gateway import Gateway
from dayshift.proxy.meter import Refusal
from dayshift.proxy.second_sight import SecondSight
from dayshift.rehearsing.rehearsal import Rehearsal
from dayshift.rehearsing.written_turns import parse_turns
from dayshift.repository import git, workspace
from dayshift.repository.verification import run_command
from dayshift.sandboxing import stand_ins
from dayshift.sandboxing.sandbox import SOCKET_NAME, Sandbox

SECONDS = 60
NAME = "selftest"
DATABASE = "known.db"  #: in the worktree
BOUNDS = Bounds(memory=8 << 30, processes=40, disk=1 << 30)
MARK = "SELFTEST"  #: what the host's process carries in its environment

Hook = Any  #: what the CLI asks before a tool call: `async (task id, call) -> answer`


@dataclass(frozen=True, slots=True)
class Subject:
    """What is put to the test."""

    cli: Path
    read_only: tuple[Path, ...]
    path: str


class Trial:
    """A throw-away project with one worktree, the sandbox round it, and what an agent would like to reach."""

    def __init__(self, folder: Path, subject: Subject) -> None:
        self.folder, self.subject, self.project = folder, subject, folder / "project"
        self.outside = folder / "outside"  #: a folder nobody inside may see
        self.secret = self.outside / "secret"
        self.unix = self.outside / "host.sock"
        self.abstract = f"dayshift-{folder.name}"

    def lay_out(self) -> None:
        """A repository with one commit, a workspace, the managed settings, a secret outside."""
        for name in ("project", "outside", "sockets", "managed", "spool"):
            (self.folder / name).mkdir()
        self.secret.write_text("the person's own\n")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["git", "init", "-q", str(self.project)], check=True, process_group=0, **quiet)  # type: ignore[call-overload]
        repository = git.find(self.project)
        tree = repository.text("write-tree")
        self.commit = repository.text("commit-tree", tree, "-m", "a commit to start from")
        self.place = workspace.Workspace(self.folder / "workspaces" / NAME, repository)
        self.place.make(self.commit)
        (self.place.repo / DATABASE).write_bytes(b"SQLite format 3\0")
        folders = [Path(folder) for folder in self.subject.path.split(":")]
        self._stand_ins = stand_ins.shown(self.folder / "stand-ins", folders, {"git"}, self.subject.read_only)
        self._argv = Argv(str(self.folder / "spool"))
        (self.folder / "managed" / "managed-settings.json").write_text(json.dumps(claude_code.managed_settings()))

    def sandbox(self, with_cli: bool) -> Sandbox:
        """The surroundings an agent gets."""
        words = claude_code.environment(1024, subscription=False) if with_cli else {}
        shown = {**self._stand_ins, stand_ins.RECORDS: self.folder / "spool" / "argv.fifo"}
        return Sandbox(
            workspace=self.place.folder, repo=self.place.repo, git_dir=self.place.project.common_dir,
            home=self.place.home,
            environment={"PATH": self.subject.path, **words}, read_only=self.subject.read_only,
            read_only_at={**shown, **({claude_code.INSIDE: self.subject.cli} if with_cli else {})},
            databases=[self.place.repo / DATABASE], limits=BOUNDS.of_each_process(),
            sockets=self.folder / "sockets" if with_cli else None, managed=self.folder / "managed",
        )  # fmt: skip

    async def inside(self, script: str) -> subprocess.CompletedProcess[str]:
        """The script's end, run by a shell in the sandbox."""
        return await self._run(self.sandbox(False).argv(["/bin/sh", "-c", script]))

    async def bounded(self, script: str) -> Check:
        """What became of the script, run within the bounds."""
        return await run_command(script, self.sandbox(False).argv, self._watch, "self-test")

    def _watch(self) -> Watch:
        return Watch(BOUNDS, str(self.place.folder))

    def told(self) -> str:
        """What the stand-ins have told, as it was written down."""
        self._argv.take()
        return (self.folder / "spool" / "argv").read_text(errors="replace")

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

    @contextlib.contextmanager
    def host(self) -> Iterator[int]:
        """What anybody outside the sandbox could reach: TCP (its port is given), unix sockets, a process."""
        names = (str(self.unix), f"\0{self.abstract}")
        with contextlib.ExitStack() as open_while:
            open_while.callback(_ended, subprocess.Popen(["sleep", str(SECONDS)], env={MARK: self.abstract}))
            tcp = open_while.enter_context(socket.create_server(("127.0.0.1", 0)))
            for name in names:
                unix = open_while.enter_context(socket.socket(socket.AF_UNIX))
                unix.bind(name)
                unix.listen()
            yield tcp.getsockname()[1]

    async def with_cli(
        self, turns: list[dict[str, Any]], hook: Hook, sight: SecondSight | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The real CLI's end, told those turns by the scripted model, that hook asked before each tool call."""
        command = claude_code.command(
            claude_code.INSIDE, str(uuid4()), False, "claude-haiku-4-5", ["Bash"], [self.place.folder]
        )
        async with self._model(turns, hook, sight):
            return await self._run(self.sandbox(True).argv(command), "self-test")

    @contextlib.asynccontextmanager
    async def _model(self, turns: list[dict[str, Any]], hook: Hook, sight: SecondSight | None) -> AsyncIterator[None]:
        """A gateway to a scripted model."""
        model = Rehearsal()
        await model.start()
        model.play(NAME, parse_turns(turns), {})
        upstream = Upstream(f"{model.url}/{NAME}", {"x-api-key": "rehearsal"})
        gateway = Gateway(_Free(), hook, claude_code.HOOK_PATH, lambda _: upstream, sight=sight)
        await gateway.start()
        await gateway.open(NAME, self.folder / "sockets" / SOCKET_NAME)
        try:
            yield
        finally:
            await gateway.close()
            await model.stop()


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


class _Free:
    """A meter for requests to the scripted model: they cost nothing and are not booked."""

    async def admit(self, task_id: str, body: bytes, headers: Mapping[str, str]) -> Refusal | int:
        return 0

    def counting(self, body: bytes) -> Refusal | None:
        return None

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
