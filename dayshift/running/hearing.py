"""One run, heard: what its CLI says in the stream, and what its stand-ins tell of it behind its back.

It joins the stream that both come through, claude_stream, which reads the one with the marks of claude_calls, and
evasion, which judges the other.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dayshift.claude import claude_calls, claude_stream
from dayshift.clock import Clock
from dayshift.events import Active, Denied, Event
from dayshift.running.stream import Stream
from dayshift.sandboxing.evasion import Evasions

TOLD_LOOK = 1 << 14  #: bytes of what the stand-ins told that one look judges
TURN_SECONDS = 0.02  #: after so long with the stream others have their turn
MOST_COMPLAINTS = 20  #: about the stream of one run


@dataclass(slots=True)
class Hearing:
    """What the CLI says: logged and shown as it comes; what counts when the run has ended is kept here."""

    task_id: str
    stream: Stream
    log: Callable[[str], None]
    put: Callable[[Event], None]
    sign: Callable[[], None]  #: of life; called at every line
    result: claude_stream.Result | None = None  #: its last closing word, if it has said one
    steps: int = 0
    reset_at: datetime | None = None
    _complaints: int = 0

    @property
    def more(self) -> bool:
        """Whether the last look left something for the next."""
        return self.stream.more

    async def take_in(self, final: bool = False) -> None:
        """Note what the stream says; others have their turn in between, however much that is."""
        turn = time.monotonic()
        for line in self.stream.lines(final):
            self.sign()
            try:
                for fact in claude_stream.parse(line):
                    self._note(fact)
            except Exception:  # an agent can write into its CLI's stream: whatever comes, the run is followed on
                self._complain(f"unreadable line in the stream: {line[:200]!r}")
            if time.monotonic() - turn > TURN_SECONDS:
                await asyncio.sleep(0)
                turn = time.monotonic()
        for trouble in self.stream.told():
            self._complain(trouble)
        await asyncio.sleep(0)

    def _complain(self, text: str) -> None:
        """A line of the log about the stream; after some of them one that is the last."""
        self._complaints += 1
        if self._complaints <= MOST_COMPLAINTS:
            self.log(text)
        if self._complaints == MOST_COMPLAINTS:
            self.log(f"more of this is not told; {self.stream.path} holds all of it")

    def _note(self, fact: claude_stream.Fact) -> None:
        match fact:
            case claude_stream.Used():
                self.steps += 1
            case claude_stream.Limited(reset_at):
                self.reset_at = reset_at
            case claude_stream.Result():
                self.result = fact
        match fact:
            case claude_stream.Said(text):
                self._show(text)
            case claude_stream.Used(tool) if tool == claude_calls.QUESTION_TOOL:
                pass  # what it was at until it asked says more
            case claude_stream.Used(tool, subject):  # the guard writes tool calls into the log, with its verdict
                self._announce(f"{tool}: {subject}")
            case claude_stream.Retrying(status, attempt):
                self._show(f"the API answered {status or 'nothing'}, retry {attempt}")
            case claude_stream.Limited(reset_at):
                self._show(f"usage limit until {reset_at}")
            case claude_stream.Result():
                self.log("run finished" if not fact.error else f"run ended with an error: {fact.text}")

    def _show(self, text: str) -> None:
        self.log(text)
        self._announce(text)

    def _announce(self, text: str) -> None:
        self.put(Active(self.task_id, " ".join(text[:2000].split())[:200]))


@dataclass(slots=True)
class Telltale:
    """What the stand-ins tell: the forbidden commands that the run's tool calls hide, each put as an attempt."""

    task_id: str
    stream: Stream
    evasions: Evasions
    clock: Clock
    log: Callable[[str], None]
    put: Callable[[Event], None]
    _under_way: str = ""  #: the tool call that the guard allowed last

    @property
    def more(self) -> bool:
        """Whether the last look left something for the next."""
        return self.stream.more

    def begun(self, command: str) -> None:
        """A tool call begins; whatever was told until now belongs to the one before it."""
        self.hear()
        while self.more:
            self.hear()
        self._under_way = command

    def hear(self) -> None:
        """Judge what was told since the last look, or some of it."""
        for heard in self.evasions.heard(self.stream.lines(), self._under_way):
            self.log(heard.text)
            if not heard.aside:
                self.put(Denied(self.task_id, heard.blocked(self.clock.now())))
