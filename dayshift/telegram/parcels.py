"""Photos and files as an answer: fetched, put into the agent's io/ folder, and named in the answer.

It joins attachments, which puts them there. What was sent stays unhandled in the store until the answer is durable.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from dayshift import files
from dayshift.clock import Clock
from dayshift.conversation import Question
from dayshift.failpoints import passing
from dayshift.files import Unusable
from dayshift.home import Home
from dayshift.mailbox import attachments
from dayshift.mailbox.questions import Rejected as NoAnswer
from dayshift.mailbox.questions import chosen
from dayshift.telegram.answers import Answers, Outcome
from dayshift.telegram.markup import said, words
from dayshift.telegram.speech import Place, Sent, heard
from dayshift.telegram.store import Store
from dayshift.telegram.trouble import Flooded, Rejected, Trouble
from dayshift.telegram.wire import Wire

log = logging.getLogger("dayshift.telegram")

LARGEST = 20_000_000  #: bytes; Telegram gives a bot no larger file
ALBUM_SECONDS = 1.0  #: the photos of an album come one by one
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0

#: To which question these go and with which words: None if to none, an Outcome if that one does not wait.
Addressed = tuple[Question, str] | Outcome | None


class Parcels:
    """Serves what was sent for as long as the daemon lives; an outage only delays it."""

    def __init__(
        self, home: Home, wire: Wire, store: Store, answers: Answers, clock: Clock,
        addressed: Callable[[Sequence[Sent]], Addressed], told: Callable[[Place, Outcome | None], None],
    ) -> None:  # fmt: skip
        self._home, self._wire, self._store, self._answers, self._clock = home, wire, store, answers, clock
        self._addressed, self._told = addressed, told
        self._came = asyncio.Event()
        self._seen: dict[str, float] = {}  #: when the first of an album was seen

    def wake(self) -> None:
        """Something was sent."""
        self._came.set()

    async def run(self) -> None:
        """Deliver for ever."""
        pause = FIRST_PAUSE
        while True:
            self._came.clear()
            try:
                wait = await self._deliver_all()
            except (OSError, Unusable) as error:
                log.warning("what was sent over Telegram waits: %s", error)
                wait = 0.0
            if wait is None:
                pause = FIRST_PAUSE
                await self._came.wait()
            else:
                await asyncio.sleep(wait or pause)
                pause = pause if wait else min(pause * 2, LONGEST_PAUSE)

    async def _deliver_all(self) -> float | None:
        """Deliver what can be; None if nothing is left, else the seconds until another try, 0 if nobody says."""
        waits = []
        for parcel in self._waiting():
            if (rest := self._still_comes(parcel[0])) > 0:
                waits.append(rest)
                continue
            try:
                await self._deliver(parcel)
            except Flooded as flood:
                waits.append(flood.seconds)
            except Trouble as trouble:
                log.info("what was sent over Telegram waits: %s", trouble)
                waits.append(0.0)
        return min(waits) if waits else None

    def _waiting(self) -> list[list[Sent]]:
        """What was sent and not handled; an album is one parcel."""
        found: dict[str, list[Sent]] = {}
        for update in self._store.unhandled():
            if isinstance(sent := heard(update), Sent):
                found.setdefault(f"{sent.place.chat} {sent.album or sent.place.update}", []).append(sent)
        return list(found.values())

    def _still_comes(self, first: Sent) -> float:
        """Seconds to wait for the rest of an album."""
        if first.album is None:
            return 0.0
        now = self._clock.monotonic()
        return self._seen.setdefault(first.album, now) + ALBUM_SECONDS - now

    async def _deliver(self, parcel: Sequence[Sent]) -> None:
        if isinstance(found := self._addressed(parcel), tuple):
            try:
                found = await self._given(parcel, *found)
            except (Rejected, NoAnswer, files.Refused, OSError) as problem:
                found = Outcome(False, (said("This was not taken: "), words(str(problem)), said(".")))
            except Trouble:
                raise
            except Exception:  # it would fail again for ever, and hold up what comes after it
                log.exception("a fault over what was sent in update %d", parcel[0].place.update)
                found = Outcome(
                    False, (said("This was not taken: a fault in the program; see agent_logs/daemon.log."),)
                )
        passing("parcel.delivered")
        self._store.handled([sent.place.update for sent in parcel], self._clock.now())
        self._seen.pop(parcel[0].album or "", None)
        self._told(parcel[0].place, found)

    async def _given(self, parcel: Sequence[Sent], question: Question, caption: str) -> Outcome:
        """The outcome of the answer; the files are in the folder before it is given."""
        if too_large := next((sent.name for sent in parcel if sent.size > LARGEST), None):
            raise Rejected(f"{too_large} is larger than {LARGEST // 1_000_000} MB, and Telegram gives it to no bot")
        caption = chosen(question, caption) if caption.strip() else ""
        contents = [await self._wire.download(sent.file, LARGEST) for sent in parcel]
        if not isinstance(now := self._addressed(parcel), tuple) or now[0] != question:  # answered meanwhile
            return now if isinstance(now, Outcome) else Outcome(False, (said("The question was closed meanwhile."),))
        io = self._home.workspace(question.task_id) / "io"
        kept = await asyncio.to_thread(_kept, io, [sent.name for sent in parcel], contents)
        named = "\n".join(f"Attached: {path}" for path in kept)
        return self._answers.give(question, f"{caption}\n\n{named}" if caption else named)


def _kept(io: Path, names: Sequence[str], contents: Sequence[bytes]) -> list[Path]:
    return [io / attachments.keep(io, name, content) for name, content in zip(names, contents, strict=True)]
