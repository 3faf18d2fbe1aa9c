"""Thousands of answers and requests at once, watched or not: all are taken in, and nobody is kept waiting."""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from caretaker import Caretaker
from counter import Counter
from dayshift import files
from dayshift.clock import SystemClock
from dayshift.conversation import Answer, Question
from dayshift.events import Answered, Event
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.mailbox.letterbox import Letterbox
from dayshift.mailbox.questions import Mailbox
from dayshift.model import Record
from dayshift.states import Queued, Waiting
from departure import Departure
from handover import Handover
from orchestrator import Orchestrator
from tests.acceptance import house
from tests.house import NINE, SECOND, FakeClock, House, question, record

MANY = 6000
SOME = 1500
MOST_SECONDS = 0.5  #: of one turn on a busy machine; a tenth of that on an idle one


@pytest.fixture
def home() -> Iterator[Home]:
    """A home in memory where there is such a place: how long a busy disk takes says nothing about the program."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        home = Home(Path(folder))
        home.make_folders()
        yield home


class Desk:
    """What is replied."""

    def __init__(self, home: Home) -> None:
        self.home, self.replies = home, list[str]()
        self.said: list[str] = []

    def reply(self, request: str | None, lines: Sequence[str], ok: bool) -> None:
        self.said += lines
        if request is not None:
            inbox.done(self.home, request, list(lines), ok)
            self.replies.append(request)

    def report(self, request: str) -> None:
        self.reply(request, ["report.md"], ok=True)

    def counter(self) -> Counter:
        clock, orchestrator = SystemClock(), House().orchestrator
        departure = Departure(clock, print, lambda: None, lambda: None)
        handover = Handover(self.home, clock, orchestrator.put, self.reply)
        caretaker = Caretaker(self.home, orchestrator, print, self.reply)
        return Counter(
            self.home, clock, orchestrator, handover, self.reply, self.report, lambda: None, departure, caretaker
        )


def turn(step: Callable[[], object]) -> float:
    """For how long others wait while that is done, in seconds."""
    began = time.monotonic()
    step()
    return time.monotonic() - began


def left(home: Home, number: int, content: object) -> None:
    """A request as a command leaves it, whole at once, but for the disk's time."""
    files.write_json(home.inbox / f"{number:06}.json", content, durable=False)


def test_a_burst_of_requests_is_taken_in_turn_by_turn_and_each_is_answered_once(home: Home) -> None:
    desk, asked_again = Desk(home), list[bool]()
    counter = desk.counter()
    counter._again = lambda: asked_again.append(True)
    kinds = (
        {"kind": "report"},
        {"kind": "never heard of"},
        {"kind": "say", "task": "a", "text": ""},
        {"kind": "order"},
    )
    for number in range(SOME):
        left(home, number, kinds[number % len(kinds)])
    (home.inbox / "000007.json").write_bytes(b'{"kind": ')
    (home.inbox / "000008.json").unlink()
    os.mkfifo(home.inbox / "000008.json")
    turns = [turn(counter.look)]
    while asked_again:
        asked_again.clear()
        turns.append(turn(counter.look))
    assert sorted(turns)[-2] < MOST_SECONDS
    assert inbox.waiting(home) == []
    assert len(desk.replies) == len(set(desk.replies)) == SOME - 2
    assert sorted(path.name for path in home.inbox.glob("*.broken")) == ["000007.json.broken", "000008.json.broken"]
    assert sum("give the command again" in line for line in desk.said) == 2
    counter.look()
    assert counter._taken == set()  # nothing of them is kept in mind


def waiting(number: int) -> Record:
    asked = question(task_id=f"task-{number}")
    return record(Waiting(NINE, asked.number), asked.task_id, questions=(asked,))


def test_answers_for_tasks_that_do_not_wait_cost_nothing_and_stay(home: Home) -> None:
    known = [*map(waiting, range(30)), *(record(Queued(NINE), f"other-{each}") for each in range(300))]
    for number in range(MANY):
        name = f"task-{number}" if number < 3000 else f"other-{number}"
        (home.questions / f"{name}-answer.md").write_text("50\n")
    events, letterbox = list[Event](), Letterbox(Mailbox(home), FakeClock(), print)
    began = time.monotonic()
    assert letterbox.look(known, events.append) is False
    assert time.monotonic() - began < MOST_SECONDS
    assert [event.answer.task_id for event in events if isinstance(event, Answered)] == [r.id for r in known[:30]]
    assert len(list(home.questions.glob("*-answer.md"))) == MANY


def test_thousands_of_tasks_that_are_answered_at_once_are_heard_turn_by_turn_each_once(home: Home) -> None:
    known = list(map(waiting, range(SOME)))
    for each in known:
        (home.questions / f"{each.id}-answer.md").write_text("50\n")
    events, letterbox, more = list[Event](), Letterbox(Mailbox(home), SystemClock(), print), [True]
    turns = []
    while more[-1]:
        turns.append(turn(lambda: more.append(letterbox.look(known, events.append))))
    assert sorted(turns)[-2] < MOST_SECONDS
    assert len({e.answer.task_id for e in events if isinstance(e, Answered)}) == SOME


def test_an_answer_that_had_no_effect_is_handed_in_again(home: Home) -> None:
    clock, known, events = FakeClock(), [waiting(1)], list[Event]()
    letterbox = Letterbox(Mailbox(home), clock, print)
    (home.questions / "task-1-answer.md").write_text("50\n")
    for _ in range(3):
        letterbox.look(known, events.append)
    assert len(events) == 1
    clock.time += 5 * SECOND
    letterbox.look(known, events.append)
    assert len(events) == 2
    asked: Question = known[0].questions[0]
    assert all(isinstance(each, Answered) and each.answer.number == asked.number for each in events)


async def test_a_queue_of_thousands_leaves_others_their_turn_and_ticks_do_not_pile_up() -> None:
    told = House()
    orchestrator: Orchestrator = told.orchestrator
    for _ in range(MANY):
        orchestrator.put(Answered(Answer("nobody", 1, "50", "file", NINE)))
    work = asyncio.create_task(orchestrator.run(once=False), name="orchestrator")
    longest, last = 0.0, time.monotonic()
    while not orchestrator._shift.is_idle:
        await asyncio.sleep(0)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    work.cancel()
    assert longest < MOST_SECONDS


# --- the daemon --------------------------------------------------------------------------------------

UNWATCHED = """\
import contextlib, sys
from dayshift.mailbox import watch

@contextlib.contextmanager
def nobody_watches(folders, changed):
    yield

if sys.argv.pop(1) == "unwatched":
    watch.watching = nobody_watches
import orchestrator
raise SystemExit(orchestrator.main(sys.argv[1:]))
"""


def replied(home: Home) -> set[str]:
    """The requests whose answers lie there now."""
    return {path.stem for path in home.inbox.glob(f"*{inbox.REPLY_SUFFIX}")}


@pytest.mark.long
@pytest.mark.parametrize("watcher", ["watched", "unwatched"])
def test_a_daemon_takes_in_a_burst_whoever_watches_and_stays_as_small_as_it_was(
    tmp_path: Path, pinned_cli: Path, watcher: str
) -> None:
    place = house.House.built(tmp_path)
    (place.home.config / "orchestrator.yaml").write_text("sandbox: none\n")
    entry = tmp_path / "entry.py"
    entry.write_text(UNWATCHED.replace("sys.argv.pop(1)", repr(watcher)))
    daemon = place.start("start", "--stay", "--rehearse", entry=entry)
    try:
        house.until(lambda: "rehearsal" in files.read_facts(place.home.daemon_facts), 60, daemon.said)
        house.until(lambda: place.run("status").code == 0, 60, daemon.said)
        before = psutil.Process(daemon.process.pid).memory_info().rss
        answered = set[str]()  # collected as they come: an answer nobody waits for is forgotten after a minute
        for number in range(MANY):
            left(place.home, number, {"kind": "order", "order": "pause", "task": f"task-{number}"})
            (place.home.questions / f"task-{number}-answer.md").write_text("50\n")
            if number % 500 == 0:
                answered |= replied(place.home)
        (place.home.inbox / "broken.json").write_text("{")
        began = time.monotonic()
        while inbox.waiting(place.home):
            answered |= replied(place.home)
            assert time.monotonic() - began < 60, "the inbox does not empty"
            time.sleep(0.05)
        took = time.monotonic() - began
        print(f"\n{watcher}: {MANY} requests and {MANY} answers are taken in {took:.1f} s after the burst")
        assert psutil.Process(daemon.process.pid).memory_info().rss - before < 64 << 20
        assert len(answered | replied(place.home)) == MANY
        assert place.run("stop").code == 0
        daemon.ends()
        assert daemon.said.count("broken.json cannot be read") == 1
    finally:
        if daemon.process.poll() is None:
            daemon.kill()
