"""The letters: alerts, questions and answers as they are written into a chat, in pieces that fit. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dayshift.alerts import Alert, Kind
from dayshift.conversation import Answer, Question
from dayshift.model import Record
from dayshift.telegram.markup import (
    CAPTION_LIMIT,
    LIMIT,
    Span,
    Text,
    block,
    bold,
    clipped,
    code,
    html,
    inert,
    plain,
    said,
    split,
    units,
    words,
)
from dayshift.telegram.wire import Button

MOST_PARTS = 3  #: messages that a text may take; a longer one is a document
MOST_BUTTONS = 40
LABEL_LIMIT = 60  #: of a button; Telegram cuts what is wider than a phone
EXCERPT = 1200  #: of a question that is shown again, or whose whole is in a document
ANSWER_EXCERPT = 800
REHEARSAL = "[rehearsal] "
IN_WORDS = {
    Kind.question: "a question", Kind.failed: "failed", Kind.halted: "halted", Kind.stuck: "rests until you act",
    Kind.forbidden: "forbidden attempt", Kind.audit: "audit", Kind.budget: "budget", Kind.cap: "cap reached",
    Kind.milestone: "milestone", Kind.limit: "limit of the provider", Kind.died: "ended without a word",
    Kind.report: "report", Kind.disk: "no room",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """One message; with a file, `html` is what stands under it."""

    html: str
    file: tuple[str, bytes] | None = None
    picture: bool = False
    buttons: tuple[tuple[Button, ...], ...] = ()


def packed(text: Sequence[Span], name: str = "message.txt", rehearsal: bool = False) -> list[Piece]:
    """The text as messages that fit; as a document of that name if it were more than three."""
    mark = REHEARSAL if rehearsal else ""
    parts = [part for part in split(text, LIMIT - len(mark)) if plain(part).strip()]
    if len(parts) <= MOST_PARTS:
        return [Piece(mark + html(part)) for part in parts or [(said("-"),)]]
    first = clipped(plain(text).strip().split("\n", 1)[0], CAPTION_LIMIT // 2)
    return [Piece(mark + html([words(first)]), (name, plain(text).encode("utf-8", "replace")))]


# --- alerts ----------------------------------------------------------------------------------------


def of_alerts(alerts: Sequence[Alert]) -> Text:
    """One alert in full, or a burst of them by their titles."""
    if len(alerts) > 1:
        lines = [span for alert in alerts for span in (said(f"\n• {IN_WORDS[alert.kind]}: "), words(alert.title))]
        return (bold(f"{len(alerts)} things happened"), *lines)
    alert = alerts[0]
    body = (said("\n"), block(alert.text)) if alert.text.strip() else ()
    return (bold(alert.title), *body)


# --- questions -------------------------------------------------------------------------------------


def of_question(alert: Alert) -> Text:
    """The whole question: who asks, what, what can be chosen, how far the task has come."""
    options = (said("\n"), *_numbered(alert.options)) if alert.options else ()
    return (bold(alert.title), said("\n"), block(alert.text), *options)


def _numbered(options: Iterable[str]) -> Iterable[Span]:
    for number, option in enumerate(options, 1):
        yield from (said(f"\n{number}. "), code(option))


def how_to_answer(alert: Alert) -> Text:
    """What stands under a question."""
    ways = "press a button, or reply to this message" if alert.options else "reply to this message"
    number = " or an option's number" if alert.options else ""
    return (said(f"\n\nTo answer, {ways} in words{number}, or send "), code(f"/answer {alert.task_id} TEXT"))


def asking(alert: Alert, rehearsal: bool, buttons: tuple[tuple[Button, ...], ...]) -> list[Piece]:
    """The question as messages; the last one asks, and is the only one that changes when it is answered."""
    mark = REHEARSAL if rehearsal else ""
    whole = (*of_question(alert), *how_to_answer(alert))
    if units(plain(whole)) <= LIMIT - len(mark):
        return [Piece(mark + html(whole), buttons=buttons)]
    before = packed(of_question(alert), f"{alert.task_id}-question-{alert.question}.txt", rehearsal)
    last = (bold(clipped(inert(alert.title), EXCERPT)), *how_to_answer(alert))
    return [*before, Piece(mark + html(last), buttons=buttons)]


def labels(options: Sequence[str]) -> list[str]:
    """What stands on the buttons; the numbers are those that can be written as well."""
    shown = (f"{number}. {inert(option)}" for number, option in enumerate(options[:MOST_BUTTONS], 1))
    return [clipped(each, LABEL_LIMIT) for each in shown]


def closed(record: Record, question: Question, answer: Answer | None, rehearsal: bool) -> str:
    """What the message of a question becomes: the question with the answer that counts, and where that came from."""
    mark = REHEARSAL if rehearsal else ""
    title = clipped(inert(f"{record.id} ({record.task.name}) asked, question {question.number}"), EXCERPT)
    text = replace(block(question.text), text=clipped(block(question.text).text, EXCERPT))
    return mark + html((bold(title), said("\n"), text, said("\n\n"), *_ending(record, answer)))


def _ending(record: Record, answer: Answer | None) -> Text:
    if answer is None:
        return (said("No answer is needed any more: the task is "), words(clipped(str(record.state.name), LABEL_LIMIT)))
    return (said("✔ Answered by "), words(answer.by), said(":\n"), excerpt(answer.text))


def excerpt(text: str) -> Span:
    """The beginning of an answer, to the letter."""
    shown = block(text)
    return replace(shown, text=clipped(shown.text, ANSWER_EXCERPT))
