"""One agent: a run of a task's session in the sandbox, from launch to its last process. It knows no other agent."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

from dayshift import audit, claude_code, files, questions, verification
from dayshift.clock import Clock, rfc3339
from dayshift.events import Active, Event, Overdue, Prepared, RunEnded, Verified
from dayshift.gateway import Gateway
from dayshift.git import GitError
from dayshift.home import Home
from dayshift.model import Ask, Exit, Finding, Record
from dayshift.sandbox import LAYERS, NO_SANDBOX, RELAY_PORT, SOCKET_NAME, Sandbox, Unfenced
from dayshift.spool import MARK, Ended, LaunchFailed, Spool
from dayshift.stream import Stream
from dayshift.toolchain import Toolchain
from dayshift.workspace import Tampered, Workspace

LOOK_SECONDS = 0.1  #: how often a run's files are looked at
RESULT_GRACE = 30.0  #: after its closing word the CLI has this long to exit


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every agent of this home shares: chosen and proven once, before the day."""

    home: Home
    cli: Path
    toolchain: Toolchain
    gateway: Gateway
    sandboxed: bool
    tools: tuple[str, ...]
    share: tuple[str, ...]
    copy_shared: bool
    setup: tuple[str, ...]
    environment: dict[str, str]  #: what the person passes through by name
    subscription: bool
    silence_seconds: float
    clock: Clock
    put: Callable[[Event], None]


def mark(home: Home, record: Record) -> str:
    """What every process of the record's present run carries in its environment."""
    return f"{home.root}:{record.id}:{record.runs}"


class SetupFailed(Exception):
    """A workspace could not be prepared; the message says which step and how it ended."""


@dataclass(slots=True)
class Agent:
    """One run. `launch`, then `follow` to the end; a run that an earlier daemon began is only followed."""

    around: Surroundings
    record: Record
    workspace: Workspace
    spool: Spool
    launched: bool = False
    quiet_since: float = 0.0
    _facts: list[claude_code.Fact] = field(default_factory=list)

    # --- launch ------------------------------------------------------------------------------------

    async def launch(self, base: str, model: str, prompt: str, seconds: float, max_output_tokens: int) -> None:
        """Make the workspace, take the fingerprint, open the gateway, start the run. Else SetupFailed."""
        await asyncio.to_thread(self.workspace.make, base)
        questions.clear_from_agent(self.workspace.io)
        await self._set_up_once()
        await self._take_fingerprint()
        files.write_atomically(self.spool.folder / "base", base)
        await self.open_gateway()
        self._prepared(base)
        try:
            argv = self._command_line(model, max_output_tokens)
            await asyncio.to_thread(self.spool.launch, argv, {MARK: self.mark}, prompt, self._stream_file, seconds)
        except (LaunchFailed, OSError) as error:
            raise SetupFailed(str(error)) from error
        self.launched = True

    def _prepared(self, base: str) -> None:
        self.around.put(Prepared(self.record.id, self.record.runs, base, self.layers))

    async def take_up(self) -> None:
        """Go on with a run that an earlier daemon launched, from what it wrote down."""
        base = self.record.base or (self.spool.folder / "base").read_text()
        self.record = replace(self.record, base=base)
        self._prepared(base)
        self.launched = True
        if self.spool.alive:
            await self.open_gateway()
        await self.follow()

    @property
    def session(self) -> str:
        """The CLI session's id: the same for every run of a task, made from its first run."""
        assert self.record.session_id is not None  # given when the run was begun
        return self.record.session_id

    @property
    def resuming(self) -> bool:
        """Whether the session exists already."""
        return any(self.workspace.home.glob(f".claude/projects/*/{self.record.session_id}.jsonl"))

    @property
    def layers(self) -> tuple[str, ...]:
        """The protections in force in this run."""
        return (
            *(LAYERS if self.around.sandboxed else (NO_SANDBOX,)),
            "guard on every tool call",
            "audit before and after",
        )

    async def open_gateway(self) -> None:
        """Serve this agent's requests; also what a restarted daemon does for a run that is still on."""
        await self.around.gateway.open(self.record.id, self._sockets / SOCKET_NAME)

    async def _take_fingerprint(self) -> None:
        self.spool.folder.mkdir(parents=True, exist_ok=True)
        found = await asyncio.to_thread(audit.fingerprint, self.workspace.project, self.workspace.repository)
        files.write_json(self.spool.folder / "fingerprint.json", asdict(found))

    async def _set_up_once(self) -> None:
        """Set the worktree up unless an earlier run got through with it."""
        if not self.workspace.set_up.exists():
            await self._set_up()
            self.workspace.set_up.touch()

    async def _set_up(self) -> None:
        """Bring in what git ignores but builds need, then run the person's setup commands in the sandbox."""
        for name in self.around.share if self.around.copy_shared else ():
            source = self.workspace.project.work_tree / name
            if source.exists():
                copy = ["cp", "-a", "--reflink=auto", str(source), str(self.workspace.repo / name)]
                process = await asyncio.create_subprocess_exec(*copy, process_group=0)
                await process.wait()
        for command in self.around.setup:
            check = await verification.run_command(command, self.wrap, "setup")
            if check.exit_code != 0:
                raise SetupFailed(f"workspace.setup `{command}` exited with {check.exit_code}: {check.tail[-500:]}")

    # --- the sandbox -------------------------------------------------------------------------------

    def wrap(self, command: list[str]) -> list[str]:
        """The command in this agent's sandbox, with no model to reach."""
        if not self.around.sandboxed:
            return Unfenced(self.workspace.repo, self.workspace.home, self._environment(0)).argv(command)
        return self._sandbox(0, reach_model=False).argv(command)

    def _command_line(self, model: str, max_output_tokens: int) -> list[str]:
        """The whole run: the CLI, the relay to its gateway, and the sandbox round both."""
        cli = claude_code.INSIDE if self.around.sandboxed else self.around.cli
        command = claude_code.command(
            cli, self.session, self.resuming, model, self.around.tools, [self.workspace.folder]
        )
        if self.around.sandboxed:
            return self._sandbox(max_output_tokens, reach_model=True).argv(command, status=True)
        port = free_port()
        environment = self._environment(max_output_tokens, port)
        unfenced = Unfenced(self.workspace.repo, self.workspace.home, environment, self._sockets, port)
        return unfenced.argv([*command, *claude_code.settings_file(port)])

    def _sandbox(self, max_output_tokens: int, reach_model: bool) -> Sandbox:
        return Sandbox(
            workspace=self.workspace.folder, repo=self.workspace.repo, git_dir=self.workspace.project.common_dir,
            home=self.workspace.home, environment=self._environment(max_output_tokens if reach_model else 0),
            read_only=self.around.toolchain.folders, read_only_at=self._shared(reach_model),
            sockets=self._sockets if reach_model else None, managed=self._managed if reach_model else None,
        )  # fmt: skip

    def _environment(self, max_output_tokens: int, port: int = RELAY_PORT) -> dict[str, str]:
        words = claude_code.environment(max_output_tokens, self.around.subscription, port) if max_output_tokens else {}
        path = ":".join(map(str, self.around.toolchain.path)) or "/usr/bin:/bin"
        return {**self.around.environment, **self.around.toolchain.environment, "LANG": "C.UTF-8", "TERM": "dumb",
                "PATH": path, **words, MARK: self.mark}  # fmt: skip

    def _shared(self, with_cli: bool) -> dict[Path, Path]:
        """Folders of the project that git ignores but builds need, at their own place and in the worktree; the CLI."""
        shown = {claude_code.INSIDE: self.around.cli} if with_cli else {}
        for name in () if self.around.copy_shared else self.around.share:
            source = self.workspace.project.work_tree / name
            if source.exists():
                shown |= {source: source, self.workspace.repo / name: source}
        return shown

    @property
    def _managed(self) -> Path:
        folder = self.around.home.own / "managed"
        folder.mkdir(exist_ok=True)
        files.write_json(folder / "managed-settings.json", claude_code.managed_settings(), durable=False)
        return folder

    @property
    def _sockets(self) -> Path:
        return self.around.home.sockets() / self.record.id

    @property
    def mark(self) -> str:
        """What every process of this run carries in its environment."""
        return mark(self.around.home, self.record)

    # --- follow ------------------------------------------------------------------------------------

    @property
    def _stream_file(self) -> Path:
        return self.around.home.logs / f"{self.record.id}.jsonl"

    def touch(self) -> None:
        """Something happened in this run: it is not silent."""
        self.quiet_since = self.around.clock.monotonic()

    def stop(self) -> None:
        """Tell the run to end; `follow` sees it through."""
        self.spool.stop()

    async def follow(self) -> None:
        """Read the run's stream to its end, keep its work, and report how it ended: exactly one RunEnded."""
        self.touch()
        stream = Stream(self._stream_file, self.spool.offset)
        overdue = False
        while (ended := self.spool.ended()) is None:
            self._take_in(stream.lines())
            overdue = overdue or self._check_overdue()
            await asyncio.sleep(LOOK_SECONDS)
        self._take_in(stream.lines(final=True))
        await asyncio.to_thread(self.spool.reap, self.mark)
        await self.around.gateway.close_task(self.record.id)
        held = self.around.gateway.time_held(self.record.id)
        files.remove_tree(self._sockets)
        seconds = self.spool.seconds(self.around.clock.now())
        found = await asyncio.to_thread(self._audit)
        audited = (self.spool.folder / "fingerprint.json").exists()
        commit, unkept = await asyncio.to_thread(self._keep)
        exit = replace(self._exit(ended, (*found, *unkept), audited), held=held)
        self.around.put(RunEnded(self.record.id, exit, seconds, commit))

    def _take_in(self, lines: list[bytes]) -> None:
        for line in lines:
            self.touch()
            try:
                facts = claude_code.parse(line)
            except ValueError:
                self.log(f"unreadable line in the stream: {line[:200]!r}")
                continue
            for fact in facts:
                self._note(fact)

    def _note(self, fact: claude_code.Fact) -> None:
        self._facts.append(fact)
        match fact:
            case claude_code.Said(text):
                self._show(text)
            case claude_code.Used(tool, subject):  # the guard writes tool calls into the log, with its verdict
                self._announce(f"{tool}: {subject}")
            case claude_code.Retrying(status, attempt):
                self._show(f"the API answered {status or 'nothing'}, retry {attempt}")
            case claude_code.Limited(reset_at):
                self._show(f"usage limit until {reset_at}")
            case claude_code.Result():
                self.log("run finished" if not fact.error else f"run ended with an error: {fact.text}")

    def _show(self, text: str) -> None:
        self.log(text)
        self._announce(text)

    def _announce(self, text: str) -> None:
        self.around.put(Active(self.record.id, " ".join(text.split())[:200]))

    def log(self, text: str) -> None:
        """One entry of the task's readable log."""
        with (self.around.home.logs / f"{self.record.id}.log").open("a") as file:
            file.write(f"{rfc3339(self.around.clock.now())} run {self.record.runs}: {text}\n")

    def _check_overdue(self) -> bool:
        """Report a run that says nothing for too long, or does not exit after its closing word. True once reported."""
        quiet = self.around.clock.monotonic() - self.quiet_since
        if self.result and quiet > RESULT_GRACE:
            self.log("the CLI did not exit after its result; ending it")
            self.stop()
            return True
        if quiet > self.around.silence_seconds and not self.around.gateway.busy(self.record.id):
            text = f"no sign of life for {self.around.silence_seconds / 60:.0f} minutes"
            self.around.put(Overdue(self.record.id, self.record.runs, text))
            return True
        return False

    @property
    def result(self) -> claude_code.Result | None:
        """The CLI's last closing word, if it has said one."""
        return next((fact for fact in reversed(self._facts) if isinstance(fact, claude_code.Result)), None)

    # --- the end -----------------------------------------------------------------------------------

    def _audit(self) -> tuple[Finding, ...]:
        saved = files.read_json(self.spool.folder / "fingerprint.json")
        planted = audit.planted(self.workspace.repo, self.record.runs)
        if saved is None:
            return planted
        after = audit.fingerprint(self.workspace.project, self.workspace.repository)
        changed = audit.findings(audit.Fingerprint(**saved), after, self.record.runs, proven=self.around.sandboxed)
        return (*changed, *planted)

    def _keep(self) -> tuple[str | None, tuple[Finding, ...]]:
        """The commit the work is kept as; if it cannot be kept, why, as a finding."""
        run, base = self.record.runs, self.record.base
        assert base is not None
        try:
            self.workspace.check()
            return self.workspace.keep(base, f"{self.record.id}: {self.record.task.name} (run {run})"), ()
        except Tampered as error:
            return None, (Finding(run, f"the agent replaced its worktree's .git file: {error}", True),)
        except (GitError, OSError) as error:
            return None, (Finding(run, f"the work could not be kept: {error}", False),)

    def _exit(self, ended: Ended, found: tuple[Finding, ...], audited: bool) -> Exit:
        result = self.result
        error = ""
        if result is None:
            error = self.spool.stderr_tail() or (
                "the sandbox could not be started" if not ended.launched else "it ended without a result"
            )
        elif result.error:
            error = result.text or "the CLI reported an error"
        return Exit(
            run=self.record.runs, code=ended.code, how=ended.how, finished=result is not None and not result.error,
            asked=self._asked(result), error=error, api_status=result.api_status if result else None,
            reset_at=self._reset_at(), steps=sum(isinstance(fact, claude_code.Used) for fact in self._facts),
            text=result.text if result and not result.error else "",
            session_cost=result.session_cost if result else None, findings=found, audited=audited,
        )  # fmt: skip

    def _asked(self, result: claude_code.Result | None) -> Ask | None:
        if result and result.asked:
            return result.asked
        text = questions.read_from_agent(self.workspace.io)
        return Ask(text) if text else None

    def _reset_at(self) -> datetime | None:
        return next((fact.reset_at for fact in reversed(self._facts) if isinstance(fact, claude_code.Limited)), None)

    # --- afterwards --------------------------------------------------------------------------------

    async def verify(self) -> None:
        """Check deliverables and validations; exactly one Verified."""
        record = self.record
        assert record.base and record.commit
        stat = await asyncio.to_thread(self.workspace.diff_stat, record.base, record.commit)
        present = verification.deliverables(record.task, self.workspace, record.base, stat.paths)
        passed = await verification.validations(record.task, self.wrap)
        self.around.put(Verified(record.id, (*present, *passed)))


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
