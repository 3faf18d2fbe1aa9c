"""The command `feedback`: what the person says of a day, in their editor, and what was understood of it."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import click

from dayshift import records
from dayshift.commandline import BAD_ENVIRONMENT, BAD_INPUT, OK, Context, Failure
from dayshift.commands import asking, in_force, retold
from dayshift.commands.lookup import print_json
from dayshift.home import Home
from dayshift.inputs.documents import BadDocument
from dayshift.learning import editor, feedback_files, teaching
from dayshift.learning.feedback import Feedback, Remark, Rule, TaskFeedback
from dayshift.markdown import clean
from dayshift.reporting.phrases import counted

WAIT = "; if your editor did not wait for you, tell it to, such as EDITOR='code --wait'"
SHOWN = 100  #: characters of what is quoted


def a_day(text: str) -> date:
    """The date; ValueError for anything else."""
    try:
        return retold.spoken_day(text) or date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date; write `yesterday`, or one such as 2026-11-20") from None


@click.command
@click.argument("day", metavar="[DATE]", required=False, type=a_day)
@click.option("--show", "only_show", is_flag=True, help="Only say what was understood; no editor is opened.")
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON document.")
@click.pass_obj
def feedback(context: Context, day: date | None, only_show: bool, as_json: bool) -> int:
    """Say what was good and bad about DATE, or the newest day, and what is to be a rule from then on.

    Opens feedback/<date>.md in your editor, with a section for each task: a rating from 1 to 5, what worked, what did
    not, a rule for next time. Write as much of it as you like, or in your own words; then you are told what was
    understood. Not at a terminal the file is only prepared, and named.

    \b
    Examples:
      dayshift feedback
      dayshift feedback yesterday
      dayshift feedback --show
      dayshift feedback --json | jq '.tasks[] | {task_id, rating}'
    """
    home = context.home
    chosen = day or _newest(home, only_show or as_json)
    if only_show or as_json:
        found = _written(home, chosen)
        if as_json:
            return _print_json(home, found)
        click.echo(_shown(found))
        return _proposed(home)
    path = _prepared(home, chosen)
    if not asking.interactive():
        click.echo(path)
        return OK
    _edit(path)
    found = _written(home, chosen)
    click.echo(f"{_shown(found)}{WAIT if found.empty else ''}")
    in_force.put(context)
    return _proposed(home)


# --- which day -------------------------------------------------------------------------------------


def _newest(home: Home, written: bool) -> date:
    """The newest day with a task, or with feedback; Failure if there is none."""
    known: list[date] = [*_days(home), *(feedback_files.days(home) if written else ())]
    if not known:
        raise Failure(
            f"there is no day yet in {home.root}; `dayshift start FILE` runs one, and then you can say how it was"
        )
    return max(known)


def _days(home: Home) -> list[date]:
    return sorted({record.day for record in records.of_all_days(home)})


def _prepared(home: Home, day: date) -> Path:
    if not os.path.lexists(feedback_files.path_of(home, day)) and not feedback_files.records_of(home, day):
        there = ", ".join(map(str, _days(home)[-5:])) or "none"
        raise Failure(f"no task of {day} is known in {home.root}; days with tasks: {there}")
    path = feedback_files.path_of(home, day)
    try:
        return feedback_files.prepare(home, day)
    except OSError as error:
        raise Failure(f"{path} cannot be prepared: {error.strerror}", BAD_ENVIRONMENT) from error


def _written(home: Home, day: date) -> Feedback:
    found = feedback_files.read_day(home, day)
    if found is None:
        path = feedback_files.path_of(home, day)
        raise Failure(f"there is no feedback on {day}, for there is no {path}; `dayshift feedback {day}` prepares it")
    return found


def _edit(path: Path) -> None:
    """Let the person write; Failure if no editor can be run, or it fails."""
    words = editor.command(os.environ)
    how = "set EDITOR, such as `export EDITOR=nano`"
    if words is None:
        raise Failure(
            f"{path} is prepared, but there is no editor to open it with; {how}, or write into it", BAD_ENVIRONMENT
        )
    code = editor.edit(words, path)
    if code in editor.NOT_RUN:
        raise Failure(f"{path} is prepared, but the editor {words!r} cannot be run; {how}", BAD_ENVIRONMENT)
    if code:
        after = "what it saved is there, and `dayshift feedback --show` says what is understood of it"
        raise Failure(f"the editor {words!r} ended with exit code {code}; see {path}: {after}", BAD_ENVIRONMENT)


# --- what was understood ---------------------------------------------------------------------------


def _shown(found: Feedback) -> str:
    return "\n".join(clean(line) for line in _lines(found))


def _lines(found: Feedback) -> Iterator[str]:
    if found.empty:
        yield f"{found.file}: nothing is written in it yet"
        return
    yield f"{found.file}, as it was understood:"
    for task in found.tasks:
        yield f"  {task.task_id}: {_counts(task)}"
        yield from _rules(task.rules)
    if found.rules or found.remarks:
        yield f"  the day: {_listed(('rule', found.rules), ('remark', found.remarks))}"
        yield from _rules(found.rules)
    if found.not_understood:
        yield "  not understood, so nothing comes of it:"
        yield from (f"    line {each.line}: {_line(each.text)} ({each.why})" for each in found.not_understood)


def _counts(task: TaskFeedback) -> str:
    rating = "not rated" if task.rating is None else f"rated {task.rating}"
    said = [f"{len(some)} {words}" for words, some in (("worked", task.worked), ("did not work", task.failed)) if some]
    more = _listed(("rule", task.rules), ("remark", task.remarks))
    return ", ".join([rating, *said, *([more] if more else [])])


def _listed(*some: tuple[str, Sequence[Rule] | Sequence[Remark]]) -> str:
    return ", ".join(counted(len(each), noun) for noun, each in some if each)


def _rules(rules: Sequence[Rule]) -> Iterator[str]:
    for each in rules:
        yield f"    line {each.line}, rule{f' for {each.scope}' if each.scope else ''}: {_line(each.text)}"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def _print_json(home: Home, found: Feedback) -> int:
    facts: dict[str, Any] = asdict(found)
    del facts["day"]
    print_json({"date": str(found.day), **facts, "lessons_proposed": _waiting(home)})
    return OK


# --- lessons ---------------------------------------------------------------------------------------


def _waiting(home: Home) -> int:
    """How many lessons all feedback proposes."""
    try:
        return teaching.waiting(home)
    except BadDocument as error:
        raise Failure(str(error), BAD_INPUT) from error


def _proposed(home: Home) -> int:
    """Say how many lessons wait for the person's word."""
    if waiting := _waiting(home):
        click.echo(f"{counted(waiting, 'lesson')} proposed; `dayshift lessons` shows what agents would be told")
    return OK
