"""What histories are told with: an Orchestrator whose clock, crew and desk note everything, and short events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dayshift.alerts import Alert
from dayshift.attempts import Blocked, Bypass
from dayshift.conversation import Answer, Ask, Question
from dayshift.deciding.counterparts import Commits
from dayshift.events import (
    Answered,
    Bypassed,
    CapReached,
    Denied,
    Event,
    HandedIn,
    Order,
    Ordered,
    Overdue,
    Prepared,
    ProviderLimited,
    RunEnded,
    StopAsked,
    Tick,
    Verified,
)
from dayshift.evidence import Check, Finding
from dayshift.limits import Kind, Limit
from dayshift.model import Day, Exit, Record, Task
from dayshift.states import Parked, Queued, Running, State, Waiting
from orchestrator import Orchestrator

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
TODAY = NINE.date()
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
MOST_TICKS = 10  #: a state that still moves after so many ticks moves for ever


class FakeClock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.time = NINE

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return (self.time - NINE).total_seconds()


class NotingCrew:
    """Writes down what it is told: `start a1 from b=c1`, `stop a`."""

    def __init__(self, launched: bool = True) -> None:
        self.calls: list[str] = []
        self._launched = launched

    def start(self, record: Record, starts_from: Commits) -> None:
        origin = "".join(f" from {task_id}={commit}" for task_id, commit in starts_from)
        self.calls.append(f"start {record.id}{record.runs}{origin}")

    def adopt(self, record: Record) -> None:
        self.calls.append(f"adopt {record.id}{record.runs}")

    def launched(self, record: Record) -> bool:
        return self._launched

    def stop(self, task_id: str) -> None:
        self.calls.append(f"stop {task_id}")

    def verify(self, record: Record) -> None:
        self.calls.append(f"verify {record.id}")

    def discard(self, record: Record) -> None:
        self.calls.append(f"discard {record.id} of {record.day:%d}")


class NotingDesk:
    """Keeps what the person would see."""

    def __init__(self) -> None:
        self.saved: list[Record] = []
        self.kept: list[Record] = []
        self.asked: list[Question] = []
        self.closed: list[Question] = []
        self.replies: list[tuple[str | None, tuple[str, ...], bool]] = []
        self.told: list[Alert] = []
        self.said: list[str] = []
        self.day: Day | None = None
        self.somebody_waits = True

    def save(self, record: Record, activity: str) -> None:
        self.saved.append(record)

    def put_by(self, record: Record) -> None:
        self.kept.append(record)

    def keep_day(self, day: Day) -> None:
        self.day = day

    def ask(self, question: Question) -> None:
        self.asked.append(question)

    def close_question(self, question: Question, after: Record) -> None:
        self.closed.append(question)

    def tell(self, alert: Alert, record: Record | None = None) -> None:
        self.told.append(alert)

    def reply(self, request: str | None, lines: Sequence[str], ok: bool) -> None:
        self.replies.append((request, tuple(lines), ok))

    def waits(self, task_id: str) -> bool:
        return self.somebody_waits

    def limited(self, limit: Limit) -> None:
        self.said.append(f"the provider serves no agent now: {limit.kind}: {limit.words}")

    def say(self, text: str) -> None:
        self.said.append(text)


Happening = Event | timedelta | Callable[["House"], None]
Step = tuple[Happening, str, str]  #: what happens; every task's state after it; what the crew was told meanwhile


@dataclass
class House:
    """An Orchestrator with its surroundings."""

    max_agents: int = 2
    halt_after: int = 3
    rehearsal: bool = False
    launched: bool = True
    timezone: str = "UTC"
    clock: FakeClock = field(default_factory=FakeClock)
    desk: NotingDesk = field(default_factory=NotingDesk)

    def __post_init__(self) -> None:
        self.crew = NotingCrew(self.launched)
        self.orchestrator = Orchestrator(
            self.clock, lambda _: self.crew, self.desk, lambda: f"session-{len(self.desk.saved)}", self.max_agents,
            self.halt_after, self.rehearsal, timezone=self.timezone,
        )  # fmt: skip

    def __getitem__(self, task_id: str) -> Record:
        return self.orchestrator.records[task_id]

    def happens(self, *happenings: Happening) -> "House":
        """Each a second after the other, with the ticks that follow until nothing moves any more."""
        for each in happenings:
            self.clock.time += each if isinstance(each, timedelta) else SECOND
            if isinstance(each, Event):
                self.orchestrator.handle(each)
            elif not isinstance(each, timedelta):
                each(self)
            self._settle()
        return self

    def _settle(self) -> None:
        for _ in range(MOST_TICKS):
            before = dict(self.orchestrator.records)
            self.orchestrator.handle(Tick())
            if before == self.orchestrator.records:
                return
        raise AssertionError("the states never settle")

    @property
    def states(self) -> str:
        """`a running, b parked(cap)`."""
        return ", ".join(f"{each.id} {label(each.state)}" for each in self.orchestrator.records.values())

    def calls(self) -> str:
        """What the crew was told since this was last asked."""
        told, self.crew.calls = self.crew.calls, []
        return ", ".join(told)

    def plays(self, steps: Sequence[Step]) -> None:
        """Every step, with the states and the calls it must lead to."""
        for number, (happening, states, calls) in enumerate(steps, 1):
            self.happens(happening)
            assert (number, self.states, self.calls()) == (number, states, calls)


def left_by_an_earlier_daemon(state: State, launched: bool = True, **facts: Any) -> House:
    """A house whose earlier daemon left one task in that state."""
    house = House(launched=launched)
    questions = (question(),) if isinstance(state, Waiting) else ()
    house.orchestrator.restore({"a": record(state, questions=questions, **facts)}, {})
    return house


def label(state: State) -> str:
    """The state in a word, with the reason of a parked one and the ending of a running one."""
    match state:
        case Parked(why=why):
            return f"parked({why})"
        case Running(ending=ending) if ending:
            return f"running({ending})"
    return state.name


# --- what a person hands in ------------------------------------------------------------------------


def task(task_id: str, *depends_on: str, **facts: Any) -> Task:
    return Task(task_id, f"Task {task_id}", "words", "sonnet", depends_on=depends_on, **facts)


def hands_in(*tasks: Task, on: date = TODAY, project: str = "/src/shop", request: str | None = None) -> HandedIn:
    return HandedIn(Day(on, project, tasks), request)


def record(state: State, task_id: str = "a", **facts: Any) -> Record:
    """A task of today in that state, which began its run if the state says so."""
    given = {"created_at": NINE, "runs": state.run if isinstance(state, Running) else 0, "day": TODAY, **facts}
    return Record(given.pop("task", task(task_id)), project="/src/shop", state=state, **given)


def question(number: int = 1, task_id: str = "a", **facts: Any) -> Question:
    return Question(task_id, number, "Which page size?", NINE, **facts)


def queued() -> Queued:
    return Queued(NINE)


def says(order: str, task_id: str | None = "a", request: str | None = "request") -> Ordered:
    return Ordered(Order(order), task_id, request)


def answers(text: str, number: int = 1, task_id: str = "a") -> Answered:
    return Answered(Answer(task_id, number, text, "file", NINE))


def stops(drain: bool = False) -> StopAsked:
    return StopAsked(drain)


def running(*tasks: Task) -> House:
    """A day of these tasks, or of one."""
    return House().happens(hands_in(*(tasks or (task("a"),))))


# --- what runs do ----------------------------------------------------------------------------------


def prepared(task_id: str = "a", run: int = 1) -> Prepared:
    return Prepared(task_id, run, "base", ("sandbox",))


def ran(task_id: str = "a", run: int = 1, commit: str = "c1", **exit: Any) -> RunEnded:
    """The run ended on its own, unfinished unless told otherwise."""
    return RunEnded(task_id, Exit(run, exit.pop("code", 0), **exit), 60.0, commit)


Facts = dict[str, Any]  #: of an Exit, a Record or a Task
RESET = NINE + 2 * HOUR
ASKED: Facts = {"asked": Ask("Which page size?")}
DEFERRED: Facts = {"asked": Ask("Which page size?", ("20", "50"), {"questions": []}), "finished": True}
OVERLOADED: Facts = {"error": "API Error: 529 overloaded", "api_status": 529}
LIMITED: Facts = {"error": "usage limit reached", "api_status": 429, "reset_at": RESET}


USED_UP = Limit(Kind.usage_limit, until=RESET, detail="the plan's window five_hour")
NO_CREDIT = Limit(Kind.credit, detail="HTTP 402")
NO_KEY = Limit(Kind.authentication, detail="HTTP 401")


def limited(limit: Limit) -> ProviderLimited:
    return ProviderLimited(limit)


def until(moment: datetime) -> Callable[["House"], None]:
    """The clock goes on to that moment."""

    def passes_time(house: House) -> None:
        house.clock.time = moment

    return passes_time


def finished(task_id: str = "a", run: int = 1, commit: str = "c1", **exit: Any) -> RunEnded:
    return ran(task_id, run, commit, finished=True, **exit)


def ended_by_us(task_id: str = "a", run: int = 1, **exit: Any) -> RunEnded:
    return ran(task_id, run, code=143, how="stopped", **exit)


def hindered(task_id: str = "a", run: int = 1) -> RunEnded:
    return ran(task_id, run, how="hindered", error="No space left on device")


def passes(task_id: str = "a") -> Verified:
    return Verified(task_id, (Check("validate", "make test", 0),))


def fails(task_id: str = "a") -> Verified:
    return Verified(
        task_id, (Check("validate", "make test", 2, "1 failed"), Check("deliverable", "x.py", 1, "missing"))
    )


def denied(task_id: str = "a") -> Denied:
    return Denied(task_id, Blocked(NINE, "Bash", "git push", "git-network", "no network"))


def bypassed(task_id: str = "a") -> Bypassed:
    return Bypassed(task_id, Bypass(NINE, "Bash", "git push", "git-write", "was run without leave of the hook"))


def capped(task_id: str = "a") -> CapReached:
    return CapReached(task_id, "day", "$50.00 of $50.00 spent")


def silent(task_id: str = "a", run: int = 1) -> Overdue:
    return Overdue(task_id, run, "no sign of life for 10 minutes")


def found(what: str, halts: bool, run: int = 1) -> Finding:
    return Finding(run, what, halts)
