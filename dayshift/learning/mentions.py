"""Which of the day's tasks a person's words name: by id in any spelling, or by name. Pure.

Joins feedback_words: a task whose name is a label cannot be told by it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial

from dayshift import markdown
from dayshift.learning.feedback_words import is_label
from dayshift.model import Task

_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_PARTS = re.compile(r"[a-z]+|[0-9]+")
_BEFORE, _AFTER = r"[\s*_`~\[(\"'„“#]*", r"[*_`~\])\"'“”:]*"
_WORD_BEFORE = r"(?:(?:the\s+)?(?:task|aufgabe|feedback|on|for|zu|zur|für|the)\b[\s:*_`~#\[(\"'„“]*){0,4}"
_FILLERS = frozenset({"task", "feedback", "on", "for", "the", "of", "about", "regarding", "re", "my", "to", "and",
                      "aufgabe", "zu", "zur", "für", "von", "rückmeldung", "über"})  # fmt: skip
_UNKNOWN = (
    re.compile(r"(?:task|aufgabe|ticket|job)[\s#_-]*[a-z]*[\s_-]*[0-9]+\b", re.IGNORECASE),
    re.compile(r"[`*_\[]*[a-z0-9][a-z0-9-]*[`*_\]]*\s+·(?:\s|$)"),
    re.compile(r"[a-z]+-(?:[a-z0-9]+-)*[0-9]+$"),
)
_MARK = re.compile(r"\s*[:\uff1a=|·]*\s*(?:[-\u2013—]+(?:\s+|$))?")
LONGEST = 200  #: characters in which a misspelt task is looked for
NO_TASK = "no task of the day is called so"


def unescaped(text: str) -> str:
    """The text without the backslashes that keep punctuation from being markup."""
    return _ESCAPE.sub(r"\1", text)


@dataclass(frozen=True, slots=True)
class Opening:
    """A text that begins with a task."""

    task: str
    rest: str  #: what follows, without the task's other name and the mark between
    marked: bool  #: a mark such as `:` stands between
    clear: bool  #: the id could not be a word of the sentence


class Mentions:
    """The tasks of a day, to be found in text."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._ids = list(dict.fromkeys(task.id for task in tasks))
        alike = Counter(map(_parts, self._ids))
        self._loose = {_parts(task_id): task_id for task_id in self._ids if alike[_parts(task_id)] == 1}
        self._exact = {task_id.casefold(): task_id for task_id in self._ids}
        self._titles = {task.id: unescaped(markdown.plain(task.name)) for task in tasks}
        self._names = _names(self._titles, self._exact)
        longest = sorted(self._ids, key=lambda task_id: (-len(task_id), task_id))
        any_id = rf"(?<![\w-])(?:{_either(map(_spelt, longest))})(?![\w-])"
        name = rf"(?<!\w)(?:{_either(map(_worded, sorted(self._names, key=lambda name: (-len(name), name))))})(?!\w)"
        own = partial(re.compile, flags=re.IGNORECASE)
        self._opening = own(rf"{_BEFORE}{_WORD_BEFORE}(?:(?P<id>{any_id})|(?P<name>{name})){_AFTER}")
        self._within = own(rf"(?P<id>{any_id})|(?P<name>{name})")

    def opening(self, text: str, heading: bool = False) -> Opening | None:
        """The task that the text begins with; None if it begins with none. A heading may be escaped."""
        plain = unescaped(text) if heading else text
        found = self._opening.match(plain)
        task_id = self._of(found) if found else None
        if found is None or task_id is None:
            return None
        spelt = "id" if found["id"] else "name"
        rest = self._without_twin(task_id, plain[found.end() :], spelt == "id")
        mark = _MARK.match(rest)
        marked = ":" in found[0][found.end(spelt) - found.start() :] or bool(mark and mark[0].strip())
        clear = spelt == "id" and _is_clear(task_id)
        return Opening(task_id, rest[mark.end() if mark else 0 :].strip(), marked, clear)

    def within(self, text: str) -> tuple[str, ...]:
        """Every task that is clearly named in the text, in order: an id that is a mere word counts in backticks."""
        return tuple(dict.fromkeys(task_id for _, task_id in self.places(text)))

    def places(self, text: str) -> Iterator[tuple[int, str]]:
        """Where which task is clearly named; a name of one word is not clear."""
        for found in self._within.finditer(text):
            if task_id := self._clearly(found):
                yield found.start(), task_id

    def _clearly(self, found: re.Match[str]) -> str | None:
        """The task, if it is clear that it is meant."""
        task_id, text = self._of(found), found.string
        if found["name"]:
            return task_id if " " in found["name"].strip() else None
        quoted = text[found.start() - 1 : found.start()] == "`" == text[found.end() : found.end() + 1]
        return task_id if task_id and (quoted or _is_clear(task_id)) else None

    def all_of(self, text: str) -> frozenset[str]:
        """Every task that the text names anywhere, an id in its own spelling however it stands."""
        exact = {task_id for task_id in self._ids if re.search(rf"(?<![\w-]){re.escape(task_id)}(?![\w-])", text)}
        begun = {opening.task for line in text.splitlines() if (opening := self.opening(line.lstrip(" #>-*+\t"), True))}
        return frozenset(exact | begun | set(self.within(text)))

    def only(self, heading: str) -> tuple[str, bool] | None:
        """The one task named in a heading, and whether the heading says more than that."""
        plain = unescaped(heading)
        named = self.within(plain)
        if len(named) != 1:
            return None
        others = self._within.sub(lambda found: " " if self._clearly(found) else found[0], plain)
        left = re.findall(r"\w+", others.casefold())
        return named[0], bool(set(left) - _FILLERS)

    def unknown(self, heading: str) -> str:
        """Why the heading seems to name a task, though none of the day's; empty if it does not."""
        words = unescaped(heading).strip(" *_`#:")
        if meant := self._close(words, [*self._exact, *self._names]):
            return f"{NO_TASK}; did you mean {meant}?"
        return NO_TASK if any(each.match(words) for each in _UNKNOWN) else ""

    def unknown_id(self, words: str, marked: bool) -> str:
        """The same for the beginning of a line, which must be nothing but an id; `marked`: a colon follows."""
        bare = words.strip(" *_`#")
        if _UNKNOWN[0].fullmatch(bare):
            return NO_TASK
        meant = self._close(bare, self._exact) if marked and len(bare.split()) == 1 and not is_label(bare) else ""
        return f"{NO_TASK}; did you mean {meant}?" if meant else ""

    def _close(self, words: str, among: Iterable[str]) -> str:
        """The task whose id or name is nearly that; empty if there is none, or only its number is another."""
        close = get_close_matches(words.casefold(), list(among), 1, 0.8) if len(words) <= LONGEST else []
        digits = [re.findall("[0-9]+", each) for each in (words, *close)]
        return (self._exact.get(close[0]) or self._names[close[0]]) if close and digits[0] == digits[1] else ""

    def _of(self, found: re.Match[str]) -> str | None:
        if found["name"]:
            return self._names.get(_one_space(found["name"]))
        written = found["id"].casefold()
        return self._exact.get(written) or self._loose.get(_parts(written))

    def _without_twin(self, task_id: str, rest: str, by_id: bool) -> str:
        """The rest of a heading such as `id · name` or `name (id)`, without the second."""
        pattern = rf"{_worded(self._titles[task_id])}(?!\w)" if by_id else rf"(?:{_spelt(task_id)})(?![\w-])"
        found = re.match(rf"[\s·:|\u2013—(\[-]*{pattern}[\s)\]]*", rest, re.IGNORECASE)
        return rest[found.end() :] if found else rest


def _names(titles: Mapping[str, str], ids: Mapping[str, str]) -> dict[str, str]:
    """The ids by the names that only one task has, and nothing else is called."""
    names = {task_id: _one_space(title) for task_id, title in titles.items()}
    often = Counter(names.values())
    return {name: task_id for task_id, name in names.items()
            if name and often[name] == 1 and ids.get(name, task_id) == task_id and not is_label(name)}  # fmt: skip


def _is_clear(task_id: str) -> bool:
    """Whether the id could not be a mere word of a sentence."""
    return re.search("[0-9-]", task_id) is not None


def _parts(task_id: str) -> tuple[str, ...]:
    """What spellings of one id have in common: `Task 1` and `task-001`."""
    parts = _PARTS.findall(task_id.casefold().replace("aufgabe", "task"))
    return tuple(part.lstrip("0") or "0" if part[0].isdigit() else part for part in parts)


def _spelt(task_id: str) -> str:
    """The id with other separators, noughts and case."""
    parts = [f"0*{part}" if part[0].isdigit() else "(?:task|aufgabe)" if part == "task" else part
             for part in _parts(task_id)]  # fmt: skip
    return rf"{re.escape(task_id)}|{r'[ #_-]{0,3}'.join(parts)}"


def _worded(name: str) -> str:
    return r"\s+".join(map(re.escape, name.split()))


def _either(patterns: Iterable[str]) -> str:
    return "|".join(patterns) or r"(?!)"


def _one_space(text: str) -> str:
    return " ".join(text.casefold().split())
