"""The dialogue: what the person says over Telegram is done, each of it once, and they hear what became of it."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from dayshift.clock import Clock
from dayshift.conversation import Question
from dayshift.failpoints import passing
from dayshift.files import Unusable
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.model import Record
from dayshift.states import Waiting
from dayshift.telegram import commands, speech
from dayshift.telegram.answers import Answers, Outcome, pressed
from dayshift.telegram.channel import TelegramChannel
from dayshift.telegram.commands import Asked
from dayshift.telegram.markup import Text, clipped, code, said, words
from dayshift.telegram.parcels import Addressed, Parcels
from dayshift.telegram.readings import Readings
from dayshift.telegram.replies import Replies
from dayshift.telegram.speaker import Speaker, request_name
from dayshift.telegram.speech import Place, Press, Said, Sent, Unheard, Words
from dayshift.telegram.store import Store
from dayshift.telegram.wire import Button, Wire

log = logging.getLogger("dayshift.telegram")

STOP_SECONDS = 300.0  #: how long the button that stops the daemon works
LOOKED_BACK = timedelta(days=1)  #: at the start: how old a question may be whose messages are looked through
GLIMPSE = 200  #: units of a question in the hint


class Dialogue:
    """One home's side of the conversation: `handle` does what was said, `run` answers."""

    def __init__(
        self, home: Home, wire: Wire, store: Store, channel: TelegramChannel, readings: Readings,
        records: Callable[[], Mapping[str, Record]], clock: Clock, wake: Callable[[], None], rehearsal: bool = False,
    ) -> None:  # fmt: skip
        self._home, self._store, self._channel, self._records = home, store, channel, records
        self._clock, self._wake = clock, wake
        self._replies = Replies(clock)
        self._speaker = Speaker(home, wire, channel, readings, self._replies, records, rehearsal)
        self._answers = Answers(home, records, clock)
        self._parcels = Parcels(home, wire, store, self._answers, clock, self._addressed, self._told)
        self._obeyed: set[int] = set()  #: done, although the disk does not take it yet
        self._stops: dict[str, float] = {}  #: buttons that stop this daemon, and until when
        self._trouble = ""  #: what is wrong with the disk, as far as that was said

    # --- for as long as the daemon lives --------------------------------------------------------------

    async def run(self) -> None:
        """Answer for ever. At first Telegram is told the commands, and old messages what became of their questions."""
        for record in self._records().values():
            for question in record.questions:
                if question.asked_at > self._clock.now() - LOOKED_BACK and not _waits(record, question.number):
                    self.closed(record, question.number)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._speaker.register())
            group.create_task(self._replies.run())
            group.create_task(self._parcels.run())

    async def finish(self, seconds: float) -> None:
        """Pass on and send what is owed, at most so long; `run` must still go on."""
        self.handle()
        await self._replies.made(seconds)

    def closed(self, record: Record, number: int) -> None:
        """The question waits no more: its messages will show what counts, whenever Telegram can be reached."""
        try:
            if self._channel.asks(record, number):
                self._speaker.close(record, number)
        except Unusable as error:  # who closes a question must not fail over its message
            log.warning("the message of question %d of %s stays as it is: %s", number, record.id, error)

    # --- what was said --------------------------------------------------------------------------------

    def handle(self) -> None:
        """Do what was said and not done yet, pass on what the daemon answered; what the disk refuses, the next time."""
        trouble = ""
        try:
            self._obey_all()
            self._speaker.pass_on()
        except (OSError, Unusable) as error:
            trouble = str(error)
        if trouble and trouble != self._trouble:  # the next look is in a second
            log.warning("what was said over Telegram waits: %s", trouble)
        self._trouble = trouble

    def _obey_all(self) -> None:
        trouble: OSError | None = None
        for update in self._store.unhandled():
            try:
                if update["update_id"] in self._obeyed or self._obey(update):
                    self._obeyed.add(update["update_id"])
            except OSError as error:  # the disk is full, a folder is gone: others may still be done
                trouble = trouble or error
            except Unusable:
                raise
            except Exception:  # it would fail again for ever, and with it the daemon
                log.exception("a fault over update %d", update["update_id"])
                self._obeyed.add(update["update_id"])
        if self._obeyed:
            passing("words.obeyed")
            self._store.handled(self._obeyed, self._clock.now())
            self._obeyed.clear()
            self._wake()
        if trouble is not None:
            raise trouble

    def _obey(self, update: dict[str, Any]) -> bool:
        """Do it; False if it takes longer, and somebody else marks it as handled."""
        found = speech.heard(update)
        match found:
            case Words(place, text):
                self._answer(place, self._asked_at(place), text)
            case Said() if not self._speaker.is_called(speech.addressee(found.text)):
                log.info("update %d is for another bot", update["update_id"])
            case Said():
                self._command(found)
            case Press():
                self._press(found)
            case Unheard(place, what):
                cure = "write it, or send a photo or a file."
                self._speaker.tell(place, (said(f"{what.capitalize()} cannot be taken as an answer; {cure}"),))
            case Sent():
                self._parcels.wake()
                return False
        return True

    # --- answers --------------------------------------------------------------------------------------

    def _answer(self, place: Place, asked: Question | Outcome | None, text: str) -> None:
        self._told(place, self._answers.give(asked, text) if isinstance(asked, Question) else asked)

    def _told(self, place: Place, outcome: Outcome | None) -> None:
        """Say what became of an answer; of something that was none, how to answer."""
        self._speaker.tell(place, outcome.words if outcome else self._hint())
        self._wake()

    def _asked_at(self, place: Place) -> Question | Outcome | None:
        """The question of the message that is replied to, if that asks one."""
        found = None if place.reply_to is None else self._channel.question_at(place.chat, place.reply_to)
        return None if found is None else self._answers.numbered(*found)

    def _addressed(self, parcel: Sequence[Sent]) -> Addressed:
        """To which question photos and files go, and with which words."""
        caption = next((sent.caption for sent in parcel if sent.caption.strip()), "")
        place, found = parcel[0].place, speech.command(caption)
        if found is None or found[0] != "answer":
            asked, text = self._asked_at(place), caption
        else:
            task, text = (*found[1].split(None, 1), "", "")[:2]
            if task not in self._records():
                return Outcome(False, commands.unknown(task, self._records()))
            asked = self._answers.latest(task, place.at)
        return (asked, text) if isinstance(asked, Question) else asked

    def _hint(self) -> Text:
        waiting = self._answers.open()
        if not waiting:
            return (said("No agent asks anything now; /help tells what can be said here."),)
        named = [span for record, question in waiting for span in
                 (said("\n"), code(record.id), said(f", question {question.number}: "),
                  words(clipped(question.text, GLIMPSE)))]  # fmt: skip
        return (said("To answer, reply to the question's message, or send "), code("/answer TASK TEXT"),
                said(". Open:"), *named)  # fmt: skip

    # --- buttons --------------------------------------------------------------------------------------

    def _press(self, press: Press) -> None:
        purpose = self._store.purpose(press.token) or {}
        match purpose.get("kind"):
            case "answer":
                self._choose(press, purpose)
            case "stop" if self._stops.get(press.token, 0.0) > self._clock.monotonic():
                inbox.submit(self._home, {"kind": "stop", "drain": False}, request_name(press.place, "stop"))
                del self._stops[press.token]
                self._speaker.acknowledge(press, (said("stopping"),))
                self._speaker.rewrite(press.place, (said("The daemon is told to stop."),))
            case "stop":
                self._speaker.acknowledge(press, (said("This button works no more; send /stop again."),))
            case _:
                self._speaker.acknowledge(press, (said("This button works no more."),))

    def _choose(self, press: Press, purpose: Mapping[str, Any]) -> None:
        asked = self._answers.numbered(purpose["which"], purpose["question"])
        if isinstance(asked, Question):
            asked = self._answers.give(asked, pressed(asked, purpose["option"]))
        self._speaker.acknowledge(press, asked.words)
        if not asked.accepted:
            self._speaker.tell(press.place, asked.words)

    def _confirm_stop(self, place: Place) -> None:
        token = self._store.issue({"kind": "stop"})
        self._stops[token] = self._clock.monotonic() + STOP_SECONDS
        text = "Stop the daemon? Running agents are parked and go on at the next start. The button works for 5 minutes."
        self._speaker.tell(place, (said(text),), ((Button("Stop the daemon", token),),))

    # --- commands -------------------------------------------------------------------------------------

    def _command(self, found: Said) -> None:
        known, place = self._records(), found.place
        if found.name not in commands.COMMANDS and (asked := self._asked_at(place)) is not None:
            return self._answer(place, asked, found.text)  # `/usr/bin/python3` is no command but an answer
        order = commands.understood(found.name, found.rest, known)
        if not isinstance(order, Asked):
            return self._speaker.tell(place, order)
        name = request_name(place, order.name)
        if (content := commands.request(order, name)) is not None:
            inbox.submit(self._home, content, name)
            return None
        match order.name:
            case "answer":
                return self._answer(place, self._answers.latest(order.task or "", place.at), order.text)
            case "stop":
                return self._confirm_stop(place)
        return self._speaker.read(place, order)


def _waits(record: Record, number: int) -> bool:
    return isinstance(record.state, Waiting) and record.state.question == number
