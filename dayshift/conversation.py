"""What agents and the person say to each other: questions, answers, guidance."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Question:
    """What an agent asks the person; `number` counts from 1 within the task."""

    task_id: str
    number: int
    text: str
    asked_at: datetime
    options: tuple[str, ...] = ()
    tool_input: dict[str, Any] | None = None  #: the AskUserQuestion call it came from; None for io/question.md


@dataclass(frozen=True, slots=True)
class Answer:
    """The person's answer to one question, and through which door it came (`file`, `command`, …)."""

    task_id: str
    number: int
    text: str
    by: str
    at: datetime
    heard: bool = False  #: a prompt tells it, or a model was seen to be sent it, or it is told as guidance


@dataclass(frozen=True, slots=True)
class Guidance:
    """What the person told a task beside its description, and whether a model was sent it."""

    id: str  #: the request that brought it: the same one again is the same guidance
    text: str
    at: datetime
    by: str = "command"  #: the door it came through
    run: int = 0  #: the run that was last told it, by its prompt or by a model that heard it; 0: none yet
    heard: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """What an agent asked when its run ended; `tool_input` is the deferred AskUserQuestion call, if it was one."""

    text: str
    options: tuple[str, ...] = ()
    tool_input: dict[str, Any] | None = None
