"""The daemon: wires the parts round one Orchestrator, wakes it, and ends in order. One per home."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ahead import carried
from briefing import brief
from caretaker import Caretaker
from counter import Counter
from crew import Crew
from dayshift import (
    alerts,
    chronicle,
    claude_code,
    daybook,
    git,
    inbox,
    records,
    schedule,
    script,
    stand_ins,
    visits,
    workspace,
    wrecks,
)
from dayshift.allotment import Allotment
from dayshift.attempts import Refused
from dayshift.clock import Clock, day_of
from dayshift.databases import Wanted
from dayshift.day_facts import DayFacts
from dayshift.disposal import discard
from dayshift.events import HandedIn, NetworkRefused, StopAsked, Tick
from dayshift.exchange import Upstream
from dayshift.files import Unusable
from dayshift.floor import Floor
from dayshift.gate import Gate
from dayshift.gateway import Gateway
from dayshift.guard.judge import judge
from dayshift.guidance import Delivery
from dayshift.holder.bounds import GB, Bounds
from dayshift.hook import Hook
from dayshift.limits import Kind, Limit, PlanWindow
from dayshift.model import Day, Record
from dayshift.network import AllowList
from dayshift.notices import Notice
from dayshift.preparation import Preparation
from dayshift.redaction import Redaction
from dayshift.rehearsal import Rehearsal
from dayshift.second_sight import SecondSight
from dayshift.spool import Spool
from dayshift.states import Parked, ParkReason, Queued, State
from dayshift.tree import Tree
from dayshift.tunnel import Tunnel, beyond
from dayshift.watch import watching
from departure import CLOSED, SAID, WRITTEN, Departure
from desk import Desk, keep_plan, kept_day
from dusk import Dusk
from enclosure import Surroundings, mark
from evening import gather
from handover import Handover
from switchboard import Switchboard
from treasury import Treasury
from tutor import Tutor

if TYPE_CHECKING:  # handed in: the Orchestrator starts the daemon, and modules that import each other are none
    from orchestrator import Orchestrator

log = logging.getLogger("dayshift")

RESCAN_SECONDS = 1.0
PAUSE_SECONDS = 0.01  #: between two looks, however much changes: others have their turn
UNSERVED = (ParkReason.usage_limit, ParkReason.provider, ParkReason.credit, ParkReason.authentication)


class Daemon:
    """One home's day: started, run until it is over or told to stop, ended with a report."""

    def __init__(
        self, orchestrator: "type[Orchestrator]", prepared: Preparation, announce: Callable[[str], None], clock: Clock
    ) -> None:
        self._prepared, self._clock = prepared, clock
        self._home, self._settings = prepared.home, prepared.settings
        self._redaction = Redaction.of(prepared.settings, prepared.environment)
        redacted = self._redaction.redacted
        self._desk = Desk(
            self._home, self._clock, lambda record: self._treasury.spend(record), lambda text: announce(redacted(text)),
            lambda alert: self._switchboard.tell(alert),
            lambda question, after: self._switchboard.answered(question, after), self._settings.timezone,
        )  # fmt: skip
        self._changed = asyncio.Event()
        self._rehearsal = Rehearsal() if prepared.rehearsal else None
        self._orchestrator = orchestrator(
            self._clock, self._make_crew, self._desk, lambda: str(uuid.uuid4()), self._settings.max_agents,
            self._settings.guard.halt_after, prepared.rehearsal, lambda: self._desk.hindrance,
            self._settings.timezone,
        )  # fmt: skip
        self._floor = Floor(int(self._settings.limits.free_gb * GB), self._disks, self._tell_of_room)
        self._allotment = Allotment(
            self._home, int(self._settings.limits.all_workspaces_gb * GB), lambda: self._orchestrator.records,
            self._tell_of_room,
        )  # fmt: skip
        self._switchboard = Switchboard(
            prepared, clock, lambda: self._orchestrator.records, lambda: self._treasury.standings(),
            lambda: self._treasury.today, self._desk.say, lambda: self._changed.set(),
        )  # fmt: skip
        self._beyond = beyond()
        self._cast_already: set[str] = set()
        self._handover = Handover(self._home, self._clock, self._orchestrator.put, self._desk.reply)
        self._tutor = Tutor(
            self._home, self._settings.learning, prepared.rehearsal, clock, self._orchestrator.put, self._desk.say
        )
        self._departure = Departure(
            clock, self._desk.say, lambda: self._orchestrator.put(StopAsked()), self._orchestrator.abandon
        )
        self._found: frozenset[tuple[str, State]] = frozenset()  #: what had ended before, and how
        self._dusk = Dusk(
            self._home, self._clock, self._settings.timezone, self._settings.report_at,
            lambda: self._orchestrator.records.values(), self._facts, self._desk.tell, self._is_drawn,
            lambda facts: carried(self._home, self._settings, self._treasury, facts),
        )  # fmt: skip
        self._caretaker = Caretaker(self._home, self._orchestrator, self._forget, self._desk.reply)
        self._counter = Counter(
            self._home, clock, self._orchestrator, self._handover, self._desk.reply, self._dusk.write,
            lambda: self._gate.doubt(), self._departure, self._caretaker,
            lambda: asyncio.get_running_loop().call_soon(self._changed.set),
        )  # fmt: skip

    # --- the parts -----------------------------------------------------------------------------------

    def _make_crew(self, orchestrator: "Orchestrator") -> Crew:
        settings = self._settings
        self._treasury = Treasury(
            self._prepared, self._clock, lambda task_id: orchestrator.records[task_id], lambda: orchestrator.day,
            orchestrator.put, self._desk.say, self._tell_of_money,
        )  # fmt: skip
        self._sight = SecondSight(self._judge, self._note, orchestrator.put, self._clock)
        self._delivery = Delivery(lambda task_id: orchestrator.records[task_id], self._note, orchestrator.put)
        self._hook = Hook(self._judge, self._sight, self._answer_for, self._begun, self._note, orchestrator.put,
                          self._clock, self._delivery.beside, self._is_visited)  # fmt: skip
        self._gate = Gate(self._clock, orchestrator.put)
        self._gateway = Gateway(
            self._treasury.admission, self._hook, claude_code.HOOK_PATH, self._upstream, self._gate, self._clock,
            self._keep_plan, sight=self._sight, tunnel=self._tunnel, passing=self._delivery.passing,
        )  # fmt: skip
        self._crew = Crew(
            self._surroundings(orchestrator), self._compose,
            lambda record: self._prepared.prices.resolve(record.task.model),
            lambda record: self._treasury.admission.max_output_tokens(record, settings.agent.max_output_tokens),
        )  # fmt: skip
        return self._crew

    def _surroundings(self, orchestrator: "Orchestrator") -> Surroundings:
        settings, environment = self._settings, self._prepared.environment
        limits = settings.limits
        return Surroundings(
            home=self._home, cli=self._prepared.cli.path, gateway=self._gateway, sandboxed=settings.sandbox != "none",
            toolchain=self._prepared.tools,
            tools=tuple(settings.agent.tools), share=tuple(settings.workspace.share),
            copy_shared=settings.workspace.copy_shared, setup=tuple(settings.workspace.setup),
            bounds=Bounds(int(limits.memory_gb * GB), limits.processes, int(limits.workspace_gb * GB)),
            scratch_bytes=int(limits.tmp_gb * GB),
            databases=Wanted(settings.workspace.databases.read_only, settings.workspace.databases.writable),
            environment={name: environment[name] for name in settings.agent.environment if name in environment},
            subscription=self._prepared.subscription, silence_seconds=settings.agent.silence_minutes * 60,
            stand_ins=stand_ins.shown(
                self._home.stand_ins, self._prepared.tools.path, {"git", *self._prepared.policy.clients},
                self._prepared.tools.folders,
            ),
            clock=self._clock, judge=self._judge, sight=self._sight, put=orchestrator.put, hindered=self._desk.hindered,
        )  # fmt: skip

    def _tell_of_money(self, notice: Notice) -> None:
        self._desk.say(notice.text)
        self._desk.tell(alerts.of_money(notice, self._clock.now()))

    def _disks(self) -> set[Path]:
        """Where agents and this program write: the home, and the projects whose repositories keep the work."""
        return {self._home.root, *map(Path, {each.project for each in self._orchestrator.records.values()})}

    def _forget(self, task_id: str) -> None:
        """Let go of what is remembered of a task that is gone."""
        self._hook.begin(task_id)  # what its last run left there says nothing any more
        self._delivery.forget(task_id)
        self._desk.forget(task_id)
        self._allotment.forget(task_id)

    def _tell_of_room(self, what: str, scarce: bool) -> None:
        waiting = sum(isinstance(each.state, Queued) for each in self._orchestrator.records.values())
        self._desk.room(what, scarce, waiting)

    def _judge(self, task_id: str, tool: str, tool_input: Mapping[str, Any]) -> Any:
        return judge(tool, tool_input, self._prepared.policy, Tree(workspace.repo_of(self._home.workspace(task_id))))

    def _tunnel(self, task_id: str, hosts: Sequence[str]) -> Tunnel:
        """The task's way to these hosts; what it is refused is told."""

        def refuse(refused: Refused) -> None:
            self._orchestrator.put(NetworkRefused(task_id, refused))

        return Tunnel(AllowList.of(hosts), self._beyond, partial(self._note, task_id), refuse)

    def _keep_plan(self, windows: tuple[PlanWindow, ...]) -> None:
        """Keep how much of the person's plan is used, as the latest answer says it."""
        if not self._prepared.rehearsal:
            self._desk.arrears.attempt(lambda: keep_plan(self._home, windows, self._clock.now()))

    def _begun(self, task_id: str, command: str) -> None:
        self._crew.begun(task_id, command)

    def _note(self, task_id: str, text: str) -> None:
        self._crew.touch(task_id)
        self._crew.note(task_id, text)

    def _is_visited(self, task_id: str) -> bool:
        return visits.is_open(self._orchestrator.records[task_id])

    def _answer_for(self, task_id: str, tool_input: Mapping[str, Any]) -> str | None:
        """The person's answer to this very call, if there is one: the latest question's."""
        record = self._orchestrator.records[task_id]
        answers = {answer.number: answer.text for answer in record.answers}
        asked = [question for question in record.questions if question.tool_input == dict(tool_input)]
        return answers.get(asked[-1].number) if asked else None

    def _upstream(self, task_id: str) -> Upstream:
        if self._rehearsal is None:
            return Upstream(self._prepared.upstream, self._prepared.credential)
        self._cast(self._orchestrator.records[task_id])
        return Upstream(f"{self._rehearsal.url}/{task_id}", {"x-api-key": "rehearsal"})

    def _cast(self, record: Record) -> None:
        """Give the scripted model its part, once per task."""
        assert self._rehearsal is not None
        if record.id not in self._cast_already:
            self._cast_already.add(record.id)
            turns = record.task.rehearsal
            place = self._home.workspace(record.id)
            places = {"workspace": str(place), "repo": str(place / "repo")}
            parsed = script.parse_turns(turns) if turns is not None else script.improvise(record.task)
            self._rehearsal.play(record.id, parsed, places)

    def _compose(self, record: Record, project: git.Repository, base: str, resuming: bool) -> str:
        """What the run is told; from here on it is a run that hook and guidance know."""
        self._hook.begin(record.id)
        self._delivery.begin(record)
        return brief(self._home, self._tutor, record, project, base, resuming)

    # --- the day -------------------------------------------------------------------------------------

    async def run(self, day: Day | None, once: bool) -> int:
        """The whole day; the exit code says how it went."""
        with self._departure.listening():
            await self._begin(day)
            try:
                with watching([self._home.questions, self._home.inbox], self._changed):
                    await self._switchboard.open()
                    await self._until_over(once)
                return await self._conclude()
            finally:
                await self._departure.step("what was still to be told", self._switchboard.close(), SAID)
                self._treasury.let_go()

    async def _begin(self, day: Day | None) -> None:
        self._changed = asyncio.Event()
        await self._gateway.start()
        if not self._prepared.subscription and not self._prepared.rehearsal:
            self._home.plan_windows.unlink(missing_ok=True)  # with a key there are none
        if self._rehearsal:
            await self._rehearsal.start()
        inbox.forget_replies(self._home)
        self._counter.open()
        await self._tutor.look(self._treasury.today)
        if day is not None:  # before anything goes on: what the file goes on with must not begin as the old day's
            self._orchestrator.put(HandedIn(day))
        self._restore(handed_in=day is not None)

    def mourn(self, earlier: Mapping[str, Any]) -> None:
        """Tell the person that the daemon before this one ended without a word; `earlier` is what is left of it."""
        self._desk.tell(alerts.of_death(earlier, self._clock.now(), self._settings.timezone))

    async def _until_over(self, once: bool) -> None:
        """Until the Orchestrator is done; if the waker dies, so does the daemon, for nobody would hear the person."""
        waker = asyncio.create_task(self._wake(), name="waker")
        work = asyncio.create_task(self._orchestrator.run(once), name="orchestrator")
        try:
            finished, _ = await asyncio.wait({work, waker}, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                task.result()
        finally:
            waker.cancel()
            await self._end()

    def _restore(self, handed_in: bool) -> None:
        """Take up what an earlier daemon left. Rehearsed and real tasks never meet: each kind has its own daemon."""
        known, broken = records.load_all(self._home)
        chronicle.taken_up(known.values(), broken)
        lost = wrecks.ids(broken)
        for task_id in lost:
            self._desk.wrecked(task_id)
        mine = {each: record for each, record in known.items() if record.rehearsal == self._prepared.rehearsal}
        for record in known.values():
            if record.rehearsal and (record.ended or not self._prepared.rehearsal):
                self._discard_rehearsed(record)
                mine.pop(record.id, None)
        if self._prepared.rehearsal and not mine:
            daybook.forget_rehearsals(self._home)
        self._found = frozenset((each.id, each.state) for each in mine.values() if each.ended)
        self._orchestrator.day = None if handed_in else kept_day(self._home)[0]
        if any(isinstance(record.state, Parked) and record.state.why in UNSERVED for record in mine.values()):
            self._gate.doubt(Limit(Kind.unreachable, detail="not tried since the start"))
        elsewhere = {each: known[each] for each in known.keys() - mine.keys()}
        self._desk.put_away(mine.values())
        self._orchestrator.restore(mine, elsewhere, unreadable=lost)

    def _discard_rehearsed(self, record: Record) -> None:
        """A rehearsal holds nothing to keep; a run of it that an earlier daemon left is ended first."""
        spool = Spool(self._home.run(record.id, record.runs))
        spool.end(mark(self._home, record))
        discard(self._home, record)

    async def _wake(self) -> None:
        """Look at the files whenever they change, and every second in any case."""
        while True:
            self._changed.clear()  # before the look: what changes during it wakes us again
            for look in (self._switchboard.look, self._counter.look, self._look_at_files, self._dusk.look):
                self._desk.arrears.attempt(look)  # whatever the disk refuses: the others go on
            await self._treasury.look(self._orchestrator.records.values())
            await self._tutor.look(self._treasury.today)
            self._caretaker.look(self._treasury.today)
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                async with asyncio.timeout(RESCAN_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                self._orchestrator.put(Tick())

    def _look_at_files(self) -> None:
        self._floor.look()
        self._allotment.look()
        self._desk.hindrance = self._floor.why or self._allotment.why or self._desk.arrears.why
        known = self._orchestrator.records.values()
        self._desk.refresh(known, self._orchestrator.activity)
        if self._desk.look_for_answers(known, self._orchestrator.put):
            asyncio.get_running_loop().call_soon(self._changed.set)

    # --- the end -------------------------------------------------------------------------------------

    async def _end(self) -> None:
        step, known = self._departure.step, self._orchestrator.records
        await step("agents that went on", self._crew.close(), CLOSED)
        await step("a verdict being carried out", self._handover.close(), CLOSED)
        await step("tasks being cleared away", self._caretaker.close(), CLOSED)
        await step("the counting of workspaces", self._allotment.close(), CLOSED)
        await step("answers of the model under way", self._gateway.close(), CLOSED)
        await step("the ledger", self._treasury.close(known.values()), CLOSED)
        if self._rehearsal:
            await step("the scripted model", self._rehearsal.stop(), CLOSED)
        with suppress(OSError):  # agents that go on without the daemon still have theirs
            self._home.sockets().rmdir()

    async def _conclude(self) -> int:
        self._desk.refresh(self._orchestrator.records.values(), self._orchestrator.activity)
        day, known = self._orchestrator.day, self._orchestrator.records.values()
        if known:  # of no task at all there is nothing to tell, and an earlier report may lie there
            try:
                written = await self._departure.step("the day's picture", self._dusk.end(), WRITTEN)
                self._desk.say(f"report: {written or self._dusk.write()}")
            except OSError as error:
                self._desk.say(f"the report could not be written ({error}); once there is room: `dayshift report`")
        return schedule.exit_code(schedule.at_issue(known, day.date if day else None, self._found))

    def _facts(self) -> DayFacts:
        """What the report of the day at hand says now."""
        known = self._orchestrator.records
        day = self._orchestrator.day.date if self._orchestrator.day else self._today(self._clock.now())
        dirty = False
        with suppress(Unusable):
            _, dirty = kept_day(self._home)
        rehearsal, timezone = self._prepared.rehearsal, self._settings.timezone
        return gather(self._home, day, known, self._treasury, timezone, rehearsal, dirty, self._clock.now())

    @property
    def _is_drawn(self) -> bool:
        """Whether the day is drawn, which takes two seconds: for whoever is sent the picture."""
        notify, environment = self._settings.notify, self._prepared.environment
        tokens = {"TELEGRAM_BOT_TOKEN", "DISCORD_WEBHOOK_URL"} & {*environment}
        return bool(tokens or notify.channels or notify.command)

    def _today(self, now: datetime) -> date:
        return day_of(now, self._settings.timezone)
