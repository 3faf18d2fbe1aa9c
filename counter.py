"""The counter: requests of the other commands, and of the person over Telegram, each taken in once and obeyed."""

import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from caretaker import Caretaker
from dayshift import records
from dayshift.clock import Clock
from dayshift.conversation import Guidance
from dayshift.events import AttachAsked, Event, Guided, HandedIn, Order, Ordered, StopAsked
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.model import Record
from dayshift.running import guidance
from departure import Departure
from handover import Handover, Reply

TURN_SECONDS = 0.05  #: how long requests are taken in until others have their turn
TIDY_SECONDS = 60.0
TERMINAL = r"[A-Za-z0-9][A-Za-z0-9+._-]{0,63}"  #: what TERM may say


class Obeying(Protocol):
    """The Orchestrator, as far as requests need it."""

    records: dict[str, Record]

    def put(self, event: Event) -> None: ...


class Counter:
    """Serves the inbox of one home. What cannot be read is answered so; nothing in a request can end the daemon."""

    def __init__(
        self, home: Home, clock: Clock, orchestrator: Obeying, handover: Handover, reply: Reply,
        report: Callable[[str], None], doubt: Callable[[], None], departure: Departure,
        caretaker: Caretaker, again: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        """`report` takes in a request for one. `again` has the counter look once more, soon: when there was more than
        one turn takes."""
        self._home, self._clock, self._orchestrator, self._handover = home, clock, orchestrator, handover
        self._reply, self._report, self._doubt, self._departure = reply, report, doubt, departure
        self._caretaker, self._again = caretaker, again
        self._taken: set[str] = set()
        self._listed: deque[str] = deque()  #: what was found in the inbox and is still to be taken in
        self._tidied = clock.monotonic()

    def look(self) -> None:
        """Take in what is new in the inbox."""
        turn = self._clock.monotonic()
        if not self._listed:
            waiting = inbox.waiting(self._home)
            self._taken.intersection_update(waiting)
            self._listed.extend(name for name in waiting if name not in self._taken)
        while self._listed:
            if self._clock.monotonic() - turn > TURN_SECONDS:  # the rest after whoever else waits
                self._again()
                return
            self._take(self._listed.popleft())
        self._tidy()

    def _take(self, name: str) -> None:
        self._taken.add(name)
        try:
            if request := inbox.taken(self._home, name):
                self._serve(name, request.content)
        except inbox.Broken as error:
            self._reply(None, [str(error)], ok=False)
        except OSError:  # the machine's fault, not the request's: it is looked at again
            self._taken.discard(name)
            raise

    def _tidy(self) -> None:
        """Old replies go, now and then."""
        if self._clock.monotonic() - self._tidied > TIDY_SECONDS:
            self._tidied = self._clock.monotonic()
            inbox.forget_replies(self._home)

    def _serve(self, name: str, content: dict[str, Any]) -> None:
        try:
            self._obey(name, content)
        except (KeyError, TypeError, ValueError) as error:
            self._reply(name, [f"the request cannot be read ({type(error).__name__}: {error})"], ok=False)
        except OSError as error:  # a full disk, above all
            self._reply(name, [f"it could not be done: {error}"], ok=False)

    def _obey(self, name: str, content: dict[str, Any]) -> None:
        match content.get("kind"):
            case "day":
                self._orchestrator.put(HandedIn(records.day_from_json(content["day"]), name))
            case "order":
                self._order(Order(content["order"]), content.get("task"), name)
            case "review":
                self._handover.take(self._orchestrator.records, content, name)
            case "clean":
                self._caretaker.take(content, name)
            case "say":
                self._say(content, name)
            case "attach":
                self._attach(str(content["task"]), name, content)
            case "stop":
                self._stop(drain=bool(content.get("drain")), now=bool(content.get("now")))
                self._reply(name, ["stopping"], ok=True)
            case "report":
                self._report(name)
            case kind:
                self._reply(name, [f"this daemon knows no request {kind!r}"], ok=False)

    def _order(self, order: Order, task_id: str | None, request: str) -> None:
        if order in (Order.resume, Order.retry):
            self._doubt()  # the person may have cured what keeps the gate closed: one request finds out
        self._orchestrator.put(Ordered(order, task_id, request))

    def _say(self, content: dict[str, Any], name: str) -> None:
        """Guidance for a task; the same request again, of a daemon that died over it too, is the same guidance."""
        if why := guidance.unfit(content["text"]):
            return self._reply(name, [why], ok=False)
        by, now = str(content.get("by", "command")), self._clock.now()
        said = Guidance(str(content.get("id", name)), guidance.words(content["text"]), now, by)
        return self._orchestrator.put(Guided(str(content["task"]), said, name))

    def _attach(self, task_id: str, request: str, content: Mapping[str, Any]) -> None:
        terminal = str(content.get("terminal"))
        kind = terminal if re.fullmatch(TERMINAL, terminal) else "xterm-256color"
        self._orchestrator.put(AttachAsked(task_id, request, kind, keep=bool(content.get("keep"))))

    def _stop(self, drain: bool, now: bool) -> None:
        self._orchestrator.put(StopAsked(drain))
        if now:
            self._departure.hurry()
        elif not drain:
            self._departure.begin()
