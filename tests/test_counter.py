"""The counter: requests are taken in once, and none of them can end the daemon."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from caretaker import Caretaker
from counter import Counter
from dayshift.events import Event, Order, Ordered, StopAsked
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.model import Record
from departure import Departure
from handover import Handover
from service import only_one
from tests.house import FakeClock, House


@dataclass
class Office:
    """A counter in a home of its own, and what it passed on."""

    home: Home
    records: dict[str, Record] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    replies: list[tuple[str | None, tuple[str, ...], bool]] = field(default_factory=list)
    abandoned: bool = False

    def put(self, event: Event) -> None:
        self.events.append(event)

    def abandon(self) -> None:
        self.abandoned = True

    def reply(self, request: str | None, lines: Sequence[str], ok: bool) -> None:
        self.replies.append((request, tuple(lines), ok))
        if request is not None:
            inbox.done(self.home, request, list(lines), ok)

    def counter(self) -> Counter:
        clock = FakeClock()
        handover = Handover(self.home, clock, self.put, self.reply)
        departure = Departure(clock, print, lambda: None, self.abandon)
        caretaker = Caretaker(self.home, House().orchestrator, print, self.reply)
        parts = (
            handover,
            self.reply,
            lambda request: self.reply(request, ["report.md"], ok=True),
            lambda: None,
            departure,
            caretaker,
        )
        return Counter(self.home, clock, self, *parts)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    home = Home(tmp_path)
    home.make_folders()
    return Office(home)


def test_a_request_is_taken_in_once(office: Office) -> None:
    request = inbox.submit(office.home, {"kind": "order", "order": "pause", "task": "a"})
    counter = office.counter()
    for _ in range(2):
        counter.look()
    assert office.events == [Ordered(Order.pause, "a", request)]


def test_a_stop_is_meant_for_who_owned_the_home_when_it_was_given_and_for_no_other(office: Office) -> None:
    inbox.submit(office.home, {"kind": "stop"})
    order = inbox.submit(office.home, {"kind": "order", "order": "retry", "task": "a"})
    with only_one(office.home, rehearsal=False):
        inbox.submit(office.home, {"kind": "stop", "drain": True})  # it owns the home, though it hears nobody yet
        office.counter().look()
    assert office.events == [Ordered(Order.retry, "a", order), StopAsked(drain=True)]


@pytest.mark.parametrize(
    "content", [{}, {"kind": "dance"}, {"kind": "order", "order": "dance"}, {"kind": "order"}, {"kind": "say"},
                {"kind": "review"}, {"kind": "attach"}, {"kind": "day", "day": {}}, {"kind": "day", "day": 7}],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_read_is_answered_so(office: Office, content: dict[str, object]) -> None:
    inbox.submit(office.home, dict(content))
    office.counter().look()
    [(_, lines, ok)] = office.replies
    assert not ok and ("cannot be read" in lines[0] or "knows no request" in lines[0])
    assert office.events == []
