"""The CLI's tool calls: what its hook asks of one and can be answered, and what marks a call's traces on the wire."""

import json
from collections.abc import Mapping
from typing import Any

QUESTION_TOOL = "AskUserQuestion"
ANSWERED = "This is no error but the person's answer to your question:"  #: begins the result of an answered question
AGENT_HEADER = "x-claude-code-agent-id"  #: marks the requests of a subagent
SUBAGENT = "agent_id"  #: marks the hook's question about a subagent's call (tried with 2.1.329)
LONGEST_QUESTION = 64 << 10  #: bytes of such a call that is put to the person
DEEPEST_QUESTION = 20  #: levels in it
OWN_ERROR = "<tool_use_error>"  #: begins the result of a call that the CLI did not run (tried with 2.1.329)
NOT_WANTED = "The user doesn't want to proceed with this tool use."  #: so does this, once the person has interrupted it


# --- what is asked ---------------------------------------------------------------------------------


def asked(tool_input: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The text and the options of an AskUserQuestion call."""
    questions = [each for each in _list(tool_input.get("questions")) if isinstance(each, dict)]
    text = "\n\n".join(str(each.get("question", "")) for each in questions)
    choices = [option for each in questions for option in _list(each.get("options")) if isinstance(option, dict)]
    return text, tuple(str(option.get("label", "")) for option in choices)


def can_be_kept(tool_input: Mapping[str, Any]) -> bool:
    """Whether a question can stand in a task's record: plain text, of a size and a depth that people ask in."""
    try:
        written = json.dumps(tool_input, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):  # half a character cannot be written
        return False
    return len(written) <= LONGEST_QUESTION and _is_shallow(tool_input)


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST_QUESTION):
        level = [below for each in level if isinstance(each, list | dict)
                 for below in (each.values() if isinstance(each, dict) else each)]  # fmt: skip
    return not level


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def subject(tool_input: Mapping[str, Any]) -> str:
    """What a tool call is about: its command, path, pattern or question, in one line."""
    for key in ("command", "file_path", "notebook_path", "pattern", "description", "skill"):
        if tool_input.get(key):
            return " ".join(str(tool_input[key]).split())[:200]
    return " ".join(asked(tool_input)[0].split())[:200]


# --- what the guard answers ------------------------------------------------------------------------


def allow() -> dict[str, Any]:
    """The tool call may go on."""
    return _decision("allow")


def ask() -> dict[str, Any]:
    """The person in the session decides, or answers."""
    return _decision("ask")


def deny(reason: str) -> dict[str, Any]:
    """The tool call is refused; the agent reads the reason."""
    return _decision("deny", permissionDecisionReason=reason)


def defer() -> dict[str, Any]:
    """The tool call is decided later: the process ends now and the call is asked again on resume."""
    return _decision("defer")


def telling(answer: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The same answer, and the model reads the text too.

    It stands beside the call's result; or at a refusal's end, for beside a call that was deferred before and is asked
    again nothing is read (both tried with 2.1.329).
    """
    decision = answer["hookSpecificOutput"]
    if decision["permissionDecision"] == "deny":
        return deny(f"{decision['permissionDecisionReason']}\n\n{text}")
    return {"hookSpecificOutput": {**decision, "additionalContext": text}}


def _decision(decision: str, **more: Any) -> dict[str, Any]:
    return {"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": decision, **more}}


def answer(text: str) -> dict[str, Any]:
    """The person's answer to a deferred question, as the call's outcome.

    It is given as a refusal's reason: of hooks only those from --settings may fill in an answer (tried with 2.1.329),
    and admitting these would admit the hooks an agent plants in its project settings.
    """
    return deny(f"{ANSWERED} {text}\nGo on with it.")
