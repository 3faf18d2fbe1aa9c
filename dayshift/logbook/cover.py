"""What covers a crash file: no secret in any form, no place of the person's, no text of theirs or of an agent's.

Joins redaction, which knows the secrets, and disguises, in which they and the places may turn up.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dayshift.inputs.settings import Settings
from dayshift.logbook.disguises import disguises
from dayshift.logbook.redaction import BLOT, secrets

TEXT, PATH = "[text]", "[path]"
LEAST, LEAST_ENCODED, IN_A_ROW = 8, 5, 3  #: characters of a variable, of a place in base64; words that give a text away
MOST_TEXT = 300  #: characters of an exception's message
#: Facts of a log's event that are words of the program's own.
OWN_WORDS = frozenset({"state", "before", "how", "kind", "order", "review", "by", "version", "rule", "date", "settings",
                       "since", "until"})  # fmt: skip
_QUOTED = re.compile(r"(['\"`])((?:(?!\1)[^\\\n]|\\.)*)\1")
_NAME = re.compile(r"[\w.<>\[\]-]{1,60}")  # what a program calls things by: attributes, types, ids
_ABSOLUTE = re.compile(r"(?<![\w<>~\]/])/(?!usr/|proc/|lib/|tmp/dayshift-)[^\s'\"`:,)]+")
_INSIDE = re.compile(r"(<project>|<home>/agent_workspaces/[\w-]+)/[^\s'\"`,)]*")
_IN_HOME = re.compile(r"~/[^\s'\"`,)]*")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Cover:
    """Puts itself over what must not be seen in a text that goes to others."""

    secret: re.Pattern[str]
    places: tuple[tuple[str, str], ...]  #: a folder, and what stands for it; the deepest first
    phrases: frozenset[tuple[str, ...]]  #: words that stand so in somebody's text
    name: re.Pattern[str]  #: of the project's files, as tasks name them
    ids: frozenset[str]  #: of tasks, which may be seen

    @classmethod
    def of(
        cls,
        settings: Settings,
        environment: Mapping[str, str],
        home: Path,
        person: Iterable[Path],
        records: Iterable[Any],
    ) -> "Cover":
        """One that knows the secrets of settings and environment, the folders, and the texts of these records."""
        found = list(records)
        hidden = secrets(settings, environment) | set(_unnamed(environment))
        projects = {str(each.get("project")) for each in found if isinstance(each, dict) and each.get("project")}
        places = {str(home): "<home>", **dict.fromkeys(projects, "<project>"),
                  **{str(each): "~" for each in person}}  # fmt: skip
        encoded = {form for place in places for form in disguises(place, LEAST_ENCODED) if form != place}
        forms = {form for each in hidden for form in disguises(each)} | encoded
        return cls(
            secret=_either(sorted((form for form in forms if len(form) >= 4), key=len, reverse=True)),
            places=tuple(sorted(places.items(), key=lambda each: len(each[0]), reverse=True)),
            phrases=frozenset(row for text in _texts(found) for row in _rows(_WORD.findall(text.lower()))),
            name=_either(sorted(_names(found), key=len, reverse=True)),
            ids=frozenset(str(_task(each).get("id")) for each in found),
        )

    def over(self, text: str) -> str:
        """The text without secrets, and without the person's places."""
        for place, name in self.places:  # first: a login that is blotted out would leave the rest of its folder
            if len(place) > 1:
                text = re.sub(rf"{re.escape(place)}(?![\w-])", name, text)
        return _INSIDE.sub(r"\1/…", self.secret.sub(BLOT, text))

    def over_words(self, text: str) -> str:
        """The same for what an exception says: what is quoted in it, or stands in somebody's text, is covered too."""
        text = self.over(_QUOTED.sub(self._quoted, text))
        text = self._phrases_covered(_ABSOLUTE.sub(PATH, _IN_HOME.sub("~/…", self.name.sub(TEXT, text))))
        return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"

    def over_record(self, record: logging.LogRecord) -> str:
        """A line of the log: of an event its facts, of a message its pattern with numbers and ids alone filled in."""
        if event := getattr(record, "event", None):
            facts = getattr(record, "facts", {})
            shown = [f"{name}={value}" for name, value in facts.items() if _is_own(name, value)]
            return self.over(" ".join([event, *shown]))
        if not record.name.startswith("dayshift"):
            return "(of another library)"
        arguments = record.args if isinstance(record.args, tuple) else ()
        try:
            return self.over(str(record.msg) % tuple(self._argument(each) for each in arguments))
        except (TypeError, ValueError):
            return TEXT

    def _argument(self, value: object) -> object:
        if isinstance(value, int | float):
            return value
        return type(value).__name__ if isinstance(value, BaseException) else value if value in self.ids else TEXT

    def _quoted(self, found: re.Match[str]) -> str:
        mark, inner = found[1], found[2]
        is_shown = _NAME.fullmatch(inner) or any(inner.startswith(place) for place, _ in self.places)
        return f"{mark}{inner if is_shown else TEXT}{mark}"

    def _phrases_covered(self, text: str) -> str:
        """Every stretch of words that stands so in somebody's text is one blot."""
        words = list(_WORD.finditer(text))
        rows = _rows([word[0].lower() for word in words])
        known = {start + each for start, row in enumerate(rows) if row in self.phrases for each in range(IN_A_ROW)}
        for last in sorted(each for each in known if each + 1 not in known)[::-1]:
            first = next(each for each in range(last, -1, -1) if each - 1 not in known)
            text = text[: words[first].start()] + TEXT + text[words[last].end() :]
        return text


def _unnamed(environment: Mapping[str, str]) -> Iterator[str]:
    """Every variable's value that could be one of the person's, whatever the variable is called; no folders."""
    for name, value in environment.items():
        is_name = name in ("USER", "LOGNAME", "HOSTNAME") and value != "root" and len(value) >= 4
        if is_name or (len(value) >= LEAST and not value.startswith("/") and not name.startswith("DAYSHIFT_")):
            yield value


def _task(record: Any) -> dict[str, Any]:
    """What a record says of its task; nothing if it is none."""
    task = record.get("task") if isinstance(record, dict) else None
    return task if isinstance(task, dict) else {}


def _names(records: Iterable[Any]) -> Iterator[str]:
    """The files of the project that tasks name, with and without their folders."""
    for task in map(_task, records):
        for path in (*task.get("context_files", ()), *task.get("deliverables", ())):
            yield from (each for each in (str(path), Path(str(path)).name) if len(each) >= LEAST_ENCODED)


def _either(words: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, words)) or r"(?!)")


def _texts(value: Any) -> Iterator[str]:
    """Every text in a record, however deep it lies."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _rows(words: list[str]) -> list[tuple[str, ...]]:
    """All that stand in a row, from each word on."""
    return list(zip(*(words[start:] for start in range(IN_A_ROW)), strict=False))


def _is_own(name: str, value: object) -> bool:
    return value is None or isinstance(value, bool | int | float) or name in OWN_WORDS
