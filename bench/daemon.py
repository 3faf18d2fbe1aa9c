"""What supervision costs: the time to the first request beside the bare CLI's, the daemon's share with 20 agents."""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import yaml

from dayshift.claude import claude_binary, claude_code
from dayshift.home import Home
from dayshift.rehearsing import written_turns
from dayshift.rehearsing.rehearsal import Rehearsal

PROGRAM = Path(__file__).parent.parent / "orchestrator.py"
MODEL = "claude-sonnet-5-5"
AGENTS = 20
TURNS, DELAY = 5, 3.0  #: of each of the many agents; seconds the model thinks
LOOK_AGAIN_SECONDS = 0.001
SAMPLE_SECONDS = 0.25
MARKS = ("trying to break out", "taken in")  #: lines of `start` that end its first and its second stage
STAGES = ("interpreter, files, choices", "self-test", "workspace, holder, sandbox, CLI")


class Place:
    """A folder with a home, a small repository and a day file."""

    def __init__(self, folder: Path, cli: Path, server: Rehearsal) -> None:
        self.folder, self.cli, self.server = folder, cli, server
        self.project = folder / "project"
        self.project.mkdir()
        self.prompt = self.project / "README.md"
        self.prompt.write_text("# A project\n")
        identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
        for words in (["init", "-q"], ["add", "--all"], [*identity, "commit", "-q", "-m", "Begin"]):
            subprocess.run(["git", *words], cwd=self.project, check=True, env=self.environment("git"))

    def environment(self, name: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONUNBUFFERED": "1",
            "ANTHROPIC_BASE_URL": f"{self.server.url}/{name}", "ANTHROPIC_API_KEY": "a key that opens nothing",
            "DAYSHIFT_PROJECT": str(self.project), "DAYSHIFT_AGENT__CLI": str(self.cli),
            "DAYSHIFT_MAX_AGENTS": str(AGENTS), "GIT_CONFIG_GLOBAL": os.devnull,
        }  # fmt: skip

    def start(self, home: str, tasks: int) -> list[str | Path]:
        """The words that run a day of so many tasks in that home; an id is taken in the repository, whosever it is."""
        day = self.folder / f"{home}.yaml"
        listed = [{"id": f"{home}-{number}", "name": "Do", "description": "words"} for number in range(tasks)]
        day.write_text(yaml.safe_dump({"date": "2026-11-20", "tasks": listed}))
        return [sys.executable, PROGRAM, "--home", Home(self.folder / home).root, "start", day, "--once"]

    async def run(self, argv: list[Any], name: str) -> asyncio.subprocess.Process:
        """The process, all it says in one pipe."""
        with self.prompt.open() as prompt:
            return await asyncio.create_subprocess_exec(
                *map(str, argv), cwd=self.project, env=self.environment(name), stdin=prompt,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip


# --- the time to the first request -------------------------------------------------------------------


async def bare(place: Place) -> float:
    """Seconds from the bare CLI's start to its first request."""
    words = claude_code.command(place.cli, str(uuid4()), False, MODEL, ["Bash"], [])
    began = time.perf_counter()
    process = await place.run(words, "first")
    seen = await _first_request(place.server, process) - began
    await process.communicate()
    return seen


async def supervised(place: Place, home: str) -> list[float]:
    """Seconds of each stage of `start`, from its beginning to the first request of its agent."""
    began = time.perf_counter()
    process = await place.run(place.start(home, 1), "first")
    first = asyncio.create_task(_first_request(place.server, process))
    moments = [began, *[moment async for moment in _marked(process)], await first]
    await process.wait()
    return [later - earlier for earlier, later in pairwise(moments)]


async def _first_request(server: Rehearsal, process: asyncio.subprocess.Process) -> float:
    """When the next request arrives."""
    known = len(server.bill)
    while len(server.bill) == known:
        if process.returncode is not None:
            raise SystemExit(f"ended without a request, with exit code {process.returncode}")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return time.perf_counter()


async def _marked(process: asyncio.subprocess.Process) -> AsyncIterator[float]:
    """When each mark is said; what is said afterwards is read too, so that nobody waits for us."""
    assert process.stdout is not None
    ahead = list(MARKS)
    async for line in process.stdout:
        if ahead and ahead[0] in line.decode():
            ahead.pop(0)
            yield time.perf_counter()


async def first_requests(place: Place, runs: int) -> None:
    """Both in turns, so that whatever else the machine does meets each of them alike."""
    place.server.play("first", written_turns.parse_turns([{"text": "Done."}]), {})
    alone, stages = [], []
    for number in range(runs):
        alone.append(await bare(place))
        stages.append(await supervised(place, f"home-{number}"))
    middle, whole = statistics.median(alone), statistics.median(map(sum, stages))
    print(f"to the first request, median of {runs} runs")
    ratio = f"{whole / middle:5.1f} times the bare CLI"
    print(f"  bare CLI               {middle:6.2f} s   max {max(alone):5.2f} s")
    print(f"  start                  {whole:6.2f} s   max {max(map(sum, stages)):5.2f} s   {ratio}")
    for name, taken in zip(STAGES, zip(*stages, strict=True), strict=True):
        print(f"    {name:33} {statistics.median(taken):6.2f} s")


# --- many agents at once -----------------------------------------------------------------------------


async def many(place: Place) -> None:
    """The daemon's CPU and memory while twenty agents work."""
    turns = [{"text": "I look.", "bash": "ls", "delay": DELAY}] * TURNS
    place.server.play("many", written_turns.parse_turns([*turns, {"text": "Done."}]), {})
    before = len(place.server.bill)
    process = await place.run(place.start("many", AGENTS), "many")
    began, drain = time.perf_counter(), asyncio.create_task(process.communicate())
    cpu, children, memory = await _watched(psutil.Process(process.pid), drain)
    wall, requests = time.perf_counter() - began, len(place.server.bill) - before
    print(f"{AGENTS} agents at once, {requests} requests in {wall:.0f} s, exit code {process.returncode}")
    share = f"{cpu / wall:6.1%} of one core, {cpu / requests * 1e3:.0f} ms a request"
    print(f"  daemon CPU             {cpu:6.2f} s   {share}")
    print(f"  its git and self-test  {children:6.2f} s")
    print(f"  daemon memory (RSS)    {memory / 2**20:6.0f} MiB at most")


async def _watched(daemon: psutil.Process, drain: asyncio.Task[Any]) -> tuple[float, float, int]:
    """CPU seconds of the process, of the children it waited for, and its largest RSS, sampled until it ends."""
    cpu = children = 0.0
    memory = 0
    while not drain.done():
        try:
            times, memory = daemon.cpu_times(), max(memory, daemon.memory_info().rss)
            cpu, children = times.user + times.system, times.children_user + times.children_system
        except psutil.NoSuchProcess:
            break
        await asyncio.sleep(SAMPLE_SECONDS)
    await drain
    return cpu, children, memory


# --- both --------------------------------------------------------------------------------------------


@asynccontextmanager
async def laid_out() -> AsyncIterator[Place]:
    """The place to measure in, with a scripted model."""
    cli = claude_binary.bundled()
    if cli is None:
        raise SystemExit("the CLI is not installed: pip install 'dayshift[cli]'")
    server = Rehearsal()
    await server.start()
    with tempfile.TemporaryDirectory() as name:
        yield Place(Path(name), cli, server)
    await server.stop()


async def measure(runs: int) -> None:
    """Everything, one after the other."""
    async with laid_out() as place:
        await first_requests(place, runs)
        await many(place)


def main() -> None:
    """Measure and print; nothing is asserted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="starts of each kind")
    asyncio.run(measure(parser.parse_args().runs))


if __name__ == "__main__":
    main()
