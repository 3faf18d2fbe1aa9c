"""The command `report`: a day's report, or the recap of a week or a month; as Markdown, as JSON, as a page."""

import os
import re
import shutil
import sys
from contextlib import suppress
from datetime import date

import click

from dayshift import files
from dayshift.commandline import BAD_ENVIRONMENT, Context, Failure
from dayshift.commands import retold
from dayshift.commands.retold import Told
from dayshift.home import Home
from dayshift.recaps.period import Period


def day_or_period(text: str) -> date | str:
    """The date, or the week or the month as it stands; ValueError for anything else."""
    if found := retold.spoken_day(text):
        return found
    with suppress(ValueError):
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            return date.fromisoformat(text)
        return str(Period.parse(text))
    cure = "write `yesterday`, one such as 2026-11-20, a week such as 2026-W47 or a month such as 2026-11"
    raise ValueError(f"{text!r} is no date; {cure}")


@click.command
@click.argument("day", metavar="[DATE]", required=False, type=day_or_period)
@click.option("--rehearsal", is_flag=True, help="The report of a rehearsal.")
@click.option("--json", "as_json", is_flag=True, help="Print the report's facts as one JSON document instead.")
@click.option("--html", "as_page", is_flag=True, help="Write it as one page, with its pictures, and print its path.")
@click.option("--open", "opens", is_flag=True, help="Write that page, and open it in the browser.")
@click.pass_obj
def report(
    context: Context, day: date | str | None, rehearsal: bool, as_json: bool, as_page: bool, opens: bool
) -> None:
    """Show the report of DATE, or the newest one. A week or a month, such as 2026-W47 or 2026-11, shows its recap.

    It is made again from the facts of that day, so it says what was accepted or rejected since. The page needs no
    network and runs nothing: it can be sent to somebody as it is.

    \b
    Examples:
      dayshift report
      dayshift report yesterday
      dayshift report 2026-W47
      dayshift report 2026-11-20 --open
      dayshift report --json | jq .counts
    """
    if as_json and (as_page or opens):
        raise Failure(f"--json and {'--html' if as_page else '--open'} exclude each other; choose one")
    if isinstance(day, str):
        if rehearsal:
            raise Failure(f"a recap is of real days alone; ask for {day} without --rehearsal")
        told = retold.of_period(context.home, day)
    else:
        told = retold.of_day(context.home, day, rehearsal)
    if as_page or opens:
        return _show_page(context.home, told, opens)
    return _print_json(told) if as_json else _print(told.markdown)


def _print_json(told: Told) -> None:
    if told.json is None:
        raise Failure(f"{told.path} is all there is of it; no JSON was kept")
    click.echo(told.json, nl=False)


def _print(text: str) -> None:
    """As it is; at a terminal that is too low for it, page by page."""
    if sys.stdout.isatty() and text.count("\n") >= shutil.get_terminal_size().lines:
        return click.echo_via_pager(text)
    return click.echo(text, nl=False)


def _show_page(home: Home, told: Told, opens: bool) -> None:
    from dayshift.reporting.page import page

    path = told.path.with_suffix(".html")
    files.write_atomically(path, page(told.markdown, home.templates))
    click.echo(path)
    if opens:
        from dayshift.host import browser

        try:
            browser.show(path, os.environ)
        except browser.Unopened as error:
            raise Failure(f"the page was written and not opened: {error}", BAD_ENVIRONMENT) from error
