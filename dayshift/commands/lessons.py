"""The command `lessons`: what agents are told besides, what your feedback proposes, and your decisions about it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import click

from dayshift.commandline import BAD_INPUT, Context, Failure
from dayshift.commands import in_force, lesson_sheet
from dayshift.commands.lookup import print_json
from dayshift.commands.outlook import read_settings
from dayshift.home import Home
from dayshift.inputs.documents import BadDocument
from dayshift.learning import curriculum, lesson_file
from dayshift.learning.curriculum import Undecidable
from dayshift.learning.lessons import Lesson
from dayshift.markdown import clean

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")


@click.group(invoke_without_command=True)
@JSON
@click.pass_context
def lessons(ctx: click.Context, as_json: bool) -> None:
    """Show the lessons in force with what they changed, and what your feedback proposes to tell agents.

    Proposals come from feedback/<date>.md and change nothing before you accept them, unless learning.auto_apply says
    so. Accepted ones are kept in learning/lessons.md, which you may edit.

    \b
    Examples:
      dayshift lessons
      dayshift lessons accept --all
      dayshift lessons show 3f9a2c1
      dayshift lessons undo 3f9a2c1
    """
    if ctx.invoked_subcommand:
        return None
    context: Context = ctx.obj
    in_force.put(context, aside=True)
    sheet = _sheet(context)
    if as_json:
        return print_json(lesson_sheet.as_json(sheet))
    return click.echo("\n".join(lesson_sheet.as_text(sheet)))


@lessons.command
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that is proposed.")
@JSON
@click.pass_obj
def accept(context: Context, ids: Sequence[str], everything: bool, as_json: bool) -> None:
    """Put proposals in force: agents that begin from now on are told them.

    \b
    Examples:
      dayshift lessons accept 3f9a2c1
      dayshift lessons accept --all
    """
    if everything and ids:
        raise click.UsageError("--all takes no ID")
    waiting = [each.id for each in _sheet(context).wishes.waiting]
    chosen = waiting if everything else list(ids)
    if not chosen and not everything:
        raise Failure(f"say which: an ID, or --all; proposed: {', '.join(waiting) or 'nothing'}")
    _decide(context, lambda home, now: curriculum.accept(home, chosen, now) if chosen else [], as_json)


@lessons.command
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@JSON
@click.pass_obj
def decline(context: Context, ids: Sequence[str], as_json: bool) -> None:
    """Turn proposals down; they are not made again.

    \b
    Examples:
      dayshift lessons decline 3f9a2c1
    """
    _decide(context, lambda home, now: curriculum.decline(home, ids, now), as_json)


@lessons.command
@click.argument("lesson_id", metavar="ID")
@JSON
@click.pass_obj
def retire(context: Context, lesson_id: str, as_json: bool) -> None:
    """Tell a lesson to nobody any more; it stays in learning/lessons.md with what it changed.

    \b
    Examples:
      dayshift lessons retire 3f9a2c1
    """
    _decide(context, lambda home, now: [curriculum.retire(home, lesson_id)], as_json)


@lessons.command
@click.argument("lesson_id", metavar="ID")
@JSON
@click.pass_obj
def undo(context: Context, lesson_id: str, as_json: bool) -> None:
    """Take your last decision about a lesson back. What agents are told is then what it was, to the byte.

    What was accepted or declined is a proposal again; what was retired is in force again.

    \b
    Examples:
      dayshift lessons undo 3f9a2c1
    """
    _decide(context, lambda home, now: [curriculum.undo(home, lesson_id)], as_json)


@lessons.command
@click.argument("lesson_id", metavar="ID")
@JSON
@click.pass_obj
def show(context: Context, lesson_id: str, as_json: bool) -> None:
    """Show one lesson: its words, the lines it comes from, and what it changed, measure by measure.

    \b
    Examples:
      dayshift lessons show 3f9a2c1
      dayshift lessons show 3f9a2c1 --json
    """
    sheet = _sheet(context)
    lesson = sheet.all.get(lesson_id)
    if lesson is None:
        raise Failure(f"there is no lesson {lesson_id}; known: {', '.join(sheet.all) or 'none'}")
    if as_json:
        return print_json(lesson_sheet.lesson_json(lesson, sheet.effects.get(lesson_id)))
    return click.echo("\n".join(lesson_sheet.in_detail(context.home, sheet, lesson)))


def _sheet(context: Context) -> lesson_sheet.Sheet:
    try:
        return lesson_sheet.read(context.home, read_settings(context).learning.max_characters)
    except BadDocument as error:
        raise Failure(str(error), BAD_INPUT) from error


def _decide(context: Context, decision: Callable[[Home, datetime], list[Lesson]], as_json: bool) -> None:
    """Let the decision take effect, and show what it changes in what agents are told."""
    sheet = _sheet(context)
    try:
        decided = decision(context.home, datetime.now(UTC))
        after = lesson_file.read(context.home).lessons
    except (Undecidable, BadDocument) as error:
        raise Failure(clean(str(error)), BAD_INPUT) from error
    diff = lesson_sheet.change(sheet.wishes.page.lessons, after, sheet.verdicts, sheet.max_characters)
    if as_json:
        return print_json({"decided": [lesson_sheet.lesson_json(each) for each in decided], "diff": diff})
    for each in decided:
        click.echo(f"{each.id}: {each.status}: {clean(each.text)}")
    if not decided:
        click.echo("nothing is proposed")
    for line in lesson_sheet.painted(diff):
        click.echo(line)
    return None
