"""The command `say`: the person's guidance for a task, heard by its agent at its next turn."""

import click

from dayshift.commandline import BAD_ENVIRONMENT, Context, Failure
from dayshift.commands.lookup import REPLY_SECONDS, absence, daemon, task_status
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.running import guidance
from dayshift.states import ENDED


@click.command
@click.argument("task")
@click.argument("text", nargs=-1, required=True)
@click.pass_obj
def say(context: Context, task: str, text: tuple[str, ...]) -> None:
    """Tell TASK's agent something it did not ask for.

    An agent at work hears it beside its next tool call; one that was about to end goes on with it; one that waits or
    rests hears it when it goes on. A question is answered with `answer`.

    \b
    Examples:
      dayshift say task-001 "use the helper in src/pages.py"
      dayshift say task-001 leave the tests of the importer alone
    """
    words = " ".join(text)
    if why := guidance.unfit(words):
        raise Failure(f"not said to {task}: {why}")
    running = daemon(context.home) is not None
    if not running:
        _check(context.home, task)
    request = inbox.submit(context.home, {"kind": "say", "task": task, "text": words, "by": "command"})
    if running:
        return _hear(context.home, request)
    return click.echo("{}; that is kept and said {}".format(*absence(context.home)))


def _check(home: Home, task_id: str) -> None:
    """What the daemon would refuse is refused here, where none runs."""
    state = task_status(home, task_id)["state"]
    if state in {each.name for each in ENDED}:
        raise Failure(f"{task_id} is {state} and hears nothing any more; see `dayshift retry`, or write a new task")


def _hear(home: Home, request: str) -> None:
    answer = inbox.reply(home, request, REPLY_SECONDS)
    if answer is None:
        late = f"the daemon has not answered within {REPLY_SECONDS:.0f} s; see agent_logs/daemon.log"
        raise Failure(f"{late}. What you said is kept until it does", BAD_ENVIRONMENT)
    ok, lines = answer
    if not ok:
        raise Failure("\n".join(lines))
    click.echo("\n".join(lines))
