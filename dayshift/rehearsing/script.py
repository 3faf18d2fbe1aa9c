"""What the built-in scripted model says: the turns of a rehearsal, and which of them answers a conversation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool_use block."""

    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApiError:
    """An HTTP error in the API's own shape."""

    status: int
    type: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the model; `error` and `cut` each come once before it is served whole."""

    text: str = ""
    thinking: str = ""
    tools: tuple[ToolCall, ...] = ()
    usage: Mapping[str, int] = field(default_factory=dict)  #: token numbers to report instead of estimates
    delay: float = 0.0  #: seconds before the answer begins
    error: ApiError | None = None
    cut: bool = False


FILLER = "No response requested."  #: what the CLI says for the model where a killed run left no answer

CLOSING = Turn(text="That was the last of this rehearsal's turns; there is nothing left for me to do.")
ASIDE = Turn(text="Rehearsed.")


def turn_for(turns: Sequence[Turn], answered: int) -> Turn:
    """The turn that follows so many answers; a closing word when the script is over."""
    return turns[answered] if answered < len(turns) else CLOSING


def answered(messages: Sequence[Mapping[str, Any]]) -> int:
    """How many answers of the model a conversation holds; the CLI's own filler after a killed run is none."""
    return sum(message.get("role") == "assistant" and not _is_filler(message) for message in messages)


def _is_filler(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    texts = [content] if isinstance(content, str) else [block.get("text") for block in content or ()]
    return texts == [FILLER]


def placed(turns: Sequence[Turn], places: Mapping[str, str]) -> tuple[Turn, ...]:
    """The turns with every `{name}` of places in their strings replaced by its path."""
    return tuple(
        replace(
            turn,
            text=_filled(turn.text, places),
            thinking=_filled(turn.thinking, places),
            tools=tuple(ToolCall(call.name, _filled(call.input, places)) for call in turn.tools),
        )
        for turn in turns
    )


def _filled(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, path in places.items():
            value = value.replace("{" + name + "}", path)
        return value
    if isinstance(value, Mapping):
        return {key: _filled(each, places) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(each, places) for each in value]
    return value
