"""The command `diff`: what a task changed, read in a terminal or a difftool, or piped on as a patch."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click

from dayshift.commandline import BAD_ENVIRONMENT, Context, Failure
from dayshift.commands.lookup import print_json, task_record
from dayshift.home import Home
from dayshift.model import Record
from dayshift.repository.git import GitError, NotARepository
from dayshift.reviewing import difftool, review
from dayshift.reviewing.review import Changed, inert

COLOURS = {"@@": "cyan", "+": "green", "-": "red"}  #: by what a line begins with


@click.command
@click.argument("task", required=False)
@click.option("--stat", "measure", is_flag=True, help="Only the files, with how many lines came and went.")
@click.option(
    "--tool", metavar="[NAME]", is_flag=False, flag_value="", default=None,
    help="Open your difftool on it: the one you have set for git, or NAME.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print these facts as one JSON document instead.")
@click.pass_obj
def diff(context: Context, task: str | None, measure: bool, tool: str | None, as_json: bool) -> None:
    """Show what TASK changed, against where it started; of a running task, its work as it was kept last.

    Into a pipe goes the patch byte for byte, binary files included. Files that steer agents or run by themselves are
    named on standard error.

    \b
    Examples:
      dayshift diff task-001
      dayshift diff task-001 --stat
      dayshift diff task-001 --tool meld
      dayshift diff --tool task-001
      dayshift diff task-001 | git apply --3way
    """
    if tool is not None and (measure or as_json):
        raise Failure("--tool opens a difftool; it goes with neither --stat nor --json")
    if task is None:  # `--tool TASK`: what follows --tool was taken for its NAME
        task, tool = tool, ""
    if not task:
        raise Failure("name the task, e.g. `dayshift diff task-001`; `dayshift status` lists them")
    record = task_record(context.home, task)
    try:
        found = review.changes(record)
        if as_json:
            return _print_facts(record, found)
        _warn(context.home, record, found)
        if tool is not None:
            return _open(record, tool) if found else None
        return _print_stat(found) if measure else _print_patch(review.patch(record))
    except (GitError, NotARepository) as error:
        raise Failure(f"the work of {record.id} cannot be read: {error}", BAD_ENVIRONMENT) from error


def _warn(home: Home, record: Record, found: Sequence[Changed]) -> None:
    """What the patch itself does not say."""
    if record.commit is None:
        click.echo(f"{record.id} is {record.state.name}, and no work of it was kept yet", err=True)
    elif record.commit == record.base:
        click.echo(f"{record.id} is {record.state.name} and changed no file", err=True)
    elif not record.ended:
        click.echo(f"{record.id} is {record.state.name}: this is its work as it was kept last", err=True)
    if record.in_quarantine:
        click.echo(f"{record.id} is in quarantine: look at its work, and do not take it over", err=True)
    for line in review.warnings(home, record, found):
        click.echo(line, err=True)


def _open(record: Record, tool: str) -> None:
    """Open the person's tool; Failure if they have none, or nobody sits there."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failure(f"--tool needs a terminal; `dayshift diff {record.id}` writes into a pipe")
    chosen = tool or difftool.configured(record)
    if not chosen:
        raise Failure(
            "no difftool is set: `git config --global diff.tool NAME` sets one, `git difftool --tool-help` lists those "
            f"there are, and `dayshift diff {record.id} --tool NAME` opens one now",
            BAD_ENVIRONMENT,
        )
    if code := difftool.opened(record, chosen):
        said = f"the difftool {chosen} ended with {code}; `git difftool --tool-help` lists those there are"
        raise Failure(said, BAD_ENVIRONMENT)


def _print_patch(patch: bytes) -> None:
    if not sys.stdout.isatty():
        return click.echo(patch, nl=False)
    return click.echo_via_pager(_lines(patch), color="NO_COLOR" not in os.environ) if patch else None


def _lines(patch: bytes) -> Iterator[str]:
    """The patch's lines, inert and coloured; what a terminal would hide is shown as a sign."""
    for line in patch.decode(errors="replace").removesuffix("\n").split("\n"):
        colour = next((colour for opening, colour in COLOURS.items() if line.startswith(opening)), None)
        yield click.style(inert(line), fg=colour, bold=line.startswith("diff ") or None) + "\n"


def _print_stat(found: Sequence[Changed]) -> None:
    for each in found:
        count = "binary" if each.insertions is None else f"+{each.insertions} -{each.deletions}"
        click.echo(f"{inert(each.path)}: {each.status}, {count}")
    measure = review.measured(found)
    files = "1 file" if measure.files == 1 else f"{measure.files} files"
    click.echo(f"{files}, +{measure.insertions} -{measure.deletions}")


def _print_facts(record: Record, found: Sequence[Changed]) -> None:
    measure = review.measured(found)
    print_json({
        "task_id": record.id, "state": record.state.name, "review": record.review, "project": record.project,
        "base": record.base, "commit": record.commit, "files": measure.files, "insertions": measure.insertions,
        "deletions": measure.deletions, "paths": [asdict(each) for each in found],
        "steering": [asdict(each) for each in review.steers(record, found)],
    })  # fmt: skip
