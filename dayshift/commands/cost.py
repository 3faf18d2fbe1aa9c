"""The command `cost`: what was spent, what is reserved, what is left, and what today's tasks will still cost."""

import importlib
from datetime import datetime

import click

from dayshift.commandline import Context
from dayshift.commands.lookup import print_json
from dayshift.commands.tables import as_csv
from dayshift.cost import spending
from dayshift.cost.statement import KINDS, statement

#: name → module in dayshift.commands and the command in it; nothing is imported before it is asked for
PARTS = {
    "import": ("cost_import", "import_"),
    "prices": ("cost_prices", "prices"),
    "reprice": ("cost_reprice", "reprice"),
    "rewind": ("cost_rewind", "rewind"),
}


class _Parts(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(PARTS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in PARTS:
            return None
        module, command = PARTS[name]
        found: click.Command = getattr(importlib.import_module(f"dayshift.commands.{module}"), command)
        return found


@click.group(cls=_Parts, invoke_without_command=True)
@click.option("--by", type=click.Choice(list(KINDS)), default="day", show_default=True)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Only requests of this day or later.")
@click.option("--other", is_flag=True, help="What was spent elsewhere with the CLI, as `cost import` found it.")
@click.option("--rehearsal", is_flag=True, help="The pretended spending of rehearsals.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.option("--csv", "csv", is_flag=True, help="Print the table alone, as CSV with exact amounts.")
@click.pass_context
def cost(
    ctx: click.Context, by: str, since: datetime | None, other: bool, rehearsal: bool, as_json: bool, csv: bool
) -> None:
    """Show the spending, where every budget stands, and what today's open tasks will probably still cost.

    A request whose end is unknown is charged at the most it can have cost; that part is shown apart.

    \b
    Examples:
      dayshift cost
      dayshift cost --by task --since 2026-11-20
      dayshift cost --by month --csv > spending.csv
      dayshift cost import
      dayshift cost --other --by month
      dayshift cost prices
    """
    if ctx.invoked_subcommand:
        return None
    context: Context = ctx.obj
    if as_json and csv:
        raise click.UsageError("--json is one form, --csv another; choose one")
    first = since.date() if since else None
    if other and csv:
        raise click.UsageError("--other has no CSV; take --json")
    if other:
        from dayshift.commands.cost_import import show_other

        return show_other(context, by, first, as_json)
    with statement(context.home.ledger(rehearsal)) as books:
        if csv:
            return click.echo(as_csv(spending.records(spending.lines(books, by, first))), nl=False)
        from dayshift.commands import cost_sheet  # the settings take longer to load than a year's table to read

        found = cost_sheet.read(context, books, by, first, rehearsal)
    if as_json:
        return print_json(cost_sheet.as_json(found))
    return click.echo("\n".join(cost_sheet.as_text(found, first)))
