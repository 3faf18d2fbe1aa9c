"""The command `questions`: what the agents ask, and how to answer."""

from functools import partial
from typing import Any

import click

from dayshift.commandline import Context, Failure
from dayshift.commands import answer, asking
from dayshift.commands.lookup import print_json
from dayshift.home import Home
from dayshift.mailbox.status import read_all


@click.command
@click.option("--interactive", "-i", is_flag=True, help="Answer them at this terminal, one after the other.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def questions(context: Context, interactive: bool, as_json: bool) -> None:
    """Show the open questions with their options, and the ways to answer.

    With -i they are asked one after the other; any can be skipped, and Ctrl-C leaves the rest as they are.

    \b
    Examples:
      dayshift questions
      dayshift questions -i
      dayshift questions --json
    """
    if interactive:
        return _go_through(context.home, as_json)
    asked = [asking.open_question(status) for status in read_all(context.home) if status["question"]]
    if as_json:
        return print_json({"questions": asked})
    if not asked:
        return click.echo("no agent asks anything")
    return click.echo("\n\n".join(asking.shown(question) for question in asked))


def _go_through(home: Home, as_json: bool) -> None:
    if as_json or not asking.interactive():
        raise click.UsageError("--interactive is for a person at a terminal; without it the questions are listed")
    statuses = answer.unanswered(home)
    if not statuses:
        return click.echo("no agent asks anything that is not answered yet")
    for status in statuses:
        _ask(home, status)
    return None


def _ask(home: Home, status: dict[str, Any]) -> None:
    """Put one question; one that somebody else answers meanwhile keeps nobody from the next."""
    question = asking.open_question(status)
    click.echo(f"{asking.put(question)}\n")
    text = asking.answer(question, partial(answer.wrong, status), may_skip=True)
    try:
        if text is not None:
            answer.still_open(home, status)
            answer.give(home, status, text)
    except Failure as failure:
        click.echo(str(failure), err=True)
    click.echo()
