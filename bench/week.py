"""A week of a daemon: its memory and descriptors while a thousand tasks come and go; what it takes to do nothing.

Everything of the daemon is real, but its agents: each asks the gateway, over its own socket, for a few answers of a
model that is a stand-in too, and for the guard's leave; some ask the person, some fail. The week's time is told to it.
"""

import argparse
import asyncio
import gc
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil

from bench.pretenders import ANSWER, WORDS, Agents, ToldClock, provider
from daemon import Daemon
from dayshift import files, records
from dayshift.claude import claude_binary
from dayshift.cost.prices import load_prices
from dayshift.guard.policy_file import load_policy
from dayshift.home import Home, shipped_config
from dayshift.inputs.settings import Budget, Settings
from dayshift.mailbox import inbox, questions
from dayshift.model import Day, Record, Task
from dayshift.proving.preparation import Preparation
from dayshift.repository import commits, git
from dayshift.sandboxing import toolchain
from dayshift.states import Done, Waiting
from orchestrator import Orchestrator

BEGIN = datetime(2026, 11, 16, 8, tzinfo=UTC)
AT_ONCE = 6
WEEK = 7
PATIENCE = 120.0  #: seconds for a day's tasks to come to their end


class Week:
    """One home and its daemon, to which days are handed in."""

    def __init__(self, folder: Path, upstream: str, leak: bool = False) -> None:
        self.home, self.project, self.clock = Home(folder / "home"), folder / "project", ToldClock(BEGIN)
        self.home.make_folders()
        self.project.mkdir(exist_ok=True)
        for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "Begin"]):
            subprocess.run(["git", *words], cwd=self.project, check=True, env=_someone(folder))
        settings = Settings(max_agents=AT_ONCE, budget=Budget(daily_usd=Decimal(1000)), project=str(self.project))
        prepared = Preparation(
            home=self.home, settings=settings, policy=load_policy(shipped_config() / "policy.yaml"),
            prices=load_prices({}, BEGIN.date()), cli=claude_binary.Cli(Path("/bin/true"), (9,)),
            tools=toolchain.detect("/usr/bin:/bin", folder), credential={"x-api-key": "none"}, upstream=upstream,
            provider="stand-in", subscription=False, environment={"HOME": str(folder)}, rehearsal=False,
        )  # fmt: skip
        base = commits.head(git.find(self.project))
        home, leaked = self.home, list[bytes]() if leak else None

        class Staffed(Daemon):
            """A daemon whose agents are stand-ins."""

            def _make_crew(self, orchestrator: Orchestrator) -> Any:
                super()._make_crew(orchestrator)
                self._crew: Any = Agents(home, self._gatehouse.gateway, orchestrator.put, base, leaked)
                return self._crew

        self.daemon = Staffed(Orchestrator, prepared, lambda text: None, self.clock)
        self._first = 1

    @property
    def records(self) -> dict[str, Record]:
        """What the daemon knows."""
        return self.daemon._orchestrator.records

    async def day(self, on: date, tasks: int) -> None:
        """Hand in a day of so many tasks; answer what is asked; until all have ended."""
        self.clock.go_to(datetime.combine(on, BEGIN.time(), UTC))
        numbers, self._first = range(self._first, self._first + tasks), self._first + tasks
        made = tuple(
            Task(f"task-{each}", f"Task {each}", WORDS, "sonnet", carry_over=False, max_attempts=1) for each in numbers
        )
        inbox.submit(self.home, {"kind": "day", "day": records.day_to_json(Day(on, str(self.project), made))})
        give_up = time.monotonic() + PATIENCE
        while not self._is_over(made):
            if time.monotonic() > give_up:
                raise SystemExit(f"{sum(not each.ended for each in self.records.values())} tasks do not end")
            self._answer()
            await asyncio.sleep(0.2)
        self.clock.go_to(datetime.combine(on, BEGIN.time(), UTC) + timedelta(hours=11))  # the report's hour
        await asyncio.sleep(1.2)

    async def clean(self) -> None:
        """Have everything that ended cleared away, as a person does in the evening."""
        for some in batched([each for each in self.records.values() if each.ended], 10):
            asked = {"kind": "clean", "tasks": [each.id for each in some], "force": True}
            name = inbox.submit(self.home, asked)
            answer = await asyncio.to_thread(inbox.reply, self.home, name, PATIENCE)
            ok, lines = answer or (False, ["no answer"])
            assert ok, lines

    @property
    def begun(self) -> int:
        """How many tasks there have been."""
        return self._first - 1

    def _is_over(self, tasks: Sequence[Task]) -> bool:
        return all(each.id in self.records and self.records[each.id].ended for each in tasks)

    def _answer(self) -> None:
        for each in self.records.values():
            if isinstance(each.state, Waiting):
                questions.Mailbox(self.home).submit(each.id, "1", "command")


def batched(whole: Sequence[Record], most: int) -> list[Sequence[Record]]:
    """In parts of so many."""
    return [whole[first : first + most] for first in range(0, len(whole), most)]


def _someone(folder: Path) -> dict[str, str]:
    who = {f"GIT_{role}_{fact}": "bench" for role in ("AUTHOR", "COMMITTER") for fact in ("NAME", "EMAIL")}
    return {"PATH": os.defpath, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **who}


# --- what is measured ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process takes after so many tasks."""

    tasks: int
    rss: int
    descriptors: int
    asyncio_tasks: int
    zombies: int
    wal: int
    cpu: float  #: of a core, while nothing happens

    def __str__(self) -> str:
        return (f"{self.tasks:6} tasks  RSS {self.rss / 2**20:6.1f} MiB  {self.descriptors:3} descriptors  "
                f"{self.asyncio_tasks:3} asyncio tasks  {self.zombies} zombies  WAL {self.wal / 2**20:5.2f} MiB  "
                f"idle {self.cpu:6.2%} of a core")  # fmt: skip


async def sample(week: Week, seconds: float) -> Sample:
    """A look at this process, and at what it takes in so many seconds in which nothing happens."""
    me = psutil.Process()
    before, began = sum(me.cpu_times()[:2]), time.monotonic()
    await asyncio.sleep(seconds)
    cpu = (sum(me.cpu_times()[:2]) - before) / (time.monotonic() - began)
    gc.collect()
    children = [each.status() for each in me.children()]
    wal = week.home.ledger(rehearsal=False).with_suffix(".sqlite3-wal")
    return Sample(
        week.begun, me.memory_info().rss, me.num_fds(), len(asyncio.all_tasks()),
        children.count(psutil.STATUS_ZOMBIE), wal.stat().st_size if wal.exists() else 0, cpu,
    )  # fmt: skip


async def lived(
    folder: Path, tasks: int, days: int, seconds: float, leak: bool = False, keep: bool = False,
    tell: Callable[[Sample], None] = lambda taken: None,
) -> list[Sample]:  # fmt: skip
    """A daemon's days, each with its share of the tasks, and a sample after each."""
    async with provider(ANSWER) as upstream:
        week = Week(folder, upstream, leak)
        life, samples = asyncio.create_task(week.daemon.run(None, once=False)), []
        await asyncio.sleep(0.5)
        for number in range(days):
            await week.day(BEGIN.date() + timedelta(days=number), tasks // days + (number < tasks % days))
            if not keep:
                await week.clean()
            samples.append(await sample(week, seconds))
            tell(samples[-1])
        inbox.submit(week.home, {"kind": "stop"})
        await life
        return samples


async def idle(ended: int, seconds: float) -> None:
    """What a daemon takes to start, and then to do nothing, in a home in which so many tasks have ended."""
    with tempfile.TemporaryDirectory() as name:
        async with provider(ANSWER) as upstream:
            week = Week(Path(name), upstream)
            for number in range(ended):
                task = Task(f"task-{number}", f"Task {number}", WORDS, "sonnet")
                made = Record(task, BEGIN.date(), str(week.project), Done(BEGIN), BEGIN, claim=WORDS, ended_at=BEGIN)
                files.write_json(week.home.records / f"{task.id}.json", records.to_json(made), durable=False)
            week = Week(Path(name), upstream)
            began, life = time.monotonic(), asyncio.create_task(week.daemon.run(None, once=False))
            while len(week.records) < ended:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            print(f"{ended} ended tasks taken up in {time.monotonic() - began:.2f} s")
            await asyncio.sleep(10)
            _print(await sample(week, seconds))
            inbox.submit(week.home, {"kind": "stop"})
            await life


def grown(samples: Sequence[Sample], tasks: int) -> float:
    """How much larger the process is at the end than after so many tasks, as a share."""
    first = next(each for each in samples if each.tasks >= tasks)
    return samples[-1].rss / first.rss - 1


def _print(taken: Sample) -> None:
    print(taken, flush=True)


def main() -> None:
    """Measure and print; nothing is asserted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--days", type=int, default=WEEK)
    parser.add_argument("--idle", type=float, default=5.0, help="seconds of idleness after each day")
    parser.add_argument("--leak", action="store_true", help="lose 100 kB with each run, to see that it shows")
    parser.add_argument("--keep", action="store_true", help="nothing is cleaned in the evening")
    parser.add_argument("--ended", type=int, default=0, help="instead: begin with so many ended tasks, and do nothing")
    given = parser.parse_args()
    if given.ended:
        asyncio.run(idle(given.ended, given.idle))
        return
    with tempfile.TemporaryDirectory() as name:
        samples = asyncio.run(lived(Path(name), given.tasks, given.days, given.idle, given.leak, given.keep, _print))
    share = grown(samples, given.tasks // 5)
    print(f"from {given.tasks // 5} tasks to {given.tasks}: RSS {share:+.1%}")


if __name__ == "__main__":
    main()
