"""Alerts in words for channels of plain text and of Markdown. An agent's words can neither mention, nor link. Pure."""

import re
from collections.abc import Iterable, Iterator

from dayshift import markdown
from dayshift.alerts import Alert, Kind

LONGEST = 1800  #: characters of a text; with title and sections, and all of it escaped, still what Discord takes
LONGEST_LINE = 300  #: longer ones are broken
LONGEST_OF_MANY = 140  #: of an alert among MOST_TOGETHER, so that none of them is cut off
LONGEST_TITLE = 200
JOINT = "\u200b"  #: takes the meaning from a mention or an address, and cannot be seen
_ADDRESS = re.compile(r"(?<=:/)(?=/)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)
_BAR = re.compile(r"\[#*-*\] \d+ %")


def title_of(alerts: tuple[Alert, ...]) -> str:
    """One line for all of them."""
    title = alerts[0].title if len(alerts) == 1 else f"{len(alerts)} things happened"
    return inert(" ".join(title.splitlines())[:LONGEST_TITLE])


def words(alerts: tuple[Alert, ...]) -> str:
    """The text of a message as plain words."""
    return inert("\n".join(_clipped(_lines(alerts))))


def card(alerts: tuple[Alert, ...]) -> str:
    """The text as Markdown that shows the same words: bars in code, and what it is about in sections of their own."""
    text = "\n".join(map(_marked, _clipped(_lines(alerts))))
    if len(alerts) > 1:
        return text
    facts = {"Task": alerts[0].task_id, "Question": alerts[0].question, "About": alerts[0].kind}
    return "\n\n".join([text, *(f"# {name}\n{fact}" for name, fact in facts.items() if fact)])


def inert(text: str) -> str:
    """The words as they are for the eye, but without control characters, mentions and links."""
    return _ADDRESS.sub(JOINT, markdown.clean(text))


def _lines(alerts: tuple[Alert, ...]) -> Iterator[str]:
    if len(alerts) > 1:
        for alert in alerts:
            line = ": ".join(filter(None, [alert.title, alert.text.strip().partition("\n")[0]]))
            yield "• " + (line if len(line) <= LONGEST_OF_MANY else line[: LONGEST_OF_MANY - 1] + "…")
        return
    (alert,) = alerts
    for line in (alert.text.strip() or alert.title).split("\n"):
        yield from (line[at : at + LONGEST_LINE] for at in range(0, max(1, len(line)), LONGEST_LINE))
    yield from (
        f"{number}. {' '.join(option.split())}"[:LONGEST_LINE] for number, option in enumerate(alert.options, 1)
    )
    if alert.kind is Kind.question:
        yield f"Answer with: dayshift answer {alert.task_id}"


def _clipped(lines: Iterable[str]) -> Iterator[str]:
    """As many whole lines as there is room for; that more was said is said."""
    room = LONGEST
    for line in lines:
        if len(line) > room:
            yield "… (there is more in `dayshift questions` and `dayshift logs`)"
            return
        room -= len(line) + 1
        yield line


def _marked(line: str) -> str:
    """One line as Markdown that shows it as it is; a bar keeps its even width."""
    found, end = [], 0
    for bar in _BAR.finditer(line):
        found += [_escaped(line[end : bar.start()]), f"`{bar[0]}`"]
        end = bar.end()
    return " ".join(filter(None, [*found, _escaped(line[end:])]))


def _escaped(text: str) -> str:
    return markdown.plain(inert(text), LONGEST)
