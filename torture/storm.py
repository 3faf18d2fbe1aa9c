"""A storm over one home: daemons, holders and whole machines are killed at seeded moments, until all work is done."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dayshift.sandboxing.sandbox import interpreter
from tests.acceptance.house import House
from torture import agent
from torture.machine import Machine
from torture.person import Person
from torture.provider import Provider
from torture.strangers import Stranger, strangers
from torture.truth import Truth
from torture.zygote import CRASHED, Life, Zygote

DAY_CAP_USD = 500.0
THINK = (0.1, 0.7)  #: seconds of a model's thought in the middle of an answer
STRANGERS = 6
LOOK_SECONDS = 0.05
LONGEST_LIFE, SHORTEST_LIFE = 1.5, 0.01  #: seconds from the moment that enough agents work
AT_ONCE = 0.15  #: of the lives end so soon after their beginning, whoever works
MOST_LIVES = 4  #: for each death that is to be
TO_WORK_SECONDS, TO_END_SECONDS = 90.0, 300.0  #: until enough agents work; of a life in which all is to be done
OVER = (0, 4)  #: exit codes of a daemon whose day is over; 4: some tasks rest on their caps
KEY = "sk-ant-a-key-that-opens-nothing"


@dataclass(frozen=True, slots=True)
class Force:
    """How often what is killed while that many agents work; without a kill it is the control."""

    kills: int
    holders: int
    reboots: int
    agents: int
    evening: int = 0  #: more kills, after the last task, while the report is written

    @property
    def tasks(self) -> int:
        """How many there are at the beginning."""
        return self.agents * 2 if self.kills or self.reboots else self.agents + 2

    @property
    def steps(self) -> tuple[int, int]:
        """Of a task, the fewest and the most."""
        return (6, 12) if self.kills or self.reboots else (4, 6)


@contextmanager
def raging(folder: Path, zygote: Zygote, force: Force, seed: str, tell: Callable[[str], None]) -> Iterator["Storm"]:
    """A storm over a fresh home in that folder, ready to run."""
    with ExitStack() as stack:
        provider = stack.enter_context(Provider(seed, THINK).serving())
        found = stack.enter_context(strangers(folder, STRANGERS))
        house = House.built(folder)
        stack.callback(house.tear_down)
        house.environment |= environment(house, provider, force)
        storm = Storm(house, zygote, provider, found, force, random.Random(seed), tell)
        stack.callback(storm.end)
        yield storm


def environment(house: House, provider: Provider, force: Force) -> dict[str, str]:
    """What makes a day a real one that meets this provider and these agents."""
    program = house.folder / "claude"
    program.write_text(f"#!{interpreter().program} -IS\n{Path(agent.__file__).read_text()}")
    program.chmod(0o755)
    return {
        "ANTHROPIC_BASE_URL": provider.url, "ANTHROPIC_API_KEY": KEY, "DAYSHIFT_AGENT__CLI": str(program),
        "DAYSHIFT_PROJECT": str(house.project), "DAYSHIFT_MAX_AGENTS": str(force.agents + 2),
        "DAYSHIFT_AGENT__MAX_OUTPUT_TOKENS": "1000", "DAYSHIFT_BUDGET__DAILY_USD": str(DAY_CAP_USD),
        "HOME": str(house.folder / "person"),
    }  # fmt: skip


class Storm:
    """Lives that are begun and ended, and what was counted of them."""

    def __init__(
        self, house: House, zygote: Zygote, provider: Provider, found: tuple[Stranger, ...], force: Force,
        chance: random.Random, tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.figures: Counter[str] = Counter()
        self.problems: list[str] = []
        self._house, self._zygote, self._provider, self._strangers = house, zygote, provider, found
        self._force, self._chance, self._tell = force, chance, tell
        self._machine = Machine(zygote.pid, house.home, found, chance)
        self._person = Person(house, provider, chance, force.steps)
        self._again: list[Path] = []  #: files to start with, one a life

    def run(self) -> None:
        """All of it, and what is wrong afterwards."""
        self._again.append(self._person.write(self._force.tasks))
        while not self.problems and (owed := self._owed()):
            holders = self._force.holders - self.figures["holders killed"]
            self._one_death(self._chance.choice(owed), self._chance.random() < holders / len(owed))
            if self.figures["lives"] > MOST_LIVES * (self._force.kills + self._force.reboots + 1):
                self.problems.append(f"after {self.figures['lives']} lives {len(owed)} deaths are still owed")
        if not self.problems:
            self._finish()
        self._judge()

    def _owed(self) -> list[str]:
        """The deaths that are still to come; one that found too few agents at work was beside the count."""
        kills = self._force.kills - self.figures["kills with enough agents at work"]
        reboots = self._force.reboots - self.figures["reboots with enough agents at work"]
        holders = self._force.holders - self.figures["holders killed"]
        return ["kill"] * kills + ["reboot"] * reboots or ["kill"] * holders

    def end(self) -> None:
        """Nothing below the zygote goes on."""
        self._machine.lose_power()

    # --- one life --------------------------------------------------------------------------------------

    def _one_death(self, death: str, with_a_holder: bool) -> None:
        self._hand_in_more()
        life = self._live()
        if self._chance.random() > AT_ONCE or with_a_holder:
            self._until_enough_work(life)
        over = self._wait(life, self._chance.uniform(SHORTEST_LIFE, LONGEST_LIFE))
        if with_a_holder and not over:
            self._kill_a_holder()
            over = self._wait(life, self._chance.uniform(0, LONGEST_LIFE / 2))
        if over:
            self._ended_by_itself(life)
        else:
            self._kill(life, death)

    def _kill(self, life: Life, death: str) -> None:
        working = len(self._machine.holders())
        self.figures[f"{death}s"] += 1
        self.figures[f"{death}s with enough agents at work"] += working >= self._force.agents
        self.figures[f"agents at work at {death}s"] += working
        if death == "reboot":
            self._machine.lose_power()
            life.status()
            self._machine.boot()
        else:
            life.kill()
        if self.figures.total() and self.figures["kills"] % 25 == 0 and death == "kill":
            self._tell(f"{self.figures['kills']} kills, {self.figures['reboots']} reboots, "
                       f"{len(self._provider.bill)} requests served, {working} agents at work")  # fmt: skip

    def _kill_a_holder(self) -> None:
        before = self._machine.holders()
        if self._machine.kill_a_holder():
            self.figures["holders killed"] += 1
            time.sleep(LOOK_SECONDS)
            for pid in before.keys() - self._machine.holders().keys():
                if self._chance.random() < 0.5:
                    self._machine.reuse(before[pid])

    def _live(self) -> Life:
        """A daemon's beginning: with the first file until all of it is known, now and then with a file that is."""
        self.figures["lives"] += 1
        day = None
        if not self._person.knows_first_file():
            day = self._person.files[0]
        elif self._again:
            day = self._again.pop()
        elif self._chance.random() < 0.1:
            day = self._chance.choice(self._person.files[:1])
        output = self._house.folder / "daemons.out"
        return self._zygote.live(self._house.home.root, output, day, True, self._house.environment)

    def _wait(self, life: Life, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let the life go on while the person does their part; True if it ended by itself."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not until():
            if life.ends(min(left, LOOK_SECONDS)):
                return True
            self._person.look()
        return life.ends(0)

    def _until_enough_work(self, life: Life) -> None:
        enough = self._force.agents
        if not self._wait(life, TO_WORK_SECONDS, lambda: len(self._machine.holders()) >= enough):
            working = len(self._machine.holders())
            if working < enough:
                self.problems.append(f"after {TO_WORK_SECONDS} s only {working} agents are at work: {self._open()}")

    def _hand_in_more(self) -> None:
        """Always as much waits as works."""
        if sum(state in ("queued", "") for state in self._person.states().values()) < self._force.agents:
            self._person.hand_in(self._force.agents)

    def _ended_by_itself(self, life: Life) -> None:
        """In the middle of a storm a daemon's day may be over for a moment; else its end is a fault."""
        status = life.status()
        self.figures["daemons that ended by themselves"] += 1
        if status not in OVER:
            tail = life.output.read_text(errors="replace")[-3000:]
            self.problems.append(f"a daemon ended with {'a fault' if status == CRASHED else status}:\n{tail}")
        elif status == 4:
            self._again += [path for path in self._person.give_more() if path not in self._again]

    # --- the evening -----------------------------------------------------------------------------------

    def _finish(self) -> None:
        """To the end of all tasks; then some kills while the report is written; then one last life in peace."""
        self._live_to_the_end()
        for _ in range(self._force.evening * 3):
            if self.problems or self.figures["kills in the evening"] >= self._force.evening:
                break
            life = self._live()
            if self._wait(life, self._chance.uniform(SHORTEST_LIFE, LONGEST_LIFE / 2)):
                self._ended_by_itself(life)
            elif life.kill():
                self.figures.update(["kills", "kills in the evening"])
        self._live_to_the_end()

    def _live_to_the_end(self) -> None:
        while not self.problems:
            life = self._live()
            if not self._wait(life, TO_END_SECONDS):
                life.kill()
                self.problems.append(f"not all was done within {TO_END_SECONDS} s: {self._open()}")
                return
            self._ended_by_itself(life)
            if not self._again:
                return

    def _open(self) -> Mapping[str, str]:
        return {task: state for task, state in self._person.states().items() if state != "done"}

    def _judge(self) -> None:
        left = self._machine.alive()
        self.problems += [f"still there below the zygote: {pid}" for pid in left]
        self.problems += [f"a stranger was harmed: {harm}" for each in self._strangers if (harm := each.harm())]
        truth = Truth(self._house, self._provider, self._person, DAY_CAP_USD, self.figures)
        self.problems += truth.problems()
        self.figures.update({
            "recorded pids given to strangers": self._machine.renamed, "tasks": len(self._person.tasks),
            "requests served": len(self._provider.bill), "questions": len(self._person.asked),
        })  # fmt: skip
