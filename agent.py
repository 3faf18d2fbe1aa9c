"""One agent: a run of a task's session in the sandbox, from launch to its last process. It knows no other agent."""

import asyncio
import errno
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from dayshift import (
    audit,
    chronicle,
    claude_code,
    daybook,
    files,
    holders,
    lifetime,
    plugs,
    questions,
    retention,
    room,
    verification,
)
from dayshift.clock import rfc3339
from dayshift.conversation import Ask
from dayshift.evasion import Evasions, Place
from dayshift.events import Active, Denied, Overdue, Prepared, RunEnded, Verified
from dayshift.evidence import Finding, Who
from dayshift.failpoints import passing
from dayshift.git import GitError
from dayshift.markdown import clean
from dayshift.model import Exit, Record
from dayshift.patience import Lapse, Patience, put_down
from dayshift.spool import MARK, Ended, LaunchFailed, Spool
from dayshift.stream import Stream
from dayshift.task_log import TaskLog
from dayshift.vigil import Vigil
from dayshift.workspace import Tampered, Workspace
from enclosure import Enclosure, SetupFailed, Surroundings

LOOK_SECONDS = 0.1  #: how often a run's files are looked at
LAST_LOOK_SECONDS = 0.01  #: and after its closing word: a person may wait for what it ended with
ARGV_LOOK = 1 << 14  #: bytes of what the stand-ins told that one look judges
TURN_SECONDS = 0.02  #: after so long with the stream others have their turn
MOST_COMPLAINTS = 20  #: about the stream of one run


@dataclass(slots=True)
class Agent:
    """One run. `launch`, then `follow` to the end; a run that an earlier daemon began is only followed."""

    around: Surroundings
    record: Record
    workspace: Workspace
    spool: Spool
    launched: bool = False
    under_way: str = ""  #: the tool call that the guard allowed last
    result: claude_code.Result | None = None  #: the CLI's last closing word, if it has said one
    _steps: int = 0
    _reset_at: datetime | None = None
    _complaints: int = 0
    enclosure: Enclosure = field(init=False)
    stream: Stream | None = None  #: what the run says, once it is followed
    patience: Patience = field(init=False)
    _log: TaskLog = field(init=False)
    _told: Stream = field(init=False)
    _evasions: Evasions = field(init=False)

    def __post_init__(self) -> None:
        """Ready to hear what the run's stand-ins tell; what an earlier daemon counted counts no more."""
        self._log = TaskLog(self.around.home.logs / f"{self.record.id}.log")
        self.enclosure = Enclosure(self.around, self.record, self.workspace, self.spool.folder, self.log)
        self.patience = Patience(self.around.clock, self.spool.folder, self._silence_seconds)
        counted = (each.command for each in self.record.evasions if each.at >= self.record.state.since)
        place = Place(self.workspace.repo, self.workspace.project.common_dir, self.enclosure.databases)
        self._told = Stream(self.spool.folder / "argv", 0, ARGV_LOOK)
        self._evasions = Evasions(partial(self.around.judge, self.record.id), place, counted)

    # --- launch ------------------------------------------------------------------------------------

    async def launch(self, base: str, model: str, prompt: str, seconds: float, max_output_tokens: int) -> None:
        """Make the workspace, take the fingerprint, open the gateway, start the run. Else SetupFailed."""
        await asyncio.to_thread(retention.cut_logs, self.around.home, self.record.id)
        await asyncio.to_thread(self.workspace.make, base)
        questions.clear_from_agent(self.workspace.io)
        await self.enclosure.set_up_once()
        self._name_it()
        await self._take_fingerprint()
        files.write_atomically(self.spool.folder / "base", base)
        passing("run.prepared")
        await self.enclosure.open()
        self._prepared(base)
        try:
            await asyncio.to_thread(self._begin, model, prompt, seconds, max_output_tokens)
        except (LaunchFailed, OSError) as error:
            raise SetupFailed(str(error)) from error
        self.launched = True

    def _begin(self, model: str, prompt: str, seconds: float, max_output_tokens: int) -> None:
        argv = self.enclosure.run(self.session, self.resuming, model, max_output_tokens)
        order = (argv, {MARK: self.enclosure.mark}, prompt, self._stream_file, seconds, self.around.bounds)
        self.spool.launch(*order, self.workspace.folder)
        chronicle.began(self.record, holders.of(self.spool.folder), model)
        passing("run.launched")

    def _prepared(self, base: str) -> None:
        self.around.put(Prepared(self.record.id, self.record.runs, base, self.enclosure.layers))

    async def take_up(self) -> None:
        """Go on with a run that an earlier daemon launched, from what it wrote down."""
        base = self.record.base or (self.spool.folder / "base").read_text()
        self.record = replace(self.record, base=base)
        self._prepared(base)
        self.launched = True
        if self.spool.alive:
            await self.enclosure.open()
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

    async def _take_fingerprint(self) -> None:
        self.spool.folder.mkdir(parents=True, exist_ok=True)
        vigil = await self._watched()
        vigil.save(self._fingerprint)
        daybook.open_day(self.around.home, self.record, vigil.before, self.around.clock.now())

    async def _watched(self) -> Vigil:
        """The audit's look before the agent, or code of its, is at work."""
        facts = (self.record.runs, self.around.sandboxed, self.around.clock.now())
        return await asyncio.to_thread(Vigil.begin, self.workspace, *facts)

    @property
    def _fingerprint(self) -> Path:
        return self.spool.folder / "fingerprint.json"

    def _name_it(self) -> None:
        """Without a sandbox: a name for what the agent may commit, so that it is not taken for the person."""
        place = self.workspace.home / ".gitconfig"
        if not self.around.sandboxed and not place.exists():
            who = f"[user]\n\tname = agent {self.record.id}\n\temail = {audit.address(self.record.id)}\n"
            files.write_atomically(place, who)

    # --- follow ------------------------------------------------------------------------------------

    @property
    def _stream_file(self) -> Path:
        return self.around.home.logs / f"{self.record.id}.jsonl"

    def touch(self) -> None:
        """Something happened in this run: it is not silent."""
        self.patience.touch()

    def begun(self, command: str) -> None:
        """A tool call begins; whatever was told until now belongs to the one before it."""
        self._hear()
        while self._told.more:
            self._hear()
        self.under_way = command

    def _hear(self) -> None:
        """Judge what the stand-ins have told."""
        for heard in self._evasions.heard(self._told.lines(), self.under_way):
            self.log(heard.text)
            if not heard.aside:
                self.around.put(Denied(self.record.id, heard.blocked(self.around.clock.now())))

    def stop(self) -> None:
        """Tell the run to end; `follow` sees it through."""
        self.spool.stop()
        self.patience.told_to_end()

    async def follow(self) -> None:
        """Read the run's stream to its end, keep its work, and report how it ended: exactly one RunEnded. After an
        error that was the machine's it may be called again, and goes on."""
        self.patience.begin()
        self.stream = stream = self.stream or Stream(self._stream_file, self.spool.offset)
        while (ended := self._ended()) is None:
            await self._take_in(stream)
            self._hear()
            await self._check_overdue()
            await asyncio.sleep(LAST_LOOK_SECONDS if self.result or stream.more else LOOK_SECONDS)
        await self._take_in(stream, final=True)
        self._hear()
        while stream.more or self._told.more:
            await self._take_in(stream, final=True)
            self._hear()
        await asyncio.to_thread(self.spool.reap, self.enclosure.mark)
        await self.enclosure.close()
        passing("run.reaped")
        await self._unplug()
        held = self.around.gateway.time_held(self.record.id)
        seconds = self._seconds
        found = await asyncio.to_thread(self._audit)
        commit, unkept = await asyncio.to_thread(self._keep)
        exit = replace(self._exit(ended, (*(found or ()), *unkept), audited=found is not None), held=held)
        if exit.how == "exited" and not (exit.finished or exit.asked) and room.is_full(self.workspace.folder):
            exit = replace(exit, how="hindered")
        if exit.how == "hindered":
            self.around.hindered(OSError(errno.ENOSPC, exit.error))
        passing("run.audited")
        self.around.sight.ended(self.record.id, finished=_came_to_an_end(exit))
        self.around.put(RunEnded(self.record.id, exit, seconds, commit))

    def _ended(self) -> Ended | None:
        """How the run ended, or None while it goes on."""
        return self.spool.ended()

    @property
    def _seconds(self) -> float:
        """How long it has gone on."""
        return lifetime.lived(self.spool.folder, self.around.clock.monotonic())

    async def _take_in(self, stream: Stream, final: bool = False) -> None:
        """Note what the stream says; others have their turn in between, however much that is."""
        turn = time.monotonic()
        for line in stream.lines(final):
            self.touch()
            try:
                for fact in claude_code.parse(line):
                    self._note(fact)
            except Exception:  # an agent can write into its CLI's stream: whatever comes, the run is followed on
                self._complain(f"unreadable line in the stream: {line[:200]!r}")
            if time.monotonic() - turn > TURN_SECONDS:
                await asyncio.sleep(0)
                turn = time.monotonic()
        for trouble in stream.told():
            self._complain(trouble)
        await asyncio.sleep(0)

    def _complain(self, text: str) -> None:
        """A line of the log about the stream; after some of them one that is the last."""
        self._complaints += 1
        if self._complaints <= MOST_COMPLAINTS:
            self.log(text)
        if self._complaints == MOST_COMPLAINTS:
            self.log(f"more of this is not told; {self._stream_file} holds all of it")

    def _note(self, fact: claude_code.Fact) -> None:
        match fact:
            case claude_code.Used():
                self._steps += 1
            case claude_code.Limited(reset_at):
                self._reset_at = reset_at
            case claude_code.Result():
                self.result = fact
        match fact:
            case claude_code.Said(text):
                self._show(text)
            case claude_code.Used(tool) if tool == claude_code.QUESTION_TOOL:
                pass  # what it was at until it asked says more
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
        self.around.put(Active(self.record.id, " ".join(text[:2000].split())[:200]))

    def log(self, text: str) -> None:
        """One entry of the task's readable log."""
        self._log.add(f"{rfc3339(self.around.clock.now())} run {self.record.runs}: {clean(text)}")

    @property
    def _silence_seconds(self) -> float:
        """How long it may say nothing."""
        return self.around.silence_seconds

    async def _check_overdue(self) -> None:
        """Do what is to be done about a run that is late with something."""
        busy = self.around.gateway.busy(self.record.id)
        match self.patience.lapse(self.result is not None, busy):
            case Lapse.exit:
                self.log("the CLI did not exit after its result; ending it")
                self.stop()
            case Lapse.sign:
                text = f"no sign of life for {self._silence_seconds / 60:.0f} minutes"
                self.around.put(Overdue(self.record.id, self.record.runs, text))
            case Lapse.end:
                done = await asyncio.to_thread(put_down, self.spool.folder)
                self.log(f"the run did not end when it was to; its holder {'was killed' if done else 'is not found'}")

    # --- the end -----------------------------------------------------------------------------------

    async def _unplug(self) -> None:
        """Take away what would keep git waiting; nothing is at work in the tree now."""
        for place in await asyncio.to_thread(plugs.pulled, self.workspace.repo):
            self.log(f"taken away, since git would wait for it without end: {place}")

    def _audit(self) -> tuple[Finding, ...] | None:
        """What the audit found; None if there is nothing to compare with."""
        vigil = Vigil.kept(self._fingerprint, self.workspace, self.record.runs, self.around.sandboxed)
        return vigil.end() if vigil else None

    def _keep(self) -> tuple[str | None, tuple[Finding, ...]]:
        """The commit the work is kept as; if it cannot be kept, why, as a finding."""
        run, base = self.record.runs, self.record.base
        assert base is not None
        try:
            self.workspace.check()
            return self.workspace.keep(base, f"{self.record.id}: {self.record.task.name} (run {run})"), ()
        except Tampered as error:
            what = f"the worktree's .git file is not the one it was made with, so its work was not kept: {error}"
            return None, (Finding(run, what, True, Who.unknown),)
        except (GitError, OSError) as error:
            if room.is_hindrance(error):
                raise
            return None, (Finding(run, f"the work could not be kept: {error}", False, Who.unknown),)

    def _exit(self, ended: Ended, found: tuple[Finding, ...], audited: bool) -> Exit:
        result = self.result
        error = ""
        if result is None:
            error = self.spool.stderr_tail() or (
                "the sandbox could not be started" if not ended.launched else "it ended without a result"
            )
        elif result.error:
            error = result.text or "the CLI reported an error"
        if ended.why:
            error = ended.why
            self.log(f"the run was ended: it {ended.why}")
        return Exit(
            run=self.record.runs, code=ended.code, how=ended.how, finished=result is not None and not result.error,
            closed=result is not None, asked=self._asked(result), error=error,
            api_status=result.api_status if result else None,
            reset_at=self._reset_at, steps=self._steps,
            text=result.text if result and not result.error else "",
            session_cost=result.session_cost if result else None, findings=found, audited=audited,
        )  # fmt: skip

    def _asked(self, result: claude_code.Result | None) -> Ask | None:
        if result and result.asked:
            return result.asked
        text = questions.read_from_agent(self.workspace.io)
        return Ask(text) if text else None

    # --- afterwards --------------------------------------------------------------------------------

    async def verify(self) -> None:
        """Check deliverables and validations, which run what the agent wrote, under audit; exactly one Verified."""
        record = self.record
        assert record.base and record.commit
        stat = await asyncio.to_thread(self.workspace.diff_stat, record.base, record.commit)
        present = verification.deliverables(record.task, self.workspace, record.base, stat.paths)
        vigil = await self._watched()
        async with self.enclosure.networked():
            passed = await verification.validations(record.task, self.enclosure.wrap, self.enclosure.watch)
        await asyncio.to_thread(self.spool.reap, self.enclosure.mark)
        await self._unplug()
        found = await asyncio.to_thread(vigil.end)
        if any(each.exit_code for each in passed) and room.is_full(self.workspace.folder):
            raise OSError(errno.ENOSPC, "its checks had no room")
        self.around.put(Verified(record.id, (*present, *passed), found))


def _came_to_an_end(exit: Exit) -> bool:
    """Whether the CLI said its last word by itself and nothing is left to be asked again."""
    deferred = exit.asked is not None and exit.asked.tool_input is not None
    return exit.finished and exit.how == "exited" and not deferred
