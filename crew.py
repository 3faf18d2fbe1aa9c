"""The agents at work: each run and each verification is one asyncio task of its own, started and ended from here."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent import Agent
from dayshift import locks
from dayshift.deciding import decisions, visits
from dayshift.events import RunEnded
from dayshift.host import room
from dayshift.logbook import chronicle
from dayshift.model import Exit, Record
from dayshift.repository import commits, git, quarantine, workspace
from dayshift.repository.outfit import SetupFailed
from dayshift.running import holders
from dayshift.running.spool import Spool
from dayshift.tidying.disposal import discard
from surroundings import Surroundings
from visit import Visited

log = logging.getLogger("dayshift.crew")

Compose = Callable[[Record, git.Repository, str, bool], str]

CANNOT_BEGIN = (
    SetupFailed,
    commits.Conflict,
    workspace.Taken,
    workspace.Tampered,
    git.GitError,
    git.NotARepository,
    locks.Locked,
    OSError,
    sqlite3.Error,
)
HINDERED_SECONDS = 2.0  #: until what the machine did not let us do is tried again


class Crew:
    """Starts, adopts, stops and verifies agents; every call returns at once."""

    def __init__(
        self,
        around: Surroundings,
        compose: Compose,
        model: Callable[[Record], str],
        max_output_tokens: Callable[[Record], int],
    ) -> None:
        self._around, self._compose, self._model, self._max_output_tokens = around, compose, model, max_output_tokens
        self._agents: dict[str, Agent] = {}
        self._work: dict[str, asyncio.Task[None]] = {}
        self._closing = False

    # --- what the Orchestrator asks for --------------------------------------------------------------

    def start(self, record: Record, starts_from: Sequence[tuple[str, str]]) -> None:
        """Launch the task's next run and see it through to its RunEnded."""
        self._begin(record, self._run(record, starts_from))

    def adopt(self, record: Record) -> None:
        """See a run through that an earlier daemon launched."""
        self._begin(record, self._take_up(record))

    def launched(self, record: Record) -> bool:
        """Whether the record's present run was ever begun; if not, this makes sure that it never will be."""
        return not self._spool(record).forestall()

    def stop(self, task_id: str) -> None:
        """End the task's run, or what is being prepared or verified for it."""
        # Later, so that work which has only just been begun has taken its first step and can see to its own end.
        asyncio.get_running_loop().call_soon(self._stop, task_id)

    def verify(self, record: Record) -> None:
        """Check the task's work, up to its Verified."""
        self._begin(record, self._verify(record))

    def discard(self, record: Record) -> None:
        """Take away everything a task left: workspace, runs, record, status, logs."""
        discard(self._around.home, record)

    async def close(self) -> None:
        """Let go of whatever still runs; its holders keep it for the next daemon."""
        self._closing = True
        for task in list(self._work.values()):
            task.cancel()
        await asyncio.gather(*self._work.values(), return_exceptions=True)

    def touch(self, task_id: str) -> None:
        """The task's agent gave a sign of life."""
        if task_id in self._agents:
            self._agents[task_id].touch()

    def begun(self, task_id: str, command: str) -> None:
        """The task's agent was given leave for a tool call."""
        if task_id in self._agents:
            self._agents[task_id].begun(command)

    def note(self, task_id: str, text: str) -> None:
        """Write into the task's log."""
        if task_id in self._agents:
            self._agents[task_id].log(text)

    # --- how it is done ------------------------------------------------------------------------------

    def _stop(self, task_id: str) -> None:
        agent = self._agents.get(task_id)
        if agent is not None and agent.launched:
            try:
                agent.stop()
            except OSError as error:  # not even an empty file: it is told to end as soon as that can be told
                self._around.hindered(error)
                if task_id in self._work:
                    asyncio.get_running_loop().call_later(HINDERED_SECONDS, self._stop, task_id)
        elif task_id in self._work:
            self._work[task_id].cancel()

    def _begin(self, record: Record, work: Coroutine[Any, Any, None]) -> None:
        self._agents.pop(record.id, None)
        task = asyncio.create_task(work, name=f"agent {record.id}")
        self._work[record.id] = task
        task.add_done_callback(lambda done: self._over(record, done))

    def _over(self, record: Record, done: asyncio.Task[None]) -> None:
        if self._work.get(record.id) is done:
            del self._work[record.id]
            self._agents.pop(record.id, None)  # it remembers all that its run said
        if not done.cancelled() and (error := done.exception()):
            log.error("%s: %s: %s", record.id, type(error).__name__, error, exc_info=error)
            self._unprepared(record, f"{type(error).__name__}: {error}")

    def _unprepared(self, record: Record, why: str, how: str = "unprepared") -> None:
        self._around.put(RunEnded(record.id, Exit(record.runs, None, how=how, error=why), 0.0))

    def _spool(self, record: Record) -> Spool:
        return Spool(self._around.home.run(record.id, record.runs))

    def _agent(self, record: Record) -> Agent:
        place = workspace.Workspace(self._around.home.workspace(record.id), git.find(Path(record.project)))
        kind = Visited if visits.is_open(record) else Agent
        agent = kind(self._around, record, place, self._spool(record))
        self._agents[record.id] = agent
        return agent

    async def _run(self, record: Record, starts_from: Sequence[tuple[str, str]]) -> None:
        try:
            agent = await self._launched(record, starts_from)
        except CANNOT_BEGIN as error:
            hindered = room.is_hindrance(error)
            if hindered:
                self._around.hindered(error)
            if not self._spool(record).started:
                return self._unprepared(record, str(error), "hindered" if hindered else "unprepared")
            log.warning("%s: its run is on, although: %s", record.id, error)
            agent = self._agents[record.id]
            agent.launched = True
        except asyncio.CancelledError:
            if self._closing:
                raise
            if self._spool(record).forestall():
                return self._around.put(RunEnded(record.id, Exit(record.runs, None, how="stopped"), 0.0))
            agent = self._agents[record.id]  # its holder was quicker: the run is on, and told to end
            agent.stop()
        return await self._followed(agent)

    async def _followed(self, agent: Agent, take_up: bool = False) -> None:
        """See the run through, past whatever the machine does not let us do for a while; if it fails otherwise, the run
        is ended: no agent works that nobody follows."""
        try:
            while await self._is_hindered(agent, take_up):  # noqa: ASYNC110 - no disk tells that it has room again
                await asyncio.sleep(HINDERED_SECONDS)
        except Exception as error:
            log.error("%s: %s: %s", agent.record.id, type(error).__name__, error, exc_info=error)
            await asyncio.to_thread(agent.spool.end, agent.enclosure.mark)
            await agent.enclosure.close()
            lost = Exit(agent.record.runs, None, how="lost", error=f"it could not be followed: {error}")
            self._around.put(RunEnded(agent.record.id, lost, 0.0))

    async def _is_hindered(self, agent: Agent, take_up: bool) -> bool:
        """Follow the run, or go on with that, to its end; whether the machine did not let us see it through."""
        try:
            await (agent.follow() if agent.hearing or not take_up else agent.take_up())
        except Exception as error:
            if not room.is_hindrance(error):
                raise
            self._around.hindered(error)
            return True
        return False

    async def _launched(self, record: Record, starts_from: Sequence[tuple[str, str]]) -> Agent:
        """The agent of a run that has just been launched."""
        agent = self._agent(record)
        if record.quarantined and not record.in_quarantine:
            await asyncio.to_thread(quarantine.set_aside, self._around.home, agent.workspace, record.quarantined)
        base = record.base if record.base else await asyncio.to_thread(self._base, agent, starts_from)
        agent.record = record = replace(record, base=base)
        prompt = self._compose(record, agent.workspace.project, base, agent.resuming)
        seconds = decisions.seconds_left(record)
        await agent.launch(base, self._model(record), prompt, seconds, self._max_output_tokens(record))
        return agent

    async def _take_up(self, record: Record) -> None:
        chronicle.adopted(record, holders.of(self._spool(record).folder))
        await self._followed(self._agent(record), take_up=True)

    async def _verify(self, record: Record) -> None:
        while True:
            try:
                return await self._agent(record).verify()
            except (OSError, git.GitError, SetupFailed) as error:
                if not room.is_hindrance(error):
                    raise
                self._around.hindered(error)
                await asyncio.sleep(HINDERED_SECONDS)

    @staticmethod
    def _base(agent: Agent, starts_from: Sequence[tuple[str, str]]) -> str:
        project = agent.workspace.project
        return commits.joined(project, starts_from) if starts_from else commits.head(project)
