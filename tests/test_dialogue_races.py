"""One question, answers by every door at once, in every order: one counts, and everybody else hears which."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dayshift.alerts import which
from dayshift.mailbox.questions import Mailbox
from dayshift.telegram.letters import Piece
from tests.bot_api import BotApi
from tests.bot_chats import Sent
from tests.correspondence import ME, Correspondence, home

OPTIONS = ("10 per page", "50 per page")
MEMORY = Path("/dev/shm")
RACES = int(os.environ.get("DAYSHIFT_RACES", "300"))

#: What happens: an answer through one of the doors; the daemon does what was said, takes up what lies there, dies.
happening = st.sampled_from(["button", "reply", "answer", "file", "command", "handle", "take up", "dies"])


@contextmanager
def folder() -> Iterator[Path]:
    """In memory, where that can be: thousands of durable writes would else be what takes the time."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@dataclass
class Race:
    """One question and all that happens to it; `winner` is what must come of it."""

    chat: Correspondence
    asks: Sent
    waiting: list[str] = field(default_factory=list)  #: said over Telegram and not done yet
    told: list[str] = field(default_factory=list)
    winner: tuple[str, str] | None = None
    attempts: int = 0

    def happens(self, what: str) -> None:
        match what:
            case "button" | "reply" | "answer":
                self._say(what)
            case "file":
                if self.winner is None:  # a person who writes a file sees that there is one
                    Mailbox(self.chat.home).answer_file("task-001").write_text("by hand\n")
                    self.winner = ("by hand", "file")
            case "command":
                if self._is_open() and Mailbox(self.chat.home).submit("task-001", "typed", by="command"):
                    assert self.winner is None
                    self.winner = ("typed", "command")
            case "handle" | "dies":
                self._done(dies=what == "dies")
            case "take up":
                self.chat.take_up()

    def _is_open(self) -> bool:
        return not self.chat.answers()

    def _say(self, how: str) -> None:
        api, text = self.chat.api, f"said {self.attempts}"
        self.attempts += 1
        match how:
            case "button":
                update, text = api.presses(ME, self.asks.id, self.asks.data("2. 50 per page")), OPTIONS[1]
            case "reply":
                update = api.says(ME, ME, text, reply_to=self.asks.id)
            case _:
                update = api.says(ME, ME, f"/answer task-001 {text}")
        self.chat.store.take([update], update["update_id"])
        self.waiting.append(text)

    def _done(self, dies: bool) -> None:
        if self.waiting and self.winner is None:
            self.winner = (self.waiting[0], "telegram")
        self.waiting.clear()
        if dies:  # after what was said had its effect, before it was marked
            kept = self.chat.store.handled
            self.chat.store.handled = lambda *ignored: None  # type: ignore[method-assign]
            self.chat.dialogue.handle()
            self.chat.store.handled = kept  # type: ignore[method-assign]
            self.chat.begin_anew()
        self.chat.dialogue.handle()
        self.told += words_of(self.chat)


def words_of(chat: Correspondence) -> list[str]:
    """What waits to be said, taken away."""
    jobs = chat.dialogue._replies._jobs
    found: list[Any] = [argument for job in jobs for step in job.steps for argument in getattr(step, "args", ())]
    jobs.clear()
    return [each if isinstance(each, str) else each.html for each in found if isinstance(each, str | Piece)]


def test_of_all_answers_the_first_counts_and_the_others_hear_which(tmp_path: Path) -> None:
    with folder() as place:
        chat = Correspondence(home(place), BotApi([ME]))

        @settings(max_examples=RACES)
        @given(st.lists(happening, min_size=2, max_size=9))
        def races(happenings: list[str]) -> None:
            race = Race(chat, asked_anew(chat))
            for what in [*happenings, "handle", "take up", "handle"]:
                race.happens(what)
            assert chat.answers() == ([race.winner] if race.winner else [])
            answers = [each for each in race.told if "has its answer" in each or "already answered" in each]
            accepted = [each for each in answers if "has its answer" in each]
            assert len(accepted) <= 1
            if race.winner is not None:
                text, by = race.winner
                already = {f"already answered: <code>{text}</code> (by {by})", f"already answered: {text} (by {by})"}
                assert set(answers) - set(accepted) <= already
                assert all(text in each for each in accepted)
            assert race.attempts <= len(answers) or "dies" in happenings

        try:
            races()
        finally:
            chat.store.close()


def asked_anew(chat: Correspondence) -> Sent:
    """A question nobody has answered, in a task nobody knew."""
    chat.records.clear()
    words_of(chat)
    for left in chat.home.questions.rglob("*.md"):
        left.unlink()
    chat.asks(options=OPTIONS)
    chat.records["task-001"] = chat.of_its_own("task-001")
    asks = chat.api.write(ME, text="Which?")
    chat.store.asked(which(chat.records["task-001"]), 1, ME, asks.id)
    asks.buttons = [[(button.text, button.data) for button in row] for row in
                    chat.channel.again(chat.alert())[-1].buttons]  # fmt: skip
    return asks
