"""What people are told in their chats: replies, what a reading command shows, what the daemon answered to a request.

It joins inbox, whose answers it passes on, and readings.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.model import Record
from dayshift.telegram import commands, letters
from dayshift.telegram.channel import TelegramChannel, post
from dayshift.telegram.commands import Asked
from dayshift.telegram.letters import REHEARSAL, Piece
from dayshift.telegram.markup import Text, block, clipped, html, plain, said, words
from dayshift.telegram.readings import Readings
from dayshift.telegram.replies import Replies, Step
from dayshift.telegram.speech import Place, Press
from dayshift.telegram.trouble import Flooded, Trouble, Unreachable
from dayshift.telegram.wire import Button, Wire

log = logging.getLogger("dayshift.telegram")

PREFIX = "telegram-"
REQUEST = re.compile(rf"{PREFIX}\d+_(-?\d+)_(\d+)_(\w+)")
REGISTER_SECONDS = 30.0  #: until it is tried again to tell Telegram the commands
TOAST = 200  #: units of the words over the chat after a press


def request_name(place: Place, command: str) -> str:
    """What the request of an update is called: the same for the same update. It says who waits for the answer."""
    return f"{PREFIX}{place.update:012d}_{place.chat}_{place.message}_{command}"


class Speaker:
    """Everything goes through one sender, in order; nothing here waits for Telegram."""

    def __init__(
        self, home: Home, wire: Wire, channel: TelegramChannel, readings: Readings, replies: Replies,
        records: Callable[[], Mapping[str, Record]], rehearsal: bool,
    ) -> None:  # fmt: skip
        self._home, self._wire, self._channel, self._readings = home, wire, channel, readings
        self._replies, self._records, self._rehearsal = replies, records, rehearsal
        self._passing: set[str] = set()  #: answers of the daemon that are on their way
        self._name = ""  #: what the bot is called, once Telegram has told it

    # --- replies --------------------------------------------------------------------------------------

    def tell(self, place: Place, text: Text, buttons: tuple[tuple[Button, ...], ...] = ()) -> None:
        """Reply to what was said there."""
        *first, last = letters.packed(text, rehearsal=self._rehearsal)
        with_buttons = Piece(last.html, last.file, last.picture, buttons)
        self._replies.put(self._posts(place, [*first, with_buttons]))

    def acknowledge(self, press: Press, text: Text) -> None:
        """Say it over the chat, to whoever pressed the button."""
        self._replies.put([partial(self._acknowledge, press.callback, clipped(plain(text), TOAST))])

    async def _acknowledge(self, callback: str, text: str) -> None:
        """Once or not at all: a moment later it says nothing any more."""
        try:
            await self._wire.acknowledge(callback, text)
        except Trouble as trouble:
            log.info("a button was not acknowledged: %s", trouble)

    def rewrite(self, place: Place, text: Text) -> None:
        """Have the message whose button was pressed say this, without the button."""
        mark = REHEARSAL if self._rehearsal else ""
        self._replies.put([partial(self._wire.edit, place.chat, place.message, mark + html(text))])

    def is_called(self, addressee: str | None) -> bool:
        """Whether a command that names this bot is meant for ours; one that names none is."""
        return addressee is None or not self._name or addressee.lower() == self._name.lower()

    async def register(self) -> None:
        """Have Telegram offer the commands, however long that takes; nothing else waits for it."""
        while True:
            try:
                self._name = await self._wire.name()
                return await self._wire.register(commands.listed())
            except (Flooded, Unreachable) as trouble:
                await asyncio.sleep(trouble.seconds if isinstance(trouble, Flooded) else REGISTER_SECONDS)
            except Trouble as trouble:
                return log.warning("Telegram does not offer the commands: %s", trouble)

    def close(self, record: Record, number: int) -> None:
        """Have a question's messages show what counts, whenever Telegram can be reached."""
        self._replies.put([partial(self._channel.close, record, number)], lasting=True)

    def _posts(self, place: Place, pieces: Sequence[Piece]) -> list[Step]:
        return [partial(self._post, place, piece) for piece in pieces]

    async def _post(self, place: Place, piece: Piece) -> None:
        await post(self._wire, place.chat, piece, place.message)

    # --- reading commands -----------------------------------------------------------------------------

    def read(self, place: Place, asked: Asked) -> None:
        """Show what a reading command asks for; the files are read when its turn has come, in a thread."""
        self._replies.put([partial(self._read, place, asked)])

    async def _read(self, place: Place, asked: Asked) -> Sequence[Step]:
        if asked.name == "questions":
            return self._questions(place)
        try:
            pieces = await asyncio.to_thread(self._reading(asked))
        except Exception as error:  # a broken file, a repository that was moved: whoever asked hears of it
            log.exception("/%s failed", asked.name)
            text = (said(f"/{asked.name} failed: "), words(str(error) or type(error).__name__))
            pieces = letters.packed(text, rehearsal=self._rehearsal)
        return self._posts(place, pieces)

    def _reading(self, asked: Asked) -> Callable[[], list[Piece]]:
        """What a thread is to do; what only the daemon's own knows is asked for here."""
        readings, task = self._readings, asked.task or ""
        match asked.name:
            case "cost":
                read: Callable[[], Text] = partial(readings.cost, readings.today(), readings.standings())
            case "logs":
                read = partial(readings.logs, task)
            case "diff":
                return partial(self._diff, self._records()[task])
            case "status":
                read = readings.status
            case _:
                read = commands.told
        return lambda: letters.packed(read(), f"{asked.name}.txt", self._rehearsal)

    def _diff(self, record: Record) -> list[Piece]:
        """As messages if it is short, else as the file that `git apply` takes."""
        text, patch = self._readings.diff(record)
        pieces = letters.packed(text, f"{record.id}.diff", self._rehearsal)
        return [Piece(piece.html, (piece.file[0], patch)) if piece.file else piece for piece in pieces]

    def _questions(self, place: Place) -> list[Step]:
        """Every open question as it was asked; the new messages can be replied to as well."""
        steps: list[Step] = []
        for alert in filter(None, map(self._readings.question, self._records().values())):
            pieces = self._channel.again(alert)
            steps += [partial(self._channel.show, alert, place.chat, piece, piece is pieces[-1]) for piece in pieces]
        nothing = letters.packed((said("No agent asks anything."),), rehearsal=self._rehearsal)
        return steps or self._posts(place, nothing)

    # --- what the daemon answers ----------------------------------------------------------------------

    def pass_on(self) -> None:
        """Tell people what the daemon answered to their requests; those of an earlier daemon too."""
        for name, ok, lines in inbox.replies(self._home, PREFIX):
            found = REQUEST.fullmatch(name)
            if found is None or name in self._passing:
                continue
            self._passing.add(name)
            place = Place(0, int(found[1]), int(found[2]), self._readings.clock.now())
            pieces = self._answer(found[3], lines, ok)
            self._replies.put(self._posts(place, pieces), over=partial(self._passed, name))

    def _passed(self, name: str) -> None:
        passing("reply.told")
        inbox.forget(self._home, name)
        self._passing.discard(name)

    def _answer(self, command: str, lines: Sequence[str], ok: bool) -> list[Piece]:
        report = Path(lines[0]) if command == "report" and ok and lines else None
        content = self._readings.report(report) if report else None
        if report is None or not content:
            return letters.packed((block("\n".join(lines)),), "answer.txt", self._rehearsal)
        mark = REHEARSAL if self._rehearsal else ""
        return [Piece(mark + html([said("The report as it stands now.")]), (report.name, content))]
