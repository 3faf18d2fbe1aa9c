"""The Orchestrator: one queue, one consumer, the only place where a task's state changes. And main()."""

import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import corrections
from dayshift import alerts
from dayshift.clock import Clock, midnight
from dayshift.deciding import decisions, fleet, intake, run_end, schedule, visits
from dayshift.deciding.counterparts import Crew, Desk
from dayshift.deciding.obedience import Obedience
from dayshift.deciding.reception import Reception
from dayshift.deciding.shift import Shift
from dayshift.egress import refusals
from dayshift.events import (
    Active,
    Answered,
    AttachAsked,
    Bypassed,
    CapReached,
    Denied,
    Event,
    Guided,
    HandedIn,
    Heard,
    NetworkRefused,
    Opened,
    Order,
    Ordered,
    Overdue,
    Prepared,
    ProviderLimited,
    Reached,
    Reviewed,
    RunEnded,
    StopAsked,
    Taught,
    Tick,
    Verified,
)
from dayshift.failpoints import passing
from dayshift.limits import Limit
from dayshift.logbook import chronicle
from dayshift.model import Day, Exit, Record
from dayshift.repository import verification
from dayshift.states import Ending, Parked, ParkReason, Running, Verifying, Visit, Waiting


class Orchestrator:
    """Holds every task's record; events go in at `put`, records come out at the desk."""

    def __init__(
        self, clock: Clock, crew: Callable[["Orchestrator"], Crew], desk: Desk, new_session: Callable[[], str],
        max_agents: int, halt_after: int, rehearsal: bool, hindrance: Callable[[], str] = lambda: "",
        timezone: str = "UTC",
    ) -> None:  # fmt: skip
        self._clock, self._desk, self._new_session = clock, desk, new_session
        self._max_agents, self._halt_after, self._rehearsal = max_agents, halt_after, rehearsal
        self._hindrance = hindrance  #: why no agent may be started now, if so
        self._timezone = timezone
        self._shift = Shift(lambda: self.records.values(), desk.say)
        self._crew = crew(self)
        self._reception = Reception(desk, new_session)
        self._obedience = Obedience(desk)
        self._told_limit: Limit | None = None
        self._elsewhere: Mapping[str, Record] = {}
        self._unreadable: Collection[str] = ()
        self._leaving: set[str] = set()  #: ids of tasks that are being cleared away
        self.records: dict[str, Record] = {}
        self.activity: dict[str, str] = {}
        self.day: Day | None = None

    # --- its shift ---------------------------------------------------------------------------------

    def put(self, event: Event) -> None:
        """Hand in an event; it is handled in order."""
        self._shift.put(event)

    async def run(self, once: bool) -> None:
        """Handle events until told to stop, or with `once` until every task has ended or rests on a budget."""
        await self._shift.run(self.handle, once)

    def abandon(self) -> None:
        """End now: runs that go on are left to their holders and taken up by the next daemon."""
        self._shift.abandon()

    # --- the table ---------------------------------------------------------------------------------

    def handle(self, event: Event) -> None:
        """Change states as the event demands. Never awaits, so no two events are ever handled at once. If it ends in
        Unkept, what was kept holds, and it may be handled again."""
        chronicle.handled(event)
        now = self._clock.now()
        match event:
            case Tick():
                self._tick()
            case HandedIn(day, request):
                self._take_in(day, request)
            case Ordered():
                self._told_limit = None if event.order in (Order.resume, Order.retry) else self._told_limit
                self._obey(self._obedience.ordered(event, self.records, now))
            case Guided():
                self._obey(self._obedience.guided(event, self.records))
            case Reviewed():
                self._obey(self._obedience.reviewed(event, self.records, now))
            case StopAsked(drain):
                self._stop(drain)
            case Answered(answer) if answer.task_id in self.records:
                self._become(decisions.answered(self.records[answer.task_id], answer, now))
            case AttachAsked():
                self._make_way(event)
            case Active(task_id, text):
                self.activity[task_id] = text
            case ProviderLimited(limit):
                self._limit(limit)
            case _:
                self._handle_run(event)

    def _handle_run(self, event: Event) -> None:
        """Events of one task's run or verification; those of a task that is gone are ignored."""
        record = self.records.get(getattr(event, "task_id", ""))
        if record is None:
            return
        now = self._clock.now()
        match event:
            case Prepared(_, run, base, layers) if record.runs == run:
                self._become(decisions.prepared(record, base, layers))
            case Taught(_, lessons, late):
                self._become(decisions.taught(record, lessons, late))
            case Denied(_, blocked):
                self._count_blocked(replace(record, blocked=(*record.blocked, blocked)))
            case Bypassed(_, bypass):
                self._end(decisions.bypassed(record, bypass, now))
                self._desk.say(f"{record.id}: the guard was bypassed: {bypass.command}")
            case Opened():
                self._reception.opened(record.id)
            case Heard(_, numbers):
                self._become(decisions.heard(record, numbers))
            case Reached():
                self._become(decisions.reached(record, event, now))
            case NetworkRefused(_, refused):
                self._become(replace(record, refused=refusals.counted(record.refused, refused)))
            case CapReached(_, window, detail):
                parked = decisions.ending(record, Ending.parked, f"{window}: {detail}", ParkReason.cap)
                if parked != record:  # each request of a fan-out is refused; it is said once
                    self._desk.tell(alerts.of_cap(record, window, detail, now))
                    self._become(parked)
                    self._desk.say(f"{record.id}: {window} is reached: {detail}")
            case Overdue(_, run, detail) if record.runs == run:
                self._end(decisions.ending(record, Ending.silent, detail))
                if isinstance(record.state, Running) and record.state.ending is Ending.parked:
                    self._crew.stop(record.id)  # it was left to end by itself, and does not
            case RunEnded():
                self._run_ended(record, run_end.after_run(record, event, now), event.exit)
            case Verified(_, checks):
                told, summary = verification.told(checks), verification.summary(checks)
                self._become(decisions.after_checks(record, event, told, summary, now))

    def _run_ended(self, before: Record, after: Record, exit: Exit) -> None:
        self._become(after)
        for excess in after.excesses[len(before.excesses) :]:
            self._desk.say(f"{after.id}: {excess}")
        if visits.is_open(before):
            self._reception.close(before.id, exit.error or "its session was ended before it began")

    def _become(self, record: Record) -> None:
        """The one place where a task's record is replaced: durable first, then what follows from its new state."""
        before = self.records.get(record.id)
        if record == before:
            return
        for alert in alerts.of_change(before, record, self.activity.get(record.id, ""), self._clock.now()):
            self._desk.tell(alert, record)  # before the change is kept: after a crash it is found again, and known
        self._desk.save(record, self.activity.get(record.id, ""))
        self.records[record.id] = record
        passing("state.entered")
        if before is None or before.state != record.state:
            self._entered(before, record)
        self.put(Tick())

    def _entered(self, before: Record | None, record: Record) -> None:
        if before and visits.open_question(before) and not visits.open_question(record):
            self._desk.close_question(before.questions[-1], record)
        if before and type(before.state) is not type(record.state) and not self._is_told(record):
            self._desk.say(
                f"{record.id}: {record.state.name}{f' ({record.state.reason})' if record.state.reason else ''}"
            )
        match record.state:
            case Running(run=run) if before is None or before.runs != run:
                self._crew.start(record, [(each, self._commit(each)) for each in record.task.depends_on])
            case Waiting():
                self._desk.ask(record.questions[-1])
            case Verifying():
                self._crew.verify(record)

    def _is_told(self, record: Record) -> bool:
        """Whether the person has heard already, for the whole fleet, why this task rests."""
        limit = self._told_limit
        return isinstance(record.state, Parked) and limit is not None and record.state.detail == limit.words

    def _commit(self, task_id: str) -> str:
        commit = self.records[task_id].commit
        assert commit is not None  # a done task's work was kept
        return commit

    # --- what the events do ------------------------------------------------------------------------

    def _tick(self) -> None:
        """Wake what may go on, give up what cannot, start what there is room for; nothing of it while stopping."""
        if self._shift.stopping:
            return
        now = self._clock.now()
        today = midnight(now, self._timezone)
        for record in self._reception.due(self.records, now):
            self._become(record)
        for record in list(self.records.values()):
            changed = schedule.awake(record, self.records, now, today) or schedule.hopeless(record, self.records, now)
            if changed:
                self._become(changed)
        slots = 0 if self._hindrance() else self._max_agents - len(self._shift.at_work())
        for record in schedule.startable(self.records, slots, now):
            self._become(decisions.begun(record, self._new_session(), now))

    def _limit(self, limit: Limit) -> None:
        """Park the fleet. Runs are not cut off: their next request is refused, and they end by themselves."""
        known = self._told_limit
        if known is None or (known.kind, known.until) != (limit.kind, limit.until):
            self._told_limit = limit
            self._desk.limited(limit)
        for record in fleet.limited(self.records, limit, self._clock.now()):
            self._become(record)

    def _take_in(self, day: Day, request: str | None) -> None:
        problems = intake.collisions({**self._elsewhere, **self.records}, day, self._rehearsal, self._unreadable)
        problems += [f"{each.id} is being cleaned; repeat this" for each in day.tasks if each.id in self._leaving]
        if problems:
            return self._desk.reply(request, problems, ok=False)
        self._desk.keep_day(day)
        self.day = day
        now = self._clock.now()
        for task in day.tasks:
            known = self.records.get(task.id)
            record = intake.admitted(known, task, day, self._rehearsal, self.records, now)
            if known and record.created_at != known.created_at:
                self._crew.discard(known)
            elif known and record.day != known.day:
                self._desk.put_by(known)
            self._become(record)
        tasks = "1 task" if len(day.tasks) == 1 else f"{len(day.tasks)} tasks"
        return self._desk.reply(request, [f"{tasks} of {day.date} taken in"], ok=True)

    def let_go(self, record: Record) -> bool:
        """Forget a task that is to be cleared away, if it is still as the record says; then its id is taken for now."""
        if self.records.get(record.id) is not record:
            return False
        self._leaving.add(record.id)
        self.activity.pop(record.id, None)
        return self.records.pop(record.id) is record

    def let_gone(self, record: Record, back: bool) -> None:
        """Its id is free again; or, if it could not be cleared away, it is `back`."""
        self._leaving.discard(record.id)
        if back:
            self.records[record.id] = record

    def _obey(self, outcomes: Iterable[Record]) -> None:
        """Become what the person wants, one after the other; each is kept before the next is asked for."""
        for record in outcomes:
            self._end(record)

    def _make_way(self, wish: AttachAsked) -> None:
        """Let the person into a task's session: what works on it is ended, and the next tick opens it."""
        if why := self._hindrance():
            return self._desk.reply(wish.request, [f"{wish.task_id} cannot be attached now: {why}"], ok=False)
        record = self._reception.take(wish, self.records)
        if record is not None:
            self._end(decisions.ending(record, Ending.parked, "for the person", ParkReason.attached))
            self.put(Tick())
        return None

    def _stop(self, drain: bool) -> None:
        for record in [] if drain else self._shift.at_work():
            self._become(decisions.ending(record, Ending.parked, "the program was stopped", ParkReason.stop))
            self._crew.stop(record.id)
        self._shift.stop(drain)

    def _count_blocked(self, record: Record) -> None:
        if decisions.halt_due(record, self._halt_after):
            record = decisions.ending(record, Ending.halted, f"{len(record.blocked)} forbidden attempts")
        self._end(record)

    def _end(self, record: Record) -> None:
        """Become the record; if that says to end what is going on, end it."""
        before = self.records[record.id].state
        self._become(record)
        told_to_end = isinstance(record.state, Running) and record.state.ending and record.state != before
        if told_to_end or (isinstance(before, Running | Verifying) and record.ended):
            self._crew.stop(record.id)

    # --- a new daemon takes up what an earlier one left ----------------------------------------------

    def restore(
        self, records: dict[str, Record], elsewhere: Mapping[str, Record], unreadable: Collection[str] = ()
    ) -> None:
        """Go on from the records: adopt runs, check again what was being checked, queue what never began.

        `elsewhere` are tasks this daemon leaves alone but whose ids are taken, and so are those `unreadable`.
        """
        now, self._elsewhere, self._unreadable = self._clock.now(), elsewhere, unreadable
        for record in records.values():
            self.records[record.id] = record
            match record.state:
                case Running(ending=told) if self._crew.launched(record):
                    self._crew.adopt(record)
                    if told:  # the earlier daemon may have died before the run heard of it
                        self._crew.stop(record.id)
                case Verifying():
                    self._crew.verify(record)
                case Waiting():
                    self._desk.ask(record.questions[-1])
                case Running(visit=Visit(back=back)):
                    self._become(replace(record, state=back))
                case Running() | Parked(why=ParkReason.credit | ParkReason.authentication):
                    self._become(decisions.queued(record, now))
        self.put(Tick())


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit code."""
    from dayshift import commandline

    parts = commandline.Parts(serve=_serve, reprice=corrections.reprice, rewind=corrections.rewind)
    return commandline.run(arguments, parts)


def _serve(*given: Any) -> int:
    """Run the daemon in this process. Imported here: reading commands must not wait for it."""
    import service

    return service.serve(Orchestrator, *given)


if __name__ == "__main__":
    sys.exit(main())
