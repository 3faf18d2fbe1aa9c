"""The command `answer`: the person's answer to an agent's question, given once."""

import sys
from datetime import UTC, datetime
from typing import Any

import click

from dayshift.commandline import Context, Failure
from dayshift.commands.lookup import daemon, task_status
from dayshift.commands.questions import open_question, shown
from dayshift.files import SIZE_LIMIT
from dayshift.home import Home
from dayshift.model import Question
from dayshift.questions import Mailbox, Rejected, chosen
from dayshift.status import read_all


@click.command
@click.argument("task")
@click.argument("text", required=False)
@click.pass_obj
def answer(context: Context, task: str, text: str | None) -> None:
    """Answer what TASK asks: TEXT, else standard input, else what you type when asked.

    A question with options takes an option's number as well.

    \b
    Examples:
      dayshift answer task-002 "use 50 per page"
      dayshift answer task-002 2
      dayshift answer task-002 < notes.md
    """
    status = _waiting(context.home, task)
    mailbox, question = Mailbox(context.home), _question(status)
    _refuse_unless_open(mailbox, question)
    given = _acceptable(question, text if text is not None else _asked_for(status))
    if not mailbox.submit(task, given, by="command"):
        raise _taken(mailbox, question)
    later = "" if daemon(context.home) else "; no daemon runs, so it is taken up at the next start"
    click.echo(f"{task}: answered{later}")


def _waiting(home: Home, task_id: str) -> dict[str, Any]:
    """The status of the task, which waits for an answer."""
    status = task_status(home, task_id)
    if status["question"]:
        return status
    waiting = [each["task_id"] for each in read_all(home) if each["question"]]
    raise Failure(f"{task_id} is {status['state']} and asks nothing; waiting: {', '.join(waiting) or 'no task'}")


def _question(status: dict[str, Any]) -> Question:
    asked = status["question"]
    return Question(status["task_id"], asked["number"], asked["text"], datetime.now(UTC), tuple(asked["options"]))


def _refuse_unless_open(mailbox: Mailbox, question: Question) -> None:
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
    """Standard input if somebody pipes, else what the person types under the question."""
    if not sys.stdin.isatty():
        return sys.stdin.buffer.read(SIZE_LIMIT + 1).decode("utf-8-sig", errors="surrogateescape")
    click.echo(f"{shown(open_question(status))}\n")
    return str(click.prompt("Answer"))


def _acceptable(question: Question, text: str) -> str:
    """The text, if the daemon will take it for an answer; else a Failure."""
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise Failure(f"the answer to {question.task_id} is not UTF-8 text (character {error.start})") from error
    if len(data) >= SIZE_LIMIT or b"\0" in data:
        raise Failure(f"the answer to {question.task_id} must be plain text of less than {SIZE_LIMIT // 1024} KiB")
    try:
        chosen(question, text)
    except Rejected as rejection:
        raise Failure(str(rejection)) from rejection
    return text
