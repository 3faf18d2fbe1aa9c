"""The daemon: wires the parts round one Orchestrator, wakes it, and ends in order. One per home."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any

import legacy
import surroundings
from ahead import carried
from briefing import brief
from caretaker import Caretaker
from counter import Counter
from crew import Crew
from dayshift import alerts, records
from dayshift.clock import Clock, day_of
from dayshift.day_facts import DayFacts
from dayshift.deciding import schedule
from dayshift.events import HandedIn, StopAsked, Tick
from dayshift.files import Unusable
from dayshift.host.premises import Premises
from dayshift.limits import Kind, Limit, PlanWindow
from dayshift.logbook.redaction import Redaction
from dayshift.mailbox import inbox
from dayshift.mailbox.watch import watching
from dayshift.model import Day, Record
from dayshift.notices import Notice
from dayshift.proving.preparation import Preparation
from dayshift.proxy.exchange import Upstream
from dayshift.proxy.stage import Stage
from dayshift.repository import git
from dayshift.states import State
from departure import CLOSED, SAID, WRITTEN, Departure
from desk import Desk, keep_plan
from dusk import Dusk
from evening import Changes, changes, gather, of_the_day
from gatehouse import Gatehouse
from handover import Handover
from switchboard import Switchboard
from treasury import Treasury
from tutor import Tutor

if TYPE_CHECKING:  # handed in: the Orchestrator starts the daemon, and modules that import each other are none
    from orchestrator import Orchestrator

RESCAN_SECONDS = 1.0
PAUSE_SECONDS = 0.01  #: between two looks, however much changes: others have their turn


class Daemon:
    """One home's day: started, run until it is over or told to stop, ended with a report."""

    def __init__(
        self, orchestrator: "type[Orchestrator]", prepared: Preparation, announce: Callable[[str], None], clock: Clock
    ) -> None:
        self._prepared, self._clock = prepared, clock
        self._home, self._settings = prepared.home, prepared.settings
        redacted = Redaction.of(prepared.settings, prepared.environment).redacted
        self._desk = Desk(
            self._home, self._clock, lambda record: self._treasury.spend(record), lambda text: announce(redacted(text)),
            lambda alert: self._switchboard.tell(alert),
            lambda question, after: self._switchboard.answered(question, after), self._settings.timezone,
            prepared.rehearsal,
        )  # fmt: skip
        self._changed = asyncio.Event()
        provider = Upstream(prepared.upstream, prepared.credential)
        self._stage = Stage(self._home, provider, prepared.rehearsal, lambda id: self._orchestrator.records[id])
        self._orchestrator = orchestrator(
            self._clock, self._make_crew, self._desk, lambda: str(uuid.uuid4()), self._settings.max_agents,
            self._settings.guard.halt_after, prepared.rehearsal, lambda: self._desk.hindrance,
            self._settings.timezone,
        )  # fmt: skip
        self._premises = Premises(
            self._home, self._settings.limits, lambda: self._orchestrator.records, self._desk.room
        )
        self._switchboard = Switchboard(
            prepared, clock, lambda: self._orchestrator.records, lambda: self._treasury.standings(),
            lambda: self._treasury.today, self._desk.say, lambda: self._changed.set(),
        )  # fmt: skip
        self._handover = Handover(self._home, self._clock, self._orchestrator.put, self._desk.reply)
        self._tutor = Tutor(
            self._home, self._settings.learning, prepared.rehearsal, clock, self._orchestrator.put, self._desk.say
        )
        self._departure = Departure(
            clock, self._desk.say, lambda: self._orchestrator.put(StopAsked()), self._orchestrator.abandon
        )
        self._found: frozenset[tuple[str, State]] = frozenset()  #: what had ended before, and how
        self._seen: Changes | None = None
        self._dusk = Dusk(
            self._home, self._clock, self._settings.timezone, self._settings.report_at,
            lambda: self._orchestrator.records.values(), self._facts, self._desk.tell, self._desk.reply,
            self._is_drawn,
            lambda facts: carried(self._home, self._settings, self._treasury, facts), self._look_back,
        )  # fmt: skip
        self._caretaker = Caretaker(self._home, self._orchestrator, self._forget, self._desk.reply)
        self._counter = Counter(
            self._home, clock, self._orchestrator, self._handover, self._desk.reply, self._dusk.take,
            lambda: self._gatehouse.doubt(), self._departure, self._caretaker,
            lambda: asyncio.get_running_loop().call_soon(self._changed.set),
        )  # fmt: skip

    # --- the parts -----------------------------------------------------------------------------------

    def _make_crew(self, orchestrator: "Orchestrator") -> Crew:
        self._treasury = Treasury(
            self._prepared, self._clock, lambda task_id: orchestrator.records[task_id], lambda: orchestrator.day,
            orchestrator.put, self._desk.say, self._tell_of_money,
        )  # fmt: skip
        self._gatehouse = Gatehouse(
            self._home, self._prepared.policy, self._clock, self._treasury.admission, self._stage.upstream,
            lambda task_id: orchestrator.records[task_id], lambda: self._crew, orchestrator.put, self._keep_plan,
        )  # fmt: skip
        self._crew = Crew(
            surroundings.chosen(self._prepared, self._gatehouse, self._clock, orchestrator.put, self._desk.hindered),
            self._compose,
            lambda record: self._prepared.prices.resolve(record.task.model),
            lambda record: self._treasury.admission.max_output_tokens(record, self._settings.agent.max_output_tokens),
        )  # fmt: skip
        return self._crew

    def _tell_of_money(self, notice: Notice) -> None:
        self._desk.say(notice.text)
        self._desk.tell(alerts.of_money(notice, self._clock.now()))

    def _forget(self, task_id: str) -> None:
        """Let go of what is remembered of a task that is gone."""
        self._gatehouse.forget(task_id)
        self._desk.forget(task_id)
        self._premises.forget(task_id)

    def _keep_plan(self, windows: tuple[PlanWindow, ...]) -> None:
        """Keep how much of the person's plan is used, as the latest answer says it."""
        if not self._prepared.rehearsal:
            self._desk.arrears.attempt(lambda: keep_plan(self._home, windows, self._clock.now()))

    def _compose(self, record: Record, project: git.Repository, base: str, resuming: bool) -> str:
        """What the run is told; from here on it is a run that hook and guidance know."""
        self._gatehouse.begin(record)
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
        await self._gatehouse.gateway.start()
        if not self._prepared.subscription and not self._prepared.rehearsal:
            self._home.plan_windows.unlink(missing_ok=True)  # with a key there are none
        await self._stage.open()
        inbox.forget_replies(self._home)
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
        """Take up what an earlier daemon left."""
        left = legacy.entered_upon(self._home, self._prepared.rehearsal, self._desk.wrecked)
        self._found = left.ended
        self._orchestrator.day = None if handed_in else records.kept_day(self._home, self._prepared.rehearsal)[0]
        if left.is_unserved:
            self._gatehouse.doubt(Limit(Kind.unreachable, detail="not tried since the start"))
        self._desk.put_away(left.tasks.values())
        self._orchestrator.restore(left.tasks, left.elsewhere, unreadable=left.lost)

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
        self._desk.hindrance = self._premises.look() or self._desk.arrears.why
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
        await step("the counting of workspaces", self._premises.close(), CLOSED)
        await step("answers of the model under way", self._gatehouse.gateway.close(), CLOSED)
        await step("the ledger", self._treasury.close(known.values()), CLOSED)
        await step("the scripted model", self._stage.close(), CLOSED)
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

    async def _look_back(self) -> None:
        """Ask git what tasks changed, before their day is told of; while it answers, agents are served."""
        mine = of_the_day(self._home, self._day_at_hand, self._orchestrator.records, self._prepared.rehearsal)
        self._seen = await asyncio.to_thread(changes, mine, self._seen)

    @property
    def _day_at_hand(self) -> date:
        day = self._orchestrator.day
        return day.date if day else day_of(self._clock.now(), self._settings.timezone)

    def _facts(self) -> DayFacts:
        """What the report of the day at hand says now."""
        dirty, rehearsal = False, self._prepared.rehearsal
        with suppress(Unusable):
            _, dirty = records.kept_day(self._home, rehearsal)
        return gather(self._home, self._day_at_hand, self._orchestrator.records, self._treasury,
                      self._settings.timezone, rehearsal, dirty, self._clock.now(), self._seen)  # fmt: skip

    @property
    def _is_drawn(self) -> bool:
        """Whether the day is drawn, which takes two seconds: for whoever is sent the picture."""
        notify, environment = self._settings.notify, self._prepared.environment
        tokens = {"TELEGRAM_BOT_TOKEN", "DISCORD_WEBHOOK_URL"} & {*environment}
        return bool(tokens or notify.channels or notify.command)
