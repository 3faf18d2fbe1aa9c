"""The shape of a day file: which keys it has, and what each may hold."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dayshift.home import OWN_LOGS
from dayshift.inputs.values import CalendarDay, Cap, Command, Count, Host, RepoPath, some
from dayshift.model import TASK_ID, Complexity


def _task_id(text: str) -> str:
    if not re.fullmatch(TASK_ID.removesuffix("$"), text):
        raise ValueError(
            f"{text[:80]!r} is no task id; use 1 to 63 lower-case letters, digits and dashes, no dash at the start"
        )
    if text in OWN_LOGS:
        raise ValueError(f"{text!r} would share its log, agent_logs/{text}.log, with the program itself; rename it")
    if text.endswith("-answer"):
        raise ValueError(f"{text!r} would share a file name with another task's answer; rename it")
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _line(text: str) -> str:
    if not (line := _one_line(text)):
        raise ValueError("is empty; name the task in a few words")
    return line


def _written(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; say what the agent shall do")
    return text


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TaskShape(_Strict):
    """One entry of `tasks:`."""

    id: Annotated[str, AfterValidator(_task_id)] = Field(examples=["task-001"])
    name: Annotated[str, AfterValidator(_line)] = Field(examples=["Paginate the orders list"])
    description: Annotated[str, AfterValidator(_written)] = Field(examples=["what the agent shall do"])
    module: Annotated[str, AfterValidator(_one_line)] = ""
    kind: Annotated[str, AfterValidator(_one_line)] = ""
    estimated_complexity: Complexity = Complexity.medium
    context_files: tuple[RepoPath, ...] = ()
    deliverables: tuple[RepoPath, ...] = ()
    depends_on: tuple[str, ...] = ()
    priority: Count = Field(default=5, ge=1, le=9)
    model: Annotated[str, Field(min_length=1)] | None = None
    max_cost_usd: Cap | None = None
    timeout_minutes: Annotated[Count, Field(ge=1, le=1440)] | None = None
    commands: tuple[Command, ...] = Field(default=(), alias="validate")
    max_attempts: Annotated[Count, Field(ge=1, le=10)] | None = None
    network: tuple[Host, ...] = ()
    carry_over: bool = False
    continues: CalendarDay | None = None
    rehearsal: tuple[dict[str, Any], ...] | None = None


class DayShape(_Strict):
    """The whole file."""

    date: CalendarDay = Field(examples=["2026-11-20"])
    max_cost_usd: Cap | None = None
    project: str | None = None
    tasks: Annotated[tuple[TaskShape, ...], AfterValidator(some)] = Field(
        examples=["[{id: task-001, name: …, description: …}]"]
    )
