"""The person of a storm: hands in tasks, answers each question once, gives more money where a cap is reached."""

import random
import re
import time
from pathlib import Path
from typing import Any

from dayshift import files, records
from dayshift.home import Home
from dayshift.inputs import dayfile
from dayshift.inputs.settings_sources import load_settings
from dayshift.mailbox import inbox
from dayshift.mailbox.questions import Mailbox
from dayshift.rehearsing import written_turns
from tests.acceptance.house import House
from torture.parts import LAST_LINE, STEP, part
from torture.provider import Provider

MODEL = "claude-haiku-5-5"
ENOUGH_USD, POOR_USD = 5.0, 0.006  #: caps of tasks; under the lower one only a few requests fit
NUMBER = re.compile(r"^question: (\d+)$", re.MULTILINE)
SLOWEST_ANSWER = 1.5  #: seconds


class Person:
    """All they do is kept, to be compared with what became of it."""

    def __init__(self, house: House, provider: Provider, chance: random.Random, steps: tuple[int, int]) -> None:
        self.tasks: list[str] = []
        self.given: dict[str, str] = {}  #: step → the one answer
        self.asked: dict[str, set[tuple[str, int]]] = {}  #: step → the questions of task and number that asked it
        self.reached: list[tuple[str, float, int]] = []  #: task, cap it rested on, and what was at stake by then
        self.files: list[Path] = []
        self._house, self._provider, self._chance, self._steps = house, provider, chance, steps
        self._home = Home(house.home.root)
        self._mailbox = Mailbox(self._home)
        self._days: dict[Path, list[dict[str, Any]]] = {}
        self._due: dict[tuple[str, int], float] = {}
        self._answered: set[tuple[str, int]] = set()
        self._open: set[str] = set()

    # --- tasks ---------------------------------------------------------------------------------------

    def write(self, number: int) -> Path:
        """A day file of so many new tasks, one of sixteen of them with a cap it will reach."""
        tasks = [self._task(len(self.tasks) + each) for each in range(number)]
        self.tasks += [task["id"] for task in tasks]
        self._open |= {task["id"] for task in tasks}
        return self._keep(tasks, f"day-{len(self.files)}")

    def _task(self, number: int) -> dict[str, Any]:
        name = f"task-{number:03d}"
        place = str(self._house.workspace(name))
        plays = part(name, self._chance, place, self._chance.randint(*self._steps))
        self._provider.parts[name] = plays
        cap = POOR_USD if number % 16 == 5 else ENOUGH_USD
        return {"id": name, "model": MODEL, "deliverables": [plays.work], "max_cost_usd": cap,
                "validate": [f"grep -qx {LAST_LINE} {plays.work}"]}  # fmt: skip

    def _keep(self, tasks: list[dict[str, Any]], name: str) -> Path:
        path = self._house.day(*tasks, name=name)
        self._days[path] = tasks
        if path not in self.files:
            self.files.append(path)
        return path

    def hand_in(self, number: int) -> None:
        """A file more, as `start FILE` gives it to the daemon that runs or to the next one."""
        path = self.write(number)
        settings = load_settings(self._home, self._house.environment)
        day = dayfile.load_day(
            path, settings, self._house.project, home=self._home.root, known_model=lambda name: None,
            parse_turns=written_turns.parse_turns,
        )  # fmt: skip
        inbox.submit(self._home, {"kind": "day", "day": records.day_to_json(day)})

    def give_more(self) -> list[Path]:
        """Raise every cap that is parked on; the files that say so, to be started again."""
        poor = {each for each in self.states() if self.state(each) == "parked"}
        self.reached += [(each, self.cap(each), self._provider.peak[each]) for each in sorted(poor)]
        changed = [path for path, tasks in self._days.items() if poor & {task["id"] for task in tasks}]
        for path in changed:
            self._keep([{**task, "max_cost_usd": ENOUGH_USD} for task in self._days[path]], path.stem)
        return changed

    def cap(self, task: str) -> float:
        """The cap of the task now."""
        return next(
            float(each["max_cost_usd"]) for tasks in self._days.values() for each in tasks if each["id"] == task
        )

    # --- what they see -------------------------------------------------------------------------------

    def state(self, task: str) -> str:
        """The state in the task's record; nothing if there is no record."""
        record = files.read_json(self._home.records / f"{task}.json") or {}
        return str(record.get("state", {}).get("name", ""))

    def states(self) -> dict[str, str]:
        """The states of all that is not done yet."""
        found = {task: self.state(task) for task in sorted(self._open)}
        self._open -= {task for task, state in found.items() if state == "done"}
        return found

    def knows_first_file(self) -> bool:
        """Whether every task of the first file has a record."""
        return all(self.state(task["id"]) for task in self._days[self.files[0]])

    # --- questions -----------------------------------------------------------------------------------

    def look(self) -> None:
        """Answer what is asked, after a while; each question of a task's once."""
        for path in self._home.questions.glob("task-???.md"):
            try:
                text = path.read_text()
            except FileNotFoundError:  # archived this moment
                continue
            number, step = NUMBER.search(text), STEP.search(text)
            if number and step:
                self._meet(path.stem, int(number[1]), step[1])

    def _meet(self, task: str, number: int, step: str) -> None:
        self.asked.setdefault(step, set()).add((task, number))
        due = self._due.setdefault((task, number), time.monotonic() + self._chance.uniform(0, SLOWEST_ANSWER))
        if (task, number) not in self._answered and time.monotonic() >= due:
            self._answered.add((task, number))
            self._answer(task, number, step)

    def _answer(self, task: str, number: int, step: str) -> None:
        """By the command, or with an editor that saves by renaming."""
        options = next(each.options for each in self._provider.parts[task].steps if each.name == step)
        self.given[step] = options[-1] if options else f"answer {self._chance.randrange(10**9)} to step:{step}"
        said = str(len(options)) if options else self.given[step]
        if self._chance.random() < 0.5:
            assert self._mailbox.submit(task, said, "command"), f"{task} was answered by somebody else"
        else:
            beside = self._home.questions / f"{task}-answer.md~"
            beside.write_text(said + "\n")
            beside.rename(self._mailbox.answer_file(task))
