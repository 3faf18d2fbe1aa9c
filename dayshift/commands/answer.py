"""The command `answer`: the person's answer to an agent's question, given once."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import click

from dayshift.commandline import Context, Failure
from dayshift.commands import asking
from dayshift.commands.lookup import absence, daemon, task_status
from dayshift.conversation import Question
from dayshift.files import SIZE_LIMIT
from dayshift.home import Home
from dayshift.mailbox.questions import Mailbox, Rejected, chosen
from dayshift.mailbox.status import read_all


@click.command
@click.argument("task", required=False)
@click.argument("text", required=False)
@click.pass_obj
def answer(context: Context, task: str | None, text: str | None) -> None:
    """Answer what TASK asks: TEXT, else standard input, else what you choose or type when asked.

    A question with options takes an option's number as well. At a terminal without TASK you choose among the open
    questions; Ctrl-C leaves without an answer.

    \b
    Examples:
      dayshift answer
      dayshift answer task-002
      dayshift answer task-002 "use 50 per page"
      dayshift answer task-002 2
      dayshift answer task-002 < notes.md
    """
    status = _waiting(context.home, task) if task else _chosen(context.home)
    still_open(context.home, status)
    give(context.home, status, text if text is not None else _asked_for(status))


def give(home: Home, status: Mapping[str, Any], text: str) -> None:
    """Answer what the task asks; a Failure if that is no answer, or somebody was first."""
    mailbox, question = Mailbox(home), _question(status)
    if problem := wrong(status, text):
        raise Failure(problem)
    if not mailbox.submit(question.task_id, text, by="command"):
        raise _taken(mailbox, question)
    later = "" if daemon(home) else "; {}, so it is taken up {}".format(*absence(home))
    click.echo(f"{question.task_id}: answered{later}")


def _waiting(home: Home, task_id: str) -> dict[str, Any]:
    """The status of the task, which waits for an answer."""
    status = task_status(home, task_id)
    if status["question"]:
        return status
    waiting = [each["task_id"] for each in read_all(home) if each["question"]]
    raise Failure(f"{task_id} is {status['state']} and asks nothing; waiting: {', '.join(waiting) or 'no task'}")


def _chosen(home: Home) -> dict[str, Any]:
    """The status of the task whose question the person chooses."""
    if not asking.interactive():
        raise click.UsageError("Missing argument 'TASK'.")
    statuses = unanswered(home)
    if not statuses:
        raise Failure("no agent asks anything")
    if len(statuses) == 1:
        return statuses[0]
    task_id = asking.which([asking.open_question(each) for each in statuses])["task_id"]
    return next(each for each in statuses if each["task_id"] == task_id)


def unanswered(home: Home) -> list[dict[str, Any]]:
    """The statuses of the tasks whose question lies open and has no answer yet."""
    mailbox = Mailbox(home)
    waiting = [status for status in read_all(home) if status["question"]]
    return [
        status
        for status in waiting
        if mailbox.lies_open(_question(status)) and not mailbox.answer_file(status["task_id"]).exists()
    ]


def _question(status: Mapping[str, Any]) -> Question:
    asked = status["question"]
    return Question(status["task_id"], asked["number"], asked["text"], datetime.now(UTC), tuple(asked["options"]))


def still_open(home: Home, status: Mapping[str, Any]) -> None:
    """A Failure unless that very question lies before the person and nobody has answered it."""
    mailbox, question = Mailbox(home), _question(status)
    if not mailbox.lies_open(question):
        asked = f"question {question.number} of {question.task_id}"
        raise Failure(f"{asked} is not put yet, or was answered just now; see `dayshift status`")
    if mailbox.answer_file(question.task_id).exists():
        raise _taken(mailbox, question)


def _taken(mailbox: Mailbox, question: Question) -> Failure:
    """Somebody was first: with an answer, or with a file that is none and must be mended."""
    name = f"agent_questions/{mailbox.answer_file(question.task_id).name}"
    try:
        mailbox.read_answer(question, "file", question.asked_at)
    except Rejected as rejection:
        return Failure(f"{name} is there already, but {rejection}")
    return Failure(f"{question.task_id} is answered already, in {name}; the first answer counts")


def _asked_for(status: dict[str, Any]) -> str:
    """Standard input if somebody pipes, else what the person chooses or types under the question."""
    if not sys.stdin.isatty():
        return sys.stdin.buffer.read(SIZE_LIMIT + 1).decode("utf-8-sig", errors="surrogateescape")
    question = asking.open_question(status)
    if not asking.interactive():
        click.echo(f"{asking.shown(question)}\n")
        return str(click.prompt("Answer"))
    click.echo(f"{asking.put(question)}\n")
    return asking.answer(question, partial(wrong, status)) or ""


def wrong(status: Mapping[str, Any], text: str) -> str:
    """Why the daemon would not take that for an answer; nothing if it would."""
    task_id = status["task_id"]
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        return f"the answer to {task_id} is not UTF-8 text (character {error.start})"
    if len(data) >= SIZE_LIMIT or b"\0" in data:
        return f"the answer to {task_id} must be plain text of less than {SIZE_LIMIT // 1024} KiB"
    try:
        chosen(_question(status), text)
    except Rejected as rejection:
        return str(rejection)
    return ""
