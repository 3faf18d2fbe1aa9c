"""The agents at work: each run and each verification is one asyncio task of its own, started and ended from here."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent import Agent, SetupFailed, Surroundings
from dayshift import decisions, git, workspace
from dayshift.disposal import discard
from dayshift.model import Exit, Record, RunEnded
from dayshift.spool import Spool

log = logging.getLogger("dayshift.crew")

Compose = Callable[[Record, git.Repository, str, bool], str]


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

    # --- what the Orchestrator asks for --------------------------------------------------------------

    def start(self, record: Record, starts_from: Sequence[tuple[str, str]]) -> None:
        """Launch the task's next run and see it through to its RunEnded."""
        self._begin(record.id, self._run(record, starts_from))

    def adopt(self, record: Record) -> None:
        """See a run through that an earlier daemon launched."""
        self._begin(record.id, self._agent(record).take_up())

    def launched(self, record: Record) -> bool:
        """Whether the record's present run was ever begun; if not, this makes sure that it never will be."""
        return not self._spool(record).forestall()

    def stop(self, task_id: str) -> None:
        """End the task's run or verification."""
        agent = self._agents.get(task_id)
        if agent is not None and agent.spool.started:
            agent.stop()
        elif task_id in self._work:
            self._work[task_id].cancel()

    def verify(self, record: Record) -> None:
        """Check the task's work, up to its Verified."""
        self._begin(record.id, self._agent(record).verify())

    def discard(self, record: Record) -> None:
        """Take away everything a task left: workspace, runs, record, status, logs."""
        discard(self._around.home, record)

    async def close(self) -> None:
        """Let go of whatever still runs; its holders keep it for the next daemon."""
        for task in list(self._work.values()):
            task.cancel()
        await asyncio.gather(*self._work.values(), return_exceptions=True)

    def touch(self, task_id: str) -> None:
        """The task's agent gave a sign of life."""
        if task_id in self._agents:
            self._agents[task_id].touch()

    def note(self, task_id: str, text: str) -> None:
        """Write into the task's log."""
        if task_id in self._agents:
            self._agents[task_id].log(text)

    # --- how it is done ------------------------------------------------------------------------------

    def _begin(self, task_id: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"agent {task_id}")
        self._work[task_id] = task
        task.add_done_callback(lambda done: self._over(task_id, done))

    def _over(self, task_id: str, done: asyncio.Task[None]) -> None:
        if self._work.get(task_id) is done:
            del self._work[task_id]
        if not done.cancelled() and (error := done.exception()):
            log.error("%s: %s: %s", task_id, type(error).__name__, error, exc_info=error)
            self._unprepared(task_id, f"{type(error).__name__}: {error}")

    def _unprepared(self, task_id: str, why: str) -> None:
        run = self._agents[task_id].record.runs if task_id in self._agents else 0
        self._around.put(RunEnded(task_id, Exit(run, None, how="unprepared", error=why), 0.0))

    def _spool(self, record: Record) -> Spool:
        return Spool(self._around.home.run(record.id, record.runs))

    def _agent(self, record: Record) -> Agent:
        place = workspace.Workspace(self._around.home.workspace(record.id), git.find(Path(record.project)))
        agent = Agent(self._around, record, place, self._spool(record))
        self._agents[record.id] = agent
        return agent

    async def _run(self, record: Record, starts_from: Sequence[tuple[str, str]]) -> None:
        try:
            agent = self._agent(record)
            base = record.base if record.base else await asyncio.to_thread(self._base, agent, starts_from)
            agent.record = record = replace(record, base=base)
            prompt = self._compose(record, agent.workspace.project, base, agent.resuming)
            seconds = decisions.seconds_left(record)
            await agent.launch(base, self._model(record), prompt, seconds, self._max_output_tokens(record))
        except (
            SetupFailed,
            workspace.Conflict,
            workspace.Tampered,
            git.GitError,
            git.NotARepository,
            OSError,
        ) as error:
            return self._unprepared(record.id, str(error))
        return await agent.follow()

    @staticmethod
    def _base(agent: Agent, starts_from: Sequence[tuple[str, str]]) -> str:
        project = agent.workspace.project
        return workspace.joined(project, starts_from) if starts_from else workspace.head(project)
