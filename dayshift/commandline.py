"""The command line: finds the home, loads the one command asked for, turns errors into a message and an exit code.

Joins crash_file, where a fault of the program is told.
"""

import errno
import importlib
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import click

from dayshift import home as homes
from dayshift.files import Unusable
from dayshift.home import Home
from dayshift.money import Pico

log = logging.getLogger("dayshift")

OK, TASK_FAILED, BAD_INPUT, BAD_ENVIRONMENT, BUDGET_REACHED = 0, 1, 2, 3, 4
#: errors of the disk and of rights on it, which are no fault of the program
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)

# command name → module in dayshift.commands, and its line in --help; nothing is imported for the overview
COMMANDS = {
    "init": ("init", "Lay out a new home in a folder."),
    "doctor": ("doctor", "Check everything a day needs, and say how to get what is missing."),
    "check": ("check", "Read a day file: order, cap, forecast. No request is made."),
    "start": ("start", "Run a day file; hand it over if a daemon runs already."),
    "status": ("status", "Show every task's state."),
    "questions": ("questions", "Show what the agents ask."),
    "answer": ("answer", "Answer an agent's question."),
    "say": ("say", "Tell an agent something it did not ask for."),
    "attach": ("attach", "Work in a task's session yourself, at your terminal."),
    "logs": ("logs", "Show a task's log or its timeline, or the daemon's log."),
    "pause": ("orders", "Park a task, or all of them, until `resume`."),
    "resume": ("orders", "Let a parked task go on."),
    "cancel": ("orders", "End a task for good."),
    "retry": ("orders", "Try an ended task again."),
    "stop": ("stop", "Stop the daemon; agents are parked, resumable."),
    "cost": ("cost", "Show the spending."),
    "stats": ("stats", "Show how tasks fared, by module, kind, complexity and model."),
    "diff": ("diff", "Show what a task changed."),
    "accept": ("review", "Put a task's changes into your tree, uncommitted."),
    "reject": ("review", "Mark a task's work as not wanted."),
    "report": ("report", "Show a day's report."),
    "days": ("days", "List every day there was."),
    "feedback": ("feedback", "Say how a day was, in your editor; your rules become lessons."),
    "lessons": ("lessons", "Show what agents are told besides, and decide what your feedback adds."),
    "notify": ("notify", "Show the channels to you; `notify test` sends a message over each."),
    "judge": ("judge", "Ask the guard about commands, one JSON object per line."),
    "service": ("systemd", "Keep the daemon running as a systemd user service."),
    "clean": ("clean", "Take away the workspaces of ended tasks."),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What the commands need from beside the package; handed in, so that the package stands on its own."""

    serve: Callable[..., int]  #: (Preparation, Day | None, once, announce, owned) → exit code; runs the daemon
    reprice: Callable[[Path, Sequence[tuple[int, Pico, str]]], int]  #: (ledger, (request, cost, price)) → how many
    rewind: Callable[[Path, date], date | None]  #: (ledger, today) → the day counted in until now


@dataclass(frozen=True, slots=True)
class Context:
    """What every command gets."""

    home: Home
    parts: Parts


@dataclass(slots=True)
class Begun:
    """How far a command came: its home and its name, once they are known."""

    parts: Parts
    home: Home | None = None
    command: str = ""


class Failure(Exception):
    """Ends a command with a message on standard error and an exit code."""

    def __init__(self, message: str, code: int = BAD_INPUT) -> None:
        super().__init__(message)
        self.code = code


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"dayshift.commands.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 all well, 1 some task failed, was halted or is stuck, 2 wrong input, 3 wrong environment, "
    "4 ended with tasks parked by a budget or for want of credit.",
)
@click.option(
    "--home", "given", metavar="DIR", help="The dayshift folder (else DAYSHIFT_HOME, here, or the installation)."
)
@click.pass_context
def cli(ctx: click.Context, given: str | None) -> None:
    """Run a day of coding agents: sandboxed, under a cap, with a report of evidence.

    \b
    Examples:
      dayshift check tasks/today.yaml
      dayshift start tasks/today.yaml
      dayshift status --watch
      dayshift answer task-002 "use 50 per page"
    """
    begun: Begun = ctx.obj
    begun.home, begun.command = homes.find(given), ctx.invoked_subcommand or ""
    ctx.obj = Context(begun.home, begun.parts)


def run(arguments: Sequence[str] | None, parts: Parts) -> int:
    """Run the command line; the exit code is returned, never raised."""
    logging.getLogger("dayshift").addHandler(logging.NullHandler())  # a command speaks through its output alone
    begun = Begun(parts)
    try:
        code = cli.main(arguments, prog_name="dayshift", standalone_mode=False, obj=begun)
        return code if isinstance(code, int) else OK
    except Failure as failure:
        click.echo(str(failure), err=True)
        return failure.code
    except Unusable as error:
        click.echo(str(error), err=True)
        return BAD_ENVIRONMENT
    except click.Abort:
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return BAD_INPUT
    except (BrokenPipeError, SystemExit):  # click ends with SystemExit when nobody reads on, e.g. `cost | head -1`
        sys.stderr.close()
        return OK
    except OSError as error:
        if error.errno not in DISK:
            return _fault(begun, error)
        with suppress(OSError):
            sys.stdout.close()  # what it still holds would fail once more at the end
        click.echo(f"{error.filename or 'the output'}: {error.strerror}", err=True)
        return BAD_ENVIRONMENT
    except Exception as error:  # the boundary: a fault in the program is one line here and whole in a crash file
        return _fault(begun, error)


def _fault(begun: Begun, error: Exception) -> int:
    from dayshift.logbook import crash_file  # loaded for a crash alone: it knows every setting and every secret

    log.critical("a fault in the program", exc_info=error)
    place = crash_file.write(begun.home, begun.command, error) if begun.home else None
    click.echo(crash_file.last_words(error, place), err=True)
    return BAD_ENVIRONMENT
