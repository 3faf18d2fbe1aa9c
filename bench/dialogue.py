"""How quick the dialogue is: a question's way to the person, and the reply's way to the agent at work again."""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from bench.daemon import LOOK_AGAIN_SECONDS, MODEL, Place, laid_out
from dayshift import files
from dayshift.claude import claude_code
from dayshift.home import Home
from dayshift.rehearsing import written_turns
from tests.bot_api import BotApi

TASK, PERSON = "task-0", 42
THINKS_SECONDS = 0.4  #: so long the person takes; what the question set going has come to rest then
PATIENCE_SECONDS = 60.0
AHEAD = time.time() - time.monotonic()  #: files bear the one clock, the Bot API server the other


# --- the person ------------------------------------------------------------------------------------


class Person(Protocol):
    """Whoever is asked, on one of the ways."""

    way: str

    @property
    def environment(self) -> Mapping[str, str]:
        """What leads the daemon to them."""

    def asked(self, number: int) -> float | None:
        """When they got that question; None as long as they have not."""

    def answer(self) -> None:
        """Answer the question they got last."""


@dataclass
class AtTheDesk:
    """Answers in the file beside the question."""

    home: Home
    way: str = "by file"
    environment: Mapping[str, str] = field(default_factory=dict)

    def asked(self, number: int) -> float | None:
        path = self.home.questions / f"{TASK}.md"
        try:
            return path.stat().st_mtime if f"\nquestion: {number}\n" in path.read_text() else None
        except FileNotFoundError:
            return None

    def answer(self) -> None:
        (self.home.questions / f"{TASK}-answer.md").write_text("2\n")


class Away:
    """Answers with a reply in Telegram."""

    way = "by Telegram"

    def __init__(self, api: BotApi) -> None:
        self._api = api

    @property
    def environment(self) -> Mapping[str, str]:
        return self._api.environment(PERSON)

    def asked(self, number: int) -> float | None:
        told = [call for call in self._api.called("sendMessage") if "reply_markup" in call.parameters]
        return told[number - 1].at + AHEAD if len(told) >= number and told[number - 1].status else None

    def answer(self) -> None:
        question = [message for message in self._api.sent if message.buttons][-1]
        self._api.says(PERSON, PERSON, "50", reply_to=question.id)


# --- what is measured --------------------------------------------------------------------------------


class Stuck(Exception):
    """The dialogue does not go on."""


Stages = dict[str, list[float]]  #: seconds of each, an entry for each question


async def asked_and_answered(place: Place, person: Person, home: Home, questions: int) -> tuple[Stages, Stages]:
    """One task that asks again and again: how long its questions take on their way, and how long the replies."""
    place.server.play("dialogue", written_turns.parse_turns([*map(_asks, range(questions)), {"text": "Done."}]), {})
    out: Stages = {}
    back: Stages = {}
    daemon = await _started(place, person, home)
    try:
        for number in range(1, questions + 1):
            shown = await _until(lambda number=number: person.asked(number), daemon)  # type: ignore[misc]
            _note(out, _ended(home, number), {"from the run's end to the person": shown})
            await asyncio.sleep(THINKS_SECONDS)
            served, replied = len(place.server.bill), time.time()
            person.answer()
            await _until(lambda served=served: len(place.server.bill) > served, daemon)  # type: ignore[misc]
            _note(back, replied, {**_moments(home, number), "first request": time.time()})
    except Stuck as error:
        raise SystemExit(f"{error}:\n{(place.folder / f'{home.root.name}.out').read_text()[-2000:]}") from None
    finally:
        if daemon.returncode is None and len(back.get("first request", ())) < questions:
            daemon.terminate()
        await daemon.wait()
    return out, back


def _asks(number: int) -> dict[str, Any]:
    return {"ask": {"question": f"How many orders on page {number}?", "options": ["20", "50", "100"]}}


async def _started(place: Place, person: Person, home: Home) -> asyncio.subprocess.Process:
    with (place.folder / f"{home.root.name}.out").open("w") as said:
        return await asyncio.create_subprocess_exec(
            *map(str, place.start(home.root.name, 1)), cwd=place.project, stdin=asyncio.subprocess.DEVNULL,
            stdout=said, stderr=said, env={**place.environment("dialogue"), **person.environment},
        )  # fmt: skip


async def _until(happened: Callable[[], Any], daemon: asyncio.subprocess.Process) -> Any:
    """What it gives, as soon as it gives something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := happened()):
        if time.monotonic() > deadline or daemon.returncode is not None:
            raise Stuck("no question came, or no request after the reply")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return found


def _note(stages: Stages, since: float, moments: Mapping[str, float]) -> None:
    for name, moment in moments.items():
        stages.setdefault(name, []).append(moment - since)


def _ended(home: Home, run: int) -> float:
    return float(_record(home.run(TASK, run) / "exit.json")["ended"])


def _moments(home: Home, number: int) -> dict[str, float]:
    """When the answer was a file, and when the run after it was launched."""
    answer = home.questions / "archive" / f"{TASK}-{number}-answer.md"
    launched = float(_record(home.run(TASK, number + 1) / "start.json")["started"])
    return {"answer file": answer.stat().st_mtime, "run launched": launched}


def _record(path: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = files.read_json(path) or {}
    return content


async def resumed(place: Place, runs: int) -> list[float]:
    """Seconds from the start of the bare CLI, with a session that it resumes, to its first request."""
    place.server.play("first", written_turns.parse_turns([{"text": "Done."}]), {})
    session, taken = str(uuid4()), []
    for number in range(runs + 1):
        words = claude_code.command(place.cli, session, number > 0, MODEL, ["Bash"], [])
        served, began = len(place.server.bill), time.perf_counter()
        process = await place.run(words, "first")
        await _until(lambda served=served: len(place.server.bill) > served, process)  # type: ignore[misc]
        taken.append(time.perf_counter() - began)
        await process.communicate()
    return taken[1:]


# --- how it is told ----------------------------------------------------------------------------------


def told(stages: Stages, floor: float | None = None) -> None:
    """A line for each stage."""
    for name, seconds in stages.items():
        middle = statistics.median(seconds)
        ratio = f"   {middle / floor:4.1f} times the bare CLI's resuming" if floor and name == "first request" else ""
        print(f"    {name:32} {middle * 1e3:6.0f} ms   max {max(seconds) * 1e3:5.0f} ms{ratio}")


async def measure(questions: int, ways: Sequence[str]) -> None:
    """Every way, one after the other, beside the floor."""
    async with laid_out() as place, BotApi([PERSON]).running() as api:
        alone = await resumed(place, questions)
        floor = statistics.median(alone)
        print(f"{questions} questions on each way, medians")
        print(
            f"  the bare CLI, from --resume to its first request {floor * 1e3:6.0f} ms   max {max(alone) * 1e3:5.0f} ms"
        )
        for name in ways:
            (place.folder / name).mkdir()
            own = Place(place.folder / name, place.cli, place.server)  # a task's id is taken once in a repository
            home = Home(own.folder / "home")
            person: Person = Away(api) if name == "telegram" else AtTheDesk(home)
            out, back = await asked_and_answered(own, person, home, questions)
            print(f"  a question's way out, {person.way}")
            told(out)
            print(f"  the reply's way in, {person.way}; from the reply to")
            told(back, floor)


def main() -> None:
    """Measure and print; nothing is asserted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=12, help="on each way")
    parser.add_argument("--ways", nargs="+", choices=("file", "telegram"), default=("file", "telegram"))
    given = parser.parse_args()
    asyncio.run(measure(given.questions, given.ways))


if __name__ == "__main__":
    main()
