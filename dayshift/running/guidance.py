"""What the person says to an agent at work: told once, and told again until a model was sent it.

A run is told with its prompt, or with the answer to its next tool call. Whether that arrived is seen on the wire: the
words are marked with their number, and a request of the agent that carries both was served. What a request does not
carry that follows the telling was lost on the way, and is told again; so is an answer that a hook gave in vain. So this
joins the marks of claude_calls and deferral.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from dayshift.claude import claude_calls
from dayshift.conversation import Guidance
from dayshift.events import Event, Heard, Reached
from dayshift.markdown import clean
from dayshift.model import Record
from dayshift.running import deferral

LONGEST = 4000  #: characters of one guidance; what a hook says beyond 10,000 the CLI puts into a file
AT_ONCE = 9000  #: characters told with one tool call
RECOGNISED = 200  #: characters of a guidance that tell it from what an agent made up
HEED = "Go on with that in mind."
WITH_TOOLS = b'"input_schema"'  #: stands in every request of an agent's conversation; what has no tools is an aside


def mark(number: int) -> str:
    """What the guidance of that number begins with, wherever it is told."""
    return f"The person says [{number}]:"


def spoken(guidance: Mapping[int, Guidance]) -> str:
    """The guidance in an agent's eyes."""
    return "\n\n".join(f"{mark(number)} {each.text}" for number, each in guidance.items())


def _is_in(body: bytes, number: int, guidance: Guidance) -> bool:
    """Whether a request says it. The mark alone may be the agent's own words, or a file's."""
    line = f"{mark(number)} {guidance.text}".split("\n", 1)[0][:RECOGNISED]
    return json.dumps(line, ensure_ascii=False)[1:-1].encode("utf-8", "replace") in body


def in_prompt(record: Record) -> dict[int, Guidance]:
    """The guidance that was left to the prompt of the present run when that was begun, by number."""
    return {number: each for number, each in record.unheard.items() if each.run == record.runs}


def prompt(record: Record) -> str:
    """What the present run's prompt says of guidance; nothing if there is none."""
    said = in_prompt(record)
    return f"{spoken(said)}\n\n{HEED}" if said else ""


def words(text: str) -> str:
    """The guidance without what could steer a terminal."""
    return clean(text).strip()


def unfit(text: str) -> str:
    """Why that cannot be said to an agent, with the cure; nothing if it can."""
    said = words(text)
    if not said:
        return "there are no words in it; say what the agent should know"
    if len(said) > LONGEST:
        return f"it has {len(said)} characters, {LONGEST} are the most; put it into a file and say where that is"
    return ""


class Delivery:
    """Gives guidance to agents at work, and says when it was heard."""

    def __init__(
        self, record: Callable[[str], Record], note: Callable[[str, str], None], put: Callable[[Event], None]
    ) -> None:
        self._record, self._note, self._put = record, note, put
        self._told: dict[str, set[int]] = {}  # what each task's present run was told and no request has carried yet
        self._heard: dict[str, set[int]] = {}  # what is on its way into the record

    def begin(self, record: Record) -> None:
        """A new run of the task begins, with what its prompt tells it."""
        said = in_prompt(record)
        self._told[record.id] = set(said)
        self._heard.pop(record.id, None)
        self._log(record.id, said)

    def forget(self, task_id: str) -> None:
        """That task is gone."""
        self._told.pop(task_id, None)
        self._heard.pop(task_id, None)

    def beside(self, task_id: str, call: Mapping[str, Any]) -> str:
        """What to tell the agent beside the answer to this tool call; a subagent is told nothing."""
        if claude_calls.SUBAGENT in call:
            return ""
        waiting = self._untold(task_id)
        self._told[task_id] |= waiting.keys()
        self._log(task_id, waiting)
        return spoken(waiting)

    def _untold(self, task_id: str) -> dict[int, Guidance]:
        """As much of what the present run was not told as one tool call can carry."""
        record = self._record(task_id)
        known = self._told_in(record) | self._heard.get(task_id, set())
        waiting, size = dict[int, Guidance](), 0
        for number, each in record.unheard.items():
            size += len(each.text)
            if number not in known and (size <= AT_ONCE or not waiting):
                waiting[number] = each
        return waiting

    def _told_in(self, record: Record) -> set[int]:
        """What the present run was told; of a run that an earlier daemon began, what its prompt says."""
        return self._told.setdefault(record.id, set(in_prompt(record)))

    def passing(self, task_id: str, body: bytes, headers: Mapping[str, str]) -> Callable[[], None]:
        """Look at a request of the agent that goes out now; to be called once it was served."""
        record = self._record(task_id)
        told, answer = self._told_in(record) - self._heard.get(task_id, set()), record.unheard_answer
        if not (told or answer) or headers.get(claude_calls.AGENT_HEADER) or WITH_TOOLS not in body:
            return lambda: None
        carried = frozenset(
            number for number, each in record.unheard.items() if number in told and _is_in(body, number, each)
        )
        self._told[task_id] = set(carried)  # what was told before this request and is not in it was lost
        reached = Reached(task_id, answer.number, deferral.arrived(body)) if answer else None
        return lambda: self._arrived(task_id, carried, reached)

    def _arrived(self, task_id: str, numbers: frozenset[int], reached: Reached | None) -> None:
        if reached:
            self._put(reached)
        new = numbers - self._heard.setdefault(task_id, set())
        if new:
            self._heard[task_id] |= new
            self._put(Heard(task_id, new))

    def _log(self, task_id: str, guidance: Mapping[int, Guidance]) -> None:
        for number, each in guidance.items():
            self._note(task_id, f"{mark(number)} {' '.join(each.text.split())}")
