"""Answers to deferred questions on their way back: a CLI that resumes asks its hook anew, and may not hear the answer.

The hook's answer is lost if the daemon dies in that instant; the CLI then tells the model of an error and works on.
The conversation of the next request shows which it was. So this joins the marks of claude_calls.
"""

import json
from collections.abc import Mapping
from typing import Any

from dayshift.claude import claude_calls

ERROR = "<tool_use_error>"  #: what the CLI's own refusals begin with


def arrived(body: bytes) -> bool:
    """Whether the last question in a request's conversation stands there with its answer, or with another good result.

    Of several asked in one turn only one is answered; the others are refused.
    """
    turns = [_mappings(message.get("content")) for message in _mappings(json.loads(body).get("messages"))]
    asked = [ids for turn in turns if (ids := [each.get("id") for each in turn if _is_question(each)])]
    results = [each for turn in turns for each in turn if each.get("type") == "tool_result" and asked]
    return any(each.get("tool_use_id") in asked[-1] and not _is_error(each) for each in results)


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    """What of a list can be read further; an agent may have written it."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _is_question(block: Mapping[str, Any]) -> bool:
    return block.get("type") == "tool_use" and block.get("name") == claude_calls.QUESTION_TOOL


def _is_error(block: Mapping[str, Any]) -> bool:
    """Whether the result tells of a failure; an answer is worded as a refusal, which the CLI calls an error too."""
    said = json.dumps(block.get("content"))
    return claude_calls.ANSWERED not in said and (bool(block.get("is_error")) or ERROR in said)
