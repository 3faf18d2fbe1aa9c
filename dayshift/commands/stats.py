"""The command `stats`: how tasks fared by module, kind, complexity and model."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

import click

from dayshift.commandline import Context
from dayshift.commands import past
from dayshift.commands.lookup import print_json, terminal_width
from dayshift.commands.tables import as_csv, folded
from dayshift.outcomes import Outcome
from dayshift.outlook import tallies
from dayshift.outlook.tallies import Tally

USUAL = ("module", "kind", "complexity", "model")
DATE = click.DateTime(["%Y-%m-%d"])

Tables = Mapping[str, tuple[Tally, ...]]


@click.command
@click.option("--by", type=click.Choice(list(tallies.GROUPS)), help="One table alone; without it the usual four.")
@click.option("--since", type=DATE, metavar="DATE", help="Only tasks of this day or later.")
@click.option("--until", type=DATE, metavar="DATE", help="Only tasks of this day or earlier.")
@click.option("--module", metavar="NAME", help="Only tasks of this module.")
@click.option("--kind", metavar="NAME", help="Only tasks of this kind.")
@click.option("--complexity", metavar="NAME", help="Only tasks of this complexity.")
@click.option("--model", metavar="NAME", help="Only tasks of this model, by its full name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.option("--csv", "csv", is_flag=True, help="Print the tables alone, as CSV with exact numbers.")
@click.pass_obj
def stats(
    context: Context, /, by: str | None, since: datetime | None, until: datetime | None, as_json: bool, csv: bool,
    **wanted: str | None,
) -> None:  # fmt: skip
    """Show how tasks fared: done, accepted, attempts, cost, time, questions, blocked commands, your ratings.

    "done" is of the tasks that ended, "accepted" of those you reviewed. "per accepted" is the cost of all the group's
    tasks by the number of those you accepted; "attempts" and "time" are those of one task. A task that went on over
    several days counts once, on its last. Rehearsals do not count.

    \b
    Examples:
      dayshift stats
      dayshift stats --by model --since 2026-11-01
      dayshift stats --by complexity --module orders
      dayshift stats --csv > tasks.csv
    """
    if as_json and csv:
        raise click.UsageError("--json is one form, --csv another; choose one")
    first, last = (each.date() if each else None for each in (since, until))
    found = _matching(past.outcomes(context.home, first, last), wanted)
    notional = past.on_a_plan(context.home)
    tables: Tables = {group: tallies.by(group, found) for group in ([by] if by else USUAL)}
    if csv:
        rows = [tallies.record(group, each) for group, its in tables.items() for each in its]
        return click.echo(as_csv([tallies.COLUMNS, *rows]), nl=False)
    if as_json:
        return print_json({"notional": notional, **_as_json(tables, found, first, last)})
    if not found:
        asked = any([first, last, *wanted.values()])
        cure = "`dayshift days` lists the days" if asked else "`dayshift start FILE` runs a day of them"
        return click.echo(f"no {'such ' if asked else ''}task is known in {context.home.root}; {cure}")
    return click.echo("\n".join([*_as_text(tables, found), *(["", past.NOTIONAL] if notional else [])]))


def _matching(outcomes: Iterable[Outcome], wanted: Mapping[str, str | None]) -> list[Outcome]:
    asked = {group: value for group, value in wanted.items() if value is not None}
    return [each for each in outcomes if all(tallies.GROUPS[group](each) == value for group, value in asked.items())]


def _as_text(tables: Tables, found: list[Outcome]) -> list[str]:
    total, lines = tallies.cells(tallies.of("total", found)), []
    for group, its in tables.items():
        rows = [(group, *tallies.HEADINGS), *map(tallies.cells, its), *([total] if len(its) > 1 else [])]
        lines += ["", *folded(rows, terminal_width())]
    return lines[1:]


def _as_json(tables: Tables, found: list[Outcome], since: date | None, until: date | None) -> dict[str, object]:
    return {
        "since": str(since) if since else None,
        "until": str(until) if until else None,
        "total": tallies.as_json(tallies.of("total", found)),
        "by": {group: [tallies.as_json(each) for each in its] for group, its in tables.items()},
    }
