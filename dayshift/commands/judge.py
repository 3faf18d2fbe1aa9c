"""The command `judge`: the guard's verdict on any command, so that anyone can test a policy."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from dayshift.commandline import Context, Failure
from dayshift.guard.judge import judge as verdict_on
from dayshift.guard.policy import Policy
from dayshift.guard.policy_file import BadPolicy, load_policy
from dayshift.sandboxing.tree import Tree

TARGETS = ("command", "file_path", "notebook_path", "path", "url")


@click.command
@click.option(
    "--policy", "file", metavar="FILE", type=click.Path(path_type=Path), help="Instead of config/policy.yaml."
)
@click.option(
    "--tree",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A work tree, whose makefiles and scripts are then read and judged too.",
)
@click.pass_obj
def judge(context: Context, file: Path | None, tree: Path | None) -> None:
    """Judge the calls on standard input, one JSON object per line, and answer each with one line.

    A line is {"command": "git status"}; or {"tool": "Write", "input": {"file_path": ".git/config"}}.
    The answer is {"command", "verdict": "allow" or "block", "rule", "reason"}, in the same order.

    \b
    Examples:
      echo '{"command": "git push"}' | dayshift judge
      dayshift judge --policy my-policy.yaml < commands.jsonl
      echo '{"command": "make deploy"}' | dayshift judge --tree .
    """
    try:
        policy = load_policy(file or context.home.config / "policy.yaml")
    except BadPolicy as error:
        raise Failure(str(error)) from error
    # Each answer is out before the next line is read (`echo` flushes), so that a program can talk with it.
    for number, line in enumerate(sys.stdin.buffer, 1):
        if line.strip():
            read = Tree(tree.resolve()) if tree else None
            click.echo(json.dumps(_answer(_call(line, number), policy, read)))


def _call(line: bytes, number: int) -> dict[str, Any]:
    """The call in that line: tool, input, command; Failure with the line's number if it holds none."""
    example = 'write {"command": "…"} or {"tool": "…", "input": {…}}'
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Failure(f"standard input, line {number}: not JSON ({error}); {example}") from error
    tool_input = given.get("input", {"command": given.get("command")}) if isinstance(given, dict) else None
    if not isinstance(tool_input, dict) or tool_input == {"command": None}:
        raise Failure(f"standard input, line {number}: no call in it; {example}")
    tool = given.get("tool", "Bash")
    if not isinstance(tool, str) or not isinstance(given.get("command", ""), str):
        raise Failure(f"standard input, line {number}: `tool` and `command` must be text; {example}")
    target = next((str(tool_input[name]) for name in TARGETS if name in tool_input), "")
    return {"tool": tool, "input": tool_input, "command": given.get("command", target)}


def _answer(call: dict[str, Any], policy: Policy, read: Tree | None) -> dict[str, str]:
    verdict = verdict_on(call["tool"], call["input"], policy, read)
    return {
        "command": call["command"],
        "verdict": "allow" if verdict.allowed else "block",
        "rule": verdict.rule,
        "reason": verdict.reason,
    }
