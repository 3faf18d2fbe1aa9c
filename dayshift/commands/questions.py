"""The command `questions`: what the agents ask, and how to answer."""

from typing import Any

import click

from dayshift.commandline import Context
from dayshift.commands.lookup import print_json
from dayshift.status import read_all


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def questions(context: Context, as_json: bool) -> None:
    """Show the open questions with their options, and the ways to answer.

    \b
    Examples:
      dayshift questions
      dayshift questions --json
    """
    asked = [open_question(status) for status in read_all(context.home) if status["question"]]
    if as_json:
        return print_json({"questions": asked})
    if not asked:
        return click.echo("no agent asks anything")
    return click.echo("\n\n".join(shown(question) for question in asked))


def open_question(status: dict[str, Any]) -> dict[str, Any]:
    """A waiting task's question with where its answer belongs."""
    task_id = status["task_id"]
    return {
        "task_id": task_id,
        "name": status["name"],
        **status["question"],
        "answer_file": f"agent_questions/{task_id}-answer.md",
        "command": f"dayshift answer {task_id}",
    }


def shown(question: dict[str, Any]) -> str:
    """The question for a person's eyes."""
    lines = [f"{question['task_id']} ({question['name']}) asks, question {question['number']}:", ""]
    lines += [f"  {line}".rstrip() for line in question["text"].splitlines()]
    lines += [f"    {number}. {option}" for number, option in enumerate(question["options"], 1)]
    words = "TEXT or NUMBER" if question["options"] else "TEXT"
    lines += ["", f"  as asked:  {question['file']}", f"  answer in: {question['answer_file']}",
              f"  or with:   {question['command']} {words!r}"]  # fmt: skip
    return "\n".join(lines)
