"""Telegram as a channel for alerts: tells them, asks questions that can be answered there, shows what was answered."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dayshift.alerts import PRESSING, Alert, Kind, which
from dayshift.failpoints import passing
from dayshift.files import Unusable
from dayshift.model import Record
from dayshift.notifying.courier import Later, Undeliverable
from dayshift.states import Waiting
from dayshift.telegram import letters
from dayshift.telegram.letters import Piece
from dayshift.telegram.store import Store
from dayshift.telegram.trouble import Flooded, Rejected, Trouble
from dayshift.telegram.wire import Button, Wire

log = logging.getLogger("dayshift.telegram")

PICTURES = frozenset({".png", ".jpg", ".jpeg"})
PART = " part"  #: after the task's mark, for what belongs to a question and does not change with it
UNSENT = 0  #: in place of a message's number, for a file that could not be sent


async def post(wire: Wire, chat: int, piece: Piece, reply_to: int | None = None, silent: bool = False) -> int:
    """Send one piece; the number of the message it became."""
    if piece.file is None:
        return await wire.send(chat, piece.html, piece.buttons, reply_to, silent)
    name, content = piece.file
    if piece.picture:
        try:
            return await wire.photo(chat, content, piece.html)
        except Rejected:  # Telegram takes pictures of some sizes and shapes alone; files it takes of all
            log.info("%s is sent as a file", name)
    return await wire.document(chat, name, content, piece.html)


class TelegramChannel:
    """One chat. What was sent of a message before it failed is not sent again when it is tried again."""

    name = "telegram"
    kinds = frozenset(Kind)

    def __init__(
        self, wire: Wire, store: Store, chat: int, records: Callable[[], Mapping[str, Record]], rehearsal: bool = False
    ) -> None:
        self._wire, self._store, self._chat, self._rehearsal = wire, store, chat, rehearsal
        self._records = records
        self._under_way: tuple[str, ...] = ()
        self._pieces: list[Piece] = []
        self._unkept: list[tuple[Alert, int, bool]] = []  #: messages that were sent, and which of them asks

    async def send(self, alerts: tuple[Alert, ...]) -> None:
        """Tell these as one message, with their files; Later or Undeliverable if that cannot be done."""
        keys = tuple(alert.key for alert in alerts)
        try:
            self._keep()
            if keys != self._under_way:
                self._under_way, self._pieces = keys, self._composed(alerts)
            while self._pieces:
                await self._send_next(alerts)
            await self._close_if_answered(alerts[0])
        except Flooded as flood:
            raise Later(flood.seconds, str(flood)) from None
        except Rejected as refusal:
            self._under_way = ()
            raise Undeliverable(str(refusal)) from None
        except (Trouble, Unusable) as trouble:  # the disk may be full, and no question is lost over that
            raise Later(None, str(trouble)) from None
        self._under_way = ()

    def _composed(self, alerts: Sequence[Alert]) -> list[Piece]:
        first = alerts[0]
        if first.kind is Kind.question:
            return letters.asking(first, self._rehearsal, self._buttons(first))
        pieces = letters.packed(letters.of_alerts(alerts), f"{first.kind}.txt", self._rehearsal)
        return pieces + [piece for alert in alerts for path in alert.files for piece in self._file(Path(path))]

    def _file(self, path: Path) -> list[Piece]:
        try:
            content = path.read_bytes()
        except OSError as error:
            log.warning("%s cannot be sent: %s", path.name, error.strerror)
            return []
        caption = f"{letters.REHEARSAL}{path.name}" if self._rehearsal else ""
        return [Piece(caption, (path.name, content), picture=path.suffix.lower() in PICTURES)]

    async def _send_next(self, alerts: Sequence[Alert]) -> None:
        piece, last = self._pieces[0], len(self._pieces) == 1
        silent = not any(alert.kind in PRESSING for alert in alerts)
        try:
            number = await post(self._wire, self._chat, piece, silent=silent)
        except Rejected as refusal:
            if piece.file is None:
                raise
            log.warning("%s was refused: %s", piece.file[0], refusal)
            number = UNSENT
        passing("piece.posted")
        del self._pieces[0]
        if alerts[0].kind is Kind.question and number != UNSENT:
            self._unkept.append((alerts[0], number, last))
            self._keep()

    def _keep(self) -> None:
        """Bring to disk which messages ask; what was sent is not sent again because it was not kept."""
        while self._unkept:
            alert, number, asks = self._unkept[0]
            self._remember(alert, self._chat, number, asks)
            del self._unkept[0]

    # --- questions -----------------------------------------------------------------------------------

    def _buttons(self, alert: Alert) -> tuple[tuple[Button, ...], ...]:
        purpose = {"kind": "answer", "which": _which(alert), "question": alert.question}
        return tuple(
            (Button(label, self._store.issue({**purpose, "option": place})),)
            for place, label in enumerate(letters.labels(alert.options))
        )

    def _remember(self, alert: Alert, chat: int, message: int, asks: bool) -> None:
        assert alert.question is not None
        self._store.asked(_which(alert) + ("" if asks else PART), alert.question, chat, message)

    def again(self, alert: Alert) -> list[Piece]:
        """A question that was asked already, to be shown once more."""
        return letters.asking(alert, self._rehearsal, self._buttons(alert))

    async def show(self, alert: Alert, chat: int, piece: Piece, asks: bool) -> None:
        """Send a piece of a question that is shown once more; what is sent can be replied to."""
        self._remember(alert, chat, await post(self._wire, chat, piece, silent=True), asks)
        if asks:
            await self._close_if_answered(alert)

    def question_at(self, chat: int, message: int) -> tuple[str, int] | None:
        """Which task's which question that message asks, or is a part of."""
        found = self._store.question_at(chat, message)
        return None if found is None else (found[0].removesuffix(PART), found[1])

    def asks(self, record: Record, number: int) -> bool:
        """Whether any message asks that question."""
        return bool(self._store.messages_of(which(record), number))

    async def _close_if_answered(self, alert: Alert) -> None:
        """An answer may have come by another door while the question was on its way."""
        record = self._records().get(alert.task_id or "")
        if alert.question is None or record is None or which(record) != _which(alert):
            return
        if not (isinstance(record.state, Waiting) and record.state.question == alert.question):
            await self.close(record, alert.question)

    async def close(self, record: Record, number: int) -> None:
        """Have every message that asks it show the answer that counts and where that came from; Trouble if it fails."""
        question = next(each for each in record.questions if each.number == number)
        answer = next((each for each in record.answers if each.number == number), None)
        text = letters.closed(record, question, answer, self._rehearsal)
        for chat, message in self._store.messages_of(which(record), number):
            try:
                await self._wire.edit(chat, message, text)
            except Rejected as refusal:  # it was deleted, or is too old
                log.info("the message of question %d of %s stays as it is: %s", number, record.id, refusal)


def _which(alert: Alert) -> str:
    """The mark of the very task, out of the alert's key."""
    return alert.key.removeprefix("question:").rpartition(":")[0]
