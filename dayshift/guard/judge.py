"""The guard: whether an agent may make a tool call, told from the call alone and the texts of its work tree."""

from collections.abc import Mapping
from typing import Any

from dayshift.attempts import Verdict
from dayshift.guard.examination import Examination
from dayshift.guard.examiner import Refused
from dayshift.guard.policy import Policy
from dayshift.guard.scope import Read, Scope, Unreadable, nothing
from dayshift.guard.words import HOLE

ALLOWED = Verdict(allowed=True)
COMMAND_TOOLS = frozenset(("Bash", "Monitor"))
WRITING_TOOLS = frozenset(("Write", "Edit", "MultiEdit", "NotebookEdit"))
SHOWN = 80  #: characters of a refused command that the reason quotes


def judge(tool: str, tool_input: Mapping[str, Any], policy: Policy, read: Read | None = None) -> Verdict:
    """Allow or deny a tool call; it always answers, and what it cannot follow it denies.

    `read` gives the text of a file of the agent's work tree, by its path in it, or None; it must be bounded.
    """
    examination = Examination(policy)
    try:
        _look_into(examination, tool, tool_input, read or nothing)
    except Refused as refused:
        return _denied(refused.rule, refused.subject, policy)
    except Unreadable as unclear:
        return _denied("unreadable", str(unclear), policy)
    except Exception as error:  # whatever went wrong in here must never mean yes
        return _denied("unreadable", f"the guard could not judge it ({type(error).__name__})", policy)
    return ALLOWED


def _look_into(examination: Examination, tool: str, tool_input: Mapping[str, Any], read: Read) -> None:
    if tool not in examination.policy.tools:
        examination.refuse("unknown-tool", tool)
    if tool in COMMAND_TOOLS:
        command = tool_input.get("command")
        if not isinstance(command, str):
            examination.refuse("unreadable", "a call without a command")
        examination.script(command, Scope(arguments=None, read=read))
    elif tool in WRITING_TOOLS:
        path = tool_input.get("file_path") or tool_input.get("notebook_path")
        if not isinstance(path, str):
            examination.refuse("unreadable", "a call without a path")
        examination.path(path)


def _denied(rule_id: str, subject: str, policy: Policy) -> Verdict:
    rule = policy.rules[rule_id]
    shown = subject.replace(HOLE, "…").strip()
    shown = shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"
    reason = f"[{rule_id}] You may not run or write `{shown}`: {rule.what}; {rule.why}. {rule.instead}"
    return Verdict(False, rule_id, reason)
