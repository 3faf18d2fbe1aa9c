"""One agent: a run of a task's session in the sandbox, from launch to its last process. It knows no other agent."""

import asyncio
import errno
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from dayshift import files
from dayshift.clock import rfc3339
from dayshift.events import Overdue, Prepared, RunEnded, Verified
from dayshift.evidence import Finding
from dayshift.failpoints import passing
from dayshift.host import room
from dayshift.logbook import chronicle
from dayshift.logbook.task_log import TaskLog
from dayshift.mailbox import questions
from dayshift.markdown import clean
from dayshift.model import Exit, Record
from dayshift.repository import daybook, plugs, verification
from dayshift.repository.outfit import SetupFailed
from dayshift.repository.vigil import Vigil
from dayshift.repository.workspace import Workspace
from dayshift.running import holders, lifetime
from dayshift.running.aftermath import Aftermath, came_to_an_end
from dayshift.running.hearing import TOLD_LOOK, Hearing, Telltale
from dayshift.running.patience import Lapse, Patience, put_down
from dayshift.running.spool import MARK, Ended, LaunchFailed, Spool
from dayshift.running.stream import Stream
from dayshift.sandboxing.evasion import Evasions, Place
from dayshift.tidying import retention
from enclosure import Enclosure
from surroundings import Surroundings

LOOK_SECONDS = 0.1  #: how often a run's files are looked at
LAST_LOOK_SECONDS = 0.01  #: and after its closing word: a person may wait for what it ended with


@dataclass(slots=True)
class Agent:
    """One run. `launch`, then `follow` to the end; a run that an earlier daemon began is only followed."""

    around: Surroundings
    record: Record
    workspace: Workspace
    spool: Spool
    launched: bool = False
    hearing: Hearing | None = None  #: of what it says, once it is followed
    enclosure: Enclosure = field(init=False)
    patience: Patience = field(init=False)
    _log: TaskLog = field(init=False)
    _telltale: Telltale = field(init=False)

    def __post_init__(self) -> None:
        """Ready to hear what the run's stand-ins tell; what an earlier daemon counted counts no more."""
        self._log = TaskLog(self.around.home.logs / f"{self.record.id}.log")
        self.enclosure = Enclosure(self.around, self.record, self.workspace, self.spool.folder, self.log)
        self.patience = Patience(self.around.clock, self.spool.folder, self._silence_seconds)
        judge = partial(self.around.judge, self.record.id)
        counted = (each.command for each in self.record.evasions if each.at >= self.record.state.since)
        place = Place(self.workspace.repo, self.workspace.project.common_dir, self.enclosure.outfit.known_databases)
        evasions, told = Evasions(judge, place, counted), Stream(self.spool.folder / "argv", 0, TOLD_LOOK)
        self._telltale = Telltale(self.record.id, told, evasions, self.around.clock, self.log, self.around.put)

    # --- launch ------------------------------------------------------------------------------------

    async def launch(self, base: str, model: str, prompt: str, seconds: float, max_output_tokens: int) -> None:
        """Make the workspace, take the fingerprint, open the gateway, start the run. Else SetupFailed."""
        await asyncio.to_thread(retention.cut_logs, self.around.home, self.record.id)
        await asyncio.to_thread(self.workspace.make, base)
        questions.clear_from_agent(self.workspace.io)
        await self.enclosure.set_up_once()
        if not self.around.sandboxed:
            self.enclosure.outfit.name_agent()
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

    # --- follow ------------------------------------------------------------------------------------

    @property
    def _stream_file(self) -> Path:
        return self.around.home.logs / f"{self.record.id}.jsonl"

    def touch(self) -> None:
        """Something happened in this run: it is not silent."""
        self.patience.touch()

    def begun(self, command: str) -> None:
        """A tool call begins; whatever the stand-ins told until now belongs to the one before it."""
        self._telltale.begun(command)

    def stop(self) -> None:
        """Tell the run to end; `follow` sees it through."""
        self.spool.stop()
        self.patience.told_to_end()

    async def follow(self) -> None:
        """Read the run's stream to its end, keep its work, and report how it ended: exactly one RunEnded. After an
        error that was the machine's it may be called again, and goes on."""
        self.patience.begin()
        self.hearing = hearing = self.hearing or self._hearing()
        while (ended := self._ended()) is None:
            await self._listen(hearing)
            await self._check_overdue(closed=hearing.result is not None)
            await asyncio.sleep(LAST_LOOK_SECONDS if hearing.result or hearing.more else LOOK_SECONDS)
        await self._listen(hearing, final=True)
        while hearing.more or self._telltale.more:
            await self._listen(hearing, final=True)
        await self._conclude(Aftermath(self.record, self.workspace, self.spool, ended, hearing))

    def _hearing(self) -> Hearing:
        stream = Stream(self._stream_file, self.spool.offset)
        return Hearing(self.record.id, stream, self.log, self.around.put, sign=self.touch)

    async def _listen(self, hearing: Hearing, final: bool = False) -> None:
        await hearing.take_in(final)
        self._telltale.hear()

    def _ended(self) -> Ended | None:
        """How the run ended, or None while it goes on."""
        return self.spool.ended()

    @property
    def _seconds(self) -> float:
        """How long it has gone on."""
        return lifetime.lived(self.spool.folder, self.around.clock.monotonic())

    def log(self, text: str) -> None:
        """One entry of the task's readable log."""
        self._log.add(f"{rfc3339(self.around.clock.now())} run {self.record.runs}: {clean(text)}")

    @property
    def _silence_seconds(self) -> float:
        """How long it may say nothing."""
        return self.around.silence_seconds

    async def _check_overdue(self, closed: bool) -> None:
        """Do what is to be done about a run that is late with something."""
        busy = self.around.gateway.busy(self.record.id)
        match self.patience.lapse(closed, busy):
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

    async def _conclude(self, after: Aftermath) -> None:
        """Clear away what is left of the run, look at what it did, keep its work, report."""
        await asyncio.to_thread(self.spool.reap, self.enclosure.mark)
        await self.enclosure.close()
        passing("run.reaped")
        await self._unplug()
        held, seconds = self.around.gateway.time_held(self.record.id), self._seconds
        found = await asyncio.to_thread(self._audit)
        commit, unkept = await asyncio.to_thread(after.keep)
        exit = self._exit(after, (*(found or ()), *unkept), audited=found is not None)
        exit = replace(exit, how="hindered" if after.had_no_room(exit) else exit.how, held=held)
        if exit.how == "hindered":
            self.around.hindered(OSError(errno.ENOSPC, exit.error))
        passing("run.audited")
        self.around.sight.ended(self.record.id, finished=came_to_an_end(exit))
        self.around.put(RunEnded(self.record.id, exit, seconds, commit))

    async def _unplug(self) -> None:
        """Take away what would keep git waiting; nothing is at work in the tree now."""
        for place in await asyncio.to_thread(plugs.pulled, self.workspace.repo):
            self.log(f"taken away, since git would wait for it without end: {place}")

    def _audit(self) -> tuple[Finding, ...] | None:
        """What the audit found; None if there is nothing to compare with."""
        vigil = Vigil.kept(self._fingerprint, self.workspace, self.record.runs, self.around.sandboxed)
        return vigil.end() if vigil else None

    def _exit(self, after: Aftermath, found: tuple[Finding, ...], audited: bool) -> Exit:
        if after.ended.why:
            self.log(f"the run was ended: it {after.ended.why}")
        return after.exit(found, audited)

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
