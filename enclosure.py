"""What is put round one agent: its sandbox, what it sees of the project, its way out. It knows no other agent's."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dayshift import files
from dayshift.claude import claude_code
from dayshift.deciding import visits
from dayshift.egress import network
from dayshift.failpoints import passing
from dayshift.holder.bounds import Watch
from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository import verification
from dayshift.repository.outfit import Outfit, SetupFailed
from dayshift.repository.workspace import Workspace
from dayshift.running import spool
from dayshift.running.spool import MARK
from dayshift.sandboxing.sandbox import (
    LAYERS,
    LOST,
    NO_NETWORK,
    NO_SANDBOX,
    PROXY_NAME,
    PROXY_PORT,
    RELAY_PORT,
    SOCKET_NAME,
    Sandbox,
    Unfenced,
)
from dayshift.sandboxing.stand_ins import RECORDS
from surroundings import Surroundings


def mark(home: Home, record: Record) -> str:
    """What every process of the record's present run carries in its environment."""
    return spool.mark(home.root, record.id, record.runs)


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The fences of one task's runs, set-up and validations, in the workspace that they share."""

    around: Surroundings
    record: Record
    workspace: Workspace
    spool: Path  #: the folder of the present run, in which its holder keeps what the stand-ins tell
    log: Callable[[str], None]  #: one entry of the task's readable log

    @property
    def layers(self) -> tuple[str, ...]:
        """The protections in force."""
        return (
            *(map(self._with_hosts, LAYERS) if self.around.sandboxed else (NO_SANDBOX, LOST)),
            "guard on every tool call",
            "audit before and after",
            "memory, processes, disk and time bounded",
        )

    def _with_hosts(self, layer: str) -> str:
        return " and ".join([layer, *self._hosts]) if layer == NO_NETWORK else layer

    @property
    def mark(self) -> str:
        """What every process of this run carries in its environment."""
        return mark(self.around.home, self.record)

    # --- the way out -------------------------------------------------------------------------------

    async def open(self) -> None:
        """Serve this agent's requests; also what a restarted daemon does for a run that is still on."""
        await self.around.gateway.open(self.record.id, self._sockets / SOCKET_NAME)
        await self._open_network()

    async def close(self) -> None:
        """Serve them no more."""
        await self.around.gateway.close_task(self.record.id)
        files.remove_tree(self._sockets)

    async def _open_network(self) -> None:
        if self._hosts:
            await self.around.gateway.open_network(self.record.id, self._sockets / PROXY_NAME, self._hosts)

    @asynccontextmanager
    async def networked(self) -> AsyncIterator[None]:
        """The task's hosts in reach of what `wrap` starts, for the block."""
        await self._open_network()
        try:
            yield
        finally:
            if self._hosts:
                await self.close()

    @property
    def _sockets(self) -> Path:
        return self.around.home.sockets() / self.record.id

    @property
    def _hosts(self) -> tuple[str, ...]:
        """What the task may reach; without a sandbox there is nothing to hold it to that."""
        return self.record.task.network if self.around.sandboxed else ()

    # --- the worktree, made ready ------------------------------------------------------------------

    async def set_up_once(self) -> None:
        """Set the worktree up unless an earlier run got through with it."""
        if not self.workspace.set_up.exists():
            async with self.networked():
                await self._set_up()
            passing("worktree.set_up")
            self.workspace.set_up.touch()

    async def _set_up(self) -> None:
        """Bring in what git ignores but builds need, then run the person's setup commands in the sandbox."""
        if self.around.copy_shared:
            await self.outfit.copy_shares()
        await asyncio.to_thread(self.outfit.know_databases)
        for command in self.around.setup:
            check = await verification.run_command(command, self.wrap, self.watch, "setup")
            if check.exit_code != 0:
                raise SetupFailed(f"workspace.setup {verification.summary([check])}: {check.tail[-500:]}")

    @property
    def outfit(self) -> Outfit:
        """What the worktree is given beside what git brings into it."""
        return Outfit(self.workspace, self.around.share, self.around.databases, self.log)

    def watch(self) -> Watch:
        """What keeps a command of this workspace within its bounds."""
        return Watch(self.around.bounds, str(self.workspace.folder))

    # --- the sandbox -------------------------------------------------------------------------------

    def wrap(self, command: list[str]) -> list[str]:
        """The command in this agent's sandbox, with no model to reach."""
        if not self.around.sandboxed:
            return Unfenced(self.workspace.repo, self.workspace.home, self._environment(0)).argv(command)
        return self._sandbox(0, reach_model=False).argv(command)

    def run(self, session: str, resuming: bool, model: str, max_output_tokens: int, prompt: str = "") -> list[str]:
        """A whole run: the CLI, the relay to its gateway, and the sandbox round both. A visit is told by its words."""
        cli = claude_code.INSIDE if self.around.sandboxed else self.around.cli
        compose = claude_code.interactive if visits.is_open(self.record) else claude_code.command
        command = compose(cli, session, resuming, model, self.around.tools, [self.workspace.folder])
        words = ["--", prompt] if prompt and not resuming else []
        if self.around.sandboxed:
            return self._sandbox(max_output_tokens, reach_model=True).argv([*command, *words], status=True)
        port = free_port()
        environment = self._environment(max_output_tokens, port)
        unfenced = Unfenced(self.workspace.repo, self.workspace.home, environment, self._sockets, port)
        return unfenced.argv([*command, *claude_code.settings_file(port), *words])

    def _sandbox(self, max_output_tokens: int, reach_model: bool) -> Sandbox:
        return Sandbox(
            workspace=self.workspace.folder, repo=self.workspace.repo, git_dir=self.workspace.project.common_dir,
            home=self.workspace.home, environment=self._environment(max_output_tokens if reach_model else 0),
            read_only=self.around.toolchain.folders, read_only_at=self._shown(reach_model),
            sockets=self._sockets if reach_model or self._hosts else None, network=bool(self._hosts),
            managed=self._managed if reach_model else None,
            databases=self.outfit.known_databases(),
            scratch_bytes=self.around.scratch_bytes, limits=self.around.bounds.of_each_process(),
        )  # fmt: skip

    def _environment(self, max_output_tokens: int, port: int = RELAY_PORT) -> dict[str, str]:
        words = claude_code.environment(max_output_tokens, self.around.subscription, port) if max_output_tokens else {}
        path = ":".join(map(str, self.around.toolchain.path)) or "/usr/bin:/bin"
        return {**self.around.environment, **self.around.toolchain.environment, "LANG": "C.UTF-8", "TERM": "dumb",
                "PATH": path, **words, **self._screen, **(network.variables(PROXY_PORT) if self._hosts else {}),
                MARK: self.mark}  # fmt: skip

    @property
    def _screen(self) -> dict[str, str]:
        """What a visit's CLI knows of the person's terminal."""
        return claude_code.screen(kind) if (kind := visits.terminal(self.record)) else {}

    def _shown(self, with_cli: bool) -> dict[Path, Path]:
        """Folders of the project that git ignores but builds need, at their own place and in the worktree; the CLI."""
        shown = {claude_code.INSIDE: self.around.cli} if with_cli else {}
        if with_cli:  # only a run has a holder that reads
            shown |= {**self.around.stand_ins, RECORDS: self.spool / "argv.fifo"}
        for source, place in () if self.around.copy_shared else self.outfit.shares():
            shown |= {source: source, place: source}
        return shown

    @property
    def _managed(self) -> Path:
        folder = self.around.home.own / "managed"
        folder.mkdir(exist_ok=True)
        files.write_json(folder / "managed-settings.json", claude_code.managed_settings(), durable=False)
        return folder


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
